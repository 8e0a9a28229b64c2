import { post } from '../api/client'

/** Whoever opens the link of a message has seen it, signed in or not. The link works once, so it leaves the address at once. */
export function tellSeen(place: Pick<Location, 'pathname' | 'search' | 'hash'>, history: Pick<History, 'replaceState'>) {
  const token = /^#seen=(.+)$/.exec(place.hash)?.[1]
  if (!token || !/^\/alarms\/[^/]+$/.test(place.pathname)) return
  history.replaceState(null, '', place.pathname + place.search)
  post('/deliveries/seen', { token: decodeURIComponent(token) }).catch(() => {
    // It was opened before, or is too old: the alarm is shown all the same.
  })
}
