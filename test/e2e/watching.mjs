// Paths of what is looked after beside the numbers: limits at the beginning of a shift, the downtime sheet, who watches
// the machine, the black box of an alarm, and calls for help.
import assert from 'node:assert/strict'
import { violations } from './browser.mjs'

export function watching({ server, ward, beds, tabTo }) {
  const send = (method, path, body) => fetch(server.address + '/api/v1' + path, { method, headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify(body) })
  const { patient } = beds[2]
  /** An alarm that is certain: a limit of her own above her saturation. */
  const alarmOf = async () => {
    assert.equal((await send('PUT', `/patients/${patient.id}/limits`, { metric: 'spo2', unit: '%', low: 100, high: null, why: 'to see an alarm', minutes: 60 })).status, 200)
    for (let i = 0; i < 90; i++) {
      const found = (await server.api(`/alarms?patient=${patient.id}`)).items.find((a) => a.rule === 'spo2-low')
      if (found) return found
      await new Promise((done) => setTimeout(done, 500))
    }
    throw new Error('no alarm came')
  }

  return {
    async 'limits of the shift before are confirmed by one key each, and the page says by whom'({ page }) {
      for (const b of beds.slice(0, 2)) assert.equal((await send('PUT', `/patients/${b.patient.id}/limits`, { metric: 'resp-rate', unit: '/min', low: 7, high: 31, why: 'as discussed' })).status, 200)
      await page.waitForTimeout(1200) // the shift begins after they were set
      const [{ user }] = (await server.api(`/wards/${ward}/staff`)).items
      const items = beds.map((b) => ({ bed: b.id, user, backup: '' }))
      assert.equal((await send('PUT', `/wards/${ward}/assignments`, { shift: 'Review', from: new Date().toISOString(), to: new Date(Date.now() + 3600_000).toISOString(), items })).status, 200)
      const due = () => server.api(`/wards/${ward}/limits/review`).then((l) => l.items)
      const before = await due()
      assert.ok(before.length >= 2 && before.every((r) => r.reviewed === null))
      await page.goto(server.address)
      await page.getByRole('link', { name: /limits? to confirm/ }).click()
      await page.waitForURL('**/review?**')
      await page.locator('.review-list li').first().waitFor()
      assert.deepEqual(await violations(page), [])
      await page.keyboard.press('c')
      await page.getByText(/^\u2713 confirmed by Visitor/).first().waitFor()
      for (let left = before.length - 1; left > 0; left--) {
        await page.waitForFunction((n) => document.querySelectorAll('.review-list li button').length > 0 && [...document.querySelectorAll('.review-done')].length === n, before.length - left)
        await page.keyboard.press('c')
      }
      await page.getByText('Every limit is confirmed for this shift.').waitFor()
      assert.ok((await due()).every((r) => r.reviewed?.by === 'u-visitor'))
      await page.goto(`${server.address}/patient/${beds[0].patient.id}`)
      await page.locator('.own-limits').getByText(/^\u2713 confirmed by Visitor/).first().waitFor()
    },

    async 'the downtime sheet is one link away from the ward, and says when it was last written'({ page, context }) {
      await page.goto(server.address)
      await page.getByText(/^on disk from \d\d:\d\d/).waitFor()
      const opened = context.waitForEvent('page')
      await page.getByRole('link', { name: 'Downtime sheet' }).click()
      const sheet = await opened
      await sheet.getByText(patient.family).first().waitFor()
      await sheet.close()
      await page.goto(server.address + '/system')
      await page.getByText(/^On disk, written \d\d:\d\d/).waitFor()
    },

    async 'a server that nobody watches says so; wards without a screen that sounds are named'({ page }) {
      await page.goto(server.address + '/system')
      await page.getByText('NOBODY watches Vigil from outside.').waitFor()
      await page.getByText(/^NO screen/).first().waitFor()
      assert.equal((await send('POST', '/sentinels', { name: "porter's lodge", webhook: 'https://sentinel.example.org/page' })).status, 201)
      await page.getByRole('cell', { name: 'watches', exact: true }).waitFor()
      await page.route('**/api/v1/watchdog', async (route) => {
        const answer = await route.fetch()
        const state = await answer.json()
        await route.fulfill({ response: answer, json: { ...state, sentinels: [{ id: 't', name: 'control room', seen: new Date(Date.now() - 120_000).toISOString() }] } })
      })
      await page.getByRole('cell', { name: /^SILENT/ }).waitFor()
      assert.deepEqual(await violations(page), [])
    },

    async 'what is usual is shown for what it rests on: too few days say so'({ page }) {
      await page.goto(`${server.address}/patient/${patient.id}`)
      await page.locator('.usual').getByText('still learning: 0 of 14 days').first().waitFor()
      const path = `**/api/v1/patients/${patient.id}/baseline`
      await page.route(path, (route) => route.fulfill({ json: { items: [{ metric: 'heart-rate', unit: '/min', ready: true, days: 21, center: 72, spread: 6, now: 93, z: 3.5, at: Date.now() }] } }))
      await page.reload()
      await page.getByText('this hour 93 /min, 3.5 spreads above usual').waitFor()
      await page.getByText('rests on 21 days').waitFor()
      await page.getByText('nothing alarms on it').waitFor()
      assert.deepEqual(await violations(page), [])
    },

    async 'the black box of an alarm: waveform, rule and messages on one page, and a file that verifies'({ page }) {
      const alarm = await alarmOf()
      await page.goto(`${server.address}/alarms/${alarm.id}#seen=opened-before`) // as the link of a message
      await page.waitForURL(`**/alarms?alarm=${alarm.id}`)
      await page.getByRole('link', { name: 'Black box of this alarm' }).click()
      await page.waitForURL(`**/alarms/${alarm.id}/trace`)
      await page.getByRole('heading', { name: 'Black box of alarm: Oxygen saturation low' }).waitFor()
      await page.getByText('rule spo2-low').waitFor()
      assert.ok((await page.locator('.trace-screen .trace-curve').evaluateAll((all) => all.map((p) => p.getAttribute('d').length).reduce((a, b) => a + b, 0))) > 500, 'a curve is drawn')
      const strip = await page.locator('.trace-screen .trace-strip').first().boundingBox()
      const seconds = strip.width / (25 * (96 / 25.4))
      assert.ok(Math.abs(seconds - Math.round(seconds)) < 0.02, `a row is whole seconds of 25 mm, not ${seconds}`)
      assert.deepEqual(await violations(page), [])
      const coming = page.waitForEvent('download')
      await page.getByRole('button', { name: 'Download the signed file' }).click()
      const download = await coming
      assert.equal(download.suggestedFilename(), `vigil-trace-${alarm.id}.json`)
      const { execFileSync } = await import('node:child_process')
      assert.match(execFileSync(server.binary, ['trace', 'verify', await download.path()], { encoding: 'utf8' }), /fits|good|ok/i)
    },

    async 'help is called only after who is told what was shown; its state is on the alarm'({ page }) {
      const alarm = await alarmOf()
      await page.goto(`${server.address}/alarms?alarm=${alarm.id}`)
      await (await tabTo(page, 'button', 'Call for help \u2026')).press('Enter')
      await page.getByText('The list of this ward names no team.').waitFor()
      const chain = await server.api(`/wards/${ward}/chain`)
      assert.equal((await send('PUT', `/wards/${ward}/chain`, { items: chain.items.map((r) => ({ level: r.level, people: (r.people ?? []).map((p) => p.user) })), team: [{ name: 'Rapid response', kind: 'sms', address: '+41791112233' }], why: 'test' })).status, 200)
      await page.reload()
      await page.getByRole('button', { name: 'Call for help \u2026' }).click()
      const form = page.locator('.help-form')
      await form.getByText('Rapid response').waitFor()
      await form.getByText(new RegExp(`help is needed for ${patient.given} ${patient.family}`)).waitFor()
      assert.equal(await form.getByRole('button', { name: 'Call the team now' }).isDisabled(), true)
      await form.getByRole('textbox', { name: 'What help is needed' }).fill('saturation falls')
      await form.getByText(/Called by Visitor: saturation falls/).waitFor()
      assert.deepEqual(await violations(page), [])
      await form.getByRole('button', { name: 'Call the team now' }).click()
      // The demonstration has no gateway: the refusal says so, and nothing pretends that somebody comes.
      await form.getByText(/names no team that this installation can reach/).waitFor()

      await page.goto(`${server.address}/patient/${patient.id}`)
      await page.getByRole('button', { name: 'Name somebody' }).click()
      await page.getByRole('textbox', { name: 'Name' }).fill('Marta Muster')
      await page.getByRole('textbox', { name: 'Phone' }).fill('079 123')
      await page.getByText('Begin with + and the country').waitFor()
      await page.getByRole('textbox', { name: 'Phone' }).fill('+41 79 123 45 67')
      await page.getByRole('button', { name: 'Save' }).click()
      await page.locator('.contact').getByText('Marta Muster').waitFor()
      await page.locator('.contact').getByText('has NOT agreed').waitFor()
      await page.goto(`${server.address}/alarms?alarm=${alarm.id}`)
      await page.getByRole('button', { name: 'Call for help \u2026' }).click()
      await page.getByText('Emergency contact', { exact: true }).click()
      await form.getByText('has not agreed that the contact is told').waitFor()
      assert.equal(await form.getByRole('button', { name: 'Tell the contact now' }).count(), 0)
    },
  }
}
