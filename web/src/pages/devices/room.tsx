import { Button, Select, TextInput, type ComboboxItem, type OptionsFilter } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type KeyboardEvent } from 'react'
import { post } from '../../api/client'
import { useMe, useRooms, useWards } from '../../api/queries'
import type { Room } from '../../api/types'
import { refusalText } from '../../parts/states'
import { useSay } from '../../words'
import { roomText } from './bound'

const same = (a: string, b: string) => a.trim().toLocaleLowerCase() === b.trim().toLocaleLowerCase()

/** Every word has to occur, in the name of the room or of its ward. */
const byWords: OptionsFilter = ({ options, search }) => {
  const words = search.toLocaleLowerCase().split(/[\s,]+/).filter(Boolean)
  return options.filter((o) => words.every((w) => (o as ComboboxItem).label.toLocaleLowerCase().includes(w)))
}

/** What somebody said about the room: which one, and its name once more. */
export function useWhere() {
  const rooms = useRooms()
  const [chosen, setChosen] = useState<string | null>(null)
  const [typed, setTyped] = useState('')
  const room = rooms.data?.find((r) => r.id === chosen)
  const choose = (id: string | null) => {
    setChosen(id)
    setTyped('') // what was written named another room
  }
  return { rooms, room, choose, typed, setTyped, sure: room !== undefined && same(room.name, typed) }
}

/** Choose a room, hear what that means, and write its name: the way of two identifiers, for a place. */
export function Where({ rooms, room, choose, typed, setTyped }: Omit<ReturnType<typeof useWhere>, 'sure'>) {
  const say = useSay()
  const may = (useMe().data?.actions ?? []).includes('ward.write')
  const [adding, setAdding] = useState(false)
  const order = new Intl.Collator(say.language, { numeric: true })
  const list = [...(rooms.data ?? [])].sort((a, b) => order.compare(a.wardName, b.wardName) || order.compare(a.name, b.name))
  const made = (r: Room) => {
    setAdding(false)
    choose(r.id)
  }
  const near = room && room.name.toLocaleLowerCase().startsWith(typed.trimStart().toLocaleLowerCase())
  return (
    <>
      {rooms.error && !rooms.data && (
        <p className="problem" role="alert">
          {refusalText(rooms.error, say)}
        </p>
      )}
      {rooms.data && list.length === 0 && !adding && (
        <p className="second">
          {say('bind.room.empty')} {!may && say('bind.room.ask')}
        </p>
      )}
      {list.length > 0 && (
        <Select label={say('bind.room')} placeholder={say('bind.room.search')} searchable allowDeselect={false} selectFirstOptionOnChange nothingFoundMessage={say('bind.room.none')} filter={byWords} limit={100} data={list.map((r) => ({ value: r.id, label: roomText(r) }))} value={room?.id ?? null} onChange={choose} />
      )}
      {may && !adding && (
        <div>
          <Button variant="default" size="xs" onClick={() => setAdding(true)}>
            {say('room.add')}
          </Button>
        </div>
      )}
      {adding && <AddRoom made={made} close={() => setAdding(false)} />}
      {room && (
        <>
          <p className="bind-means" role="status">
            {say('bind.room.means', { room: roomText(room) })}
          </p>
          <TextInput label={say('bind.room.confirm', { room: room.name })} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" error={!near && !same(room.name, typed) ? say('bind.room.mismatch') : undefined} />
        </>
      )}
    </>
  )
}

/** A room is made where it is missed. It stands in a ward and nowhere else. */
function AddRoom({ made, close }: { made: (r: Room) => void; close: () => void }) {
  const say = useSay()
  const client = useQueryClient()
  const wards = useWards().data ?? []
  const [picked, setPicked] = useState<string | null>(null)
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const ward = wards.find((w) => w.id === picked) ?? (wards.length === 1 ? wards[0] : undefined)
  const ready = ward !== undefined && name.trim() !== '' && !busy
  const add = async () => {
    if (!ward || !ready) return
    setBusy(true)
    setProblem('')
    try {
      const { id } = await post<{ id: string }>(`/wards/${encodeURIComponent(ward.id)}/rooms`, { name })
      await client.invalidateQueries({ queryKey: ['rooms'] })
      made({ id, name: name.trim(), ward: ward.id, wardName: ward.name })
    } catch (e) {
      setProblem(refusalText(e, say))
      setBusy(false)
    }
  }
  const enter = (e: KeyboardEvent) => {
    if (e.key !== 'Enter') return
    e.preventDefault() // the form around would bind
    void add()
  }
  return (
    <fieldset className="bind-confirm">
      <legend>{say('room.add')}</legend>
      <div className="two">
        <Select label={say('room.ward')} allowDeselect={false} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={ward?.id ?? null} onChange={setPicked} autoFocus={wards.length > 1} />
        <TextInput label={say('room.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} onKeyDown={enter} maxLength={100} autoComplete="off" autoFocus={wards.length === 1} />
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="row ask-end">
        <Button variant="default" size="xs" onClick={close}>
          {say('action.cancel')}
        </Button>
        <Button size="xs" disabled={!ready} onClick={() => void add()}>
          {say('room.add.act')}
        </Button>
      </div>
    </fieldset>
  )
}
