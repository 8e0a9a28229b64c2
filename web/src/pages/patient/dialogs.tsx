import { Button, NumberInput, SegmentedControl, Select, TextInput, Textarea } from '@mantine/core'
import { useState } from 'react'
import { post, put } from '../../api/client'
import { useMetricRows, useWard, useWards } from '../../api/queries'
import type { Patient, PlanItem } from '../../api/types'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { fullName } from '../../parts/person'
import { WallTime } from '../../parts/wall-time'
import { useSay } from '../../words'

export type Deed = 'admit' | 'transfer' | 'discharge' | 'standby' | 'note' | 'plan'

interface Props {
  patient: Patient
  zone: string
  close: () => void
}

export function Deeds({ deed, ...props }: Props & { deed: Deed }) {
  switch (deed) {
    case 'admit':
    case 'transfer':
      return <Move {...props} way={deed} />
    case 'discharge':
      return <Discharge {...props} />
    case 'standby':
      return <SetStandby {...props} />
    case 'note':
      return <Note {...props} />
    case 'plan':
      return <Plan {...props} />
  }
}

const path = (p: Patient, what: string) => `/patients/${encodeURIComponent(p.id)}/${what}`

function Move({ patient, zone, close, way }: Props & { way: 'admit' | 'transfer' }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [ward, setWard] = useState<string | null>(patient.ward || null)
  const [bed, setBed] = useState<string | null>(null)
  const [at, setAt] = useState<number | null>(live.now())
  const chosen = ward ?? wards[0]?.id ?? ''
  const free = (useWard(chosen).data?.beds ?? []).filter((b) => !b.patient)
  const name = fullName(patient)
  return (
    <Ask title={say(way === 'admit' ? 'do.admit.title' : 'do.transfer.title', { name })} act={say(way === 'admit' ? 'patient.admit' : 'patient.transfer')} ready={bed !== null && at !== null} close={close} run={() => post(path(patient, way), { bed, at: new Date(at as number).toISOString() })}>
      <Select label={say('ward.choose')} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={chosen} onChange={setWard} allowDeselect={false} />
      <Select label={say('do.bed')} data={free.map((b) => ({ value: b.id, label: b.label }))} value={bed} onChange={setBed} searchable error={free.length === 0 ? say('do.bed.none') : undefined} />
      <WallTime label={say('do.at')} value={at ?? live.now()} zone={zone} onChange={setAt} />
    </Ask>
  )
}

function Discharge({ patient, zone, close }: Props) {
  const say = useSay()
  const [at, setAt] = useState<number | null>(live.now())
  const [why, setWhy] = useState('')
  const [typed, setTyped] = useState('')
  const ready = typed.trim().toLocaleLowerCase() === patient.family.toLocaleLowerCase() && at !== null
  return (
    <Ask danger title={say('do.discharge.title', { name: fullName(patient) })} note={say('do.discharge.note')} act={say('patient.discharge')} ready={ready} close={close} run={() => post(path(patient, 'discharge'), { at: new Date(at as number).toISOString(), why })}>
      <WallTime label={say('do.at')} value={at ?? live.now()} zone={zone} onChange={setAt} />
      <TextInput label={say('do.why')} value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
      <TextInput label={say('do.discharge.confirm', { name: patient.family })} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" />
    </Ask>
  )
}

function SetStandby({ patient, close }: Props) {
  const say = useSay()
  const [reason, setReason] = useState('')
  const [minutes, setMinutes] = useState('30')
  return (
    <Ask title={say('do.standby.title', { name: fullName(patient) })} note={say('do.standby.note')} act={say('patient.standby')} ready={reason.trim() !== ''} close={close} run={() => post(path(patient, 'standby'), { reason, minutes: Number(minutes) })}>
      <div className="row wrap">
        {(['do.standby.ct', 'do.standby.theatre', 'do.standby.toilet', 'do.standby.walk'] as const).map((k) => (
          <Button key={k} size="compact-sm" variant="default" aria-pressed={reason === say(k)} onClick={() => setReason(say(k))}>
            {say(k)}
          </Button>
        ))}
      </div>
      <TextInput label={say('do.why')} value={reason} onChange={(e) => setReason(e.currentTarget.value)} required />
      <SegmentedControl aria-label={say('do.standby.minutes')} value={minutes} onChange={setMinutes} data={['15', '30', '60', '120', '240'].map((m) => ({ value: m, label: say.age(Number(m) * 60_000) }))} />
    </Ask>
  )
}

