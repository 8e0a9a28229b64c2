// A stand-in for the server while screens are drawn: the shapes of docs/formats/api.md and live.md with invented
// data. Development only; `npm run mock -- 64 7499` gives 64 beds on port 7499 of the loopback. ALARMS and REFUSE:
// see alarms.mjs.
import { createServer } from 'node:http'
import { readFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { dirname, extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import * as alarming from './alarms.mjs'
import * as running from './running.mjs'
import { ecg, pleth, random, wander } from './physiology.mjs'

const count = Number(process.argv[2] ?? 16)
const port = Number(process.argv[3] ?? 7499)
const mode = process.argv[4] ?? '' // "empty" | "denied" | "fail" | "slow" | "signed-out"
const dist = process.env.DIST ?? join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')
const families = 'Aebischer Baumann Crettaz Dubois Egli Fontana Gerber Huber Iseli Jäggi Keller Lüthi Meier Niederhauser Odermatt Pfister Rochat Schneider Thommen Urech Vogel Wyss Zbinden Ammann Brunner Casagrande'.split(' ')
const givens = 'Anna Beat Carla Daniel Elena Felix Giulia Hans Irène Jonas Katrin Luca Maria Nils Olivia Peter Rosa Simon Theres Urs Vera Walter Yvonne Zoé'.split(' ')
const zone = 'Europe/Zurich'
const iso = (t) => new Date(t).toISOString()
const began = Date.now()

const ward = { id: 'w-1', name: 'Medicine 3 West', zone, kind: 'adult', beds: count, patients: 0 }
const beds = []
for (let i = 0; i < count; i++) {
  const r = random(i + 11)
  const p = { hr: 58 + r() * 48, spo2: 92 + r() * 7, rr: 12 + r() * 9, sys: 98 + r() * 50, t: 36.2 + r() * 2.1 }
  const year = 1932 + Math.floor(r() * 66)
  const id = `p-${i + 1}`
  const state = i === 6 ? 'not-watched' : i === 10 ? 'standby' : i === 3 ? 'partly' : 'watched'
  const empty = i === 13 || i === 29
  const patient = empty || mode === 'empty' ? null : {
    id, family: families[i % families.length] + (i >= families.length ? '-' + families[(i * 7) % families.length] : ''), given: givens[(i * 5) % givens.length], sex: r() > 0.5 ? 'female' : 'male',
    birth: `${year}-0${1 + Math.floor(r() * 9)}-1${Math.floor(r() * 9)}`, age: 2026 - year, numbers: [{ system: 'MRN', value: String(4000100 + i * 37) }, { system: 'AHV', value: `756.1234.${5600 + i}.97` }],
    admitted: iso(began - (8 + i) * 3600e3), bed: `b-${i + 1}`, ward: 'w-1', flags: i === 2 ? ['penicillin allergy'] : i === 8 ? ['isolation', 'falls risk'] : [],
  }
  if (patient) ward.patients++
  beds.push({ id: `b-${i + 1}`, index: i, label: String(i + 1).padStart(2, '0'), room: `r-${1 + (i >> 1)}`, position: i, patient, state: patient ? state : 'empty', base: p, phase: r(), stopAt: state === 'not-watched' ? began - 372e3 : Infinity, kind: i === 5 ? 'af' : 'sinus' })
}
const alarms = alarming.start(beds, process.env.ALARMS ?? 'three')
const latestAt = (b, t) => Math.min(t, b.stopAt)
const value = (b, metric, v, unit, at, quality = []) => ({ bed: b.id, patient: b.patient?.id ?? '', metric, value: v, code: '', unit, at, received: at + 18, quality, device: `monitor-${b.index + 1}` })
function vitals(b, t) {
  const w = (k, a) => a * wander(b.index * 9 + k, t)
  return { 'heart-rate': b.base.hr + w(1, 9), spo2: Math.min(100, b.base.spo2 + w(2, 2)), 'resp-rate': b.base.rr + w(3, 3), 'bp-systolic': b.base.sys + w(4, 12), 'bp-diastolic': b.base.sys * 0.58 + w(5, 6), 'temperature': b.base.t + w(6, 0.3), glucose: 118 + w(7, 60), news2: Math.max(0, 2 + w(8, 5)) }
}
const unitsOf = { 'heart-rate': ['/min', 0], spo2: ['%', 0], 'resp-rate': ['/min', 0], 'bp-systolic': ['mm[Hg]', 0], 'bp-diastolic': ['mm[Hg]', 0], 'temperature': ['Cel', 1], glucose: ['mg/dL', 0], news2: ['{score}', 0] }
function values(b, now, all) {
  if (!b.patient) return []
  const t = latestAt(b, now)
  const x = vitals(b, t)
  const spot = began - ((b.index * 7) % 50) * 60e3 - 4 * 60e3
  const list = [['heart-rate', t], ['spo2', b.state === 'partly' ? Math.min(t, began - 41e3) : t], ['resp-rate', t]]
  if (all) list.push(['bp-systolic', spot], ['bp-diastolic', spot], ['temperature', spot - 900e3], ...(b.index % 4 === 1 ? [['glucose', spot + 120e3]] : []))
  const score = all ? alarms.news(b, vitals) : null
  return [...(score && score.status === 'ok' ? [value(b, 'news2', String(score.score), '{score}', score.at - ((b.index * 13) % 90) * 60e3, ['derived'])] : []), ...list.map(([m, at]) => value(b, m, alarms.override(b, m, x[m]).toFixed(unitsOf[m][1]), unitsOf[m][0], Math.floor(at), m === 'bp-systolic' && b.index % 3 === 0 ? ['manual'] : []))]
}
function watched(b, now) {
  const t = latestAt(b, now)
  const state = b.state
  const stream = (metric, kind, s, every, last = t) => ({ metric, kind, state: s, last, every })
  const base = { bed: b.id, patient: b.patient?.id ?? '', state, last: t, since: t, cause: '', streams: [] }
  if (state === 'empty') return base
  if (state === 'not-watched') return { ...base, since: b.stopAt, cause: `monitor-${b.index + 1} sends nothing`, streams: [stream('heart-rate', 'continuous', 'missing', 2000), stream('spo2', 'continuous', 'missing', 2000)] }
  if (state === 'standby') return { ...base, since: began - 1500e3, cause: 'CT scan, until 15:30' }
  const s = [stream('heart-rate', 'continuous', 'got', 2000), stream('spo2', 'continuous', state === 'partly' ? 'missing' : 'got', 2000, state === 'partly' ? began - 41e3 : t), stream('resp-rate', 'continuous', 'got', 2000), stream('bp-systolic', 'spot', 'got', 3600e3 * 4, began - 1800e3)]
  return state === 'partly' ? { ...base, since: began - 41e3, cause: 'probe off', streams: s } : { ...base, streams: s }
}
const bedState = (b, now) => ({ id: b.id, ward: 'w-1', room: b.room, label: b.label, position: b.position, patient: b.patient, latest: values(b, b.state === 'standby' ? began : now, true), watched: watched(b, now), devices: b.patient ? [{ id: `monitor-${b.index + 1}`, label: `Monitor ${b.index + 1}`, kind: 'monitor' }] : [], limits: alarms.limitsOf(b), alarms: alarms.ofBed(b) })

// REST
const list = (items) => ({ items, next: '' })
const me = { id: 'u-1', name: 'Demo visitor', class: 'user', roles: ['administrator', 'clinician'], wards: [], allWards: true, demo: true, preferences: { language: 'en', theme: 'dark', units: {}, privacy: false }, site: 'demo', version: '0.0.0-mock', catalogue: '' }
const metricRows = Object.entries({ 'heart-rate': 'Heart rate', spo2: 'Oxygen saturation', 'resp-rate': 'Respiratory rate', 'bp-systolic': 'Systolic blood pressure', 'bp-diastolic': 'Diastolic blood pressure', 'temperature': 'Body temperature', glucose: 'Glucose', 'weight': 'Body weight' }).map(([name, label]) => ({ name, label, loinc: '', mdc: 0, unit: unitsOf[name]?.[0] ?? 'kg', units: [], low: 0, high: 350, group: 'vital', shape: 'numeric', source: '' }))
const deviceOf = (b) => ({ id: `monitor-${b.index + 1}`, label: `Monitor ${b.index + 1}`, kind: 'monitor', class: 'device', model: 'Synthetic 12', udi: '', regulatory: 'medical', state: 'active', created: iso(began - 9e8), lastSeen: iso(latestAt(b, Date.now())), clockOffsetMs: (b.index * 37) % 400 - 150, clockUncertaintyMs: 12, driftPpm: 3.2, packets: 40211 + b.index * 311, problems: b.index % 5 === 0 ? 3 : 0, binding: b.patient ? { id: `bi-${b.index}`, device: `monitor-${b.index + 1}`, patient: b.patient.id, room: null, from: b.patient.admitted, to: null, by: 'u-1', why: '' } : null, demo: true })
const observations = new Map()
const rounds = (b) => Array.from({ length: 18 }, (_, i) => {
  const at = began - 720e3 - i * 2.4 * 3600e3
  const x = vitals(b, at)
  const oxygen = b.index % 3 === 1 && i % 4 < 2
  return { id: `o-${i}`, patient: b.patient.id, at: iso(at), by: i % 2 ? 'N. Frei' : 'T. Roth', note: '', items: [{ metric: 'consciousness', code: i === 5 ? 'C' : 'A' }, { metric: 'oxygen-device', code: oxygen ? 'nasal-cannula' : 'air' }, { metric: 'resp-rate', value: x['resp-rate'].toFixed(0), unit: '/min' }, { metric: 'bp-systolic', value: x['bp-systolic'].toFixed(0), unit: 'mm[Hg]' }, { metric: 'bp-diastolic', value: x['bp-diastolic'].toFixed(0), unit: 'mm[Hg]' }, { metric: 'temperature', value: x.temperature.toFixed(1), unit: 'Cel' }] }
})
const annotations = new Map()
const packets = (d) => Array.from({ length: 40 }, (_, i) => ({ partition: 3, frame: 9000 - i, index: 0, received: iso(Date.now() - i * 1000), device: d, credential: d, door: i % 9 === 4 ? 'http' : 'mqtt', topic: `v1/${d}/${i % 3 ? 'telemetry' : 'wave'}`, format: i % 3 ? 'vigil-json' : 'vigil-wave', bytes: i % 3 ? 214 : 780, sequence: 40211 - i, result: i === 4 ? 'failed' : i === 7 ? 'partly' : i === 9 ? 'duplicate' : 'decoded', reason: i === 4 ? 'readings[0].unit: missing' : i === 7 ? 'readings[1].unit: "bpm" is not UCUM; did you mean "/min"?' : '', readings: i === 4 ? 0 : 5, decoder: 'vigil-json@1', preview: '{"seq":40207,"time":"2026-11-22T09:30:01+01:00","readings":[{"metric":"heart-rate","value":72' }))
function series(b, q) {
  const from = Date.parse(q.get('from')), to = Date.parse(q.get('to')), n = Number(q.get('points') ?? 600)
  const step = Math.max(1000, (to - from) / n)
  return { from: iso(from), to: iso(to), series: q.get('metrics').split(',').filter((m) => unitsOf[m]).map((metric) => {
    const spot = metric.startsWith('bp') || metric === 'temperature' || metric === 'news2'
    const points = []
    for (let t = from; t < to; t += spot ? Math.max(step, 1800e3) : step) {
      if (t > Math.min(Date.now(), b.stopAt)) break
      if (!spot && Math.sin(t / 4.1e6 + b.index) > 0.985) { points.push(null); continue }
      const x = vitals(b, t)[metric]
      const jitter = spot ? 0 : 2.2 * Math.abs(wander(b.index + 31, t * 7))
      const d = unitsOf[metric][1] + 1
      points.push([Math.round(t), +x.toFixed(d), +(x - jitter).toFixed(d), +(x + jitter).toFixed(d), 0, 30])
    }
    return { metric, unit: unitsOf[metric][0], points }
  }) }
}
const rates = { ecg: 250, pleth: 125 }
const sample = { 'ecg-ii': (b, t) => { const f = b.base.hr / 60; const ph = ((t / 1000) * f + b.phase) % 1; return ecg((ph + 1) % 1, b.kind) + 0.02 * Math.sin(t / 1700) }, pleth: (b, t) => pleth((((t / 1000) * b.base.hr) / 60 + b.phase) % 1), 'resp-wave': (b, t) => Math.sin((2 * Math.PI * t * b.base.rr) / 60e3) }
function waveforms(b, q) {
  const from = Date.parse(q.get('from')), to = Math.min(Date.parse(q.get('to')), latestAt(b, Date.now()))
  const metric = q.get('metric'), hz = metric.startsWith('ecg') ? 250 : 125, gain = metric.startsWith('ecg') ? 0.005 : 0.001
  const blocks = []
  for (let t = Math.ceil(from / 1000) * 1000; t < to; t += 1000) {
    if (Math.floor(t / 1000) % 97 === 13) continue
    const samples = Array.from({ length: hz }, (_, i) => Math.round(sample[metric](b, t + (i * 1000) / hz) / gain))
    if (Math.floor(t / 1000) % 41 === 5) samples.fill(null, 60, 120)
    blocks.push({ start: t, millihz: hz * 1000, gain, zero: 0, unit: metric.startsWith('ecg') ? 'mV' : '1', quality: 0, samples })
  }
  return { blocks }
}
function timeline(b, q) {
  const to = Math.min(Date.parse(q.get('to')), Date.now())
  const at = (min) => iso(to - min * 60e3)
  return list([{ at: at(12), kind: 'observation', text: 'BP 104/61 mmHg, A, room air', by: 'N. Frei', ref: 'o-1' }, { at: at(31), kind: 'annotation', text: 'Paracetamol 1 g by mouth', by: 'N. Frei', ref: 'a-1' }, { at: at(58), kind: 'gap', text: 'heart-rate: 3 min without data: lead off', by: '', ref: '' }, { at: at(66), kind: 'event', text: 'lead-off ecg-ii', by: `monitor-${b.index + 1}`, ref: '' }, { at: at(130), kind: 'binding', text: `Monitor ${b.index + 1} bound`, by: 'T. Roth', ref: '' }, { at: b.patient.admitted, kind: 'admission', text: `Admitted to bed ${b.label}`, by: 'T. Roth', ref: '' }])
}
const users = [{ id: 'u-1', name: 'Thea Roth', username: 'roth', roles: ['administrator'], wards: [], allWards: true, state: 'active', created: iso(began - 3e9) }, { id: 'u-2', name: 'Nico Frei', username: 'frei', roles: ['nurse'], wards: ['w-1'], allWards: false, state: 'active', created: iso(began - 2e9) }]
const tokens = [{ id: 't-1', name: 'Grafana', class: 'integration', wards: ['w-1'], created: iso(began - 1e9), lastUsed: iso(began - 6e4), expires: iso(began + 9e9) }]
const audit = Array.from({ length: 60 }, (_, i) => ({ at: iso(Date.now() - i * 311e3), who: i % 3 ? 'frei' : 'roth', role: i % 3 ? 'nurse' : 'administrator', from: '10.0.0.' + (i % 9), action: ['patient.view', 'observation.create', 'device.bind', 'me.preferences'][i % 4], subject: ['patient p-2', 'observation o-1', 'device monitor-2', 'user u-1'][i % 4], patient: i % 4 === 3 ? '' : 'p-2', outcome: i === 5 ? 'denied' : 'allowed', why: i === 5 ? 'not a ward of this user' : '' }))
const byPatient = (id) => beds.find((b) => b.patient?.id === id)

const alarmRoutes = alarms.routes(vitals)
const routes = [
  ...running.start(beds, began, alarmRoutes.find(([, at]) => String(at) === '/^\\/rules$/')[2]().rules),
  ...alarmRoutes,
  ['GET', /^\/me$/, () => me],
  ['PUT', /^\/me\/preferences$/, (_m, _q, body) => Object.assign(me.preferences, body)],
  ['POST', /^\/session$/, (_m, _q, body) => { if (body.password !== 'vigil') throw [401, 'unauthenticated', 'wrong name or password']; signed = true; return me }],
  ['DELETE', /^\/session$/, () => { signed = false; return undefined }],
  ['GET', /^\/wards$/, () => list(mode === 'empty' ? [] : [ward])],
  ['GET', /^\/wards\/([^/]+)$/, () => ({ ward, beds: mode === 'empty' ? [] : beds.map((b) => bedState(b, Date.now())) })],
  ['GET', /^\/metrics-table$/, () => metricRows],
  ['GET', /^\/patients$/, (_m, q) => list(beds.filter((b) => b.patient && `${b.patient.family} ${b.patient.given}`.toLowerCase().includes((q.get('q') ?? '').toLowerCase())).map((b) => b.patient))],
  ['GET', /^\/patients\/([^/]+)$/, ([id]) => { const b = byPatient(id); if (!b) throw [404, 'not-found', 'patient ' + id]; return { ...b.patient, admissions: [{ id: 'ad-1', ward: 'w-1', bed: b.id, from: b.patient.admitted, to: null }], bindings: [deviceOf(b).binding], standby: b.state === 'standby' ? { reason: 'CT scan', by: 'frei', from: iso(began - 1500e3), until: iso(began + 1800e3) } : null, plan: [{ metric: 'heart-rate', kind: 'continuous', every: 2 }, { metric: 'bp-systolic', kind: 'spot', every: 14400 }] } }],
  ['GET', /^\/patients\/([^/]+)\/series$/, ([id], q) => series(byPatient(id), q)],
  ['GET', /^\/patients\/([^/]+)\/waveforms$/, ([id], q) => waveforms(byPatient(id), q)],
  ['GET', /^\/patients\/([^/]+)\/waveform-metrics$/, () => list(['ecg-ii', 'pleth'])],
  ['GET', /^\/patients\/([^/]+)\/events$/, () => list([])],
  ['GET', /^\/patients\/([^/]+)\/timeline$/, ([id], q) => timeline(byPatient(id), q)],
  ['GET', /^\/patients\/([^/]+)\/observations$/, ([id]) => list([...(observations.get(id) ?? []), ...rounds(byPatient(id))])],
  ['POST', /^\/patients\/([^/]+)\/observations$/, ([id], _q, body) => { const o = { id: 'o-' + Date.now(), patient: id, by: 'you', ...body }; observations.set(id, [o, ...(observations.get(id) ?? [])]); return o }],
  ['GET', /^\/patients\/([^/]+)\/annotations$/, ([id]) => list(annotations.get(id) ?? [{ id: 'a-1', patient: id, at: iso(began - 31 * 60e3), by: 'N. Frei', text: 'Paracetamol 1 g by mouth', kind: 'drug' }])],
  ['POST', /^\/patients\/([^/]+)\/annotations$/, ([id], _q, body) => { const a = { id: 'a-' + Date.now(), patient: id, by: 'you', ...body }; annotations.set(id, [a, ...(annotations.get(id) ?? [])]); return a }],
  ['POST', /^\/patients\/[^/]+\/(admit|transfer|discharge|standby)$/, () => ({})],
  ['GET', /^\/devices$/, (_m, q) => list(mode === 'empty' ? [] : beds.map(deviceOf).filter((d) => d.id.includes(q.get('q') ?? '')))],
  ['GET', /^\/rooms$/, () => list(mode === 'empty' ? [] : [...new Set(beds.map((b) => b.room).filter(Boolean))].map((id) => ({ id, name: id, ward: 'w-1', wardName: 'Ward' })))],
  ['GET', /^\/devices\/([^/]+)\/bindings$/, ([id]) => list([deviceOf(beds[Number(id.split('-')[1]) - 1] ?? beds[0]).binding].filter(Boolean))],
  ['POST', /^\/devices$/, (_m, _q, body) => ({ device: { ...deviceOf(beds[0]), ...body, binding: null }, credential: { username: body.id, password: randomBytes(12).toString('base64url'), topic: `v1/${body.id}/telemetry` } })],
  ['POST', /^\/devices\/import$/, (_m, _q, body) => ({ items: String(body).trim().split('\n').slice(1).filter((l) => l.split(',')[0]).map((l) => ({ device: l.split(',')[0], username: l.split(',')[0], password: randomBytes(12).toString('base64url') })), problems: [] })],
  ['GET', /^\/devices\/([^/]+)$/, ([id]) => deviceOf(beds[Number(id.split('-')[1]) - 1] ?? beds[0])],
  ['GET', /^\/devices\/([^/]+)\/packets$/, ([id]) => list(packets(id))],
  ['GET', /^\/problems$/, () => list(packets('monitor-1').filter((p) => p.result !== 'decoded'))],
  ['GET', /^\/system$/, () => ({ rates: { packets: 64.2, readings: 311.5, waves: 128, acks: 64.2 }, lag: { raw: 0, readings: 2 }, journal: [0, 1, 2, 3].map((i) => ({ stream: i % 2 ? 'readings' : 'raw', partition: i, first: 1, last: 88123 + i, bytes: 4e8 + i * 1e7 })), disk: { free: 61e9, total: 128e9, data: 2.1e9 }, store: { dialect: 'sqlite', version: '3.51.3', bytes: 8.8e8, schema: 4 }, clients: 17, uptime: 86400 * 3 + 4021, version: '0.0.0-mock', memory: 118e6, ack: { p50Ms: 3.1, p99Ms: 9.7 }, fsync: { p99Ms: 5.2 }, retention: [{ what: 'raw packets', days: 30, lastRun: iso(began - 3e7), removed: 1200 }, { what: 'waveforms', days: 7, lastRun: iso(began - 3e7), removed: 88 }] })],
  ['GET', /^\/users$/, () => list(users)],
  ['POST', /^\/users$/, (_m, _q, body) => ({ ...body, id: 'u-9', created: iso(Date.now()) })],
  ['GET', /^\/tokens$/, () => list(tokens)],
  ['POST', /^\/tokens$/, (_m, _q, body) => ({ ...body, id: 't-9', secret: 'vgl_' + randomBytes(18).toString('base64url') })],
  ['POST', /^\/kiosks$/, () => ({ url: `http://127.0.0.1:${port}/ward/w-1?kiosk#k=demo` })],
  ['GET', /^\/audit$/, () => list(audit)],
]
let signed = mode !== 'signed-out'
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' }

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const answer = (status, body, type = 'application/json') => { response.writeHead(status, { 'Content-Type': type, 'Cache-Control': 'no-store' }); response.end(body) }
  if (url.pathname.startsWith('/api/v1/')) {
    const path = url.pathname.slice(7)
    const fail = (status, kind, message) => answer(status, JSON.stringify({ error: { kind, message } }))
    if (!signed && path !== '/session') return fail(401, 'unauthenticated', 'not signed in')
    if (mode === 'denied' && path !== '/me') return fail(403, 'denied', 'not yours')
    if (mode === 'fail' && path !== '/me') return fail(500, 'internal', 'invented failure')
    if (mode === 'slow' && path !== '/me' && path !== '/wards') return
    if (/\/qr\.svg$/.test(path)) return answer(200, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" fill="#fff"/><path d="M1 1h2v2H1zM5 1h2v2H5zM1 5h2v2H1zM4 4h1v1H4zM6 5h1v2H6z"/></svg>', 'image/svg+xml')
    let text = ''
    for await (const chunk of request) text += chunk
    const body = (request.headers['content-type'] ?? '').includes('json') && text ? JSON.parse(text) : text
    for (const [method, pattern, handle] of routes) {
      const m = method === request.method && pattern.exec(path)
      if (!m) continue
      try {
        const result = handle(m.slice(1), url.searchParams, body)
        return result === undefined ? answer(204) : answer(200, JSON.stringify(result))
      } catch (e) {
        return Array.isArray(e) ? fail(...e) : fail(500, 'internal', String(e))
      }
    }
    return fail(404, 'not-found', path)
  }
  const file = normalize(url.pathname).replace(/^\/+/, '')
  const nonce = randomBytes(12).toString('base64')
  try {
    if (!extname(file)) throw new Error('a page')
    answer(200, await readFile(join(dist, file)), types[extname(file)] ?? 'application/octet-stream')
  } catch {
    const html = (await readFile(join(dist, 'index.html'), 'utf8')).replace('__VIGIL_NONCE__', nonce)
    response.setHeader('Content-Security-Policy', `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; font-src 'self'; img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`)
    answer(200, html, types['.html'])
  }
})

// The live socket
let seq = 1
const json = (o) => Buffer.concat([Buffer.from([1, 1]), Buffer.from(JSON.stringify(o))])
const sockets = new WebSocketServer({ server, path: '/api/v1/live', handleProtocols: () => 'vigil.live.1' })
sockets.on('connection', (ws) => {
  ws.send(json({ type: 'hello', seq, now: Date.now(), demo: true }))
  ws.on('message', (text) => {
    const m = JSON.parse(text)
    if (m.type === 'alarms') {
      ws.alarms = true
      return ws.send(json({ type: 'alarms', seq: seq++, now: Date.now(), full: true, items: alarms.open() }))
    }
    ws.beds = beds.filter((b) => (m.beds ? m.beds.includes(b.id) : b.patient?.id === m.patient))
    const waves = m.waves.includes('*') ? ['ecg-ii', 'pleth'] : m.waves
    ws.channels = ws.beds.filter((b) => b.patient).flatMap((b) => waves.filter((w) => sample[w]).map((metric, k) => ({ channel: b.index * 4 + k, bed: b.id, patient: b.patient.id, device: `monitor-${b.index + 1}`, metric, unit: metric.startsWith('ecg') ? 'mV' : '1', gain: metric.startsWith('ecg') ? 0.005 : 0.001, zero: 0, millihz: metric.startsWith('ecg') ? 250000 : 125000 })))
    ws.sent = Date.now() - 50
    ws.send(json({ type: 'snapshot', seq: seq++, now: Date.now(), beds: ws.beds.map((b) => bedState(b, Date.now())) }))
    ws.send(json({ type: 'channels', items: ws.channels }))
  })
})
alarms.onChange((items) => {
  for (const ws of sockets.clients) if (ws.alarms) ws.send(json({ type: 'alarms', seq: seq++, now: Date.now(), full: false, items }))
})
setInterval(() => {
  const now = Date.now()
  for (const ws of sockets.clients) {
    if (!ws.channels) continue
    const parts = []
    let blocks = 0
    for (const c of ws.channels) {
      const b = beds[Math.floor(c.channel / 4)]
      if (b.stopAt < now || b.state === 'standby' || (b.state === 'partly' && c.metric === 'pleth')) continue
      const hz = c.millihz / 1000
      const first = Math.ceil((ws.sent * hz) / 1000), last = Math.ceil((now * hz) / 1000)
      const part = Buffer.alloc(16 + 2 * (last - first))
      part.writeUInt16LE(c.channel, 0)
      part.writeUInt16LE(last - first, 2)
      part.writeDoubleLE((first * 1000) / hz, 4)
      for (let i = first; i < last; i++) {
        const t = (i * 1000) / hz
        const off = b.index === 8 && t % 9000 < 1400
        part.writeInt16LE(off ? -32768 : Math.round(sample[c.metric](b, t) / c.gain), 16 + 2 * (i - first))
      }
      parts.push(part)
      blocks++
    }
    ws.sent = now
    if (!blocks) continue
    const head = Buffer.alloc(8)
    head[0] = 1
    head[1] = 2
    head.writeUInt16LE(blocks, 2)
    head.writeUInt32LE(seq++ >>> 0, 4)
    ws.send(Buffer.concat([head, ...parts]))
  }
}, 100)
setInterval(() => {
  const now = Date.now()
  for (const ws of sockets.clients) {
    if (!ws.beds) continue
    ws.send(json({ type: 'values', seq: seq++, items: ws.beds.flatMap((b) => (b.stopAt < now || b.state === 'standby' ? [] : values(b, now, false).filter((v) => now - v.at < 2000))) }))
    ws.send(json({ type: 'watched', seq: seq++, items: ws.beds.map((b) => watched(b, now)) }))
  }
}, 1000)
server.listen(port, '127.0.0.1', () => console.log(`mock with ${count} beds on http://127.0.0.1:${port}`))
