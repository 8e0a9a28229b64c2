// In which order alarms are named, everywhere: the highest first, among equals those that nobody has seen, then the
// oldest. Alarms about the watching itself are kept apart from alarms about the patient.

import type { Alarm, Priority } from '../api/alarm'

const rank: Record<Priority, number> = { high: 0, medium: 1, low: 2 }

/** Nobody has seen it: it sounds, or would if its sound were not paused. */
export const unseen = (a: Alarm) => !a.acknowledged && a.sound !== 'acknowledged' && a.sound !== 'snoozed' && a.sound !== 'off'

export const first = (a: Alarm, b: Alarm) => rank[a.priority] - rank[b.priority] || Number(!unseen(a)) - Number(!unseen(b)) || a.raised - b.raised || (a.id < b.id ? -1 : 1)

/** The same, with the alarms about the patient before those about the watching. */
export const patientFirst = (a: Alarm, b: Alarm) => Number(a.technical ?? false) - Number(b.technical ?? false) || first(a, b)

/** What colour and edge an alarm has; technical ones have their own. */
export const tone = (a: Pick<Alarm, 'priority' | 'technical'>): Priority | 'technical' => (a.technical ? 'technical' : a.priority)

/** The marks that stand beside a colour, as monitors print them: *** ** * for the patient, !!! !! ! for the watching. */
export const mark = (a: Pick<Alarm, 'priority' | 'technical'>) => (a.technical ? '!' : '*').repeat(3 - rank[a.priority])

/** How much a bed needs somebody, 0 most, for the worst-first view. Beds that nobody watches stand at 3.5 (pages/ward/order.ts). */
export function bedRank(alarms: Alarm[]): number {
  const base = (a: Alarm) => ({ high: a.technical ? 4 : 0, medium: a.technical ? 8 : 2, low: a.technical ? 10 : 6 })[a.priority] + Number(!unseen(a))
  return Math.min(20, ...alarms.map(base))
}

const unit = '(?:/min|/h|%|mmHg|kPa|cmH\u2082O|\u00b0C|\u00b0F|mg/dL(?:/min)?|mmol/L|kg|lb|s|min|h)'
const comparison = new RegExp(`^(\\S.*?)\\s+([-\\u2212]?\\d[\\d.,]*)(?:\\s+${unit})?\\s*([<>]=?|[\\u2264\\u2265])\\s*([-\\u2212]?\\d[\\d.,]*)(?:\\s+${unit}(?=\\s|$))?(\\s.+)?$`)
const signs: Record<string, string> = { '>=': '\u2265', '<=': '\u2264' }

/** "HR 134>120", as short as a tile needs it: units stand beside the number already. */
export function brief(text: string): string {
  const m = comparison.exec(text.trim())
  return m ? `${m[1]} ${m[2]}${signs[m[3] ?? ''] ?? m[3]}${m[4]}${m[5] ?? ''}` : text
}
