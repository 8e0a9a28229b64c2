// What is looked after beside the numbers: limits to confirm, what is usual for a person, who watches the machine, whom
// to call, and the black box of an alarm.

import { useQuery } from '@tanstack/react-query'
import type { OwnLimit, Priority } from './alarm'
import { get, letters, post, put, Refusal } from './client'
import { again, items, type List } from './queries'
import type { WaveBlock } from './types'

const at = encodeURIComponent

export interface LimitReview {
  patient: string
  bed: string
  label: string
  metric: string
  unit: string
  own: OwnLimit
  shift: { name: string; from: number; to: number }
  due: number
  reviewed: { by: string; name: string; at: number; why: string } | null
}

export const useReviews = (ward: string, enabled = true) =>
  useQuery({ queryKey: ['reviews', ward], queryFn: () => get<List<LimitReview>>(`/wards/${at(ward)}/limits/review`).then(items), enabled: enabled && ward !== '', refetchInterval: 30_000, retry: again })
export const reviewLimit = (patient: string, metric: string) => post(`/patients/${at(patient)}/limits/${at(metric)}/review`)

export interface Baseline {
  metric: string
  unit: string
  ready: boolean
  days: number
  center: number | null
  spread: number | null
  now: number | null
  z: number | null
  at: number
}

export const useBaseline = (patient: string) => useQuery({ queryKey: ['baseline', patient], queryFn: () => get<List<Baseline>>(`/patients/${at(patient)}/baseline`).then(items), refetchInterval: 60_000, retry: again })

export interface Sheets {
  written: string | null
  failing?: boolean
  off?: boolean
}

export interface Watchdog {
  now: string
  version: string
  ready: string
  journal: string
  ticked: string | null
  pages: { openMs: number; unheardMs: number; dead: { kind: string; since: string; reason: string }[] | null; problem: string }
  rules: { version: string; sentinel: boolean; errors: number; first: string }
  wards: { ward: string; name: string; patients: number; open: number; sounding: number; silent: string[] | null }[] | null
  sentinels: { id: string; name: string; seen: string | null }[] | null
}

export const useWatchdog = (enabled = true) => useQuery({ queryKey: ['watchdog'], queryFn: () => get<Watchdog>('/watchdog'), enabled, refetchInterval: 5_000, retry: again })
export const sheetAddress = (ward: string) => `/api/v1/wards/${at(ward)}/downtime.html`

export interface Contact {
  name: string
  relation: string
  phone: string
  email: string
  address: string
  detail: boolean
}

export const useContact = (patient: string, enabled = true) => useQuery({ queryKey: ['contact', patient], queryFn: () => get<Contact>(`/patients/${at(patient)}/contact`), enabled: enabled && patient !== '' && patient !== 'site', retry: again, staleTime: 30_000 })
export const setContact = (patient: string, contact: Contact) => put<Contact>(`/patients/${at(patient)}/contact`, contact)
export const callEmergency = (alarm: string, to: 'contact' | 'team', why: string) => post<{ page: string }>(`/alarms/${at(alarm)}/emergency`, { to, why })

export interface TraceReading {
  metric: string
  value: string
  code?: boolean
  unit: string
  effective: string
  received: string
  source: string
  decoder: string
  quality: number
}

export interface TraceWave {
  metric: string
  unit: string
  gain: number
  zero: number
  millihz: number
  startUs: number
  samples: number[] | null
  missing?: { From: number; To: number }[] | null
}

export interface Trace {
  version: number
  site: string
  made: string
  by: string
  ward: string
  bed: string
  alarm: { id: string; patient: string; rule: string; part?: string; version: string; title: string; text: string; metric?: string; technical?: boolean; priority: Priority; peak: Priority; since: string; raised: string; evidence: { metric: string; value: string; unit?: string; at: string; received: string; device?: string; source?: { partition: number; frame: number; index: number } }[] | null }
  evidence: {
    gathered: string
    from: string
    to: string
    ruleSet: string
    ruleFile: string
    ruleText: string
    about: { ageYears: number; wardKind: string; zone: string; spo2Scale: number; conditions: string[] | null; demo: boolean; limits: { metric: string; unit: string; low?: number; high?: number }[] | null }
    packets: { at: { partition: number; frame: number; index: number }; frame: string; received: string; device: string; door: string; topic: string; format: string; sha256: string; body: string }[] | null
    readings: TraceReading[] | null
    waves: TraceWave[] | null
    missing?: string[] | null
  }
  deeds: { at: string; kind: string; verb?: string; by?: string; why?: string; text?: string; level: number; priority: Priority }[] | null
  deliveries: { page: string; person: string; channel: string; state: string; attempts: number; at: string; changed: string; reason?: string }[] | null
  latency: { sampleToReceived: number; receivedToRaised: number; raisedToSent: number; raisedToSeen: number }
}

/** A signed trace: what it says, and the file letter by letter, because the signature is over its letters. */
export interface SignedTrace {
  trace: Trace
  key: string
  file: string
}

export const useTrace = (alarm: string) =>
  useQuery({
    queryKey: ['trace', alarm],
    queryFn: async (): Promise<SignedTrace> => {
      const file = await letters('GET', `/alarms/${at(alarm)}/trace`)
      const { payload, key } = JSON.parse(file) as { payload?: Trace; key?: string }
      if (!payload?.alarm || !key) throw new Refusal('internal', '')
      return { trace: payload, key, file }
    },
    retry: again,
    staleTime: 60_000,
  })

/** The pieces of one waveform as strips are drawn: times in ms, a hole as null. */
export function blocksOf(waves: TraceWave[], metric: string): WaveBlock[] {
  return waves
    .filter((w) => w.metric === metric)
    .map((w) => ({ start: w.startUs / 1000, millihz: w.millihz, gain: w.gain, zero: w.zero, unit: w.unit, quality: 0, samples: (w.samples ?? []).map((s, i) => ((w.missing ?? []).some((m) => i >= m.From && i < m.To) ? null : s)) }))
    .sort((a, b) => a.start - b.start)
}
