import { Button } from '@mantine/core'
import { drop, flush, useWaiting } from '../pages/round/outbox'
import { useSay } from '../words'

/** Rounds that are not sent yet, or were refused, are stated on every page. */
export function WaitingBar() {
  const say = useSay()
  const list = useWaiting()
  if (list.length === 0) return null
  const refused = list.filter((r) => r.refused)
  const waiting = list.length - refused.length
  return (
    <div className="waiting-bar" role="status">
      {waiting > 0 && (
        <div className="row wrap">
          <strong>{say('round.waiting', { count: waiting })}</strong>
          <Button size="compact-sm" variant="default" onClick={() => void flush()}>
            {say('round.send')}
          </Button>
        </div>
      )}
      {refused.map((r) => (
        <div key={r.id} className="row wrap">
          <span>{say('round.refused', { name: r.name, message: r.refused ?? '' })}</span>
          <Button size="compact-sm" variant="default" onClick={() => drop(r.id)}>
            {say('round.drop')}
          </Button>
        </div>
      ))}
    </div>
  )
}
