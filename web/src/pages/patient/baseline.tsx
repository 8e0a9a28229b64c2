import { useBaseline, type Baseline } from '../../api/watching'
import { useMetricName } from '../../parts/metric-name'
import { clock } from '../../time/zone'
import { unitText, useUnits } from '../../units/units'
import { useSay } from '../../words'

const far = 2 // spreads from which the words change: about one value in twenty of normal data

/** What is usual for this person at this hour, and how far this hour is from it. It says much less loudly what it knows less well. */
export function Usual({ patient, zone }: { patient: string; zone: string }) {
  const say = useSay()
  const answer = useBaseline(patient)
  const rows = (answer.data ?? []).filter((b) => b.days > 0 || b.now !== null || b.at > 0)
  return (
    <section className="usual" aria-labelledby="usual-title">
      <h2 id="usual-title">{say('baseline.title')}</h2>
      {answer.error && !answer.data && <p className="second">{say('baseline.failed')}</p>}
      {answer.data && rows.length === 0 && <p className="second">{say('baseline.none')}</p>}
      {rows.length > 0 && (
        <>
          <ul>
            {rows.map((b) => (
              <Line key={b.metric} baseline={b} zone={zone} />
            ))}
          </ul>
          <p className="small second">
            {say('baseline.frozen')} {say('baseline.caveat')}
          </p>
        </>
      )}
    </section>
  )
}

function Line({ baseline: b, zone }: { baseline: Baseline; zone: string }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const unit = unitText(units.of(b.metric, b.unit))
  const text = (x: number) => say.digits(units.show(b.metric, x.toFixed(0), b.unit).text)
  const z = b.z === null ? null : Math.abs(b.z)
  return (
    <li>
      <span className="usual-name">{name(b.metric)}</span>
      {b.ready && b.center !== null && b.spread !== null ? (
        <>
          <span className="usual-range">
            {say('baseline.usual', { low: text(b.center - b.spread), high: text(b.center + b.spread) })} {unit} <span className="second">{say('baseline.at', { time: clock(b.at, zone).slice(0, 2) + ':00' })}</span>
          </span>
          {b.now !== null && z !== null ? (
            <>
              <Scale z={b.z ?? 0} />
              <span>
                {say('baseline.now', { value: text(b.now) })} {unit}, {z < far ? say('baseline.near') : say((b.z ?? 0) > 0 ? 'baseline.above' : 'baseline.below', { count: say.number(z, 1) })}
              </span>
            </>
          ) : (
            <span className="second">{say('baseline.hour')}</span>
          )}
          <span className="small second">{say('baseline.rests', { count: b.days })}</span>
        </>
      ) : (
        <span className="second">{say('baseline.learning', { count: b.days })}</span>
      )}
    </li>
  )
}

/** Five spreads to either side; the band is one. */
function Scale({ z }: { z: number }) {
  const x = 100 + Math.max(-5, Math.min(5, z)) * 19
  return (
    <svg className="usual-scale" viewBox="0 0 200 14" aria-hidden="true">
      <path d="M5 7.5H195" stroke="var(--line-strong)" />
      <rect x="81" y="3.5" width="38" height="8" fill="var(--raised)" stroke="var(--line-strong)" />
      <path d={`M${x} 1V14`} stroke="var(--text)" strokeWidth="2.4" />
    </svg>
  )
}
