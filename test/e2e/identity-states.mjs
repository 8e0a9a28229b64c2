// What the screens of signing in, of one's own account, of certificates and of backups show that takes more than one
// person, device or day to come about.
const json = (body, status = 200) => ({ status, contentType: 'application/json', body: JSON.stringify(body) })
const ago = (hours) => new Date(Date.now() - hours * 3600_000).toISOString()

const certificate = (more) => ({ serial: '3f9a0c11223344556677', device: 'monitor-1', label: 'Monitor 1', name: 'spiffe://main/device/monitor-1', fingerprint: 'ab', issued: ago(400), expires: ago(-80), lastUsed: ago(0.1), revoked: null, why: '', state: 'inUse', current: true, ...more })
const certificates = { items: [certificate({}), certificate({ serial: 'aa00c4d1', state: 'revoked', revoked: ago(30), why: 'lost', current: false }), certificate({ serial: 'bb00c4d1', state: 'superseded', current: false })] }
const session = (more) => ({ id: 's-1', created: ago(5), lastSeen: ago(0.01), expires: ago(-7), from: '10.0.0.7', agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36', factors: ['passkey'], whole: true, current: true, ...more })
const backup = (days, more) => ({ name: String(days), at: ago(24 * days), bytes: 123_456_789, took: 12.5, schema: 14, patients: 12, audit: 3450, frames: 6780, offsite: true, checked: ago(24 * days - 0.1), problem: '', ...more })
const backups = { dir: '/srv/backup', offsite: '', every: '24h0m0s', keep: 7, running: { since: ago(0.02), phase: 'journal' }, problem: '', next: ago(-5), backups: [backup(3), backup(4, { problem: 'the disk was full', checked: null, offsite: false })] }
const keys = { store: 'a1b2c3d4e5f60718', place: 'files', root: 'file', revision: 12, living: 34, destroyed: 2, subjects: 30, problem: '' }
const mine = {
  passkeys: { items: [{ id: 'a', name: 'Nora\u2019s phone', created: ago(400), lastUsed: ago(5), synced: true, suspended: false }, { id: 'b', name: 'Old key', created: ago(9000), lastUsed: ago(900), synced: false, suspended: true }] },
  code: { set: true, created: ago(400) },
  sessions: { items: [session({}), session({ id: 's-2', current: false, whole: false, factors: ['password'], from: '10.0.0.99' })] },
  notices: { items: [{ id: 'n-1', at: ago(1), kind: 'link-made', by: 'u-9', byName: 'Ada Admin', from: '10.0.0.4', seen: null }, { id: 'n-2', at: ago(30), kind: 'passkey-added', by: 'visitor', byName: 'Visitor', from: '10.0.0.7', seen: ago(29) }] },
}
const methods = { password: true, passkey: true, passkeyAddress: '', sso: [{ name: 'hospital', title: 'St. Elsewhere' }], demo: false }
const half = (next) => ({ id: 'u-1', name: 'Nora Klein', class: 'user', roles: ['nurse'], wards: [], allWards: false, demo: false, password: true, preferences: {}, site: 'main', version: '0', next, methods: ['passkey', 'code', 'sso'], factors: ['password'] })

/** The page is drawn when nothing on it is still being fetched, however slow the machine. */
const act = (page) => page.waitForFunction(() => document.querySelector('main') && !document.querySelector('.skeleton'), undefined, { timeout: 15_000 })

/** Pages for screens.mjs; api gives the pattern of an address. */
export const identityPages = (api, device, wide, phone) => [
  { name: 'own-sign-in', path: '/me', wait: 500, act, answers: { [api('/me/passkeys')]: json(mine.passkeys), [api('/me/code')]: json(mine.code), [api('/me/sessions')]: json(mine.sessions), [api('/me/notices')]: json(mine.notices) } },
  { name: 'backups', path: '/backups', wait: 500, act, answers: { [api('/backups')]: json(backups), [api('/keys')]: json(keys) } },
  { name: 'backups-none', path: '/backups', wait: 500, act, themes: ['light'], sizes: [wide], answers: { [api('/backups')]: json({ ...backups, running: null, backups: [], next: null }), [api('/keys')]: json({ error: { kind: 'denied', message: '' } }, 403) } },
  { name: 'certificates', path: '/devices/' + device, wait: 500, act, themes: ['dark'], answers: { [api(`/devices/${device}/certificates`)]: json(certificates) } },
  { name: 'second-proof', path: '/', wait: 500, act, themes: ['light'], sizes: [phone], answers: { [api('/session/methods')]: json(methods), [api('/me')]: json(half('code')) } },
  { name: 'enrolment', path: '/', wait: 500, act, themes: ['dark'], sizes: [wide], answers: { [api('/session/methods')]: json(methods), [api('/me')]: json(half('enrol')) } },
]
