// Invented alarms for work on the screens: the shapes of the API with a few commands that change them. What decides
// about real alarms is package alarm; here only enough happens for every state of a screen to be seen.
//
//   ALARMS=none|three|storm|technical node mock/server.mjs    REFUSE=1: every command is refused
import { wander } from './physiology.mjs'

const minute = 60_000
const began = Date.now()
const people = [{ user: 'u-1', name: 'Thea Roth' }, { user: 'u-2', name: 'Nico Frei' }, { user: 'u-3', name: 'Sara Blum' }, { user: 'u-4', name: 'Jan Kunz' }]
const nameOf = (id) => people.find((p) => p.user === id)?.name ?? id
const deed = (by, at, why = '') => ({ by, name: nameOf(by), at, why })

const kinds = {
  spo2: { rule: 'spo2-low', title: 'Oxygen saturation low', text: 'SpO2 84 % < 88 %', metric: 'spo2', value: '84', unit: '%', priority: 'high', always: true },
  tachy: { rule: 'heart-rate-high', title: 'Heart rate high', text: 'HR 134 /min > 120 /min', metric: 'heart-rate', value: '134', unit: '/min', priority: 'medium' },
  temp: { rule: 'temperature-high', title: 'Temperature high', text: 'T 39.2 \u00b0C > 38.5 \u00b0C', metric: 'temperature', value: '39.2', unit: 'Cel', priority: 'low', spot: true },
  bp: { rule: 'bp-low', title: 'Blood pressure low', text: 'Systolic 86 mmHg < 90 mmHg', metric: 'bp-systolic', value: '86', unit: 'mm[Hg]', priority: 'medium', spot: true },
  rr: { rule: 'resp-rate-high', title: 'Breathing fast', text: 'RR 31 /min > 30 /min', metric: 'resp-rate', value: '31', unit: '/min', priority: 'medium' },
  asystole: { rule: 'asystole', title: 'Asystole', text: 'Asystole', metric: 'heart-rate', value: '0', unit: '/min', priority: 'high', always: true, latching: true },
  news: { rule: 'news2-high', title: 'NEWS2 7 or more: emergency team', text: 'NEWS2 8 \u2265 7', metric: 'news2', value: '8', unit: '{score}', priority: 'high', spot: true },
  silent: { rule: 'no-data', part: 'heart-rate', title: 'No heart rate', text: 'heart rate: no data, monitor sends nothing', metric: 'heart-rate', value: '', unit: '', priority: 'high', technical: true },
  probe: { rule: 'no-data', part: 'spo2', title: 'No oxygen saturation', text: 'SpO2: no data, probe off', metric: 'spo2', value: '', unit: '', priority: 'medium', technical: true },
  overdue: { rule: 'spot-overdue', part: 'bp-systolic', title: 'Measurement overdue', text: 'blood pressure overdue by 25 min', metric: 'bp-systolic', value: '', unit: '', priority: 'low', technical: true },
}

let count = 0
function make(bed, kind, age, change = {}) {
  const k = kinds[kind]
  const at = began - age * minute
  const evidence = k.value ? [20, 10, 0].map((s) => ({ metric: k.metric, value: k.value, unit: k.unit, at: at - s * 1000, received: at - s * 1000 + 40, device: `monitor-${bed.index + 1}`, source: { partition: 3, frame: 40211 + count, index: 0 } })) : []
  return {
    id: `al-${++count}`, patient: bed.patient.id, bed: bed.id, ward: 'w-1', rule: k.rule, part: k.part ?? '', version: '3f9a1c22be07', title: k.title, text: k.text, metric: k.metric, technical: k.technical ?? false, latching: k.latching ?? false, always: k.always ?? false, spot: k.spot ?? false,
    priority: k.priority, peak: k.priority, condition: 'present', since: at - 20_000, raised: at, changed: at, ended: 0, unknown: 0, closed: 0, why: '', times: 1,
    sound: 'on', soundUntil: 0, acknowledged: null, owner: null, silenced: null, level: 0, due: k.priority === 'low' ? 0 : at + 3 * minute, evidence, ...change,
  }
}

