import type { Alarm } from '../../api/types'

const order: Alarm['priority'][] = ['high', 'medium', 'technical', 'low']

/** The alarm of a bed that comes first. */
export const worstAlarm = (alarms: Alarm[] | null): Alarm | undefined => [...(alarms ?? [])].sort((a, b) => order.indexOf(a.priority) - order.indexOf(b.priority))[0]
