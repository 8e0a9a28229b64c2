// What an alarm sounds like. High: two bursts of five pulses; medium: three; low: two. Pitches rise or fall as the general
// melody does, so that a priority is told by ear. Lengths, spacing, repeat and spectrum lie inside the ranges of
// IEC 60601-1-8:2006 tables 3 and 4: pulses of 75 to 200 ms (high) or 125 to 250 ms, x of 50 to 125 ms between those of a
// high burst (2x + a pulse before the fourth, 0.35 to 1.3 s before the sixth), y of 125 to 250 ms between the others; again
// after 2.5 to 15 s (high), 2.5 to 30 s (medium), more than 15 s (low).

import type { Priority } from '../api/alarm'

export interface Pulse {
  at: number // s after the start
  length: number // s
  pitch: number // Hz of the fundamental
}

export interface Pattern {
  pulses: Pulse[]
  /** s from the end of one to the start of the next */
  rest: number
}

const c = 261.63
const e = 329.63
const g = 392.0
const above = 523.25

function row(length: number, gaps: number[], pitches: number[]): Pulse[] {
  let at = 0
  return pitches.map((pitch, i) => {
    if (i > 0) at += length + (gaps[i - 1] ?? 0)
    return { at, length, pitch }
  })
}

const x = 0.1
const high = 0.15
const y = 0.2
const long = 0.2
const five = [x, x, 2 * x + high, x]

export const patterns: Record<Priority, Pattern> = {
  high: { pulses: row(high, [...five, 0.6, ...five], [c, e, g, g, above, c, e, g, g, above]), rest: 4 },
  medium: { pulses: row(long, [y, y], [c, e, g]), rest: 7.5 },
  low: { pulses: row(long, [y], [e, c]), rest: 22 },
}

export const lasts = (p: Pattern) => Math.max(...p.pulses.map((b) => b.at + b.length))

/** Strengths of the harmonics: the standard wants at least four within 15 dB of the strongest, between 300 and 4,000 Hz. */
export const harmonics = [1, 0.9, 0.75, 0.6, 0.5, 0.4]
