import IconVolume from '@tabler/icons-react/dist/esm/icons/IconVolume.mjs'
import IconVolumeOff from '@tabler/icons-react/dist/esm/icons/IconVolumeOff.mjs'
import { lazy, Suspense, useState } from 'react'
import { useSay } from '../words'
import { testIsAsked, useStation } from './station'

const SoundTest = lazy(() => import('./sound-test'))

/** Always in sight: this screen can be heard, or it cannot and why. */
export function SoundSign() {
  const say = useSay()
  const { sound } = useStation()
  const [open, setOpen] = useState(testIsAsked)
  return (
    <>
      <button className="sound-sign" data-sound={sound} onClick={() => setOpen(true)}>
        {sound === 'ok' ? <IconVolume size={16} stroke={1.8} aria-hidden="true" /> : <IconVolumeOff size={16} stroke={2} aria-hidden="true" />}
        {sound === 'ok' ? say('sound.ok') : <strong>{say('sound.none', { why: say(`sound.${sound}`) })}</strong>}
      </button>
      {open && (
        <Suspense>
          <SoundTest close={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  )
}
