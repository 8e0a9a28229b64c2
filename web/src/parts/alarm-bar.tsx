import IconEyeOff from '@tabler/icons-react/dist/esm/icons/IconEyeOff.mjs'
import IconPlugConnectedX from '@tabler/icons-react/dist/esm/icons/IconPlugConnectedX.mjs'
import IconTool from '@tabler/icons-react/dist/esm/icons/IconTool.mjs'
import { notifications } from '@mantine/notifications'
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import { Link } from 'wouter'
import type { Alarm } from '../api/alarm'
import { act } from '../api/alarm-calls'
import { useMe } from '../api/queries'
import { useAlarms } from '../live/alarms'
import { mark, tone, unseen } from '../live/order'
import { live, useLink, useNow } from '../live/store'
import { usePreferences } from '../preferences'
import { clock, moment } from '../time/zone'
import { useSay } from '../words'
import { AlarmText, SoundState } from './alarm-sign'
import { conditionText, notDone, ownerText } from './alarm-words'
import { usePlaces, type Place } from './directory'
import { isCommand, keysOn, useKeysOn } from './keys'
import { useOpenAlarm } from './open-alarm'
import { fullName } from './person'

const shown = 7
const settle = 700 // ms that an alarm stands first before the key counts for it: nobody acknowledges what just slid in

