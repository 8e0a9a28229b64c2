import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import { useState } from 'react'
import { post } from '../../api/client'
import type { Ward } from '../../api/types'
import { Ask } from '../../parts/ask'
import { Empty } from '../../parts/states'
import { useSay } from '../../words'

/** The very first screen of a new site. */
export function NoWard() {
  const say = useSay()
  const [open, setOpen] = useState(false)
  return (
    <>
      <Empty title={say('ward.empty.title')} action={<Button onClick={() => setOpen(true)}>{say('ward.empty.make')}</Button>}>
        {say('ward.empty.do')}
      </Empty>
      {open && <MakeWard close={() => setOpen(false)} />}
    </>
  )
}

export function NoBeds({ ward }: { ward: Ward }) {
  const say = useSay()
  const [open, setOpen] = useState(false)
  return (
    <>
      <Empty title={say('ward.noBeds.title')} action={<Button onClick={() => setOpen(true)}>{say('ward.addBeds')}</Button>}>
        {say('ward.noBeds.do')}
      </Empty>
      {open && <MakeBeds ward={ward} close={() => setOpen(false)} />}
    </>
  )
}

const zones = () => (Intl as unknown as { supportedValuesOf?: (k: string) => string[] }).supportedValuesOf?.('timeZone') ?? ['Europe/Zurich', 'UTC']

async function makeBeds(ward: string, first: number, count: number) {
  for (let i = 0; i < count; i++) await post(`/wards/${encodeURIComponent(ward)}/beds`, { label: String(first + i).padStart(2, '0'), position: first + i })
}

function Beds({ first, setFirst, count, setCount }: { first: number; setFirst: (n: number) => void; count: number; setCount: (n: number) => void }) {
  const say = useSay()
  return (
    <>
      <NumberInput label={say('ward.bedsFrom')} min={1} value={first} onChange={(n) => setFirst(Number(n))} />
      <NumberInput label={say('ward.bedsCount')} min={1} max={64} value={count} onChange={(n) => setCount(Number(n))} />
    </>
  )
}

function MakeBeds({ ward, close }: { ward: Ward; close: () => void }) {
  const say = useSay()
  const [first, setFirst] = useState(1)
  const [count, setCount] = useState(16)
  return (
    <Ask title={`${say('ward.addBeds')}: ${ward.name}`} act={say('ward.addBeds')} ready={count > 0} close={close} run={() => makeBeds(ward.id, first, count)}>
      <Beds first={first} setFirst={setFirst} count={count} setCount={setCount} />
    </Ask>
  )
}

function MakeWard({ close }: { close: () => void }) {
  const say = useSay()
  const [name, setName] = useState('')
  const [zone, setZone] = useState(Intl.DateTimeFormat().resolvedOptions().timeZone)
  const [kind, setKind] = useState('adult')
  const [first, setFirst] = useState(1)
  const [count, setCount] = useState(16)
  const run = async () => {
    const ward = await post<Ward>('/wards', { name: name.trim(), zone, kind })
    await makeBeds(ward.id, first, count)
  }
  return (
    <Ask title={say('ward.empty.make')} act={say('ward.empty.make')} ready={name.trim() !== ''} close={close} run={run}>
      <TextInput label={say('ward.name')} required value={name} onChange={(e) => setName(e.currentTarget.value)} data-autofocus />
      <Select label={say('ward.zone')} searchable data={zones()} value={zone} onChange={(z) => z && setZone(z)} />
      <Select label={say('ward.kind')} allowDeselect={false} data={(['adult', 'high-dependency', 'paediatric', 'home'] as const).map((k) => ({ value: k, label: say(`ward.kind.${k}`) }))} value={kind} onChange={(k) => k && setKind(k)} />
      <Beds first={first} setFirst={setFirst} count={count} setCount={setCount} />
    </Ask>
  )
}
