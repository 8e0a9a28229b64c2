import { describe, expect, it, vi } from 'vitest'
import type { Bed } from '../api/types'
import { decode, missing } from './frames'
import { freshness } from './fresh'
import { LiveStore } from './store'

const json = (o: unknown) => {
  const text = new TextEncoder().encode(JSON.stringify(o))
  const out = new Uint8Array(text.length + 2)
  out.set([1, 1])
  out.set(text, 2)
  return out.buffer
}

/** Written from docs/formats/live.md, byte by byte. */
function waves(blocks: { channel: number; start: number; quality: number; samples: number[] }[], seq: number): ArrayBuffer {
  const size = 8 + blocks.reduce((n, b) => n + 16 + 2 * b.samples.length, 0)
  const view = new DataView(new ArrayBuffer(size))
  view.setUint8(0, 1)
  view.setUint8(1, 2)
  view.setUint16(2, blocks.length, true)
  view.setUint32(4, seq, true)
  let at = 8
  for (const b of blocks) {
    view.setUint16(at, b.channel, true)
    view.setUint16(at + 2, b.samples.length, true)
    view.setFloat64(at + 4, b.start, true)
    view.setUint32(at + 12, b.quality, true)
    b.samples.forEach((s, i) => view.setInt16(at + 16 + 2 * i, s, true))
    at += 16 + 2 * b.samples.length
  }
  return view.buffer
}

describe('decode', () => {
  it('reads JSON', () => {
    expect(decode(json({ type: 'changed', seq: 4, what: 'ward' }))).toEqual({ kind: 'json', message: { type: 'changed', seq: 4, what: 'ward' } })
  })
  it('reads several blocks, a start with a fraction and a sample that was not measured', () => {
    const frame = decode(waves([{ channel: 7, start: 1795345800000.25, quality: 2, samples: [1, -2, missing] }, { channel: 65535, start: 0, quality: 0, samples: [] }], 9))
    expect(frame).toMatchObject({ kind: 'waves', seq: 9 })
    if (frame.kind !== 'waves') return
    expect(frame.blocks[0]).toMatchObject({ channel: 7, start: 1795345800000.25, quality: 2 })
    expect([...(frame.blocks[0]?.samples ?? [])]).toEqual([1, -2, -32768])
    expect(frame.blocks[1]).toMatchObject({ channel: 65535 })
  })
  it('refuses another version, another kind, and what is cut short', () => {
    expect(() => decode(new Uint8Array([2, 1]).buffer)).toThrow('version 2')
    expect(() => decode(new Uint8Array([1, 9]).buffer)).toThrow('kind 9')
    expect(() => decode(new Uint8Array([1]).buffer)).toThrow()
    expect(() => decode(waves([{ channel: 1, start: 0, quality: 0, samples: [1, 2] }], 1).slice(0, 20))).toThrow()
  })
})

const value = (metric: string, text: string, at: number, patient = 'p-1') => ({ bed: 'b-1', patient, metric, value: text, unit: '/min', at, received: at + 10, quality: [], device: 'd' })
const bed = (patient: string | null): Bed => ({ id: 'b-1', ward: 'w', room: '', label: '1', position: 1, patient: patient ? ({ id: patient } as Bed['patient']) : null, latest: [], watched: null, devices: [], limits: [], alarms: [] })

