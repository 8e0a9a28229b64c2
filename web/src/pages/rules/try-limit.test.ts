import { describe, expect, it } from 'vitest'
import type { Bed } from '../../api/types'
import { ofPatient, ofWard, range } from './try-limit'

const bed = (limits: unknown[]) => ({ limits }) as unknown as Bed

describe('the limits to begin with', () => {
  it('are those that most patients of the ward have, not one patient\u2019s own', () => {
    const usual = { metric: 'spo2', unit: '%', low: 90, high: null, own: false }
    const own = { metric: 'spo2', unit: '%', low: 85, high: 92, own: true }
    expect(ofWard([bed([own]), bed([own]), bed([own]), bed([usual]), bed([{ ...usual, low: 91 }]), bed([usual])])).toEqual([{ metric: 'spo2', unit: '%', low: 90, high: null }])
  })
  it('keep a side that is not there apart from zero', () => {
    expect(ofPatient([{ metric: 'x', unit: '1', low: '0', high: '', defaultLow: null, defaultHigh: null, rule: '', own: null }])).toEqual([{ metric: 'x', unit: '1', low: 0, high: null }])
  })
})

describe('the range of a slider', () => {
  it('always holds the limit itself', () => {
    for (const b of [{ metric: 'spo2', unit: '%', low: 40, high: null }, { metric: 'odd', unit: '1', low: -3, high: 7 }, { metric: 'odd', unit: '1', low: null, high: null }]) {
      const [a, z] = range(b)
      expect(a).toBeLessThan(z)
      if (b.low !== null) expect(a).toBeLessThanOrEqual(b.low)
      if (b.high !== null) expect(z).toBeGreaterThanOrEqual(b.high)
    }
  })
})
