import type { Alarm, Bed, Watched } from '../../api/types'

const weight: Record<Alarm['priority'], number> = { high: 0, medium: 1, technical: 4, low: 5 }
const watchedWeight: Record<Watched['state'], number> = { 'not-watched': 2, unplanned: 2, partly: 3, standby: 7, watched: 6, empty: 9 }

/** Worst first: alarms by priority, then beds that nobody watches, then bed order. */
export function worstFirst(beds: Bed[], watched: (bed: Bed) => Watched | null): Bed[] {
  const rank = (b: Bed) => {
    const alarms = (b.alarms ?? []).map((a) => weight[a.priority])
    const state = b.patient ? watchedWeight[watched(b)?.state ?? 'not-watched'] : watchedWeight.empty
    return Math.min(state, ...alarms)
  }
  return [...beds].sort((a, b) => rank(a) - rank(b) || a.position - b.position)
}
