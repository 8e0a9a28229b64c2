import { useAlarmRows } from '../../api/alarm-calls'
import type { Alarm } from '../../api/alarm'
import { useObservations, useTimeline } from '../../api/queries'
import type { Observation, TimelineItem } from '../../api/types'
import { live } from '../../live/store'
import { AlarmText } from '../../parts/alarm-sign'
import { useMetricName } from '../../parts/metric-name'
import { useOpenAlarm } from '../../parts/open-alarm'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useUnits, type Units } from '../../units/units'
import { useSay, type Say } from '../../words'
import type { Range } from './range'

/** Everything that is not a curve, newest first. */
export function Story({ patient, zone, range }: { patient: string; zone: string; range: Range }) {
  const say = useSay()
  const answer = useTimeline(patient, range.from, range.to)
  const alarms = useAlarmRows({ patient, state: 'all', from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString(), limit: 200 }).data?.items
  const [, open] = useOpenAlarm()
  if (answer.isPending) return <Skeleton lines={5} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const rows: (TimelineItem & { alarm?: Alarm })[] = [...answer.data, ...(alarms ?? []).map((a) => ({ at: new Date(a.raised).toISOString(), kind: 'alarm' as const, text: '', by: a.acknowledged?.name ?? '', ref: a.id, alarm: a }))]
  const items = rows.sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
  return (
    <section className="story" aria-labelledby="story-title">
      <h2 id="story-title">{say('story.title')}</h2>
      {items.length === 0 && <p className="second">{say('story.none')}</p>}
      <ol>
        {items.map((i, k) => (
          <li key={k} data-kind={i.kind}>
            <time className="second">{moment(Date.parse(i.at), zone, say.language, live.now())}</time>
            <div>
              {i.alarm ? (
                <button className="story-alarm" onClick={() => open(i.ref)}>
                  <AlarmText alarm={i.alarm} still />
                </button>
              ) : (
                <>
                  <span className="story-kind">{kind(i, say)}</span> {i.text}
                </>
              )}
              {i.by && <span className="quiet"> {i.by}</span>}
            </div>
          </li>
        ))}
      </ol>
    </section>
  )
}

const kind = (i: TimelineItem, say: Say) => say.maybe('story.' + i.kind, i.kind)

export function itemText(o: Observation, say: Say, units: Units, name: (metric: string) => string): { name: string; text: string }[] {
  const pressure = o.items.find((i) => i.metric === 'bp-diastolic')
  return o.items
    .filter((i) => i.metric !== 'bp-diastolic' || !o.items.some((x) => x.metric === 'bp-systolic'))
    .map((i) => {
      if (i.code) return { name: name(i.metric), text: say.maybe('round.' + i.code, i.code) }
      const shown = units.show(i.metric, i.value ?? '', i.unit ?? '')
      const low = i.metric === 'bp-systolic' && pressure ? '/' + say.digits(units.show('bp-diastolic', pressure.value ?? '', pressure.unit ?? '').text) : ''
      return { name: name(low ? 'bp' : i.metric), text: `${say.digits(shown.text)}${low} ${shown.unit}`.trim() }
    })
}

export function Rounds({ patient, zone }: { patient: string; zone: string }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const answer = useObservations(patient)
  if (answer.isPending) return <Skeleton lines={3} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const list = [...answer.data].sort((a, b) => Date.parse(b.at) - Date.parse(a.at)).slice(0, 8)
  return (
    <section className="rounds" aria-labelledby="rounds-title">
      <h2 id="rounds-title">{say('rounds.title')}</h2>
      {list.length === 0 && <p className="second">{say('rounds.none')}</p>}
      {list.map((o) => (
        <article key={o.id}>
          <header>
            <time>{moment(Date.parse(o.at), zone, say.language, live.now())}</time> <span className="quiet">{o.by}</span>
          </header>
          <dl>
            {itemText(o, say, units, name).map((i) => (
              <div key={i.name}>
                <dt>{i.name}</dt>
                <dd>{i.text}</dd>
              </div>
            ))}
          </dl>
          {o.note && <p>{o.note}</p>}
        </article>
      ))}
    </section>
  )
}
