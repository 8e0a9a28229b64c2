// Who is here and how it was proved: signing in, passkeys, codes, sessions.

import { useQuery } from '@tanstack/react-query'
import { get, post, put, remove } from './client'
import { again } from './queries'
import type { List } from './queries'
import { create, prove, type CreationOptions, type ProofOptions } from './webauthn'
import type { Me } from './types'

export interface Provider {
  name: string
  title: string
}

export interface Methods {
  password: boolean
  passkey: boolean
  passkeyAddress: string
  sso: Provider[] | null
  demo: boolean
}

export interface Passkey {
  id: string
  name: string
  created: string
  lastUsed: string | null
  synced: boolean
  suspended: boolean
}

export interface CodeState {
  set: boolean
  created: string | null
}

export interface CodeSecret {
  secret: string
  url: string
  qr: string
}

export interface Session {
  id: string
  created: string
  lastSeen: string
  expires: string
  from: string
  agent: string
  factors: string[] | null
  whole: boolean
  current: boolean
}

export interface Notice {
  id: string
  at: string
  kind: string
  by: string
  byName: string
  from: string
  seen: string | null
}

interface Ceremony<O> {
  ceremony: string
  options: O
}

export interface Step {
  ceremony: string
  options: ProofOptions | null
  code: boolean
  sso: Provider[] | null
}

const list = <T>(l: List<T>): T[] => l.items ?? []
const at = encodeURIComponent

export const useMethods = () => useQuery({ queryKey: ['sign-in-methods'], queryFn: () => get<Methods>('/session/methods'), retry: again, staleTime: 60_000 })

export const signIn = (username: string, password: string) => post<Me>('/session', { username, password })
export const signInByLink = (token: string) => post<Me>('/session/link', { token })
export const signInByCode = (code: string) => post<Me>('/session/code', { code })
export async function signInByPasskey(): Promise<Me> {
  const { ceremony, options } = await post<Ceremony<ProofOptions>>('/session/passkey/begin')
  return post<Me>('/session/passkey/finish', { ceremony, credential: await prove(options) })
}
export const ssoAddress = (name: string, to: string, step = false) => `/api/v1/session/sso/${at(name)}?to=${at(to)}${step ? '&step=1' : ''}`

export const stepBegin = () => post<Step>('/session/step/begin')
export const stepByCode = (code: string) => post<Me>('/session/step/finish', { code })
export const stepByPasskey = async (ceremony: string, options: ProofOptions) => post<Me>('/session/step/finish', { ceremony, credential: await prove(options) })

export const usePasskeys = () => useQuery({ queryKey: ['passkeys'], queryFn: () => get<List<Passkey>>('/me/passkeys').then(list), retry: again })
export async function addPasskey(name: string): Promise<Me> {
  const { ceremony, options } = await post<Ceremony<CreationOptions>>('/me/passkeys/begin')
  const made = await post<{ passkey: Passkey; me: Me }>('/me/passkeys/finish', { ceremony, name, credential: await create(options) })
  return made.me
}
export const renamePasskey = (id: string, name: string) => put<Passkey>(`/me/passkeys/${at(id)}`, { name })
export const removePasskey = (id: string) => remove(`/me/passkeys/${at(id)}`)

export const useCode = () => useQuery({ queryKey: ['code'], queryFn: () => get<CodeState>('/me/code'), retry: again })
export const newCode = () => post<CodeSecret>('/me/code')
export const confirmCode = (code: string) => post<Me>('/me/code/confirm', { code })
export const removeCode = () => remove('/me/code')
export const changePassword = (old: string, next: string) => post('/me/password', { old, new: next })

export const useSessions = () => useQuery({ queryKey: ['sessions'], queryFn: () => get<List<Session>>('/me/sessions').then(list), retry: again })
export const endSession = (id: string) => remove(`/me/sessions/${at(id)}`)
export const endOthers = () => remove('/me/sessions')
export const useSessionsOf = (user: string) => useQuery({ queryKey: ['sessions', user], queryFn: () => get<List<Session>>(`/users/${at(user)}/sessions`).then(list), retry: again })
export const endSessionOf = (user: string, id: string) => remove(`/users/${at(user)}/sessions/${at(id)}`)
export const endAllOf = (user: string) => remove(`/users/${at(user)}/sessions`)

export const useNotices = () => useQuery({ queryKey: ['notices'], queryFn: () => get<List<Notice>>('/me/notices').then(list), retry: again })
export const noticesSeen = () => post('/me/notices/seen')
export const voidLinks = () => remove('/me/link')
