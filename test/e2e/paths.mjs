// The main paths through the screens, in a real Chromium against a real server: by keyboard, with the link cut, with
// another language and other units, and from a new device to its number at a bed. Prints one line each; exit 1 on the
// first that does not hold.
import assert from 'node:assert/strict'
import { demo, launch, open, violations } from './browser.mjs'
import { watching } from './watching.mjs'
import { accessPaths } from './access.mjs'
import { programPaths } from './programs.mjs'

const only = (process.argv[2] ?? '').split(',') // parts of names, with commas between
const server = await demo(4)
const browser = await launch()
const [{ id: ward }] = (await server.api('/wards')).items
const { beds } = await server.api('/wards/' + ward)
const patient = beds[0].patient
const post = (path, body, headers = {}) => fetch(server.address + '/api/v1' + path, { method: 'POST', headers: { 'Content-Type': 'application/json', Origin: server.address, ...headers }, body: JSON.stringify(body) })
/** Walks with Tab until what has the focus is named so, as somebody without a mouse does. */
async function tabTo(page, role, name) {
  const there = page.getByRole(role, { name, exact: true })
  for (let i = 0; i < 60; i++) {
    if ((await there.count()) > 0 && (await there.first().evaluate((e) => e === document.activeElement))) return there.first()
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab never came to the ${role} ${name}`)
}
const bedInFocus = (page) => page.evaluate(() => document.activeElement?.getAttribute('data-bed'))

const paths = {
  async 'ward by keyboard: arrows move between beds, Enter opens the patient'({ page }) {
    await page.goto(server.address)
    await page.waitForSelector('.tile')
    for (let i = 0; i < 20 && !(await bedInFocus(page)); i++) await page.keyboard.press('Tab')
    assert.equal(await bedInFocus(page), beds[0].id)
    await page.keyboard.press('ArrowRight')
    assert.equal(await bedInFocus(page), beds[1].id)
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/patient/' + patient.id)
    await page.getByRole('heading', { name: patient.family }).waitFor()
  },

  async 'a stranger finds who is worst, why and since when, and acknowledges, in three actions'({ page }) {
    // Her own lower limit above her saturation: an alarm that is certain.
    const worst = beds[1]
    const limit = await fetch(`${server.address}/api/v1/patients/${worst.patient.id}/limits`, { method: 'PUT', headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify({ metric: 'spo2', unit: '%', low: 100, high: null, why: 'to see an alarm', minutes: 30 }) })
    assert.equal(limit.status, 200, await limit.text())
    await page.goto(server.address)
    const lead = page.locator('.alarm-row[data-lead]')
    await lead.filter({ hasText: worst.patient.family }).waitFor({ timeout: 60_000 }) // who, and what, without any action
    await page.locator(`.tile[data-bed="${worst.id}"][data-alarm]`).waitFor()
    await page.keyboard.press('o') // 1: why, and since when
    const one = page.locator('.alarm-one')
    await one.getByText('Oxygen saturation low').first().waitFor()
    assert.match(await one.innerText(), /Since\s+\d\d:\d\d:\d\d/)
    await one.getByRole('button', { name: 'Acknowledge' }).click() // 2
    await one.getByText(/^acknowledged by/).waitFor({ timeout: 5_000 })
    const { items } = await server.api(`/alarms?patient=${worst.patient.id}`)
    assert.ok(items.find((a) => a.rule === 'spo2-low')?.acknowledged, 'the server keeps who acknowledged')
  },

  async 'traces move: the canvas changes from moment to moment'({ page }) {
    await page.goto(server.address)
    await page.waitForTimeout(6000)
    const sum = () => page.evaluate(() => { const c = document.querySelector('canvas.sweep'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = 0; for (let i = 1; i < d.length; i += 4) s = (s * 31 + d[i]) >>> 0; return s })
    const seen = new Set()
    for (let i = 0; i < 5; i++) {
      seen.add(await sum())
      await page.waitForTimeout(300)
    }
    assert.ok(seen.size >= 4, `the canvas showed ${seen.size} different pictures in 1.5 s`)
  },

  async 'link cut: a banner says so, nothing is shown as live; it comes back by itself'({ page, context }) {
    await page.goto(server.address)
    await page.waitForSelector('.number[data-fresh="live"]')
    await context.setOffline(true)
    await page.getByText('Nothing on this screen is live').waitFor({ timeout: 12_000 })
    await page.waitForFunction(() => document.querySelectorAll('.number[data-fresh="live"]').length === 0)
    assert.equal(await page.getByText(/^watched, last/).count(), 0)
    await context.setOffline(false)
    await page.getByText('Nothing on this screen is live').waitFor({ state: 'detached', timeout: 20_000 })
    await page.waitForSelector('.number[data-fresh="live"]')
  },

  async 'a round entered without a network waits, is stated, and arrives once'({ page, context }) {
    await page.goto(`${server.address}/patient/${patient.id}/round`)
    await page.getByRole('button', { name: /Alert/ }).click()
    await page.getByRole('button', { name: /^Systolic/ }).click()
    await page.keyboard.type('118')
    await page.getByRole('button', { name: 'Next' }).click()
    await page.keyboard.type('64')
    await context.setOffline(true)
    await page.getByRole('button', { name: /Save round/ }).click()
    await page.getByText('1 round not sent yet').first().waitFor()
    await context.setOffline(false)
    await page.evaluate(() => window.dispatchEvent(new Event('online')))
    await page.getByText('1 round not sent yet').first().waitFor({ state: 'detached', timeout: 20_000 })
    const { items: all } = await server.api(`/patients/${patient.id}/observations`)
    const items = all.filter((o) => o.items.some((i) => i.metric === 'bp-systolic')) // the first round of the demonstration has none
    assert.equal(items.length, 1)
    assert.equal(items[0].items.find((i) => i.metric === 'bp-systolic').value, 118)
    assert.equal(items[0].items.find((i) => i.metric === 'consciousness').code, 'A')
  },

  async 'an impossible number is refused before it is sent'({ page }) {
    await page.goto(`${server.address}/patient/${patient.id}/round`)
    await page.getByRole('button', { name: /^Oxygen saturation/ }).click()
    await page.keyboard.type('197')
    await page.getByRole('button', { name: /Save round/ }).click()
    await page.getByText(/Oxygen saturation: 0 to 100 % is possible/).waitFor()
  },

  async 'units and language belong to the person and are kept by the server'({ page, context }) {
    await page.goto(`${server.address}/patient/${patient.id}`)
    await page.locator('.who').click()
    await page.getByText('\u00b0F', { exact: true }).click()
    await page.getByText('Deutsch', { exact: true }).click()
    await page.getByRole('button', { name: 'Fertig' }).click()
    await page.getByRole('link', { name: 'Ger\u00e4te' }).first().waitFor()
    await page.locator('.now').getByText('\u00b0F').waitFor()
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'de')
    await context.unroute('**/api/v1/me')
    await page.reload()
    await page.locator('.now').getByText('\u00b0F').waitFor()
    assert.match(await page.locator('.now').innerText(), /\d,\d \u00b0F/)
    await fetch(server.address + '/api/v1/me/preferences', { method: 'PUT', headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify({ language: 'en', units: {}, privacy: false }) })
  },

  async 'a German ward and alarm say nothing in English that Vigil says itself'({ page, context }) {
    const sent = (method, path, body) => fetch(server.address + '/api/v1' + path, { method, headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify(body) }).then((r) => (r.status === 204 ? null : r.json()))
    const hers = beds[2].patient
    await sent('PUT', `/patients/${hers.id}/limits`, { metric: 'spo2', unit: '%', low: 100, high: null, why: 'x', minutes: 30 })
    // Somebody whom nothing watches: a bed, a plan and no device.
    const nobody = await sent('POST', '/patients', { family: 'Leer', given: 'Lea', birth: '1961-05-04', sex: 'female', numbers: [{ system: 'MRN', value: 'E2E-DE' }] })
    const bed = await sent('POST', `/wards/${ward}/beds`, { label: 'Z9' })
    await sent('POST', `/patients/${nobody.id}/admit`, { bed: bed.id, at: new Date().toISOString() })
    await sent('PUT', `/patients/${nobody.id}/plan`, { items: [{ metric: 'spo2', kind: 'continuous', every: 5000 }] })
    const english = (await server.api('/rules')).rules.filter((r) => r.titles.de).map((r) => r.title)
    assert.ok(english.length >= 51, `${english.length} rules have a German title`)
    const causes = ['the device', 'nothing comes', 'no device is bound', 'nothing has come', 'NOT watched', 'is not watched', 'not measured in time', 'nothing is expected']
    const clean = async (where) => {
      const text = await page.locator('body').innerText()
      for (const words of [...english, ...causes]) assert.ok(!text.includes(words), `${where} says "${words}"`)
      return text
    }
    await context.unroute('**/api/v1/me')
    await sent('PUT', '/me/preferences', { language: 'de', units: {}, privacy: false })
    await page.goto(`${server.address}/ward/${ward}`)
    await page.locator(`.tile[data-bed="${bed.id}"]`).getByText(/kein Ger\u00e4t verbunden|das Ger\u00e4t|es ist noch nichts gekommen/).waitFor({ timeout: 30_000 })
    const raised = async () => (await server.api(`/alarms?patient=${hers.id}`)).items.find((a) => a.rule === 'spo2-low')
    for (let i = 0; i < 60 && !(await raised()); i++) await page.waitForTimeout(500)
    await page.locator(`.tile[data-bed="${beds[2].id}"][data-alarm]`).waitFor()
    await clean('the ward')
    await page.goto(`${server.address}/alarms?alarm=${(await raised()).id}`)
    await page.getByText('Sauerstoffs\u00e4ttigung tief').first().waitFor()
    await clean('the alarm')
    await page.goto(`${server.address}/rules`)
    await page.getByText('Herzfrequenz hoch').first().waitFor()
    await sent('PUT', '/me/preferences', { language: 'en', units: {}, privacy: false })
    await sent('POST', `/patients/${nobody.id}/discharge`, { why: 'discharged' })
  },

  async 'callipers measure by keyboard'({ page }) {
    await page.goto(`${server.address}/patient/${patient.id}?tab=strip&strip=${Date.now() - 3000}`)
    const text = page.locator('.calliper-text')
    await text.waitFor()
    assert.match(await text.innerText(), /Time 800 ms \(75 \/min\)/)
    await page.getByRole('slider', { name: 'Right calliper' }).focus()
    for (let i = 0; i < 5; i++) await page.keyboard.press('Shift+ArrowRight')
    assert.match(await text.innerText(), /Time 1,000 ms \(60 \/min\)/)
  },

  async 'a link reproduces the view'({ page }) {
    await page.goto(`${server.address}/patient/${patient.id}?h=24&tab=table`)
    await page.getByRole('tab', { name: 'Table', selected: true }).waitFor()
    assert.equal(await page.getByRole('radio', { name: '24 h' }).isChecked(), true)
    await page.getByText('8 h', { exact: true }).click()
    assert.match(page.url(), /h=8/)
  },

  async 'from a new device to its number at a bed'({ page }) {
    const made = await (await post('/patients', { family: 'Muster', given: 'Eva', birth: '1960-05-04', sex: 'female', numbers: [{ system: 'MRN', value: 'E2E-1' }] })).json()
    await page.goto(server.address + '/devices')
    await page.getByRole('button', { name: 'Enrol a device' }).click()
    await page.getByRole('textbox', { name: 'Id' }).fill('e2e-monitor')
    await page.getByRole('button', { name: 'Enrol', exact: true }).click()
    const secrets = page.locator('.copy pre')
    await secrets.nth(1).waitFor()
    const [name, password] = [await secrets.nth(0).innerText(), await secrets.nth(1).innerText()]
    const basic = { Authorization: 'Basic ' + Buffer.from(`${name}:${password}`).toString('base64') }
    assert.equal((await post('/telemetry?wait=decoded', { seq: 1, readings: [{ metric: 'heart-rate', value: 71, unit: '/min' }] }, basic)).status, 200)
    assert.ok((await post('/telemetry?wait=decoded', { seq: 2, readings: [{ metric: 'heart-rate', value: 71 }] }, basic)).status < 500)

    await page.goto(server.address + '/devices/e2e-monitor')
    await page.getByText('Not bound. What it sends is kept').waitFor()
    await page.locator('tr[data-result="decoded"]').first().waitFor()
    await page.locator('tr[data-result="failed"]').first().waitFor()
    await page.getByRole('button', { name: 'Bind to a patient' }).click()
    await page.getByRole('combobox', { name: 'Patient' }).click()
    await page.getByRole('option', { name: /Muster/ }).click()
    await page.getByRole('textbox', { name: 'Family name' }).fill('Muster')
    await page.getByRole('textbox', { name: 'Record number' }).fill('E2E-2')
    await page.getByText('This is not the patient that you chose.').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Bind', exact: true }).isDisabled(), true)
    await page.getByRole('textbox', { name: 'Record number' }).fill('E2E-1')
    await page.getByRole('button', { name: 'Bind', exact: true }).click()
    await page.getByText('Bound to Muster, Eva').waitFor()

    assert.equal((await post('/telemetry?wait=decoded', { seq: 3, readings: [{ metric: 'heart-rate', value: 73, unit: '/min' }] }, basic)).status, 200)
    await page.goto(`${server.address}/patient/${made.id}`)
    await page.locator('.now').getByText('73').waitFor()
  },

  async 'a room by keyboard: a device is bound to it, shown with its name, and unbound'({ page }) {
    assert.equal((await post('/devices', { id: 'e2e-air', label: 'Air sensor', kind: 'environment' })).status, 201)
    const { items: rooms } = await server.api('/rooms?q=302')
    assert.equal(rooms.length, 1)
    const [{ id, name, wardName }] = rooms
    const full = `${name}, ${wardName}`
    const press = async (role, name) => (await tabTo(page, role, name), page.keyboard.press('Enter'))
    await page.goto(server.address + '/devices/e2e-air')
    await page.getByText('Not bound. What it sends is kept').waitFor()
    await press('button', 'Bind to a patient or room')
    await tabTo(page, 'radio', 'Patient')
    await page.keyboard.press('ArrowRight')
    assert.equal(await page.getByRole('radio', { name: 'Room' }).isChecked(), true)
    await tabTo(page, 'combobox', 'Room')
    await page.keyboard.type('302')
    await page.getByRole('option', { name: full }).waitFor()
    assert.equal(await page.getByRole('option').count(), 1)
    assert.deepEqual(await violations(page), [])
    await page.keyboard.press('Enter')
    await page.getByText(`Readings will be kept for ${full}, not for a patient.`).waitFor()
    const act = page.getByRole('button', { name: 'Bind', exact: true })
    assert.equal(await act.isDisabled(), true)
    await tabTo(page, 'textbox', `Write the name of the room, ${name}`)
    await page.keyboard.type('Room 301')
    await page.getByText('This is not the room that you chose.').waitFor()
    assert.equal(await act.isDisabled(), true)
    await page.keyboard.press('Control+a')
    await page.keyboard.type(name.toLowerCase())
    await page.getByText('This is not the room that you chose.').waitFor({ state: 'detached' })
    assert.deepEqual(await violations(page), [])
    await page.keyboard.press('Enter')
    await page.getByText(`Stands in ${full} since`).waitFor()
    await page.getByRole('dialog').waitFor({ state: 'detached' })

    await page.reload()
    await page.getByText(`Stands in ${full} since`).waitFor()
    await page.locator('.device-history').getByRole('rowheader', { name: full }).waitFor()
    assert.deepEqual(await violations(page), [])
    await page.goto(server.address + '/devices')
    const row = page.getByRole('row').filter({ hasText: 'Air sensor' })
    await row.getByText(full).waitFor()
    assert.equal(await page.getByText(id).count(), 0)

    await page.goto(server.address + '/devices/e2e-air')
    await press('button', 'Bind to a patient or room')
    await page.getByText(`It is bound to ${full} now. Unbind it first.`).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await press('button', 'Unbind')
    await page.getByRole('heading', { name: `Unbind Air sensor from ${full}` }).waitFor()
    await tabTo(page, 'textbox', 'Reason')
    await page.keyboard.type('moved to the kitchen')
    await page.keyboard.press('Enter')
    await page.getByText('Not bound. What it sends is kept').waitFor()
    assert.equal((await server.api('/devices/e2e-air')).binding, null)
    assert.equal((await server.api('/devices/e2e-air/bindings')).items[0].room, id)
  },

  async 'a room that is missed is made in the bind dialog, by keyboard'({ page }) {
    assert.equal((await post('/devices', { id: 'e2e-door', label: 'Door contact', kind: 'environment' })).status, 201)
    await page.goto(server.address + '/devices/e2e-door')
    await page.getByText('Not bound. What it sends is kept').waitFor()
    await (await tabTo(page, 'button', 'Bind to a patient or room')).press('Enter')
    await tabTo(page, 'radio', 'Patient')
    await page.keyboard.press('ArrowRight')
    await (await tabTo(page, 'button', 'Add a room')).press('Enter')
    await tabTo(page, 'textbox', 'Name of the room')
    await page.keyboard.type('room 302')
    await page.keyboard.press('Enter')
    await page.getByText(/has a room .* already/).waitFor()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('Kitchen')
    await page.keyboard.press('Enter')
    await page.getByText(/^Readings will be kept for Kitchen, .*, not for a patient\.$/).waitFor()
    assert.equal((await server.api('/devices/e2e-door')).binding, null)
    assert.deepEqual(await violations(page), [])
    await tabTo(page, 'textbox', 'Write the name of the room, Kitchen')
    await page.keyboard.type('Kitchen')
    await page.keyboard.press('Enter')
    await page.getByText(/^Stands in Kitchen, .* since/).waitFor()
  },

  async 'a bed without a nurse is said loudly; a shift is assigned by keyboard, and who covers a bed is answered'({ page }) {
    const [{ label, id }] = beds
    const choose = async (option) => {
      await (await tabTo(page, 'button', 'Assign a shift')).press('Enter')
      const nurse = await tabTo(page, 'combobox', `Nurse, Bed ${label}`)
      await nurse.selectOption(option)
      const name = await nurse.evaluate((e) => e.selectedOptions[0].textContent)
      assert.deepEqual(await violations(page), [])
      await (await tabTo(page, 'button', 'Save this shift')).press('Enter')
      await page.getByRole('button', { name: 'Assign a shift' }).waitFor()
      return name
    }
    const covered = async () => (await server.api(`/wards/${ward}/cover`)).items.find((i) => i.bed === id)
    const nurse = (await covered()).nurse?.user ?? { index: 1 }
    await page.goto(server.address + '/cover')
    await choose('')
    await page.locator('.loud').getByText('1 patient is WITHOUT a nurse: bed').waitFor()
    await page.getByRole('textbox', { name: 'Who covers bed' }).fill(label)
    await page.getByText(`Bed ${label}: NOBODY is assigned.`).waitFor()
    assert.equal((await covered()).nurse, null)
    const name = await choose(nurse)
    await page.locator('.loud').waitFor({ state: 'detached' })
    await page.getByText(new RegExp(`^Bed ${label}: ${name}[,.]`)).waitFor()
    assert.equal((await covered()).nurse.name, name)
  },

  async 'a limit is tried over the last day before it is set for the patient'({ page }) {
    const limit = async () => (await server.api(`/patients/${patient.id}/limits`)).items.find((l) => l.metric === 'heart-rate')
    const before = await limit()
    await page.goto(`${server.address}/try?patient=${patient.id}&metric=heart-rate`)
    assert.equal(await page.getByRole('button', { name: 'Try it' }).isDisabled(), true)
    await page.getByLabel('High, slider').focus()
    for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight')
    const high = page.getByRole('textbox', { name: 'High, /min' })
    assert.equal(await high.inputValue(), String(Number(before.high) + 5))
    await (await tabTo(page, 'button', 'Try it')).press('Enter')
    await page.locator('.try-table').waitFor({ timeout: 60_000 })
    assert.deepEqual(await limit(), before)
    assert.deepEqual(await violations(page), [])
    await tabTo(page, 'textbox', 'Why')
    await page.keyboard.type('runs high since the fever')
    await (await tabTo(page, 'button', 'Set this limit for this patient')).press('Enter')
    await page.getByText('Set: Heart rate').waitFor()
    assert.equal(Number((await limit()).high), Number(before.high) + 5)
    assert.equal((await limit()).own.why, 'runs high since the fever')
    await high.fill(String(Number(before.high) + 9))
    await page.getByText('Try it again').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Set this limit for this patient' }).count(), 0)
  },

  async 'a rule is written, checked, put in force; who comes second is told'({ page }) {
    const rules = () => server.api('/rules')
    const first = await rules()
    const put = (files, why, base) => fetch(server.address + '/api/v1/rules', { method: 'PUT', headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify({ files, why, base }) })
    await page.goto(server.address + '/rules?tab=text&file=heart-rate.rule')
    const text = page.getByRole('textbox', { name: 'Text of heart-rate.rule' })
    await text.focus()
    await page.keyboard.press('Control+Home')
    await page.keyboard.type('whne\n')
    await (await tabTo(page, 'button', 'Check')).press('Enter')
    await page.getByText('heart-rate.rule, line 1, column 1').waitFor()
    assert.equal(await page.getByRole('button', { name: 'Put in force' }).isDisabled(), true)
    assert.deepEqual(await violations(page), [])
    await text.focus()
    await page.keyboard.press('Control+Home')
    for (let i = 0; i < 4; i++) await page.keyboard.press('Delete')
    await page.keyboard.type('# looked over')
    await (await tabTo(page, 'button', 'Check')).press('Enter')
    await page.getByText(/rules load and all \d+ tests pass/).waitFor()
    assert.equal((await put(first.files.map((f) => (f.name === 'help.rule' ? { ...f, text: f.text + '\n# sooner\n' } : f)), 'was faster', first.version)).status, 200)
    await (await tabTo(page, 'button', 'Put in force \u2026')).press('Enter')
    await tabTo(page, 'textbox', 'Reason')
    await page.keyboard.type('a remark')
    await page.keyboard.press('Enter')
    await page.getByText('Somebody was faster').waitFor()
    await page.getByText('was faster', { exact: false }).first().waitFor()
    assert.equal((await rules()).why, 'was faster')
    await (await tabTo(page, 'button', 'Keep my text, over theirs')).press('Enter')
    await (await tabTo(page, 'textbox', 'Reason')).press('Control+a')
    await page.keyboard.type('a remark')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Put in force now' }).waitFor({ state: 'detached' })
    assert.equal((await rules()).why, 'a remark')
    await page.goto(server.address + '/rules?tab=versions')
    await page.getByRole('cell', { name: 'a remark' }).waitFor()
  },

  ...watching({ server, ward, beds, tabTo }),
  ...accessPaths({ server, beds }),
  ...programPaths({ server, beds }),
}

let failed = 0
for (const [name, walk] of Object.entries(paths)) {
  if (!only.some((part) => name.includes(part))) continue
  const view = await open(browser, { width: 1440, height: 900 })
  view.page.setDefaultTimeout(15_000)
  try {
    await walk(view)
    assert.deepEqual(view.problems, [])
    console.log('ok    ' + name)
  } catch (e) {
    failed++
    console.log('FAIL  ' + name + '\n      ' + String(e.message ?? e).split('\n').slice(0, 6).join('\n      '))
    if (process.env.OUT) await view.page.screenshot({ path: `${process.env.OUT}/failed-${failed}.png` })
  }
  await view.page.unrouteAll({ behavior: 'ignoreErrors' })
  await view.context.close()
}
await browser.close()
await server.stop()
process.exitCode = failed === 0 ? 0 : 1