function Note({ patient, zone, close }: Props) {
  const say = useSay()
  const [text, setText] = useState('')
  const [kind, setKind] = useState('remark')
  const [at, setAt] = useState<number | null>(live.now())
  return (
    <Ask title={say('do.note.title', { name: fullName(patient) })} act={say('action.save')} ready={text.trim() !== '' && at !== null} close={close} run={() => post(path(patient, 'annotations'), { at: new Date(at as number).toISOString(), text, kind })}>
      <SegmentedControl aria-label={say('do.note.kind')} value={kind} onChange={setKind} data={(['drug', 'procedure', 'remark'] as const).map((k) => ({ value: k, label: say(`do.note.${k}`) }))} />
      <Textarea label={say('do.note.text')} value={text} onChange={(e) => setText(e.currentTarget.value)} minRows={2} autosize data-autofocus />
      <WallTime label={say('do.at')} value={at ?? live.now()} zone={zone} onChange={setAt} />
    </Ask>
  )
}

function Plan({ patient, close }: Props) {
  const say = useSay()
  const rows = useMetricRows().data ?? []
  const [items, setItems] = useState<PlanItem[]>(patient.plan ?? [])
  const change = (i: number, part: Partial<PlanItem>) => setItems((all) => all.map((item, k) => (k === i ? { ...item, ...part } : item)))
  const label = (m: string) => say.maybe('metric.' + m, rows.find((r) => r.name === m)?.label ?? m)
  const choices = [...new Set([...rows.filter((r) => r.shape !== 'wave').map((r) => r.name), ...items.map((i) => i.metric)])].map((m) => ({ value: m, label: label(m) }))
  const next = choices.find((c) => !items.some((i) => i.metric === c.value))?.value
  return (
    <Ask size="lg" title={say('do.plan.title', { name: fullName(patient) })} note={say('do.plan.note')} act={say('action.save')} close={close} run={() => put(path(patient, 'plan'), { items })}>
      {items.map((item, i) => (
        <div key={i} className="plan-row">
          <Select aria-label={say('patient.plan')} searchable data={choices} value={item.metric} onChange={(m) => m && change(i, { metric: m })} />
          <Select aria-label={say('do.note.kind')} allowDeselect={false} data={[{ value: 'continuous', label: say('do.plan.continuous') }, { value: 'spot', label: say('do.plan.spot') }]} value={item.kind} onChange={(k) => change(i, { kind: k === 'spot' ? 'spot' : 'continuous', every: k === 'spot' ? 4 * 3600 : 10 })} />
          <NumberInput aria-label={say('do.plan.every')} min={1} value={item.kind === 'spot' ? item.every / 60 : item.every} suffix={item.kind === 'spot' ? ' min' : ' s'} onChange={(n) => change(i, { every: Math.round(Number(n) * (item.kind === 'spot' ? 60 : 1)) })} />
          <Button variant="subtle" color="gray" aria-label={say('do.plan.remove', { name: label(item.metric) })} onClick={() => setItems((all) => all.filter((_, k) => k !== i))}>
            ×
          </Button>
        </div>
      ))}
      {next && (
        <Button variant="default" onClick={() => setItems((all) => [...all, { metric: next, kind: 'continuous', every: 10 }])}>
          {say('do.plan.add')}
        </Button>
      )}
    </Ask>
  )
}
