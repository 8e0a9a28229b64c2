// The objects of docs/formats/api.md, as they travel.

import type { Alarm } from './alarm'
import type { Connection, LinkCount, Listener } from './certificates'
import type { Sheets } from './watching'

export type Zone = string

export interface Ward {
  id: string
  name: string
  zone: Zone
  kind: string
  beds: number
  patients: number
}

export interface Room {
  id: string
  name: string
  ward: string
  wardName: string
}

export interface Limit {
  metric: string
  low: number | string | null
  high: number | string | null
}

export interface RecordNumber {
  system: string
  value: string
}

export interface PatientCard {
  id: string
  family: string
  given: string
  sex: string
  birth: string
  age: number
  numbers: RecordNumber[]
  admitted: string | null
  bed: string | null
  ward: string | null
  flags: string[] | null
  demo?: boolean
}

export interface Standby {
  reason: string
  by: string
  from: string
  until: string
}

export interface PlanItem {
  metric: string
  kind: 'continuous' | 'spot'
  every: number
}

export interface Admission {
  id: string
  ward: string
  bed: string
  from: string
  to: string | null
}

export interface Binding {
  id: string
  device: string
  patient: string | null
  room: string | null
  roomName: string
  wardName: string
  from: string
  to: string | null
  by: string
  why: string
}

export interface Patient extends PatientCard {
  admissions: Admission[] | null
  bindings: Binding[] | null
  standby: Standby | null
  plan: PlanItem[] | null
  latest?: Value[] | null
  watched?: Watched | null
}

/** A value as the live socket sends it: digits kept as text, times in ms since 1970. */
export interface Value {
  bed?: string
  patient: string
  metric: string
  value: string
  code?: string
  unit: string
  at: number
  received: number
  quality: string[] | null
  device: string
  others?: { value: string; unit: string; at: number; device: string }[]
}

export type WatchedState = 'watched' | 'partly' | 'not-watched' | 'standby' | 'unplanned' | 'empty'

export interface StreamState {
  metric: string
  kind: 'continuous' | 'spot'
  state: 'got' | 'late' | 'missing'
  last: number
  every: number
  since?: number
  cause?: string
}

export interface Watched {
  bed?: string
  patient?: string
  state: WatchedState
  last: number
  since: number
  cause: string
  streams?: StreamState[] | null
}

export interface Bed {
  id: string
  ward: string
  room: string
  label: string
  position: number
  patient: PatientCard | null
  latest: Value[] | null
  watched: Watched | null
  devices: { id: string; label: string; kind: string }[] | null
  limits: Limit[] | null
  alarms: Alarm[] | null
}

export interface Device {
  id: string
  label: string
  kind: string
  class: 'device' | 'gateway' | 'integration'
  model: string
  udi: string
  regulatory: 'medical' | 'wellness' | 'unknown'
  state: 'active' | 'quarantined' | 'retired'
  created: string
  lastSeen: string | null
  clockOffsetMs: number | null
  clockUncertaintyMs: number | null
  driftPpm: number | null
  packets: number
  problems: number
  binding: Binding | null
  demo: boolean
  /** Why it is in the state that it is in, since when. */
  stateWhy?: string
  stateSince?: string | null
  connection?: Connection | null
}

export interface Credential {
  username: string
  password: string
  topic?: string
}

export interface Packet {
  partition: number
  frame: number
  index: number
  received: string
  device: string
  credential: string
  door: string
  topic: string
  format: string
  bytes: number
  sequence: number
  result: 'decoded' | 'partly' | 'failed' | 'duplicate' | 'shredded' | 'waiting'
  reason: string
  readings: number
  decoder: string
  preview: string
}

/** [t ms, value, least, greatest, quality bits, count]; null is a gap. */
export type Point = [number, number, number, number, number, number] | null

export interface Series {
  metric: string
  unit: string
  points: Point[]
}

export interface WaveBlock {
  start: number
  millihz: number
  gain: number
  zero: number
  unit: string
  quality: number
  samples: (number | null)[]
}

export interface ObservationItem {
  metric: string
  value?: number | string
  code?: string
  unit?: string
}

export interface Observation {
  id: string
  patient: string
  at: string
  by: string
  items: ObservationItem[]
  note: string
}

export interface Annotation {
  id: string
  patient: string
  at: string
  by: string
  text: string
  kind: string
}

export interface TimelineItem {
  at: string
  kind: 'observation' | 'annotation' | 'event' | 'binding' | 'admission' | 'standby' | 'gap' | 'alarm'
  text: string
  by: string
  ref: string
}

export interface Gap {
  metric: string
  from: string
  to: string | null
  state: string
  cause: string
}

export interface User {
  id: string
  name: string
  username: string
  roles: string[]
  wards: string[] | null
  allWards: boolean
  state: string
  created: string
  /** Of an account of a patient: the record that it sees. */
  patient?: string
}

export interface Token {
  id: string
  name: string
  class: string
  wards: string[] | null
  created: string
  lastUsed: string | null
  expires: string | null
  secret?: string
}

export interface Preferences {
  language?: string
  theme?: string
  units?: Record<string, string>
  privacy?: boolean
}

export interface Me {
  id: string
  name: string
  class: string
  roles: string[] | null
  wards: string[] | null
  allWards: boolean
  demo: boolean
  preferences: Preferences | null
  actions?: string[]
  password?: boolean
  /** What is missing before anything else is answered: '' nothing, a second step, or a first second proof. */
  next?: '' | 'code' | 'passkey' | 'enrol'
  methods?: string[] | null
  factors?: string[] | null
  session?: string
  passkeys?: number
  code?: boolean
  notices?: number
  patient?: string
  site: string
  version: string
  catalogue?: string
}

export interface MetricRow {
  name: string
  label: string
  loinc: string
  mdc: number
  unit: string
  units: string[] | null
  low: number
  high: number
  group: string
  shape: string
  source: string
}

export interface System {
  rates: { packets: number; readings: number; waves: number; acks: number }
  lag: { raw: number; readings: number }
  journal: { stream: string; partition: number; first: number; last: number; bytes: number }[] | null
  disk: { free: number; total: number; data: number }
  store: { dialect: string; version: string; bytes: number; schema: number }
  clients: number
  listeners?: Listener[] | null
  links?: LinkCount[] | null
  uptime: number
  version: string
  memory: number
  ack: { p50Ms: number; p99Ms: number }
  fsync: { p99Ms: number }
  retention: { what: string; days: number; lastRun: string | null; removed: number }[] | null
  sheets?: Sheets
}

export interface AuditItem {
  at: string
  who: string
  role: string
  from: string
  action: string
  subject: string
  patient: string
  outcome: string
  why: string
}
