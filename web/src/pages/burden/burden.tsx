import './burden.css'
import { Button } from '@mantine/core'
import { useWards } from '../../api/queries'
import { useBurden, useZoneOf, type Burden } from '../../api/running'
import { live } from '../../live/store'
import { save } from '../../parts/once'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay, type Say } from '../../words'
import { NoWardYet, PriorityWord, Running, SpanChoice, useLast, useWardOfAddress, WardChoice } from '../running'
import { burdenTable } from './table'

const spans = [24, 168, 336, 744] as const

const percent = (x: number, say: Say) => say.number(100 * x, x > 0 && x < 0.1 ? 1 : 0)

/** How much a ward's alarms ask of its people: how many, of what, when, and how they were met. */
export default function BurdenPage() {
  const say = useSay()
  const ward = useWardOfAddress()
  const wards = useWards().data
  const zone = useZoneOf(ward)
  const { hours, from, to } = useLast(spans, 168)
  const answer = useBurden(ward, from, to)
  const b = answer.data
  const name = wards?.find((w) => w.id === ward)?.name ?? ''
  return (
    <Running
      title={say('running.burden')}
      tools={
        <>
          <WardChoice />
          <SpanChoice spans={spans} hours={hours} label={say('burden.span')} />
          <span className="grow" />
          {b && b.alarms > 0 && (
            <span className="row no-print">
              <Button variant="default" onClick={() => save(`burden-${name}-${new Date(to).toISOString().slice(0, 10)}.csv`, burdenTable(b))}>
                {say('action.download')}
              </Button>
              <Button variant="default" onClick={() => window.print()}>
                {say('action.print')}
              </Button>
            </span>
          )}
        </>
      }
    >
      {wards?.length === 0 ? (
        <NoWardYet />
      ) : answer.error && !b ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : !b ? (
        <Skeleton lines={10} height={22} />
      ) : (
        <>
          <p className="second">
            {name}, {moment(Date.parse(b.from), zone, say.language, live.now())} {'\u2013'} {moment(Date.parse(b.to), zone, say.language, live.now())}
          </p>
          {b.truncated && <p className="loud">{say('burden.truncated')}</p>}
          {b.alarms === 0 ? <p className="lede">{say(b.bedDays > 0 ? 'burden.none' : 'burden.nobody')}</p> : <Facts b={b} zone={zone} />}
        </>
      )}
    </Running>
  )
}

