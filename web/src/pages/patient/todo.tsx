import IconBellOff from '@tabler/icons-react/dist/esm/icons/IconBellOff.mjs'
import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useState } from 'react'
import { pausePatient, resumePatient, switchOn, useCare, useLimits, useOffs, useRules, useScores } from '../../api/alarm-calls'
import type { Off, Score } from '../../api/alarm'
import { useMe } from '../../api/queries'
import { useMay } from '../../api/running'
import type { Patient } from '../../api/types'
import { useAlarms, useBedAlarms } from '../../live/alarms'
import { patientFirst } from '../../live/order'
import { instant, useLink, useNow } from '../../live/store'
import { AlarmText, SoundState } from '../../parts/alarm-sign'
import { conditionText, notDone, ownerText } from '../../parts/alarm-words'
import { useMetricName } from '../../parts/metric-name'
import { useOpenAlarm } from '../../parts/open-alarm'
import { moment } from '../../time/zone'
import { unitText, useUnits } from '../../units/units'
import { useSay } from '../../words'
import { Confirmed } from './confirmed'
import { ContactOf } from './contact'
import { side } from './limit-text'

const LimitsDialog = lazy(() => import('./limits'))
const CareDialog = lazy(() => import('./care'))

/** What needs doing: the open alarms of this patient, the scores with all that they rest on, the limits of the patient's own. */
export function Todo({ patient, zone }: { patient: Patient; zone: string }) {
  const say = useSay()
  const may = useMay()
  const [open, setOpen] = useState<'limits' | 'care' | ''>('')
  return (
    <section className="todo" aria-labelledby="todo-title">
      <h2 id="todo-title">{say('todo.title')}</h2>
      <Alarms patient={patient} zone={zone} />
      <Offs patient={patient} zone={zone} />
      <Scores patient={patient} zone={zone} setCare={() => setOpen('care')} />
      {may('limit.read') && <Own patient={patient} zone={zone} change={() => setOpen('limits')} />}
      <ContactOf patient={patient} />
      <Suspense>
        {open === 'limits' && <LimitsDialog patient={patient} zone={zone} close={() => setOpen('')} />}
        {open === 'care' && <CareDialog patient={patient} zone={zone} close={() => setOpen('')} />}
      </Suspense>
    </section>
  )
}

function Alarms({ patient, zone }: { patient: Patient; zone: string }) {
  const say = useSay()
  const me = useMe().data
  const now = useNow()
  const linked = useLink().state === 'open'
  const { known } = useAlarms()
  const list = [...useBedAlarms(patient.bed ?? '', patient.id, null)].sort(patientFirst)
  const [, show] = useOpenAlarm()
  const [problem, setProblem] = useState('')
  const run = (work: Promise<unknown>) => {
    setProblem('')
    work.catch((e: unknown) => setProblem(notDone(e, say)))
  }
  if (list.length === 0) return <p className="second">{say(known && linked ? 'alarm.none' : 'alarm.unknown')}</p>
  const sounding = list.some((a) => a.sound === 'on')
  const paused = list.some((a) => a.sound === 'paused')
  return (
    <>
      <ul className="todo-alarms" data-live={linked}>
        {list.map((a) => (
          <li key={a.id}>
            <button className="alarm-link" onClick={() => show(a.id)}>
              <AlarmText alarm={a} still={!linked} />
            </button>
            <span className="small second">
              {[say('alarm.since', { time: moment(a.since, zone, say.language, now) }), conditionText(a, zone, now, say), ownerText(a, say)].filter(Boolean).join(', ')}
            </span>
            <SoundState alarm={a} zone={zone} now={now} />
          </li>
        ))}
      </ul>
      {(me?.actions?.includes('alarm.act') ?? true) && (sounding || paused) && (
        <div className="row wrap no-print">
          {sounding && (
            <Button size="compact-sm" variant="default" disabled={!linked} onClick={() => run(pausePatient(patient.id, 2))}>
              {say('todo.pause', { count: 2 })}
            </Button>
          )}
          {paused && (
            <Button size="compact-sm" variant="default" disabled={!linked} onClick={() => run(resumePatient(patient.id))}>
              {say('alarm.do.resume')}
            </Button>
          )}
        </div>
      )}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </>
  )
}

