import './cover.css'
import { Button, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { useCover } from '../../api/alarm-calls'
import type { Cover, Person } from '../../api/alarm'
import { useWard, useWards } from '../../api/queries'
import { useMay, useZoneOf } from '../../api/running'
import type { Bed } from '../../api/types'
import { instant, live } from '../../live/store'
import { fullName } from '../../parts/person'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { NoWardYet, Running, useWardOfAddress, WardChoice } from '../running'
import { ChainEditor } from './chain'
import { ShiftEditor } from './shift'

type Item = NonNullable<Cover['items']>[number]

/** Who takes care of which bed now, who comes after them, and who is without anybody. */
export default function CoverPage() {
  const say = useSay()
  const may = useMay()
  const ward = useWardOfAddress()
  const wards = useWards()
  const zone = useZoneOf(ward)
  const answer = useCover(ward)
  const beds = useWard(ward).data?.beds ?? []
  const [editing, setEditing] = useState(false)
  const write = may('duty.write')
  return (
    <Running title={say('running.cover')} tools={<WardChoice />}>
      {wards.data?.length === 0 ? (
        <NoWardYet />
      ) : answer.error && !answer.data ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Skeleton lines={8} height={22} />
      ) : (answer.data.items ?? []).length === 0 ? (
        <Empty title={say('ward.noBeds.title')}>{say('ward.noBeds.do')}</Empty>
      ) : (
        <>
          <Now cover={answer.data} zone={zone} />
          <div className="cover-head">
            <WhoCovers items={answer.data.items ?? []} />
            {write && (
              <Button variant={editing ? 'default' : 'filled'} aria-expanded={editing} onClick={() => setEditing(!editing)}>
                {say(editing ? 'cover.edit.close' : 'cover.edit')}
              </Button>
            )}
          </div>
          {editing ? <ShiftEditor key={ward} ward={ward} zone={zone} cover={answer.data} beds={beds} done={() => setEditing(false)} /> : <Beds items={answer.data.items ?? []} beds={beds} shift={answer.data.shift?.name ?? ''} />}
          <ChainEditor ward={ward} write={write} />
        </>
      )}
    </Running>
  )
}

const open = (i: Item) => i.patient !== null && i.nurse === null

function Now({ cover, zone }: { cover: Cover; zone: string }) {
  const say = useSay()
  const bare = (cover.items ?? []).filter(open)
  const shift = cover.shift?.name ? cover.shift : null
  const at = (t: number | string) => moment(instant(t), zone, say.language, live.now())
  return (
    <>
      <p className="lede">{shift ? say('cover.shift', { name: shift.name, from: at(shift.from), to: at(shift.to) }) : say('cover.shift.none')}</p>
      {bare.length > 0 && (
        <p className="loud" role="status">
          <strong>{say('cover.uncovered', { count: bare.length })}</strong> {bare.map((b) => b.label).join(', ')}. {say('cover.uncovered.do')}
        </p>
      )}
    </>
  )
}

const name = (p: Person | null) => (p ? p.name || p.user : '')

/** "Who covers bed 12 now", as it is asked on the telephone. */
function WhoCovers({ items }: { items: Item[] }) {
  const say = useSay()
  const [asked, setAsked] = useState('')
  const wanted = asked.trim().replace(/^0+/, '').toLowerCase()
  const found = wanted === '' ? undefined : items.find((i) => i.label.replace(/^0+/, '').toLowerCase() === wanted)
  const text = !wanted
    ? ''
    : !found
      ? say('cover.who.unknown', { label: asked.trim() })
      : !found.patient
        ? say('cover.who.empty', { label: found.label })
        : !found.nurse
          ? say('cover.who.nobody', { label: found.label })
          : found.backup
            ? say('cover.who.both', { label: found.label, nurse: name(found.nurse), backup: name(found.backup) })
            : say('cover.who.nurse', { label: found.label, nurse: name(found.nurse) })
  return (
    <div className="cover-who">
      <TextInput label={say('cover.who')} value={asked} onChange={(e) => setAsked(e.currentTarget.value)} autoComplete="off" inputMode="text" />
      <output aria-live="polite" className={found && open(found) ? 'technical strong' : ''}>
        {text}
      </output>
    </div>
  )
}

function Beds({ items, beds, shift }: { items: Item[]; beds: Bed[]; shift: string }) {
  const say = useSay()
  const { preferences } = usePreferences()
  const mixed = items.some((i) => i.shift !== '' && i.shift !== shift)
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={say('running.cover')}>
      <table className="cover-table">
        <thead>
          <tr>
            <th scope="col">{say('cover.bed')}</th>
            <th scope="col">{say('cover.patient')}</th>
            <th scope="col">{say('cover.nurse')}</th>
            <th scope="col">{say('cover.backup')}</th>
            {mixed && <th scope="col">{say('cover.inShift')}</th>}
          </tr>
        </thead>
        <tbody>
          {items.map((i) => {
            const patient = beds.find((b) => b.id === i.bed)?.patient
            return (
              <tr key={i.bed} data-open={open(i) || undefined}>
                <th scope="row" className="strong">
                  {i.label}
                </th>
                <td>{i.patient ? <Link href={`/patient/${encodeURIComponent(i.patient)}`}>{patient ? fullName(patient, preferences.privacy) : say('cover.somebody')}</Link> : <span className="quiet">{say('bed.empty')}</span>}</td>
                <td>{i.nurse ? name(i.nurse) : i.patient ? <strong className="technical">{say('cover.nobody')}</strong> : ''}</td>
                <td>{i.backup ? name(i.backup) : i.patient ? <span className="quiet">{say('cover.noBackup')}</span> : ''}</td>
                {mixed && <td className="second">{i.shift === shift ? '' : i.shift}</td>}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
