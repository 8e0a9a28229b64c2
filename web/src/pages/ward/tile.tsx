import IconAlertTriangle from '@tabler/icons-react/dist/esm/icons/IconAlertTriangle.mjs'
import IconEyeOff from '@tabler/icons-react/dist/esm/icons/IconEyeOff.mjs'
import IconPlayerPause from '@tabler/icons-react/dist/esm/icons/IconPlayerPause.mjs'
import { memo } from 'react'
import { Link } from 'wouter'
import type { Alarm, Bed, Value, Watched } from '../../api/types'
import { freshness } from '../../live/fresh'
import { useBed, useNow } from '../../live/store'
import { ageAndSex, fullName } from '../../parts/person'
import { useUnits, unitText } from '../../units/units'
import { useSay, type Say } from '../../words'
import { BigNumber, SmallNumber } from './number'
import { lastHeard, watchedText } from './watched'
import { worstAlarm } from './worst'

const marks: Record<Alarm['priority'], string> = { high: '***', medium: '**', low: '*', technical: '!' }

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
  const { values, watched, heard } = useBed(bed.id)
  const now = useNow()
  const p = bed.patient
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
  const alarm = worstAlarm(bed.alarms)
  const limit = (metric: string) => (bed.limits ?? []).find((l) => l.metric === metric)
  const alarmOf = (metric: string) => (bed.alarms ?? []).find((a) => a.metric === metric)?.priority
  const kind = state?.state === 'unplanned' ? 'not-watched' : (state?.state ?? 'not-watched')
  const words = watchedText(state, zone, now, say, bed.devices?.length ?? 0, heard)
  const last = lastHeard(state, heard)
  const quietFor = last ? now - last : 0
  const heart = values['heart-rate'] ? 'heart-rate' : values['pulse-rate'] ? 'pulse-rate' : 'heart-rate'
  const foot = footNumbers(values, state, now, linked, say, units, size)
  const watchedMark = (
    <span className="tile-watched" data-quiet={quietFor > 5000 || !linked || undefined} title={words}>
      {!linked ? say('bed.notLive', { age: say.age(quietFor) }) : size === 's' && last ? say('bed.last', { age: say.age(quietFor) }) : words}
    </span>
  )
  return (
    <Link href={`/patient/${encodeURIComponent(p.id)}`} className="tile" data-state={kind} data-alarm={alarm?.priority} data-bed={bed.id} tabIndex={focus ? 0 : -1}>
      <div className="tile-head">
        <span className="tile-bed">{bed.label}</span>
        <span className="tile-name">{fullName(p, hidden)}</span>
        <span className="tile-who">{ageAndSex(p, say)}</span>
        {alarm ? (
          <span className="tile-alarm" data-priority={alarm.priority}>
            <IconAlertTriangle size={13} stroke={2} aria-hidden="true" /> {marks[alarm.priority]} {alarm.text}
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
        <BigNumber metric={heart} value={values[heart]} streams={state?.streams} limit={limit(heart)} now={now} linked={linked} unit="/min" alarm={alarmOf(heart)} />
        <BigNumber metric="spo2" value={values.spo2} streams={state?.streams} limit={limit('spo2')} now={now} linked={linked} unit="%" alarm={alarmOf('spo2')} />
      </div>
      <div className="tile-foot">
        {foot.map((f) => (
          <SmallNumber key={f.label} {...f} />
        ))}
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
  const list: { metric: string; label: string; text: string; unit: string; fresh: string; age: string }[] = []
  const put = (metric: string, label: string, v: Value | undefined, second?: Value) => {
    if (!v) return
    const fresh = freshness(v, state?.streams, now, linked)
    const shown = units.show(metric, v.value, v.unit)
    const other = second && Math.abs(second.at - v.at) < 60_000 ? units.show(metric, second.value, second.unit).text : ''
    const text = say.digits(other ? `${shown.text}/${other}` : shown.text)
    const age = fresh === 'live' ? '' : say.age(now - v.at)
    list.push({ metric, label, text, unit: shown.unit || unitText(v.unit), fresh, age })
  }
  put('resp-rate', say('short.resp-rate'), values['resp-rate'])
  if (values['abp-systolic']) put('bp-systolic', say('short.abp'), values['abp-systolic'], values['abp-diastolic'])
  else put('bp-systolic', say('short.bp'), values['bp-systolic'], values['bp-diastolic'])
  put('temperature', say('short.temperature'), values['temperature'])
  if (size !== 's') put('glucose', say('short.glucose'), values.glucose)
  return list
}
