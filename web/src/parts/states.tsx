import { Button } from '@mantine/core'
import type { ReactNode } from 'react'
import { Refusal } from '../api/client'
import { useMe } from '../api/queries'
import { useSay } from '../words'

/** A page or panel that has nothing to show yet: what it is for and what to do first. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="state">
      <h2>{title}</h2>
      {children && <p className="second">{children}</p>}
      {action && <div className="state-action">{action}</div>}
    </div>
  )
}

/** Says what went wrong by its kind, and what to do; never a status number. */
export function Trouble({ problem, retry }: { problem: unknown; retry?: () => void }) {
  const say = useSay()
  const me = useMe().data
  const kind = problem instanceof Refusal ? problem.kind : 'internal'
  const words =
    kind === 'offline' || kind === 'unavailable'
      ? [say('state.offline.title'), say('state.offline.do')]
      : kind === 'denied' || kind === 'unauthenticated'
        ? [say('state.denied.title'), say('state.denied.do', { site: me?.site ?? 'Vigil' })]
        : kind === 'not-found' || kind === 'gone'
          ? [say('state.notFound.title'), say('state.notFound.do')]
          : [say('state.failed.title'), say('state.failed.do')]
  return (
    <div className="state" role="alert">
      <h2>{words[0]}</h2>
      <p className="second">{words[1]}</p>
      {retry && (
        <div className="state-action">
          <Button variant="default" onClick={retry}>
            {say('state.again')}
          </Button>
        </div>
      )}
    </div>
  )
}

/** Grey bars where text will be; no spinner. */
export function Skeleton({ lines = 4, height = 16 }: { lines?: number; height?: number }) {
  const say = useSay()
  return (
    <div className="skeleton" aria-busy="true">
      <span className="unseen" role="status">
        {say('state.loading')}
      </span>
      {Array.from({ length: lines }, (_, i) => (
        <i key={i} style={{ height, width: `${[92, 78, 86, 64][i % 4]}%` }} />
      ))}
    </div>
  )
}

/** The text of a refusal for a form. */
export function refusalText(problem: unknown, say: ReturnType<typeof useSay>): string {
  if (problem instanceof Refusal) {
    if (problem.kind === 'offline' || problem.kind === 'unavailable') return `${say('state.offline.title')}. ${say('state.offline.do')}`
    if (problem.said && problem.message) return problem.message.charAt(0).toUpperCase() + problem.message.slice(1)
    if (problem.kind === 'denied') return say('state.denied.title')
    if (problem.message) return say('state.invalid', { message: problem.message })
  }
  return `${say('state.failed.title')}. ${say('state.failed.do')}`
}
