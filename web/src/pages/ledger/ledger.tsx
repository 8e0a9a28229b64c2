import './ledger.css'
import { useState, type KeyboardEvent, type PointerEvent } from 'react'
import { Link } from 'wouter'
import { usePatient, useWard, useWards } from '../../api/queries'
import { usePatientLedger, useWardLedger, useZoneOf, type Ledger } from '../../api/running'
import { live } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { fullName } from '../../parts/person'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { hour, moment, ticks } from '../../time/zone'
import { useSay, type Say } from '../../words'
import { NoWardYet, Running, SpanChoice, useLast, useQueryPart, useWardOfAddress, WardChoice } from '../running'
import { coverage, worst, type Piece, type State } from './timeline'

const spans = [4, 24, 168] as const
const states: State[] = ['got', 'late', 'missing', 'standby', 'unjudged']

/** The ledger of silence: for every bed what was expected and whether it came, late, not, or was not expected by order. */
export default function LedgerPage() {
  const say = useSay()
  const [search] = useQueryPart()
  const patient = search.get('patient')
  const period = useLast(spans, 24)
  return (
    <Running
      wide
      title={say('running.ledger')}
      tools={
        <>
          {!patient && <WardChoice />}
          <SpanChoice spans={spans} hours={period.hours} label={say('ledger.span')} />
        </>
      }
    >
      <p className="lede">{say('ledger.note')}</p>
      <Legend />
      {patient ? <OfPatient id={patient} {...period} /> : <OfWard {...period} />}
    </Running>
  )
}

function Legend() {
  const say = useSay()
  return (
    <>
      <Patterns />
      <ul className="ledger-legend">
        {states.map((s) => (
          <li key={s}>
            <svg width="34" height="14" aria-hidden="true">
              <Block state={s} x={0} width={34} height={14} />
            </svg>
            {say(`ledger.state.${s}`)}
          </li>
        ))}
      </ul>
    </>
  )
}

/** Every state has a pattern of its own, so that a print or an eye without colour reads the same. */
function Patterns() {
  return (
    <svg width="0" height="0" aria-hidden="true" className="ledger-patterns">
      <defs>
        <pattern id="ledger-late" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="6" height="6" className="ledger-late-ground" />
          <rect width="3" height="6" className="ledger-late-line" />
        </pattern>
        <pattern id="ledger-standby" width="5" height="5" patternUnits="userSpaceOnUse">
          <circle cx="2.5" cy="2.5" r="1" className="ledger-standby-dot" />
        </pattern>
        <pattern id="ledger-unjudged" width="6" height="6" patternUnits="userSpaceOnUse">
          <rect width="6" height="6" className="ledger-unjudged-ground" />
          <path d="M0 0L6 6M6 0L0 6" className="ledger-unjudged-line" />
        </pattern>
      </defs>
    </svg>
  )
}

function Block({ state, x, width, height }: { state: State; x: number; width: number; height: number }) {
  if (state === 'got') return <rect x={x} y={height / 2 - 2} width={width} height={4} className="ledger-got" />
  return <rect x={x} y={0.5} width={width} height={height - 1} className={`ledger-${state}`} />
}

function OfWard({ from, to }: { from: number; to: number }) {
  const say = useSay()
  const ward = useWardOfAddress()
  const wards = useWards().data
  const beds = useWard(ward).data?.beds ?? []
  const zone = useZoneOf(ward)
  const answer = useWardLedger(ward, from, to)
  const { preferences } = usePreferences()
  if (wards?.length === 0) return <NoWardYet />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={10} height={22} />
  const label = (bed: string) => beds.find((b) => b.id === bed)?.label ?? bed
  const rows = [...(answer.data.items ?? [])].sort((a, b) => label(a.bed).localeCompare(label(b.bed), undefined, { numeric: true }))
  if (rows.length === 0) return <Empty title={say('ledger.none.title')}>{say('ledger.none.do')}</Empty>
  return (
    <>
      <ul className="ledger">
        <Axis from={from} to={to} zone={zone} />
        {rows.map((r) => {
          const patient = beds.find((b) => b.patient?.id === r.patient)?.patient
          return (
            <Row key={r.bed + r.patient} ledger={r} from={from} to={to} zone={zone} name={say('bed.bed', { label: label(r.bed) })} patient={r.patient} person={patient ? fullName(patient, preferences.privacy) : say('ledger.left')} />
          )
        })}
      </ul>
    </>
  )
}

function OfPatient({ id, from, to }: { id: string; from: number; to: number }) {
  const say = useSay()
  const name = useMetricName()
  const person = usePatient(id)
  const zone = useZoneOf(person.data?.ward ?? '')
  const answer = usePatientLedger(id, from, to)
  const { preferences } = usePreferences()
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={6} height={22} />
  const streams = answer.data.streams ?? []
  return (
    <>
      <p>
        <Link href={`/patient/${encodeURIComponent(id)}`} className="strong">
          {person.data ? fullName(person.data, preferences.privacy) : say('cover.somebody')}
        </Link>{' '}
        <Link href="/ledger" className="second">
          {say('ledger.wholeWard')}
        </Link>
      </p>
      {streams.length === 0 ? (
        <Empty title={say('ledger.nothing.title')}>{say('ledger.nothing.do')}</Empty>
      ) : (
        <ul className="ledger">
          <Axis from={from} to={to} zone={zone} />
          {streams.map((s) => (
            <Row key={s.metric} ledger={{ ...answer.data, streams: [s], items: (answer.data.items ?? []).filter((i) => i.metric === s.metric) }} from={from} to={to} zone={zone} name={name(s.metric)} person={say(s.kind === 'spot' ? 'do.plan.spot' : 'do.plan.continuous')} patient="" />
          ))}
        </ul>
      )}
    </>
  )
}

