import './devices.css'
import { Button, Tabs, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useEffect, useState } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { useDevices, useProblems } from '../../api/queries'
import type { Device } from '../../api/types'
import { useNow } from '../../live/store'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { useSay, type Say } from '../../words'
import { Bound } from './bound'
import { EnrolDialog, ImportDialog } from './enrol'
import { Packets } from './packets'

export function clockText(d: Device, say: Say): string {
  if (d.clockOffsetMs === null || d.clockOffsetMs === undefined) return say('device.clock.none')
  const ms = say.number(Math.abs(d.clockOffsetMs))
  return d.clockOffsetMs >= 0 ? say('device.clock.ahead', { ms }) : say('device.clock.behind', { ms })
}

export default function DevicesPage() {
  const say = useSay()
  const [path, go] = useLocation()
  const tab = new URLSearchParams(useSearch()).get('tab') === 'problems' ? 'problems' : 'all'
  const [dialog, setDialog] = useState<'enrol' | 'import' | null>(null)
  const problems = useProblems()
  useEffect(() => {
    document.title = `${say('devices.title')} \u00b7 Vigil`
  }, [say])
  return (
    <div className="page devices">
      <div className="page-head">
        <h1>{say('devices.title')}</h1>
        <span className="grow" />
        <Link href="/start">{say('start.title')}</Link>
        <Button variant="default" onClick={() => setDialog('import')}>
          {say('devices.import')}
        </Button>
        <Button onClick={() => setDialog('enrol')}>{say('devices.enrol')}</Button>
      </div>
      <Tabs value={tab} onChange={(t) => go(path + (t === 'problems' ? '?tab=problems' : ''), { replace: true })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="all">{say('devices.tab.all')}</Tabs.Tab>
          <Tabs.Tab value="problems">
            {say('devices.tab.problems')} {(problems.data ?? []).length > 0 && <b>{(problems.data ?? []).length}</b>}
          </Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="all">
          <Registry enrol={() => setDialog('enrol')} />
        </Tabs.Panel>
        <Tabs.Panel value="problems">
          <Problems />
        </Tabs.Panel>
      </Tabs>
      {dialog === 'enrol' && <EnrolDialog close={() => setDialog(null)} />}
      {dialog === 'import' && <ImportDialog close={() => setDialog(null)} />}
    </div>
  )
}

function Registry({ enrol }: { enrol: () => void }) {
  const say = useSay()
  const now = useNow()
  const [q, setQ] = useState('')
  const [asked] = useDebouncedValue(q, 200)
  const answer = useDevices(asked)
  const list = answer.data ?? []
  return (
    <>
      <TextInput className="search" aria-label={say('action.search')} placeholder={say('devices.search')} value={q} onChange={(e) => setQ(e.currentTarget.value)} />
      {answer.isPending && <Skeleton lines={8} height={22} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && list.length === 0 && (asked ? <p className="second">{say('devices.none')}</p> : <Empty title={say('devices.empty.title')} action={<Button onClick={enrol}>{say('devices.enrol')}</Button>}>{say('devices.empty.do')}</Empty>)}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('devices.title')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('devices.column.device')}</th>
                <th scope="col">{say('devices.column.kind')}</th>
                <th scope="col">{say('devices.column.state')}</th>
                <th scope="col">{say('devices.column.bound')}</th>
                <th scope="col">{say('devices.column.seen')}</th>
                <th scope="col">{say('devices.column.clock')}</th>
                <th scope="col" className="right">
                  {say('devices.column.packets')}
                </th>
                <th scope="col" className="right">
                  {say('devices.column.problems')}
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((d) => (
                <tr key={d.id}>
                  <th scope="row">
                    <Link href={`/devices/${encodeURIComponent(d.id)}`} className="strong">
                      {d.label || d.id}
                    </Link>{' '}
                    <span className="mono quiet">{d.label && d.label !== d.id ? d.id : ''}</span>
                  </th>
                  <td>
                    {d.kind} <span className="quiet">{d.model}</span>
                  </td>
                  <td>
                    {say.maybe('devices.state.' + d.state, d.state)} {d.demo && <span className="quiet">{say('devices.demo')}</span>}
                  </td>
                  <td>{d.binding ? <Bound binding={d.binding} /> : <span className="quiet">{say('devices.unbound')}</span>}</td>
                  <td className="nowrap">{d.lastSeen ? say('age.ago', { age: say.age(now - Date.parse(d.lastSeen)) }) : <span className="quiet">{say('devices.never')}</span>}</td>
                  <td className="nowrap">{clockText(d, say)}</td>
                  <td className="right">{say.number(d.packets)}</td>
                  <td className="right">{d.problems > 0 ? <b className="technical">{say.number(d.problems)}</b> : <span className="quiet">0</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  )
}

function Problems() {
  const say = useSay()
  const zone = useZone()
  const answer = useProblems()
  if (answer.isPending) return <Skeleton lines={6} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (answer.data.length === 0) return <p className="second devices-calm">{say('devices.problems.none')}</p>
  return <Packets packets={answer.data} zone={zone} named />
}
