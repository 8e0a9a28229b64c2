import { describe, expect, it } from 'vitest'
import { blocksOf, type TraceWave } from '../../api/watching'
import { ruleOnly } from './rule-only'

const file = '# what it is about\n\nrule low\n  title "Low"\n  when x < 2\n\n  test "falls"\n    00:00 x 1\n\nrule lower\n  title "Lower"\n  when x < 1\n'

describe('ruleOnly', () => {
  it('takes the one rule, without its tests', () => expect(ruleOnly(file, 'low')).toBe('rule low\n  title "Low"\n  when x < 2'))
  it('takes the last rule to the end', () => expect(ruleOnly(file, 'lower')).toBe('rule lower\n  title "Lower"\n  when x < 1'))
  it('gives the whole text for a name that is not there', () => expect(ruleOnly(file, 'lo')).toBe(file))
})

describe('blocksOf', () => {
  const wave = (startUs: number, samples: number[], missing?: { From: number; To: number }[]): TraceWave => ({ metric: 'ecg-ii', unit: 'mV', gain: 0.5, zero: 0, millihz: 250_000, startUs, samples, ...(missing ? { missing } : {}) })
  it('leaves holes as holes and orders the pieces', () => {
    const blocks = blocksOf([wave(8_000, [4, 5]), wave(0, [1, 2, 3], [{ From: 1, To: 2 }])], 'ecg-ii')
    expect(blocks.map((b) => b.start)).toEqual([0, 8])
    expect(blocks[0]?.samples).toEqual([1, null, 3])
  })
  it('keeps other waveforms apart', () => expect(blocksOf([wave(0, [1])], 'pleth')).toEqual([]))
})
