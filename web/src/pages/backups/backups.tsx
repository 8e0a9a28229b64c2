import '../system/system.css'
import { Button } from '@mantine/core'
import { useEffect, useState, type ReactNode } from 'react'
import { backUp, rotate, useBackups, useKeyring, type Backup, type Backups } from '../../api/care-of-data'
import { Refusal } from '../../api/client'
import { useNow } from '../../live/store'
import { Ask } from '../../parts/ask'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

const old = 48 * 3600_000 // ms: two nights without a backup

/** Whether what is here would outlive its disk, and the keys that seal it. */
export default function BackupsPage() {
  const say = useSay()
  const answer = useBackups()
  const keyring = useKeyring()
  useEffect(() => {
    document.title = `${say('backup.title')} \u00b7 Vigil`
  }, [say])
  const off = answer.error instanceof Refusal && answer.error.kind === 'precondition'
  return (
    <div className="page system">
      <div className="page-head">
        <h1>{say('backup.title')}</h1>
      </div>
      {answer.isPending && <Skeleton lines={6} />}
      {off || (answer.data && answer.data.dir === '') ? (
        <Empty title={say('backup.off.title')}>{say('backup.off.do')}</Empty>
      ) : answer.error && !answer.data ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : (
        answer.data && <State b={answer.data} />
      )}
      <section>
        <h2>{say('keys.title')}</h2>
        {keyring.isPending && <Skeleton lines={2} />}
        {keyring.error && !keyring.data && <Trouble problem={keyring.error} retry={() => void keyring.refetch()} />}
        {keyring.data && <Keyring k={keyring.data} />}
      </section>
    </div>
  )
}

function Fact({ name, children, warn }: { name: string; children: ReactNode; warn?: boolean }) {
  return (
    <div data-warn={warn || undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function State({ b }: { b: Backups }) {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const [asking, setAsking] = useState(false)
  const time = (t: string) => moment(Date.parse(t), zone, say.language, now)
  const list = b.backups ?? []
  const newest = list.find((x) => x.problem === '')
  const late = newest !== undefined && now - Date.parse(newest.at) > old
  return (
    <>
      <section>
        <dl className="facts">
          <Fact name={say('backup.newest')} warn={!newest || late}>
            {newest ? time(newest.at) : say('backup.empty.title')}
          </Fact>
          <Fact name={say('backup.next')}>{b.next ? time(b.next) : say('backup.every.none')}</Fact>
          <Fact name={say('backup.keep')}>{say.number(b.keep)}</Fact>
          <Fact name={say('backup.where')}>
            <span className="mono">{b.dir}</span>
          </Fact>
          <Fact name={say('backup.offsite')} warn={b.offsite === ''}>
            {b.offsite ? <span className="mono">{b.offsite}</span> : say('backup.offsite.none')}
          </Fact>
        </dl>
        {late && <p className="technical strong">{say('backup.newest.old', { time: say.age(now - Date.parse(newest.at)) })}</p>}
        {b.problem && (
          <p className="technical strong" role="alert">
            {b.problem}
          </p>
        )}
        <div className="row wrap">
          {b.running ? <span role="status">{say('backup.running', { time: time(b.running.since), phase: say.maybe('backup.phase.' + b.running.phase, b.running.phase) })}</span> : <Button onClick={() => setAsking(true)}>{say('backup.run')}</Button>}
        </div>
      </section>
      {list.length === 0 ? <Empty title={say('backup.empty.title')}>{say('backup.empty.do')}</Empty> : <Table list={list} time={time} />}
      {asking && <Ask title={say('backup.run')} act={say('backup.run')} close={() => setAsking(false)} run={backUp} />}
    </>
  )
}

function Table({ list, time }: { list: Backup[]; time: (t: string) => string }) {
  const say = useSay()
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={say('backup.title')}>
      <table>
        <thead>
          <tr>
            <th scope="col">{say('backup.made')}</th>
            <th scope="col" className="right">
              {say('backup.size')}
            </th>
            <th scope="col" className="right">
              {say('backup.took')}
            </th>
            <th scope="col">{say('backup.holds')}</th>
            <th scope="col">{say('backup.away')}</th>
            <th scope="col">{say('backup.checked')}</th>
          </tr>
        </thead>
        <tbody>
          {list.map((x) => (
            <tr key={x.name}>
              <th scope="row" className="nowrap">
                {time(x.at)}
              </th>
              <td className="right nowrap">{say.bytes(x.bytes)}</td>
              <td className="right nowrap">{say.number(x.took, 1)} s</td>
              <td className="holds">{x.problem ? <span className="technical">{x.problem}</span> : say('backup.holds.text', { patients: say.number(x.patients), audit: say.number(x.audit), frames: say.number(x.frames), schema: x.schema })}</td>
              <td>{say(x.offsite ? 'backup.away.yes' : 'backup.away.no')}</td>
              <td className="nowrap">{x.checked ? time(x.checked) : say('backup.checked.no')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Keyring({ k }: { k: NonNullable<ReturnType<typeof useKeyring>['data']> }) {
  const say = useSay()
  const [turning, setTurning] = useState<'root' | 'site' | null>(null)
  return (
    <>
      <p className="second">{say('keys.note')}</p>
      <dl className="facts">
        <Fact name={say('keys.living')}>{say.number(k.living)}</Fact>
        <Fact name={say('keys.destroyed')}>{say.number(k.destroyed)}</Fact>
        <Fact name={say('keys.subjects')}>{say.number(k.subjects)}</Fact>
        <Fact name={say('keys.place')}>{say.maybe('keys.place.' + k.place, k.place)}</Fact>
        <Fact name={say('keys.root')}>{say.maybe('keys.root.' + k.root, k.root)}</Fact>
        <Fact name={say('keys.store')}>
          <span className="mono">{k.store}</span>
        </Fact>
      </dl>
      {k.problem && (
        <p className="technical strong" role="alert">
          {k.problem}
        </p>
      )}
      <div className="row wrap">
        {(['root', 'site'] as const).map((what) => (
          <Button key={what} variant="default" onClick={() => setTurning(what)}>
            {say('keys.rotate', { what: say(`keys.rotate.${what}`) })}
          </Button>
        ))}
      </div>
      {turning && <Ask title={say('keys.rotate', { what: say(`keys.rotate.${turning}`) })} note={say(`keys.rotate.${turning}.note`)} act={say('keys.rotate', { what: say(`keys.rotate.${turning}`) })} close={() => setTurning(null)} run={() => rotate(turning)} />}
    </>
  )
}
