// When to draw which sample. Blocks arrive in bursts; the pen must move evenly. The clock plays a fixed time
// behind the newest sample: late enough that the next block is there before the pen needs it, and not later.
// It bends its rate by a few per cent to keep that distance and jumps only when the distance is absurd.

const spare = 120 // ms kept in hand beyond the worst recent arrival
const bend = 0.04 // most that the rate may differ from 1
const absurd = 3_000 // ms

export class PlayClock {
  private delay = NaN // wall clock minus sample time, as played
  private wanted = NaN
  private last = NaN
  private worst = 0
  private worstAt = 0

  /** A block that ends at `end` has arrived at `now`; `before` is where the data ended until then. */
  arrived(before: number, end: number, now: number) {
    const late = now - before // by now the pen may not have passed `before`
    const fresh = now - end
    if (Number.isNaN(this.wanted) || Math.abs(fresh + spare - this.wanted) > absurd * 2) {
      this.worst = fresh + (end - before > 0 && end - before < 2000 ? end - before : 200)
      this.worstAt = now
      this.wanted = this.worst + spare
      this.delay = this.wanted
      return
    }
    if (late < this.worst || late - fresh > absurd) {
      // Forget a bad moment slowly: 20 ms for each second that went well.
      const calm = Math.max(0, now - this.worstAt - 10_000)
      if (calm > 0) {
        this.worst = Math.max(Math.min(late, this.worst), this.worst - 0.02 * calm)
        this.worstAt = now - 10_000
      }
    } else {
      this.worst = late
      this.worstAt = now
    }
    this.wanted = this.worst + spare
  }

  /** The sample time under the pen at this moment. */
  play(now: number): number {
    if (Number.isNaN(this.delay)) return NaN
    const passed = Number.isNaN(this.last) ? 0 : Math.max(0, now - this.last)
    this.last = now
    const off = this.wanted - this.delay
    if (Math.abs(off) > absurd) this.delay = this.wanted
    else this.delay += Math.sign(off) * Math.min(Math.abs(off), bend * passed)
    return now - this.delay
  }

  reset() {
    this.delay = this.wanted = this.last = NaN
  }
}
