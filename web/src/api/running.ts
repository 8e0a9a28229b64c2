// What runs a ward beside the bed: rules and their trial, burden, cover, the ledger of silence, ways to be reached.

import { useQuery } from '@tanstack/react-query'
import type { Cover, Person, Priority, RuleRow } from './alarm'
import { get, post, put, query } from './client'
import { again, items, useMe, useWards, type List } from './queries'

const at = encodeURIComponent

export interface RuleFile {
  name: string
  text: string
}

export interface RuleSet {
  version: string
  by: string
  author: string
  at: string | null
  why: string
  files: RuleFile[] | null
  rules: RuleRow[] | null
  default: boolean
}

export interface RuleProblem {
  file: string
  line: number
  column: number
  message: string
}

export interface RuleCheck {
  version: string
  problems: RuleProblem[] | null
  rules: RuleRow[] | null
  tests: number
}

export interface RuleVersion {
  version: string
  by: string
  author: string
  at: string
  why: string
  active: boolean
  files: number
}

export interface Priorities {
  low: number
  medium: number
  high: number
}

export interface RuleTally {
  rule: string
  title: string
  technical: boolean
  alarms: number
  minutes: number
}

export interface Tally {
  alarms: number
  perBedDay: number
  byPriority: Priorities
  byRule: RuleTally[] | null
}

export interface ReplayAlarm {
  raised: number
  closed: number
  priority: Priority
  text: string
}

export const changeKinds = ['missed', 'later', 'milder', 'new', 'earlier', 'stronger'] as const
export type ChangeKind = (typeof changeKinds)[number]

export interface ReplayChange {
  patient: string
  rule: string
  title: string
  kind: ChangeKind
  seconds: number
  was: ReplayAlarm | null
  is: ReplayAlarm | null
}

export interface Replay {
  from: string
  to: string
  patients: number
  bedDays: number
  readings: number
  before: Tally
  after: Tally
  counts: Record<ChangeKind | 'same', number>
  changes: ReplayChange[] | null
}

export interface TrialLimit {
  metric: string
  unit: string
  low?: number
  high?: number
}

export interface Trial {
  from: string
  to: string
  limits?: TrialLimit[]
  files?: RuleFile[]
}

export interface Share {
  alarms: number
  share: number
}

export interface Spread {
  median: number
  p90: number
}

export interface Burden {
  from: string
  to: string
  bedDays: number
  alarms: number
  perBedDay: number
  technical: number
  byPriority: Priorities
  actionable: Share
  met: Share
  selfEnded: Share
  toMeet: Spread
  byRule: (RuleTally & { share: number; selfEnded: number; actionable: number })[] | null
  byBed: { bed: string; label: string; alarms: number }[] | null
  byHour: number[] | null
  byDay: { day: string; alarms: number }[] | null
  byShift: { name: string; from: string; to: string; alarms: number; met: number; toMeet: Spread }[] | null
  truncated: boolean
}

export interface Rung {
  level: number
  who: 'nurse' | 'backup' | 'lead' | 'supervisor'
  people: Person[] | null
}

export interface TeamAddress {
  name: string
  kind: string
  address: string
}

export interface Chain {
  items: Rung[] | null
  team: TeamAddress[] | null
}

export interface Interval {
  from: string
  to: string
  state: 'got' | 'late' | 'missing' | 'standby'
  kind: string
  cause: string
}

export interface StreamLedger {
  metric: string
  kind: 'continuous' | 'spot'
  every: number
  expected: number
  got: number
  late: number
  missing: number
  standby: number
  unjudged: number
  longest: number
  intervals: Interval[] | null
}

export interface Ledger {
  from: string
  to: string
  items: (Interval & { metric: string })[] | null
  streams: StreamLedger[] | null
}

export interface WardLedger {
  from: string
  to: string
  items: (Ledger & { bed: string; patient: string })[] | null
}

export interface Channel {
  id: string
  kind: string
  address: string
  order: number
  quiet: { from: string; to: string } | null
  state: string
  verified: string | null
  secret?: string
}

export interface Channels {
  items: Channel[] | null
  kinds: string[] | null
  pushKey: string
}

export interface OwnDelivery {
  id: string
  page: string
  alarm: string
  told: string
  kind: string
  channel: string
  state: string
  attempts: number
  at: string
  changed: string
  reason: string
}

