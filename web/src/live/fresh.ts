// Says whether a value may be shown as live. The rule is one for the whole site: what is older than its
// stream allows is grey and carries its age; with the link down nothing is live.

import type { StreamState, Value } from '../api/types'

/** Monitors send these without pause; five silent seconds mean that the number is not live any more. */
const continuous = new Set(['heart-rate', 'pulse-rate', 'spo2', 'resp-rate', 'perfusion-index', 'abp-systolic', 'abp-diastolic', 'abp-mean', 'etco2'])

export const staleAfter = 5_000

export type Freshness = 'live' | 'stale' | 'spot' | 'overdue'

export function freshness(value: Pick<Value, 'metric' | 'at'>, streams: StreamState[] | null | undefined, now: number, linked: boolean): Freshness {
  const stream = streams?.find((s) => s.metric === value.metric)
  const age = now - value.at
  const kind = stream?.kind ?? (continuous.has(value.metric) ? 'continuous' : 'spot')
  if (kind === 'spot') {
    if (stream && stream.every > 0 && age > stream.every) return 'overdue'
    return linked ? 'spot' : 'stale'
  }
  if (!linked) return 'stale'
  const allowed = Math.max(staleAfter, stream && stream.every > staleAfter ? 1.5 * stream.every : staleAfter)
  return age > allowed ? 'stale' : 'live'
}
