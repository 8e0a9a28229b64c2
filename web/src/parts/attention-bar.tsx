import IconAlertTriangle from '@tabler/icons-react/dist/esm/icons/IconAlertTriangle.mjs'
import IconEyeOff from '@tabler/icons-react/dist/esm/icons/IconEyeOff.mjs'
import { useQueries } from '@tanstack/react-query'
import { Link } from 'wouter'
import { get } from '../api/client'
import { again, useWards } from '../api/queries'
import type { Bed, Ward } from '../api/types'
import { useNow } from '../live/store'
import { watchedText } from '../pages/ward/watched'
import { worstAlarm } from '../pages/ward/worst'
import { usePreferences } from '../preferences'
import { useSay } from '../words'
import { fullName } from './person'

const marks = { high: '***', medium: '**', low: '*', technical: '!' }
const shown = 4

/** What needs somebody, on the pages that do not show the ward itself: alarms first, then beds that nobody watches. */
export function AttentionBar() {
  const say = useSay()
  const now = useNow()
  const { preferences } = usePreferences()
  const wards = useWards().data ?? []
  const answers = useQueries({
    queries: wards.slice(0, 8).map((w) => ({ queryKey: ['ward', w.id], queryFn: () => get<{ ward: Ward; beds: Bed[] | null }>(`/wards/${encodeURIComponent(w.id)}`), refetchInterval: 15_000, retry: again })),
  })
  const rows = answers.flatMap(({ data }) =>
    (data?.beds ?? []).flatMap((bed) => {
      if (!data || !bed.patient) return []
      const alarm = worstAlarm(bed.alarms)
      const state = bed.watched?.state
      if (!alarm && state !== 'not-watched' && state !== 'unplanned' && state !== 'partly') return []
      const rank = alarm ? ['high', 'medium', 'technical', 'low'].indexOf(alarm.priority) : state === 'partly' ? 5 : 2
      return [{ bed, patient: bed.patient, rank, priority: alarm?.priority ?? 'technical', text: alarm ? `${marks[alarm.priority]} ${alarm.text}` : watchedText(bed.watched, data.ward.zone, now, say, bed.devices?.length ?? 0) }]
    }),
  )
  if (rows.length === 0) return null
  rows.sort((a, b) => a.rank - b.rank || a.bed.position - b.bed.position)
  return (
    <nav className="attention" aria-label={say('alarm.bar')}>
      {rows.slice(0, shown).map((r) => (
        <Link key={r.bed.id} href={`/patient/${encodeURIComponent(r.patient.id)}`} data-priority={r.priority}>
          {r.rank < 2 ? <IconAlertTriangle size={14} stroke={2} aria-hidden="true" /> : <IconEyeOff size={14} stroke={1.8} aria-hidden="true" />}
          <b>{r.bed.label}</b> {fullName(r.patient, preferences.privacy)} <span>{r.text}</span>
        </Link>
      ))}
      {rows.length > shown && <Link href="/?view=worst">{say('alarm.more', { count: rows.length - shown })}</Link>}
    </nav>
  )
}
