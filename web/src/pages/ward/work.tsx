import { Link } from 'wouter'
import { useMay } from '../../api/running'
import { sheetAddress, useReviews, type Sheets } from '../../api/watching'
import type { Ward } from '../../api/types'
import { live } from '../../live/store'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

/** What the ward asks of somebody in this shift, and the sheet for when the screens fail. */
export function WardWork({ ward, sheet }: { ward: Ward; sheet: Sheets | undefined }) {
  const say = useSay()
  const may = useMay()
  const left = (useReviews(ward.id, may('limit.review')).data ?? []).filter((r) => !r.reviewed).length
  const at = sheet?.written ? Date.parse(sheet.written) : 0
  return (
    <span className="ward-work">
      {left > 0 && <Link href={`/review?ward=${encodeURIComponent(ward.id)}`}>{say('review.ward', { count: left })}</Link>}
      {may('patient.observe') && (
        <a href={sheetAddress(ward.id)} target="_blank" rel="noopener">
          {say('sheet.open')}
        </a>
      )}
      {at > 0 && !sheet?.failing && <span className="quiet small">{say('sheet.saved', { time: moment(at, ward.zone, say.language, live.now()) })}</span>}
      {sheet?.failing && <span className="technical small">{say('sheet.failing')}</span>}
    </span>
  )
}
