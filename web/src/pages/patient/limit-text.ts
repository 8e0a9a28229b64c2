import type { EffectiveLimit } from '../../api/alarm'
import type { Units } from '../../units/units'
import type { Say } from '../../words'

/** "88-92" in the unit that this person sees; "--" where no side is set. */
export const side = (l: { low: EffectiveLimit['low']; high: EffectiveLimit['high'] }, metric: string, unit: string, units: Units, say: Say): string => {
  const one = (x: EffectiveLimit['low']) => (x === null || x === undefined || x === '' ? '' : say.digits(units.show(metric, String(x), unit).text))
  const low = one(l.low)
  const high = one(l.high)
  return low === '' && high === '' ? '--' : `${low}\u2013${high}`
}
