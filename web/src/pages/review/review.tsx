import './review.css'
import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useRef, useState, type KeyboardEvent } from 'react'
import { Link } from 'wouter'
import { usePatient, useWard, useWards } from '../../api/queries'
import { useMay, useZoneOf } from '../../api/running'
import { reviewLimit, useReviews, type LimitReview } from '../../api/watching'
import { useNow } from '../../live/store'
import { isCommand, useKeysOn } from '../../parts/keys'
import { useMetricName } from '../../parts/metric-name'
import { fullName } from '../../parts/person'
import { Empty, refusalText, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { clock, moment } from '../../time/zone'
import { unitText, useUnits } from '../../units/units'
import { useSay } from '../../words'
import { side } from '../patient/limit-text'
import { NoWardYet, Running, useWardOfAddress, WardChoice } from '../running'

const LimitsDialog = lazy(() => import('../patient/limits'))

/** At the beginning of a shift: every limit of a patient's own that was set before it, to be confirmed or changed. */
export default function ReviewPage() {
  const say = useSay()
  const wards = useWards().data
  return (
    <Running title={say('running.review')} tools={<WardChoice />}>
      <p className="lede">{say('review.note')}</p>
      {wards?.length === 0 ? <NoWardYet /> : <List />}
    </Running>
  )
}

const keyOf = (r: LimitReview) => `${r.patient} ${r.metric}`

function List() {
  const say = useSay()
  const ward = useWardOfAddress()
  const zone = useZoneOf(ward)
  const now = useNow()
  const answer = useReviews(ward)
  const beds = useWard(ward).data?.beds ?? []
  const may = useMay()
  const keys = useKeysOn()
  const client = useQueryClient()
  const [here, setHere] = useState('')
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState<{ of: string; text: string } | null>(null)
  const [changing, setChanging] = useState('')
  const list = useRef<HTMLUListElement>(null)
  const rows = [...(answer.data ?? [])].sort((a, b) => a.label.localeCompare(b.label, undefined, { numeric: true }) || a.metric.localeCompare(b.metric))
  const open = rows.filter((r) => !r.reviewed)
  const marked = rows.find((r) => keyOf(r) === here && !r.reviewed) ?? open[0]
  const mayConfirm = may('limit.review')

  const confirm = async (r: LimitReview) => {
    if (busy) return
    setBusy(keyOf(r))
    setProblem(null)
    try {
      await reviewLimit(r.patient, r.metric)
      const next = open[open.indexOf(r) + 1] ?? open.find((o) => o !== r)
      await client.invalidateQueries({ queryKey: ['reviews'] })
      setHere(next ? keyOf(next) : '')
      if (next) list.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(keyOf(next))}"] button`)?.focus()
    } catch (e) {
      setProblem({ of: keyOf(r), text: refusalText(e, say) })
    } finally {
      setBusy('')
    }
  }
  const act = useRef<(event: globalThis.KeyboardEvent) => void>(() => {})
  act.current = (event) => {
    if (event.key.toLowerCase() !== 'c' || !keys || !mayConfirm || !marked || !isCommand(event, event.target instanceof Element ? event.target : null) || document.querySelector('[aria-modal="true"]')) return
    event.preventDefault()
    void confirm(marked)
  }
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => act.current(event)
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [])
  const arrows = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!step || !marked) return
    event.preventDefault()
    const next = open[open.indexOf(marked) + step]
    if (!next) return
    setHere(keyOf(next))
    list.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(keyOf(next))}"] button`)?.focus()
  }

  if (answer.isPending) return <Skeleton lines={6} height={28} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const shift = rows[0]?.shift
  if (!shift) return <Empty title={say('review.none.title')}>{say('review.none.do')}</Empty>
  const due = Math.min(...rows.map((r) => r.due))
  return (
    <>
      <p className="second">{say('review.shift', { name: shift.name, from: moment(shift.from, zone, say.language, now), to: moment(shift.to, zone, say.language, now) })}</p>
      <p className="review-count" role="status">
        {open.length === 0 ? say('review.all') : say('review.left', { count: open.length })}
      </p>
      {open.length > 0 && (
        <p className={due < now ? 'technical strong' : 'second'}>
          {say(due < now ? 'review.overdue' : 'review.due', { time: clock(due, zone) })} {keys && mayConfirm && <span className="quiet small">{say('review.keys')}</span>}
        </p>
      )}
      <ul className="review-list" ref={list} onKeyDown={arrows}>
        {rows.map((r) => (
          <Row key={keyOf(r)} review={r} zone={zone} now={now} here={r === marked} busy={busy === keyOf(r)} may={mayConfirm} mayChange={may('limit.write')} patient={beds.find((b) => b.patient?.id === r.patient)?.patient ?? null} enter={() => setHere(keyOf(r))} confirm={() => void confirm(r)} change={() => setChanging(r.patient)} problem={problem?.of === keyOf(r) ? problem.text : ''} />
        ))}
      </ul>
      {changing && <Limits patient={changing} zone={zone} close={() => (setChanging(''), void client.invalidateQueries({ queryKey: ['reviews'] }))} />}
    </>
  )
}

function Limits({ patient, zone, close }: { patient: string; zone: string; close: () => void }) {
  const answer = usePatient(patient)
  return answer.data ? (
    <Suspense>
      <LimitsDialog patient={answer.data} zone={zone} close={close} />
    </Suspense>
  ) : null
}

interface RowProps {
  review: LimitReview
  zone: string
  now: number
  here: boolean
  busy: boolean
  may: boolean
  mayChange: boolean
  patient: { id: string; family: string; given: string } | null
  enter: () => void
  confirm: () => void
  change: () => void
  problem: string
}

function Row({ review: r, zone, now, here, busy, may, mayChange, patient, enter, confirm, change, problem }: RowProps) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const { preferences } = usePreferences()
  const words = { metric: name(r.metric), label: r.label }
  return (
    <li data-row={keyOf(r)} data-here={here || undefined} onFocus={enter}>
      <span className="review-bed">
        <span className="unseen">{say('review.bed')} </span>
        {r.label}
      </span>
      <span>
        <Link href={`/patient/${encodeURIComponent(r.patient)}`} className="strong">
          {patient ? fullName(patient, preferences.privacy) : say('alarm.patient')}
        </Link>
      </span>
      <span className="review-limit">
        {name(r.metric)} <b>{side(r.own, r.metric, r.unit, units, say)}</b> {unitText(units.of(r.metric, r.unit))}
      </span>
      <span className="second">
        {say('review.by', { name: r.own.name || r.own.by, time: moment(r.own.from, zone, say.language, now), until: r.own.until ? moment(r.own.until, zone, say.language, now) : say('limits.noEnd') })} {'\u201c'}
        {r.own.why}
        {'\u201d'}
      </span>
      <span className="review-acts">
        {r.reviewed ? (
          <span className="review-done">{'\u2713'} {say('review.confirmed', { name: r.reviewed.name || r.reviewed.by, time: moment(r.reviewed.at, zone, say.language, now) })}</span>
        ) : (
          <>
            {may && (
              <Button loading={busy} onClick={confirm} aria-label={say('review.confirm.of', words)}>
                {say('review.confirm')}
              </Button>
            )}
            {mayChange && (
              <Button variant="default" onClick={change} aria-label={say('review.change.of', words)}>
                {say('review.change')}
              </Button>
            )}
          </>
        )}
      </span>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </li>
  )
}
