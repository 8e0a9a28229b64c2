// The last seconds of one waveform, addressed by time. A sample that was not measured, or a hole between two
// blocks, is NaN: the pen lifts there and nothing is ever drawn across.

const jump = 5_000 // ms: a step of the clock this large starts the ring anew

export class Ring {
  readonly data: Float32Array
  private readonly mask: number
  private base = 0 // ms of index 0
  /** Index after the newest sample. */
  head = 0
  /** Oldest index that is still held. */
  tail = 0
  /** Grows whenever time starts anew, so that a reader knows to forget its place. */
  epoch = 0

  constructor(
    readonly hz: number,
    seconds: number,
  ) {
    let size = 256
    while (size < hz * seconds) size *= 2
    this.data = new Float32Array(size).fill(NaN)
    this.mask = size - 1
  }

  time = (index: number) => this.base + (index * 1000) / this.hz
  index = (time: number) => Math.floor(((time - this.base) * this.hz) / 1000 + 1e-6)
  at = (index: number) => (index < this.tail || index >= this.head ? NaN : (this.data[index & this.mask] as number))

  /** Adds samples that start at that time; says from which index on they are new. */
  add(start: number, samples: ArrayLike<number>): number {
    const end = this.time(this.head)
    if (this.head === 0 || start < end - jump || start > end + jump) this.restart(start)
    let first = Math.round(((start - this.base) * this.hz) / 1000)
    if (Math.abs(first - this.head) <= 1) first = this.head // rounding of the start time is not a gap
    const from = this.head
    for (let i = this.head; i < first; i++) this.data[i & this.mask] = NaN
    for (let k = 0; k < samples.length; k++) {
      const i = first + k
      if (i < this.head) continue // seen before: a resent or overlapping block
      this.data[i & this.mask] = samples[k] as number
    }
    this.head = Math.max(this.head, first + samples.length)
    this.tail = Math.max(this.tail, this.head - this.data.length)
    return from
  }

  private restart(start: number) {
    this.base = start
    this.head = 0
    this.tail = 0
    this.epoch++
    this.data.fill(NaN)
  }
}
