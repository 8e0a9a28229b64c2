// Whether this screen can be heard, decided from what is known and nothing else. A screen that nobody has tested counts
// as silent: what cannot be proven to sound must say so.

import type { Alarm, Priority } from '../api/alarm'

export type StationSound = 'ok' | 'blocked' | 'muted' | 'throttled' | 'asleep' | 'untested'

export interface Known {
  audio: 'none' | 'suspended' | 'running' // the browser's permission to play
  heard: 'never' | 'yes' | 'no' // what the person said after the test tone
  heardAt: number // ms
  slow: boolean // timers of this tab come late: the browser holds a hidden tab back
  woke: number // ms when the computer was last found to have slept, 0 never
}

export const testHolds = 12 * 3600_000 // a test holds for a shift
export const wakeShows = 15_000 // after sleep it says so for one report at least

export function decide(k: Known, now: number): StationSound {
  if (k.woke > 0 && now - k.woke < wakeShows) return 'asleep'
  if (k.heard === 'no') return 'muted'
  if (k.heard === 'never' || now - k.heardAt > testHolds) return 'untested'
  if (k.audio !== 'running') return 'blocked'
  if (k.slow) return 'throttled'
  return 'ok'
}

export interface Drift {
  last: number
  late: number // ticks in a row that came late
  woke: number
}

export const tick = 500 // ms
const lateAfter = 3 * tick
const sleptAfter = 10_000

/** Reads from the gap between two ticks whether the tab is held back or the computer has slept. */
export function drift(d: Drift, now: number, hidden: boolean): Drift {
  const gap = d.last === 0 ? tick : now - d.last
  // A hidden tab may be allowed one tick a minute: that is throttling, not sleep, however long the gap.
  const woke = gap > sleptAfter && !(hidden && gap < 70_000) ? now : d.woke
  return { last: now, late: gap > lateAfter ? d.late + 1 : 0, woke }
}

const order: Priority[] = ['high', 'medium', 'low']

/** The one priority that sounds now: the highest of the alarms that nothing silences. A dead link sounds as medium. */
export function sounding(alarms: Alarm[], linkDownFor: number, ward = '*'): Priority | null {
  const on = alarms.filter((a) => a.sound === 'on' && !a.closed && (ward === '*' || !a.ward || a.ward === ward)) // what is of the installation sounds everywhere
  const found = order.find((p) => on.some((a) => a.priority === p)) ?? null
  return linkDownFor > 10_000 && found !== 'high' ? 'medium' : found
}

export interface Playing {
  priority: Priority | null
  next: number // ms at which the next burst starts
}

/** Whether a burst starts now. A higher priority interrupts the rest of a lower one; a lower one waits for its turn. */
export function turn(p: Playing, wanted: Priority | null, now: number, burst: (x: Priority) => number): { playing: Playing; start: Priority | null; stop: boolean } {
  if (wanted === null) return { playing: { priority: null, next: 0 }, start: null, stop: p.priority !== null }
  const rises = p.priority === null || order.indexOf(wanted) < order.indexOf(p.priority)
  if (!rises && now < p.next) return { playing: { ...p, priority: wanted }, start: null, stop: false }
  return { playing: { priority: wanted, next: now + burst(wanted) }, start: wanted, stop: rises && p.priority !== null }
}
