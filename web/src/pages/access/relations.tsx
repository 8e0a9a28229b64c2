import { Button, Select, TextInput } from '@mantine/core'
import { useState } from 'react'
import { addRelation, endRelation, useRelationPeople, useRelations, type Relation, type RelationKind } from '../../api/access'
import { useMay } from '../../api/running'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { roleText } from '../../parts/roles'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { at, spans, untilOf, type Span } from './until'

/** Who sees a patient beside the staff of the ward: the care team, and the family. */
export function Relations({ patient, zone, own, kinds }: { patient: string; zone: string; own: boolean; kinds: readonly RelationKind[] }) {
  const say = useSay()
  const may = useMay()
  const answer = useRelations(patient)
  const [adding, setAdding] = useState<RelationKind | null>(null)
  const [ending, setEnding] = useState<Relation | null>(null)
  if (answer.isPending) return <Skeleton lines={4} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const write = may('relation.write')
  return (
    <div className="access-columns">
      {kinds.map((kind) => {
        const list = answer.data.filter((r) => r.kind === kind)
        const words = kind === 'care-team' ? 'team' : 'family'
        return (
          <section key={kind} aria-labelledby={`relation-${words}`}>
            <h2 id={`relation-${words}`}>{say(`relation.${words}`)}</h2>
            <p className="second">{say(`relation.${words}.note`)}</p>
            {list.length === 0 ? (
              <p>{say(`relation.${words}.none`)}</p>
            ) : (
              <ul className="plain-list">
                {list.map((r) => (
                  <li key={r.id}>
                    <span>
                      <b>{r.name || r.user}</b> <span className="second">{roleText(r.roles, say)}</span>
                      <br />
                      <span className="small second">
                        {[say('relation.since', { time: moment(at(r.from), zone, say.language, live.now()) }), at(r.to) ? say('relation.to', { time: moment(at(r.to), zone, say.language, live.now()) }) : '', r.byName || r.by ? say('relation.by', { name: r.byName || r.by }) : ''].filter(Boolean).join(', ')}
                        {r.why && ` \u201c${r.why}\u201d`}
                      </span>
                    </span>
                    {write && (!own || kind === 'family') && (
                      <Button size="compact-sm" variant="default" onClick={() => setEnding(r)} aria-label={say('relation.end.of', { name: r.name || r.user })}>
                        {say('relation.end')}
                      </Button>
                    )}
                  </li>
                ))}
              </ul>
            )}
            {write && (!own || kind === 'family') && (
              <Button variant="default" onClick={() => setAdding(kind)}>
                {say(`relation.add.${kind}`)}
              </Button>
            )}
          </section>
        )
      })}
      {adding && <Add patient={patient} kind={adding} own={own} close={() => setAdding(null)} />}
      {ending && <End patient={patient} relation={ending} own={own} close={() => setEnding(null)} />}
    </div>
  )
}

function Add({ patient, kind, own, close }: { patient: string; kind: RelationKind; own: boolean; close: () => void }) {
  const say = useSay()
  const people = useRelationPeople(patient, kind)
  const [user, setUser] = useState<string | null>(null)
  const [span, setSpan] = useState<Span>(kind === 'care-team' ? 'week' : 'none')
  const [why, setWhy] = useState('')
  const until = untilOf(span, live.now())
  return (
    <Ask
      title={say(`relation.add.${kind}`)}
      note={say(kind === 'care-team' ? 'relation.team.note' : 'relation.family.note')}
      act={say(`relation.add.${kind}`)}
      ready={user !== null && (own || why.trim().length > 2)}
      close={close}
      run={() => addRelation(patient, { user: user ?? '', kind, ...(until ? { until } : {}), ...(why.trim() ? { why: why.trim() } : {}) })}
    >
      <Select label={say('relation.who')} searchable data={(people.data ?? []).map((p) => ({ value: p.id, label: [p.name, roleText(p.roles, say)].filter(Boolean).join(', ') }))} value={user} onChange={setUser} error={people.data?.length === 0 ? say('relation.who.none') : people.error ? say('state.partial') : undefined} data-autofocus />
      <Select label={say('relation.until')} allowDeselect={false} data={spans.map((s) => ({ value: s, label: say(`until.${s}`) }))} value={span} onChange={(s) => s && setSpan(s as Span)} />
      {!own && <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />}
    </Ask>
  )
}

function End({ patient, relation, own, close }: { patient: string; relation: Relation; own: boolean; close: () => void }) {
  const say = useSay()
  const [why, setWhy] = useState('')
  return (
    <Ask title={say('relation.end.title', { name: relation.name || relation.user })} note={say('relation.end.note')} act={say('relation.end')} ready={own || why.trim().length > 2} close={close} run={() => endRelation(patient, relation.id, why.trim())}>
      {!own && <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />}
    </Ask>
  )
}
