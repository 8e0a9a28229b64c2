// Draws every page of Vigil as a reader of docs/screens sees it, and holds each against axe. States that a healthy
// server does not show (empty, waiting, refused, failing, cut off) are made by answering in its place.
//
//   node test/e2e/screens.mjs            all pages into docs/screens; exit 1 on a violation or a page error
//   node test/e2e/screens.mjs ward,people    only those whose name holds one of these
//   OUT=/tmp/x VIGIL=/path/to/vigil      another folder, a binary that is built already
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { accessStates } from './access.mjs'
import { demo, launch, open, root, violations } from './browser.mjs'
import { identityPages } from './identity-states.mjs'

const only = (process.argv[2] ?? '').split(',')
const wanted = (name) => only.some((part) => name.includes(part))
const out = process.env.OUT ?? join(root, 'docs', 'screens')
mkdirSync(out, { recursive: true })

const wide = { width: 1920, height: 1080 }
const phone = { width: 390, height: 844 }
const api = (path) => '**/api/v1' + path
const empty = { json: { items: [] } }

const small = await demo(16, 3600)
const browser = await launch()
const [{ id: ward }] = (await small.api('/wards')).items
const { beds } = await small.api('/wards/' + ward)
const patient = beds[1].patient.id
const device = beds[1].devices[0].id
/** The path of the page with the highest open alarm beside it; the page alone while nothing is open. */
const withAlarm = (path) => async () => {
  const open = (await small.api('/alarms?state=open&limit=50').catch(() => ({}))).items ?? []
  const first = ['high', 'medium', 'low'].flatMap((p) => open.filter((a) => a.priority === p))[0]
  return first ? `${path}?alarm=${encodeURIComponent(first.id)}` : path
}

/** The page with an alarm that is certain: a patient's own limit above the saturation, half a minute ago. */
const certain = async () => `/alarms?alarm=${await made()}`
const trace = async () => `/alarms/${await made()}/trace`
let alarm = ''
async function made() {
  const last = beds[15].patient.id
  const find = async () => (await small.api(`/alarms?patient=${last}`)).items.find((a) => a.rule === 'spo2-low')?.id ?? ''
  if (!alarm) {
    await fetch(`${small.address}/api/v1/patients/${last}/limits`, { method: 'PUT', headers: { 'Content-Type': 'application/json', Origin: small.address }, body: JSON.stringify({ metric: 'spo2', unit: '%', low: 100, high: null, why: 'for the picture', minutes: 60 }) })
    for (let i = 0; i < 120 && !alarm; i++) (alarm = await find()), await new Promise((done) => setTimeout(done, 500))
    await new Promise((done) => setTimeout(done, 32_000)) // what comes after it belongs to its black box
  }
  return alarm
}
/** States that take weeks, a second machine or a change of shift to come about. */
const reviews = () => {
  const now = Date.now()
  const one = (bed, metric, unit, low, high, why, reviewed) => ({ patient: bed.patient.id, bed: bed.id, label: bed.label, metric, unit, own: { low, high, by: 'u-1', name: 'Dr Tom Reuter', why, from: now - 9e6, until: 0 }, shift: { name: 'Late', from: now - 6e5, to: now + 28e6 }, due: now + 3e6, reviewed })
  return { items: [one(beds[0], 'spo2', '%', 88, 92, 'COPD, target of the respiratory team', null), one(beds[1], 'heart-rate', '/min', 45, 140, 'runs high since the fever', { by: 'u-2', name: 'Nora Frei', at: now - 6e4, why: '' }), one(beds[3], 'resp-rate', '/min', 7, 32, 'as discussed on the round', null)] }
}
const usual = () => ({ items: [{ metric: 'heart-rate', unit: '/min', ready: true, days: 21, center: 72, spread: 6, now: 93, z: 3.5, at: Date.now() }, { metric: 'resp-rate', unit: '/min', ready: false, days: 9, center: null, spread: null, now: 17, z: null, at: Date.now() }] })
const watchdog = () => ({
  now: new Date().toISOString(), version: '0', ready: '', journal: '', ticked: new Date().toISOString(), disk: { free: 1, total: 2 }, lag: { raw: 0, readings: 0 }, own: null,
  pages: { openMs: 200_000, unheardMs: 0, dead: [{ kind: 'sms', since: new Date(Date.now() - 6e5).toISOString(), reason: 'the gateway refuses the password' }], problem: '' },
  rules: { version: 'a', sentinel: true, errors: 0, first: '' },
  wards: [{ ward: 'w-1', name: 'Ward 3 East', patients: 16, open: 3, sounding: 2, silent: ['muted'] }, { ward: 'w-2', name: 'Ward 4', patients: 9, open: 0, sounding: 0, silent: [] }],
  sentinels: [{ id: 't-1', name: "porter's lodge", seen: new Date(Date.now() - 4000).toISOString() }, { id: 't-2', name: 'control room', seen: new Date(Date.now() - 900_000).toISOString() }],
})

