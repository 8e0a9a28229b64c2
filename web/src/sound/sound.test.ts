import { describe, expect, it } from 'vitest'
import type { Alarm, Priority } from '../api/alarm'
import { decide, drift, sounding, testHolds, tick, turn, type Known, type Playing } from './machine'
import { harmonics, lasts, patterns } from './pattern'

const gaps = (p: Priority) => {
  const b = patterns[p].pulses
  return b.slice(1).map((x, i) => +(x.at - b[i]!.at - b[i]!.length).toFixed(6))
}

describe('the pattern of a priority lies inside IEC 60601-1-8', () => {
  it('high is ten pulses in two bursts of five', () => {
    const between = gaps('high')
    expect(patterns.high.pulses).toHaveLength(10)
    const x = between[0]!
    expect(x).toBeGreaterThanOrEqual(0.05)
    expect(x).toBeLessThanOrEqual(0.125)
    const length = patterns.high.pulses[0]!.length
    const five = [x, x, +(2 * x + length).toFixed(6), x]
    expect(between.slice(0, 4)).toEqual(five)
    expect(between.slice(5)).toEqual(five)
    expect(between[4]).toBeGreaterThanOrEqual(0.35)
    expect(between[4]).toBeLessThanOrEqual(1.3)
  })
  it('medium is three pulses, low one or two', () => {
    expect(patterns.medium.pulses).toHaveLength(3)
    expect([1, 2]).toContain(patterns.low.pulses.length)
    for (const y of [...gaps('medium'), ...gaps('low')]) {
      expect(y).toBeGreaterThanOrEqual(0.125)
      expect(y).toBeLessThanOrEqual(0.25)
    }
  })
  it('pulses and rests have the lengths of their priority', () => {
    for (const b of patterns.high.pulses) expect(b.length >= 0.075 && b.length <= 0.2).toBe(true)
    for (const b of [...patterns.medium.pulses, ...patterns.low.pulses]) expect(b.length >= 0.125 && b.length <= 0.25).toBe(true)
    expect(patterns.high.rest >= 2.5 && patterns.high.rest <= 15).toBe(true)
    expect(patterns.medium.rest >= 2.5 && patterns.medium.rest <= 30).toBe(true)
    expect(patterns.low.rest).toBeGreaterThan(15)
    expect(lasts(patterns.high)).toBeCloseTo(3.4, 6)
  })
  it('has a fundamental of 150 to 1,000 Hz and four harmonics within 15 dB', () => {
    for (const p of Object.values(patterns)) for (const b of p.pulses) expect(b.pitch >= 150 && b.pitch <= 1000).toBe(true)
    expect(harmonics.filter((h) => 20 * Math.log10(h / Math.max(...harmonics)) > -15).length).toBeGreaterThanOrEqual(4)
  })
})

const now = 1_000_000_000
const fine: Known = { audio: 'running', heard: 'yes', heardAt: now - 1000, slow: false, woke: 0 }

describe('whether this screen can be heard', () => {
  it.each([
    ['ok', {}],
    ['untested', { heard: 'never' }],
    ['untested', { heardAt: now - testHolds - 1 }],
    ['muted', { heard: 'no' }],
    ['blocked', { audio: 'suspended' }],
    ['blocked', { audio: 'none' }],
    ['throttled', { slow: true }],
    ['asleep', { woke: now - 1000 }],
    ['ok', { woke: now - 60_000 }],
    ['asleep', { woke: now, heard: 'never' }],
  ] as [string, Partial<Known>][])('%s when %j', (want, change) => {
    expect(decide({ ...fine, ...change }, now)).toBe(want)
  })
  it('is ok in one case only: every other combination is silence', () => {
    let ok = 0
    for (const audio of ['none', 'suspended', 'running'] as const) for (const heard of ['never', 'yes', 'no'] as const) for (const slow of [true, false]) for (const woke of [0, now]) if (decide({ audio, heard, heardAt: now, slow, woke }, now) === 'ok') ok++
    expect(ok).toBe(1)
  })
})

describe('drift of the timer', () => {
  const start = { last: 0, late: 0, woke: 0 }
  it('tells even ticks from late ones', () => {
    let d = drift(start, now, false)
    d = drift(d, now + tick, false)
    expect(d.late).toBe(0)
    d = drift(d, now + 3 * tick + tick + 1, false)
    expect(d.late).toBe(1)
    d = drift(d, now + 5 * tick, false)
    expect(d.late).toBe(0)
  })
  it('knows sleep by a gap that no browser makes', () => {
    const d = drift({ last: now, late: 0, woke: 0 }, now + 45_000, false)
    expect(d.woke).toBe(now + 45_000)
  })
  it('takes a hidden tab that is let run once a minute for throttled, not asleep', () => {
    let d = { last: now, late: 0, woke: 0 }
    for (let i = 1; i <= 3; i++) d = drift(d, now + i * 60_000, true)
    expect(d).toMatchObject({ woke: 0, late: 3 })
    expect(drift(d, now + 180_000 + 3_600_000, true).woke).toBeGreaterThan(0)
  })
})

const alarm = (priority: Priority, change: Partial<Alarm> = {}) => ({ id: 'a', ward: 'w-1', priority, sound: 'on', ...change }) as Alarm

describe('what sounds', () => {
  it('is the highest priority that nothing silences', () => {
    expect(sounding([alarm('low'), alarm('medium'), alarm('high', { sound: 'acknowledged' })], 0)).toBe('medium')
    for (const sound of ['paused', 'acknowledged', 'snoozed', 'off'] as const) expect(sounding([alarm('high', { sound })], 0)).toBeNull()
    expect(sounding([], 0)).toBeNull()
  })
  it('is of the ward that this screen stands on', () => {
    expect(sounding([alarm('high', { ward: 'w-2' }), alarm('low')], 0, 'w-1')).toBe('low')
    expect(sounding([alarm('medium', { ward: '' })], 0, 'w-1')).toBe('medium')
  })
  it('is medium at least when the link has been down for ten seconds', () => {
    expect(sounding([], 9_000)).toBeNull()
    expect(sounding([], 10_001)).toBe('medium')
    expect(sounding([alarm('low')], 11_000)).toBe('medium')
    expect(sounding([alarm('high')], 11_000)).toBe('high')
  })
})

describe('turns', () => {
  const burst = (p: Priority) => 1000 * (lasts(patterns[p]) + patterns[p].rest)
  const none: Playing = { priority: null, next: 0 }
  it('starts at once, repeats after its rest, stops when nothing sounds', () => {
    const a = turn(none, 'medium', now, burst)
    expect(a).toMatchObject({ start: 'medium', stop: false })
    expect(turn(a.playing, 'medium', now + burst('medium') - 1, burst).start).toBeNull()
    expect(turn(a.playing, 'medium', now + burst('medium'), burst).start).toBe('medium')
    expect(turn(a.playing, null, now + 500, burst)).toMatchObject({ start: null, stop: true })
  })
  it('lets a higher priority interrupt, and a lower one wait', () => {
    const low = turn(none, 'low', now, burst)
    expect(turn(low.playing, 'high', now + 100, burst)).toMatchObject({ start: 'high', stop: true })
    const high = turn(none, 'high', now, burst)
    expect(turn(high.playing, 'low', now + 100, burst)).toMatchObject({ start: null, stop: false })
  })
})
