import './programs.css'
import { Button, Checkbox, Modal, MultiSelect, Select, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { get, post, remove } from '../../api/client'
import { useWards, type List } from '../../api/queries'
import { Ask } from '../../parts/ask'
import { Copy } from '../../parts/once'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

type Program = { id: string; name: string; kind: Kind; redirects: string[]; launchUrl?: string; scopes: string[]; keysUrl?: string; wards: string[]; allWards: boolean; created: string; by: string; ended?: string; secret?: string }
const kinds = ['public', 'confidential', 'backend'] as const
type Kind = (typeof kinds)[number]

const usePrograms = () => useQuery({ queryKey: ['programs'], queryFn: () => get<List<Program>>('/clients').then((l) => l.items ?? []) })

/** The programs that an administrator let in, and letting in another. */
export function Programs() {
  const say = useSay()
  const zone = useZone()
  const answer = usePrograms()
  const [adding, setAdding] = useState(false)
  const [ending, setEnding] = useState<Program | null>(null)
  const [made, setMade] = useState<Program | null>(null)
  if (answer.isPending) return <Skeleton lines={4} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const time = (t: string) => moment(Date.parse(t), zone, say.language, Date.now())
  return (
    <>
      <p className="lede">{say('programs.note')}</p>
      <Button onClick={() => setAdding(true)}>{say('programs.add')}</Button>
      {answer.data.length === 0 ? (
        <p className="second devices-calm">{say('programs.none')}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('programs.title')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('programs.name')}</th>
                <th scope="col">{say('programs.kind')}</th>
                <th scope="col">{say('programs.scopes')}</th>
                <th scope="col">{say('programs.since')}</th>
                <th scope="col">
                  <span className="unseen">{say('patient.actions')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {answer.data.map((p) => (
                <tr key={p.id} data-ended={p.ended ? true : undefined}>
                  <th scope="row" className="strong">
                    {p.name}
                    <span className="second small programs-id">{p.id}</span>
                  </th>
                  <td>{say(`programs.kind.${p.kind}`)}</td>
                  <td className="programs-scopes">{p.scopes.join(' ')}</td>
                  <td className="nowrap">{time(p.created)}</td>
                  <td className="right nowrap">
                    {p.ended ? (
                      `${say('programs.ended')} ${time(p.ended)}`
                    ) : (
                      <Button size="compact-sm" variant="subtle" color="gray" aria-label={say('programs.end.title', { name: p.name })} onClick={() => setEnding(p)}>
                        {say('programs.end')}
                      </Button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {adding && <Add close={() => setAdding(false)} made={(p) => p.secret && setMade(p)} />}
      {ending && <Ask danger title={say('programs.end.title', { name: ending.name })} note={say('programs.end.note')} act={say('programs.end')} close={() => setEnding(null)} run={() => remove(`/clients/${encodeURIComponent(ending.id)}`)} />}
      {made && (
        <Modal opened onClose={() => setMade(null)} title={say('programs.secret', { name: made.name })} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
          <div className="stack">
            <p>{say('programs.secret.note')}</p>
            <Copy label={made.id} text={made.secret ?? ''} />
            <div className="row ask-end">
              <Button onClick={() => setMade(null)}>{say('action.done')}</Button>
            </div>
          </div>
        </Modal>
      )}
    </>
  )
}

const lines = (text: string) => text.split(/\s+/).filter(Boolean)

function Add({ close, made }: { close: () => void; made: (p: Program) => void }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [name, setName] = useState('')
  const [kind, setKind] = useState<Kind>('public')
  const [scopes, setScopes] = useState('openid launch/patient patient/Patient.r patient/Observation.rs')
  const [redirects, setRedirects] = useState('')
  const [launch, setLaunch] = useState('')
  const [keys, setKeys] = useState('')
  const [all, setAll] = useState(false)
  const [some, setSome] = useState<string[]>([])
  const alone = kind === 'backend'
  const run = async () => {
    const places = alone ? { wards: all ? [] : some, allWards: all } : { redirects: lines(redirects), ...(launch ? { launchUrl: launch } : {}) }
    made(await post<Program>('/clients', { name, kind, scopes: lines(scopes), ...(keys ? { keysUrl: keys } : {}), ...places }))
  }
  return (
    <Ask title={say('programs.add')} act={say('programs.add')} size="lg" ready={name.trim() !== '' && lines(scopes).length > 0 && (alone ? keys !== '' && (all || some.length > 0) : lines(redirects).length > 0)} close={close} run={run}>
      <TextInput label={say('programs.name')} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
      <Select
        label={say('programs.kind')}
        allowDeselect={false}
        data={kinds.map((k) => ({ value: k, label: say(`programs.kind.${k}`) }))}
        value={kind}
        onChange={(k) => {
          setKind((k ?? 'public') as Kind)
          if (k === 'backend') setScopes('system/Observation.rs')
        }}
      />
      <Textarea label={say('programs.scopes')} description={say('programs.scopes.note')} autosize value={scopes} onChange={(e) => setScopes(e.currentTarget.value)} />
      {!alone && <Textarea label={say('programs.redirects')} description={say('programs.redirects.note')} autosize value={redirects} onChange={(e) => setRedirects(e.currentTarget.value)} />}
      {!alone && <TextInput label={say('programs.launch')} value={launch} onChange={(e) => setLaunch(e.currentTarget.value)} />}
      {kind !== 'public' && <TextInput label={say('programs.keys')} description={say('programs.keys.note')} value={keys} onChange={(e) => setKeys(e.currentTarget.value)} />}
      {alone && <Checkbox label={say('people.wards.all')} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />}
      {alone && !all && <MultiSelect label={say('people.wards')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={some} onChange={setSome} />}
    </Ask>
  )
}
