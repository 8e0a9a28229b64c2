import IconArrowDown from '@tabler/icons-react/dist/esm/icons/IconArrowDown.mjs'
import IconArrowUp from '@tabler/icons-react/dist/esm/icons/IconArrowUp.mjs'
import IconEyeOff from '@tabler/icons-react/dist/esm/icons/IconEyeOff.mjs'
import IconPlayerPause from '@tabler/icons-react/dist/esm/icons/IconPlayerPause.mjs'
import IconUserCheck from '@tabler/icons-react/dist/esm/icons/IconUserCheck.mjs'
import { memo } from 'react'
import { Link } from 'wouter'
import type { Bed, Value, Watched } from '../../api/types'
import { useBedAlarms } from '../../live/alarms'
import { freshness } from '../../live/fresh'
import { brief, patientFirst, tone, unseen } from '../../live/order'
import { useBed, useNow } from '../../live/store'
import { AlarmText, SoundState } from '../../parts/alarm-sign'
import { ownerText } from '../../parts/alarm-words'
import { ageAndSex, fullName } from '../../parts/person'
import { useUnits, unitText } from '../../units/units'
import { useSay, type Say } from '../../words'
import { BigNumber, limitText, SmallNumber } from './number'
import { lastHeard, watchedText } from './watched'

interface Props {
  bed: Bed
  zone: string
  linked: boolean
  hidden: boolean
  focus: boolean
  size: string
}

export const Tile = memo(function Tile({ bed, zone, linked, hidden, focus, size }: Props) {
  const say = useSay()
  const units = useUnits()
  const { values, watched, heard, before } = useBed(bed.id)
  const now = useNow()
  const p = bed.patient
  const open = useBedAlarms(bed.id, p?.id, bed.alarms)
  if (!p) {
    return (
      <Link href={`/patients?admit=${encodeURIComponent(bed.id)}`} className="tile" data-state="empty" data-bed={bed.id} tabIndex={focus ? 0 : -1}>
        <div className="tile-head">
          <span className="unseen">{say('bed.admit')}</span>
          <span className="tile-bed">{bed.label}</span>
          <span className="quiet">{say('bed.empty')}</span>
        </div>
      </Link>
    )
  }
  const state = watched ?? bed.watched
  const alarms = [...open].sort(patientFirst)
  const alarm = alarms[0]
  const limit = (metric: string) => (bed.limits ?? []).find((l) => l.metric === metric)
  const alarmOf = (...metrics: string[]) => alarms.find((a) => !a.technical && metrics.includes(a.metric ?? ''))
  // What has been silenced or switched off stays in sight, whichever alarm is on top.
  const silenced = alarms.filter((a) => a.sound !== 'on' && a !== alarm && (a.sound === 'paused' || a.sound === 'off' || a.sound === 'snoozed')).slice(0, 2)
  const kind = state?.state === 'unplanned' ? 'not-watched' : (state?.state ?? 'not-watched')
  const words = watchedText(state, zone, now, say, bed.devices?.length ?? 0, heard)
  const last = lastHeard(state, heard)
  const quietFor = last ? now - last : 0
  const heart = values['heart-rate'] ? 'heart-rate' : values['pulse-rate'] ? 'pulse-rate' : 'heart-rate'
  const foot = footNumbers(values, state, now, linked, say, units, size)
  const score = values.news2 ? <Score value={values.news2} before={before.news2} now={now} linked={linked} /> : null
  const watchedMark = (
    <span className="tile-watched" data-quiet={quietFor > 5000 || !linked || undefined} title={words}>
      {!linked ? say('bed.notLive', { age: say.age(quietFor) }) : (size === 's' || (alarm && size === 'm')) && last ? say('bed.last', { age: say.age(quietFor) }) : words}
    </span>
  )
  return (
    <Link href={`/patient/${encodeURIComponent(p.id)}`} className="tile" data-state={kind} data-alarm={alarm && tone(alarm)} data-seen={alarm && !unseen(alarm) ? true : undefined} data-bed={bed.id} tabIndex={focus ? 0 : -1}>
      <div className="tile-head">
        <span className="tile-bed">{bed.label}</span>
        <span className="tile-name">{fullName(p, hidden)}</span>
        <span className="tile-who">{ageAndSex(p, say)}</span>
        {(size === 'xl' || (size === 'l' && !alarm)) && score}
        {alarm ? (
          <span className="tile-alarm">
            {silenced.map((a) => (
              <SoundState key={a.id} alarm={a} zone={zone} now={now} words={false} />
            ))}
            <SoundState alarm={alarm} zone={zone} now={now} words={size === 'xl'} />
            <AlarmText alarm={alarm} text={brief(alarm.text || alarm.title)} still={!linked} />
            {alarms.length > 1 && (
              <span className="tile-more" title={say('alarm.count.more', { count: alarms.length - 1 })}>
                {say('alarm.count.plus', { count: alarms.length - 1 })}
              </span>
            )}
          </span>
        ) : (
          size !== 's' && (p.flags ?? []).length > 0 && <span className="tile-flags">{(p.flags ?? []).join(', ')}</span>
        )}
        {!alarm && kind === 'watched' && watchedMark}
      </div>
      <div className="tile-lanes">
        <div className="lane" data-lane={`${bed.id} ecg`} />
        <div className="lane" data-lane={`${bed.id} pleth`} />
        {(kind === 'not-watched' || kind === 'standby') && (
          <div className="tile-silence" data-state={kind}>
            {kind === 'standby' ? <IconPlayerPause size={16} stroke={1.8} aria-hidden="true" /> : <IconEyeOff size={16} stroke={1.8} aria-hidden="true" />}
            <span>{words}</span>
          </div>
        )}
      </div>
      <div className="tile-numbers">
        <BigNumber metric={heart} value={values[heart]} streams={state?.streams} limit={limit(heart)} now={now} linked={linked} unit="/min" alarm={alarmOf('heart-rate', 'pulse-rate')} />
        <BigNumber metric="spo2" value={values.spo2} streams={state?.streams} limit={limit('spo2')} now={now} linked={linked} unit="%" alarm={alarmOf('spo2')} />
      </div>
      <div className="tile-foot">
        <div className="tile-foot-list">
        {alarm && !alarm.technical && (alarm.owner || unseen(alarm)) && (
          <span className="tile-owner" data-nobody={!alarm.owner || undefined}>
            <IconUserCheck size={13} stroke={2} aria-hidden="true" /> {ownerText(alarm, say)}
          </span>
        )}
        {size !== 'xl' && !(size === 'l' && !alarm) && score}
        {foot.map((f) => (
          <SmallNumber key={f.label} {...f} limits={size === 'xl' || size === 'list' ? limitText(limit(f.metric), f.show) : ''} alarm={f.metric === 'bp-systolic' ? alarmOf('bp-systolic', 'bp-diastolic', 'bp-mean', 'abp-systolic', 'abp-diastolic', 'abp-mean') : alarmOf(f.metric)} />
        ))}
        </div>
        {alarm && kind === 'watched' && watchedMark}
      </div>
      {kind === 'partly' && (
        <div className="tile-note" title={words}>
          <IconEyeOff size={13} stroke={1.8} aria-hidden="true" /> <span>{words}</span>
        </div>
      )}
    </Link>
  )
})

