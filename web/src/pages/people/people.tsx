import '../devices/devices.css'
import '../running.css'
import '../access/access.css'
import './people.css'
import { Button, Checkbox, Modal, MultiSelect, Select, Tabs, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useLocation, useSearch } from 'wouter'
import { post, remove } from '../../api/client'
import { useTokens, useWards } from '../../api/queries'
import { useMay } from '../../api/running'
import type { Token } from '../../api/types'
import { Ask } from '../../parts/ask'
import { Copy } from '../../parts/once'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { Programs } from '../programs/programs'
import { useSay } from '../../words'
import { Anomalies } from './anomalies'
import { Audit } from './audit'
import { GlassQueue } from './glass-queue'
import { Users } from './users'

// Each tab with what whoever opens it may do.
const tabs = { users: 'user.read', tokens: 'token.read', programs: 'token.read', audit: 'audit.read', glass: 'glass.read', anomalies: 'anomaly.read' } as const
type Tab = keyof typeof tabs

export default function PeoplePage() {
  const say = useSay()
  const [path, go] = useLocation()
  const asked = new URLSearchParams(useSearch()).get('tab')
  const may = useMay()
  const shown = (Object.keys(tabs) as Tab[]).filter((t) => may(tabs[t]))
  const tab = shown.find((t) => t === asked) ?? shown[0] ?? 'users'
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
          {shown.map((t) => (
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
        <Tabs.Panel value="glass" pt="md">
          <GlassQueue />
        </Tabs.Panel>
        <Tabs.Panel value="anomalies" pt="md">
          <Anomalies />
        </Tabs.Panel>
      </Tabs>
    </div>
  )
}

export const wardWords = (all: boolean, ids: string[] | null, wards: { id: string; name: string }[], every: string) => (all ? every : (ids ?? []).map((id) => wards.find((w) => w.id === id)?.name ?? id).join(', '))

export function Shown({ title, note, label, text, close }: { title: string; note: string; label: string; text: string; close: () => void }) {
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