function Facts({ b, zone }: { b: Burden; zone: string }) {
  const say = useSay()
  const time = (s: number) => (b.met.alarms > 0 ? say.age(s * 1000) : '--')
  const share = (s: { alarms: number; share: number }) => (
    <>
      {percent(s.share, say)} <small>%</small>
    </>
  )
  return (
    <>
      <dl className="figures burden-figures">
        <div>
          <dt>{say('burden.perBedDay')}</dt>
          <dd>
            {say.number(b.perBedDay, b.perBedDay < 10 ? 1 : 0)} <small>{say('burden.alarms', { count: b.alarms })}</small>
            <span className="why">{say('burden.bedDays', { days: say.number(b.bedDays, 1) })}</span>
          </dd>
        </div>
        <div>
          <dt>{say('burden.actionable')}</dt>
          <dd>
            {share(b.actionable)}
            <span className="why">{say('burden.actionable.why')}</span>
          </dd>
        </div>
        <div>
          <dt>{say('burden.met')}</dt>
          <dd>
            {share(b.met)}
            <span className="why">{say('burden.met.why')}</span>
          </dd>
        </div>
        <div>
          <dt>{say('burden.selfEnded')}</dt>
          <dd>
            {share(b.selfEnded)}
            <span className="why">{say('burden.selfEnded.why')}</span>
          </dd>
        </div>
        <div>
          <dt>{say('burden.toMeet')}</dt>
          <dd>
            {time(b.toMeet.median)}
            <span className="why">{b.met.alarms > 0 ? say('burden.toMeet.why', { p90: time(b.toMeet.p90) }) : say('burden.toMeet.none')}</span>
          </dd>
        </div>
      </dl>
      <section>
        <h2>{say('burden.byPriority')}</h2>
        <table className="burden-small">
          <tbody>
            {(['high', 'medium', 'low'] as const).map((p) => (
              <tr key={p}>
                <th scope="row">
                  <PriorityWord priority={p} />
                </th>
                <td className="cell-number">{say.number(b.byPriority[p])}</td>
                <td className="cell-number">{percent(b.byPriority[p] / b.alarms, say)} %</td>
              </tr>
            ))}
            <tr>
              <th scope="row">{say('burden.technical')}</th>
              <td className="cell-number">{say.number(b.technical)}</td>
              <td className="cell-number">{percent(b.technical / b.alarms, say)} %</td>
            </tr>
          </tbody>
        </table>
      </section>
      <section>
        <h2>{say('burden.byRule')}</h2>
        <p className="lede">{say('burden.byRule.note')}</p>
        <div className="scroll" tabIndex={0} role="region" aria-label={say('burden.byRule')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('burden.rule')}</th>
                <th scope="col" className="right">
                  {say('burden.count')}
                </th>
                <th scope="col" className="right">
                  {say('burden.ofAll')}
                </th>
                <th scope="col" className="right">
                  {say('burden.selfEnded')}
                </th>
                <th scope="col" className="right">
                  {say('burden.actionable')}
                </th>
                <th scope="col" className="right">
                  {say('burden.minutes')}
                </th>
              </tr>
            </thead>
            <tbody>
              {(b.byRule ?? []).map((r) => (
                <tr key={r.rule}>
                  <th scope="row">
                    {r.title || r.rule} {r.technical && <span className="technical small">{say('alarm.technical')}</span>}
                  </th>
                  <td className="cell-number">{say.number(r.alarms)}</td>
                  <td className="cell-number">{percent(r.share, say)} %</td>
                  <td className="cell-number">{percent(r.alarms > 0 ? r.selfEnded / r.alarms : 0, say)} %</td>
                  <td className="cell-number">{percent(r.alarms > 0 ? r.actionable / r.alarms : 0, say)} %</td>
                  <td className="cell-number">{say.age(r.minutes * 60_000)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
      <Bars title={say('burden.byHour')} of={(b.byHour ?? []).map((n, h) => ({ key: String(h), label: String(h).padStart(2, '0'), alarms: n }))} />
      <Bars title={say('burden.byDay')} of={(b.byDay ?? []).map((d) => ({ key: d.day, label: new Intl.DateTimeFormat(say.language === 'en' ? 'en-GB' : say.language, { timeZone: 'UTC', day: 'numeric', month: 'numeric' }).format(Date.parse(d.day + 'T00:00:00Z')), alarms: d.alarms }))} />
      <Bars title={say('burden.byBed')} of={(b.byBed ?? []).map((x) => ({ key: x.bed, label: x.label || say('burden.noBed'), alarms: x.alarms }))} />
      <section>
        <h2>{say('burden.byShift')}</h2>
        {(b.byShift ?? []).length === 0 ? (
          <p className="second">{say('burden.byShift.none')}</p>
        ) : (
          <div className="scroll" tabIndex={0} role="region" aria-label={say('burden.byShift')}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{say('burden.shift')}</th>
                  <th scope="col">{say('burden.shift.when')}</th>
                  <th scope="col" className="right">
                    {say('burden.count')}
                  </th>
                  <th scope="col" className="right">
                    {say('burden.met')}
                  </th>
                  <th scope="col" className="right">
                    {say('burden.toMeet')}
                  </th>
                </tr>
              </thead>
              <tbody>
                {(b.byShift ?? []).map((x, i) => (
                  <tr key={i}>
                    <th scope="row">{x.name}</th>
                    <td className="nowrap">
                      {moment(Date.parse(x.from), zone, say.language, live.now())} {'\u2013'} {moment(Date.parse(x.to), zone, say.language, live.now())}
                    </td>
                    <td className="cell-number">{say.number(x.alarms)}</td>
                    <td className="cell-number">{x.alarms > 0 ? `${percent(x.met / x.alarms, say)} %` : '--'}</td>
                    <td className="cell-number">{x.met > 0 ? say.age(x.toMeet.median * 1000) : '--'}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </section>
    </>
  )
}

/** Bars that carry their numbers: nothing has to be read off an axis. */
function Bars({ title, of }: { title: string; of: { key: string; label: string; alarms: number }[] }) {
  const say = useSay()
  const most = Math.max(1, ...of.map((x) => x.alarms))
  if (of.length === 0) return null
  return (
    <section>
      <h2>{title}</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label={title}>
        <ol className="burden-bars">
          {of.map((x) => (
            <li key={x.key}>
              <span className="unseen">
                {x.label}: {say('burden.alarms', { count: x.alarms })}
              </span>
              <b aria-hidden="true">{x.alarms || ''}</b>
              <i aria-hidden="true" style={{ height: `${(90 * x.alarms) / most}px` }} />
              <span aria-hidden="true">{x.label}</span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  )
}