/** What somebody has switched off for this patient, in sight for as long as it lasts. */
function Offs({ patient, zone }: { patient: Patient; zone: string }) {
  const say = useSay()
  const client = useQueryClient()
  const me = useMe().data
  const now = useNow()
  const list = (useOffs(patient.id).data ?? []).filter((o) => o.until === 0 || o.until > now)
  const rules = useRules(list.length > 0).data?.rules ?? []
  const [problem, setProblem] = useState('')
  if (list.length === 0) return null
  const on = (o: Off) => {
    setProblem('')
    switchOn(patient.id, o)
      .then(() => client.invalidateQueries({ queryKey: ['offs', patient.id] }))
      .catch((e: unknown) => setProblem(notDone(e, say)))
  }
  return (
    <div className="own-limits">
      <h3>{say('offs.title')}</h3>
      <ul>
        {list.map((o) => {
          const title = rules.find((r) => r.name === o.rule)?.title ?? o.rule
          return (
            <li key={`${o.rule} ${o.part}`}>
              <b className="off-line">
                <IconBellOff size={15} stroke={2} aria-hidden="true" /> {title} {o.part}
              </b>
              <span className="small second">{say('alarm.sound.off.long', { name: o.name || o.by, time: moment(o.until, zone, say.language, now), why: o.why })}</span>
              {(me?.actions?.includes('alarm.act') ?? true) && (
                <Button className="no-print" size="compact-sm" variant="default" onClick={() => on(o)}>
                  {say('offs.on', { title })}
                </Button>
              )}
            </li>
          )
        })}
      </ul>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}

function Scores({ patient, zone, setCare }: { patient: Patient; zone: string; setCare: () => void }) {
  const say = useSay()
  const may = useMay()
  const scores = useScores(patient.id)
  const care = useCare(patient.id).data
  const all = scores.data ?? []
  // One score is spelt out: NEWS2 for adults, else the one that is meant for this patient.
  const main = ['news2', 'pews', 'meows'].map((n) => all.find((s) => s.name === n)).filter((s) => s !== undefined)
  const chosen = main.find((s) => s.status !== 'refused') ?? main[0]
  const others = all.filter((s) => s !== chosen && s.status !== 'refused')
  return (
    <div className="scores">
      {scores.error && !scores.data && <p className="second">{say('score.unknown')}</p>}
      {chosen && <Spelt score={chosen} zone={zone} />}
      {others.map((s) => (
        <p key={s.name} className="score-line">
          <b>{s.title}</b> {s.status === 'ok' ? String(s.score) : <span className="second">{say('score.incomplete', { count: Number(s.score) })}</span>} {s.status === 'ok' && s.risk && <span className="second">{say.maybe('score.risk.' + s.risk, s.risk)}</span>}
        </p>
      ))}
      {care && (
        <p className="small second">
          {say(care.spo2Scale === 2 ? 'care.now2' : care.spo2Scale === 1 ? 'care.now1' : 'care.now0')}
          {care.at > 0 && `, ${say('care.set.by', { name: care.name || care.by })}`}
          {(care.conditions ?? []).length > 0 && `. ${(care.conditions ?? []).map((c) => say.maybe('care.' + c, c)).join(', ')}`}
        </p>
      )}
      {may('limit.write') && (
        <Button className="no-print" size="compact-sm" variant="default" onClick={setCare}>
          {say('care.set')}
        </Button>
      )}
    </div>
  )
}

const metricOf: Record<string, string> = { systolic: 'bp-systolic', pulse: 'pulse-rate' }

/** A score with the points of each parameter. A partial set is said to be partial: its number is a lower bound, not a score. */
function Spelt({ score, zone }: { score: Score; zone: string }) {
  const say = useSay()
  const units = useUnits()
  const now = useNow()
  const parts = score.params ?? []
  return (
    <div className="score" data-status={score.status}>
      <p className="score-head">
        <span>{score.title}</span> <b>{score.status === 'ok' ? String(score.score) : '--'}</b>{' '}
        {score.status === 'ok' && <span>{say.maybe('score.risk.' + score.risk, score.risk)}</span>}
        <span className="small second">{moment(instant(score.at), zone, say.language, now)}</span>
      </p>
      {score.status === 'incomplete' && (
        <p>
          <strong>
            {say('score.incomplete', { count: Number(score.score) })}
            {score.risk && ` ${say('score.atLeast', { risk: say.maybe('score.risk.' + score.risk, score.risk) })}`}
          </strong>{' '}
          {score.response ? '' : score.reason}
        </p>
      )}
      {score.status === 'refused' && (
        <p>
          <strong>{say('score.refused')}</strong> {score.reason}
        </p>
      )}
      {score.response && <p className="small">{score.response}</p>}
      {parts.length > 0 && (
        <table className="score-parts">
          <tbody>
            {parts.map((p) => {
              const shown = units.show(metricOf[p.name] ?? p.name, p.value, p.unit)
              return (
                <tr key={p.name} data-points={p.missing || p.stale ? undefined : (p.points ?? undefined)} data-gone={p.missing || p.stale || undefined}>
                  <th scope="row">{say.maybe('news2.' + p.name, p.label)}</th>
                  <td className="right nowrap">{p.missing && !p.value ? say('score.missing') : `${say.maybe('round.' + p.value, say.maybe('news2.' + p.value, say.digits(shown.text)))} ${shown.unit}`}</td>
                  <td className="second" title={p.why}>{p.at ? say.age(now - instant(p.at)) : ''}{p.stale ? ` ${say('score.stale')}` : ''}</td>
                  <td className="right">
                    <b>{p.missing || p.stale || p.points === null ? '--' : p.points}</b>
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
      {(score.caveats ?? []).map((c) => (
        <p key={c} className="small second">
          {c}
        </p>
      ))}
      <details className="small second">
        <summary>{say('score.source')}</summary>
        {score.source}
      </details>
    </div>
  )
}

function Own({ patient, zone, change }: { patient: Patient; zone: string; change: () => void }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const now = useNow()
  const own = (useLimits(patient.id).data ?? []).filter((l) => l.own)
  return (
    <div className="own-limits">
      <h3>{say('limits.head')}</h3>
      {own.length === 0 && <p className="second">{say('limits.head.none')}</p>}
      <ul>
        {own.map((l) => (
          <li key={l.metric}>
            <b>
              {name(l.metric)} {side(l, l.metric, l.unit, units, say)} {unitText(units.of(l.metric, l.unit))}
            </b>
            <span className="small second">
              {say('limits.by', { name: l.own?.name || l.own?.by || '', time: moment(l.own?.from ?? 0, zone, say.language, now), until: l.own?.until ? moment(l.own.until, zone, say.language, now) : say('limits.noEnd') })} {l.own?.why}
            </span>
            <Confirmed patient={patient} metric={l.metric} zone={zone} />
          </li>
        ))}
      </ul>
      <Button className="no-print" size="compact-sm" variant="default" onClick={change}>
        {say('limits.open')}
      </Button>
    </div>
  )
}
