import type { Watched } from '../../api/types'
import { instant } from '../../live/store'
import { moment } from '../../time/zone'
import type { Say } from '../../words'

/** The server says when a state changes; between two such words the values themselves say that data flow. */
export const lastHeard = (w: Watched | null, heard: number) => Math.max(heard, w?.last ? instant(w.last) : 0)

/** The state of watching in words, with since when and why. */
export function watchedText(w: Watched | null, zone: string, now: number, say: Say, devices: number, heard = 0): string {
  if (!w) return say('bed.waiting')
  const time = w.since ? moment(instant(w.since), zone, say.language, now) : ''
  const cause = w.cause || (devices === 0 ? say('bed.noDevice') : say('bed.noCause'))
  switch (w.state) {
    case 'watched':
      return lastHeard(w, heard) ? say('bed.watched', { age: say.age(now - lastHeard(w, heard)) }) : say('bed.waiting')
    case 'partly':
      return say('bed.partly', { time, cause })
    case 'not-watched':
      return time ? say('bed.not', { time, cause }) : say('bed.not.never', { cause })
    case 'standby':
      return say('bed.standby', { time, cause })
    case 'unplanned':
      return say('bed.not.never', { cause: say('bed.unplanned') })
    case 'empty':
      return say('bed.empty')
  }
}
