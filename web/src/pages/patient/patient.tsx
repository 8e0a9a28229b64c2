import './patient.css'
import { Button, Menu, SegmentedControl, Tabs } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { Link } from 'wouter'
import { Refusal, remove } from '../../api/client'
import { useDevices, useMe, usePatient, useWard, useWards } from '../../api/queries'
import { useMay } from '../../api/running'
import type { Patient } from '../../api/types'
import { socket } from '../../live/socket'
import { live, useBed, useNow } from '../../live/store'
import { ageAndSex, fullName } from '../../parts/person'
import { Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { GlassBanner, GlassOffer } from '../access/glass'
import { watchedText } from '../ward/watched'
import { Usual } from './baseline'
import { OpenProgram, useLaunchable } from '../programs/own'
import { Deeds, type Deed } from './dialogs'
import { Now } from './now'
import { spans, useAddress } from './range'
import { Rounds, Story } from './story'
import { Strip } from './strip'
import { Table } from './table'
import { Todo } from './todo'
import { Trends } from './trends'

const Chart = lazy(() => import('./news2-chart'))
const LimitsDialog = lazy(() => import('./limits'))
const CareDialog = lazy(() => import('./care'))

export default function PatientPage({ id }: { id: string }) {
  const answer = usePatient(id)
  const wards = useWards().data
  const zone = (wards?.find((w) => w.id === answer.data?.ward) ?? wards?.[0])?.zone ?? 'UTC'
  if (answer.isPending) return <Skeleton lines={8} height={28} />
  if (answer.error && !answer.data) {
    // An id that one may not see is answered like one that is not there: the offer is the same for both.
    const hidden = answer.error instanceof Refusal && (answer.error.kind === 'not-found' || answer.error.kind === 'denied')
    return (
      <>
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
        {hidden && <GlassOffer here />}
      </>
    )
  }
  return <Page patient={answer.data} zone={zone} />
}

function Page({ patient, zone }: { patient: Patient; zone: string }) {
  const say = useSay()
  const me = useMe().data
  const address = useAddress()
  const { range } = address
  const [deed, setDeed] = useState<Deed | 'limits' | 'care' | 'program' | null>(null)
  const narrow = useMediaQuery('(max-width: 1000px)', false, { getInitialValueInEffect: false })
  const at = Number(address.search.get('strip')) || null
  const tab = address.search.get('tab') ?? (narrow ? 'now' : 'trends')
  const { preferences } = usePreferences()

  useMemo(() => {
    live.seed([{ id: patient.id, ward: '', room: '', label: '', position: 0, patient, latest: patient.latest ?? null, watched: patient.watched ?? null, devices: null, limits: null, alarms: null }])
  }, [patient])
  useEffect(() => {
    socket.show({ patient: patient.id, waves: tab === 'strip' && at === null ? ['*'] : [] })
  }, [patient.id, tab, at])
  useEffect(() => {
    document.title = `${fullName(patient, preferences.privacy)} \u00b7 Vigil`
  }, [patient, preferences.privacy])

  const freeze = (moment: number | null) => address.set({ tab: 'strip', strip: moment === null ? null : String(Math.round(moment)) })
  const panel = {
    now: (
      <>
        <Now patient={patient} />
        <Usual patient={patient.id} zone={zone} />
      </>
    ),
    trends: <Trends patient={patient.id} zone={zone} range={range} open={(t) => freeze(t + 4000)} />,
    strip: <Strip patient={patient.id} zone={zone} at={at} freeze={freeze} />,
    table: <Table patient={patient.id} zone={zone} range={range} />,
    chart: (
      <Suspense fallback={<Skeleton lines={10} />}>
        <Chart patient={patient} zone={zone} range={range} />
      </Suspense>
    ),
    todo: <Todo patient={patient} zone={zone} />,
    story: (
      <>
        <Rounds patient={patient.id} zone={zone} />
        <Story patient={patient.id} zone={zone} range={range} />
      </>
    ),
  }
  const shown = (narrow ? ['now', 'todo', 'trends', 'strip', 'chart', 'table', 'story'] : ['trends', 'strip', 'chart', 'table']) as (keyof typeof panel)[]
  const current = shown.includes(tab as keyof typeof panel) ? (tab as keyof typeof panel) : (shown[0] as keyof typeof panel)

  return (
    <div className="patient">
      <GlassBanner patient={patient.id} zone={zone} />
      <Head patient={patient} zone={zone} setDeed={setDeed} />
      <p className="print-only small">{say('patient.printed', { time: moment(live.now(), zone, say.language, 0), name: me?.name ?? '' })}</p>
      <div className="patient-body">
        {!narrow && (
          <section className="patient-side" aria-labelledby="now-title">
            <h2 id="now-title">{say('patient.now')}</h2>
            {panel.now}
            <BoundDevices patient={patient} zone={zone} />
          </section>
        )}
        <div className="patient-middle">
          <Tabs value={current} onChange={(t) => t && address.set({ tab: t, ...(t === 'strip' ? {} : { strip: null }) })} keepMounted={false}>
            <div className="patient-bar no-print">
              <Tabs.List aria-label={say('patient.tabs')}>
                {shown.map((t) => (
                  <Tabs.Tab key={t} value={t}>
                    {say(`patient.tab.${t}`)}
                  </Tabs.Tab>
                ))}
              </Tabs.List>
              {current !== 'strip' && current !== 'now' && current !== 'todo' && (
                <div className="row range">
                  <Button size="compact-sm" variant="default" onClick={() => address.set({ to: new Date(range.from + range.hours * 1_800_000).toISOString() })}>
                    {say('patient.range.earlier')}
                  </Button>
                  <SegmentedControl size="xs" aria-label={say('patient.range')} value={String(range.hours)} onChange={(h) => address.set({ h })} data={spans.map((h) => ({ value: String(h), label: say('patient.range.hours', { count: h }) }))} />
                  {!range.live && (
                    <>
                      <Button size="compact-sm" variant="default" onClick={() => { const to = range.to + range.hours * 1_800_000; address.set({ to: to >= live.now() ? null : new Date(to).toISOString() }) }}>
                        {say('patient.range.later')}
                      </Button>
                      <Button size="compact-sm" onClick={() => address.set({ to: null })}>
                        {say('patient.range.live')}
                      </Button>
                    </>
                  )}
                </div>
              )}
            </div>
            {shown.map((t) => (
              <Tabs.Panel key={t} value={t}>
                {t === current && panel[t]}
              </Tabs.Panel>
            ))}
          </Tabs>
        </div>
        {!narrow && <aside className="patient-side right-side">
            {panel.todo}
            {panel.story}
          </aside>}
      </div>
      {deed === 'program' && <OpenProgram patient={patient.id} close={() => setDeed(null)} />}
      {deed === 'limits' || deed === 'care' ? (
        <Suspense>{deed === 'limits' ? <LimitsDialog patient={patient} zone={zone} close={() => setDeed(null)} /> : <CareDialog patient={patient} zone={zone} close={() => setDeed(null)} />}</Suspense>
      ) : (
        deed && deed !== 'program' && <Deeds deed={deed} patient={patient} zone={zone} close={() => setDeed(null)} />
      )}
    </div>
  )
}

/** Who, by two identifiers; where; flags; whether anybody watches. It never scrolls away. */
function Head({ patient, zone, setDeed }: { patient: Patient; zone: string; setDeed: (d: Deed | 'limits' | 'care' | 'program') => void }) {
  const programs = useLaunchable().data
  const say = useSay()
  const now = useNow()
  const client = useQueryClient()
  const { preferences } = usePreferences()
  const live = useBed(patient.id)
  const beds = useWard(patient.ward ?? '').data?.beds ?? []
  const bed = beds.find((b) => b.id === patient.bed)
  const watched = live.watched ?? patient.watched ?? bed?.watched ?? null
  const here = Boolean(patient.bed)
  const may = useMay()
  return (
    <header className="patient-head">
      <div className="patient-who">
        {here && bed && <span className="patient-bed">{bed.label}</span>}
        <h1>{fullName(patient, preferences.privacy)}</h1>
        <span className="patient-age">{ageAndSex(patient, say)}</span>
        <span className="second">{say('patient.born', { date: birthText(patient.birth, say.language) })}</span>
        {(patient.numbers ?? []).map((n) => (
          <span key={n.system} className="second nowrap">
            {n.system} <b className="patient-number">{n.value}</b>
          </span>
        ))}
        <span className="second">{here && patient.admitted ? say('patient.since', { bed: bed?.label ?? '', time: moment(Date.parse(patient.admitted), zone, say.language, now) }) : say('patient.noBed')}</span>
      </div>
      <div className="patient-state">
        {(patient.flags ?? []).map((f) => (
          <span key={f} className="flag">
            {f}
          </span>
        ))}
        {here && (
          <span className="patient-watched" data-state={watched?.state ?? 'not-watched'} role="status">
            {watchedText(watched, zone, now, say, (patient.bindings ?? []).filter((b) => !b.to).length, live.heard)}
          </span>
        )}
        <span className="grow" />
        <span className="row no-print">
          {may('patient.observe') && (
            <>
              <Button component={Link} href={`/patient/${encodeURIComponent(patient.id)}/round`}>
                {say('patient.round')}
              </Button>
              <Button variant="default" onClick={() => setDeed('note')}>
                {say('patient.note')}
              </Button>
            </>
          )}
          <Menu position="bottom-end">
            <Menu.Target>
              <Button variant="default">{say('patient.actions')}</Button>
            </Menu.Target>
            <Menu.Dropdown>
              {!here && may('patient.move') && <Menu.Item onClick={() => setDeed('admit')}>{say('patient.admit')}</Menu.Item>}
              {here && may('patient.move') && <Menu.Item onClick={() => setDeed('transfer')}>{say('patient.transfer')}</Menu.Item>}
              {!may('patient.standby') ? null : patient.standby ? (
                <Menu.Item onClick={() => void remove(`/patients/${encodeURIComponent(patient.id)}/standby`).finally(() => void client.invalidateQueries())}>{say('patient.standby.end')}</Menu.Item>
              ) : (
                <Menu.Item onClick={() => setDeed('standby')}>{say('patient.standby')}</Menu.Item>
              )}
              {may('patient.plan') && <Menu.Item onClick={() => setDeed('plan')}>{say('patient.plan')}</Menu.Item>}
              {may('limit.read') && <Menu.Item onClick={() => setDeed('limits')}>{say('limits.open')}</Menu.Item>}
              {may('limit.write') && <Menu.Item onClick={() => setDeed('care')}>{say('care.set')}</Menu.Item>}
              {(programs ?? []).length > 0 && <Menu.Item onClick={() => setDeed('program')}>{say('programs.open')}</Menu.Item>}
              {(may('relation.read') || may('consent.read')) && (
                <Menu.Item component={Link} href={`/patient/${encodeURIComponent(patient.id)}/access`}>
                  {say('access.menu')}
                </Menu.Item>
              )}
              {here && may('patient.move') && <Menu.Item onClick={() => setDeed('discharge')}>{say('patient.discharge')}</Menu.Item>}
            </Menu.Dropdown>
          </Menu>
        </span>
      </div>
    </header>
  )
}

export function birthText(birth: string, language: string): string {
  const at = Date.parse(birth + (birth.length === 10 ? 'T12:00:00Z' : ''))
  return Number.isNaN(at) ? birth : new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).format(at)
}

function BoundDevices({ patient, zone }: { patient: Patient; zone: string }) {
  const say = useSay()
  const may = useMay()
  const devices = useDevices('').data
  const bound = (patient.bindings ?? []).filter((b) => !b.to)
  if (!may('device.list')) return null
  return (
    <>
      <h2>{say('patient.devices')}</h2>
      {bound.length === 0 && (
        <p className="second">
          {say('patient.devices.none')} <Link href="/devices">{say('patient.devices.bind')}</Link>
        </p>
      )}
      <ul className="bound">
        {bound.map((b) => (
          <li key={b.id}>
            <Link href={`/devices/${encodeURIComponent(b.device)}`}>{devices?.find((d) => d.id === b.device)?.label || b.device}</Link> <span className="quiet">{moment(Date.parse(b.from), zone, say.language, Date.now())}</span>
          </li>
        ))}
      </ul>
    </>
  )
}
