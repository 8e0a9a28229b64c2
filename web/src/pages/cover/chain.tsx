import { Button, MultiSelect, NativeSelect, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useMe } from '../../api/queries'
import { putChain, useChain, useStaff, type Chain, type TeamAddress } from '../../api/running'
import { Ask } from '../../parts/ask'
import { Skeleton, Trouble } from '../../parts/states'
import { useSay } from '../../words'

const levels = [0, 1, 2, 3] as const

/** Who is told when nobody answers, level by level, and which team comes for an emergency. */
export function ChainEditor({ ward, write }: { ward: string; write: boolean }) {
  const say = useSay()
  const me = useMe().data
  const [editing, setEditing] = useState<'ward' | 'site' | null>(null)
  const own = useChain(ward)
  const whole = me?.allWards === true
  const site = useChain('', whole)
  return (
    <>
      <section aria-label={say('chain.title')}>
        <h2>{say('chain.title')}</h2>
        <p className="lede">{say('chain.note')}</p>
        <Levels answer={own} />
        {write && own.data && (
          <Button variant="default" mt="sm" onClick={() => setEditing('ward')}>
            {say('chain.edit')}
          </Button>
        )}
      </section>
      {whole && (
        <section aria-label={say('chain.site')}>
          <h2>{say('chain.site')}</h2>
          <p className="lede">{say('chain.site.note')}</p>
          <Levels answer={site} whole />
          {write && site.data && (
            <Button variant="default" mt="sm" onClick={() => setEditing('site')}>
              {say('chain.edit')}
            </Button>
          )}
        </section>
      )}
      {editing === 'ward' && own.data && <Edit ward={ward} staffOf={ward} chain={own.data} close={() => setEditing(null)} />}
      {editing === 'site' && site.data && <Edit ward="" staffOf={ward} chain={site.data} close={() => setEditing(null)} />}
    </>
  )
}

function Levels({ answer, whole = false }: { answer: ReturnType<typeof useChain>; whole?: boolean }) {
  const say = useSay()
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={4} />
  const people = (level: number) => answer.data.items?.find((r) => r.level === level)?.people ?? []
  const team = answer.data.team ?? []
  return (
    <ol className="chain" start={0}>
      {levels
        .filter((level) => !whole || level > 1 || people(level).length > 0)
        .map((level) => (
        <li key={level} value={level}>
          <b>{say(`chain.level.${level}`)}</b>{' '}
          {people(level).length > 0 ? people(level).map((p) => p.name || p.user).join(', ') : level < 2 ? <span className="second">{say('chain.level.bed')}</span> : <span className="technical strong">{say('chain.nobody')}</span>}
        </li>
      ))}
      <li className="chain-team">
        <b>{say('chain.team')}</b> {team.length > 0 ? team.map((t) => `${t.name} (${say.maybe('channel.kind.' + t.kind, t.kind)} ${t.address})`).join(', ') : whole ? <span className="second">{say('chain.team.wards')}</span> : <span className="technical strong">{say('chain.team.none')}</span>}
      </li>
    </ol>
  )
}

function Edit({ ward, staffOf, chain, close }: { ward: string; staffOf: string; chain: Chain; close: () => void }) {
  const say = useSay()
  const staff = useStaff(staffOf).data ?? []
  const [people, setPeople] = useState<Record<number, string[]>>(() => Object.fromEntries(levels.map((l) => [l, (chain.items?.find((r) => r.level === l)?.people ?? []).map((p) => p.user)])))
  const [team, setTeam] = useState<TeamAddress[]>(chain.team ?? [])
  const [why, setWhy] = useState('')
  const named = new Map([...staff, ...(chain.items ?? []).flatMap((r) => r.people ?? [])].map((p) => [p.user, p.name || p.user]))
  const data = [...named].map(([value, label]) => ({ value, label }))
  const change = (i: number, part: Partial<TeamAddress>) => setTeam(team.map((t, k) => (k === i ? { ...t, ...part } : t)))
  const whole = team.every((t) => t.name.trim() !== '' && t.address.trim() !== '')
  return (
    <Ask size="lg" title={say(ward ? 'chain.title' : 'chain.site')} note={say('chain.edit.note')} act={say('chain.save')} ready={whole && why.trim().length > 2} close={close} run={() => putChain(ward, { items: levels.map((level) => ({ level, people: people[level] ?? [] })), team: team.map((t) => ({ ...t, name: t.name.trim(), address: t.address.trim() })), why: why.trim() })}>
      {levels.map((l) => (
        <MultiSelect key={l} searchable label={`${l}. ${say(`chain.level.${l}`)}`} {...(l < 2 ? { description: say('chain.level.bed') } : {})} data={data} value={people[l] ?? []} onChange={(v) => setPeople({ ...people, [l]: v })} />
      ))}
      <fieldset className="team">
        <legend>{say('chain.team')}</legend>
        {team.map((t, i) => (
          <div className="team-row" key={i}>
            <TextInput label={say('chain.team.name')} required value={t.name} onChange={(e) => change(i, { name: e.currentTarget.value })} />
            <NativeSelect label={say('chain.team.kind')} value={t.kind} onChange={(e) => change(i, { kind: e.currentTarget.value })} data={(['sms', 'email'] as const).map((k) => ({ value: k, label: say(`channel.kind.${k}`) }))} />
            <TextInput label={say('chain.team.address')} required value={t.address} onChange={(e) => change(i, { address: e.currentTarget.value })} />
            <Button variant="default" onClick={() => setTeam(team.filter((_, k) => k !== i))}>
              {say('channel.remove')}
            </Button>
          </div>
        ))}
        <Button variant="default" size="compact-sm" onClick={() => setTeam([...team, { name: '', kind: 'sms', address: '' }])}>
          {say('chain.team.add')}
        </Button>
      </fieldset>
      <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
    </Ask>
  )
}
