// Who may see whom, by what right, who did, and what stands in the ledger about it.

import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { call, get, letters, post, put, query } from './client'
import { again, items, type List } from './queries'

const at = encodeURIComponent

/** A time of the server, however it is written; 0 or null is none. */
export type When = number | string | null

export interface Someone {
  id: string
  name: string
  roles: string[] | null
}

export type RelationKind = 'care-team' | 'family'

export interface Relation {
  id: string
  user: string
  name: string
  roles: string[] | null
  kind: RelationKind
  from: When
  to: When
  by: string
  byName: string
  why: string
}

const of = (patient: string) => `/patients/${at(patient)}`

export const useRelations = (patient: string) => useQuery({ queryKey: ['relations', patient], queryFn: () => get<List<Relation>>(`${of(patient)}/relations`).then(items), enabled: patient !== '', retry: again })
export const useRelationPeople = (patient: string, kind: RelationKind) => useQuery({ queryKey: ['relations', patient, 'people', kind], queryFn: () => get<List<Someone>>(`${of(patient)}/relations/people` + query({ kind })).then(items), enabled: patient !== '', retry: again })
export const addRelation = (patient: string, body: { user: string; kind: RelationKind; until?: string; why?: string }) => post<Relation>(`${of(patient)}/relations`, body)
export const endRelation = (patient: string, relation: string, why: string) => call('DELETE', `${of(patient)}/relations/${at(relation)}`, { why })

export interface Consent {
  id: string
  data: string
  user: string
  name: string
  role: string
  purpose: string
  permit: boolean
  from: When
  until: When
  by: string
  byName: string
  behalf: boolean
  why: string
  ended: When
  endedBy: string
  endedWhy: string
}

export interface Consents {
  items: Consent[] | null
  data: string[] | null
  roles: string[] | null
  purposes: string[] | null
  kept: string[] | null
  people: Someone[] | null
}

export interface Decision {
  data: string
  user?: string
  role?: string
  purpose?: string
  permit: boolean
  until?: string
  why?: string
}

export const useConsents = (patient: string) => useQuery({ queryKey: ['consents', patient], queryFn: () => get<Consents>(`${of(patient)}/consents`), enabled: patient !== '', retry: again })
export const useConsentHistory = (patient: string, enabled: boolean) => useQuery({ queryKey: ['consents', patient, 'history'], queryFn: () => get<List<Consent>>(`${of(patient)}/consents/history`).then(items), enabled: enabled && patient !== '', retry: again })
export const decide = (patient: string, decision: Decision) => put<Consents>(`${of(patient)}/consents`, decision)
export const revoke = (patient: string, consent: string, why: string) => call<Consents>('DELETE', `${of(patient)}/consents/${at(consent)}`, why ? { why } : {})

export interface Glass {
  id: string
  patient: string
  patientName: string
  user: string
  name: string
  role: string
  reason: string
  from: When
  until: When
  ended: When
  state: 'open' | 'waiting' | 'reviewed'
  reviewed: When
  reviewedBy: string
  reviewedByName: string
  verdict: '' | Verdict
  note: string
  looks: number
}

export const verdicts = ['justified', 'unclear', 'unjustified'] as const
export type Verdict = (typeof verdicts)[number]
export const glassStates = ['waiting', 'open', 'reviewed', 'all'] as const
export type GlassState = (typeof glassStates)[number]

export interface Found {
  id: string
  family: string
  given: string
  birth: string
}

export const findBehindGlass = (who: { family?: string; number?: string; birth: string }) => post<List<Found>>('/break-glass/find', who).then(items)
export const breakGlass = (patient: string, reason: string, minutes: number) => post<Glass>(`${of(patient)}/break-glass`, { reason, minutes })
export const mendGlass = (patient: string) => call('DELETE', `${of(patient)}/break-glass`)
export const useOwnGlass = (patient: string, enabled: boolean) => useQuery({ queryKey: ['glass', 'own', patient], queryFn: () => get<List<Glass>>(`${of(patient)}/break-glass`).then(items), enabled: enabled && patient !== '', refetchInterval: 60_000, retry: again })
export const useGlasses = (state: GlassState, enabled = true) => useQuery({ queryKey: ['glass', state], queryFn: () => get<List<Glass>>('/break-glass' + query({ state })).then(items), enabled, refetchInterval: 30_000, retry: again })
export const reviewGlass = (glass: string, verdict: Verdict, note: string) => post<Glass>(`/break-glass/${at(glass)}/review`, { verdict, note })

