import { describe, expect, it } from 'vitest'
import type { Ledger, StreamLedger } from '../../api/running'
import { coverage, merge, worst, type Piece } from './timeline'

const piece = (from: number, to: number, state: Piece['state'], metric = 'a', cause = ''): Piece => ({ from, to, state, kind: '', cause, metrics: [metric] })
const stream = (change: Partial<StreamLedger>): StreamLedger => ({ metric: 'heart-rate', kind: 'continuous', every: 2000, expected: 100, got: 100, late: 0, missing: 0, standby: 0, unjudged: 0, longest: 0, intervals: [], ...change })
const ledger = (streams: StreamLedger[], items: Ledger['items'] = []): Ledger => ({ from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z', items, streams })

describe('one line of several streams', () => {
  it('shows at every time the worst of them', () => {
    const line = merge([piece(0, 10, 'got', 'a'), piece(0, 4, 'got', 'b'), piece(4, 6, 'missing', 'b', 'probe off'), piece(6, 10, 'late', 'b')])
    expect(line.map((p) => [p.from, p.to, p.state, p.metrics.join()])).toEqual([
      [0, 4, 'got', 'a,b'],
      [4, 6, 'missing', 'b'],
      [6, 10, 'late', 'b'],
    ])
    expect(line[1]?.cause).toBe('probe off')
  })
  it('leaves out what nothing speaks of, and never fills it', () => {
    expect(merge([piece(0, 2, 'got'), piece(5, 6, 'got')]).map((p) => [p.from, p.to])).toEqual([
      [0, 2],
      [5, 6],
    ])
    expect(merge([])).toEqual([])
  })
  it('keeps a gap that lasts to the end of the period, and what could not be judged', () => {
    const line = worst(ledger([stream({ intervals: [{ from: '2026-01-01T00:00:00Z', to: '2026-01-01T00:50:00Z', state: 'got', kind: '', cause: '' }, { from: '2026-01-01T00:50:00Z', to: '', state: 'missing', kind: 'device', cause: 'off' }] })], [{ metric: 'heart-rate', from: '2026-01-01T00:10:00Z', to: '2026-01-01T00:20:00Z', state: 'got', kind: 'rule', cause: 'broken rule' }]))
    expect(line.map((p) => p.state)).toEqual(['got', 'unjudged', 'got', 'missing'])
    expect(line[3]?.to).toBe(Date.parse('2026-01-01T01:00:00Z'))
  })
})

describe('coverage', () => {
  it('weighs each stream by the time in which it was due', () => {
    expect(coverage(ledger([stream({ expected: 300, got: 100 }), stream({ expected: 100, got: 0, missing: 100, longest: 90 })]))).toMatchObject({ got: 75, missing: 25, longest: 90 })
  })
  it('is none where nothing was due', () => {
    expect(coverage(ledger([stream({ expected: 50, standby: 50, got: 0 })]))).toBeNull()
    expect(coverage(ledger([]))).toBeNull()
  })
})
