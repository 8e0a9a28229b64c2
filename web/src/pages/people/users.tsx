import { Button, Checkbox, Modal, MultiSelect, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { post, put } from '../../api/client'
import { usePatients, useUsers, useWards } from '../../api/queries'
import { useMay } from '../../api/running'
import type { User } from '../../api/types'
import { Ask } from '../../parts/ask'
import { fullName } from '../../parts/person'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { SessionsOf } from '../me/sessions'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { Shown, wardWords } from './people'

const roles = ['administrator', 'clinician', 'nurse', 'technician', 'auditor', 'patient', 'family'] as const
const outside: readonly string[] = ['patient', 'family'] // not of the house: alone in their account

/** Everybody who may sign in: their roles, what these are for, and how to change them. */
export function Users() {
  const say = useSay()
  const zone = useZone()
  const may = useMay()
  const answer = useUsers()
  const wards = useWards().data ?? []
  const [editing, setEditing] = useState<User | 'new' | null>(null)
  const [link, setLink] = useState<{ name: string; link: string } | null>(null)
  const [asking, setAsking] = useState<User | null>(null)
  const [turning, setTurning] = useState<User | null>(null)
  const [looking, setLooking] = useState<User | null>(null)
  if (answer.isPending) return <Skeleton lines={5} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const whole = (path: string) => new URL(path, location.origin).toString()
  const write = may('user.write')
  return (
    <>
      {write && <Button onClick={() => setEditing('new')}>{say('people.add')}</Button>}
      <details className="roles-what">
        <summary>{say('people.roles.what')}</summary>
        <dl>
          {roles.map((r) => (
            <div key={r}>
              <dt>{say(`people.role.${r}`)}</dt>
              <dd>{say(`people.role.${r}.what`)}</dd>
            </div>
          ))}
        </dl>
      </details>
      <div className="scroll" tabIndex={0} role="region" aria-label={say('people.tab.users')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{say('people.name')}</th>
              <th scope="col">{say('people.username')}</th>
              <th scope="col">{say('people.roles')}</th>
              <th scope="col">{say('people.wards')}</th>
              <th scope="col">{say('people.state')}</th>
              <th scope="col">{say('device.created')}</th>
              <th scope="col">
                <span className="unseen">{say('patient.actions')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {answer.data.map((u) => (
              <tr key={u.id}>
                <th scope="row" className="strong">
                  {u.name}
                </th>
                <td>{u.username}</td>
                <td>{u.roles.map((r) => say.maybe('people.role.' + r, r)).join(', ')}</td>
                <td>{u.roles.every((r) => outside.includes(r)) ? '--' : wardWords(u.allWards, u.wards, wards, say('people.wards.all'))}</td>
                <td>{say.maybe('people.state.' + u.state, u.state)}</td>
                <td className="nowrap">{moment(Date.parse(u.created), zone, say.language, Date.now())}</td>
                <td className="right nowrap">
                  <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setLooking(u)} aria-label={say('me.sessions.of', { name: u.name })}>
                    {say('people.sessions')}
                  </Button>
                  {write && (
                    <>
                      <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setEditing(u)} aria-label={say('people.change.of', { name: u.name })}>
                        {say('people.change')}
                      </Button>
                      <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setAsking(u)} aria-label={`${say('people.link.again')}: ${u.name}`}>
                        {say('people.link.again')}
                      </Button>
                      <Button size="compact-sm" variant="subtle" color="gray" onClick={() => setTurning(u)}>
                        {say(u.state === 'active' ? 'people.disable' : 'people.enable', { name: u.name })}
                      </Button>
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {editing && <Edit user={editing === 'new' ? null : editing} close={() => setEditing(null)} made={(name, path) => setLink({ name, link: whole(path) })} />}
      {looking && (
        <Modal opened onClose={() => setLooking(null)} title={looking.name} size="xl" closeButtonProps={{ 'aria-label': say('action.close') }}>
          <SessionsOf user={looking.id} name={looking.name} />
        </Modal>
      )}
      {asking && (
        <Ask title={say('people.link', { name: asking.name })} note={say('people.link.note')} act={say('people.link.again')} close={() => setAsking(null)} run={() => post<{ link: string }>(`/users/${encodeURIComponent(asking.id)}/link`).then((a) => setLink({ name: asking.name, link: whole(a.link) }))} />
      )}
      {turning && (
        <Ask
          danger={turning.state === 'active'}
          title={say(turning.state === 'active' ? 'people.disable' : 'people.enable', { name: turning.name })}
          note={say('people.ends', { name: turning.name })}
          act={say(turning.state === 'active' ? 'people.disable' : 'people.enable', { name: turning.name })}
          close={() => setTurning(null)}
          run={() => put(`/users/${encodeURIComponent(turning.id)}`, { ...bodyOf(turning), state: turning.state === 'active' ? 'blocked' : 'active' })}
        />
      )}
      {link && <Shown title={say('people.link', { name: link.name })} note={say('people.link.note')} label={say('people.link', { name: link.name })} text={link.link} close={() => setLink(null)} />}
    </>
  )
}

const bodyOf = (u: User) => ({ name: u.name, roles: u.roles, wards: u.wards ?? [], allWards: u.allWards, state: u.state, ...(u.patient ? { patient: u.patient } : {}) })

function Edit({ user, close, made }: { user: User | null; close: () => void; made: (name: string, link: string) => void }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [name, setName] = useState(user?.name ?? '')
  const [username, setUsername] = useState(user?.username ?? '')
  const [chosen, setChosen] = useState<string[]>(user?.roles ?? ['nurse'])
  const [all, setAll] = useState(user?.allWards ?? true)
  const [some, setSome] = useState<string[]>(user?.wards ?? [])
  const [patient, setPatient] = useState<string | null>(user?.patient || null)
  const out = chosen.some((r) => outside.includes(r))
  const mixed = out && chosen.length > 1
  const record = chosen.includes('patient')
  const ready = name.trim() !== '' && username.trim() !== '' && chosen.length > 0 && !mixed && (out || all || some.length > 0) && (!record || patient !== null)
  const body = { name: name.trim(), roles: chosen, wards: out || all ? [] : some, allWards: !out && all, ...(record ? { patient: patient ?? '' } : {}) }
  const run = async () => {
    if (user) return put(`/users/${encodeURIComponent(user.id)}`, { ...body, state: user.state })
    const answer = await post<{ link?: string }>('/users', { ...body, username: username.trim() })
    if (answer.link) made(name, answer.link)
    return undefined
  }
  return (
    <Ask title={user ? say('people.change.of', { name: user.name }) : say('people.add')} {...(user ? { note: say('people.ends', { name: user.name }) } : {})} act={say(user ? 'action.save' : 'people.add')} ready={ready} close={close} run={run}>
      <TextInput label={say('people.name')} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
      <TextInput label={say('people.username')} required disabled={user !== null} value={username} onChange={(e) => setUsername(e.currentTarget.value)} autoComplete="off" />
      <MultiSelect label={say('people.roles')} data={roles.map((r) => ({ value: r, label: say(`people.role.${r}`) }))} value={chosen} onChange={setChosen} error={mixed ? say('people.role.alone') : undefined} />
      {chosen.length === 1 && <p className="small second">{say.maybe(`people.role.${chosen[0]}.what`, '')}</p>}
      {record && <Record value={patient} onChange={setPatient} />}
      {chosen.includes('family') && <p className="small second">{say('people.family.note')}</p>}
      {!out && <Checkbox label={say('people.wards.all')} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />}
      {!out && !all && <MultiSelect label={say('people.wards')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={some} onChange={setSome} />}
    </Ask>
  )
}

function Record({ value, onChange }: { value: string | null; onChange: (patient: string | null) => void }) {
  const say = useSay()
  const [typed, setTyped] = useState('')
  const [asked] = useDebouncedValue(typed, 250)
  const found = usePatients(asked).data ?? []
  const data = found.map((p) => ({ value: p.id, label: [fullName(p), p.birth, ...(p.numbers ?? []).map((n) => n.value)].filter(Boolean).join(', ') }))
  if (value && !data.some((d) => d.value === value)) data.unshift({ value, label: value })
  return <Select label={say('people.record')} description={say('people.record.note')} placeholder={say('people.record.find')} required searchable clearable data={data} value={value} onChange={onChange} searchValue={typed} onSearchChange={setTyped} nothingFoundMessage={say('people.record.none')} filter={({ options }) => options} />
}
