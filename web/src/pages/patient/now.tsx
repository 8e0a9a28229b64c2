import IconClockOff from '@tabler/icons-react/dist/esm/icons/IconClockOff.mjs'
import { useLimits } from '../../api/alarm-calls'
import { useSeries } from '../../api/queries'
import type { Patient, Series } from '../../api/types'
import { freshness } from '../../live/fresh'
import { useBedAlarms } from '../../live/alarms'
import { mark, patientFirst, tone } from '../../live/order'
import { scored, useBed, useLink, useNow } from '../../live/store'
import { hour } from '../../time/zone'
import { useMetricName } from '../../parts/metric-name'
import { useUnits } from '../../units/units'
import { useSay } from '../../words'
import { side } from './limit-text'
import { trendMetrics } from './panels'

const order = ['heart-rate', 'pulse-rate', 'spo2', 'resp-rate', 'bp', 'abp', 'temperature', 'glucose', 'glucose-sensor', 'etco2']
const signals: Record<string, string> = { 'heart-rate': '--ecg', 'pulse-rate': '--ecg', spo2: '--spo2', 'resp-rate': '--resp' }

/** The newest number of everything, with its unit, its age and the last hour as a line. */
export function Now({ patient }: { patient: Patient }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const now = useNow()
  const linked = useLink().state === 'open'
  const { values, watched } = useBed(patient.id)
  const end = Math.ceil(now / 60_000) * 60_000
  const series = useSeries(patient.id, trendMetrics, end - hour, end, 60).data?.series ?? []
  const limits = useLimits(patient.id).data ?? []
  const alarms = [...useBedAlarms(patient.bed ?? '', patient.id, null)].filter((a) => !a.technical).sort(patientFirst)
  const streams = (watched ?? patient.watched)?.streams
  const pairs: Record<string, [string, string]> = { bp: ['bp-systolic', 'bp-diastolic'], abp: ['abp-systolic', 'abp-diastolic'] }
  const paired = new Set(['bp-systolic', 'bp-diastolic', 'bp-mean', 'abp-systolic', 'abp-diastolic', 'abp-mean'])
  const known = order.filter((m) => (pairs[m] ? values[pairs[m][0]] : values[m]))
  const rest = Object.keys(values)
    .filter((m) => !order.includes(m) && !paired.has(m) && !scored.has(m))
    .sort()
  if (known.length + rest.length === 0) return <p className="second">{say('patient.now.none')}</p>
  return (
    <ul className="now">
      {[...known, ...rest].map((key) => {
        const pair = pairs[key]
        const v = values[pair ? pair[0] : key]
        if (!v) return null
        const second = pair ? values[pair[1]] : undefined
        const fresh = freshness(v, streams, now, linked)
        const shown = units.show(v.metric, v.value, v.unit)
        const text = v.code ? say.maybe('round.' + v.code, v.code) : say.digits(shown.text) + (second ? '/' + say.digits(units.show(second.metric, second.value, second.unit).text) : '')
        const line = series.find((s) => s.metric === v.metric)
        const limit = limits.find((l) => l.metric === v.metric)
        const alarm = alarms.find((a) => a.metric === v.metric || (second && a.metric === second.metric))
        const remarks = (v.quality ?? []).filter((q) => q !== 'demo')
        return (
          <li key={key} data-fresh={fresh} data-alarm={alarm && tone(alarm)} style={signals[key] ? { color: `var(${signals[key]})` } : undefined} className={signals[key] ? 'now-big' : ''}>
            <span className="now-label">
              {alarm && <b>{mark(alarm)} </b>}
              {name(key)}{' '}
              {limit && side(limit, limit.metric, limit.unit, units, say) !== '--' && <span className="now-limits">{say('limits.beside', { range: side(limit, limit.metric, limit.unit, units, say) })}{limit.own ? ` ${say('limits.beside.own')}` : ''}</span>}
            </span>
            <span className="now-value">
              {text} <small>{v.code ? '' : shown.unit}</small>
            </span>
            {line && !pair ? <Spark series={line} from={end - hour} to={end} /> : <span />}
            <span className="now-age">
              {fresh === 'stale' && <IconClockOff size={12} aria-hidden="true" />} {fresh === 'live' ? '' : say('age.ago', { age: say.age(now - v.at) })}
              {remarks.length > 0 && ` ${remarks.map((q) => say.maybe('quality.' + q, q)).join(', ')}`}
              {(v.others ?? []).map((o) => ` ${o.device}: ${o.value}`).join(',')}
            </span>
          </li>
        )
      })}
    </ul>
  )
}

/** A line of the last hour; holes stay holes. */
function Spark({ series, from, to }: { series: Series; from: number; to: number }) {
  const points = series.points ?? []
  let low = Infinity
  let high = -Infinity
  for (const p of points) if (p) (low = Math.min(low, p[1])), (high = Math.max(high, p[1]))
  if (!Number.isFinite(low)) return <span />
  const middle = (low + high) / 2
  const span = Math.max(high - low, middle * 0.15, 1)
  let path = ''
  let down = false
  for (const p of points) {
    if (!p) {
      down = false
      continue
    }
    const x = ((p[0] - from) / (to - from)) * 96
    const y = 14 - ((p[1] - middle) / span) * 24
    path += `${down ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`
    down = true
  }
  return (
    <svg className="spark" viewBox="0 0 96 28" width="96" height="28" aria-hidden="true">
      <path d={path} fill="none" stroke="currentColor" strokeWidth="1.2" />
    </svg>
  )
}