export interface Look {
  at: When
  who: string
  name: string
  role: string
  what: string
  words: string
  purpose: string
  glass: boolean
  outcome: 'done' | 'refused'
  count: number
}

const pages = <T>(key: unknown[], path: (before: string) => string, enabled = true) => ({
  queryKey: key,
  queryFn: ({ pageParam }: { pageParam: string }) => get<T>(path(pageParam)),
  initialPageParam: '',
  getNextPageParam: (last: T) => (last as { next?: string }).next || null,
  enabled,
  retry: again,
})

export const useLooks = (patient: string) => useInfiniteQuery(pages<List<Look>>(['looked', patient], (before) => `${of(patient)}/looked` + query({ before, limit: 100 }), patient !== ''))
export const useMyRecord = (enabled = true) => useQuery({ queryKey: ['me', 'patient'], queryFn: () => get<{ patient: string; name: string }>('/me/patient'), enabled, retry: again })

export interface Anomaly {
  id: string
  at: When
  who: string
  name: string
  role: string
  kind: 'many' | 'unrelated'
  looks: number
  patients: number
  minutes: number
  limit: number
  seen: When
  seenBy: string
  seenByName: string
  note: string
}

export interface AnomalyPolicy {
  looks: number
  unrelated: number
  minutes: number
  accounts: { user: string; name: string; looks: number; unrelated: number }[] | null
}

export const useAnomalies = (enabled = true) => useQuery({ queryKey: ['anomalies'], queryFn: () => get<List<Anomaly>>('/anomalies').then(items), enabled, refetchInterval: 30_000, retry: again })
export const seeAnomaly = (id: string, note: string) => post<Anomaly>(`/anomalies/${at(id)}/seen`, { note })
export const useAnomalyPolicy = (enabled: boolean) => useQuery({ queryKey: ['anomalies', 'policy'], queryFn: () => get<AnomalyPolicy>('/anomalies/policy'), enabled, retry: again })
export const setAnomalyPolicy = (policy: AnomalyPolicy) => put<AnomalyPolicy>('/anomalies/policy', policy)

export interface AuditLine {
  n: number
  at: string
  who: string
  name: string
  role: string
  from: string
  action: string
  subject: string
  patient: string
  outcome: string
  why: string
  purpose: string
  glass: string
  erased: boolean
}

export interface AuditFilter {
  patient: string
  who: string
  action: string
  outcome: string
  from: string
  to: string
  text: string
  glass: string
}

export const countsBy = ['who', 'action', 'patient', 'outcome', 'role', 'day'] as const
export type CountBy = (typeof countsBy)[number]

export interface AuditPage extends List<AuditLine> {
  total?: number
  more?: boolean
}

export const useAuditSearch = (filter: AuditFilter) => useInfiniteQuery(pages<AuditPage>(['audit', filter], (before) => '/audit' + query({ ...filter, before, limit: 100 })))
export const useAuditCounts = (by: CountBy, filter: AuditFilter, enabled: boolean) => useQuery({ queryKey: ['audit', 'counts', by, filter], queryFn: () => get<List<{ key: string; name: string; count: number }>>('/audit/counts' + query({ by, ...filter })).then(items), enabled, retry: again })
/** What was found as FHIR AuditEvents, to take away: asks for one more proof. */
export const auditFile = (filter: AuditFilter) => letters('GET', '/audit.ndjson' + query({ ...filter }))

export interface LedgerState {
  size: number
  key: string
  checkpoint: { size: number; at: string; root: string } | null
  witness: { state: 'none' | 'good' | 'failing'; file?: string; at?: string | null; size?: number; problem?: string }
  verified: { state: 'never' | 'running' | 'good' | 'broken'; at?: string | null; size?: number; took?: number; first?: number; problems?: string[] | null }
}

export const useLedgerState = () => useQuery({ queryKey: ['ledger-state'], queryFn: () => get<LedgerState>('/ledger'), refetchInterval: (q) => (q.state.data?.verified.state === 'running' ? 1_000 : 10_000), retry: again })
export const verifyLedger = () => post<LedgerState>('/ledger/verify')
export const checkpointAddress = '/api/v1/ledger/checkpoint'