const access = accessStates(patient)
/** A patient who is signed in: what the server lets such an account do. */
const anna = { id: 'u-anna', name: 'Anna', roles: ['patient'], patient, actions: ['session.own', 'metrics.read', 'live.read', 'patient.find', 'patient.read', 'patient.export', 'alarm.read', 'limit.read', 'relation.read', 'relation.write', 'consent.read', 'consent.write', 'looked.read'] }

/** name, path, and what is special about it */
const pages = [
  { name: 'ward', path: '/', wait: 12000 },
  { name: 'ward-worst-first', path: `/ward/${ward}?view=worst`, wait: 6000, sizes: [wide], themes: ['dark'] },
  { name: 'ward-initials', path: '/', wait: 6000, sizes: [wide], themes: ['dark'], preferences: { privacy: true } },
  { name: 'ward-kiosk', path: `/ward/${ward}?kiosk`, wait: 8000, sizes: [wide], themes: ['dark'] },
  { name: 'ward-german', path: '/', wait: 6000, sizes: [wide], themes: ['light'], preferences: { language: 'de' } },
  { name: 'ward-cut-off', path: '/', wait: 6000, themes: ['dark'], act: async (page, context) => (await cut(page, context), await page.waitForTimeout(8000)) },
  { name: 'ward-loading', path: '/', wait: 1500, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*')]: null } },
  { name: 'ward-failing', path: `/ward/${ward}`, wait: 1500, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*')]: { status: 500, json: { error: { kind: 'internal', message: '' } } } } },
  { name: 'ward-denied', path: `/ward/${ward}`, wait: 1500, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*')]: { status: 403, json: { error: { kind: 'denied', message: '' } } } } },
  { name: 'ward-none', path: '/', wait: 1500, sizes: [wide], themes: ['dark'], answers: { [api('/wards')]: empty } },
  { name: 'patient', path: `/patient/${patient}?h=1`, wait: 4000 },
  { name: 'patient-waveforms', path: `/patient/${patient}?tab=strip`, wait: 12000 },
  { name: 'patient-callipers', path: () => `/patient/${patient}?tab=strip&strip=${Date.now() - 8000}`, wait: 4000 },
  { name: 'patient-table', path: `/patient/${patient}?tab=table&h=1`, wait: 3000, themes: ['light'] },
  { name: 'patient-other-units', path: `/patient/${patient}?h=1`, wait: 4000, sizes: [wide], themes: ['dark'], preferences: { units: { temperature: '[degF]', 'bp-systolic': 'kPa', 'bp-diastolic': 'kPa' } } },
  { name: 'patient-discharge', path: `/patient/${patient}`, wait: 3000, sizes: [wide], themes: ['dark'], act: async (page) => (await page.getByRole('button', { name: 'Actions' }).click(), await page.getByRole('menuitem', { name: 'Discharge' }).click(), await page.waitForTimeout(600)) },
  { name: 'patient-usual', path: `/patient/${patient}?tab=now`, wait: 4000, answers: { [api(`/patients/${patient}/baseline`)]: { json: usual() } }, act: async (page) => (await page.locator('.usual').scrollIntoViewIfNeeded()) },
  { name: 'patient-contact', path: `/patient/${patient}?tab=todo`, wait: 3000, themes: ['light'], act: async (page) => (await page.getByRole('button', { name: 'Name somebody' }).click(), await page.waitForTimeout(500)) },
  { name: 'patient-to-do', path: `/patient/${patient}?tab=todo`, wait: 3000, sizes: [phone] },
  { name: 'patient-news2', path: `/patient/${patient}?tab=chart&h=24`, wait: 4000 },
  { name: 'patient-limits', path: `/patient/${patient}`, wait: 3000, act: async (page) => (await page.getByRole('button', { name: 'Actions' }).click(), await page.getByRole('menuitem', { name: 'Alarm limits' }).click(), await page.waitForTimeout(800)) },
  { name: 'patient-how-to-judge', path: `/patient/${patient}`, wait: 3000, themes: ['light'], act: async (page) => (await page.getByRole('button', { name: 'Actions' }).click(), await page.getByRole('menuitem', { name: 'How to judge' }).click(), await page.waitForTimeout(800)) },
  { name: 'alarm', path: withAlarm('/'), wait: 6000 },
  { name: 'alarm-help', path: certain, wait: 4000, act: async (page) => (await page.getByRole('button', { name: /^Call for help/ }).click(), await page.waitForTimeout(600)) },
  { name: 'alarm-black-box', path: trace, wait: 4000 },
  { name: 'alarm-black-box-missing', path: '/alarms/a-0/trace', wait: 2000, sizes: [wide], themes: ['dark'] },
  { name: 'alarms', path: '/alarms', wait: 3000 },
  { name: 'alarms-history', path: '/alarms?tab=history', wait: 3000, themes: ['light'] },
  { name: 'alarms-cut-off', path: '/alarms', wait: 3000, sizes: [wide], themes: ['dark'], act: async (page, context) => (await cut(page, context), await page.waitForTimeout(4000)) },
  { name: 'sound-test', path: '/', wait: 3000, themes: ['dark'], act: async (page) => (await page.locator('.sound-sign').click(), await page.getByRole('button', { name: 'Play the high tone' }).click(), await page.waitForTimeout(400)) },
  { name: 'round', path: `/patient/${patient}/round`, wait: 2500, sizes: [phone] },
  { name: 'round-keypad', path: `/patient/${patient}/round`, wait: 2500, sizes: [phone], act: async (page) => (await page.getByRole('button', { name: /^Systolic/ }).click(), await page.locator('.keypad').getByRole('button', { name: '1', exact: true }).click(), await page.waitForTimeout(300)) },
  { name: 'patients', path: '/patients', wait: 2500 },
  { name: 'patients-empty', path: '/patients', wait: 2000, sizes: [wide], themes: ['dark'], answers: { [api('/patients?**')]: empty, [api('/patients')]: empty } },
  { name: 'devices', path: '/devices', wait: 2500 },
  { name: 'devices-empty', path: '/devices', wait: 2000, sizes: [wide], themes: ['dark'], answers: { [api('/devices')]: empty, [api('/devices?**')]: empty } },
  { name: 'devices-problems', path: '/devices?tab=problems', wait: 2500, themes: ['dark'] },
  { name: 'device', path: `/devices/${device}`, wait: 3000 },
  { name: 'device-bind', path: `/devices/${device}`, wait: 2500, sizes: [wide], themes: ['dark'], act: async (page) => (await page.getByRole('button', { name: 'Bind to a patient' }).click(), await page.waitForTimeout(600)) },
  { name: 'first-device', path: '/start', wait: 2500 },
  { name: 'system', path: '/system', wait: 9000 },
  { name: 'system-watchers', path: '/system', wait: 5000, answers: { [api('/watchdog')]: { json: watchdog() } }, act: async (page) => (await page.getByRole('heading', { name: 'Who watches Vigil' }).scrollIntoViewIfNeeded()) },
  { name: 'people', path: '/people', wait: 2500, themes: ['dark'] },
  { name: 'people-audit', path: '/people?tab=audit', wait: 2500, themes: ['dark'] },
  { name: 'people-audit-broken', path: '/people?tab=audit', wait: 2500, sizes: [wide], themes: ['light'], answers: access.brokenLedger },
  { name: 'people-change', path: '/people', wait: 2500, themes: ['light'], act: async (page) => (await page.getByRole('button', { name: 'Change Nora Frei' }).click(), await page.waitForTimeout(500)) },
  { name: 'people-emergency', path: '/people?tab=glass', wait: 2500, answers: access.answers },
  { name: 'people-emergency-review', path: '/people?tab=glass', wait: 2500, sizes: [wide], themes: ['dark'], answers: access.answers, act: async (page) => (await page.getByRole('button', { name: /^Review the access/ }).first().click(), await page.waitForTimeout(500)) },
  { name: 'people-emergency-none', path: '/people?tab=glass', wait: 2000, sizes: [wide], themes: ['dark'], answers: { [api('/break-glass?**')]: empty } },
  { name: 'people-unusual', path: '/people?tab=anomalies', wait: 2500, answers: access.answers },
  { name: 'patient-access', path: `/patient/${patient}/access`, wait: 3000, answers: access.answers },
  { name: 'patient-access-decide', path: `/patient/${patient}/access`, wait: 3000, themes: ['light'], answers: access.answers, act: async (page) => (await page.getByRole('button', { name: 'Record a decision of the patient' }).click(), await page.locator('.consent-form').scrollIntoViewIfNeeded()) },
  { name: 'patient-emergency', path: `/patient/${patient}`, wait: 3000, answers: { ...access.answers, ...access.ownGlass } },
  { name: 'patient-not-mine', path: '/patient/p-0', wait: 2000, themes: ['dark'] },
  { name: 'patient-not-mine-ask', path: '/patient/p-0', wait: 2000, themes: ['light'], act: async (page) => (await page.getByRole('button', { name: /^Emergency:/ }).click(), await page.waitForTimeout(500)) },
  { name: 'mine', path: '/', wait: 3000, me: anna, answers: access.answers },
  { name: 'mine-alarms', path: '/?part=alarms', wait: 3000, me: anna, answers: access.answers, sizes: [phone] },
  { name: 'mine-consent', path: '/?part=consent', wait: 3000, me: anna, answers: access.answers },
  { name: 'mine-who-looked', path: '/?part=looked', wait: 3000, me: anna, answers: access.answers },
  { name: 'mine-no-record', path: '/', wait: 2000, me: anna, sizes: [phone], themes: ['dark'], answers: { [api('/me/patient')]: { status: 404, json: { error: { kind: 'not-found', message: '' } } } } },
  { name: 'cover', path: '/cover', wait: 3000 },
  { name: 'cover-assign', path: '/cover', wait: 2500, themes: ['light'], act: async (page) => (await page.getByRole('button', { name: 'Assign a shift' }).click(), await page.waitForTimeout(600)) },
  { name: 'cover-chain', path: '/cover', wait: 2500, sizes: [wide], themes: ['dark'], act: async (page) => (await page.getByRole('button', { name: 'Change' }).first().click(), await page.waitForTimeout(600)) },
  { name: 'limits-to-confirm', path: '/review', wait: 2500, answers: { [api('/wards/*/limits/review')]: { json: reviews() } } },
  { name: 'limits-to-confirm-none', path: '/review', wait: 2500, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*/limits/review')]: empty } },
  { name: 'limits-to-confirm-denied', path: '/review', wait: 2000, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*/limits/review')]: { status: 403, json: { error: { kind: 'denied', message: '' } } } } },
  { name: 'gaps', path: '/ledger?h=4', wait: 4000, act: async (page) => (await page.locator('.ledger-line').first().focus(), await page.keyboard.press('End'), await page.waitForTimeout(200)) },
  { name: 'gaps-patient', path: `/ledger?patient=${patient}&h=4`, wait: 3000, themes: ['dark'] },
  { name: 'burden', path: '/burden?h=24', wait: 3000 },
  { name: 'burden-empty', path: '/burden', wait: 2000, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*/burden?**')]: { json: { from: '2026-01-01T00:00:00Z', to: '2026-01-08T00:00:00Z', bedDays: 0, alarms: 0, perBedDay: 0 } } } },
  { name: 'burden-denied', path: '/burden', wait: 2000, sizes: [wide], themes: ['dark'], answers: { [api('/wards/*/burden?**')]: { status: 403, json: { error: { kind: 'denied', message: '' } } } } },
  { name: 'rules', path: '/rules', wait: 3000, act: async (page) => (await page.locator('.rule summary').first().click(), await page.waitForTimeout(200)) },
  { name: 'rules-text', path: '/rules?tab=text&file=heart-rate.rule', wait: 3000, act: async (page) => (await page.locator('.editor textarea').focus(), await page.keyboard.type('whne '), await page.getByRole('button', { name: 'Check', exact: true }).click(), await page.locator('.editor-problems li').first().waitFor()) },
  { name: 'rules-versions', path: '/rules?tab=versions', wait: 2000, sizes: [wide], themes: ['dark'] },
  { name: 'rules-loading', path: '/rules', wait: 1500, sizes: [wide], themes: ['dark'], answers: { [api('/rules')]: null } },
  { name: 'try', path: `/try?patient=${patient}&metric=heart-rate`, wait: 3000, act: async (page) => (await page.getByRole('textbox', { name: /^High/ }).fill('88'), await page.getByRole('button', { name: 'Try it' }).click(), await page.locator('.try-table').waitFor({ timeout: 60_000 })) },
  { name: 'reached', path: '/me/channels', wait: 3000 },
  { name: 'preferences', path: '/devices', wait: 2500, sizes: [wide], themes: ['light'], act: async (page) => (await page.locator('.who').click(), await page.waitForTimeout(600)) },
  { name: 'sign-in', path: '/', wait: 1500, signedOut: true },
  ...identityPages(api, device, wide, phone),
]

async function cut(page, context) {
  await context.setOffline(true)
  await page.evaluate(() => window.dispatchEvent(new Event('offline')))
}

let bad = 0
async function draw(p, server, theme, size) {
  const { page, context, problems } = await open(browser, { theme, ...size, preferences: p.preferences, signedOut: p.signedOut, me: p.me })
  for (const [url, answer] of Object.entries(p.answers ?? {})) await page.route(url, (route) => (answer ? route.fulfill(answer) : new Promise(() => {})))
  await page.goto(server.address + (typeof p.path === 'function' ? await p.path() : p.path))
  await page.waitForTimeout(p.wait)
  await p.act?.(page, context)
  const name = `${p.name}-${theme}${size === phone ? '-phone' : ''}`
  await page.screenshot({ path: join(out, name + '.png') })
  for (const text of [...problems, ...(await violations(page))]) {
    bad++
    console.log(`${name}: ${text}`)
  }
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await context.close()
}

try {
  for (const p of pages.filter((x) => wanted(x.name))) {
    for (const theme of p.themes ?? ['dark', 'light']) for (const size of p.sizes ?? [wide, phone]) await draw(p, small, theme, size)
  }
} finally {
  await small.stop()
}
if (wanted('ward-64')) {
  const full = await demo(64, 600)
  try {
    for (const theme of ['dark', 'light']) await draw({ name: 'ward-64', path: '/', wait: 15000 }, full, theme, wide)
  } finally {
    await full.stop()
  }
}
await browser.close()
console.log(bad === 0 ? 'every page drawn; axe finds nothing' : `${bad} problems`)
process.exitCode = bad === 0 ? 0 : 1