function footNumbers(values: Record<string, Value>, state: Watched | null, now: number, linked: boolean, say: Say, units: ReturnType<typeof useUnits>, size: string) {
  const list: { metric: string; label: string; text: string; unit: string; fresh: string; age: string; show: (x: string) => string }[] = []
  const put = (metric: string, label: string, v: Value | undefined, second?: Value) => {
    if (!v) return
    const fresh = freshness(v, state?.streams, now, linked)
    const shown = units.show(metric, v.value, v.unit)
    const other = second && Math.abs(second.at - v.at) < 60_000 ? units.show(metric, second.value, second.unit).text : ''
    const text = say.digits(other ? `${shown.text}/${other}` : shown.text)
    const age = fresh === 'live' ? '' : say.age(now - v.at)
    list.push({ metric, label, text, unit: shown.unit || unitText(v.unit), fresh, age, show: (x) => say.digits(units.show(metric, x, v.unit).text) })
  }
  put('resp-rate', say('short.resp-rate'), values['resp-rate'])
  if (values['abp-systolic']) put('bp-systolic', say('short.abp'), values['abp-systolic'], values['abp-diastolic'])
  else put('bp-systolic', say('short.bp'), values['bp-systolic'], values['bp-diastolic'])
  put('temperature', say('short.temperature'), values['temperature'])
  if (size !== 's') put('glucose', say('short.glucose'), values.glucose)
  return list
}

/** "NEWS2 7", where it comes from and how old it is; grey when nothing that it rests on can be live. */
function Score({ value, before, now, linked }: { value: Value; before: Value | undefined; now: number; linked: boolean }) {
  const say = useSay()
  const way = before ? Math.sign(Number(value.value) - Number(before.value)) : 0
  const old = now - value.at > 12 * 3600_000 // NEWS2 is taken at least every twelve hours: RCP 2017
  return (
    <span className="tile-score" data-fresh={linked && !old ? 'live' : 'stale'}>
      <span className="small-label">NEWS2</span> <b>{value.value}</b>
      {way !== 0 && (
        <span title={say('score.before', { value: before?.value ?? '' })}>
          {way > 0 ? <IconArrowUp size={13} stroke={2.4} aria-hidden="true" /> : <IconArrowDown size={13} stroke={2.4} aria-hidden="true" />}
          <span className="unseen">{say('score.before', { value: before?.value ?? '' })}</span>
        </span>
      )}{' '}
      <span className="small-age">{say.age(now - value.at)}</span>
    </span>
  )
}