export function start(beds, scenario) {
  const full = beds.filter((b) => b.patient)
  const at = (i) => full[i % full.length]
  const list = []
  const add = (...a) => list.push(make(...a))
  if (scenario === 'three' || scenario === 'storm') {
    add(at(4), 'spo2', 2)
    add(at(8), 'tachy', 14, { sound: 'paused', soundUntil: began + 2 * minute + 20_000, silenced: deed('u-2', began - 40_000, ''), owner: { ...deed('u-2', began - 12 * minute), from: '', accepted: true }, due: 0 })
    add(at(1), 'temp', 47, { sound: 'acknowledged', acknowledged: deed('u-1', began - 40 * minute), due: 0 })
    add(at(4), 'rr', 1)
    add(at(6), 'silent', 6)
    add(at(3), 'probe', 1, { sound: 'acknowledged', acknowledged: deed('u-2', began - 30_000) })
    add(at(9), 'bp', 90, { sound: 'off', soundUntil: began + 4 * 60 * minute, silenced: deed('u-1', began - 80 * minute, 'known low pressure, agreed with Dr Meyer'), due: 0 })
  }
  if (scenario === 'storm') {
    const order = ['tachy', 'spo2', 'rr', 'temp', 'bp', 'asystole', 'news', 'probe', 'overdue']
    full.forEach((b, i) => {
      add(b, order[i % order.length], (i * 7) % 50)
      if (i % 3 === 0) add(b, order[(i + 4) % order.length], (i * 11) % 90, i % 2 ? { condition: 'unknown', unknown: began - 60_000 } : {})
    })
    const latched = list.find((a) => a.latching)
    if (latched) Object.assign(latched, { condition: 'ended', ended: began - 5 * minute })
  }
  if (scenario === 'technical') {
    add(at(6), 'silent', 6)
    add(at(3), 'probe', 1)
    add(at(11), 'overdue', 25)
  }
  const history = full.slice(0, 12).map((b, i) => {
    const a = make(b, ['tachy', 'spo2', 'temp', 'probe'][i % 4], 200 + i * 37)
    return { ...a, closed: a.raised + (6 + i) * minute, changed: a.raised + (6 + i) * minute, ended: a.raised + (6 + i) * minute, condition: 'ended', why: i % 5 === 0 ? 'seen' : 'ended', acknowledged: i % 3 ? deed('u-2', a.raised + 50_000) : null, sound: i % 3 ? 'acknowledged' : 'on' }
  })
  const deeds = new Map([...list, ...history].map((a) => [a.id, [
    { at: a.raised, kind: 'raised', by: '', name: '', why: '', text: a.text, priority: a.priority, level: 0 },
    ...(a.acknowledged ? [{ at: a.acknowledged.at, kind: 'done', verb: 'acknowledge', by: a.acknowledged.by, name: a.acknowledged.name, why: '', text: '', priority: a.priority, level: 0 }] : []),
    ...(a.silenced ? [{ at: a.silenced.at, kind: 'done', verb: a.sound === 'off' ? 'off' : 'pause', by: a.silenced.by, name: a.silenced.name, why: a.silenced.why, text: '', priority: a.priority, level: 0 }] : []),
    ...(a.owner ? [{ at: a.owner.at, kind: 'done', verb: 'accept', by: a.owner.by, name: a.owner.name, why: '', text: '', priority: a.priority, level: 0 }] : []),
    ...(a.closed ? [{ at: a.closed, kind: 'closed', by: '', name: '', why: a.why, text: '', priority: a.priority, level: 0 }] : []),
  ]]))
  const listeners = new Set()
  const changed = (a) => {
    a.changed = Date.now()
    for (const tell of listeners) tell([a])
  }
  setInterval(() => {
    for (const a of list) if (a.sound === 'paused' && a.soundUntil < Date.now() && !a.closed) {
      Object.assign(a, { sound: 'on', soundUntil: 0, silenced: null })
      deeds.get(a.id).push({ at: Date.now(), kind: 'lapsed', verb: 'pause', by: '', name: '', why: '', text: '', priority: a.priority, level: a.level })
      changed(a)
    }
  }, 1000).unref()

  function command(id, verb, body) {
    const a = list.find((x) => x.id === id) ?? history.find((x) => x.id === id)
    if (!a) throw [404, 'not-found', 'alarm ' + id]
    if (a.closed) throw [409, 'conflict', 'the alarm is closed']
    if (process.env.REFUSE) throw [412, 'precondition', `"${a.title}" cannot be silenced: it is urgent whatever the ward decides`]
    if ((verb === 'off' || verb === 'snooze') && a.always) throw [412, 'precondition', `"${a.title}" is urgent and cannot be switched off or snoozed`]
    if (verb === 'snooze' && !a.spot) throw [412, 'precondition', 'it is measured without pause: there is no next measurement to wait for']
    if (verb === 'off' && (!body.why || !body.minutes)) throw [400, 'invalid', 'a reason and an end are needed']
    const now = Date.now()
    const by = deed('u-1', now, body.why ?? '')
    const seen = { acknowledged: by, sound: 'acknowledged', soundUntil: 0, due: 0 }
    const until = now + (body.minutes ?? 2) * minute
    const change = { acknowledge: seen, accept: { ...seen, owner: { ...by, from: '', accepted: true } }, decline: { owner: null, level: a.level + 1, due: now + minute }, 'hand-over': { owner: { by: body.to, name: nameOf(body.to), from: 'u-1', at: now, accepted: false } }, pause: { sound: 'paused', soundUntil: until, silenced: by }, resume: { sound: 'on', soundUntil: 0, silenced: null }, snooze: { sound: 'snoozed', soundUntil: now + 12 * 60 * minute, silenced: by }, off: { sound: 'off', soundUntil: until, silenced: by }, on: { sound: 'on', soundUntil: 0, silenced: null }, escalate: { level: a.level + 1, due: now + minute } }[verb]
    if (!change) throw [404, 'not-found', verb]
    Object.assign(a, change)
    deeds.get(id).push({ at: now, kind: 'done', verb, by: 'u-1', name: nameOf('u-1'), why: body.why ?? '', text: body.to ? nameOf(body.to) : '', priority: a.priority, level: a.level })
    changed(a)
    return a
  }

  const deliveries = (a) => a.technical && a.priority === 'low' ? [] : [
    { page: 'pg-1', kind: 'raised', person: 'u-2', name: 'Nico Frei', channel: 'web-push', address: 'Firefox on ward phone 3', state: a.acknowledged ? 'acknowledged' : 'delivered', attempts: 1, at: a.raised + 800, changed: a.raised + 2100, reason: '' },
    { page: 'pg-1', kind: 'raised', person: 'u-2', name: 'Nico Frei', channel: 'sms', address: '+41 79 \u2022\u2022\u2022 \u2022\u2022 12', state: 'failed', attempts: 3, at: a.raised + 900, changed: a.raised + 24_000, reason: 'the gateway did not answer for 10 s' },
    ...(a.level > 0 || !a.acknowledged ? [{ page: 'pg-2', kind: 'escalated', person: 'u-3', name: 'Sara Blum', channel: 'ntfy', address: 'ntfy.hospital.example/\u2022\u2022\u2022', state: 'handed-over', attempts: 1, at: a.raised + 61_000, changed: a.raised + 61_400, reason: '' }] : []),
  ]

  // Limits, care and scores
  const defaults = { 'heart-rate': ['/min', 50, 120], spo2: ['%', 92, null], 'resp-rate': ['/min', 8, 30], 'bp-systolic': ['mm[Hg]', 90, 180], temperature: ['Cel', 35, 38.5], glucose: ['mg/dL', 70, 250] }
  const own = new Map([[at(4)?.patient.id + ' spo2', { low: 88, high: 92, by: 'u-4', name: 'Jan Kunz', why: 'COPD, target 88 to 92 %', from: began - 20 * 3600e3, until: began + 9 * 3600e3 }]])
  const limits = (p) => Object.entries(defaults).map(([metric, [unit, low, high]]) => {
    const mine = own.get(p + ' ' + metric)
    const held = mine && (mine.until === 0 || mine.until > Date.now()) ? mine : null
    return { metric, unit, low: held ? held.low : low, high: held ? held.high : high, defaultLow: low, defaultHigh: high, rule: metric + '-limits', own: held }
  })
  const cares = new Map([[at(4)?.patient.id, { spo2Scale: 2, conditions: ['copd'], by: 'u-4', name: 'Jan Kunz', at: began - 20 * 3600e3 }]])
  const care = (p) => cares.get(p) ?? { spo2Scale: 0, conditions: [], by: '', name: '', at: 0 }

  function scores(b, vitals) {
    const t = Date.now()
    const x = vitals(b, t)
    const scale = care(b.patient.id).spo2Scale || 1
    const param = (name, label, value, unit, points, age = 6, more = {}) => ({ name, label, value: String(value), unit, points, at: t - age * minute, stale: false, missing: false, ...more })
    const rr = Math.round(x['resp-rate']), o = Math.round(x.spo2), sys = Math.round(x['bp-systolic']), hr = Math.round(x['heart-rate']), temp = x.temperature
    const params = [
      param('resp-rate', 'Respiratory rate', rr, '/min', rr <= 8 ? 3 : rr <= 11 ? 1 : rr <= 20 ? 0 : rr <= 24 ? 2 : 3, 0),
      param('spo2', `SpO2 scale ${scale}`, o, '%', scale === 2 ? (o >= 93 || o >= 88 ? 0 : o >= 86 ? 1 : o >= 84 ? 2 : 3) : o <= 91 ? 3 : o <= 93 ? 2 : o <= 95 ? 1 : 0, 0),
      param('oxygen', 'Air or oxygen', 'air', '', 0, 52),
      param('systolic', 'Systolic blood pressure', sys, 'mm[Hg]', sys <= 90 ? 3 : sys <= 100 ? 2 : sys <= 110 ? 1 : sys < 220 ? 0 : 3, 12),
      param('pulse', 'Pulse', hr, '/min', hr <= 40 ? 3 : hr <= 50 ? 1 : hr <= 90 ? 0 : hr <= 110 ? 1 : hr <= 130 ? 2 : 3, 0),
      param('consciousness', 'Consciousness', 'A', '', 0, 52),
      param('temperature', 'Temperature', temp.toFixed(1), 'Cel', temp <= 35 ? 3 : temp <= 36 ? 1 : temp <= 38 ? 0 : temp <= 39 ? 1 : 2, 27),
    ]
    const partial = b.index % 5 === 2
    if (partial) {
      Object.assign(params[5], { value: '', points: null, missing: true, at: 0 })
      Object.assign(params[6], { points: null, stale: true, at: t - 14 * 3600e3 })
    }
    const score = params.reduce((n, p) => n + (p.points ?? 0), 0)
    const single = params.some((p) => p.points === 3)
    const [band, risk, response] = score >= 7 ? ['7 or more', 'high', 'Emergency assessment by a team with critical care skills; continuous monitoring of vital signs'] : score >= 5 ? ['5 to 6', 'medium', 'Urgent review by a clinician; measure at least every hour'] : single ? ['3 in one parameter', 'low-medium', 'Urgent ward-based review; measure at least every hour'] : score > 0 ? ['1 to 4', 'low', 'Assessment by a registered nurse; measure at least every 4 to 6 hours'] : ['0', 'low', 'Measure at least every 12 hours']
    return [
      { name: 'news2', title: 'NEWS2', at: t, status: partial ? 'incomplete' : 'ok', score: partial ? 0 : score, band: partial ? '' : band, risk: partial ? '' : risk, response: partial ? '' : response, params, missing: partial ? ['consciousness', 'temperature'] : [], reason: partial ? 'consciousness and temperature are missing or older than 12 h' : '', source: 'Royal College of Physicians 2017' },
      { name: 'qsofa', title: 'qSOFA', at: t, status: 'ok', score: Number(rr >= 22) + Number(sys <= 100), band: '', risk: '', response: '', params: [], missing: [], reason: '', source: 'Singer 2016, JAMA 315:801' },
    ]
  }
  const cover = () => ({ ward: 'w-1', shift: { name: 'Day', from: new Date(began - 3 * 3600e3).toISOString(), to: new Date(began + 5 * 3600e3).toISOString() }, items: beds.map((b) => ({ bed: b.id, label: b.label, patient: b.patient?.id ?? null, nurse: b.index % 9 === 8 ? null : people[b.index % 2], backup: people[2] })), chain: [{ level: 0, who: 'nurse', people: [] }, { level: 1, who: 'backup', people: [people[2]] }, { level: 2, who: 'lead', people: [people[3]] }, { level: 3, who: 'supervisor', people: [{ user: 'u-5', name: 'Ines Graf' }] }], uncovered: 1 })
  const rules = { version: '3f9a1c22be07', author: '', at: 0, why: '', files: [], default: true, rules: Object.values(kinds).map((k) => ({ name: k.rule, title: k.title, version: '3f9a1c22be07', priority: k.priority, technical: !!k.technical, latching: !!k.latching, always: !!k.always, spot: !!k.spot, sources: ['IEC 60601-1-8:2020', 'RCP 2017, National Early Warning Score 2'], applies: 'ward adult, age 16 and more', when: `${k.metric} ${k.text.includes('<') ? 'below low limit' : 'above high limit'}`, metrics: [k.metric], file: 'adult-ward.rule', line: 12, tests: [`raises at ${k.value || 'silence'}`] })) }

  return {
    open: () => list.filter((a) => !a.closed),
    ofBed: (b) => (b.patient ? list.filter((a) => !a.closed && a.patient === b.patient.id) : []),
    limitsOf: (b) => (b.patient ? limits(b.patient.id).map(({ metric, unit, low, high, own }) => ({ metric, unit, low, high, own: own !== null })) : []),
    onChange: (tell) => listeners.add(tell),
    news: (b, vitals) => (b.patient ? scores(b, vitals)[0] : null),
    routes: (vitals) => [
      ['GET', /^\/alarms$/, (_m, q) => {
        let rows = [...list, ...history]
        const state = q.get('state') ?? 'open'
        if (state === 'open') rows = rows.filter((a) => !a.closed)
        if (state === 'closed') rows = rows.filter((a) => a.closed)
        if (q.get('ward')) rows = rows.filter((a) => a.ward === q.get('ward'))
        if (q.get('patient')) rows = rows.filter((a) => a.patient === q.get('patient'))
        if (q.get('technical')) rows = rows.filter((a) => String(a.technical) === q.get('technical'))
        rows.sort((a, b) => b.raised - a.raised)
        const first = q.get('before') ? rows.findIndex((a) => a.id === q.get('before')) + 1 : 0
        const n = Number(q.get('limit') ?? 100)
        return { items: rows.slice(first, first + n), next: rows.length > first + n ? rows[first + n - 1].id : '' }
      }],
      ['GET', /^\/alarms\/([^/]+)$/, ([id]) => {
        const a = list.find((x) => x.id === id) ?? history.find((x) => x.id === id)
        if (!a) throw [404, 'not-found', 'alarm ' + id]
        return { alarm: a, deeds: deeds.get(id), deliveries: deliveries(a) }
      }],
      ['POST', /^\/alarms\/([^/]+)\/([a-z-]+)$/, ([id, verb], _q, body) => command(id, verb, body)],
      ['POST', /^\/patients\/([^/]+)\/alarms\/(pause|resume)$/, ([p, verb], _q, body) => { for (const a of list.filter((x) => x.patient === p && !x.closed && (verb === 'pause' ? x.sound === 'on' : x.sound === 'paused'))) command(a.id, verb, body); return { items: list.filter((x) => x.patient === p && !x.closed) } }],
      ['GET', /^\/patients\/([^/]+)\/alarms\/off$/, ([p]) => ({ items: list.filter((a) => a.patient === p && a.sound === 'off' && !a.closed).map((a) => ({ rule: a.rule, part: a.part, by: a.silenced.by, name: a.silenced.name, why: a.silenced.why, at: a.silenced.at, until: a.soundUntil })) })],
      ['POST', /^\/patients\/([^/]+)\/alarms\/on$/, ([p], _q, body) => { for (const a of list.filter((x) => x.patient === p && x.rule === body.rule && !x.closed)) command(a.id, 'on', {}); return { items: [] } }],
      ['GET', /^\/patients\/([^/]+)\/limits$/, ([p]) => ({ items: limits(p) })],
      ['GET', /^\/patients\/([^/]+)\/limits\/history$/, () => ({ items: [] })],
      ['PUT', /^\/patients\/([^/]+)\/limits$/, ([p], _q, body) => { if (process.env.REFUSE) throw [412, 'precondition', 'a low limit of SpO2 under 80 % is not possible on this ward']; own.set(p + ' ' + body.metric, { low: body.low, high: body.high, by: 'u-1', name: nameOf('u-1'), why: body.why, from: Date.now(), until: body.minutes ? Date.now() + body.minutes * minute : 0 }); return limits(p).find((l) => l.metric === body.metric) }],
      ['DELETE', /^\/patients\/([^/]+)\/limits\/([^/]+)$/, ([p, m]) => { own.delete(p + ' ' + m) }],
      ['GET', /^\/patients\/([^/]+)\/care$/, ([p]) => care(p)],
      ['PUT', /^\/patients\/([^/]+)\/care$/, ([p], _q, body) => { cares.set(p, { ...body, by: 'u-1', name: nameOf('u-1'), at: Date.now() }); return care(p) }],
      ['GET', /^\/patients\/([^/]+)\/scores$/, ([p]) => ({ items: scores(beds.find((b) => b.patient?.id === p), vitals) })],
      ['GET', /^\/rules$/, () => rules],
      ['GET', /^\/wards\/([^/]+)\/cover$/, cover],
      ['POST', /^\/stations$/, (_m, _q, body) => { console.log('station', JSON.stringify(body)); return { ...body, user: 'u-1', name: 'Thea Roth', tested: Date.now(), seen: Date.now(), quiet: body.sound !== 'ok' } }],
    ],
    /** Curves of a patient whose alarm is open show what it says. */
    override: (b, metric, v) => {
      const a = b.patient && list.find((x) => !x.closed && !x.technical && x.patient === b.patient.id && x.metric === metric && x.condition === 'present')
      const said = a?.evidence.at(-1)?.value
      return said ? Number(said) + (Number(said) ? wander(b.index, Date.now()) * 0.4 : 0) : v
    },
  }
}
