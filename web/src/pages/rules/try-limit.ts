// What a limit can be moved over, and what the trial is asked.

import type { EffectiveLimit } from '../../api/alarm'
import type { Bed } from '../../api/types'

export interface Base {
  metric: string
  unit: string
  low: number | null
  high: number | null
}

const number = (x: number | string | null | undefined): number | null => (x === null || x === undefined || x === '' || Number.isNaN(Number(x)) ? null : Number(x))

export const ofPatient = (limits: EffectiveLimit[]): Base[] => limits.map((l) => ({ metric: l.metric, unit: l.unit, low: number(l.low), high: number(l.high) }))

/** The limits of a ward: of each metric that which most patients have, those with their own left out. */
export function ofWard(beds: Bed[]): Base[] {
  const seen = new Map<string, Map<string, { base: Base; count: number }>>()
  for (const bed of beds) {
    for (const l of (bed.limits ?? []) as { metric: string; unit?: string; low: number | string | null; high: number | string | null; own?: boolean }[]) {
      if (l.own || !l.unit) continue
      const base = { metric: l.metric, unit: l.unit, low: number(l.low), high: number(l.high) }
      const key = JSON.stringify(base)
      const of = seen.get(l.metric) ?? new Map()
      of.set(key, { base, count: (of.get(key)?.count ?? 0) + 1 })
      seen.set(l.metric, of)
    }
  }
  return [...seen.values()].map((of) => [...of.values()].sort((a, b) => b.count - a.count)[0]!.base).sort((a, b) => a.metric.localeCompare(b.metric))
}

// In which range a limit makes sense for people; wider than any default. Unit of the catalogue.
const ranges: Record<string, [number, number]> = {
  'heart-rate': [20, 220],
  'pulse-rate': [20, 220],
  spo2: [60, 100],
  'resp-rate': [4, 80],
  'bp-systolic': [50, 260],
  'bp-diastolic': [20, 150],
  'bp-mean': [30, 160],
  'abp-systolic': [50, 260],
  'abp-diastolic': [20, 150],
  'abp-mean': [30, 160],
  temperature: [30, 43],
  'temperature-core': [30, 43],
  glucose: [30, 450],
  'glucose-sensor': [30, 450],
  etco2: [0, 100],
}

/** Ends of the slider in the stored unit; around the limit itself where the metric is not in the table. */
export function range(b: Base): [number, number] {
  const known = ranges[b.metric]
  const least = Math.min(b.low ?? Infinity, b.high ?? Infinity)
  const most = Math.max(b.low ?? -Infinity, b.high ?? -Infinity)
  const [a, z] = known ?? [least > 0 ? 0 : least * 2, most > 0 ? most * 2 : 1]
  return [Math.min(a, Number.isFinite(least) ? least : a), Math.max(z, Number.isFinite(most) ? most : z)]
}

/** Units of which a tenth matters. */
export const stepOf = (unit: string) => (['Cel', '[degF]', 'mmol/L', 'kPa', 'kg', 'L/min'].includes(unit) ? 0.1 : 1)
