import { useQuery } from '@tanstack/react-query'
import { alarms } from '../live/alarms'
import type * as A from './alarm'
import { get, post, put, query, call } from './client'
import { again, items, useAllowed, type List } from './queries'

export type Verb = 'acknowledge' | 'accept' | 'decline' | 'hand-over' | 'pause' | 'resume' | 'snooze' | 'off' | 'on' | 'escalate'

export interface Asked {
  why?: string
  to?: string
  minutes?: number
}

const at = encodeURIComponent

/** Asks for something to be done with an alarm. The screen changes when the server has done it, never before. */
export async function act(alarm: string, verb: Verb, asked: Asked = {}): Promise<A.Alarm> {
  const done = await post<A.Alarm>(`/alarms/${at(alarm)}/${verb}`, asked)
  if (done?.id) alarms.apply([done], false)
  return done
}

const every = async (patient: string, verb: string, asked: Asked) => {
  const done = await post<List<A.Alarm> | undefined>(`/patients/${at(patient)}/alarms/${verb}`, asked)
  alarms.apply(items(done), false)
}
export const pausePatient = (patient: string, minutes: number, why = '') => every(patient, 'pause', { minutes, why })
export const resumePatient = (patient: string) => every(patient, 'resume', {})

export interface AlarmFilter {
  ward?: string
  patient?: string
  state?: 'open' | 'closed' | 'all'
  from?: string
  to?: string
  technical?: string
  before?: string
  limit?: number
}

export const useAlarmStory = (id: string) => useQuery({ queryKey: ['alarm', id], queryFn: () => get<A.AlarmStory>(`/alarms/${at(id)}`), enabled: id !== '', refetchInterval: 10_000, retry: again })
export const useAlarmRows = (filter: AlarmFilter, enabled = true) =>
  useQuery({ queryKey: ['alarms', filter], queryFn: () => get<List<A.Alarm>>('/alarms' + query({ ...filter })).then((l) => ({ items: items(l), next: l?.next ?? '' })), enabled, retry: again, placeholderData: (last) => last })
export const useLimits = (patient: string) => useQuery({ queryKey: ['limits', patient], queryFn: () => get<List<A.EffectiveLimit>>(`/patients/${at(patient)}/limits`).then(items), retry: again, staleTime: 30_000, enabled: useAllowed('limit.read') })
export const useCare = (patient: string, enabled = true) => useQuery({ queryKey: ['care', patient], queryFn: () => get<A.Care>(`/patients/${at(patient)}/care`), enabled, retry: again, staleTime: 30_000 })
export const useOffs = (patient: string) => useQuery({ queryKey: ['offs', patient], queryFn: () => get<List<A.Off>>(`/patients/${at(patient)}/alarms/off`).then(items), refetchInterval: 60_000, retry: again })
export const switchOn = (patient: string, off: A.Off) => post(`/patients/${at(patient)}/alarms/on`, { rule: off.rule, part: off.part })
export const useScores = (patient: string) => useQuery({ queryKey: ['scores', patient], queryFn: () => get<List<A.Score>>(`/patients/${at(patient)}/scores`).then(items), refetchInterval: 30_000, retry: again })
export const useRules = (enabled = true) => useQuery({ queryKey: ['rules'], queryFn: () => get<A.Rules>('/rules'), enabled, staleTime: 300_000, retry: again })
export const useCover = (ward: string, enabled = true) => useQuery({ queryKey: ['cover', ward], queryFn: () => get<A.Cover>(`/wards/${at(ward)}/cover`), enabled: enabled && ward !== '', staleTime: 30_000, retry: again })

export const setLimit = (patient: string, body: { metric: string; unit: string; low: number | null; high: number | null; why: string; minutes?: number }) => put(`/patients/${at(patient)}/limits`, body)
export const endLimit = (patient: string, metric: string, why: string) => call('DELETE', `/patients/${at(patient)}/limits/${at(metric)}`, { why })
export const setCare = (patient: string, body: { spo2Scale: number; conditions: string[]; why: string }) => put(`/patients/${at(patient)}/care`, body)
export const reportStation = (body: { id: string; ward: string; sound: string }) => post('/stations', body)
