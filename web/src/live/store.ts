// The newest value of everything that this tab watches, keyed by bed (or by patient on a patient's page).
// Components subscribe to one key; a message wakes only those whose key it touched. Waveforms never pass here.

import { useSyncExternalStore } from 'react'
import type { Bed, Value, Watched, WatchedState } from '../api/types'
import { alarms } from './alarms'
import type { Message } from './frames'

export interface BedLive {
  values: Record<string, Value>
  watched: Watched | null
  /** When the newest value reached the server: what "last" on a tile means. */
  heard: number
  /** The score before the one that holds, when it changed while this page was open: what an arrow points away from. */
  before: Record<string, Value>
}

/** Scores: they change rarely, so that the one before says where it goes; a patient's page shows them with their parts. */
export const scored = new Set(['news2', 'mews', 'pews', 'meows', 'qsofa', 'shock-index'])

export interface Link {
  state: 'connecting' | 'open' | 'down'
  since: number // browser clock, ms
  demo: boolean
}

type Listener = () => void

const none: BedLive = { values: {}, watched: null, heard: 0, before: {} }

export class LiveStore {
  private beds = new Map<string, BedLive>()
  private listeners = new Map<string, Set<Listener>>()
  private waking = new Set<string>()
  private timer: ReturnType<typeof setTimeout> | null = null
  private link: Link = { state: 'connecting', since: Date.now(), demo: false }
  private linkListeners = new Set<Listener>()
  /** Called when the server says that a ward or a patient is no longer what was fetched. */
  onChanged: (what: string) => void = () => {}
  /** Server clock minus browser clock, ms. */
  skew = 0
  seq = 0

  now = () => Date.now() + this.skew

  bed = (key: string): BedLive => this.beds.get(key) ?? none

  /** How a bed is watched, by the newest word of the server that reached this tab. */
  watched = (bed: Bed): Watched | null => this.bed(bed.id).watched ?? bed.watched
  /** The same in one word; a bed of which the server says nothing is not watched. */
  watchedState = (bed: Bed): WatchedState => this.watched(bed)?.state ?? 'not-watched'

  subscribe = (key: string, listener: Listener) => {
    let set = this.listeners.get(key)
    if (!set) this.listeners.set(key, (set = new Set()))
    set.add(listener)
    return () => {
      set.delete(listener)
      if (set.size === 0) this.listeners.delete(key)
    }
  }

  linkState = () => this.link
  subscribeLink = (listener: Listener) => {
    this.linkListeners.add(listener)
    return () => this.linkListeners.delete(listener)
  }

  setLink(state: Link['state'], demo = this.link.demo) {
    if (this.link.state === state && this.link.demo === demo) return
    this.link = { state, demo, since: this.link.state === state ? this.link.since : Date.now() }
    for (const l of this.linkListeners) l()
  }

  /** Takes the beds of a fetched ward as a start; a live value that is newer stays. */
  seed(beds: Bed[]) {
    const touched = new Set<string>()
    for (const bed of beds) {
      this.merge(bed.id, bed.latest ?? [], touched)
      const current = this.bed(bed.id)
      const patient = bed.patient?.id
      const values = Object.fromEntries(Object.entries(current.values).filter(([, v]) => v.patient === patient || v.patient === ''))
      const watched = bed.watched ? { ...bed.watched, bed: bed.id } : null
      this.beds.set(bed.id, { values, before: current.before, watched: watched ?? (current.watched?.patient === patient ? current.watched : null), heard: Object.values(values).reduce((t, v) => Math.max(t, v.received), 0) })
      touched.add(bed.id)
      if (!patient || patient === bed.id) continue
      this.merge(patient, bed.latest ?? [], touched)
      if (watched) this.beds.set(patient, { ...this.bed(patient), watched })
      touched.add(patient)
    }
    this.wake(touched)
  }

  apply(message: Message) {
    const touched = new Set<string>()
    if ('seq' in message && message.seq > this.seq) this.seq = message.seq
    if ('now' in message && typeof message.now === 'number') this.skew = message.now - Date.now()
    switch (message.type) {
      case 'hello':
        this.setLink('open', message.demo)
        return
      case 'snapshot':
        this.seed(message.beds ?? [])
        return
      case 'values':
        for (const v of message.items) {
          if (v.bed) this.merge(v.bed, [v], touched)
          if (v.patient) this.merge(v.patient, [v], touched)
        }
        break
      case 'watched':
        for (const w of message.items) {
          for (const key of [w.bed, w.patient]) {
            if (!key) continue
            this.beds.set(key, { ...this.bed(key), watched: w })
            touched.add(key)
          }
        }
        break
      case 'changed':
        this.onChanged(message.what)
        return
      case 'alarms':
        alarms.apply(message.items, message.full)
        return
      case 'channels':
        return
    }
    this.wake(touched)
  }

  private merge(key: string, values: Value[], touched: Set<string>) {
    if (values.length === 0) return
    const current = this.bed(key)
    let next: Record<string, Value> | null = null
    let before = current.before
    for (const raw of values) {
      const v = { ...raw, at: instant(raw.at), received: instant(raw.received) }
      const old = (next ?? current.values)[v.metric]
      if (old && old.patient === v.patient && old.at > v.at) continue // late: the newer stays on the screen
      next ??= { ...current.values }
      next[v.metric] = v
      if (scored.has(v.metric) && old && old.patient === v.patient && old.value !== v.value) before = { ...before, [v.metric]: old }
    }
    if (!next) return
    this.beds.set(key, { ...current, values: next, before, heard: Math.max(current.heard, ...values.map((v) => instant(v.received))) })
    touched.add(key)
  }

  // A ward sends hundreds of values a second, each on its own; eyes need ten pictures a second.
  private wake(keys: Set<string>) {
    for (const key of keys) this.waking.add(key)
    this.timer ??= setTimeout(() => {
      this.timer = null
      const woken = this.waking
      this.waking = new Set()
      for (const key of woken) for (const l of this.listeners.get(key) ?? []) l()
    }, 100)
  }
}

/** REST gives RFC 3339, the socket milliseconds. */
export const instant = (at: number | string): number => (typeof at === 'number' ? at : Date.parse(at))

export const live = new LiveStore()

export const useBed = (key: string): BedLive => useSyncExternalStore((l) => live.subscribe(key, l), () => live.bed(key))
export const useLink = (): Link => useSyncExternalStore(live.subscribeLink, live.linkState)

// One clock for every age on the screen.
let tick = Date.now()
const tickers = new Set<Listener>()
let timer: ReturnType<typeof setInterval> | null = null
const subscribeTick = (l: Listener) => {
  tickers.add(l)
  timer ??= setInterval(() => {
    tick = Date.now()
    for (const each of tickers) each()
  }, 1000)
  return () => {
    tickers.delete(l)
    if (tickers.size === 0 && timer) {
      clearInterval(timer)
      timer = null
    }
  }
}

/** The server's time, once a second. */
export const useNow = (): number => useSyncExternalStore(subscribeTick, () => tick) + live.skew
