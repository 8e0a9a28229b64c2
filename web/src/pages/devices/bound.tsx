import { Link } from 'wouter'
import { usePatients } from '../../api/queries'
import type { Binding, Room } from '../../api/types'
import { fullName } from '../../parts/person'
import { usePreferences } from '../../preferences'

/** Two wards may each have a room 1, so a room is never named without its ward. */
export const roomText = (r: Pick<Room, 'name' | 'wardName'>) => [r.name, r.wardName].filter(Boolean).join(', ')

/** The room of a binding by its name; the id only when the caller may not see that ward. */
export const boundRoom = (b: Binding) => (b.roomName ? roomText({ name: b.roomName, wardName: b.wardName }) : (b.room ?? ''))

/** Whom or what a device is or was bound to. */
export function Bound({ binding: b }: { binding: Binding }) {
  const { preferences } = usePreferences()
  const p = usePatients('').data?.find((x) => x.id === b.patient)
  if (!b.patient) return <>{boundRoom(b)}</>
  return <Link href={`/patient/${encodeURIComponent(b.patient)}`}>{p ? fullName(p, preferences.privacy) : b.patient}</Link>
}
