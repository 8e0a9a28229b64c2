import { useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useRef } from 'react'
import { Redirect, Route, Switch } from 'wouter'
import { onHalf, Refusal } from './api/client'
import { useMe, useWards } from './api/queries'
import { alarms } from './live/alarms'
import { live } from './live/store'
import { socket } from './live/socket'
import { WardPage } from './pages/ward/ward'
import { NoWard } from './pages/ward/none'
import { startOutbox } from './pages/round/outbox'
import { isFamily, isPatient } from './parts/person'
import { Shell, usePages } from './parts/shell'
import { Empty, Skeleton, Trouble } from './parts/states'
import { useApplyPreferences } from './preferences'
import { station } from './sound/station'
import { useSay } from './words'

const page = <P extends object>(load: () => Promise<{ default: React.ComponentType<P> }>) => lazy(load)

const Patient = page(() => import('./pages/patient/patient'))
const Round = page(() => import('./pages/round/round'))
const Patients = page(() => import('./pages/patients/patients'))
const Alarms = page(() => import('./pages/alarms/alarms'))
const Devices = page(() => import('./pages/devices/devices'))
const Device = page(() => import('./pages/devices/device'))
const Start = page(() => import('./pages/devices/start'))
const System = page(() => import('./pages/system/system'))
const People = page(() => import('./pages/people/people'))
const Cover = page(() => import('./pages/cover/cover'))
const Review = page(() => import('./pages/review/review'))
const Access = page(() => import('./pages/access/access'))
const Followed = page(() => import('./pages/mine/followed'))
const FollowedList = lazy(() => import('./pages/mine/followed').then((m) => ({ default: m.FollowedList })))
const Mine = page(() => import('./pages/mine/mine'))
const Trace = page(() => import('./pages/trace/trace'))
const Ledger = page(() => import('./pages/ledger/ledger'))
const Burden = page(() => import('./pages/burden/burden'))
const Rules = page(() => import('./pages/rules/rules'))
const Try = page(() => import('./pages/rules/try'))
const Channels = page(() => import('./pages/channels/channels'))
const LetIn = page(() => import('./pages/programs/let-in'))
const MyPage = page(() => import('./pages/me/me'))
const Backups = page(() => import('./pages/backups/backups'))
const SignIn = lazy(() => import('./pages/signin'))
const StepUp = lazy(() => import('./parts/step-up').then((m) => ({ default: m.StepUp })))

export function App() {
  const say = useSay()
  const me = useMe()
  const client = useQueryClient()
  useApplyPreferences()
  const half = me.data?.next ? me.data : undefined
  const signedIn = me.data !== undefined && !half
  useEffect(() => onHalf(() => void client.invalidateQueries({ queryKey: ['me'] })), [client])
  const user = me.data?.id ?? ''
  const lives = me.data?.actions?.includes('live.read') ?? true
  // A station is a screen of the ward: one that hears its alarms, and can be counted on.
  const sounds = me.data?.class === 'kiosk' || (me.data?.actions?.includes('alarm.act') ?? true)
  useEffect(() => {
    if (!signedIn) return
    if (lives) socket.start()
    startOutbox()
    if (sounds) station.start(user)
    alarms.onChange = (ids) => {
      for (const id of ids) void client.invalidateQueries({ queryKey: ['alarm', id] })
      void client.invalidateQueries({ queryKey: ['offs'] })
    }
    live.onChanged = () => {
      void client.invalidateQueries({ queryKey: ['ward'] })
      void client.invalidateQueries({ queryKey: ['patient'] })
      for (const key of ['limits', 'care', 'scores', 'offs', 'cover']) void client.invalidateQueries({ queryKey: [key] })
      void client.invalidateQueries({ queryKey: ['devices'] })
      void client.invalidateQueries({ queryKey: ['device'] })
    }
  }, [client, signedIn, user, sounds, lives])

  const language = useRef(say.language)
  useEffect(() => {
    if (language.current === say.language) return
    language.current = say.language
    void client.invalidateQueries()
    socket.anew()
  }, [client, say.language])

  if (me.isPending) return null
  const mustSignIn = me.error instanceof Refusal && me.error.kind === 'unauthenticated'
  const byLink = location.pathname === '/sign-in' && location.hash.length > 1
  if (mustSignIn || byLink || half) {
    return (
      <Suspense>
        <SignIn {...(half && !byLink ? { half } : {})} />
      </Suspense>
    )
  }
  if (me.error) return <Trouble problem={me.error} retry={() => void me.refetch()} />

  return (
    <Shell>
      <Suspense>
        <StepUp />
      </Suspense>
      <Suspense fallback={<Skeleton lines={8} height={20} />}>
        {isPatient(me.data) ? (
          <Switch>
            <Route path="/me">
              <MyPage />
            </Route>
            <Route>
              <Mine />
            </Route>
          </Switch>
        ) : isFamily(me.data) ? (
          <Switch>
            <Route path="/me">
              <MyPage />
            </Route>
            <Route path="/patient/:id">{({ id }) => <Followed id={id} key={id} />}</Route>
            <Route>
              <FollowedList />
            </Route>
          </Switch>
        ) : (
          <Switch>
            <Route path="/">
              <FirstWard />
            </Route>
            <Route path="/sign-in">
              <Redirect to="/" replace />
            </Route>
            <Route path="/patients">
              <Patients />
            </Route>
            <Route path="/alarms">
              <Alarms />
            </Route>
            <Route path="/alarms/:id">{({ id }) => <Redirect to={`/alarms?alarm=${encodeURIComponent(id)}`} replace />}</Route>
            <Route path="/alarms/:id/trace">{({ id }) => <Trace id={id} key={id} />}</Route>
            <Route path="/devices">
              <Devices />
            </Route>
            <Route path="/devices/:id">{({ id }) => <Device id={id} key={id} />}</Route>
            <Route path="/start">
              <Start />
            </Route>
            <Route path="/system">
              <System />
            </Route>
            <Route path="/people">
              <People />
            </Route>
            <Route path="/cover">
              <Cover />
            </Route>
            <Route path="/review">
              <Review />
            </Route>
            <Route path="/ledger">
              <Ledger />
            </Route>
            <Route path="/burden">
              <Burden />
            </Route>
            <Route path="/rules">
              <Rules />
            </Route>
            <Route path="/try">
              <Try />
            </Route>
            <Route path="/me">
              <MyPage />
            </Route>
            <Route path="/backups">
              <Backups />
            </Route>
            <Route path="/me/channels">
              <Channels />
            </Route>
            <Route path="/let-in">
              <LetIn />
            </Route>
            <Route path="/ward/:id">{({ id }) => <WardPage id={id} />}</Route>
            <Route path="/patient/:id/round">{({ id }) => <Round id={id} key={id} />}</Route>
            <Route path="/patient/:id/access">{({ id }) => <Access id={id} key={id} />}</Route>
            <Route path="/patient/:id">{({ id }) => <Patient id={id} key={id} />}</Route>
            <Route>
              <Empty title={say('state.notFound.title')}>{say('state.notFound.do')}</Empty>
            </Route>
          </Switch>
        )}
      </Suspense>
    </Shell>
  )
}

function FirstWard() {
  const pages = usePages()
  const wards = useWards()
  if (pages[0] && pages[0].to !== '/') return <Redirect to={pages[0].to} replace />
  if (wards.isPending) return <Skeleton />
  if (wards.error) return <Trouble problem={wards.error} retry={() => void wards.refetch()} />
  const first = wards.data[0]
  return first ? <Redirect to={`/ward/${encodeURIComponent(first.id)}${location.search}`} replace /> : <NoWard />
}
