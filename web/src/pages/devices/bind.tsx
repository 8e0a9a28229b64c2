import { SegmentedControl, Select, TextInput } from '@mantine/core'
import { useState } from 'react'
import { post } from '../../api/client'
import { usePatients } from '../../api/queries'
import type { Device, PatientCard } from '../../api/types'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { fullName } from '../../parts/person'
import { WallTime } from '../../parts/wall-time'
import { hour } from '../../time/zone'
import { useSay } from '../../words'
import { boundRoom } from './bound'
import { useWhere, Where } from './room'

interface Confirm {
  family: string
  number: string
}

const path = (d: Device, what: string) => `/devices/${encodeURIComponent(d.id)}/${what}`
const same = (a: string, b: string) => a.trim().toLocaleLowerCase() === b.trim().toLocaleLowerCase()
const matches = (p: PatientCard | undefined, c: Confirm) => p !== undefined && same(p.family, c.family) && (p.numbers ?? []).some((n) => same(n.value, c.number))

/** Choose a patient, then prove it with two identifiers: one would bind the neighbour's monitor sooner or later. */
function Who({ chosen, setChosen, confirm, setConfirm }: { chosen: string | null; setChosen: (id: string | null) => void; confirm: Confirm; setConfirm: (c: Confirm) => void }) {
  const say = useSay()
  const patients = usePatients('').data ?? []
  const p = patients.find((x) => x.id === chosen)
  const complete = confirm.family !== '' && confirm.number !== ''
  return (
    <>
      <Select label={say('bind.patient')} searchable data={patients.map((x) => ({ value: x.id, label: `${fullName(x)}, ${x.birth}` }))} value={chosen} onChange={setChosen} />
      <fieldset className="bind-confirm">
        <legend>{say('bind.confirm')}</legend>
        <div className="two">
          <TextInput label={say('bind.family')} value={confirm.family} onChange={(e) => setConfirm({ ...confirm, family: e.currentTarget.value })} autoComplete="off" />
          <TextInput label={say('bind.number')} value={confirm.number} onChange={(e) => setConfirm({ ...confirm, number: e.currentTarget.value })} autoComplete="off" error={p && complete && !matches(p, confirm) ? say('bind.mismatch') : undefined} />
        </div>
      </fieldset>
    </>
  )
}

function useWho(start: string | null = null) {
  const patients = usePatients('').data ?? []
  const [chosen, setChosen] = useState<string | null>(start)
  const [confirm, setConfirm] = useState<Confirm>({ family: '', number: '' })
  return { chosen, setChosen, confirm, setConfirm, sure: matches(patients.find((x) => x.id === chosen), confirm) }
}

/** To a patient or to a room. The server closes no binding silently, so a bound device is not offered to be bound again. */
export function BindDialog({ device, name, zone, close }: { device: Device; name: string; zone: string; close: () => void }) {
  const say = useSay()
  const [to, setTo] = useState<'patient' | 'room'>('patient')
  const { sure: sureWho, ...who } = useWho()
  const { sure: sureWhere, ...where } = useWhere()
  const [from, setFrom] = useState<number | null>(live.now())
  const sure = to === 'patient' ? sureWho : sureWhere
  const target = () => (to === 'patient' ? { patient: who.chosen, confirm: who.confirm } : { room: where.room?.id })
  return (
    <Ask title={say('bind.title', { device: device.label || device.id })} act={say('bind.act')} ready={sure && from !== null && !device.binding} close={close} run={() => post(path(device, 'bind'), { ...target(), from: new Date(from as number).toISOString() })}>
      {device.binding && (
        <p className="technical" role="status">
          {say('bind.bound', { name: name || boundRoom(device.binding) })}
        </p>
      )}
      <SegmentedControl fullWidth aria-label={say('bind.which')} value={to} onChange={(v) => setTo(v as 'patient' | 'room')} data={(['patient', 'room'] as const).map((v) => ({ value: v, label: say(`bind.${v}`) }))} />
      {to === 'patient' ? <Who {...who} /> : <Where {...where} />}
      <WallTime label={say('bind.from')} value={from ?? live.now()} zone={zone} onChange={setFrom} />
    </Ask>
  )
}

export function UnbindDialog({ device, name, zone, close }: { device: Device; name: string; zone: string; close: () => void }) {
  const say = useSay()
  const [at, setAt] = useState<number | null>(live.now())
  const [why, setWhy] = useState('')
  return (
    <Ask title={say('unbind.title', { device: device.label || device.id, name: name || (device.binding ? boundRoom(device.binding) : '') })} act={say('device.unbind')} ready={at !== null && why.trim() !== ''} close={close} run={() => post(path(device, 'unbind'), { at: new Date(at as number).toISOString(), why })}>
      <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />
      <WallTime label={say('do.at')} value={at ?? live.now()} zone={zone} onChange={setAt} />
    </Ask>
  )
}

export function ReassignDialog({ device, zone, close }: { device: Device; zone: string; close: () => void }) {
  const say = useSay()
  const { sure, ...who } = useWho()
  const [from, setFrom] = useState<number | null>(live.now() - 2 * hour)
  const [to, setTo] = useState<number | null>(live.now())
  const [why, setWhy] = useState('')
  return (
    <Ask danger size="lg" title={say('reassign.title', { device: device.label || device.id })} note={say('reassign.note')} act={say('reassign.act')} ready={sure && from !== null && to !== null && to > from && why.trim() !== ''} close={close} run={() => post(path(device, 'reassign'), { patient: who.chosen, from: new Date(from as number).toISOString(), to: new Date(to as number).toISOString(), why, confirm: who.confirm })}>
      <div className="two">
        <WallTime label={say('bind.from')} value={from ?? live.now()} zone={zone} onChange={setFrom} />
        <WallTime label={say('bind.to')} value={to ?? live.now()} zone={zone} onChange={setTo} />
      </div>
      <Who {...who} />
      <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
    </Ask>
  )
}
