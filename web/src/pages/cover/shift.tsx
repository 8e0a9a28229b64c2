import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { notifications } from '@mantine/notifications'
import { useState, type FormEvent } from 'react'
import type { Cover } from '../../api/alarm'
import { assign, coverAt, useStaff } from '../../api/running'
import type { Bed } from '../../api/types'
import { instant, live } from '../../live/store'
import { fullName } from '../../parts/person'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { WallTime } from '../../parts/wall-time'
import { usePreferences } from '../../preferences'
import { hour, instants, moment, wall } from '../../time/zone'
import { useSay } from '../../words'

type Given = Record<string, { user: string; backup: string }>

const given = (cover: Cover): Given => Object.fromEntries((cover.items ?? []).map((i) => [i.bed, { user: i.nurse?.user ?? '', backup: i.backup?.user ?? '' }]))

// Begins at which hours of the ward's day shifts commonly begin; the name and both ends can be written over.
const usual = [
  { key: 'cover.shift.early', hour: 7 },
  { key: 'cover.shift.late', hour: 15 },
  { key: 'cover.shift.night', hour: 23 },
] as const

function begins(now: number, zone: string): { index: number; from: number } {
  const w = wall(now, zone)
  const index = w.hour >= 23 || w.hour < 7 ? 2 : w.hour >= 15 ? 1 : 0
  const back = (w.hour - usual[index]!.hour + 24) % 24
  const of = wall(now - back * hour, zone)
  return { index, from: instants({ ...of, minute: 0, second: 0 }, zone)[0] ?? now }
}

/** Says who takes care of which bed in a shift. Nothing is changed before it is saved. */
export function ShiftEditor({ ward, zone, cover, beds, done }: { ward: string; zone: string; cover: Cover; beds: Bed[]; done: () => void }) {
  const say = useSay()
  const client = useQueryClient()
  const staff = useStaff(ward)
  const { preferences } = usePreferences()
  const now = live.now()
  const current = cover.shift?.name ? cover.shift : null
  const [first] = useState(() => begins(now, zone))
  const [shift, setShift] = useState(current?.name ?? say(usual[first.index]!.key))
  const [from, setFrom] = useState<number | null>(current ? instant(current.from) : first.from)
  const [to, setTo] = useState<number | null>(current ? instant(current.to) : first.from + 8 * hour)
  const [people, setPeople] = useState<Given>(() => given(cover))
  const [note, setNote] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  if (staff.error && !staff.data) return <Trouble problem={staff.error} retry={() => void staff.refetch()} />
  if (!staff.data) return <Skeleton lines={6} />
  const items = cover.items ?? []
  const choice = [{ value: '', label: say('cover.nobody.choose') }, ...staff.data.map((s) => ({ value: s.user, label: s.name || s.user }))]
  const set = (bed: string, change: Partial<Given[string]>) => setPeople({ ...people, [bed]: { user: '', backup: '', ...people[bed], ...change } })
  const bare = items.filter((i) => i.patient && !people[i.bed]?.user)
  const twice = items.filter((i) => people[i.bed]?.user && people[i.bed]?.user === people[i.bed]?.backup)
  const wrong = from === null || to === null ? say('cover.edit.times') : to <= from || to - from > 48 * hour ? say('cover.edit.order') : to <= now ? say('cover.edit.over') : twice.length > 0 ? say('cover.edit.twice', { beds: twice.map((i) => i.label).join(', ') }) : ''

  const copy = async () => {
    setProblem('')
    try {
      for (const back of [60_000, 24 * hour]) {
        const at = (from ?? now) - back
        const before = await coverAt(ward, at)
        const was = given(before)
        if (!Object.values(was).some((g) => g.user)) continue
        const known = new Set(staff.data.map((s) => s.user))
        for (const g of Object.values(was)) {
          if (!known.has(g.user)) g.user = ''
          if (!known.has(g.backup)) g.backup = ''
        }
        setPeople(was)
        setNote(say('cover.copied', { name: before.shift?.name ?? '', time: moment(at, zone, say.language, now) }))
        return
      }
      setNote(say('cover.copied.none'))
    } catch (e) {
      setProblem(refusalText(e, say))
    }
  }
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      await assign(ward, { shift: shift.trim(), from: new Date(from!).toISOString(), to: new Date(to!).toISOString(), items: items.map((i) => ({ bed: i.bed, user: people[i.bed]?.user ?? '', backup: people[i.bed]?.backup ?? '' })).filter((i) => i.user || i.backup) })
      void client.invalidateQueries({ queryKey: ['cover'] })
      notifications.show({ message: say('cover.saved', { name: shift.trim() }) })
      done()
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="cover-edit" onSubmit={(e) => void submit(e)} aria-label={say('cover.edit')}>
      <p className="lede">{say('cover.edit.note')}</p>
      <div className="cover-fields">
        <TextInput label={say('cover.edit.name')} required maxLength={60} value={shift} onChange={(e) => setShift(e.currentTarget.value)} list="shift-names" />
        <datalist id="shift-names">
          {usual.map((u) => (
            <option key={u.key} value={say(u.key)} />
          ))}
        </datalist>
        <WallTime label={say('cover.edit.from')} value={from ?? now} zone={zone} onChange={setFrom} />
        <WallTime label={say('cover.edit.to')} value={to ?? now} zone={zone} onChange={setTo} />
        <Button variant="default" onClick={() => void copy()}>
          {say('cover.copy')}
        </Button>
        <Button variant="default" onClick={() => (setPeople({}), setNote(''))}>
          {say('cover.clear')}
        </Button>
      </div>
      <p className="second" role="status">
        {note}
      </p>
      <div className="scroll">
        <table className="cover-table">
          <thead>
            <tr>
              <th scope="col">{say('cover.bed')}</th>
              <th scope="col">{say('cover.nurse')}</th>
              <th scope="col">{say('cover.backup')}</th>
            </tr>
          </thead>
          <tbody>
            {items.map((i) => {
              const patient = beds.find((b) => b.id === i.bed)?.patient
              return (
                <tr key={i.bed} data-open={(i.patient && !people[i.bed]?.user) || undefined}>
                  <th scope="row">
                    <span className="strong">{i.label}</span> <span className="second cover-name">{i.patient ? (patient ? fullName(patient, preferences.privacy) : say('cover.somebody')) : say('bed.empty')}</span>
                  </th>
                  <td>
                    <NativeSelect size="xs" aria-label={`${say('cover.nurse')}, ${say('bed.bed', { label: i.label })}`} data={choice} value={people[i.bed]?.user ?? ''} onChange={(e) => set(i.bed, { user: e.currentTarget.value })} />
                  </td>
                  <td>
                    <NativeSelect size="xs" aria-label={`${say('cover.backup')}, ${say('bed.bed', { label: i.label })}`} data={choice} value={people[i.bed]?.backup ?? ''} onChange={(e) => set(i.bed, { backup: e.currentTarget.value })} />
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
      {bare.length > 0 && (
        <p className="technical strong" role="status">
          {say('cover.uncovered', { count: bare.length })} {bare.map((b) => b.label).join(', ')}.
        </p>
      )}
      {(wrong || problem) && (
        <p className="problem" role="alert">
          {problem || wrong}
        </p>
      )}
      <div className="row wrap">
        <Button type="submit" loading={busy} disabled={wrong !== '' || shift.trim() === ''}>
          {say('cover.save')}
        </Button>
        <Button variant="default" onClick={done}>
          {say('action.cancel')}
        </Button>
      </div>
    </form>
  )
}
