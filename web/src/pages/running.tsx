import './running.css'
import { NativeSelect, SegmentedControl } from '@mantine/core'
import { useEffect, useRef, type ReactNode } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import type { Priority } from '../api/alarm'
import { useMay } from '../api/running'
import { useWards } from '../api/queries'
import { mark, tone } from '../live/order'
import { useNow } from '../live/store'
import { Empty } from '../parts/states'
import { hour } from '../time/zone'
import { useSay, type Key } from '../words'

const places: { to: string; key: Key; action: string }[] = [
  { to: '/cover', key: 'running.cover', action: 'duty.read' },
  { to: '/review', key: 'running.review', action: 'limit.read' },
  { to: '/ledger', key: 'running.ledger', action: 'ward.read' },
  { to: '/burden', key: 'running.burden', action: 'burden.read' },
  { to: '/rules', key: 'running.rules', action: 'rule.read' },
  { to: '/try', key: 'running.try', action: 'replay.run' },
  { to: '/me/channels', key: 'running.channels', action: 'session.own' },
]

/** The address, and a way to change its query: a link shows the same again. */
export function useQueryPart(): [URLSearchParams, (change: Record<string, string | null>) => void] {
  const [path, go] = useLocation()
  const search = useSearch()
  return [
    new URLSearchParams(search),
    (change) => {
      const params = new URLSearchParams(search)
      for (const [k, v] of Object.entries(change)) {
        if (v === null) params.delete(k)
        else params.set(k, v)
      }
      const text = params.toString()
      go(path + (text ? '?' + text : ''), { replace: true })
    },
  ]
}

/** One page of those that keep a ward running: where it is among them, its name, and what it is about. */
export function Running({ title, tools, wide = false, children }: { title: string; tools?: ReactNode; wide?: boolean; children: ReactNode }) {
  const say = useSay()
  const may = useMay()
  const [path] = useLocation()
  const [search] = useQueryPart()
  const ward = search.get('ward')
  const nav = useRef<HTMLElement>(null)
  useEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>('[aria-current]')
    if (nav.current && here) nav.current.scrollLeft = here.offsetLeft - nav.current.offsetLeft - 40
  }, [path])
  useEffect(() => {
    document.title = `${title} \u00b7 Vigil`
  }, [title])
  return (
    <div className="page running" data-wide={wide || undefined}>
      <nav ref={nav} className="places" aria-label={say('running.label')}>
        {places
          .filter((p) => may(p.action))
          .map((p) => (
            <Link key={p.to} href={p.to + (ward && p.to !== '/rules' && p.to !== '/me/channels' ? `?ward=${encodeURIComponent(ward)}` : '')} aria-current={path === p.to ? 'page' : undefined}>
              {say(p.key as 'running.cover')}
            </Link>
          ))}
      </nav>
      <div className="page-head">
        <h1>{title}</h1>
        {tools}
      </div>
      {children}
    </div>
  )
}

/** The ward of the address, the first one where it names none. */
export function useWardOfAddress(): string {
  const wards = useWards().data
  const [search] = useQueryPart()
  return search.get('ward') ?? wards?.[0]?.id ?? ''
}

export function WardChoice() {
  const say = useSay()
  const wards = useWards().data ?? []
  const ward = useWardOfAddress()
  const [, set] = useQueryPart()
  if (wards.length < 2) return <span className="second">{wards[0]?.name}</span>
  return <NativeSelect aria-label={say('ward.choose')} value={ward} onChange={(e) => set({ ward: e.currentTarget.value })} data={wards.map((w) => ({ value: w.id, label: w.name }))} />
}

/** A period that ends now, in steps of its own so that an answer can be kept. */
export function useLast(spans: readonly number[], first: number): { hours: number; from: number; to: number } {
  const [search] = useQueryPart()
  const now = useNow()
  const asked = Number(search.get('h'))
  const hours = spans.includes(asked) ? asked : first
  const step = Math.max(60_000, (hours * hour) / 480)
  const to = Math.ceil(now / step) * step
  return { hours, from: to - hours * hour, to }
}

export function SpanChoice({ spans, hours, label }: { spans: readonly number[]; hours: number; label: string }) {
  const say = useSay()
  const [, set] = useQueryPart()
  return <SegmentedControl aria-label={label} value={String(hours)} onChange={(h) => set({ h })} data={spans.map((h) => ({ value: String(h), label: h > 72 ? say('age.days', { count: h / 24 }) : say('age.hours', { count: h }) }))} />
}

/** No ward yet: what to do first. */
export function NoWardYet() {
  const say = useSay()
  return (
    <Empty title={say('ward.empty.title')} action={<Link href="/">{say('ward.empty.make')}</Link>}>
      {say('ward.empty.do')}
    </Empty>
  )
}

/** A priority by mark and word, marked as its alarms are; the colour only repeats it. */
export function PriorityWord({ priority, technical = false }: { priority: Priority; technical?: boolean }) {
  const say = useSay()
  const sign = { priority, technical }
  return (
    <span className="priority-word" data-tone={tone(sign)}>
      <b aria-hidden="true">{mark(sign)}</b> {say(`running.priority.${priority}`)}
    </span>
  )
}
