import { Button, FileInput, Modal, Select, Textarea, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { call, post } from '../../api/client'
import type { Credential, Device } from '../../api/types'
import { Ask, stay } from '../../parts/ask'
import { Copy, save } from '../../parts/once'
import { refusalText } from '../../parts/states'
import { useSay } from '../../words'

export interface Enrolled {
  device: Device
  credential: Credential
}

export function EnrolFields({ value, onChange, short = false }: { short?: boolean; value: Record<string, string>; onChange: (v: Record<string, string>) => void }) {
  const say = useSay()
  const set = (k: string) => (e: { currentTarget: { value: string } }) => onChange({ ...value, [k]: e.currentTarget.value })
  return (
    <>
      <TextInput label={say('enrol.id')} description={say('enrol.id.note')} required value={value.id ?? ''} onChange={set('id')} pattern="[A-Za-z0-9][A-Za-z0-9._\-]*" autoComplete="off" data-autofocus />
      <TextInput label={say('enrol.label')} value={value.label ?? ''} onChange={set('label')} />
      {!short && <Details value={value} onChange={onChange} />}
    </>
  )
}

function Details({ value, onChange }: { value: Record<string, string>; onChange: (v: Record<string, string>) => void }) {
  const say = useSay()
  const set = (k: string) => (e: { currentTarget: { value: string } }) => onChange({ ...value, [k]: e.currentTarget.value })
  return (
    <>
      <div className="two">
        <TextInput label={say('enrol.kind')} value={value.kind ?? 'monitor'} onChange={set('kind')} />
        <Select label={say('enrol.class')} allowDeselect={false} data={(['device', 'gateway'] as const).map((v) => ({ value: v, label: say(`enrol.class.${v}`) }))} value={value.class ?? 'device'} onChange={(v) => onChange({ ...value, class: v ?? 'device' })} />
        <TextInput label={say('enrol.model')} value={value.model ?? ''} onChange={set('model')} />
        <TextInput label={say('enrol.udi')} value={value.udi ?? ''} onChange={set('udi')} />
      </div>
      <Select label={say('enrol.regulatory')} allowDeselect={false} data={(['unknown', 'medical', 'wellness'] as const).map((v) => ({ value: v, label: say(`enrol.regulatory.${v}`) }))} value={value.regulatory ?? 'unknown'} onChange={(v) => onChange({ ...value, regulatory: v ?? 'unknown' })} />
    </>
  )
}

export const enrol = (v: Record<string, string>) => post<Enrolled>('/devices', { id: v.id, label: v.label || v.id, kind: v.kind ?? 'monitor', class: v.class ?? 'device', model: v.model ?? '', udi: v.udi ?? '', regulatory: v.regulatory ?? 'unknown' })

export function Secret({ credential }: { credential: Credential }) {
  const say = useSay()
  return (
    <div className="stack">
      <p className="strong">{say('enrol.once')}</p>
      <Copy label={say('enrol.username')} text={credential.username} />
      <Copy label={say('enrol.password')} text={credential.password} />
      {credential.topic && <Copy label={say('enrol.topic')} text={credential.topic} />}
    </div>
  )
}

export function EnrolDialog({ close }: { close: () => void }) {
  const say = useSay()
  const [value, setValue] = useState<Record<string, string>>({})
  const [made, setMade] = useState<Enrolled | null>(null)
  if (made) {
    return (
      <Modal opened onClose={close} title={made.device.label || made.device.id} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
        <Secret credential={made.credential} />
        <div className="row ask-end">
          <Button onClick={close}>{say('action.done')}</Button>
        </div>
      </Modal>
    )
  }
  return (
    <Ask title={say('enrol.title')} act={say('enrol.act')} ready={Boolean(value.id)} close={close} run={async () => (setMade(await enrol(value)), stay)}>
      <EnrolFields value={value} onChange={setValue} />
    </Ask>
  )
}

interface Imported {
  items: { device: string; username: string; password: string }[] | null
  problems: { line: number; message: string }[] | null
}

const lines = (text: string) => text.split(/\r?\n/).filter((l) => l.trim() !== '' && !/^id\s*[,;]/i.test(l)).length

/** Two hundred devices at once. The passwords exist here and nowhere else, so leaving without them is a decision. */
export function ImportDialog({ close }: { close: () => void }) {
  const say = useSay()
  const client = useQueryClient()
  const [text, setText] = useState('')
  const [done, setDone] = useState<Imported | null>(null)
  const [saved, setSaved] = useState(false)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const send = async () => {
    setBusy(true)
    setProblem('')
    try {
      setDone(await call<Imported>('POST', '/devices/import', /^id\s*,/i.test(text.trim()) ? text : 'id,label,kind,model,udi\n' + text, 'text/csv'))
      void client.invalidateQueries({ queryKey: ['devices'] })
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  const items = done?.items ?? []
  const keep = () => {
    save('vigil-devices.csv', 'device,username,password\n' + items.map((i) => `${i.device},${i.username},${i.password}`).join('\n') + '\n')
    setSaved(true)
  }
  return (
    <Modal opened onClose={() => (done === null || saved || items.length === 0) && close()} size="lg" title={say('import.title')} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
      {done === null ? (
        <div className="stack">
          <p className="second">{say('import.note')}</p>
          <FileInput label={say('import.file')} accept=".csv,text/csv" clearable onChange={(f) => void f?.text().then(setText)} />
          <Textarea label={say('import.paste')} value={text} onChange={(e) => setText(e.currentTarget.value)} minRows={6} autosize maxRows={14} className="mono" />
          {problem && (
            <p className="problem" role="alert">
              {problem}
            </p>
          )}
          <div className="row ask-end">
            <Button variant="default" onClick={close}>
              {say('action.cancel')}
            </Button>
            <Button loading={busy} disabled={lines(text) === 0} onClick={() => void send()}>
              {say('import.act', { count: lines(text) })}
            </Button>
          </div>
        </div>
      ) : (
        <div className="stack">
          <p className="strong">{say('import.done', { count: items.length })}</p>
          {(done.problems ?? []).length > 0 && (
            <ul className="problem">
              {(done.problems ?? []).map((p) => (
                <li key={p.line}>{say('import.problem', { line: p.line, message: p.message })}</li>
              ))}
            </ul>
          )}
          {items.length > 0 && <p>{say('import.once')}</p>}
          <div className="row ask-end">
            {items.length > 0 && !saved && (
              <Button variant="default" onClick={close}>
                {say('import.leave')}
              </Button>
            )}
            {items.length > 0 && <Button onClick={keep}>{say('import.download')}</Button>}
            {(saved || items.length === 0) && (
              <Button variant="default" onClick={close}>
                {say('action.done')}
              </Button>
            )}
          </div>
        </div>
      )}
    </Modal>
  )
}
