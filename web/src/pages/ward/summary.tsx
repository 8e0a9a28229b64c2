import { useSyncExternalStore } from 'react'
import type { Bed, WatchedState } from '../../api/types'
import { live, useLink } from '../../live/store'
import { clock } from '../../time/zone'
import { useSay } from '../../words'

/** How many of the beds are watched, by the server's own word for each. */
export function Summary({ beds, zone }: { beds: Bed[]; zone: string }) {
  const say = useSay()
  const link = useLink()
  const text = useSyncExternalStore(
    (wake) => {
      const stops = beds.map((b) => live.subscribe(b.id, wake))
      return () => stops.forEach((stop) => stop())
    },
    () => counts(beds),
  )
  const [watched, partly, not, standby] = text.split(' ').map(Number) as [number, number, number, number]
  const patients = beds.filter((b) => b.patient).length
  return (
    <span className="ward-summary">
      {link.state === 'down' && <strong className="not">{say('ward.summary.asOf', { time: clock(link.since, zone, true) })}</strong>}
      <span>{say('ward.summary.beds', { count: beds.length })}</span>
      <span>{say('ward.summary.patients', { count: patients })}</span>
      <span>{say('ward.summary.watched', { count: watched })}</span>
      {partly > 0 && <span className="partly">{say('ward.summary.partly', { count: partly })}</span>}
      {not > 0 && <strong className="not">{say('ward.summary.not', { count: not })}</strong>}
      {standby > 0 && <span>{say('ward.summary.standby', { count: standby })}</span>}
    </span>
  )
}

function counts(beds: Bed[]): string {
  const by: Record<WatchedState, number> = { watched: 0, partly: 0, 'not-watched': 0, standby: 0, unplanned: 0, empty: 0 }
  for (const b of beds) if (b.patient) by[live.watchedState(b)]++
  return [by.watched, by.partly, by['not-watched'] + by.unplanned, by.standby].join(' ')
}
