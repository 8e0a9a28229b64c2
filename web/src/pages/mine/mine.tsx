import '../running.css'
import '../access/access.css'
import './mine.css'
import { useEffect, useMemo, useRef } from 'react'
import { Link, useSearch } from 'wouter'
import type { Alarm } from '../../api/alarm'
import { useAlarmRows } from '../../api/alarm-calls'
import { useMyRecord } from '../../api/access'
import { Refusal } from '../../api/client'
import { useMe, usePatient } from '../../api/queries'
import type { Value } from '../../api/types'
import { tone } from '../../live/order'
import { socket } from '../../live/socket'
import { live, scored, useBed, useNow } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useUnits } from '../../units/units'
import { useSay } from '../../words'
import { Consents } from '../access/consents'
import { Looked } from '../access/looked'
import { Relations } from '../access/relations'

const parts = ['values', 'alarms', 'consent', 'looked'] as const
type Part = (typeof parts)[number]

/** A patient's own page: how they are, what alarmed, who may see it and who did. Nothing of anybody else. */
export default function MinePage() {
  const say = useSay()
  const me = useMe().data
  const asked = new URLSearchParams(useSearch()).get('part')
  const part: Part = parts.find((p) => p === asked) ?? 'values'
  const record = useMyRecord()
  const zone = useZone()
  useEffect(() => {
    document.title = `${say('my.title')} \u00b7 Vigil`
  }, [say])
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>('[aria-current]')
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft - nav.current.offsetLeft - 40
  }, [part])
  const none = record.error instanceof Refusal && record.error.kind === 'not-found'
  const patient = record.data?.patient ?? ''
  return (
    <div className="page running mine">
      <div className="page-head">
        <h1>{record.data?.name || me?.name || say('my.title')}</h1>
      </div>
      <nav ref={nav} className="places" aria-label={say('my.pages')}>
        {parts.map((p) => (
          <Link key={p} href={p === 'values' ? '/' : `/?part=${p}`} aria-current={p === part ? 'page' : undefined}>
            {say(`my.${p}`)}
          </Link>
        ))}
      </nav>
      {record.isPending && <Skeleton lines={6} />}
      {none ? <Empty title={say('my.norecord.title')}>{say('my.norecord.do')}</Empty> : record.error && !record.data && <Trouble problem={record.error} retry={() => void record.refetch()} />}
      {patient && part === 'values' && <Values patient={patient} zone={zone} />}
      {patient && part === 'alarms' && <Alarms patient={patient} zone={zone} />}
      {patient && part === 'consent' && (
        <>
          <Consents patient={patient} zone={zone} own />
          <Relations patient={patient} zone={zone} own kinds={['family', 'care-team']} />
        </>
      )}
      {patient && part === 'looked' && <Looked patient={patient} zone={zone} />}
    </div>
  )
}

const first = ['heart-rate', 'pulse-rate', 'spo2', 'resp-rate', 'bp-systolic', 'temperature', 'glucose', 'glucose-sensor', 'weight']
const joined = new Set(['bp-diastolic', 'bp-mean'])

export function Values({ patient, zone, family = false }: { patient: string; zone: string; family?: boolean }) {
  const say = useSay()
  const now = useNow()
  const answer = usePatient(patient)
  useMemo(() => {
    if (answer.data) live.seed([{ id: patient, ward: '', room: '', label: '', position: 0, patient: answer.data, latest: answer.data.latest ?? null, watched: answer.data.watched ?? null, devices: null, limits: null, alarms: null }])
  }, [patient, answer.data])
  useEffect(() => {
    socket.show({ patient, waves: [] })
  }, [patient])
  const { values } = useBed(patient)
  if (answer.isPending) return <Skeleton lines={6} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const shown = Object.values(values).filter((v) => !joined.has(v.metric) && !scored.has(v.metric))
  const rank = (m: string) => (first.indexOf(m) + first.length + 1) % (first.length + 1) // what is not named comes last
  shown.sort((a, b) => rank(a.metric) - rank(b.metric) || a.metric.localeCompare(b.metric))
  return (
    <section aria-label={say('my.values')}>
      <p className="second">{say('my.values.note')}</p>
      {shown.length === 0 && <p>{say(family ? 'followed.values.none' : 'my.values.none')}</p>}
      <ul className="mine-values">
        {shown.map((v) => (
          <One key={v.metric} value={v} second={v.metric === 'bp-systolic' ? values['bp-diastolic'] : undefined} zone={zone} now={now} />
        ))}
      </ul>
    </section>
  )
}

function One({ value: v, second, zone, now }: { value: Value; second: Value | undefined; zone: string; now: number }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const shown = units.show(v.metric, v.value, v.unit)
  const text = v.code ? say.maybe('round.' + v.code, v.code) : say.digits(shown.text) + (second ? '/' + say.digits(units.show(second.metric, second.value, second.unit).text) : '')
  return (
    <li>
      <span className="second">{name(v.metric === 'bp-systolic' && second ? 'bp' : v.metric)}</span>
      <b>
        {text} {!v.code && <small>{shown.unit}</small>}
      </b>
      <span className="small second" title={moment(v.at, zone, say.language, now)}>
        {now - v.at < 60_000 ? say('my.value.now') : say('my.value.old', { age: say.age(now - v.at) })}
      </span>
    </li>
  )
}

export function Alarms({ patient, zone, family = false }: { patient: string; zone: string; family?: boolean }) {
  const say = useSay()
  const now = useNow()
  const open = useAlarmRows({ patient, state: 'open', limit: 100 })
  const past = useAlarmRows({ patient, state: 'closed', limit: 50 })
  const { refetch } = open
  useEffect(() => {
    const again = setInterval(() => void refetch(), 15_000)
    return () => clearInterval(again)
  }, [refetch])
  const line = (a: Alarm) => (
    <li key={a.id} data-tone={tone(a)} data-over={a.closed ? true : undefined}>
      <b>{a.title}</b>
      <br />
      <span className="second">
        {say('my.alarm.since', { time: moment(a.since, zone, say.language, now) })}
        {a.closed ? `, ${say('my.alarm.over', { time: moment(a.closed, zone, say.language, now) })}` : ''}. {a.technical ? say('my.alarm.technical') : a.acknowledged ? say('my.alarm.seen', { name: a.acknowledged.name || a.acknowledged.by }) : a.closed ? '' : say('my.alarm.waiting')}
      </span>
    </li>
  )
  if (open.isPending) return <Skeleton lines={4} />
  // An alarm that is not permitted is answered like one that is not there.
  if (family && open.error && !open.data) return <p>{say('followed.alarms.none')}</p>
  if (open.error && !open.data) return <Trouble problem={open.error} retry={() => void open.refetch()} />
  return (
    <section aria-label={say('my.alarms')}>
      <p className="second">{say('my.alarms.note')}</p>
      {open.data.items.length === 0 ? <p>{say(family ? 'followed.alarms.none' : 'my.alarms.none')}</p> : <ul className="mine-alarms">{open.data.items.map(line)}</ul>}
      <h2>{say('my.alarms.before')}</h2>
      {past.data?.items.length === 0 && <p className="second">{say(family ? 'followed.alarms.none' : 'my.alarms.before.none')}</p>}
      {past.error && !past.data && <p className="second">{say('state.partial')}</p>}
      <ul className="mine-alarms">{(past.data?.items ?? []).map(line)}</ul>
    </section>
  )
}
