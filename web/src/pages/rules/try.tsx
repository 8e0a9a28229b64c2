import './try.css'
import { Button, NativeSelect, SegmentedControl, TextInput } from '@mantine/core'
import { useEffect, useId, useState, type FormEvent } from 'react'
import { Link } from 'wouter'
import { useLimits } from '../../api/alarm-calls'
import { usePatient, usePatients, useWard, useWards } from '../../api/queries'
import { tryRules, useMay, useRuleSet, useZoneOf, type Replay, type Trial } from '../../api/running'
import { live } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { fullName } from '../../parts/person'
import { Empty, refusalText, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { hour } from '../../time/zone'
import { unitText, useUnits } from '../../units/units'
import { useSay } from '../../words'
import { NoWardYet, Running, SpanChoice, useQueryPart, useWardOfAddress } from '../running'
import { difference, same, useDraft } from './draft'
import { ofPatient, ofWard, range, stepOf, type Base } from './try-limit'
import { Result } from './try-result'
import { SetForPatient } from './try-set'

const wardSpans = [24, 72] as const
const patientSpans = [24, 72, 336] as const

/** The time machine: what another limit or other rules would have done over the last days. It changes nothing. */
export default function TryPage() {
  const say = useSay()
  const may = useMay()
  const [search, set] = useQueryPart()
  const wards = useWards()
  const wardOfAddress = useWardOfAddress()
  const patient = search.get('patient') ?? ''
  const ward = patient ? '' : wardOfAddress
  const spans: readonly number[] = patient ? patientSpans : wardSpans
  const asked = Number(search.get('h'))
  const hours = spans.includes(asked) ? asked : 24
  const mode = search.get('rules') === 'draft' ? 'draft' : 'limit'
  return (
    <Running title={say('running.try')}>
      <p className="lede">{say('try.note')}</p>
      {!may('replay.run') ? (
        <Empty title={say('state.denied.title')}>{say('try.denied')}</Empty>
      ) : wards.data?.length === 0 ? (
        <NoWardYet />
      ) : (
        <>
          <div className="try-scope">
            <Whom ward={ward} patient={patient} />
            <div>
              <span className="field-label">{say('try.over')}</span>
              <SpanChoice spans={spans} hours={hours} label={say('try.over')} />
            </div>
            <div>
              <span className="field-label">{say('try.what')}</span>
              <SegmentedControl
                aria-label={say('try.what')}
                value={mode}
                onChange={(v) => set({ rules: v === 'draft' ? 'draft' : null })}
                data={[
                  { value: 'limit', label: say('try.what.limit') },
                  { value: 'draft', label: say('try.what.rules') },
                ]}
              />
            </div>
          </div>
          {mode === 'draft' ? <WithRules key={`${ward} ${patient}`} ward={ward} patient={patient} hours={hours} /> : <WithLimit key={`${ward} ${patient}`} ward={ward} patient={patient} hours={hours} />}
        </>
      )}
    </Running>
  )
}

function Whom({ ward, patient }: { ward: string; patient: string }) {
  const say = useSay()
  const wards = useWards().data ?? []
  const [, set] = useQueryPart()
  const { preferences } = usePreferences()
  const there = usePatients('').data ?? []
  const one = usePatient(patient).data
  const list = [...there.filter((p) => p.bed), ...(one && !there.some((p) => p.id === one.id && p.bed) ? [one] : [])]
  return (
    <NativeSelect label={say('try.whom')} value={patient ? `p ${patient}` : `w ${ward}`} onChange={(e) => (e.currentTarget.value.startsWith('p ') ? set({ patient: e.currentTarget.value.slice(2), ward: null }) : set({ ward: e.currentTarget.value.slice(2), patient: null }))}>
      <optgroup label={say('try.wards')}>
        {wards.map((w) => (
          <option key={w.id} value={`w ${w.id}`}>
            {say('try.ward', { name: w.name })}
          </option>
        ))}
      </optgroup>
      <optgroup label={say('try.patients')}>
        {list.map((p) => (
          <option key={p.id} value={`p ${p.id}`}>
            {fullName(p, preferences.privacy)}
          </option>
        ))}
      </optgroup>
    </NativeSelect>
  )
}

interface Tried {
  replay: Replay
  key: string
}

/** Asks the server and keeps what it said with what was asked: a result never stands beside another question. */
function useTrial(ward: string, patient: string, hours: number, asked: Omit<Trial, 'from' | 'to'> | null) {
  const say = useSay()
  const [tried, setTried] = useState<Tried | null>(null)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const key = JSON.stringify([ward, patient, hours, asked])
  const run = async () => {
    if (!asked) return
    setBusy(true)
    setProblem('')
    setTried(null)
    try {
      const to = live.now()
      setTried({ key, replay: await tryRules({ ward, patient }, { from: new Date(to - hours * hour).toISOString(), to: new Date(to).toISOString(), ...asked }) })
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  return { result: tried?.key === key ? tried.replay : null, old: tried !== null && tried.key !== key, busy, problem, run }
}

function Outcome({ trial, zone, setting }: { trial: ReturnType<typeof useTrial>; zone: string; setting?: React.ReactNode }) {
  const say = useSay()
  return (
    <div aria-live="polite" aria-busy={trial.busy}>
      {trial.problem && <p className="problem">{trial.problem}</p>}
      {trial.busy && (
        <>
          <p className="second">{say('try.running')}</p>
          <Skeleton lines={6} height={20} />
        </>
      )}
      {trial.old && <p className="second">{say('try.old')}</p>}
      {trial.result && (
        <>
          <Result replay={trial.result} zone={zone} />
          {setting}
        </>
      )}
    </div>
  )
}

function WithRules({ ward, patient, hours }: { ward: string; patient: string; hours: number }) {
  const say = useSay()
  const rules = useRuleSet()
  const draft = useDraft()
  const zone = useZoneOf(ward)
  const diff = draft && rules.data ? difference(rules.data.files ?? [], draft.files) : null
  const trial = useTrial(ward, patient, hours, draft && diff && !same(diff) ? { files: draft.files } : null)
  if (rules.error && !rules.data) return <Trouble problem={rules.error} retry={() => void rules.refetch()} />
  if (!rules.data) return <Skeleton lines={3} />
  if (!diff || same(diff)) {
    return (
      <p className="lede">
        {say('try.noDraft')} <Link href="/rules?tab=text">{say('try.noDraft.go')}</Link>
      </p>
    )
  }
  return (
    <>
      <p>{say('try.draft', { files: [...diff.changed, ...diff.added, ...diff.removed].join(', ') })}</p>
      <Button onClick={() => void trial.run()} loading={trial.busy}>
        {say('try.run')}
      </Button>
      <Outcome
        trial={trial}
        zone={zone}
        setting={
          <p>
            <Link href="/rules?tab=text">{say('try.back')}</Link>
          </p>
        }
      />
    </>
  )
}

function WithLimit({ ward, patient, hours }: { ward: string; patient: string; hours: number }) {
  return patient ? <LimitOfPatient patient={patient} hours={hours} /> : <LimitOfWard ward={ward} hours={hours} />
}

function LimitOfPatient({ patient, hours }: { patient: string; hours: number }) {
  const answer = useLimits(patient)
  const zone = useZoneOf(usePatient(patient).data?.ward ?? '')
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={5} />
  return <Move bases={ofPatient(answer.data)} ward="" patient={patient} hours={hours} zone={zone} />
}

function LimitOfWard({ ward, hours }: { ward: string; hours: number }) {
  const answer = useWard(ward)
  const zone = useZoneOf(ward)
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={5} />
  return <Move bases={ofWard(answer.data.beds ?? [])} ward={ward} patient="" hours={hours} zone={zone} />
}

function Move({ bases, ward, patient, hours, zone }: { bases: Base[]; ward: string; patient: string; hours: number; zone: string }) {
  const say = useSay()
  const may = useMay()
  const name = useMetricName()
  const units = useUnits()
  const [search, set] = useQueryPart()
  const base = bases.find((b) => b.metric === search.get('metric')) ?? bases.find((b) => b.metric === 'heart-rate') ?? bases[0]
  const shown = base ? units.of(base.metric, base.unit) : ''
  const text = (x: number | null) => (x === null || !base ? '' : units.show(base.metric, String(x), base.unit).text)
  const [low, setLow] = useState('')
  const [high, setHigh] = useState('')
  const start = base ? JSON.stringify([base, shown]) : ''
  useEffect(() => {
    setLow(text(base?.low ?? null))
    setHigh(text(base?.high ?? null))
    // Anew only where another limit is chosen or the present one has changed.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [start])
  const stored = (t: string): number | null | undefined => {
    const plain = t.trim().replace(',', '.')
    if (plain === '' || !base) return null
    if (plain === text(base.low)) return base.low
    if (plain === text(base.high)) return base.high
    const back = units.back(base.metric, plain, shown, base.unit)
    return back === null || Number.isNaN(Number(back)) ? undefined : Number(back)
  }
  const a = stored(low)
  const b = stored(high)
  const wrong = a === undefined || b === undefined ? say('limits.number') : a !== null && b !== null && a >= b ? say('limits.order') : ''
  const moved = base !== undefined && wrong === '' && (a !== base.low || b !== base.high)
  const trial = useTrial(ward, patient, hours, base && moved ? { limits: [{ metric: base.metric, unit: base.unit, ...(a === null ? {} : { low: a! }), ...(b === null ? {} : { high: b! }) }] } : null)
  if (!base) return <Empty title={say('try.noLimits.title')}>{say('try.noLimits.do')}</Empty>
  const [least, most] = range(base).map((x) => Number(text(x))) as [number, number]
  const unit = unitText(shown)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void trial.run()
  }
  return (
    <>
      <form className="try-form" onSubmit={submit}>
        <NativeSelect label={say('try.limit')} value={base.metric} onChange={(e) => set({ metric: e.currentTarget.value })} data={bases.map((x) => ({ value: x.metric, label: name(x.metric) }))} />
        <Side label={say('limits.low')} unit={unit} value={low} now={text(base.low)} change={setLow} min={least} max={most} step={stepOf(shown)} />
        <Side label={say('limits.high')} unit={unit} value={high} now={text(base.high)} change={setHigh} min={least} max={most} step={stepOf(shown)} />
        {wrong && (
          <p className="problem" role="alert">
            {wrong}
          </p>
        )}
        {moved && a === null && b === null && <p className="loud">{say('try.taken', { name: name(base.metric) })}</p>}
        <div className="row wrap">
          <Button type="submit" loading={trial.busy} disabled={!moved}>
            {say('try.run')}
          </Button>
          {!moved && wrong === '' && <span className="second">{say('try.move')}</span>}
        </div>
      </form>
      <Outcome trial={trial} zone={zone} setting={patient && may('limit.write') && trial.result && (a !== null || b !== null) ? <SetForPatient patient={patient} limit={{ metric: base.metric, unit: base.unit, low: a ?? null, high: b ?? null }} words={`${name(base.metric)} ${low || '--'}\u2013${high || '--'} ${unit}`} /> : undefined} />
    </>
  )
}

/** One side of a limit: a slider for the hand and a field for the number, of the same value. */
function Side({ label, unit, value, now, change, min, max, step }: { label: string; unit: string; value: string; now: string; change: (text: string) => void; min: number; max: number; step: number }) {
  const say = useSay()
  const id = useId()
  const at = Number(value.replace(',', '.'))
  const none = value.trim() === '' || Number.isNaN(at)
  return (
    <div className="try-side">
      <TextInput label={`${label}, ${unit}`} inputMode="decimal" value={value} onChange={(e) => change(e.currentTarget.value)} />
      <label htmlFor={id} className="unseen">
        {say('try.slider', { label })}
      </label>
      <input id={id} type="range" min={min} max={max} step={step} value={none ? (now === '' ? (min + max) / 2 : Number(now)) : at} aria-valuetext={none ? say('try.side.none') : `${value} ${unit}`} data-none={none || undefined} onChange={(e) => change(step < 1 ? Number(e.currentTarget.value).toFixed(1) : e.currentTarget.value)} />
      <span className="second small">{now === '' ? say('try.now.none') : say('try.now', { value: `${say.digits(now)} ${unit}` })}</span>
    </div>
  )
}
