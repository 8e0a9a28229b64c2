// Draws every waveform of a page on one canvas. Only the samples that are new since the last frame are drawn;
// an erase bar runs ahead of the pen. All traces of one colour are one path. The canvas knows nothing of React:
// lanes are rectangles that the page measured, samples come straight from the socket.

import { missing, type Channel, type WaveBlock } from '../live/frames'
import type { WaveSink } from '../live/socket'
import { PlayClock } from './clock'
import { bestLead } from './leads'
import { Ring } from './ring'

export interface Lane {
  key: string // bed or patient, then metric: "b-1 ecg-ii"
  x: number
  y: number
  width: number
  height: number
  colour: string
  /** Pixels for each unit of the wave; 0: fit the height to what is seen. */
  perUnit: number
}

interface Trace {
  channel: Channel
  ring: Ring
  clock: PlayClock
  filter: Baseline
  heard: number
  /** Sample time from which late samples must still be drawn; Infinity: none. */
  patch: number
}

interface Pen {
  lane: Lane
  played: number // sample time up to which this lane is drawn
  epoch: number
  /** Range that a fitted lane shows during this pass; a new pass may choose another. */
  low: number
  high: number
  /** Sample time of the last look at the range. */
  fitted: number
}

const erase = 8 // px ahead of the pen
const period = 1000 / 30
const held = 24 // s kept for each wave

