// Who gets in, in a real Chromium with its virtual authenticator against a real server: the first administrator makes a
// passkey, signs out and in, proves it once more for what needs that, and is refused once the passkey is gone. Then every
// page with markup stored wherever a person can write: none of it runs, and no page breaks the content policy.
// Prints one line each; exit 1 on the first that does not hold.
import assert from 'node:assert/strict'
import { demo, launch, open, serve, violations } from './browser.mjs'
import { codeOf } from './member.mjs'

const only = process.argv[2] ?? ''
const browser = await launch()

/** A window as of somebody who is not signed in, with an authenticator that knows its person. */
async function withAuthenticator() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-GB' })
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (e) => problems.push('error: ' + e.message))
  page.on('console', (m) => m.type() === 'error' && /Content Security Policy|Refused|TrustedHTML|TrustedScript/.test(m.text()) && problems.push('policy: ' + m.text().slice(0, 200)))
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  })
  return { context, page, cdp, authenticatorId, problems }
}

const password = 'a sentence that is long enough'
let secret = ''

const paths = {
  // Covers: S1 S6 A13 ASVS-6.5.1
  async 'a passkey: made after the one-time link, signs in, proves it once more, and is refused once it is gone'() {
    const server = await serve()
    const { context, page, cdp, authenticatorId, problems } = await withAuthenticator()
    const axe = async (where) => assert.deepEqual(await violations(page), [], where)
    const onMyPage = async () => {
      await page.getByRole('heading', { name: 'Your sign-in' }).waitFor()
      await page.getByRole('dialog').waitFor() // the test of sound, after every sign-in
      await page.keyboard.press('Escape')
      await page.getByRole('dialog').waitFor({ state: 'detached' })
    }
    const signOut = () => page.evaluate(() => fetch('/api/v1/session', { method: 'DELETE' })).then(() => context.clearCookies())
    try {
      // The link works once, and leaves nothing in the address.
      await page.goto(server.link)
      await page.getByRole('heading', { name: 'Choose how you sign in' }).waitFor()
      assert.ok(!page.url().includes('#'), 'the secret of the link stays in the address')
      await axe('enrolment')
      // Until there is a way in that is whole, nothing else is answered.
      assert.equal(await page.evaluate(() => fetch('/api/v1/users').then((r) => r.status)), 401)
      await page.getByRole('textbox', { name: /Name, so that/ }).fill('Virtual <b>key</b>')
      await page.getByRole('button', { name: 'Use a passkey' }).click()
      await page.locator('.shell').waitFor()
      assert.equal((await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length, 1)

      await signOut()
      await page.goto(server.link)
      await page.getByText('This link was used before').waitFor()
      await axe('sign-in')

      // By passkey alone, by keyboard.
      await page.goto(server.address + '/me')
      await page.getByRole('button', { name: 'Sign in with a passkey' }).focus()
      await page.keyboard.press('Enter')
      await onMyPage()
      await page.getByRole('rowheader', { name: /Virtual <b>key<\/b>/ }).waitFor()
      await page.getByText('this one').waitFor()
      await axe('my page')

      // A proof that is not verified does not count.
      await signOut()
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
      await page.goto(server.address + '/me')
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
      await page.getByText('It was not proved').waitFor({ timeout: 15_000 })
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
      await onMyPage()

      // What needs a fresh proof asks for one and is then done. The five minutes are over at once: the first answer
      // is the one that the server gives then.
      let asked = 0
      await page.route('**/api/v1/me/code', (route) =>
        route.request().method() === 'POST' && asked++ === 0 ? route.fulfill({ status: 401, contentType: 'application/json', body: JSON.stringify({ error: { kind: 'unauthenticated', message: 'show once more who you are' }, step: true }) }) : route.continue(),
      )
      await page.getByRole('button', { name: 'Set up a code generator' }).click()
      const dialog = page.getByRole('dialog', { name: 'Prove once more that it is you' })
      await dialog.getByRole('button', { name: 'Use passkey' }).waitFor()
      await axe('one more proof')
      const proved = page.waitForResponse('**/session/step/finish')
      await dialog.getByRole('button', { name: 'Use passkey' }).click()
      assert.equal((await proved).status(), 200)
      secret = (await page.locator('.secret').innerText()).replace(/\s/g, '')
      assert.equal(asked, 2, 'the request was repeated once')
      await axe('code generator')
      await page.getByRole('textbox', { name: /Six digits/ }).fill('000000')
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByText(/not the one that the app shows now/).waitFor()
      await page.getByRole('textbox', { name: /Six digits/ }).fill(codeOf(secret))
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.locator('.secret').waitFor({ state: 'detached' })
      await page.unrouteAll({ behavior: 'ignoreErrors' })

      await page.getByRole('button', { name: 'Change the password' }).click()
      await page.getByRole('dialog').getByRole('textbox', { name: 'New password' }).fill(password)
      await page.getByRole('dialog').getByRole('textbox', { name: 'The same again' }).fill(password)
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
      await page.getByRole('dialog').waitFor({ state: 'detached' })

      // Gone: what the device still has opens nothing any more.
      await page.getByRole('button', { name: /^Remove: Virtual/ }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click()
      await page.getByText('You have no passkey').waitFor()
      await signOut()
      await page.goto(server.address + '/me')
      const refused = page.waitForResponse('**/session/passkey/finish')
      await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
      assert.equal((await refused).status(), 401)
      await page.getByText('This passkey signs nobody in here').waitFor()

      // Password and code are the other way. The password alone opens nothing.
      await page.getByRole('textbox', { name: 'User name' }).fill('administrator')
      await page.getByRole('textbox', { name: 'Password' }).fill('not the password')
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.getByText('User name and password do not belong together').waitFor()
      await page.getByRole('textbox', { name: 'Password' }).fill(password)
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.getByRole('heading', { name: 'One more proof' }).waitFor()
      await axe('second step')
      assert.equal(await page.evaluate(() => fetch('/api/v1/wards').then((r) => r.status)), 401)
      await page.getByRole('textbox', { name: /Six digits/ }).fill(codeOf(secret, Date.now() + 30_000)) // the one before was used
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await onMyPage()
      assert.deepEqual(problems, [])
    } finally {
      await context.close()
      await server.stop()
    }
  },

  // Covers: A11
  async 'markup that somebody stored does not run, and no page breaks its policy'() {
    const server = await demo(2)
    const { page, context, problems } = await open(browser, { width: 1280, height: 900 })
    const sent = (method, path, body) => fetch(server.address + '/api/v1' + path, { method, headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify(body) })
    const canary = (n) => `<img src=x onerror="window.canary=${n}"><script>window.canary=${n}</script>"'><svg onload=window.canary=${n}>`
    try {
      const [{ id: first }] = (await server.api('/wards')).items
      const made = async (method, path, body) => {
        const answer = await sent(method, path, body)
        assert.ok(answer.ok, `${method} ${path}: ${await answer.clone().text()}`)
        return answer.status === 204 ? {} : answer.json()
      }
      const ward = await made('POST', '/wards', { name: canary(1), zone: 'Europe/Zurich', kind: 'adult' })
      const bed = await made('POST', `/wards/${ward.id}/beds`, { label: '<b>1' })
      await made('POST', '/devices', { id: 'canary', label: canary(2), kind: 'monitor', model: canary(3) })
      const patient = await made('POST', '/patients', { family: canary(4), given: canary(5), birth: '1960-05-04', sex: 'female', numbers: [{ system: 'MRN', value: 'XSS-1' }] })
      await made('POST', `/patients/${patient.id}/admit`, { bed: bed.id, at: new Date().toISOString() })
      await made('POST', `/patients/${patient.id}/annotations`, { at: new Date().toISOString(), kind: 'note', text: canary(6) })
      await made('PUT', `/patients/${patient.id}/limits`, { metric: 'spo2', unit: '%', low: 91, high: null, why: canary(7), minutes: 30 })
      const one = encodeURIComponent(patient.id)
      const violated = []
      await context.exposeFunction('violatedPolicy', (text) => violated.push(text))
      await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) => window.violatedPolicy(`${e.violatedDirective} ${e.blockedURI} on ${location.pathname}`)))
      const pages = ['/ward/' + first, '/ward/' + ward.id, '/patients', '/patient/' + one, `/patient/${one}?tab=table`, `/patient/${one}/round`, '/alarms', '/cover?ward=' + ward.id, '/review', '/ledger?ward=' + ward.id, '/burden', '/rules', '/try', '/me/channels', '/me', '/backups', '/devices', '/devices/canary', '/start', '/system', '/people', '/people?tab=audit']
      for (const path of pages) {
        await page.goto(server.address + path)
        await page.locator('.shell main').waitFor()
        await page.waitForTimeout(300)
        assert.equal(await page.evaluate(() => window.canary), undefined, `markup ran on ${path}`)
      }
      await page.goto(server.address + '/devices/canary')
      await page.getByRole('heading', { name: '<img src=x' }).waitFor() // it is shown, as the letters that it is
      assert.deepEqual(violated, [])
      assert.deepEqual(problems, [])
      // And what would run is stopped, were it ever to stand in a page.
      const stopped = await page.evaluate(() => {
        const tried = []
        try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.canary=9">') } catch (e) { tried.push(e.name) }
        const link = document.body.appendChild(document.createElement('a'))
        try { link.setAttribute('onclick', 'window.canary=9') } catch (e) { tried.push(e.name) }
        link.click()
        return { tried, canary: window.canary }
      })
      assert.deepEqual(stopped, { tried: ['TypeError', 'TypeError'], canary: undefined })
    } finally {
      await context.close()
      await server.stop()
    }
  },
}

let failed = 0
for (const [name, run] of Object.entries(paths)) {
  if (!name.includes(only)) continue
  try {
    await run()
    console.log('ok    ' + name)
  } catch (e) {
    failed++
    console.log(`FAIL  ${name}\n${e.stack}`)
  }
}
await browser.close()
process.exitCode = failed === 0 ? 0 : 1
