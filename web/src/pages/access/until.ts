import type { When } from '../../api/access'
import { instant } from '../../live/store'
import { day } from '../../time/zone'

/** How long something that is said here holds. */
export const spans = ['none', 'day', 'week', 'month', 'year'] as const
export type Span = (typeof spans)[number]

const days: Record<Span, number> = { none: 0, day: 1, week: 7, month: 30, year: 365 }

export const untilOf = (span: Span, now: number): string | undefined => (span === 'none' ? undefined : new Date(now + days[span] * day).toISOString())

/** Milliseconds since 1970, 0 where there is none. */
export const at = (when: When | undefined): number => (when === null || when === undefined || when === '' || when === 0 ? 0 : instant(when) || 0)
