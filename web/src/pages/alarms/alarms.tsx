import './alarms.css'
import { Button, SegmentedControl, Select, Tabs, TextInput } from '@mantine/core'
import { useEffect } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import type { Alarm } from '../../api/alarm'
import { useAlarmRows } from '../../api/alarm-calls'
import { useWards } from '../../api/queries'
import { useAlarms } from '../../live/alarms'
import { first } from '../../live/order'
import { useLink, useNow } from '../../live/store'
import { AlarmText, SoundState } from '../../parts/alarm-sign'
import { conditionText, ownerText } from '../../parts/alarm-words'
import { usePlaces } from '../../parts/directory'
import { useOpenAlarm } from '../../parts/open-alarm'
import { fullName } from '../../parts/person'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

const page = 100

/** Every alarm: what is open, apart by patient and technical, and what was. */
export default function AlarmsPage() {
  const say = useSay()
  const [, go] = useLocation()
  const params = new URLSearchParams(useSearch())
  const wards = useWards().data ?? []
  const tab = params.get('tab') === 'history' ? 'history' : 'open'
  const set = (change: Record<string, string | null>) => {
    for (const [k, v] of Object.entries(change)) {
      if (v === null || v === '') params.delete(k)
      else params.set(k, v)
    }
    const text = params.toString()
    go('/alarms' + (text ? '?' + text : ''), { replace: true })
  }
  useEffect(() => {
    document.title = `${say('nav.alarms')} \u00b7 Vigil`
  }, [say])
  const filter: Filter = { ward: params.get('ward') ?? '', priority: params.get('priority') ?? '', kind: params.get('kind') ?? '', q: params.get('q') ?? '', patient: params.get('patient') ?? '' }
  return (
    <div className="page">
      <div className="page-head">
        <h1>{say('nav.alarms')}</h1>
      </div>
      <Tabs value={tab} onChange={(t) => set({ tab: t === 'history' ? t : null, before: null })} keepMounted={false}>
        <Tabs.List>
          <Tabs.Tab value="open">{say('alarms.open')}</Tabs.Tab>
          <Tabs.Tab value="history">{say('alarms.history')}</Tabs.Tab>
        </Tabs.List>
        <div className="alarms-filter">
          {wards.length > 1 && <Select label={say('ward.choose')} clearable clearButtonProps={{ 'aria-label': say('alarms.any') }} placeholder={say('alarms.any')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={filter.ward || null} onChange={(ward) => set({ ward, before: null })} />}
          <TextInput label={say('alarms.who')} value={filter.q} onChange={(e) => set({ q: e.currentTarget.value })} />
          <div>
            <span className="field-label">{say('alarm.fact.priority')}</span>
            <SegmentedControl aria-label={say('alarm.fact.priority')} value={filter.priority} onChange={(priority) => set({ priority })} data={[{ value: '', label: say('alarms.any') }, { value: 'high', label: say('alarms.high') }, { value: 'medium', label: say('alarms.medium') }, { value: 'low', label: say('alarms.low') }]} />
          </div>
          <div>
            <span className="field-label">{say('alarms.about')}</span>
            <SegmentedControl aria-label={say('alarms.about')} value={filter.kind} onChange={(kind) => set({ kind, before: null })} data={[{ value: '', label: say('alarms.any') }, { value: 'patient', label: say('alarms.patient') }, { value: 'technical', label: say('alarm.technical') }]} />
          </div>
          {filter.patient && (
            <Button variant="default" onClick={() => set({ patient: null, before: null })}>
              {say('alarms.allPatients')}
            </Button>
          )}
        </div>
        <Tabs.Panel value="open">{tab === 'open' && <Open filter={filter} />}</Tabs.Panel>
        <Tabs.Panel value="history">{tab === 'history' && <History filter={filter} before={params.get('before') ?? ''} older={(before) => set({ before })} />}</Tabs.Panel>
      </Tabs>
    </div>
  )
}

interface Filter {
  ward: string
  priority: string
  kind: string
  q: string
  patient: string
}

function useMatch(filter: Filter) {
  const places = usePlaces()
  const wanted = filter.q.trim().toLocaleLowerCase()
  return (a: Alarm) => {
    if (filter.ward && a.ward !== filter.ward) return false
    if (filter.patient && a.patient !== filter.patient) return false
    if (filter.priority && a.priority !== filter.priority) return false
    if (filter.kind && Boolean(a.technical) !== (filter.kind === 'technical')) return false
    if (wanted === '') return true
    const place = places.of(a)
    return `${place?.bed.label ?? ''} ${place?.patient ? fullName(place.patient) : ''} ${a.text} ${a.title}`.toLocaleLowerCase().includes(wanted)
  }
}

function Open({ filter }: { filter: Filter }) {
  const say = useSay()
  const list = useAlarms()
  const link = useLink()
  const match = useMatch(filter)
  // Without the live list the server is asked, so that the page is never silently empty.
  const asked = useAlarmRows({ state: 'open', limit: 500 }, !list.known)
  if (!list.known && asked.isPending) return <Skeleton lines={6} height={24} />
  if (!list.known && asked.error) return <Trouble problem={asked.error} retry={() => void asked.refetch()} />
  const all = (list.known ? list.all : [...(asked.data?.items ?? [])].sort(first)).filter(match)
  const patient = all.filter((a) => !a.technical)
  const technical = all.filter((a) => a.technical)
  const narrowed = Object.values(filter).some(Boolean)
  if (all.length === 0) return link.state === 'open' ? <Empty title={say(narrowed ? 'alarms.none.match' : 'alarm.none')}>{say(narrowed ? 'alarms.none.match.do' : 'alarms.none.do')}</Empty> : <p className="alarms-none second">{say('alarm.unknown')}</p>
  return (
    <>
      {filter.kind !== 'technical' && (
        <>
          <h2>{say('alarms.patient')}</h2>
          {patient.length > 0 ? <Rows list={patient} /> : <p className="alarms-none second">{say('alarm.none.patient')}</p>}
        </>
      )}
      {filter.kind !== 'patient' && (
        <section>
          <h2>{say('alarm.technical')}</h2>
          {technical.length > 0 ? <Rows list={technical} /> : <p className="alarms-none second">{say('alarms.none.technical')}</p>}
        </section>
      )}
    </>
  )
}

function History({ filter, before, older }: { filter: Filter; before: string; older: (before: string | null) => void }) {
  const say = useSay()
  const match = useMatch(filter)
  const answer = useAlarmRows({ state: 'closed', ward: filter.ward, patient: filter.patient, technical: filter.kind === '' ? '' : String(filter.kind === 'technical'), before, limit: page })
  if (answer.isPending) return <Skeleton lines={8} height={24} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const rows = answer.data.items.filter(match)
  return (
    <>
      {rows.length === 0 ? <Empty title={say(answer.data.items.length > 0 ? 'alarms.none.match' : 'alarms.history.none')}>{answer.data.items.length > 0 && say('alarms.none.match.do')}</Empty> : <Rows list={rows} past />}
      <div className="row">
        {before && (
          <Button variant="default" onClick={() => older(null)}>
            {say('alarms.newest')}
          </Button>
        )}
        {answer.data.next && (
          <Button variant="default" onClick={() => older(answer.data.next)}>
            {say('action.older')}
          </Button>
        )}
      </div>
    </>
  )
}

function Rows({ list, past = false }: { list: Alarm[]; past?: boolean }) {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const link = useLink()
  const places = usePlaces()
  const { preferences } = usePreferences()
  const [, open] = useOpenAlarm()
  const lasted = (a: Alarm) => say.age((a.closed || now) - a.since)
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={say('nav.alarms')}>
      <table className="alarms-table">
        <thead>
          <tr>
            <th scope="col">{say('alarms.column.what')}</th>
            <th scope="col">{say('do.bed')}</th>
            <th scope="col">{say('alarms.column.who')}</th>
            <th scope="col">{say('alarm.fact.since')}</th>
            <th scope="col">{say('alarms.column.lasts')}</th>
            <th scope="col">{say('alarm.fact.owner')}</th>
            <th scope="col">{say(past ? 'alarm.fact.closed' : 'alarm.fact.sound')}</th>
          </tr>
        </thead>
        <tbody>
          {list.map((a) => {
            const place = places.of(a)
            return (
              <tr key={a.id} onClick={() => open(a.id)}>
                <th scope="row">
                  <button className="alarm-link" onClick={(e) => (e.stopPropagation(), open(a.id))}>
                    <AlarmText alarm={a} still={past || link.state !== 'open'} />
                  </button>
                </th>
                <td>
                  <b>{place?.bed.label ?? (a.bed || say('alarm.site'))}</b>
                </td>
                <td>
                  {place?.patient?.id === a.patient ? (
                    <Link href={`/patient/${encodeURIComponent(a.patient)}`} onClick={(e) => e.stopPropagation()}>
                      {fullName(place.patient, preferences.privacy)}
                    </Link>
                  ) : (
                    a.patient !== 'site' && (
                      <Link href={`/patient/${encodeURIComponent(a.patient)}`} onClick={(e) => e.stopPropagation()}>
                        {say('alarm.patient')}
                      </Link>
                    )
                  )}
                </td>
                <td className="nowrap">{moment(a.since, zone, say.language, now)}</td>
                <td className="nowrap">{lasted(a)}</td>
                <td>
                  {past ? (a.acknowledged ? say('alarms.seenAfter', { name: a.acknowledged.name || a.acknowledged.by, time: say.age(a.acknowledged.at - a.raised) }) : say('alarms.unseen')) : ownerText(a, say)}
                  {!past && conditionText(a, zone, now, say) && <span className="second">, {conditionText(a, zone, now, say)}</span>}
                </td>
                <td>{past ? `${moment(a.closed ?? 0, zone, say.language, now)}: ${say.maybe('alarm.why.' + a.why, a.why ?? '')}` : <SoundState alarm={a} zone={zone} now={now} />}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
