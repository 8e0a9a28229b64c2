// What this person wants to see. The server keeps it with the person; the theme and language are also kept in the
// browser so that the first picture is right before anybody is signed in.

import { useMantineColorScheme } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect } from 'react'
import { put } from './api/client'
import { useMe } from './api/queries'
import type { Me, Preferences } from './api/types'
import { known, speak, useSay } from './words'

const read = (key: string) => {
  try {
    return localStorage.getItem(key)
  } catch {
    return null // storage is closed to us: the default holds
  }
}
const write = (key: string, value: string) => {
  try {
    localStorage.setItem(key, value)
  } catch {
    // as above
  }
}

export const remembered = {
  theme: (): 'dark' | 'light' => (read('vigil.theme') === 'light' ? 'light' : 'dark'),
  language: () => known(read('vigil.language') ?? undefined) ?? known(navigator.language.slice(0, 2)) ?? 'en',
}

/** Applies the stored preferences of the signed-in person; returns the way to change them. */
export function usePreferences() {
  const me = useMe().data
  const client = useQueryClient()
  const say = useSay()
  const current: Preferences = me?.preferences ?? {}
  const change = useCallback(
    (change: Preferences) => {
      const next = { ...current, ...change }
      client.setQueryData<Me>(['me'], (old) => (old ? { ...old, preferences: next } : old))
      put('/me/preferences', next).catch(() => notifications.show({ message: say('preferences.failed') }))
    },
    [client, current, say],
  )
  return { preferences: current, change }
}

export function useApplyPreferences() {
  const me = useMe().data
  const { setColorScheme } = useMantineColorScheme()
  const language = known(me?.preferences?.language) ?? remembered.language()
  const theme = me?.preferences?.theme
  useEffect(() => {
    speak(language)
    if (me?.preferences?.language) write('vigil.language', language)
  }, [language, me])
  useEffect(() => {
    if (theme !== 'dark' && theme !== 'light') return
    setColorScheme(theme)
    write('vigil.theme', theme)
    document.querySelector('meta[name="theme-color"]')?.setAttribute('content', theme === 'dark' ? '#0b0d0f' : '#ffffff')
  }, [theme, setColorScheme])
}
