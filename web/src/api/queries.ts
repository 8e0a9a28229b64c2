import { useQuery } from '@tanstack/react-query'
import { live } from '../live/store'
import { get, query, Refusal } from './client'
import type * as T from './types'
import type { Sheets } from './watching'

export interface List<I> {
  items: I[] | null
  next?: string
}

/** Worth another try: the server or the way to it was gone, not a refusal. */
export const again = (failures: number, problem: Error) =>
  failures < 2 && problem instanceof Refusal && (problem.kind === 'offline' || problem.kind === 'unavailable')

/** A list may come bare or as {items}. */
export function items<I>(answer: List<I> | I[] | null | undefined): I[] {
  if (!answer) return []
  return Array.isArray(answer) ? answer : (answer.items ?? [])
}

const listed = <I>(path: string) => get<List<I> | I[]>(path).then(items)

export const useMe = () => useQuery({ queryKey: ['me'], queryFn: () => get<T.Me>('/me'), staleTime: 60_000, retry: again })

/** Whether asking makes sense: every refusal is a line in the ledger, so a page does not ask what it knows it may not. */
export function useAllowed(action: string): boolean {
  const actions = useMe().data?.actions
  return actions === undefined || actions.includes(action)
}
export const useWards = () => useQuery({ queryKey: ['wards'], queryFn: () => listed<T.Ward>('/wards'), staleTime: 30_000, retry: again, enabled: useAllowed('ward.list') })

/** A ward with its beds. What comes is at once the start of the live values, whoever asked for it. */
export const wardQuery = (id: string) => ({
  queryKey: ['ward', id],
  queryFn: async () => {
    const answer = await get<{ ward: T.Ward; beds: T.Bed[] | null; rooms?: { id: string; name: string }[] | null; sheet?: Sheets }>(`/wards/${encodeURIComponent(id)}`)
    live.seed(answer.beds ?? [])
    return answer
  },
  retry: again,
})
export const useWard = (id: string, every?: number) => useQuery({ ...wardQuery(id), enabled: id !== '', refetchInterval: every })
export const useRooms = () => useQuery({ queryKey: ['rooms'], queryFn: () => listed<T.Room>('/rooms'), staleTime: 30_000, retry: again })
export const useMetricRows = () => useQuery({ queryKey: ['metrics-table'], queryFn: () => listed<T.MetricRow>('/metrics-table'), staleTime: Infinity, retry: again })
export const usePatient = (id: string) => useQuery({ queryKey: ['patient', id], queryFn: () => get<T.Patient>(`/patients/${encodeURIComponent(id)}`), enabled: id !== '', retry: again })
export const usePatients = (q: string, ward?: string) => useQuery({ queryKey: ['patients', q, ward], queryFn: () => listed<T.PatientCard>('/patients' + query({ q, ward })), retry: again, enabled: useAllowed('patient.find') })
export const useDevices = (q: string) => useQuery({ queryKey: ['devices', q], queryFn: () => listed<T.Device>('/devices' + query({ q })), refetchInterval: 10_000, retry: again, enabled: useAllowed('device.list') })
export const useDevice = (id: string) => useQuery({ queryKey: ['device', id], queryFn: () => get<T.Device | { device: T.Device }>(`/devices/${encodeURIComponent(id)}`).then((d) => ('device' in d ? d.device : d)), enabled: id !== '', refetchInterval: 10_000, retry: again })
export const useBindings = (id: string) => useQuery({ queryKey: ['bindings', id], queryFn: () => listed<T.Binding>(`/devices/${encodeURIComponent(id)}/bindings`), retry: again })
export const usePackets = (id: string) =>
  useQuery({ queryKey: ['packets', id], queryFn: () => listed<T.Packet>(`/devices/${encodeURIComponent(id)}/packets?limit=100`), enabled: id !== '', refetchInterval: 5_000, retry: again })
export const useProblems = () => useQuery({ queryKey: ['problems'], queryFn: () => listed<T.Packet>('/problems'), refetchInterval: 10_000, retry: again })
export const useSystem = () => useQuery({ queryKey: ['system'], queryFn: () => get<T.System>('/system'), refetchInterval: 2_000, retry: again })
export const useUsers = (enabled = true) => useQuery({ queryKey: ['users'], queryFn: () => listed<T.User>('/users'), enabled, retry: again })
export const useTokens = () => useQuery({ queryKey: ['tokens'], queryFn: () => listed<T.Token>('/tokens'), retry: again })
export const useAudit = (filter: { who?: string; patient?: string; before?: string }) =>
  useQuery({ queryKey: ['audit', filter], queryFn: () => get<List<T.AuditItem>>('/audit' + query(filter)), retry: again })
export const useObservations = (id: string) => useQuery({ queryKey: ['observations', id], queryFn: () => listed<T.Observation>(`/patients/${encodeURIComponent(id)}/observations`), retry: again })
export const useAnnotations = (id: string) => useQuery({ queryKey: ['annotations', id], queryFn: () => listed<T.Annotation>(`/patients/${encodeURIComponent(id)}/annotations`), retry: again })

const span = (from: number, to: number) => query({ from: new Date(from).toISOString(), to: new Date(to).toISOString() })

export const useTimeline = (id: string, from: number, to: number) =>
  useQuery({ queryKey: ['timeline', id, from, to], queryFn: () => listed<T.TimelineItem>(`/patients/${encodeURIComponent(id)}/timeline${span(from, to)}`), retry: again, placeholderData: (last) => last })
export const useGaps = (id: string, from: number, to: number) =>
  useQuery({ queryKey: ['gaps', id, from, to], queryFn: () => listed<T.Gap>(`/patients/${encodeURIComponent(id)}/gaps${span(from, to)}`), retry: again, placeholderData: (last) => last })
export const useSeries = (id: string, metrics: string[], from: number, to: number, points: number) =>
  useQuery({
    queryKey: ['series', id, metrics.join(','), from, to, points],
    queryFn: () =>
      get<{ from: string; to: string; series: T.Series[] | null }>(
        `/patients/${encodeURIComponent(id)}/series` + query({ metrics: metrics.join(','), from: new Date(from).toISOString(), to: new Date(to).toISOString(), points }),
      ),
    enabled: metrics.length > 0,
    placeholderData: (last) => last,
    retry: again,
  })
export const useWaveMetrics = (id: string) =>
  useQuery({ queryKey: ['wave-metrics', id], queryFn: () => listed<string | { metric: string }>(`/patients/${encodeURIComponent(id)}/waveform-metrics`).then((l) => l.map((m) => (typeof m === 'string' ? m : m.metric))), retry: again })
