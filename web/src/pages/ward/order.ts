import type { Alarm } from '../../api/alarm'
import type { Bed, Watched } from '../../api/types'
import { bedRank } from '../../live/order'

// Beside the ranks of alarms (live/order.ts, 0 to 11): a bed that nobody watches comes after medium alarms.
const watchedWeight: Record<Watched['state'], number> = { 'not-watched': 3.5, unplanned: 3.6, partly: 8.5, watched: 20, standby: 21, empty: 22 }

/** Worst first: alarms by priority, then beds that nobody watches, then bed order. */
export function worstFirst(beds: Bed[], watched: (bed: Bed) => Watched | null, alarms: (bed: Bed) => Alarm[]): Bed[] {
  const rank = (b: Bed) => {
    if (!b.patient) return watchedWeight.empty
    const open = alarms(b)
    return Math.min(watchedWeight[watched(b)?.state ?? 'not-watched'], bedRank(open))
  }
  return beds.map((bed) => ({ bed, rank: rank(bed) })).sort((a, b) => a.rank - b.rank || a.bed.position - b.bed.position).map((x) => x.bed)
}
