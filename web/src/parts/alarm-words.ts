import type { Alarm } from '../api/alarm'
import { Refusal } from '../api/client'
import { countdown } from '../time/countdown'
import { clock, moment } from '../time/zone'
import type { Say } from '../words'
import { refusalText } from './states'

/** What keeps an alarm from sounding, or that nothing does. */
export function soundText(a: Alarm, zone: string, now: number, say: Say, long = false): string {
  const until = a.soundUntil ? moment(a.soundUntil, zone, say.language, now) : ''
  const left = countdown((a.soundUntil ?? 0) - now)
  const who = a.silenced?.name || a.silenced?.by || ''
  switch (a.sound) {
    case 'on':
      return say('alarm.sound.on')
    case 'paused':
      return long && who ? say('alarm.sound.paused.long', { name: who, time: left }) : say('alarm.sound.paused', { time: left })
    case 'acknowledged': {
      const by = a.acknowledged
      return long && by ? say('alarm.sound.acknowledged.long', { name: by.name || by.by, time: clock(by.at, zone) }) : say('alarm.sound.acknowledged')
    }
    case 'snoozed':
      return long && who ? say('alarm.sound.snoozed.long', { name: who, time: until }) : say('alarm.sound.snoozed')
    case 'off':
      return long && who ? say('alarm.sound.off.long', { name: who, time: until, why: a.silenced?.why ?? '' }) : say('alarm.sound.off', { time: until })
  }
}

/** Who takes care of it, or that nobody does. */
export function ownerText(a: Alarm, say: Say): string {
  if (a.owner) return say(a.owner.accepted ? 'alarm.has' : 'alarm.offered', { name: a.owner.name || a.owner.by })
  if (a.acknowledged) return say('alarm.seenBy', { name: a.acknowledged.name || a.acknowledged.by })
  return say('alarm.nobody')
}

/** What is odd about it now: its condition is over, or nobody can tell because data is missing. */
export function conditionText(a: Alarm, zone: string, now: number, say: Say): string {
  if (a.condition === 'unknown') return say('alarm.lost', { time: moment(a.unknown || a.changed, zone, say.language, now) })
  if (a.condition === 'ended') return say('alarm.ended', { time: moment(a.ended || a.changed, zone, say.language, now) })
  return ''
}

export const priorityText = (a: Pick<Alarm, 'priority' | 'technical'>, say: Say) => (a.technical ? say(`alarm.technical.${a.priority}`) : say(`alarm.${a.priority}`))

/** Why the server did not do it, in words. */
export function notDone(problem: unknown, say: Say): string {
  if (problem instanceof Refusal) {
    if (problem.kind === 'conflict' || problem.kind === 'gone') return say('alarm.over')
    if (problem.kind === 'precondition') return say('alarm.notDone', { why: problem.message })
  }
  return refusalText(problem, say)
}
