import IconClockOff from '@tabler/icons-react/dist/esm/icons/IconClockOff.mjs'
import type { Alarm } from '../../api/alarm'
import type { Limit, StreamState, Value } from '../../api/types'
import { freshness } from '../../live/fresh'
import { mark, tone } from '../../live/order'
import { useUnits } from '../../units/units'
import { useSay } from '../../words'

/** "50-120", or "92-" where only one side is set; in the unit in which the number is shown. */
export function limitText(limit: Limit | undefined, show: (value: string) => string = (x) => x): string {
  if (!limit) return ''
  const side = (x: Limit['low']) => (x === null || x === undefined || x === '' ? '' : show(String(x)))
  const text = `${side(limit.low)}\u2013${side(limit.high)}`
  return text === '\u2013' ? '' : text
}

/** A big number with its unit, its limits and its age. Missing is "--", never zero and never a guess. */
export function BigNumber(props: { metric: string; value: Value | undefined; streams: StreamState[] | null | undefined; limit: Limit | undefined; now: number; linked: boolean; unit: string; alarm?: Alarm | undefined }) {
  const { metric, value, streams, limit, now, linked, unit, alarm } = props
  const say = useSay()
  const units = useUnits()
  const fresh = value ? freshness(value, streams, now, linked) : 'none'
  const shown = value ? units.show(metric, value.value, value.unit) : null
  const age = value ? say.age(now - value.at) : ''
  const remarks = (value?.quality ?? []).filter((q) => q !== 'demo' && q !== 'manual')
  return (
    <div className="number" data-metric={metric} data-fresh={fresh} data-alarm={alarm && tone(alarm)}>
      <div className="number-head">
        <span className="number-label">
          {say.maybe('short.' + metric, metric)}
          {alarm && <b className="number-mark"> {mark(alarm)}</b>}
        </span>
        <span className="number-limits">{limitText(limit, (x) => (value ? say.digits(units.show(metric, x, value.unit).text) : x))}</span>
      </div>
      <div className="number-body">
        <span className="number-value">{shown ? say.digits(shown.text) : '--'}</span>
        <span className="number-unit">{shown?.unit ?? unit}</span>
      </div>
      {fresh === 'stale' && (
        <div className="number-age" title={say('bed.stale', { age })}>
          <IconClockOff size={12} stroke={2} aria-hidden="true" /> {say('age.old', { age })}
        </div>
      )}
      {fresh !== 'stale' && remarks.length > 0 && <div className="number-age">{remarks.map((q) => say.maybe('quality.' + q, q)).join(', ')}</div>}
    </div>
  )
}

/** A small number in the foot of a tile, with its age when it is not a live stream. */
export function SmallNumber({ metric, label, text, unit, fresh, age, limits, alarm }: { metric: string; label: string; text: string; unit: string; fresh: string; age: string; limits?: string; alarm?: Alarm | undefined }) {
  return (
    <span className="small-number" data-metric={metric} data-fresh={fresh} data-alarm={alarm && tone(alarm)}>
      {alarm && <b className="number-mark">{mark(alarm)} </b>}
      <span className="small-label">{label}</span> <b>{text}</b> <span className="small-unit">{unit}</span>
      {limits && <span className="small-limits"> {limits}</span>}
      {age && <span className="small-age"> {age}</span>}
    </span>
  )
}
