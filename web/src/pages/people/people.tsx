import '../devices/devices.css'
import { Button, Checkbox, Modal, MultiSelect, Select, Tabs, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useEffect, useState } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { get, post, put, query, remove } from '../../api/client'
import { useTokens, useUsers, useWards, type List } from '../../api/queries'
import type { AuditItem, Token, User } from '../../api/types'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Ask } from '../../parts/ask'
import { Copy } from '../../parts/once'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { Programs } from '../programs/programs'
import { useSay } from '../../words'

const roles = ['administrator', 'clinician', 'nurse', 'technician', 'auditor'] as const
const tabs = ['users', 'tokens', 'programs', 'audit'] as const

export default function PeoplePage() {
  const say = useSay()
  const [path, go] = useLocation()
  const asked = new URLSearchParams(useSearch()).get('tab')
  const tab = tabs.find((t) => t === asked) ?? 'users'
  useEffect(() => {
    document.title = `${say('people.title')} \u00b7 Vigil`
  }, [say])
  return (
    <div className="page">
      <div className="page-head">
        <h1>{say('people.title')}</h1>
      </div>
      <Tabs value={tab} onChange={(t) => go(`${path}?tab=${t}`, { replace: true })} keepMounted={false}>
        <Tabs.List>
          {tabs.map((t) => (
            <Tabs.Tab key={t} value={t}>
              {say(`people.tab.${t}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="users" pt="md">
          <Users />
        </Tabs.Panel>
        <Tabs.Panel value="tokens" pt="md">
          <Tokens />
        </Tabs.Panel>
        <Tabs.Panel value="programs" pt="md">
          <Programs />
        </Tabs.Panel>
        <Tabs.Panel value="audit" pt="md">
          <Audit />
        </Tabs.Panel>
      </Tabs>
    </div>
  )
}

const wardWords = (all: boolean, ids: string[] | null, wards: { id: string; name: string }[], every: string) => (all ? every : (ids ?? []).map((id) => wards.find((w) => w.id === id)?.name ?? id).join(', '))

function Shown({ title, note, label, text, close }: { title: string; note: string; label: string; text: string; close: () => void }) {
  const say = useSay()
  return (
    <Modal opened onClose={close} title={title} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
      <div className="stack">
        <p>{note}</p>
        <Copy label={label} text={text} />
        <div className="row ask-end">
          <Button onClick={close}>{say('action.done')}</Button>
        </div>
      </div>
    </Modal>
  )
}

function Users() {
  const say = useSay()
  const zone = useZone()
  const answer = useUsers()
  const wards = useWards().data ?? []
  const [adding, setAdding] = useState(false)
  const [link, setLink] = useState<{ name: string; link: string } | null>(null)
  if (answer.isPending) return <Skeleton lines={5} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const whole = (path: string) => new URL(path, location.origin).toString()
  const again = (u: User) => void post<{ link: string }>(`/users/${encodeURIComponent(u.id)}/link`).then((a) => setLink({ name: u.name, link: whole(a.link) }))
  const turn = (u: User) => void put(`/users/${encodeURIComponent(u.id)}`, { name: u.name, roles: u.roles, wards: u.wards ?? [], allWards: u.allWards, state: u.state === 'active' ? 'blocked' : 'active' }).then(() => answer.refetch())
  return (
    <>
      <Button onClick={() => setAdding(true)}>{say('people.add')}</Button>
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
                <td>{wardWords(u.allWards, u.wards, wards, say('people.wards.all'))}</td>
                <td>{say.maybe('people.state.' + u.state, u.state)}</td>
                <td className="nowrap">{moment(Date.parse(u.created), zone, say.language, Date.now())}</td>
                <td className="right nowrap">
                  <Button size="compact-sm" variant="subtle" color="gray" onClick={() => again(u)}>
                    {say('people.link.again')}
                  </Button>
                  <Button size="compact-sm" variant="subtle" color="gray" onClick={() => turn(u)}>
                    {say(u.state === 'active' ? 'people.disable' : 'people.enable', { name: u.name })}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {adding && <AddUser close={() => setAdding(false)} made={(name, path) => setLink({ name, link: whole(path) })} />}
      {link && <Shown title={say('people.link', { name: link.name })} note={say('people.link.note')} label={say('people.link', { name: link.name })} text={link.link} close={() => setLink(null)} />}
    </>
  )
}

function AddUser({ close, made }: { close: () => void; made: (name: string, link: string) => void }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [name, setName] = useState('')
  const [username, setUsername] = useState('')
  const [chosen, setChosen] = useState<string[]>(['nurse'])
  const [all, setAll] = useState(true)
  const [some, setSome] = useState<string[]>([])
  const run = async () => {
    const answer = await post<{ link?: string }>('/users', { name, username, roles: chosen, wards: all ? [] : some, allWards: all })
    if (answer.link) made(name, answer.link)
  }
  return (
    <Ask title={say('people.add')} act={say('people.add')} ready={name.trim() !== '' && username.trim() !== '' && chosen.length > 0 && (all || some.length > 0)} close={close} run={run}>
      <TextInput label={say('people.name')} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
      <TextInput label={say('people.username')} required value={username} onChange={(e) => setUsername(e.currentTarget.value)} autoComplete="off" />
      <MultiSelect label={say('people.roles')} data={roles.map((r) => ({ value: r, label: say(`people.role.${r}`) }))} value={chosen} onChange={setChosen} />
      <Checkbox label={say('people.wards.all')} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
      {!all && <MultiSelect label={say('people.wards')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={some} onChange={setSome} />}
    </Ask>
  )
}

function Tokens() {
  const say = useSay()
  const zone = useZone()
  const answer = useTokens()
  const wards = useWards().data ?? []
  const [dialog, setDialog] = useState<'token' | 'kiosk' | null>(null)
  const [secret, setSecret] = useState<{ title: string; note: string; text: string } | null>(null)
  const [ending, setEnding] = useState<Token | null>(null)
  const [typed, setTyped] = useState('')
  if (answer.isPending) return <Skeleton lines={5} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const time = (t: string | null) => (t ? moment(Date.parse(t), zone, say.language, Date.now()) : say('token.never'))
  return (
    <>
      <div className="row">
        <Button onClick={() => setDialog('token')}>{say('token.add')}</Button>
        <Button variant="default" onClick={() => setDialog('kiosk')}>
          {say('kiosk.add')}
        </Button>
      </div>
      {answer.data.length === 0 ? (
        <p className="second devices-calm">{say('token.none')}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('people.tab.tokens')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('token.name')}</th>
                <th scope="col">{say('token.class')}</th>
                <th scope="col">{say('people.wards')}</th>
                <th scope="col">{say('token.used')}</th>
                <th scope="col">{say('token.expires')}</th>
                <th scope="col">
                  <span className="unseen">{say('patient.actions')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {answer.data.map((t) => (
                <tr key={t.id}>
                  <th scope="row" className="strong">
                    {t.name}
                  </th>
                  <td>{say.maybe('token.class.' + t.class, t.class)}</td>
                  <td>{wardWords(Boolean((t as Token & { allWards?: boolean }).allWards), t.wards, wards, say('people.wards.all'))}</td>
                  <td>{time(t.lastUsed)}</td>
                  <td>{time(t.expires)}</td>
                  <td className="right">
                    <Button size="compact-sm" variant="subtle" color="gray" onClick={() => (setTyped(''), setEnding(t))}>
                      {say('token.revoke')}
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {dialog === 'token' && <AddToken close={() => setDialog(null)} made={(t) => setSecret({ title: t.name, note: say('token.once'), text: t.secret ?? '' })} />}
      {dialog === 'kiosk' && <AddKiosk close={() => setDialog(null)} made={(url) => setSecret({ title: say('kiosk.add'), note: say('kiosk.note'), text: url })} />}
      {secret && <Shown title={secret.title} note={secret.note} label={secret.title} text={secret.text} close={() => setSecret(null)} />}
      {ending && (
        <Ask danger title={say('token.revoke.title', { name: ending.name })} act={say('token.revoke')} ready={typed === ending.name} close={() => setEnding(null)} run={() => remove(`/tokens/${encodeURIComponent(ending.id)}`)}>
          <TextInput label={say('token.revoke.confirm', { name: ending.name })} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" data-autofocus />
        </Ask>
      )}
    </>
  )
}

function AddToken({ close, made }: { close: () => void; made: (t: Token) => void }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [name, setName] = useState('')
  const [some, setSome] = useState<string[]>([])
  const [all, setAll] = useState(false)
  return (
    <Ask title={say('token.add')} act={say('token.add')} ready={name.trim() !== '' && (all || some.length > 0)} close={close} run={async () => made(await post<Token>('/tokens', { name, wards: all ? [] : some, allWards: all }))}>
      <TextInput label={say('token.name')} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
      <Checkbox label={say('people.wards.all')} checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
      {!all && <MultiSelect label={say('people.wards')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={some} onChange={setSome} />}
    </Ask>
  )
}

function AddKiosk({ close, made }: { close: () => void; made: (url: string) => void }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [ward, setWard] = useState<string | null>(wards[0]?.id ?? null)
  return (
    <Ask title={say('kiosk.add')} note={say('kiosk.note')} act={say('kiosk.add')} ready={ward !== null} close={close} run={async () => made((await post<{ url: string }>('/kiosks', { ward })).url)}>
      <Select label={say('ward.choose')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={ward} onChange={setWard} />
    </Ask>
  )
}

function Audit() {
  const say = useSay()
  const zone = useZone()
  const [who, setWho] = useState('')
  const [patient, setPatient] = useState('')
  const [filter] = useDebouncedValue({ who, patient }, 300)
  const answer = useInfiniteQuery({
    queryKey: ['audit', filter.who, filter.patient],
    queryFn: ({ pageParam }) => get<List<AuditItem & { name?: string }>>('/audit' + query({ ...filter, before: pageParam })),
    initialPageParam: '',
    getNextPageParam: (last) => {
      const list = last.items ?? []
      return list.length >= 50 ? (list[list.length - 1]?.at ?? null) : null
    },
  })
  const list = answer.data?.pages.flatMap((p) => p.items ?? []) ?? []
  return (
    <>
      <div className="row wrap">
        <TextInput aria-label={say('audit.filter.who')} placeholder={say('audit.filter.who')} value={who} onChange={(e) => setWho(e.currentTarget.value)} />
        <TextInput aria-label={say('audit.filter.patient')} placeholder={say('audit.filter.patient')} value={patient} onChange={(e) => setPatient(e.currentTarget.value)} />
      </div>
      {answer.isPending && <Skeleton lines={8} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && list.length === 0 && <p className="second devices-calm">{say('audit.none')}</p>}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('people.tab.audit')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('audit.at')}</th>
                <th scope="col">{say('audit.who')}</th>
                <th scope="col">{say('audit.action')}</th>
                <th scope="col">{say('audit.subject')}</th>
                <th scope="col">{say('audit.outcome')}</th>
                <th scope="col">{say('audit.why')}</th>
                <th scope="col">{say('audit.from')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((a, i) => (
                <tr key={i}>
                  <td className="nowrap">{moment(Date.parse(a.at), zone, say.language, Date.now(), true)}</td>
                  <td>
                    {a.name || a.who} <span className="quiet">{a.role.split(',').map((r) => say.maybe('people.role.' + r.trim(), r)).join(', ')}</span>
                  </td>
                  <td className="mono">{a.action}</td>
                  <td>{a.patient ? <Link href={`/patient/${encodeURIComponent(a.patient)}`}>{a.subject || a.patient}</Link> : a.subject}</td>
                  <td className={/deni|refus/.test(a.outcome) ? 'technical strong' : ''}>{a.outcome}</td>
                  <td>{a.why}</td>
                  <td className="mono">{a.from}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {answer.hasNextPage && (
        <Button variant="default" mt="md" loading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
          {say('action.older')}
        </Button>
      )}
    </>
  )
}
