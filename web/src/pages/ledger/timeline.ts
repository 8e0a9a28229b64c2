import type { Ledger } from '../../api/running'

export type State = 'got' | 'late' | 'missing' | 'standby' | 'unjudged'

export interface Piece {
  from: number
  to: number
  state: State
  kind: string
  cause: string
  /** Which streams are in that state then. */
  metrics: string[]
}

// Of two streams that differ at one time, the worse is what somebody must see.
const rank: State[] = ['got', 'standby', 'late', 'unjudged', 'missing']

/** One line of several streams: at every time the worst of them, with its cause. */
export function worst(ledger: Ledger): Piece[] {
  const from = Date.parse(ledger.from)
  const to = Date.parse(ledger.to)
  const parts: Piece[] = []
  const put = (metric: string, i: { from: string; to: string; state: string; kind: string; cause: string }) => {
    const state: State = i.state === 'got' && i.kind ? 'unjudged' : (i.state as State)
    const end = i.to ? Date.parse(i.to) : to
    const a = Math.max(from, Date.parse(i.from))
    const b = Math.min(to, Number.isNaN(end) || end === 0 ? to : end)
    if (b > a) parts.push({ from: a, to: b, state, kind: i.kind, cause: i.cause, metrics: [metric] })
  }
  for (const s of ledger.streams ?? []) for (const i of s.intervals ?? []) put(s.metric, i)
  for (const i of ledger.items ?? []) if (i.state === 'got' && i.kind) put(i.metric, i)
  return merge(parts)
}

/** Lays pieces over each other; what nothing says anything about is left out. */
export function merge(parts: Piece[]): Piece[] {
  const ends = parts.flatMap((p) => [
    { at: p.from, open: true, p },
    { at: p.to, open: false, p },
  ])
  ends.sort((a, b) => a.at - b.at)
  const open = new Set<Piece>()
  const out: Piece[] = []
  let last = ends[0]?.at ?? 0
  for (const e of ends) {
    if (e.at > last && open.size > 0) {
      let top = -1
      for (const p of open) top = Math.max(top, rank.indexOf(p.state))
      const state = rank[top]!
      const those = [...open].filter((p) => p.state === state)
      const metrics = [...new Set(those.flatMap((p) => p.metrics))].sort()
      const first = those.find((p) => p.cause) ?? those[0]!
      const before = out[out.length - 1]
      if (before && before.to === last && before.state === state && before.cause === first.cause && before.metrics.join() === metrics.join()) before.to = e.at
      else out.push({ from: last, to: e.at, state, kind: first.kind, cause: first.cause, metrics })
    }
    last = e.at
    if (e.open) open.add(e.p)
    else open.delete(e.p)
  }
  return out
}

export interface Coverage {
  got: number
  late: number
  missing: number
  longest: number
  standby: number
  due: number
}

/** Percent of the time in which streams were due, over all of them; null where nothing was. */
export function coverage(ledger: Ledger): Coverage | null {
  const sum = { got: 0, late: 0, missing: 0, longest: 0, standby: 0, due: 0 }
  for (const s of ledger.streams ?? []) {
    const due = Math.max(0, s.expected - s.standby)
    sum.due += due
    sum.got += s.got * due
    sum.late += s.late * due
    sum.missing += s.missing * due
    sum.standby = Math.max(sum.standby, s.standby)
    sum.longest = Math.max(sum.longest, s.longest)
  }
  if (sum.due === 0) return null
  return { ...sum, got: sum.got / sum.due, late: sum.late / sum.due, missing: sum.missing / sum.due }
}
