import { Button, Modal, Select } from '@mantine/core'
import { useState } from 'react'
import type { Priority } from '../api/alarm'
import { useWards } from '../api/queries'
import { useZone } from '../parts/shell'
import { moment } from '../time/zone'
import { useSay } from '../words'
import { station, useStation } from './station'

/** Plays a tone and asks whether it was heard: only a person can tell that a loudspeaker sounds. */
export default function SoundTest({ close }: { close: () => void }) {
  const say = useSay()
  const zone = useZone()
  const wards = useWards().data ?? []
  const { sound, ward, heardAt } = useStation()
  const [played, setPlayed] = useState<Priority | null>(null)
  const [blocked, setBlocked] = useState(false)
  const play = async (p: Priority) => {
    setBlocked(!(await station.test(p)))
    setPlayed(p)
  }
  const answer = (yes: boolean) => {
    station.heard(yes)
    if (yes) close()
  }
  return (
    <Modal opened onClose={close} title={say('sound.test.title')} closeButtonProps={{ 'aria-label': say('action.close') }}>
      <div className="stack">
        <p className="second">{say('sound.test.note')}</p>
        <p role="status">
          <strong>{sound === 'ok' ? say('sound.ok.since', { time: moment(heardAt, zone, say.language, Date.now()) }) : say('sound.none', { why: say(`sound.${sound}`) })}</strong>
        </p>
        <div className="row wrap">
          {(['high', 'medium', 'low'] as const).map((p) => (
            <Button key={p} variant={p === 'high' ? 'filled' : 'default'} aria-pressed={played === p} onClick={() => void play(p)} data-autofocus={p === 'high' || undefined}>
              {say(`sound.test.${p}`)}
            </Button>
          ))}
        </div>
        {blocked && <p className="problem">{say('sound.test.blocked')}</p>}
        {played && !blocked && (
          <div className="row wrap">
            <Button onClick={() => answer(true)}>{say('sound.test.heard')}</Button>
            <Button variant="default" onClick={() => answer(false)}>
              {say('sound.test.notHeard')}
            </Button>
          </div>
        )}
        {sound === 'muted' && <p>{say('sound.test.muted')}</p>}
        {wards.length > 1 && <Select label={say('sound.ward')} allowDeselect={false} data={[{ value: '*', label: say('sound.ward.all') }, ...wards.map((w) => ({ value: w.id, label: w.name }))]} value={ward} onChange={(w) => w && station.setWard(w)} />}
        <p className="small second">{say('sound.test.limits')}</p>
      </div>
    </Modal>
  )
}
