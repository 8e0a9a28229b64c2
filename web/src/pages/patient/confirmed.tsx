import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useMay } from '../../api/running'
import { reviewLimit, useReviews } from '../../api/watching'
import type { Patient } from '../../api/types'
import { live } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { refusalText } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

/** Of a limit that was set before this shift: who confirmed it, or a button that does. Nothing of one set in it. */
export function Confirmed({ patient, metric, zone }: { patient: Patient; metric: string; zone: string }) {
  const say = useSay()
  const may = useMay()
  const name = useMetricName()
  const client = useQueryClient()
  const review = useReviews(patient.ward ?? '').data?.find((r) => r.patient === patient.id && r.metric === metric)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  if (!review) return null
  if (review.reviewed) return <span className="limit-confirmed small">{'\u2713'} {say('review.confirmed', { name: review.reviewed.name || review.reviewed.by, time: moment(review.reviewed.at, zone, say.language, live.now()) })}</span>
  const confirm = () => {
    setBusy(true)
    setProblem('')
    reviewLimit(patient.id, metric)
      .then(() => client.invalidateQueries({ queryKey: ['reviews'] }))
      .catch((e: unknown) => setProblem(refusalText(e, say)))
      .finally(() => setBusy(false))
  }
  return (
    <span className="limit-confirm">
      <strong className="limit-review">{say('limits.review')}</strong>
      {may('limit.review') && (
        <Button className="no-print" size="compact-sm" loading={busy} onClick={confirm} aria-label={say('review.confirm.of', { metric: name(metric), label: review.label })}>
          {say('review.confirm')}
        </Button>
      )}
      {problem && (
        <span className="problem" role="alert">
          {problem}
        </span>
      )}
    </span>
  )
}
