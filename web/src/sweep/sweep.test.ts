import { describe, expect, it } from 'vitest'
import { PlayClock } from './clock'
import { Baseline, Engine } from './engine'
import { bestLead, leadText } from './leads'
import { Ring } from './ring'

describe('the ring', () => {
  it('gives back what it was given, by time', () => {
    const r = new Ring(250, 4)
    r.add(10_000, [1, 2, 3])
    r.add(10_012, [4, 5])
    expect([0, 1, 2, 3, 4].map(r.at)).toEqual([1, 2, 3, 4, 5])
    expect(r.time(3)).toBe(10_012)
    expect(r.index(10_012)).toBe(3)
  })
  it('holds a hole between two blocks as not measured', () => {
    const r = new Ring(100, 4)
    r.add(0, [1, 1])
    r.add(50, [2, 2])
    expect([0, 1, 2, 3, 4, 5, 6].map(r.at)).toEqual([1, 1, NaN, NaN, NaN, 2, 2])
  })
  it('takes a start that is rounded for no hole', () => {
    const r = new Ring(360, 4)
    let t = 1_795_345_800_000
    for (let b = 0; b < 20; b++) {
      r.add(Math.round(t), Array(36).fill(b))
      t += 100
    }
    for (let i = r.tail; i < r.head; i++) expect(r.at(i)).not.toBeNaN()
    expect(r.head).toBe(720)
  })
  it('takes a block that was sent twice once', () => {
    const r = new Ring(100, 4)
    r.add(0, [1, 2, 3, 4])
    expect(r.add(20, [3, 4, 5, 6])).toBe(4)
    expect([0, 1, 2, 3, 4, 5].map(r.at)).toEqual([1, 2, 3, 4, 5, 6])
    expect(r.head).toBe(6)
  })
  it('forgets the oldest and says so', () => {
    const r = new Ring(100, 2)
    for (let b = 0; b < 10; b++) r.add(b * 1000, Array(100).fill(b))
    expect(r.at(0)).toBeNaN()
    expect(r.at(r.head - 1)).toBe(9)
    expect(r.head - r.tail).toBe(r.data.length)
  })
  it('starts anew when the clock of the device jumps', () => {
    const r = new Ring(100, 4)
    r.add(0, [1])
    const epoch = r.epoch
    r.add(60_000, [2])
    expect(r.epoch).toBe(epoch + 1)
    expect(r.at(0)).toBe(2)
  })
})

describe('the play clock', () => {
  /** Blocks of `period` ms arrive with a delay; the pen is read every 33 ms. */
  function run(period: number, delay: (i: number) => number, seconds: number) {
    const clock = new PlayClock()
    const arrivals: { at: number; end: number; before: number }[] = []
    for (let i = 0; i * period < seconds * 1000; i++) arrivals.push({ before: i * period, end: (i + 1) * period, at: (i + 1) * period + delay(i) })
    arrivals.sort((a, b) => a.at - b.at)
    let head = 0
    let starved = 0
    let back = 0
    let jump = 0
    let last = NaN
    let lag = 0
    for (let now = 0; now < seconds * 1000; now += 33) {
      while (arrivals[0] && arrivals[0].at <= now) {
        const b = arrivals.shift()!
        clock.arrived(head || b.before, b.end, now)
        head = Math.max(head, b.end)
      }
      const t = clock.play(now)
      if (Number.isNaN(t)) continue
      if (!Number.isNaN(last)) {
        if (t < last) back++
        jump = Math.max(jump, Math.abs(t - last - 33))
      }
      if (now > 5000 && t > head) starved++
      last = t
      lag = now - t
    }
    return { starved, back, jump, lag }
  }

  it('never runs dry on blocks of 100 ms with jitter, and stays close behind', () => {
    const r = run(100, (i) => 20 + ((i * 37) % 60), 60)
    expect(r.starved).toBe(0)
    expect(r.back).toBe(0)
    expect(r.lag).toBeLessThan(450)
  })
  it('plays blocks of a second evenly', () => {
    const r = run(1000, () => 40, 60)
    expect(r.starved).toBe(0)
    expect(r.jump).toBeLessThan(3)
    expect(r.lag).toBeLessThan(1400)
  })
  it('comes closer again after one bad moment', () => {
    const r = run(100, (i) => (i === 100 ? 1500 : 30), 120)
    expect(r.lag).toBeLessThan(600)
  })
})

describe('the baseline filter', () => {
  it('takes an offset away and leaves a beat', () => {
    const f = new Baseline(250, true)
    let y = 0
    for (let i = 0; i < 250 * 10; i++) y = f.next(5)
    expect(Math.abs(y)).toBeLessThan(0.01)
    expect(f.next(6)).toBeGreaterThan(0.95)
  })
  it('keeps its hands off what is not an ECG', () => {
    expect(new Baseline(125, false).next(5)).toBe(5)
  })
})

describe('leads', () => {
  it('prefers lead II, then what monitors call it', () => {
    expect(bestLead('ecg-v1', 'ecg-mlii')).toBe('ecg-mlii')
    expect(bestLead('ecg-ii', 'ecg-mlii')).toBe('ecg-ii')
    expect(['ecg-mlii', 'ecg-avr', 'ecg', ''].map(leadText)).toEqual(['MLII', 'aVR', 'ECG', ''])
  })
})

/** Records what is drawn; stands in for a browser's canvas. */
function fakeCanvas() {
  const calls: string[] = []
  const moves: [string, number, number][] = []
  class Path {
    moveTo(x: number, y: number) {
      moves.push(['move', x, y])
    }
    lineTo(x: number, y: number) {
      moves.push(['line', x, y])
    }
  }
  const context = { setTransform() {}, fillRect: (x: number, y: number, w: number, h: number) => calls.push(`fill ${[x, y, w, h].map(Math.round).join(' ')}`), clearRect() {}, stroke: () => calls.push('stroke'), fillStyle: '', strokeStyle: '', lineWidth: 1, lineJoin: '' }
  Object.assign(globalThis, { Path2D: Path, window: { devicePixelRatio: 1 } })
  return { canvas: { width: 0, height: 0, getContext: () => context } as unknown as HTMLCanvasElement, calls, moves }
}

describe('the engine', () => {
  it('lifts the pen at a sample that was not measured and never draws across a hole', () => {
    const { canvas, moves } = fakeCanvas()
    const e = new Engine(canvas)
    e.channel({ channel: 1, bed: 'b', patient: 'p', device: 'd', metric: 'pleth', unit: '1', gain: 1, zero: 0, millihz: 100_000 })
    const samples = new Int16Array(200).map((_, i) => (i >= 100 && i < 120 ? -32768 : i % 50))
    e.block({ channel: 1, start: Date.now() - 6_000, quality: 0, samples })
    e.layout([{ key: 'b pleth', x: 0, y: 0, width: 2000, height: 50, colour: 'c', perUnit: 0 }], 2000, 50, 100, '#000')
    const lines = moves.filter((m, i) => m[0] === 'line' && i > 0).length
    const longest = moves.reduce((far, m, i) => (m[0] === 'line' ? Math.max(far, m[1] - (moves[i - 1] as [string, number, number])[1]) : far), 0)
    expect(lines).toBeGreaterThan(100)
    expect(longest).toBeLessThan(1.5) // one sample is one pixel here; the hole is twenty
  })
})
