// The period that a patient's page shows lives in its address, so that a link shows the same again.
// ?h=4 is the last four hours, moving on; ?h=4&to=2026-11-22T08:00:00Z stands still.

import { useMemo } from 'react'
import { useLocation, useSearch } from 'wouter'
import { useNow } from '../../live/store'
import { hour } from '../../time/zone'

export const spans = [1, 4, 8, 24, 72]

export interface Range {
  hours: number
  from: number
  to: number
  live: boolean
}

export function readRange(search: string, now: number): Range {
  const params = new URLSearchParams(search)
  const asked = Number(params.get('h'))
  const hours = spans.includes(asked) ? asked : 4
  const fixed = Date.parse(params.get('to') ?? '')
  const step = Math.max(10_000, (hours * hour) / 720) // the moving end goes in steps, so that answers can be kept
  const to = Number.isNaN(fixed) ? Math.ceil(now / step) * step : fixed
  return { hours, from: to - hours * hour, to, live: Number.isNaN(fixed) }
}

export function useAddress() {
  const [path, go] = useLocation()
  const search = useSearch()
  const now = useNow()
  const range = readRange(search, now)
  return useMemo(
    () => ({
      search: new URLSearchParams(search),
      range: { ...range },
      set(change: Record<string, string | null>) {
        const params = new URLSearchParams(search)
        for (const [k, v] of Object.entries(change)) {
          if (v === null) params.delete(k)
          else params.set(k, v)
        }
        const text = params.toString()
        go(path + (text ? '?' + text : ''), { replace: true })
      },
    }),
    // The range is new only when its ends are.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [search, path, go, range.from, range.to, range.live],
  )
}