function Axis({ from, to, zone }: { from: number; to: number; zone: string }) {
  const say = useSay()
  const far = to - from > 48 * hour
  return (
    <li className="ledger-row ledger-axis" aria-hidden="true">
      <span />
      <span className="ledger-ticks">
        {ticks(from, to, zone, far ? 8 : 6).map((t) => {
          const text = moment(t, zone, say.language, far ? 0 : t)
          return (
            <i key={t} style={{ left: `${(100 * (t - from)) / (to - from)}%` }}>
              {far ? text.replace(/ \d\d:\d\d.*$/, '') : text}
            </i>
          )
        })}
      </span>
      <span />
    </li>
  )
}

const percent = (x: number, say: Say) => say.number(x, x > 99 && x < 100 ? 2 : 1)

function Row({ ledger, from, to, zone, name, person, patient }: { ledger: Ledger; from: number; to: number; zone: string; name: string; person: string; patient: string }) {
  const say = useSay()
  const metric = useMetricName()
  const [chosen, setChosen] = useState<number | null>(null)
  const line = worst(ledger)
  const marked = line.map((p, i) => ({ p, i })).filter(({ p }) => p.state !== 'got')
  const sum = coverage(ledger)
  const piece = chosen === null ? undefined : line[chosen]
  const width = 1000
  const at = (t: number) => ((t - from) / (to - from)) * width
  const step = (event: KeyboardEvent) => {
    const place = marked.findIndex((m) => m.i === chosen)
    const next = event.key === 'ArrowRight' ? place + 1 : event.key === 'ArrowLeft' ? (place < 0 ? marked.length - 1 : place - 1) : event.key === 'Home' ? 0 : event.key === 'End' ? marked.length - 1 : null
    if (event.key === 'Escape') setChosen(null)
    if (next === null || marked.length === 0) return
    event.preventDefault()
    setChosen(marked[Math.max(0, Math.min(marked.length - 1, next))]!.i)
  }
  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const t = from + ((event.clientX - box.left) / box.width) * (to - from)
    const near = (4 / box.width) * (to - from)
    const hit = marked.find(({ p }) => t >= p.from - near && t <= p.to + near) ?? line.map((p, i) => ({ p, i })).find(({ p }) => t >= p.from && t < p.to)
    setChosen(hit ? hit.i : null)
  }
  const gaps = marked.filter(({ p }) => p.state === 'missing').length
  const summary = sum ? say('ledger.row', { name, got: percent(sum.got, say), count: gaps, longest: say.age(sum.longest) }) : say('ledger.row.none', { name })
  return (
    <li className="ledger-row">
      <span className="ledger-name">
        {patient ? (
          <Link href={`/ledger?patient=${encodeURIComponent(patient)}`} className="strong">
            {name}
          </Link>
        ) : (
          <span className="strong">{name}</span>
        )}
        <span className="second">{person}</span>
      </span>
      <span className="ledger-line" tabIndex={0} role="group" aria-label={`${summary} ${say('ledger.keys')}`} onKeyDown={step} onBlur={() => setChosen(null)}>
        <svg viewBox={`0 0 ${width} 20`} preserveAspectRatio="none" aria-hidden="true" onPointerMove={point} onPointerDown={point} onPointerLeave={() => setChosen(null)}>
          {line.map((p, i) => (
            <Block key={i} state={p.state} x={at(p.from)} width={Math.max(p.state === 'got' ? 0.5 : 1.5, at(p.to) - at(p.from))} height={20} />
          ))}
          {piece && <rect className="ledger-chosen" x={at(piece.from) - 1} y={0.5} width={Math.max(4, at(piece.to) - at(piece.from) + 2)} height={19} />}
        </svg>
      </span>
      <span className="ledger-share">
        {sum ? (
          <>
            <b>{percent(sum.got, say)}</b> <small>%</small>
            {sum.missing >= 0.005 && <span className="technical"> {say('ledger.missing', { percent: percent(sum.missing, say) })}</span>}
          </>
        ) : (
          <span className="quiet">{say('ledger.notExpected')}</span>
        )}
      </span>
      <span className="ledger-why" aria-live="polite">
        {piece && pieceText(piece, zone, metric, say)}
      </span>
    </li>
  )
}

function pieceText(p: Piece, zone: string, metric: (m: string) => string, say: Say): string {
  const now = live.now()
  const cause = p.cause || (p.state === 'got' || p.state === 'late' ? '' : say('ledger.cause.unknown'))
  const kind = p.kind ? say.maybe('ledger.kind.' + p.kind, p.kind) : ''
  const time = `${moment(p.from, zone, say.language, now, true)} \u2013 ${moment(p.to, zone, say.language, now, true)} (${say.age(p.to - p.from)})`
  return `${say(`ledger.state.${p.state}`)}: ${p.metrics.map(metric).join(', ')}, ${time}${cause ? `. ${cause}` : ''}${kind ? ` [${kind}]` : ''}`
}
