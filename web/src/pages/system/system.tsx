import './system.css'
import { useEffect, useRef, type ReactNode } from 'react'
import { useSystem } from '../../api/queries'
import type { System } from '../../api/types'
import { useMay } from '../../api/running'
import { Link } from 'wouter'
import { useNow } from '../../live/store'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { AllCertificates } from '../devices/certificates'
import { DowntimeSheets, Watchers } from './watchers'

function Fact({ name, children, warn }: { name: string; children: ReactNode; warn?: boolean }) {
  return (
    <div data-warn={warn || undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** How the machine does, every two seconds. */
export default function SystemPage() {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const answer = useSystem()
  const may = useMay()
  const trail = useRef<number[]>([])
  const seen = answer.dataUpdatedAt
  useEffect(() => {
    document.title = `${say('system.title')} \u00b7 Vigil`
  }, [say])
  useEffect(() => {
    if (answer.data) trail.current = [...trail.current, answer.data.rates?.readings ?? 0].slice(-90)
  }, [seen, answer.data])
  if (answer.isPending) return <Skeleton lines={8} height={24} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const s = answer.data
  const old = Date.now() - seen
  const rate = (x: number) => (
    <>
      {say.number(x, x < 10 ? 1 : 0)} <small>{say('system.perSecond')}</small>
    </>
  )
  const ms = (x: number) => (
    <>
      {say.number(x, x < 10 ? 1 : 0)} <small>ms</small>
    </>
  )
  const frames = (x: number) => (
    <>
      {say.number(x)} <small>{say('system.frames')}</small>
    </>
  )
  const low = s.disk.total > 0 && s.disk.free / s.disk.total < 0.1
  return (
    <div className="page system" data-stale={old > 8000 || undefined}>
      <div className="page-head">
        <h1>{say('system.title')}</h1>
        <span className="second">
          {say('system.version')} {s.version}, {say('system.uptime')} {say.age(s.uptime * 1000)}
        </span>
        {old > 8000 && (
          <strong className="technical" role="status">
            {say('system.stale', { age: say.age(old) })}
          </strong>
        )}
        <span className="grow" />
        {may('backup.read') && <Link href="/backups">{say('backup.nav')}</Link>}
      </div>
      <section>
        <h2>{say('system.flow')}</h2>
        <div className="flow">
          <dl className="facts">
            <Fact name={say('system.readings')}>{rate(s.rates.readings)}</Fact>
            <Fact name={say('system.packets')}>{rate(s.rates.packets)}</Fact>
            <Fact name={say('system.waves')}>{rate(s.rates.waves)}</Fact>
            <Fact name={say('system.acks')}>{rate(s.rates.acks)}</Fact>
            <Fact name={say('system.ack')}>{ms(s.ack.p50Ms)}</Fact>
            <Fact name={say('system.ack99')}>{ms(s.ack.p99Ms)}</Fact>
            <Fact name={say('system.sync99')}>{ms(s.fsync.p99Ms)}</Fact>
            <Fact name={say('system.lag.raw')} warn={s.lag.raw > 100}>
              {frames(s.lag.raw)}
            </Fact>
            <Fact name={say('system.lag.readings')} warn={s.lag.readings > 100}>
              {frames(s.lag.readings)}
            </Fact>
            <Fact name={say('system.clients')}>{say.number(s.clients)}</Fact>
            <Fact name={say('system.memory')}>{say.bytes(s.memory)}</Fact>
          </dl>
          <Trail values={trail.current} label={say('system.readings')} />
        </div>
      </section>
      <Watchers zone={zone} />
      <section>
        <h2>{say('system.disk')}</h2>
        <div className="disk" role="img" aria-label={say('system.disk.free', { free: say.bytes(s.disk.free), total: say.bytes(s.disk.total) })}>
          <i style={{ width: `${(100 * (s.disk.total - s.disk.free - s.disk.data)) / Math.max(1, s.disk.total)}%` }} className="disk-other" />
          <i style={{ width: `${Math.max(0.4, (100 * s.disk.data) / Math.max(1, s.disk.total))}%` }} className="disk-ours" />
        </div>
        <p>
          {say('system.disk.free', { free: say.bytes(s.disk.free), total: say.bytes(s.disk.total) })}. {say('system.disk.data', { data: say.bytes(s.disk.data) })}.
        </p>
        {low && <p className="technical strong">{say('system.disk.low')}</p>}
        <p className="second">
          {say('system.store')}: {say('system.store.text', { dialect: s.store.dialect, version: s.store.version, schema: s.store.schema, bytes: say.bytes(s.store.bytes) })}
        </p>
      </section>
      <DowntimeSheets sheets={s.sheets} zone={zone} />
      <div className="system-tables">
        <section>
          <h2>{say('system.journal')}</h2>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('system.journal.stream')}</th>
                <th scope="col" className="right">
                  {say('system.journal.partition')}
                </th>
                <th scope="col" className="right">
                  {say('system.journal.first')}
                </th>
                <th scope="col" className="right">
                  {say('system.journal.last')}
                </th>
                <th scope="col" className="right">
                  {say('system.journal.bytes')}
                </th>
              </tr>
            </thead>
            <tbody>
              {(s.journal ?? []).map((j) => (
                <tr key={`${j.stream} ${j.partition}`}>
                  <th scope="row">{j.stream}</th>
                  <td className="right">{j.partition}</td>
                  <td className="right">{say.number(j.first)}</td>
                  <td className="right">{say.number(j.last)}</td>
                  <td className="right nowrap">{say.bytes(j.bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
        <section>
          <h2>{say('system.retention')}</h2>
          {(s.retention ?? []).length === 0 ? (
            <p className="second">{say('system.retention.none')}</p>
          ) : (
            <table>
              <thead>
                <tr>
                  <th scope="col">{say('system.retention.what')}</th>
                  <th scope="col" className="right">
                    {say('system.retention.days')}
                  </th>
                  <th scope="col">{say('system.retention.run')}</th>
                  <th scope="col" className="right">
                    {say('system.retention.removed')}
                  </th>
                </tr>
              </thead>
              <tbody>
                {(s.retention ?? []).map((r) => (
                  <tr key={r.what}>
                    <th scope="row">{r.what}</th>
                    <td className="right">{r.days > 0 ? say('system.retention.days.count', { count: r.days }) : say('system.retention.for-ever')}</td>
                    <td>{r.lastRun ? moment(Date.parse(r.lastRun), zone, say.language, now) : say('age.never')}</td>
                    <td className="right">{say.number(r.removed)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </section>
      </div>
      <Doors s={s} zone={zone} />
      <AllCertificates zone={zone} />
    </div>
  )
}

/** Where one comes in, and how what comes in is secured. */
function Doors({ s, zone }: { s: System; zone: string }) {
  const say = useSay()
  const now = useNow()
  const doors = s.listeners ?? []
  if (doors.length === 0) return null
  return (
    <section>
      <h2>{say('listen.title')}</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label={say('listen.title')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{say('listen.for')}</th>
              <th scope="col">{say('listen.address')}</th>
              <th scope="col">{say('listen.tls')}</th>
              <th scope="col">{say('listen.expires')}</th>
            </tr>
          </thead>
          <tbody>
            {doors.map((d) => (
              <tr key={d.for + d.address}>
                <th scope="row">{say.maybe('listen.' + d.for, d.for)}</th>
                <td className="mono">{d.address}</td>
                <td>{d.tls ? say('listen.tls.least', { tls: d.tls }) : say('listen.plain')}</td>
                <td className="nowrap">{d.expires ? moment(Date.parse(d.expires), zone, say.language, now) : ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {(s.links ?? []).length > 0 && (
        <p className="second">
          {say('links.title')}: {(s.links ?? []).map((l) => `${l.tls ? `${l.tls}, ${l.group}` : say('listen.plain')}: ${say('links.count', { count: l.count })}`).join('; ')}
        </p>
      )}
    </section>
  )
}

/** The rate of the last three minutes, from zero. */
function Trail({ values, label }: { values: number[]; label: string }) {
  const top = Math.max(1, ...values)
  const path = values.map((v, i) => `${i === 0 ? 'M' : 'L'}${(300 - (values.length - 1 - i) * (300 / 89)).toFixed(1)} ${(58 - (v / top) * 54).toFixed(1)}`).join('')
  return (
    <svg className="trail" viewBox="0 0 300 60" role="img" aria-label={label}>
      <path d="M0 58.5H300" stroke="var(--line-strong)" />
      <path d={path} fill="none" stroke="var(--text)" strokeWidth="1.4" />
    </svg>
  )
}
