import { describe, expect, it } from 'vitest'
import { charted, parameters, rowOf } from './news2-bands'

const points = (name: string, value: number, scale = 1, breathing: 'air' | 'oxygen' | null = null) => {
  const p = parameters(scale).find((x) => x.name === name)!
  const row = rowOf(p, value, breathing)
  return row < 0 ? null : p.bands[row]!.points
}

/** Chart 1 of the report, keyed a second time: upper ends and their points. */
const table: [string, number, [number, number][]][] = [
  ['resp-rate', 1, [[8, 3], [11, 1], [20, 0], [24, 2], [60, 3]]],
  ['spo2', 1, [[91, 3], [93, 2], [95, 1], [100, 0]]],
  ['systolic', 1, [[90, 3], [100, 2], [110, 1], [219, 0], [300, 3]]],
  ['pulse', 1, [[40, 3], [50, 1], [90, 0], [110, 1], [130, 2], [250, 3]]],
  ['temperature', 0.1, [[35.0, 3], [36.0, 1], [38.0, 0], [39.0, 1], [43, 2]]],
]

describe('the rows of the chart', () => {
  it.each(table)('%s gives the points of chart 1 at every step', (name, step, bands) => {
    const last = bands.at(-1)![0]
    for (let n = name === 'temperature' ? 300 : 0; n * step <= last + 1e-9; n++) {
      const value = Number((n * step).toFixed(1))
      const want = bands.find(([to]) => value <= to + 1e-9)![1]
      expect(points(name, value), `${name} ${value}`).toBe(want)
    }
  })
  it('scale 2 on air never loses points for a high saturation, on oxygen it does', () => {
    const low = (v: number) => (v <= 83 ? 3 : v <= 85 ? 2 : v <= 87 ? 1 : 0)
    for (let v = 50; v <= 100; v++) {
      expect(points('spo2', v, 2, 'air'), `air ${v}`).toBe(low(v))
      expect(points('spo2', v, 2, 'oxygen'), `oxygen ${v}`).toBe(v <= 92 ? low(v) : v <= 94 ? 1 : v <= 96 ? 2 : 3)
      expect(points('spo2', v, 2, null), `unknown ${v}`).toBe(v >= 93 ? null : low(v))
    }
  })
  it('charts in steps, halves up', () => {
    expect([charted(36.05, 1), charted(20.5, 0), charted(20.49, 0), charted(35.04, 1)]).toEqual([36.1, 21, 20, 35])
  })
})
