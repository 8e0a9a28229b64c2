import IconMoon from '@tabler/icons-react/dist/esm/icons/IconMoon.mjs'
import IconSun from '@tabler/icons-react/dist/esm/icons/IconSun.mjs'
import { ActionIcon } from '@mantine/core'
import { lazy, Suspense, useState, type ReactNode } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { useMe, useWards } from '../api/queries'
import { useMay } from '../api/running'
import { useLink, useNow } from '../live/store'
import { usePreferences } from '../preferences'
import { SoundSign } from '../sound/sign'
import { clock, date } from '../time/zone'
import { useSay } from '../words'
import { AlarmBar } from './alarm-bar'
import { NoticeBar } from './notice-bar'
import { useOpenAlarm } from './open-alarm'
import { isFamily, isPatient } from './person'
import { WaitingBar } from './waiting-bar'

const AlarmDrawer = lazy(() => import('../pages/alarms/drawer'))
const PreferencesDialog = lazy(() => import('./preferences-dialog'))

/** The wall clock of the ward that is shown; of the first ward elsewhere. */
export function useZone(): string {
  const wards = useWards().data
  const [path] = useLocation()
  const id = /^\/ward\/([^/?]+)/.exec(path)?.[1]
  return (wards?.find((w) => w.id === id) ?? wards?.[0])?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone
}

// Each page with the actions of which one opens it.
const pages = [
  { to: '/', key: 'nav.ward', at: /^\/(ward.*)?$/, for: ['ward.read'] },
  { to: '/patients', key: 'nav.patients', at: /^\/patient/, for: ['patient.find'] },
  { to: '/alarms', key: 'nav.alarms', at: /^\/alarms/, for: ['alarm.read'] },
  { to: '/cover', key: 'nav.running', at: /^\/(cover|review|ledger|burden|rules|try|me\/)/, for: ['duty.read'] },
  { to: '/devices', key: 'nav.devices', at: /^\/(devices|start)/, for: ['device.list'] },
  { to: '/system', key: 'nav.system', at: /^\/system/, for: ['system.read'] },
  { to: '/people', key: 'nav.people', at: /^\/people/, for: ['user.read', 'token.read', 'audit.read', 'glass.read', 'anomaly.read'] },
] as const

/** The pages that this person may open. */
export function usePages() {
  const may = useMay()
  return pages.filter((p) => p.for.some(may))
}

export const useKiosk = () => new URLSearchParams(useSearch()).has('kiosk')

export function Shell({ children }: { children: ReactNode }) {
  const say = useSay()
  const me = useMe().data
  const [path] = useLocation()
  const zone = useZone()
  const kiosk = useKiosk() || me?.class === 'kiosk'
  const { preferences, change } = usePreferences()
  const [open, setOpen] = useState(false)
  const [alarm, openAlarm] = useOpenAlarm()
  const shown = usePages()
  const may = useMay()
  const own = isPatient(me) || isFamily(me)
  const light = preferences.theme === 'light'
  return (
    <div className="shell" data-kiosk={kiosk || undefined} data-own={own || undefined}>
      <a className="skip" href="#content">
        {say('app.skip')}
      </a>
      <header className="top">
        <Link href="/" className="brand" aria-label={say('app.name')}>
          <svg viewBox="0 0 32 16" width="32" height="16" aria-hidden="true">
            <path d="M0 9h9l2-4 3 10 4-14 3 8h11" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinejoin="round" strokeLinecap="round" />
          </svg>
          <span>{say('app.name')}</span>
        </Link>
        {!kiosk && !own && (
          <nav className="pages" aria-label={say('nav.label')}>
            {shown.map((p) => (
              <Link key={p.to} href={p.to} aria-current={p.at.test(path) ? 'page' : undefined}>
                {say(p.key)}
              </Link>
            ))}
          </nav>
        )}
        <span className="grow" />
        {me?.demo && <span className="demo">{say('app.demo')}</span>}
        <WallClock />
        {!kiosk && (
          <>
            <ActionIcon variant="subtle" color="gray" size={32} aria-label={say(light ? 'preferences.dark' : 'preferences.light')} onClick={() => change({ theme: light ? 'dark' : 'light' })}>
              {light ? <IconMoon size={18} stroke={1.6} /> : <IconSun size={18} stroke={1.6} />}
            </ActionIcon>
            <button className="who" onClick={() => setOpen(true)}>
              {me?.name || say('nav.you')}
            </button>
          </>
        )}
      </header>
      {may('live.read') && <LinkBanner />}
      <WaitingBar />
      {(me?.notices ?? 0) > 0 && !kiosk && <NoticeBar count={me?.notices ?? 0} />}
      {!own && may('alarm.read') && <AlarmBar zone={zone} kiosk={kiosk} side={<SoundSign />} />}
      <main id="content" tabIndex={0}>
        {children}
      </main>
      {alarm && !kiosk && !own && (
        <Suspense>
          <AlarmDrawer id={alarm} zone={zone} close={() => openAlarm(null)} />
        </Suspense>
      )}
      {open && (
        <Suspense>
          <PreferencesDialog close={() => setOpen(false)} />
        </Suspense>
      )}
    </div>
  )
}

function WallClock() {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  return (
    <time className="wall-clock" title={zone} dateTime={new Date(now).toISOString()}>
      <span className="second">{date(now, zone, say.language, now)}</span> {clock(now, zone)}
    </time>
  )
}

/** With the link down the screen says so above all else. */
function LinkBanner() {
  const say = useSay()
  const link = useLink()
  const zone = useZone()
  const now = useNow()
  // Two seconds of grace at the start, so that a normal page load does not cry wolf.
  const down = link.state === 'down' || (link.state === 'connecting' && Date.now() - link.since > 2000)
  if (!down) return null
  return (
    <div className="link-down" role="alert" data-age={Math.round((now - link.since) / 1000)}>
      <strong>{say('link.down', { time: clock(link.since, zone, true) })}</strong> <span>{say('link.down.do')}</span>
    </div>
  )
}
