// This screen as a thing that may or may not be heard. It sounds while an alarm that nothing silences is open, and tells
// the server every 15 s whether it could: a station that cannot sound must be known to others.

import { useSyncExternalStore } from 'react'
import { reportStation } from '../api/alarm-calls'
import type { Priority } from '../api/alarm'
import { alarms } from '../live/alarms'
import { live } from '../live/store'
import { decide, drift, sounding, tick, turn, type Drift, type Known, type Playing, type StationSound } from './machine'
import { lasts, patterns } from './pattern'
import { Player } from './player'

const every = 15_000
const burst = (p: Priority) => 1000 * (lasts(patterns[p]) + patterns[p].rest)

const read = (store: () => Storage, key: string) => {
  try {
    return store().getItem(key)
  } catch {
    return null // storage is closed to us
  }
}
const write = (store: () => Storage, key: string, value: string) => {
  try {
    store().setItem(key, value)
  } catch {
    // as above
  }
}
const session = () => sessionStorage
const local = () => localStorage

export interface StationState {
  sound: StationSound
  /** The priority that sounds at this moment. */
  now: Priority | null
  ward: string
  heardAt: number
}

export class Station {
  private player = new Player()
  private known: Known = { audio: 'none', heard: 'never', heardAt: 0, slow: false, woke: 0 }
  private drift: Drift = { last: 0, late: 0, woke: 0 }
  private playing: Playing = { priority: null, next: 0 }
  private listeners = new Set<() => void>()
  private state: StationState = { sound: 'untested', now: null, ward: '*', heardAt: 0 }
  private reported = 0
  private told: StationSound | '' = ''
  private testing = 0
  private started = false
  private user = ''
  private id = ''

  subscribe = (l: () => void) => {
    this.listeners.add(l)
    return () => this.listeners.delete(l)
  }
  get = () => this.state

  start(user: string) {
    if (this.user !== user) {
      this.user = user
      const [by, at] = (read(session, 'vigil.heard') ?? '').split(' ')
      this.known = { ...this.known, heard: by === user ? 'yes' : 'never', heardAt: by === user ? Number(at) : 0 }
      this.state = { ...this.state, ward: read(local, 'vigil.station.ward') ?? '*' }
    }
    if (this.started) return
    this.started = true
    this.id = read(session, 'vigil.station') ?? `st-${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`
    write(session, 'vigil.station', this.id)
    for (const kind of ['pointerdown', 'keydown']) addEventListener(kind, () => void this.player.unlock(), { capture: true, passive: true })
    setInterval(this.beat, tick)
    alarms.subscribe(this.beat)
    this.beat()
  }

  /** Plays the tone of the test; must be called from a click or a key. */
  async test(priority: Priority) {
    await this.player.unlock()
    this.player.stop()
    this.testing = Date.now() + 1000 * lasts(patterns[priority]) + 500
    this.player.play(priority)
    return this.player.state() === 'running'
  }

  heard(yes: boolean) {
    this.known = { ...this.known, heard: yes ? 'yes' : 'no', heardAt: Date.now() }
    write(session, 'vigil.heard', yes ? `${this.user} ${Date.now()}` : '')
    this.beat()
  }

  setWard(ward: string) {
    write(local, 'vigil.station.ward', ward)
    this.state = { ...this.state, ward }
    this.beat()
  }

  private beat = () => {
    const now = Date.now()
    if (now - this.drift.last >= tick * 0.8) this.drift = drift(this.drift, now, document.visibilityState === 'hidden')
    this.known = { ...this.known, audio: this.player.state(), slow: this.drift.late >= 2, woke: this.drift.woke }
    const sound = decide(this.known, now)
    const link = live.linkState()
    const wanted = sounding(alarms.get().all, link.state === 'open' ? 0 : now - link.since, this.state.ward)
    if (now > this.testing) {
      const t = turn(this.playing, wanted, now, burst)
      this.playing = t.playing
      if (t.stop) this.player.stop()
      if (t.start) this.player.play(t.start)
    }
    if (this.state.sound !== sound || this.state.now !== wanted || this.state.heardAt !== this.known.heardAt) {
      this.state = { ...this.state, sound, now: wanted, heardAt: this.known.heardAt }
      for (const l of this.listeners) l()
    }
    if (now - this.reported >= every || this.told !== sound) {
      this.reported = now
      this.told = sound
      reportStation({ id: this.id, ward: this.state.ward === '*' ? '' : this.state.ward, sound }).catch(() => undefined) // the server hears it with the next one
    }
  }
}

export const station = new Station()
export const useStation = (): StationState => useSyncExternalStore(station.subscribe, station.get)

const asked = 'vigil.sound.ask'
/** After signing in with a password the test is offered once. */
export const askForTest = () => write(session, asked, 'yes')
export function testIsAsked(): boolean {
  if (read(session, asked) !== 'yes') return false
  write(session, asked, '')
  return true
}
