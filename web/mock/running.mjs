// Invented answers for the pages that run a ward: cover, gaps, burden, rules, the trial, ways to be reached. The shapes
// of the API; a few commands change what is asked next.
import { random } from './physiology.mjs'

const hour = 3600e3
const iso = (t) => new Date(t).toISOString()
const people = [['u-1', 'Thea Roth'], ['u-2', 'Nico Frei'], ['u-3', 'Sara Blum'], ['u-4', 'Jan Kunz'], ['u-5', 'Ines Graf'], ['u-6', 'Lea Moser']].map(([user, name]) => ({ user, name }))
const person = (user) => people.find((p) => p.user === user) ?? null

const ruleText = `# Heart rate of adults on a ward.

rule heart-rate-high
  title "Heart rate high"
  source "IEC 60601-2-27:2011, 208.6.6"
  applies age >= 16
  limit heart-rate high 120 /min
  when heart-rate > limit for 10 s priority medium text "HR {heart-rate} > {limit}"
  when heart-rate > 150 /min for 10 s priority high text "HR {heart-rate} > 150"
  clear heart-rate <= limit - 5 /min

  test "rises and falls"
    at 00:10 heart-rate 134 /min
    expect 00:30 medium
`

export function start(beds, began, ruleRows) {
  const full = beds.filter((b) => b.patient)
  const assigned = new Map(beds.map((b) => [b.id, { user: b.index % 9 === 8 ? '' : people[b.index % 3].user, backup: people[3].user }]))
  let shift = { name: 'Day', from: iso(began - 3 * hour), to: iso(began + 5 * hour) }
  let chain = { items: ['nurse', 'backup', 'lead', 'supervisor'].map((who, level) => ({ level, who, people: level < 2 ? [] : [people[level + 1]] })), team: [{ name: 'Rapid response', kind: 'sms', address: '+41 79 000 00 00' }] }
  let site = { items: chain.items.map((r) => ({ ...r, people: [] })), team: [] }
  const cover = () => {
    const items = beds.map((b) => ({ bed: b.id, label: b.label, patient: b.patient?.id ?? null, nurse: person(assigned.get(b.id)?.user), backup: person(assigned.get(b.id)?.backup), shift: shift.name }))
    return { ward: 'w-1', shift, items, chain: chain.items, uncovered: items.filter((i) => i.patient && !i.nurse).length }
  }

  const stream = (b, metric, from, to, k) => {
    const r = random(b.index * 17 + k)
    const intervals = []
    let at = from
    const put = (end, state, kind = '', cause = '') => {
      const e = Math.min(to, end)
      if (e > at) intervals.push({ from: iso(at), to: iso(e), state, kind, cause })
      at = Math.max(at, e)
    }
    while (at < to) {
      put(at + (0.6 + 4 * r()) * hour, 'got')
      const what = r()
      if (what < 0.4) put(at + (2 + r() * 25) * 60e3, 'missing', 'sensor', 'lead off')
      else if (what < 0.6) put(at + (1 + r() * 4) * 60e3, 'late', 'network', 'connection broke')
      else if (what < 0.7) put(at + 40 * 60e3, 'standby', 'standby', 'imaging, ordered by T. Roth')
      if (b.state === 'not-watched' && at > to - 2 * hour) put(to, 'missing', 'device', `monitor-${b.index + 1} is off`)
    }
    const sum = (s) => intervals.filter((i) => i.state === s).reduce((n, i) => n + Date.parse(i.to) - Date.parse(i.from), 0)
    const due = Math.max(1, to - from - sum('standby'))
    const share = (s) => Math.round((100_000 * sum(s)) / due) / 1000
    return { metric, kind: 'continuous', every: 2, expected: to - from, got: share('got'), late: share('late'), missing: share('missing'), standby: sum('standby'), unjudged: k === 2 ? 300e3 : 0, longest: Math.max(0, ...intervals.filter((i) => i.state === 'missing').map((i) => Date.parse(i.to) - Date.parse(i.from))), intervals }
  }
  const ledger = (b, from, to) => {
    const streams = ['heart-rate', 'spo2', 'resp-rate'].map((m, k) => stream(b, m, from, to, k))
    return { from: iso(from), to: iso(to), streams, items: [...streams.flatMap((s) => s.intervals.filter((i) => i.state !== 'got').map((i) => ({ metric: s.metric, ...i }))), { metric: 'resp-rate', from: iso(from + (to - from) * 0.4), to: iso(from + (to - from) * 0.42), state: 'got', kind: 'rule', cause: 'a rule could not judge it' }] }
  }
  const span = (q) => [Date.parse(q.get('from')), Math.min(Date.parse(q.get('to')), Date.now())]

  const burden = (q) => {
    const [from, to] = span(q)
    const days = (to - from) / 86400e3
    const r = random(5)
    const byRule = ruleRows.map((x, i) => ({ rule: x.name, title: x.title, technical: x.technical, alarms: Math.round((180 * days) / (i + 2)), minutes: (900 * days) / (i + 2), share: 0, selfEnded: Math.round((120 * days) / (i + 2)), actionable: Math.round((9 * days) / (i + 1)) }))
    const alarms = byRule.reduce((n, x) => n + x.alarms, 0)
    for (const x of byRule) x.share = x.alarms / alarms
    const part = (share) => ({ alarms: Math.round(alarms * share), share })
    return { from: iso(from), to: iso(to), bedDays: full.length * days, alarms, perBedDay: alarms / (full.length * days), technical: Math.round(alarms * 0.2), byPriority: { low: Math.round(alarms * 0.5), medium: Math.round(alarms * 0.42), high: Math.round(alarms * 0.08) }, actionable: part(0.14), met: part(0.46), selfEnded: part(0.49), toMeet: { median: 48, p90: 310 }, byRule, byBed: full.map((b) => ({ bed: b.id, label: b.label, alarms: Math.round((alarms / full.length) * (0.4 + 1.4 * r())) })).sort((a, b) => b.alarms - a.alarms), byHour: Array.from({ length: 24 }, (_, h) => Math.round((alarms / 24) * (0.6 + 0.8 * Math.abs(Math.sin(h / 4))))), byDay: Array.from({ length: Math.ceil(days) + 1 }, (_, d) => ({ day: iso(from + d * 86400e3).slice(0, 10), alarms: Math.round((alarms / (days + 1)) * (0.7 + 0.6 * r())) })), byShift: Array.from({ length: 6 }, (_, i) => ({ name: ['Night', 'Early', 'Late'][i % 3], from: iso(to - (i + 1) * 8 * hour), to: iso(to - i * 8 * hour), alarms: Math.round((alarms / days / 3) * (0.7 + 0.6 * r())), met: Math.round(alarms / days / 8), toMeet: { median: 40 + 10 * i, p90: 300 } })), truncated: false }
  }

  let set = { version: '3f9a1c22be07', by: '', author: '', at: null, why: '', files: [{ name: 'heart-rate.rule', text: ruleText }, { name: 'oxygen.rule', text: ruleText.replaceAll('heart-rate', 'spo2') }], default: true }
  const versions = []
  const rules = () => ({ ...set, rules: ruleRows.map((r) => ({ ...r, file: 'heart-rate.rule', line: 3 })) })

  const replay = (ids, body) => {
    const from = Date.parse(body.from), to = Date.parse(body.to), days = (to - from) / 86400e3
    const moved = body.limits?.[0]
    const gentle = moved ? (moved.high ?? 0) > 100 : true
    const r = random(3)
    const was = Math.round(ids.length * days * 11)
    const missed = gentle ? Math.round(was * 0.3) : 0, fresh = gentle ? 0 : Math.round(was * 0.6)
    const change = (kind, i) => {
      const raised = from + r() * (to - from)
      const a = { raised, closed: raised + 90e3, priority: kind === 'missed' && i < 2 ? 'high' : 'medium', text: 'HR 124 /min > 120 /min' }
      return { patient: ids[Math.floor(r() * ids.length)], rule: 'heart-rate-high', title: 'Heart rate high', kind, seconds: kind === 'later' ? 42 : 0, was: kind === 'new' ? null : a, is: kind === 'missed' ? null : { ...a, raised: raised + (kind === 'later' ? 42e3 : 0), priority: kind === 'milder' ? 'low' : a.priority } }
    }
    const tally = (n) => ({ alarms: n, perBedDay: n / (ids.length * days), byPriority: { low: Math.round(n * 0.4), medium: Math.round(n * 0.5), high: Math.round(n * 0.1) }, byRule: [{ rule: 'heart-rate-high', title: 'Heart rate high', technical: false, alarms: Math.round(n * 0.6), minutes: n * 2 }, { rule: 'spo2-low', title: 'Oxygen saturation low', technical: false, alarms: Math.round(was * 0.4), minutes: n }] })
    const counts = { same: was - missed, missed, later: gentle ? 4 : 0, milder: gentle ? 2 : 0, new: fresh, earlier: 0, stronger: 0 }
    return { from: body.from, to: body.to, patients: ids.length, bedDays: ids.length * days, readings: Math.round(ids.length * days * 120_000), before: tally(was), after: tally(was - missed + fresh), counts, changes: Object.entries(counts).filter(([k]) => k !== 'same').flatMap(([k, n]) => Array.from({ length: Math.min(n, 120) }, (_, i) => change(k, i))) }
  }

  let channels = [{ id: 'ch-1', kind: 'sms', address: '+41791234567', order: 0, quiet: { from: '22:00', to: '06:30' }, state: 'active', verified: iso(began - 30 * hour) }, { id: 'ch-2', kind: 'email', address: 'roth@hospital.example', order: 1, quiet: null, state: 'dead', verified: null }]
  const deliveries = [{ id: 'd-0', page: 'pg-0', alarm: 'al-1', told: 'raised', kind: 'sms', channel: 'ch-1', state: 'acknowledged', attempts: 1, at: iso(began - 5 * hour), changed: iso(began - 5 * hour + 40e3), reason: '' }, { id: 'd-00', page: 'pg-0', alarm: 'al-2', told: 'escalated', kind: 'email', channel: 'ch-2', state: 'dead', attempts: 3, at: iso(began - 7 * hour), changed: iso(began - 7 * hour + 9e4), reason: 'no such mailbox' }]

  return [
    ['GET', /^\/wards\/([^/]+)\/cover$/, cover],
    ['GET', /^\/wards\/([^/]+)\/staff$/, () => ({ items: people })],
    ['PUT', /^\/wards\/([^/]+)\/assignments$/, (_m, _q, body) => {
      shift = { name: body.shift, from: body.from, to: body.to }
      assigned.clear()
      for (const i of body.items) assigned.set(i.bed, i)
      return cover()
    }],
    ['GET', /^\/wards\/([^/]+)\/chain$/, () => chain],
    ['GET', /^\/chain$/, () => site],
    ['PUT', /^\/(?:wards\/([^/]+)\/)?chain$/, ([ward], _q, body) => {
      const made = { items: chain.items.map((r) => ({ ...r, people: (body.items.find((i) => i.level === r.level)?.people ?? []).map(person) })), team: body.team ?? [] }
      if (ward) chain = made
      else site = made
      return made
    }],
    ['GET', /^\/wards\/([^/]+)\/gaps$/, (_m, q) => { const [from, to] = span(q); return { from: iso(from), to: iso(to), items: full.map((b) => ({ bed: b.id, patient: b.patient.id, ...ledger(b, from, to) })) } }],
    ['GET', /^\/patients\/([^/]+)\/gaps$/, ([id], q) => { const [from, to] = span(q); return ledger(full.find((b) => b.patient.id === id), from, to) }],
    ['GET', /^\/wards\/([^/]+)\/burden$/, (_m, q) => burden(q)],
    ['GET', /^\/rules$/, rules],
    ['POST', /^\/rules\/check$/, (_m, _q, body) => {
      const problems = body.files.flatMap((f) => f.text.split('\n').flatMap((l, i) => (/\bwhne\b/.test(l) ? [{ file: f.name, line: i + 1, column: l.indexOf('whne') + 1, message: '"whne" is no word of a rule; did you mean "when"?' }] : [])))
      return { version: problems.length ? '' : 'aa00bb11cc22', problems, rules: problems.length ? [] : rules().rules, tests: problems.length ? 0 : ruleRows.length }
    }],
    ['PUT', /^\/rules$/, (_m, _q, body) => {
      if (body.base !== set.version || process.env.CONFLICT) throw [409, 'conflict', 'other rules are in force']
      set = { version: (versions.length + 10).toString(16).padStart(12, 'b'), by: 'u-1', author: 'Thea Roth', at: iso(Date.now()), why: body.why, files: body.files, default: false }
      versions.forEach((v) => (v.active = false))
      versions.unshift({ ...set, active: true })
      return rules()
    }],
    ['GET', /^\/rules\/versions$/, () => ({ items: versions.map((v) => ({ ...v, files: v.files.length })) })],
    ['GET', /^\/rules\/versions\/([^/]+)$/, ([v]) => versions.find((x) => x.version === v) ?? rules()],
    ['POST', /^\/wards\/([^/]+)\/replay$/, (_m, _q, body) => replay(full.map((b) => b.patient.id), body)],
    ['POST', /^\/patients\/([^/]+)\/replay$/, ([id], _q, body) => replay([id], body)],
    ['GET', /^\/me\/channels$/, () => ({ items: channels, kinds: ['screen', 'web-push', 'ntfy', 'sms', 'email', 'webhook'], pushKey: 'BElrNQq3UxPGrpYyQ_hs4tCpfUzTQhdGyqqdEXJhGqnZhzAkYJyLb3YUCM6P64xQAuxnWNQZJYPHtKwMhRGdqrE' })],
    ['PUT', /^\/me\/channels$/, (_m, _q, body) => {
      channels = body.items.map((c, order) => ({ state: 'active', verified: null, ...channels.find((o) => o.id === c.id), id: c.id ?? `ch-${Date.now()}`, kind: c.kind, quiet: c.quiet ?? null, order, address: c.address ?? channels.find((o) => o.id === c.id)?.address ?? '' }))
      return { items: channels, kinds: ['screen', 'web-push', 'ntfy', 'sms', 'email', 'webhook'], pushKey: '' }
    }],
    ['POST', /^\/me\/channels\/([^/]+)\/test$/, ([id]) => {
      const c = channels.find((x) => x.id === id)
      const d = { id: `d-${deliveries.length}`, page: 'pg-t', alarm: '', told: 'test', kind: c.kind, channel: id, state: 'queued', attempts: 0, at: iso(Date.now()), changed: iso(Date.now()), reason: '' }
      deliveries.unshift(d)
      setTimeout(() => Object.assign(d, { state: 'delivered', attempts: 1, changed: iso(Date.now()) }), 1500)
      return { ...d }
    }],
    ['GET', /^\/me\/deliveries$/, () => ({ items: deliveries })],
    ['GET', /^\/stations$/, () => ({ items: [{ id: 's-1', ward: 'w-1', user: 'k-1', name: 'Wall screen, corridor', sound: 'blocked', tested: null, seen: iso(Date.now() - 4000), quiet: true }, { id: 's-2', ward: 'w-1', user: 'u-1', name: 'Thea Roth', sound: 'ok', tested: iso(began - hour), seen: iso(Date.now() - 9000), quiet: false }, { id: 's-3', ward: '', user: 'u-2', name: 'Nico Frei', sound: 'asleep', tested: null, seen: iso(began - 9 * hour), quiet: true }] })],
  ]
}