/** What needs somebody, on every page: the highest alarm first, then its peers, what is technical, who hears it. */
export function AlarmBar({ zone, kiosk, side }: { zone: string; kiosk: boolean; side?: ReactNode }) {
  const say = useSay()
  const me = useMe().data
  const link = useLink()
  const now = useNow()
  const list = useAlarms()
  const places = usePlaces()
  const { preferences } = usePreferences()
  const keys = useKeysOn()
  const [, open] = useOpenAlarm()
  const [busy, setBusy] = useState('')
  const linked = link.state === 'open'
  const mayAct = !kiosk && (me?.actions?.includes('alarm.act') ?? true)

  // The key acts on the first that nobody has seen, which is therefore always the one that is spelt out.
  const target = list.patient.find(unseen) ?? list.technical.find(unseen)
  const lead = target ?? list.patient[0]
  const rest = list.patient.filter((a) => a !== lead)
  const since = useRef({ id: '', at: 0 })
  if (since.current.id !== (target?.id ?? '')) since.current = { id: target?.id ?? '', at: performance.now() }

  const bedOf = useCallback((a: Alarm) => places.of(a)?.bed.label ?? (a.bed || say('alarm.site')), [places, say])
  const acknowledge = useCallback(
    async (a: Alarm) => {
      setBusy(a.id)
      try {
        await act(a.id, 'acknowledge')
        notifications.show({ message: say('alarm.done.acknowledge', { bed: bedOf(a), text: `${mark(a)} ${a.text || a.title}` }) })
      } catch (problem) {
        notifications.show({ message: notDone(problem, say), color: 'red' })
      } finally {
        setBusy('')
      }
    },
    [say, bedOf],
  )

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const key = event.key.toLowerCase()
      if ((key !== 'a' && key !== 'o') || !keysOn() || kiosk || !isCommand(event, event.target instanceof Element ? event.target : null)) return
      const a = target ?? lead
      if (!a || document.querySelector('[aria-modal="true"]')) return
      event.preventDefault()
      if (key === 'o') return open(a.id)
      if (!target || !mayAct || busy) return
      if (performance.now() - since.current.at < settle) return void notifications.show({ message: say('alarm.changed') })
      void acknowledge(target)
    }
    document.addEventListener('keydown', press)
    return () => document.removeEventListener('keydown', press)
  }, [target, lead, open, acknowledge, mayAct, busy, kiosk, say])

  // Counted anew with every second of useNow, by the same word of each bed as the ward's own summary.
  const unwatched = places.all.filter((p) => p.patient && ['not-watched', 'unplanned'].includes(live.watchedState(p.bed)) && !list.technical.some((a) => a.patient === p.patient?.id)).length
  const stale = !linked && list.known
  const row = (a: Alarm) => <Row key={a.id} alarm={a} place={places.of(a)} lead={a === lead} zone={zone} now={now} hidden={preferences.privacy === true} open={open} />

  return (
    <section className="alarm-bar" aria-label={say('alarm.bar')} data-live={linked && list.known}>
      {stale && (
        <span className="alarm-stale" role="status">
          <IconPlugConnectedX size={16} stroke={2} aria-hidden="true" /> {say('alarm.notLive', { time: clock(link.since + live.skew, zone, true) })}
        </span>
      )}
      {lead ? (
        <>
          <div className="alarm-rows" data-part="lead">
            {row(lead)}
          </div>
          {mayAct && (
            <div className="alarm-acts">
              {target && (
                <button className="alarm-act" data-strong disabled={busy !== '' || !linked} onClick={() => void acknowledge(target)} aria-keyshortcuts={keys ? 'A' : undefined}>
                  {say('alarm.acknowledge')}
                  {keys && <kbd aria-label={say('alarm.key', { key: 'A' })}>A</kbd>}
                </button>
              )}
              <button className="alarm-act" onClick={() => open(lead.id)} aria-keyshortcuts={keys ? 'O' : undefined}>
                {say('alarm.open')}
                {keys && <kbd aria-label={say('alarm.key', { key: 'O' })}>O</kbd>}
              </button>
            </div>
          )}
          <div className="alarm-rows" data-part="rest">
            {rest.slice(0, shown).map(row)}
          </div>
        </>
      ) : (
        !stale && (
          <span className="alarm-quiet" data-refused={list.refused || undefined}>
            {list.refused ? <strong className="alarm-unwatched">{say('alarm.refused')}</strong> : say(!list.known ? 'alarm.unknown' : list.technical.length > 0 ? 'alarm.none.patient' : 'alarm.none')}
          </span>
        )
      )}
      <span className="unseen" role="alert">
        {target && linked ? say('alarm.new', { what: `${say('alarm.bed', { label: bedOf(target) })}, ${target.text || target.title}` }) : ''}
      </span>
      <div className="alarm-side">
        {list.all.length > 1 && <Link href="/alarms">{say('alarm.count.open', { count: list.all.length })}</Link>}
        {list.technical.length > 0 && (
          <Link href="/alarms?kind=technical" className="technical">
            <IconTool size={15} stroke={2} aria-hidden="true" /> {mark(list.technical[0] as Alarm)} {say('alarm.count.technical', { count: list.technical.length })}
          </Link>
        )}
        {unwatched > 0 && (
          <Link href="/?view=worst" className="technical">
            <IconEyeOff size={15} stroke={2} aria-hidden="true" /> {say('alarm.unwatched', { count: unwatched })}
          </Link>
        )}
        {side}
      </div>
    </section>
  )
}

function Row({ alarm, place, lead, zone, now, hidden, open }: { alarm: Alarm; place: Place | undefined; lead: boolean; zone: string; now: number; hidden: boolean; open: (id: string) => void }) {
  const say = useSay()
  const odd = conditionText(alarm, zone, now, say)
  return (
    <button className="alarm-row" data-lead={lead || undefined} data-tone={tone(alarm)} onClick={() => open(alarm.id)}>
      <AlarmText alarm={alarm} />
      <span className="alarm-bed">
        {(place || alarm.bed) && <span className="unseen">{say('alarm.bed', { label: '' })}</span>}
        {place?.bed.label ?? (alarm.bed || say('alarm.site'))}
      </span>
      {place?.patient && <span className="alarm-name">{fullName(place.patient, hidden)}</span>}
      {lead && (
        <span className="alarm-since">
          {say('alarm.since', { time: moment(alarm.since, zone, say.language, now) })} ({say.age(now - alarm.since)})
        </span>
      )}
      {lead && odd && <span className="alarm-since">{odd}</span>}
      {lead && <span className="alarm-owner">{ownerText(alarm, say)}</span>}
      <SoundState alarm={alarm} zone={zone} now={now} words={lead} />
    </button>
  )
}
