// Rounds that could not be sent wait here, on this device, until the server takes them. Before a round is sent
// again the server is asked whether it has one of that very moment: an answer that was lost on its way does not
// enter a round twice. A refusal is shown and never retried by itself.

import { useSyncExternalStore } from 'react'
import { call, get, query, Refusal } from '../../api/client'
import type { Observation, ObservationItem } from '../../api/types'

export interface Waiting {
  id: string
  patient: string
  name: string
  at: string
  items: ObservationItem[]
  note: string
  refused?: string
}

const key = 'vigil.rounds'
let list: Waiting[] = load()
const listeners = new Set<() => void>()

function load(): Waiting[] {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '[]') as Waiting[]
  } catch {
    return []
  }
}

function keep(next: Waiting[]) {
  list = next
  localStorage.setItem(key, JSON.stringify(next)) // a full storage must be seen: it throws
  for (const l of listeners) l()
}

const subscribe = (l: () => void) => {
  listeners.add(l)
  return () => listeners.delete(l)
}

export const useWaiting = (): Waiting[] => useSyncExternalStore(subscribe, () => list)

/** A round that the server did not answer: kept. One that it refused: thrown. */
export async function send(round: Waiting): Promise<'sent' | 'kept'> {
  keep([...list, round])
  try {
    await deliver(round)
    keep(list.filter((r) => r.id !== round.id))
    return 'sent'
  } catch (e) {
    if (waits(e)) return 'kept'
    keep(list.filter((r) => r.id !== round.id))
    throw e
  }
}

const waits = (e: unknown) => e instanceof Refusal && (e.kind === 'offline' || e.kind === 'unavailable' || e.kind === 'unauthenticated' || e.kind === 'too-much')

const path = (r: Waiting) => `/patients/${encodeURIComponent(r.patient)}/observations`

/** Numbers travel with the digits that were typed. */
export const body = ({ at, items, note }: Pick<Waiting, 'at' | 'items' | 'note'>) => JSON.stringify({ at, items, note }).replace(/"value":"(-?\d+(?:\.\d+)?)"/g, '"value":$1')

const deliver = (r: Waiting) => call('POST', path(r), body(r))

async function known(r: Waiting): Promise<boolean> {
  const at = Date.parse(r.at)
  const answer = await get<{ items: Observation[] | null }>(path(r) + query({ from: new Date(at - 1).toISOString(), to: new Date(at + 1).toISOString() }))
  return (answer.items ?? []).some((o) => Date.parse(o.at) === at && o.items.length === r.items.length)
}

let busy = false

/** Sends all that waits; stops at the first that the server does not answer. */
export async function flush(): Promise<void> {
  if (busy) return
  busy = true
  try {
    for (const round of [...list]) {
      if (round.refused) continue
      try {
        if (!(await known(round))) await deliver(round)
        keep(list.filter((r) => r.id !== round.id))
      } catch (e) {
        if (waits(e)) return
        keep(list.map((r) => (r.id === round.id ? { ...r, refused: e instanceof Refusal ? e.message || e.kind : String(e) } : r)))
      }
    }
  } finally {
    busy = false
  }
}

export const drop = (id: string) => keep(list.filter((r) => r.id !== id))

export function startOutbox() {
  window.addEventListener('online', () => void flush())
  setInterval(() => {
    if (list.some((r) => !r.refused)) void flush()
  }, 10_000)
  void flush()
}
