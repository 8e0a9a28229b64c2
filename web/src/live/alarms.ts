// Every open alarm that this person may see, whatever bed the screen shows. The server sends all of them once and
// then each that changes; until then, and whenever the link is down, the screen must say that this list is not live.

import { useSyncExternalStore } from 'react'
import type { Alarm } from '../api/alarm'
import { first } from './order'

type Listener = () => void

export interface AlarmList {
  /** The server has sent the whole list; false: nobody knows what is open. */
  known: boolean
  /** The server of this link does not send alarms at all. */
  refused: boolean
  all: Alarm[]
  patient: Alarm[]
  technical: Alarm[]
}

const nothing: AlarmList = { known: false, refused: false, all: [], patient: [], technical: [] }
const none: Alarm[] = []

export class AlarmStore {
  private open = new Map<string, Alarm>()
  /** When those that are over closed: an older word about one of them does not bring it back. */
  private over = new Map<string, number>()
  private list: AlarmList = nothing
  private byBed = new Map<string, Alarm[]>()
  private byPatient = new Map<string, Alarm[]>()
  private listeners = new Set<Listener>()
  private timer: ReturnType<typeof setTimeout> | null = null
  /** Called with those whose story has grown, for who keeps it on screen; new evidence alone is no new chapter. */
  onChange: (ids: string[]) => void = () => {}

  subscribe = (l: Listener) => {
    this.listeners.add(l)
    return () => this.listeners.delete(l)
  }
  get = () => this.list
  one = (id: string): Alarm | undefined => this.open.get(id)
  ofBed = (bed: string): Alarm[] => this.byBed.get(bed) ?? none
  ofPatient = (patient: string): Alarm[] => this.byPatient.get(patient) ?? none

  /** `full` replaces the list; otherwise each item is newer than what was known of it, or is left out. */
  apply(items: Alarm[] | null, full: boolean) {
    if (full) {
      this.open = new Map()
      this.over = new Map()
    }
    const grown: string[] = []
    for (const a of items ?? []) {
      if (chapter(this.open.get(a.id)) !== chapter(a)) grown.push(a.id)
      // The answer to a click may be overtaken by the socket.
      if (a.changed < Math.max(this.open.get(a.id)?.changed ?? 0, this.over.get(a.id) ?? 0)) continue
      if (a.closed) {
        this.open.delete(a.id)
        this.over.set(a.id, a.changed)
      } else this.open.set(a.id, a)
    }
    this.arrange(this.list.known || full, false)
    if (grown.length > 0) this.onChange(grown)
  }

  /** The server does not know the word. What was listed before is not true any more. */
  refuse() {
    this.open = new Map()
    this.arrange(false, true)
  }

  private arrange(known: boolean, refused: boolean) {
    const all = [...this.open.values()].sort(first)
    this.list = { known, refused, all, patient: all.filter((a) => !a.technical), technical: all.filter((a) => a.technical) }
    const group = (key: (a: Alarm) => string) => {
      const out = new Map<string, Alarm[]>()
      for (const a of all) out.set(key(a), [...(out.get(key(a)) ?? []), a])
      return out
    }
    this.byBed = group((a) => a.bed)
    this.byPatient = group((a) => a.patient)
    // In a storm hundreds change within a second; eyes need ten pictures of it.
    this.timer ??= setTimeout(() => {
      this.timer = null
      for (const l of this.listeners) l()
    }, 60)
  }
}

const chapter = (a: Alarm | undefined) => (a ? [a.priority, a.condition, a.sound, a.soundUntil, a.owner?.by, a.owner?.accepted, a.level, a.closed, a.times, a.acknowledged?.at].join(' ') : '')

export const alarms = new AlarmStore()

export const useAlarms = (): AlarmList => useSyncExternalStore(alarms.subscribe, alarms.get)
export const useAlarm = (id: string): Alarm | undefined => useSyncExternalStore(alarms.subscribe, () => alarms.one(id))

/** The open alarms of a bed: the live list, or what came with the bed while that is not there. */
export function useBedAlarms(bed: string, patient: string | undefined, fetched: Alarm[] | null | undefined): Alarm[] {
  return useSyncExternalStore(alarms.subscribe, () => (alarms.get().known ? (patient ? alarms.ofPatient(patient) : alarms.ofBed(bed)) : (fetched ?? none)))
}
