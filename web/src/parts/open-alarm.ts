import { useCallback } from 'react'
import { useLocation, useSearch } from 'wouter'

/** The alarm that is open on this page lives in its address, so that a link shows the same again. */
export function useOpenAlarm(): [string, (id: string | null) => void] {
  const [path, go] = useLocation()
  const search = useSearch()
  const set = useCallback(
    (id: string | null) => {
      const params = new URLSearchParams(search)
      if (id === null) params.delete('alarm')
      else params.set('alarm', id)
      const text = params.toString()
      go(path + (text ? '?' + text : ''), { replace: id === null })
    },
    [path, go, search],
  )
  return [new URLSearchParams(search).get('alarm') ?? '', set]
}
