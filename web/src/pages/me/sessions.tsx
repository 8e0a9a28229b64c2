import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { endAllOf, endOthers, endSession, endSessionOf, useSessions, useSessionsOf, type Session } from '../../api/identity'
import { useNow } from '../../live/store'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { useZone } from '../../parts/shell'
import { moment } from '../../time/zone'
import { useSay, type Say } from '../../words'

export function OwnSessions() {
  const say = useSay()
  const answer = useSessions()
  return <Sessions title={say('me.sessions')} answer={answer} end={endSession} all={{ words: say('me.sessions.others'), run: endOthers }} />
}

/** The sessions of somebody else, for who looks after accounts. */
export function SessionsOf({ user, name }: { user: string; name: string }) {
  const say = useSay()
  const answer = useSessionsOf(user)
  return <Sessions title={say('me.sessions.of', { name })} answer={answer} end={(id) => endSessionOf(user, id)} all={{ words: say('me.sessions.all'), run: () => endAllOf(user) }} />
}

/** "Firefox 140, Linux" of what a browser calls itself. */
export function browserName(agent: string): string {
  const found = /(Edg|OPR|Firefox|Chrome|Version)\/(\d+)/.exec(agent.replace(/.*(Edg|OPR)\//, '$1/'))
  const name = { Edg: 'Edge', OPR: 'Opera', Version: 'Safari' }[found?.[1] ?? ''] ?? found?.[1]
  const system = /(Android|iPhone|iPad|Windows|Mac OS|CrOS|Linux)/.exec(agent)?.[1]
  return [name && `${name} ${found?.[2]}`, system].filter(Boolean).join(', ') || agent.slice(0, 40)
}

function Sessions({ title, answer, end, all }: { title: string; answer: ReturnType<typeof useSessions>; end: (id: string) => Promise<unknown>; all: { words: string; run: () => Promise<unknown> } }) {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const client = useQueryClient()
  const [problem, setProblem] = useState('')
  const list = answer.data ?? []
  const time = (t: string) => moment(Date.parse(t), zone, say.language, now)
  const act = (run: () => Promise<unknown>) => {
    setProblem('')
    run().then(
      () => void client.invalidateQueries({ queryKey: ['sessions'] }),
      (e: unknown) => setProblem(refusalText(e, say)),
    )
  }
  return (
    <section>
      <div className="page-head">
        <h2>{title}</h2>
        <span className="grow" />
        {list.some((s) => !s.current) && (
          <Button variant="default" onClick={() => act(all.run)}>
            {all.words}
          </Button>
        )}
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {answer.isPending && <Skeleton lines={3} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && list.length === 0 && <p className="second">{say('me.sessions.none')}</p>}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={title}>
          <table>
            <thead>
              <tr>
                {(['me.sessions.browser', 'me.sessions.from', 'me.sessions.proved', 'me.sessions.since', 'me.sessions.seen', 'me.sessions.ends'] as const).map((k) => (
                  <th key={k} scope="col">
                    {say(k)}
                  </th>
                ))}
                <th scope="col">
                  <span className="unseen">{say('me.sessions.end')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((s) => (
                <tr key={s.id}>
                  <th scope="row" title={s.agent}>
                    {browserName(s.agent)} {s.current && <span className="second small">{say('me.sessions.here')}</span>}
                  </th>
                  <td>{s.from}</td>
                  <td>{provedBy(s, say)}</td>
                  <td className="nowrap">{time(s.created)}</td>
                  <td className="nowrap">{time(s.lastSeen)}</td>
                  <td className="nowrap">{time(s.expires)}</td>
                  <td className="right">
                    {!s.current && (
                      <Button size="compact-sm" variant="default" onClick={() => act(() => end(s.id))} aria-label={say('me.sessions.end.which', { from: s.from, time: time(s.lastSeen) })}>
                        {say('me.sessions.end')}
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

const provedBy = (s: Session, say: Say) => {
  const words = (s.factors ?? []).map((f) => say.maybe('me.factor.' + f, f)).join(', ')
  return s.whole ? words : `${words} (${say('me.sessions.half')})`
}
