import { afterEach, describe, expect, it, vi } from 'vitest'
import { tellSeen } from './seen'

const open = (pathname: string, hash: string) => {
  const asked: [string, unknown][] = []
  vi.stubGlobal('fetch', async (url: string, init: { body: string }) => (asked.push([url, JSON.parse(init.body)]), { ok: true, text: async () => '' }))
  const left: string[] = []
  tellSeen({ pathname, search: '', hash }, { replaceState: (_s: unknown, _t: string, url?: string | URL | null) => void left.push(String(url)) })
  return { asked, left }
}

afterEach(() => vi.unstubAllGlobals())

describe('the link of a message', () => {
  it('says that it was seen, once, and leaves the address', async () => {
    const { asked, left } = open('/alarms/a-1', '#seen=t%2F1')
    await Promise.resolve()
    expect(left).toEqual(['/alarms/a-1'])
    expect(asked).toEqual([['/api/v1/deliveries/seen', { token: 't/1' }]])
  })
  it('is nothing elsewhere, or without a token', () => {
    for (const [path, hash] of [['/alarms/a-1', ''], ['/', '#seen=t'], ['/alarms/a-1', '#x']] as const) expect(open(path, hash)).toEqual({ asked: [], left: [] })
  })
})
