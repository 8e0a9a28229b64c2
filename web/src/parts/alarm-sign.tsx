import IconAlertTriangle from '@tabler/icons-react/dist/esm/icons/IconAlertTriangle.mjs'
import IconBellCheck from '@tabler/icons-react/dist/esm/icons/IconBellCheck.mjs'
import IconBellOff from '@tabler/icons-react/dist/esm/icons/IconBellOff.mjs'
import IconBellPause from '@tabler/icons-react/dist/esm/icons/IconBellPause.mjs'
import IconBellRinging from '@tabler/icons-react/dist/esm/icons/IconBellRinging.mjs'
import IconBellZ from '@tabler/icons-react/dist/esm/icons/IconBellZ.mjs'
import IconTool from '@tabler/icons-react/dist/esm/icons/IconTool.mjs'
import type { Alarm, Sound } from '../api/alarm'
import { mark, tone, unseen } from '../live/order'
import { useSay } from '../words'
import { priorityText, soundText } from './alarm-words'

const icons = { on: IconBellRinging, paused: IconBellPause, acknowledged: IconBellCheck, snoozed: IconBellZ, off: IconBellOff } satisfies Record<Sound, unknown>

/** Whether an alarm sounds, and why not: a picture with words beside it, or in its title where there is no room. */
export function SoundState({ alarm, zone, now, long = false, words = true, size = 15 }: { alarm: Alarm; zone: string; now: number; long?: boolean; words?: boolean; size?: number }) {
  const say = useSay()
  const Icon = icons[alarm.sound]
  const text = soundText(alarm, zone, now, say, long)
  const brief = alarm.sound === 'paused' && !words ? text.replace(/^\D+/, '') : ''
  return (
    <span className="sound-state" data-sound={alarm.sound} title={words ? undefined : text}>
      <Icon size={size} stroke={2} aria-hidden="true" />
      {words ? <span>{text}</span> : <span className="unseen">{text}</span>}
      {brief && <span aria-hidden="true">{brief}</span>}
    </span>
  )
}

/** The mark and message of an alarm on its colour. It flashes while nobody has seen it. */
export function AlarmText({ alarm, text = alarm.text || alarm.title, still = false }: { alarm: Alarm; text?: string; still?: boolean }) {
  const say = useSay()
  const Icon = alarm.technical ? IconTool : IconAlertTriangle
  const flash = !still && unseen(alarm)
  return (
    <span className="alarm-text" data-tone={tone(alarm)} data-priority={alarm.priority} data-flash={flash || undefined} key={`${alarm.id} ${flash}`}>
      <Icon size={14} stroke={2} aria-hidden="true" />
      <span className="unseen">{priorityText(alarm, say)}: </span>
      <b aria-hidden="true">{mark(alarm)}</b>
      <span>{text}</span>
    </span>
  )
}
