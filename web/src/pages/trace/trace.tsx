import '../running.css'
import './trace.css'
import { Button, SegmentedControl } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import { Link } from 'wouter'
import { useAlarmStory } from '../../api/alarm-calls'
import { useMe } from '../../api/queries'
import { useTrace, type SignedTrace, type Trace } from '../../api/watching'
import { mark } from '../../live/order'
import { live } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { Copy, save } from '../../parts/once'
import { Skeleton, Trouble } from '../../parts/states'
import { leadText } from '../../sweep/leads'
import { moment } from '../../time/zone'
import { unitText, useUnits } from '../../units/units'
import { useSay, type Say } from '../../words'
import { deedText, told } from '../alarms/deeds'
import { ruleOnly } from './rule-only'
import { TraceStrip } from './strip'

/** The black box of one alarm: from the packet to the person, on one page that can be printed and in one file that can be checked. */
export default function TracePage({ id }: { id: string }) {
  const answer = useTrace(id)
  if (answer.isPending) return <Skeleton lines={10} height={20} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  return <Page signed={answer.data} again={() => void answer.refetch()} />
}

const around = 30_000

function Page({ signed, again }: { signed: SignedTrace; again: () => void }) {
  const say = useSay()
  const me = useMe().data
  const { trace: t } = signed
  const a = t.alarm
  const zone = t.evidence.about.zone || 'UTC'
  const raised = Date.parse(a.raised)
  const at = (text: string) => moment(Date.parse(text), zone, say.language, live.now(), true)
  // Names are not in the file; who may see them here sees them here.
  const story = useAlarmStory(a.id).data
  const names = new Map([...(story?.deeds ?? []).map((d) => [d.by, d.name] as const), ...(story?.deliveries ?? []).map((d) => [d.person, d.name] as const)])
  const person = (who: string) => names.get(who) || who
  const young = Date.parse(t.made) - raised < around
  useEffect(() => {
    document.title = `${say('trace.title')} \u00b7 Vigil`
  }, [say])
  const file = `vigil-trace-${a.id}.json`
  return (
    <article className="page trace">
      <div className="page-head">
        <h1>{say('trace.of', { title: a.title })}</h1>
        <span className="grow" />
        <span className="row no-print">
          <Button variant="default" onClick={() => print()}>
            {say('action.print')}
          </Button>
          <Button onClick={() => save(file, signed.file, 'application/json')}>{say('trace.download')}</Button>
        </span>
      </div>
      <p className="trace-what">
        <b>
          {mark({ priority: a.priority })} {say(`alarm.${a.priority}`)}
        </b>{' '}
        <b>{a.text}</b> <span className="nowrap">{say('alarm.since', { time: at(a.since) })},</span>{' '}
        <span className="nowrap">
          {say('trace.raised')} {at(a.raised)} ({zone})
        </span>
      </p>
      <p className="second">
        {say('trace.pseudonym', { patient: a.patient, bed: t.bed || '--', ward: t.ward || '--' })} <Link className="no-print" href={`/alarms?alarm=${encodeURIComponent(a.id)}`}>{say('alarm.open')}</Link>
      </p>
      {young && (
        <p className="loud no-print">
          {say('trace.young')}{' '}
          <Button size="compact-sm" variant="default" onClick={again}>
            {say('state.again')}
          </Button>
        </p>
      )}
      {(t.evidence.missing ?? []).map((m) => (
        <p key={m} className="technical strong">
          {say('trace.missing', { what: m })}
        </p>
      ))}
      <Latency latency={t.latency} say={say} />
      <Waves trace={t} zone={zone} raised={raised} />
      <div className="trace-columns">
        <div>
          <Deciding trace={t} at={at} />
          <section>
            <h2>{say('trace.about')}</h2>
            <p>{aboutText(t, say)}</p>
          </section>
          <section className="trace-rule">
            <h2>{say('trace.rule')}</h2>
            {t.evidence.ruleText ? (
              <>
                <p className="small second">{say('trace.rule.set', { set: t.evidence.ruleSet, file: t.evidence.ruleFile, version: a.version })}</p>
                <pre tabIndex={0}>{ruleOnly(t.evidence.ruleText, a.rule)}</pre>
              </>
            ) : (
              <p>
                {say('trace.rule.built-in')} <code>{a.rule}</code>
              </p>
            )}
          </section>
        </div>
        <div>
          <section>
            <h2>{say('trace.deeds')}</h2>
            <ol className="trace-deeds">
              {(t.deeds ?? []).filter(told).map((d, i) => (
                <li key={i}>
                  <time className="second nowrap">{at(d.at)}</time>
                  <span>
                    {deedText({ ...d, kind: d.kind as 'raised', verb: d.verb ?? '', by: d.by ?? '', why: d.why ?? '', text: d.text ?? '', at: 0, name: '' }, say)}
                    {d.why && d.kind !== 'closed' && <span className="second"> ({d.why})</span>} {d.by && <b>{person(d.by)}</b>}
                  </span>
                </li>
              ))}
            </ol>
          </section>
          <section>
            <h2>{say('trace.deliveries')}</h2>
            {(t.deliveries ?? []).length === 0 ? (
              <p className="second">{say('trace.deliveries.none')}</p>
            ) : (
              <div className="scroll" tabIndex={0} role="region" aria-label={say('trace.deliveries')}>
                <table>
                  <thead>
                    <tr>
                      <th scope="col">{say('trace.person')}</th>
                      <th scope="col">{say('trace.way')}</th>
                      <th scope="col">{say('trace.state')}</th>
                      <th scope="col" className="right">
                        {say('trace.attempts')}
                      </th>
                      <th scope="col">{say('trace.at')}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {(t.deliveries ?? []).map((d, i) => (
                      <tr key={i}>
                        <th scope="row">{person(d.person)}</th>
                        <td>{say.maybe('alarm.channel.' + d.channel, d.channel)}</td>
                        <td>
                          {say.maybe('alarm.delivery.' + d.state, d.state)} {d.reason && <span className="second">({d.reason})</span>}
                        </td>
                        <td className="right">{d.attempts}</td>
                        <td className="nowrap">{at(d.changed)}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            )}
          </section>
          <section>
            <h2>{say('trace.packets')}</h2>
            {(t.evidence.packets ?? []).map((p) => (
              <details key={p.sha256} className="trace-packet">
                <summary>
                  {say('trace.packet', { device: p.device, door: p.door, time: at(p.received) })}
                  <span className="mono trace-sum">SHA-256 {p.sha256}</span>
                </summary>
                <p className="small second">
                  {p.topic}, {p.frame}
                </p>
                <pre tabIndex={0}>{bodyText(p.body)}</pre>
              </details>
            ))}
          </section>
        </div>
      </div>
      <footer className="trace-foot">
        <p className="small second">
          {say('trace.made', { time: at(t.made), by: t.by })}, {say('trace.gathered', { time: at(t.evidence.gathered) })}. {say('trace.key')}: <span className="mono trace-sum">{signed.key}</span>
        </p>
        <p className="print-only small">{say('patient.printed', { time: moment(live.now(), zone, say.language, 0), name: me?.name ?? '' })}</p>
        <div className="no-print">
          <Copy label={say('trace.verify')} text={`vigil trace verify ${file}`} />
        </div>
      </footer>
    </article>
  )
}

function Latency({ latency, say }: { latency: Trace['latency']; say: Say }) {
  const text = (ms: number) => (ms < 0 ? say('trace.latency.none') : ms < 10_000 ? `${say.number(ms)} ms` : `${say.number(ms / 1000, 1)} s`)
  return (
    <section>
      <h2>{say('trace.latency')}</h2>
      <dl className="trace-latency">
        {(['sampleToReceived', 'receivedToRaised', 'raisedToSent', 'raisedToSeen'] as const).map((k) => (
          <div key={k}>
            <dt>{say(`trace.latency.${k}`)}</dt>
            <dd className={latency[k] < 0 ? 'quiet' : ''}>{text(latency[k])}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function Waves({ trace: t, zone, raised }: { trace: Trace; zone: string; raised: number }) {
  const say = useSay()
  const name = useMetricName()
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(900)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const all = t.evidence.waves ?? []
  const metrics = [...new Set(all.map((w) => w.metric))].sort((a, b) => Number(b.startsWith('ecg')) - Number(a.startsWith('ecg')) || a.localeCompare(b))
  const related = metrics.find((m) => t.alarm.metric === 'spo2' && m === 'pleth')
  const [chosen, setChosen] = useState('')
  const metric = chosen || related || metrics[0] || ''
  const ecg = metric.startsWith('ecg')
  const hz = (all.find((w) => w.metric === metric)?.millihz ?? 0) / 1000
  // Whole seconds to a row: as many as this screen is wide, on paper 7.5 (188 mm lie on a sheet of A4).
  const mm = 96 / 25.4
  const seconds = Math.max(3, Math.min(12, Math.floor(width / (25 * mm))))
  const text = (m: string) => (m.startsWith('ecg') ? leadText(m) : name(m))
  const strip = (rowSeconds: number) => <TraceStrip waves={all} metric={metric} ecg={ecg} raised={raised} from={raised - around} to={raised + around} rowSeconds={rowSeconds} zone={zone} />
  return (
    <section ref={box} className="trace-waves">
      <div className="row wrap">
        <h2>{say('trace.strip')}</h2>
        {metrics.length > 1 && <SegmentedControl className="no-print" size="xs" aria-label={say('trace.strip')} value={metric} onChange={setChosen} data={metrics.map((m) => ({ value: m, label: text(m) }))} />}
      </div>
      {metric === '' ? (
        <p className="second">{say('trace.strip.none')}</p>
      ) : (
        <figure>
          <div className="trace-screen">{strip(seconds)}</div>
          <div className="trace-paper">{strip(7.5)}</div>
          <figcaption className="small second">
            {text(metric)}. {say(ecg ? 'trace.strip.rows' : 'trace.strip.rows.other', { rate: say.number(hz) })} {say('strip.paper')}
          </figcaption>
        </figure>
      )}
    </section>
  )
}

function Deciding({ trace: t, at }: { trace: Trace; at: (text: string) => string }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const all = t.evidence.readings ?? []
  // What the alarm rests on now, and before it the newest of its metric when it was raised.
  const first = all.filter((r) => r.metric === t.alarm.metric && Date.parse(r.received) <= Date.parse(t.alarm.raised)).at(-1)
  const now = t.alarm.evidence ?? []
  const list = first && !now.some((e) => e.at === first.effective) ? [{ ...first, at: first.effective, device: first.source }, ...now] : now
  const row = (e: { metric: string; value: string; unit?: string; at: string; received: string; device?: string }, i: number) => {
    const shown = units.show(e.metric, e.value, e.unit ?? '')
    return (
      <tr key={i}>
        <th scope="row">{name(e.metric)}</th>
        <td className="right nowrap">
          <b>{say.digits(shown.text)}</b> {shown.unit}
        </td>
        <td className="nowrap">{at(e.at)}</td>
        <td className="nowrap">{say('alarm.grounds.after', { time: `${say.number(Math.max(0, Date.parse(e.received) - Date.parse(e.at)) / 1000, 1)} s` })}</td>
        <td>{e.device || say('alarm.grounds.hand')}</td>
      </tr>
    )
  }
  const head = (
    <thead>
      <tr>
        <th scope="col">{say('alarm.grounds.what')}</th>
        <th scope="col" className="right">
          {say('alarm.grounds.value')}
        </th>
        <th scope="col">{say('alarm.grounds.at')}</th>
        <th scope="col">{say('alarm.grounds.received')}</th>
        <th scope="col">{say('alarm.grounds.device')}</th>
      </tr>
    </thead>
  )
  return (
    <section>
      <h2>{say('trace.decided')}</h2>
      {list.length === 0 ? (
        <p className="second">{say('alarm.grounds.none')}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('trace.decided')}>
          <table>
            {head}
            <tbody>{list.map(row)}</tbody>
          </table>
        </div>
      )}
      {all.length > 0 && (
        <details className="no-print">
          <summary>{say('trace.around', { count: all.length })}</summary>
          <div className="scroll trace-around" tabIndex={0} role="region" aria-label={say('trace.around', { count: all.length })}>
            <table>
              {head}
              <tbody>{all.map((r, i) => row({ ...r, at: r.effective, device: r.source }, i))}</tbody>
            </table>
          </div>
        </details>
      )}
    </section>
  )
}

function aboutText(t: Trace, say: Say): string {
  const about = t.evidence.about
  const side = (x: number | undefined) => (x === undefined ? '' : say.digits(String(x)))
  return [
    about.ageYears > 0 ? say('trace.about.age', { count: Math.floor(about.ageYears) }) : '',
    about.wardKind ? say('trace.about.ward', { kind: say.maybe('ward.kind.' + about.wardKind, about.wardKind) }) : '',
    about.spo2Scale > 0 ? say('trace.about.scale', { scale: about.spo2Scale }) : say('trace.about.scale0'),
    ...(about.conditions ?? []).map((c) => say.maybe('care.' + c, c)),
    ...(about.limits ?? []).map((l) => say('trace.about.limit', { metric: say.maybe('metric.' + l.metric, l.metric), range: `${side(l.low)}\u2013${side(l.high)} ${unitText(l.unit)}` })),
    about.demo ? say('trace.about.demo') : '',
  ]
    .filter(Boolean)
    .join(', ')
}

function bodyText(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))
  const text = new TextDecoder('utf-8').decode(bytes)
  return /[\u0000-\u0008\ufffd]/.test(text) ? Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ') : text
}
