// Alarms as they travel: times are ms since 1970, and 0 where there is none yet.

export type Priority = 'low' | 'medium' | 'high'
export type Sound = 'on' | 'paused' | 'acknowledged' | 'snoozed' | 'off'

/** Who did something, when and why. */
export interface By {
  by: string
  name: string
  at: number
  why: string
}

export interface Owner {
  by: string
  name: string
  from: string
  at: number
  /** False while it is offered by hand-over, true once that person has taken it. */
  accepted: boolean
}

export interface Evidence {
  metric: string
  value: string
  unit?: string
  at: number
  received: number
  device?: string
  source?: unknown
}

export interface Alarm {
  id: string
  patient: string
  bed: string
  ward: string
  rule: string
  part?: string
  version: string
  title: string
  text: string
  metric?: string
  technical?: boolean
  latching?: boolean
  always?: boolean
  spot?: boolean
  priority: Priority
  peak: Priority
  condition: 'present' | 'ended' | 'unknown'
  since: number
  raised: number
  changed: number
  ended?: number
  unknown?: number
  closed?: number
  why?: string
  times: number
  sound: Sound
  soundUntil?: number
  acknowledged?: By | null
  owner?: Owner | null
  silenced?: By | null
  level: number
  due?: number
  evidence?: Evidence[] | null
}

export interface AlarmDeed {
  at: number
  kind: 'raised' | 'worse' | 'better' | 'again' | 'ended' | 'lost' | 'found' | 'closed' | 'escalated' | 'done' | 'refused' | 'lapsed'
  verb?: string
  by: string
  name: string
  why: string
  text: string
  priority: Priority
  level: number
  to?: string
  toName?: string
  until?: number
}

export interface Delivery {
  page: string
  kind: string
  person: string
  name: string
  channel: string
  address: string
  state: 'queued' | 'handing-over' | 'handed-over' | 'delivered' | 'seen' | 'acknowledged' | 'failed' | 'dead' | 'cancelled'
  attempts: number
  at: number
  changed: number
  reason: string
}

export interface AlarmStory {
  alarm: Alarm
  deeds: AlarmDeed[] | null
  deliveries: Delivery[] | null
}

export interface OwnLimit {
  low: number | string | null
  high: number | string | null
  by: string
  name: string
  why: string
  from: number
  until: number
}

export interface EffectiveLimit {
  metric: string
  unit: string
  low: number | string | null
  high: number | string | null
  defaultLow: number | string | null
  defaultHigh: number | string | null
  rule: string
  own: OwnLimit | null
}

export interface Care {
  spo2Scale: 0 | 1 | 2
  conditions: string[] | null
  by: string
  name: string
  why?: string
  at: number
}

/** A condition of a patient that somebody has switched off: it calls nobody until then, whether an alarm is open or not. */
export interface Off {
  rule: string
  part: string
  by: string
  name: string
  why: string
  at: number
  until: number
}

export interface ScoreParameter {
  name: string
  label: string
  value: string
  unit: string
  points: number | null
  why?: string
  at: number | string
  stale: boolean
  missing: boolean
}

export interface Score {
  name: string
  title: string
  at: number | string
  status: 'ok' | 'incomplete' | 'refused'
  score: number | string
  band: string
  risk: string
  response: string
  params: ScoreParameter[] | null
  missing: string[] | null
  reason: string
  source: string
  caveats?: string[] | null
}

export interface RuleRow {
  name: string
  title: string
  version: string
  priority: Priority
  technical: boolean
  latching: boolean
  always: boolean
  spot: boolean
  sources: string[] | null
  applies: string
  when: string
  metrics: string[] | null
  file: string
  line: number
  tests: string[] | null
}

export interface Rules {
  version: string
  author: string
  at: number
  why: string
  rules: RuleRow[] | null
  default: boolean
}

export interface Person {
  user: string
  name: string
}

export interface Cover {
  ward: string
  shift: { name: string; from: number | string; to: number | string } | null
  items: { bed: string; label: string; patient: string | null; nurse: Person | null; backup: Person | null; shift: string }[] | null
  chain: { level: number; who: 'nurse' | 'backup' | 'lead' | 'supervisor'; people: Person[] | null }[] | null
  uncovered: number
}
