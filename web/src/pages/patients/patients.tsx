import { Button, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useEffect, useState } from 'react'
import { Link, useLocation, useSearch } from 'wouter'
import { post } from '../../api/client'
import { usePatients, useWard, useWards } from '../../api/queries'
import { useMay } from '../../api/running'
import type { PatientCard } from '../../api/types'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { ageAndSex, fullName } from '../../parts/person'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { GlassOffer } from '../access/glass'
import { birthText } from '../patient/patient'

/** Everybody whom this person may see; with ?admit=bed it asks who comes to that bed. */
export default function PatientsPage() {
  const say = useSay()
  const [, go] = useLocation()
  const zone = useZone()
  const { preferences } = usePreferences()
  const admit = new URLSearchParams(useSearch()).get('admit') ?? ''
  const wards = useWards().data ?? []
  const beds = useWard(wards[0]?.id ?? '').data?.beds ?? []
  const [q, setQ] = useState('')
  const [asked] = useDebouncedValue(q, 200)
  const may = useMay()
  const [adding, setAdding] = useState(false)
  const [chosen, setChosen] = useState<PatientCard | null>(null)
  const answer = usePatients(asked)
  const bed = beds.find((b) => b.id === admit)
  const label = (id: string | null) => beds.find((b) => b.id === id)?.label ?? id ?? ''
  const list = (answer.data ?? []).filter((p) => !admit || !p.bed)
  useEffect(() => {
    document.title = `${say('patients.title')} \u00b7 Vigil`
  }, [say])
  return (
    <div className="page">
      <div className="page-head">
        <h1>{admit ? say('patients.admit.which', { label: bed?.label ?? admit }) : say('patients.title')}</h1>
        <TextInput aria-label={say('patients.search')} placeholder={say('patients.search')} value={q} onChange={(e) => setQ(e.currentTarget.value)} w={280} />
        <span className="grow" />
        {may('patient.write') && <Button onClick={() => setAdding(true)}>{say('patients.add')}</Button>}
      </div>
      {answer.isPending && <Skeleton lines={8} height={22} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && list.length === 0 && <Empty title={say(asked || admit ? 'patients.none.title' : 'patients.empty.title')} action={may('patient.write') && <Button onClick={() => setAdding(true)}>{say('patients.add')}</Button>}>{say(asked || admit ? 'patients.none.do' : 'patients.empty.do')}</Empty>}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('patients.title')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('patients.column.name')}</th>
                <th scope="col">{say('patients.column.birth')}</th>
                <th scope="col">{say('patients.column.number')}</th>
                <th scope="col">{say('patients.column.bed')}</th>
                <th scope="col">{say('patients.column.since')}</th>
                {admit && <th scope="col" />}
              </tr>
            </thead>
            <tbody>
              {list.map((p) => (
                <tr key={p.id}>
                  <th scope="row">
                    <Link href={`/patient/${encodeURIComponent(p.id)}`} className="strong">
                      {fullName(p, preferences.privacy)}
                    </Link>{' '}
                    <span className="second">{ageAndSex(p, say)}</span>
                  </th>
                  <td className="nowrap">{birthText(p.birth, say.language)}</td>
                  <td>{(p.numbers ?? []).map((n) => `${n.system} ${n.value}`).join(', ')}</td>
                  <td>{p.bed ? label(p.bed) : <span className="quiet">{say('patients.notAdmitted')}</span>}</td>
                  <td className="nowrap">{p.bed && p.admitted ? moment(Date.parse(p.admitted), zone, say.language, live.now()) : ''}</td>
                  {admit && (
                    <td className="right">
                      <Button size="compact-sm" onClick={() => setChosen(p)}>
                        {say('patient.admit')}
                      </Button>
                    </td>
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {!admit && (
        <div className="patients-glass">
          <GlassOffer />
        </div>
      )}
      {adding && <AddPatient close={() => setAdding(false)} made={(p) => (admit ? setChosen(p) : go(`/patient/${encodeURIComponent(p.id)}`))} />}
      {chosen && (
        <Ask title={`${say('do.admit.title', { name: fullName(chosen) })}: ${say('bed.bed', { label: bed?.label ?? admit })}`} note={`${say('patient.born', { date: birthText(chosen.birth, say.language) })}, ${(chosen.numbers ?? []).map((n) => `${n.system} ${n.value}`).join(', ')}`} act={say('patient.admit')} close={() => setChosen(null)} run={() => post(`/patients/${encodeURIComponent(chosen.id)}/admit`, { bed: admit, at: new Date(live.now()).toISOString() }).then(() => go(`/patient/${encodeURIComponent(chosen.id)}`))} />
      )}
    </div>
  )
}

function AddPatient({ close, made }: { close: () => void; made: (p: PatientCard) => void }) {
  const say = useSay()
  const [v, setV] = useState({ family: '', given: '', birth: '', sex: 'unknown', number: '' })
  const set = (k: keyof typeof v) => (e: { currentTarget: { value: string } }) => setV({ ...v, [k]: e.currentTarget.value })
  return (
    <Ask title={say('patients.add')} act={say('patients.add')} ready={v.family.trim() !== '' && v.birth !== '' && v.number.trim() !== ''} close={close} run={async () => made(await post<PatientCard>('/patients', { family: v.family.trim(), given: v.given.trim(), birth: v.birth, sex: v.sex, numbers: [{ system: 'MRN', value: v.number.trim() }] }))}>
      <TextInput label={say('patients.family')} required value={v.family} onChange={set('family')} data-autofocus autoComplete="off" />
      <TextInput label={say('patients.given')} value={v.given} onChange={set('given')} autoComplete="off" />
      <TextInput label={say('patients.birth')} required type="date" value={v.birth} onChange={set('birth')} />
      <Select label={say('patients.sex')} allowDeselect={false} value={v.sex} onChange={(sex) => setV({ ...v, sex: sex ?? 'unknown' })} data={(['female', 'male', 'other', 'unknown'] as const).map((s) => ({ value: s, label: say(`sex.${s}.long`) }))} />
      <TextInput label={say('patients.number')} required value={v.number} onChange={set('number')} autoComplete="off" />
    </Ask>
  )
}
