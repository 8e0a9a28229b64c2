import './programs.css'
import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get, post, remove } from '../../api/client'
import type { List } from '../../api/queries'
import { Ask, stay } from '../../parts/ask'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

type Own = { id: string; program: string; scopes: string[]; patient?: string; since: string; until?: string }

/** What the person let in, on the own page. */
export function OwnPrograms() {
  const say = useSay()
  const zone = useZone()
  const answer = useQuery({ queryKey: ['own-programs'], queryFn: () => get<List<Own>>('/me/programs').then((l) => l.items ?? []) })
  const [ending, setEnding] = useState<Own | null>(null)
  if (answer.isPending) return <Skeleton lines={2} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const time = (t: string) => moment(Date.parse(t), zone, say.language, Date.now())
  return (
    <section aria-label={say('ownPrograms.title')}>
      <h2>{say('ownPrograms.title')}</h2>
      {answer.data.length === 0 ? (
        <p className="second">{say('ownPrograms.none')}</p>
      ) : (
        <ul className="own-programs">
          {answer.data.map((o) => (
            <li key={o.id} className="row">
              <span className="grow">
                <strong>{o.program}</strong> <span className="second">{say('ownPrograms.since', { time: time(o.since) })}</span>
                {o.until && <span className="second"> {say('ownPrograms.until', { time: time(o.until) })}</span>}
              </span>
              <Button size="compact-sm" variant="default" onClick={() => setEnding(o)} aria-label={`${say('ownPrograms.end')}: ${o.program}`}>
                {say('ownPrograms.end')}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {ending && <Ask title={say('programs.end.title', { name: ending.program })} act={say('ownPrograms.end')} close={() => setEnding(null)} run={() => remove(`/me/programs/${encodeURIComponent(ending.id)}`)} />}
    </section>
  )
}

/** Opens a program for the patient on whose page one is. */
export function OpenProgram({ patient, close }: { patient: string; close: () => void }) {
  const say = useSay()
  const programs = useLaunchable().data ?? []
  const [chosen, setChosen] = useState('')
  const run = async () => {
    const { url } = await post<{ url: string }>(`/patients/${encodeURIComponent(patient)}/launch`, { program: chosen || programs[0]?.id })
    window.open(url, '_blank', 'noopener')
    close()
    return stay
  }
  return (
    <Ask title={say('programs.open.title')} note={say('programs.open.note')} act={say('programs.open')} ready={programs.length > 0} close={close} run={run}>
      <label className="stack">
        {say('programs.name')}
        <select value={chosen || programs[0]?.id} onChange={(e) => setChosen(e.currentTarget.value)}>
          {programs.map((p) => (
            <option key={p.id} value={p.id}>
              {p.name}
            </option>
          ))}
        </select>
      </label>
    </Ask>
  )
}

/** The programs that can be opened from a patient's page. */
export const useLaunchable = () => useQuery({ queryKey: ['launchable'], queryFn: () => get<List<{ id: string; name: string }>>('/programs').then((l) => l.items ?? []), staleTime: 300_000 })
