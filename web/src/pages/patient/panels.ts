// Which curves share a panel, and the range that physiology gives each: a quiet hour must look quiet.

export interface Panel {
  key: string
  metrics: string[]
  low: number
  high: number
  signal: string
  spot: boolean
  unit: string
}

export const panels: Panel[] = [
  { key: 'heart-rate', metrics: ['heart-rate', 'pulse-rate'], low: 40, high: 140, signal: '--ecg', spot: false, unit: '/min' },
  { key: 'spo2', metrics: ['spo2'], low: 84, high: 100, signal: '--spo2', spot: false, unit: '%' },
  { key: 'resp-rate', metrics: ['resp-rate'], low: 4, high: 36, signal: '--resp', spot: false, unit: '/min' },
  { key: 'bp', metrics: ['bp-systolic', 'bp-diastolic'], low: 40, high: 180, signal: '--pressure', spot: true, unit: 'mm[Hg]' },
  { key: 'abp', metrics: ['abp-systolic', 'abp-diastolic', 'abp-mean'], low: 40, high: 180, signal: '--pressure', spot: false, unit: 'mm[Hg]' },
  { key: 'temperature', metrics: ['temperature'], low: 35, high: 40, signal: '--other', spot: true, unit: 'Cel' },
  { key: 'glucose', metrics: ['glucose', 'glucose-sensor'], low: 40, high: 260, signal: '--other', spot: true, unit: 'mg/dL' },
  { key: 'etco2', metrics: ['etco2'], low: 10, high: 60, signal: '--other', spot: false, unit: 'mm[Hg]' },
]

export const trendMetrics = panels.flatMap((p) => p.metrics)

/** The panel's range, widened in whole steps where the data leave it. */
export function reach(low: number, high: number, least: number, greatest: number): [number, number] {
  const step = (high - low) / 5
  let a = low
  let b = high
  if (Number.isFinite(least)) while (least < a) a -= step
  if (Number.isFinite(greatest)) while (greatest > b) b += step
  return [low >= 0 ? Math.max(0, a) : a, b]
}
