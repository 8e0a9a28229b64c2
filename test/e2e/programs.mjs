// A program asks a person: let in by an administrator, opened from a patient's page, answered in plain words, its token
// used and taken back.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { violations } from './browser.mjs'

export function programPaths({ server, beds }) {
  const patient = beds[0].patient
  return {
    async 'a program is opened from a patient, gets what the person ticks, and is sent away'({ page }) {
      const opened = []
      const program = createServer((q, a) => {
        opened.push(new URL(q.url, 'http://localhost'))
        a.setHeader('Content-Type', 'text/html')
        a.end('<!doctype html><title>Chart</title><p>the program</p>')
      })
      await new Promise((done) => program.listen(0, '127.0.0.1', done))
      const home = `http://127.0.0.1:${program.address().port}`
      try {
        await page.goto(server.address + '/people?tab=programs')
        await page.getByRole('button', { name: 'Let a program in' }).click()
        const dialog = page.getByRole('dialog')
        await dialog.getByRole('textbox', { name: 'Name' }).fill('Growth chart')
        await dialog.getByRole('textbox', { name: 'May ask for' }).fill('openid launch patient/Patient.r patient/Observation.rs')
        await dialog.getByRole('textbox', { name: 'Addresses to which people return' }).fill(home + '/back')
        await dialog.getByRole('textbox', { name: 'Address by which it is opened' }).fill(home + '/launch')
        await dialog.getByRole('button', { name: 'Let a program in' }).click()
        await page.getByRole('rowheader', { name: /Growth chart/ }).waitFor()
        assert.deepEqual(await violations(page), [])

        await page.goto(`${server.address}/patient/${patient.id}`)
        await page.getByRole('heading', { name: patient.family }).waitFor()
        await page.getByRole('button', { name: 'More' }).or(page.locator('[aria-haspopup="menu"]')).last().click()
        await page.getByRole('menuitem', { name: 'Open a program' }).click()
        const coming = page.context().waitForEvent('page')
        await page.getByRole('dialog').getByRole('button', { name: 'Open a program' }).click()
        await (await coming).waitForLoadState()
        const launch = opened.find((u) => u.pathname === '/launch').searchParams
        assert.equal(launch.get('iss'), server.address + '/api/v1')

        const { token_endpoint, authorization_endpoint } = await (await fetch(launch.get('iss') + '/.well-known/smart-configuration')).json()
        const id = (await server.api('/clients')).items.find((c) => c.name === 'Growth chart').id
        const proof = 'a-proof-key-of-this-test-that-is-long-enough-for-everybody'
        const wish = { response_type: 'code', client_id: id, redirect_uri: home + '/back', scope: 'openid launch patient/Patient.r patient/Observation.rs', state: 'st', aud: launch.get('iss'), launch: launch.get('launch'), code_challenge: createHash('sha256').update(proof).digest('base64url'), code_challenge_method: 'S256' }
        await page.goto(authorization_endpoint + '?' + new URLSearchParams(wish))
        await page.getByRole('heading', { name: 'Growth chart asks for access' }).waitFor()
        await page.getByText(`About ${patient.family}`).waitFor()
        assert.deepEqual(await violations(page), [])
        await page.getByRole('checkbox', { name: /See name, birth date/ }).uncheck()
        await page.getByRole('button', { name: 'Let it see this' }).focus()
        await page.keyboard.press('Enter')
        await page.getByText('the program').waitFor()
        const back = opened.find((u) => u.pathname === '/back').searchParams
        assert.equal(back.get('state'), 'st')

        const answer = await fetch(token_endpoint, { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', code: back.get('code'), redirect_uri: home + '/back', client_id: id, code_verifier: proof }) })
        const token = await answer.json()
        assert.equal(token.patient, patient.id)
        assert.equal(token.scope, 'openid launch patient/Observation.rs')
        const ask = (path) => fetch(server.address + '/api/v1' + path, { headers: { Authorization: 'Bearer ' + token.access_token } }).then((r) => r.status)
        assert.deepEqual([await ask(`/patients/${patient.id}/series?metrics=spo2`), await ask(`/patients/${patient.id}`), await ask(`/patients/${beds[1].patient.id}/series?metrics=spo2`)], [200, 403, 404])

        await page.goto(server.address + '/me')
        await page.getByRole('button', { name: 'Take back: Growth chart' }).click()
        await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click()
        await page.getByText('You let no program in.').waitFor()
        assert.equal(await ask(`/patients/${patient.id}/series?metrics=spo2`), 401)
      } finally {
        program.close()
      }
    },
  }
}