describe('the store', () => {
  it('keeps the newest value: a late one does not replace it', () => {
    const store = new LiveStore()
    store.apply({ type: 'values', seq: 1, items: [value('heart-rate', '72', 2000)] })
    store.apply({ type: 'values', seq: 2, items: [value('heart-rate', '65', 1000)] })
    expect(store.bed('b-1').values['heart-rate']?.value).toBe('72')
    expect(store.seq).toBe(2)
  })
  it('shows nothing of the patient before in a bed that has changed hands', () => {
    const store = new LiveStore()
    store.apply({ type: 'values', seq: 1, items: [value('heart-rate', '72', 2000)] })
    store.seed([bed('p-2')])
    expect(store.bed('b-1').values).toEqual({})
    store.apply({ type: 'values', seq: 2, items: [value('heart-rate', '90', 1000, 'p-2')] })
    expect(store.bed('b-1').values['heart-rate']?.value).toBe('90')
  })
  it('says how a bed is watched by the newest word, and nothing of the patient before', () => {
    const store = new LiveStore()
    const watched = (state: 'watched' | 'not-watched') => ({ bed: 'b-1', patient: 'p-1', state, last: 0, since: 0, cause: '' })
    const fetched = { ...bed('p-1'), watched: watched('not-watched') }
    expect(store.watchedState(bed('p-1'))).toBe('not-watched')
    store.seed([fetched])
    store.apply({ type: 'watched', seq: 1, items: [watched('watched')] })
    expect(store.watchedState(fetched)).toBe('watched')
    store.seed([fetched]) // fetched anew: that is newer
    expect(store.watchedState(fetched)).toBe('not-watched')
    store.apply({ type: 'watched', seq: 2, items: [watched('watched')] })
    store.seed([bed('p-1')])
    expect(store.watchedState(bed('p-1'))).toBe('watched')
    store.seed([bed('p-2')])
    expect(store.watchedState(bed('p-2'))).toBe('not-watched')
  })
  it('wakes only those who watch a bed that was touched, once for many values', () => {
    vi.useFakeTimers()
    const store = new LiveStore()
    const first = vi.fn()
    const other = vi.fn()
    store.subscribe('b-1', first)
    store.subscribe('b-2', other)
    for (let i = 0; i < 20; i++) store.apply({ type: 'values', seq: i, items: [value('heart-rate', String(60 + i), i)] })
    vi.advanceTimersByTime(150)
    expect(first).toHaveBeenCalledTimes(1)
    expect(other).not.toHaveBeenCalled()
    vi.useRealTimers()
  })
  it('gives the same object while nothing changes', () => {
    const store = new LiveStore()
    store.apply({ type: 'values', seq: 1, items: [value('heart-rate', '72', 2000)] })
    expect(store.bed('b-1')).toBe(store.bed('b-1'))
    expect(store.bed('unknown')).toBe(store.bed('another'))
  })
  it('takes the clock of the server', () => {
    const store = new LiveStore()
    store.apply({ type: 'hello', seq: 0, now: Date.now() + 60_000, demo: false })
    expect(store.now() - Date.now()).toBeGreaterThan(59_000)
    expect(store.linkState().state).toBe('open')
  })
})

describe('freshness', () => {
  const now = 1_000_000
  const v = (metric: string, age: number) => ({ metric, at: now - age })
  it('greys a monitor value after five seconds', () => {
    expect(freshness(v('heart-rate', 4_900), [], now, true)).toBe('live')
    expect(freshness(v('heart-rate', 5_100), [], now, true)).toBe('stale')
  })
  it('allows a slow stream its own pace and half again', () => {
    const streams = [{ metric: 'heart-rate', kind: 'continuous' as const, state: 'got' as const, last: 0, every: 60_000 }]
    expect(freshness(v('heart-rate', 80_000), streams, now, true)).toBe('live')
    expect(freshness(v('heart-rate', 91_000), streams, now, true)).toBe('stale')
  })
  it('never calls anything live while the link is down', () => {
    for (const metric of ['heart-rate', 'bp-systolic']) expect(freshness(v(metric, 0), [], now, false)).toBe('stale')
  })
  it('says when a spot measurement is overdue', () => {
    const streams = [{ metric: 'bp-systolic', kind: 'spot' as const, state: 'got' as const, last: 0, every: 3_600_000 }]
    expect(freshness(v('bp-systolic', 3_500_000), streams, now, true)).toBe('spot')
    expect(freshness(v('bp-systolic', 3_700_000), streams, now, true)).toBe('overdue')
  })
})
