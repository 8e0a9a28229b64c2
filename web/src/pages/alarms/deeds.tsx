import type { AlarmDeed, Delivery } from '../../api/alarm'
import { moment } from '../../time/zone'
import { useSay, type Say } from '../../words'

export function deedText(d: AlarmDeed, say: Say): string {
  if (d.kind === 'done' || d.kind === 'refused' || d.kind === 'lapsed') {
    const verb = say.maybe('alarm.verb.' + d.verb, d.verb ?? '')
    return d.kind === 'done' ? verb : say(d.kind === 'refused' ? 'alarm.deed.refused' : 'alarm.deed.lapsed', { what: verb })
  }
  if (d.kind === 'escalated') return say('alarm.deed.escalated', { level: d.level })
  if (d.kind === 'worse' || d.kind === 'better') return say(`alarm.deed.${d.kind}`, { priority: say(`alarm.${d.priority}`) })
  if (d.kind === 'closed') return say('alarm.deed.closed', { why: say.maybe('alarm.why.' + d.why, d.why) })
  return say(`alarm.deed.${d.kind}`)
}

/** The level that was called says it already: the command of the machine that led to it is left out. */
export const told = (d: { kind: string; verb?: string; by?: string }) => !(d.kind === 'done' && d.verb === 'escalate' && d.by === 'system')

/** Who did what and what happened, in order. */
export function Deeds({ deeds, zone, now }: { deeds: AlarmDeed[]; zone: string; now: number }) {
  const say = useSay()
  return (
    <section>
      <h3>{say('alarm.deeds')}</h3>
      <ol className="alarm-deeds">
        {deeds
          .filter(told)
          .sort((a, b) => a.at - b.at)
          .map((d, i) => (
            <li key={i} data-kind={d.kind}>
              <time className="second">{moment(d.at, zone, say.language, now, true)}</time>
              <span>
                {deedText(d, say)}
                {(d.toName || d.to || d.text) && `: ${d.toName || d.to || d.text}`}
                {(d.until ?? 0) > 0 && `, ${say('alarm.deed.until', { time: moment(d.until ?? 0, zone, say.language, now) })}`}
                {d.kind !== 'closed' && d.why && <span className="second"> ({d.why})</span>}
                {d.by && <b> {d.name || d.by}</b>}
              </span>
            </li>
          ))}
      </ol>
    </section>
  )
}

/** Who was told, by which way, and how far it got. */
export function Deliveries({ list, zone, now }: { list: Delivery[]; zone: string; now: number }) {
  const say = useSay()
  return (
    <section>
      <h3>{say('alarm.told')}</h3>
      {list.length === 0 && <p className="second">{say('alarm.told.none')}</p>}
      <ul className="alarm-told">
        {list.map((d, i) => (
          <li key={i} data-state={d.state}>
            <b>{d.name || d.person}</b>
            <span className="second">
              {say.maybe('alarm.channel.' + d.channel, d.channel)} {d.address}
            </span>
            <span className="alarm-told-state">{say(`alarm.delivery.${d.state}`)}</span>
            <span className="second nowrap">{moment(d.changed || d.at, zone, say.language, now, true)}</span>
            {(d.reason || d.attempts > 1) && (
              <span className="alarm-told-why">
                {d.attempts > 1 && say('alarm.attempts', { count: d.attempts })}
                {d.reason && (d.attempts > 1 ? `: ${d.reason}` : d.reason)}
              </span>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