export class Engine implements WaveSink {
  private context: CanvasRenderingContext2D
  private pens = new Map<string, Pen>()
  private traces = new Map<number, Trace>()
  /** Lane key to channel: the last announced source of that wave. */
  private sources = new Map<string, number>()
  private frame = 0
  private drawn = 0
  private ratio = 1
  private ground = '#000'
  private speed = 50
  private running = false
  /** Moments of the last frames, for the measurement of the frame rate. */
  readonly times: number[] = []
  /** Tells which lead a lane of ECG shows. */
  onLead: (key: string, metric: string) => void = () => {}
  /** Every animation frame instead of thirty a second. */
  every = false

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly clear = false, // the ground shows through: a paper grid lies under the traces
  ) {
    const context = canvas.getContext('2d', { alpha: clear, desynchronized: !clear })
    if (!context) throw new Error('sweep: this browser gives no 2D canvas')
    this.context = context
  }

  /** The lead that a lane of ECG shows by now. */
  leadOf = (key: string) => this.traces.get(this.sources.get(key) ?? -1)?.channel.metric ?? ''

  /** px per second of every lane, and the colour of the ground. */
  layout(lanes: Lane[], width: number, height: number, speed: number, ground: string) {
    this.ratio = Math.min(window.devicePixelRatio || 1, 2)
    const w = Math.round(width * this.ratio)
    const h = Math.round(height * this.ratio)
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w
      this.canvas.height = h
    }
    this.speed = speed
    this.ground = ground
    this.pens.clear()
    for (const lane of lanes) this.pens.set(lane.key, { lane, played: NaN, epoch: -1, low: NaN, high: NaN, fitted: NaN })
    this.redraw()
  }

  start() {
    if (this.running) return
    this.running = true
    const step = (now: number) => {
      if (!this.running) return
      this.frame = requestAnimationFrame(step)
      if (document.visibilityState === 'hidden') return
      if (!this.every && now - this.drawn < period - 4) return
      this.drawn = now
      this.times.push(now)
      if (this.times.length > 4096) this.times.splice(0, 2048)
      this.draw(Date.now())
    }
    this.frame = requestAnimationFrame(step)
    document.addEventListener('visibilitychange', this.seen)
  }

  stop() {
    this.running = false
    cancelAnimationFrame(this.frame)
    document.removeEventListener('visibilitychange', this.seen)
  }

  private seen = () => {
    if (document.visibilityState === 'visible') this.redraw()
  }

  channel(c: Channel) {
    for (const place of [c.bed, c.patient]) if (place) this.sources.set(`${place} ${c.metric}`, c.channel)
    const old = this.traces.get(c.channel)
    if (old && old.channel.metric === c.metric && old.channel.bed === c.bed && old.channel.millihz === c.millihz) {
      old.channel = c
      return
    }
    const hz = c.millihz / 1000
    const filter = new Baseline(hz, c.metric.startsWith('ecg'))
    this.traces.set(c.channel, { channel: c, ring: new Ring(hz, held), clock: new PlayClock(), filter, heard: 0, patch: Infinity })
  }

  block(b: WaveBlock) {
    const trace = this.traces.get(b.channel)
    if (!trace) return
    const now = Date.now()
    this.store(trace, b, now)
    if (trace.channel.metric.startsWith('ecg')) this.lead(trace, now)
  }

  /** The lane "place ecg" shows the best lead that is being heard. */
  private lead(trace: Trace, now: number) {
    for (const place of [trace.channel.bed, trace.channel.patient]) {
      if (!place) continue
      const key = `${place} ecg`
      const old = this.traces.get(this.sources.get(key) ?? -1)
      if (old === trace) continue
      if (old && now - old.heard < 5000 && bestLead(old.channel.metric, trace.channel.metric) === old.channel.metric) continue
      this.sources.set(key, trace.channel.channel)
      const pen = this.pens.get(key)
      if (pen) pen.played = NaN
      this.onLead(key, trace.channel.metric)
    }
  }

  private store(trace: Trace, b: WaveBlock, now: number) {
    const { gain, zero } = trace.channel
    const values = new Float32Array(b.samples.length)
    for (let i = 0; i < values.length; i++) {
      const raw = b.samples[i] as number
      values[i] = raw === missing ? trace.filter.lift() : trace.filter.next((raw + zero) * gain)
    }
    const before = trace.ring.time(trace.ring.head)
    const epoch = trace.ring.epoch
    trace.patch = Math.min(trace.patch, trace.ring.time(trace.ring.add(b.start, values)))
    const end = trace.ring.time(trace.ring.head)
    if (trace.ring.epoch !== epoch) {
      trace.clock.reset()
      trace.patch = Infinity
    }
    trace.clock.arrived(trace.ring.epoch === epoch && now - trace.heard < 3000 ? before : b.start, end, now)
    trace.heard = now
  }

  /** Clears all and draws what the sweep would show by now. */
  redraw() {
    const c = this.context
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0)
    c.fillStyle = this.ground
    this.blank(0, 0, this.canvas.width, this.canvas.height)
    for (const pen of this.pens.values()) pen.played = NaN
    this.draw(Date.now())
  }

  private draw(now: number) {
    const c = this.context
    const strokes = new Map<string, Path2D>()
    const drawn = new Set<Trace>()
    c.fillStyle = this.ground
    for (const pen of this.pens.values()) {
      const { lane } = pen
      const trace = this.traces.get(this.sources.get(lane.key) ?? -1)
      if (!trace) continue
      drawn.add(trace)
      const play = trace.clock.play(now)
      if (Number.isNaN(play)) continue
      const window = ((lane.width - erase - 2) / this.speed) * 1000
      let from = pen.played
      if (Number.isNaN(from) || pen.epoch !== trace.ring.epoch || play - from > window || play < from) {
        this.blank(lane.x - 2, lane.y, lane.width + 4, lane.height)
        from = play - window
      } else {
        this.wipe(lane, from, play)
        from = Math.max(Math.min(from, trace.patch), play - window)
      }
      if (lane.perUnit === 0 && this.refit(pen, trace, from, play)) {
        this.blank(lane.x - 2, lane.y, lane.width + 4, lane.height)
        from = play - window
      }
      pen.epoch = trace.ring.epoch
      let path = strokes.get(lane.colour)
      if (!path) strokes.set(lane.colour, (path = new Path2D()))
      this.trace(path, pen, trace, from, play)
      pen.played = play
    }
    for (const trace of drawn) trace.patch = Infinity
    c.lineWidth = 1.25
    c.lineJoin = 'round'
    for (const [colour, path] of strokes) {
      c.strokeStyle = colour
      c.stroke(path)
    }
  }

  private x = (time: number, lane: Lane) => ((((time / 1000) * this.speed) % lane.width) + lane.width) % lane.width

  /** Moves the erase bar: what lay before the pen until now is clear already. */
  private wipe(lane: Lane, from: number, to: number) {
    const start = Math.floor(this.x(from, lane) + erase - 2)
    const run = Math.ceil(((to - from) / 1000) * this.speed + 3)
    const x = start % lane.width
    const first = Math.min(run, lane.width - x)
    // A line at the very edge is a pixel wider than its lane.
    const edge = x + first >= lane.width ? 2 : 0
    this.blank(lane.x + x, lane.y, first + edge, lane.height)
    if (run > first || x < 2) this.blank(lane.x - 2, lane.y, Math.max(0, run - first) + 2, lane.height)
  }

  private blank(x: number, y: number, width: number, height: number) {
    if (this.clear) this.context.clearRect(x, y, width, height)
    else this.context.fillRect(x, y, width, height)
  }

  /**
   * Chooses the range of a fitted lane from what was seen lately: at the start of a pass quietly, and at once,
   * with everything redrawn (true), when the wave has left the range or has become much smaller than it.
   */
  private refit(pen: Pen, trace: Trace, from: number, to: number): boolean {
    const { ring } = trace
    const passed = this.x(to, pen.lane) < this.x(from, pen.lane)
    if (!passed && to - pen.fitted < 400 && to >= pen.fitted) return false
    pen.fitted = to
    let low = Infinity
    let high = -Infinity
    for (let i = Math.max(ring.tail, ring.index(to - 8000)); i <= Math.min(ring.index(to), ring.head - 1); i++) {
      const v = ring.at(i)
      if (v < low) low = v
      if (v > high) high = v
    }
    if (!(high > low)) return false
    const span = pen.high - pen.low
    const outside = !(low >= pen.low - 0.02 * span && high <= pen.high + 0.02 * span)
    const small = high - low < 0.5 * span
    if (!outside && !(passed && small)) return false
    const room = 0.08 * (high - low)
    pen.low = low - room
    pen.high = high + room
    return true
  }

  private trace(path: Path2D, pen: Pen, trace: Trace, from: number, to: number) {
    const { lane } = pen
    const { ring } = trace
    const first = Math.max(ring.index(from), ring.tail)
    const last = Math.min(ring.index(to), ring.head - 1)
    const span = pen.high - pen.low
    const fit = lane.perUnit > 0 ? lane.perUnit : span > 0 ? (lane.height - 6) / span : 0
    const middle = lane.perUnit > 0 ? lane.y + lane.height * 0.62 : lane.y + lane.height - 3
    const zero = lane.perUnit > 0 ? 0 : pen.low
    const top = lane.y + 1
    const bottom = lane.y + lane.height - 1
    let down = false
    let before = -1
    for (let i = first; i <= last; i++) {
      const v = ring.at(i)
      if (Number.isNaN(v)) {
        down = false
        continue
      }
      const x = this.x(ring.time(i), lane)
      const y = Math.min(bottom, Math.max(top, middle - (v - zero) * fit))
      if (down && x >= before) path.lineTo(lane.x + x, y)
      else path.moveTo(lane.x + x, y)
      down = true
      before = x
    }
  }
}

/** First-order high-pass at 0.5 Hz, the monitor filter of a bedside screen; the stored wave is untouched. */
export class Baseline {
  private y = 0
  private x = NaN
  private readonly a: number

  constructor(
    hz: number,
    private readonly on: boolean,
  ) {
    const rc = 1 / (2 * Math.PI * 0.5)
    this.a = rc / (rc + 1 / hz)
  }

  /** Nothing was measured: what comes after has nothing to do with what was before. */
  lift(): number {
    this.x = NaN
    this.y = 0
    return NaN
  }

  next(x: number): number {
    if (!this.on) return x
    if (Number.isNaN(this.x)) this.x = x
    this.y = this.a * (this.y + x - this.x)
    this.x = x
    return this.y
  }
}