export interface Station {
  id: string
  ward: string
  user: string
  name: string
  sound: string
  tested: string | null
  seen: string
  quiet: boolean
}

const span = (from: number, to: number) => ({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })

export const useRuleSet = () => useQuery({ queryKey: ['rules'], queryFn: () => get<RuleSet>('/rules'), staleTime: 60_000, retry: again })
export const useRuleVersions = () => useQuery({ queryKey: ['rules', 'versions'], queryFn: () => get<List<RuleVersion>>('/rules/versions').then(items), retry: again })
export const ruleVersion = (version: string) => get<RuleSet>(`/rules/versions/${at(version)}`)
export const checkRules = (files: RuleFile[]) => post<RuleCheck>('/rules/check', { files })
export const putRules = (files: RuleFile[], why: string, base: string) => put<RuleSet>('/rules', { files, why, base })
export const tryRules = (of: { ward?: string; patient?: string }, trial: Trial) => post<Replay>(of.patient ? `/patients/${at(of.patient)}/replay` : `/wards/${at(of.ward ?? '')}/replay`, trial)

export const useBurden = (ward: string, from: number, to: number) =>
  useQuery({ queryKey: ['burden', ward, from, to], queryFn: () => get<Burden>(`/wards/${at(ward)}/burden` + query(span(from, to))), enabled: ward !== '', retry: again, staleTime: 60_000 })

export const coverAt = (ward: string, when: number) => get<Cover>(`/wards/${at(ward)}/cover` + query({ at: new Date(when).toISOString() }))
export const useStaff = (ward: string, enabled = true) => useQuery({ queryKey: ['staff', ward], queryFn: () => get<List<Person>>(`/wards/${at(ward)}/staff`).then(items), enabled: enabled && ward !== '', staleTime: 60_000, retry: again })
export const useChain = (ward: string, enabled = true) => useQuery({ queryKey: ['chain', ward], queryFn: () => get<Chain>(ward ? `/wards/${at(ward)}/chain` : '/chain'), enabled, staleTime: 30_000, retry: again })
export const assign = (ward: string, body: { shift: string; from: string; to: string; items: { bed: string; user: string; backup: string }[] }) => put<Cover>(`/wards/${at(ward)}/assignments`, body)
export const putChain = (ward: string, body: { items: { level: number; people: string[] }[]; team: TeamAddress[]; why: string }) => put<Chain>(ward ? `/wards/${at(ward)}/chain` : '/chain', body)

export const useWardLedger = (ward: string, from: number, to: number) =>
  useQuery({ queryKey: ['ledger', ward, from, to], queryFn: () => get<WardLedger>(`/wards/${at(ward)}/gaps` + query(span(from, to))), enabled: ward !== '', retry: again, placeholderData: (last) => last })
export const usePatientLedger = (patient: string, from: number, to: number) =>
  useQuery({ queryKey: ['ledger', 'patient', patient, from, to], queryFn: () => get<Ledger>(`/patients/${at(patient)}/gaps` + query(span(from, to))), enabled: patient !== '', retry: again, placeholderData: (last) => last })

export const useChannels = () => useQuery({ queryKey: ['channels'], queryFn: () => get<Channels>('/me/channels'), retry: again })
export const putChannels = (list: { id?: string; kind: string; address?: string; quiet?: { from: string; to: string } | null }[]) => put<Channels>('/me/channels', { items: list })
export const testChannel = (id: string) => post<OwnDelivery>(`/me/channels/${at(id)}/test`)
export const useOwnDeliveries = (every: number) => useQuery({ queryKey: ['own-deliveries'], queryFn: () => get<List<OwnDelivery>>('/me/deliveries?limit=20').then(items), refetchInterval: every, retry: again })
export const useStations = (ward: string) => useQuery({ queryKey: ['stations', ward], queryFn: () => get<List<Station>>('/stations' + query({ ward })).then(items), refetchInterval: 10_000, retry: again })

/** Says whether this person may do something; before that is known, and on a server that does not say, the server decides. */
export function useMay(): (action: string) => boolean {
  const actions = useMe().data?.actions
  return (action) => actions === undefined || actions.includes(action)
}

/** The wall clock of a ward. */
export function useZoneOf(ward: string): string {
  const wards = useWards().data
  return (wards?.find((w) => w.id === ward) ?? wards?.[0])?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
}
