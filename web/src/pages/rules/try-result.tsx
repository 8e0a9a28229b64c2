import { Button } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { usePatients } from '../../api/queries'
import { changeKinds, type Replay, type ReplayChange, type RuleTally } from '../../api/running'
import { live } from '../../live/store'
import { fullName } from '../../parts/person'
import { usePreferences } from '../../preferences'
import { hour, moment } from '../../time/zone'
import { useSay } from '../../words'
import { PriorityWord } from '../running'

const priorities = ['high', 'medium', 'low'] as const
const mostListed = 500
const page = 40

/** High-priority alarms that the trial would have missed, and those that it would have raised later or milder. */
export function danger(changes: ReplayChange[]): { missed: number; worse: number } {
  const high = changes.filter((c) => c.was?.priority === 'high')
  return { missed: high.filter((c) => c.kind === 'missed').length, worse: high.filter((c) => c.kind === 'later' || c.kind === 'milder').length }
}

/** What was beside what would have been. */
export function Result({ replay: r, zone }: { replay: Replay; zone: string }) {
  const say = useSay()
  const changes = r.changes ?? []
  const cut = changes.length >= mostListed
  const { missed, worse } = danger(changes)
  const technical = new Set([...(r.before.byRule ?? []), ...(r.after.byRule ?? [])].filter((t) => t.technical).map((t) => t.rule))
  const signed = (n: number, digits = 0) => (Math.abs(n) < 0.005 ? '0' : `${n > 0 ? '+' : '\u2212'}${say.number(Math.abs(n), digits)}`)
  const alike = changes.length === 0 && r.before.alarms === r.after.alarms
  const rows = [
    { key: 'all', name: say('try.alarms'), was: r.before.alarms, is: r.after.alarms, digits: 0 },
    { key: 'day', name: say('burden.perBedDay'), was: r.before.perBedDay, is: r.after.perBedDay, digits: 1 },
    ...priorities.map((p) => ({ key: p as string, name: p as string, was: r.before.byPriority[p], is: r.after.byPriority[p], digits: 0 })),
  ]
  return (
    <div className="try-result">
      <h2>{say('try.result')}</h2>
      <p className="second">{say('try.basis', { count: r.patients, readings: say.number(r.readings), from: moment(Date.parse(r.from), zone, say.language, live.now()), to: moment(Date.parse(r.to), zone, say.language, live.now()) })}</p>
      {r.readings === 0 && <p className="loud">{say('try.noReadings')}</p>}
      {missed > 0 && (
        <p className="loud" data-tone="high" role="alert">
          <strong>{say('try.danger', { count: missed })}</strong> {say('try.danger.do')} {worse > 0 && say('try.danger.worse', { count: worse })} {cut && say('try.danger.cut')}
        </p>
      )}
      {missed === 0 && worse > 0 && (
        <p className="loud">
          <strong>{say('try.danger.worse', { count: worse })}</strong> {cut && say('try.danger.cut')}
        </p>
      )}
      {alike ? (
        <p>{say('try.alike', { count: r.counts.same })}</p>
      ) : (
        <ul className="try-counts">
          {changeKinds
            .filter((k) => r.counts[k] > 0)
            .map((k) => (
              <li key={k}>{say(`try.count.${k}`, { count: r.counts[k] })}</li>
            ))}
          <li>{say('try.count.same', { count: r.counts.same })}</li>
        </ul>
      )}
      <table className="try-table">
        <thead>
          <tr>
            <th scope="col">
              <span className="unseen">{say('try.alarms')}</span>
            </th>
            <th scope="col" className="right">
              {say('try.before')}
            </th>
            <th scope="col" className="right">
              {say('try.after')}
            </th>
            <th scope="col" className="right">
              {say('try.difference')}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((x) => (
            <tr key={x.key}>
              <th scope="row">{x.key === 'high' || x.key === 'medium' || x.key === 'low' ? <PriorityWord priority={x.key} /> : x.name}</th>
              <td className="cell-number">{say.number(x.was, x.digits)}</td>
              <td className="cell-number strong">{say.number(x.is, x.digits)}</td>
              <td className="cell-number">{signed(x.is - x.was, x.digits)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <ByRule before={r.before.byRule ?? []} after={r.after.byRule ?? []} />
      <Changes list={changes} technical={technical} zone={zone} cut={cut} />
      <p className="second small">{say('try.leftOut')}</p>
    </div>
  )
}

function ByRule({ before, after }: { before: RuleTally[]; after: RuleTally[] }) {
  const say = useSay()
  const names = new Map([...before, ...after].map((t) => [t.rule, t.title || t.rule]))
  const rows = [...names].map(([rule, title]) => ({ rule, title, was: before.find((t) => t.rule === rule)?.alarms ?? 0, is: after.find((t) => t.rule === rule)?.alarms ?? 0 }))
  rows.sort((a, b) => Math.abs(b.is - b.was) - Math.abs(a.is - a.was) || b.was - a.was)
  if (rows.length === 0) return null
  const most = Math.max(1, ...rows.flatMap((r) => [r.was, r.is]))
  return (
    <section>
      <h2>{say('try.byRule')}</h2>
      <ul className="try-bars">
        {rows.slice(0, 20).map((r) => (
          <li key={r.rule}>
            <span>{r.title}</span>
            <span className="try-pair">
              {(['was', 'is'] as const).map((k) => (
                <span key={k} className="try-bar" data-kind={k}>
                  <span className="second small">{say(k === 'was' ? 'try.before' : 'try.after')}</span>
                  <i aria-hidden="true" style={{ width: `calc((100% - 130px) * ${r[k] / most})` }} />
                  <b>{say.number(r[k])}</b>
                </span>
              ))}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Changes({ list, technical, zone, cut }: { list: ReplayChange[]; technical: Set<string>; zone: string; cut: boolean }) {
  const say = useSay()
  const patients = usePatients('').data ?? []
  const { preferences } = usePreferences()
  const [shown, setShown] = useState(page)
  if (list.length === 0) return null
  const now = live.now()
  return (
    <section>
      <h2>{say('try.changes')}</h2>
      {cut && <p className="second">{say('try.changes.cut', { count: mostListed })}</p>}
      <div className="scroll" tabIndex={0} role="region" aria-label={say('try.changes')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{say('try.change')}</th>
              <th scope="col">{say('alarm.patient')}</th>
              <th scope="col">{say('try.at')}</th>
              <th scope="col">{say('alarm.one')}</th>
              <th scope="col">{say('alarm.fact.priority')}</th>
            </tr>
          </thead>
          <tbody>
            {list.slice(0, shown).map((c, i) => {
              const one = c.was ?? c.is
              const at = Math.min(c.was?.raised ?? Infinity, c.is?.raised ?? Infinity)
              const person = patients.find((p) => p.id === c.patient)
              const link = `/patient/${encodeURIComponent(c.patient)}?h=1&to=${encodeURIComponent(new Date(Math.min(now, at + hour / 2)).toISOString())}`
              return (
                <tr key={i}>
                  <th scope="row" className={c.kind === 'missed' && c.was?.priority === 'high' ? 'problem nowrap' : 'nowrap'}>
                    {say(`try.kind.${c.kind}`)}
                    {(c.kind === 'later' || c.kind === 'earlier') && <span className="second"> {say.age(Math.abs(c.seconds) * 1000)}</span>}
                  </th>
                  <td>{person ? fullName(person, preferences.privacy) : say('cover.somebody')}</td>
                  <td className="nowrap">
                    <Link href={link}>{moment(at, zone, say.language, now, true)}</Link>
                  </td>
                  <td>
                    {c.title} <span className="second">{one?.text}</span>
                  </td>
                  <td className="nowrap">
                    {c.was && <PriorityWord priority={c.was.priority} technical={technical.has(c.rule)} />}
                    {c.was && c.is && c.was.priority !== c.is.priority && ' \u2192 '}
                    {c.is && (!c.was || c.was.priority !== c.is.priority) && <PriorityWord priority={c.is.priority} technical={technical.has(c.rule)} />}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
      {shown < list.length && (
        <Button variant="default" mt="sm" onClick={() => setShown(shown + 100)}>
          {say('action.more')}
        </Button>
      )}
    </section>
  )
}
