import { QueryCache, QueryClient, QueryObserver } from '@tanstack/react-query'
import { describe, expect, it } from 'vitest'
import { Refusal, type Kind } from './client'
import { forgetWhatIsClosed } from './closed'

/** An answer that came, then a refusal of the same: what a page still has of it. */
async function after(kind: Kind) {
  const client = new QueryClient({ queryCache: new QueryCache({ onError: forgetWhatIsClosed }), defaultOptions: { queries: { retry: false } } })
  let refuse = false
  const observer = new QueryObserver(client, { queryKey: ['patient'], queryFn: async () => (refuse ? Promise.reject(new Refusal(kind, '')) : 'a name') })
  const stop = observer.subscribe(() => {})
  await observer.refetch()
  expect(observer.getCurrentResult().data).toBe('a name')
  refuse = true
  await observer.refetch()
  const { data, error } = observer.getCurrentResult()
  stop()
  return { data, kind: (error as Refusal).kind }
}

describe('what was answered before', () => {
  it.each<Kind>(['denied', 'not-found', 'gone'])('is gone once it is %s', async (kind) => expect(await after(kind)).toEqual({ data: undefined, kind }))
  it.each<Kind>(['offline', 'unavailable', 'internal'])('stays while the server is %s: it is said to be old', async (kind) => expect(await after(kind)).toEqual({ data: 'a name', kind }))
})
