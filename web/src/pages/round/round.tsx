import './round.css'
import IconBackspace from '@tabler/icons-react/dist/esm/icons/IconBackspace.mjs'
import { Button, Textarea } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import { useMetricRows, useObservations, usePatient, useWards } from '../../api/queries'
import type { ObservationItem } from '../../api/types'
import { live, useBed } from '../../live/store'
import { socket } from '../../live/socket'
import { ageAndSex, fullName } from '../../parts/person'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { clock } from '../../time/zone'
import { convert } from '../../units/convert'
import { unitText, useUnits } from '../../units/units'
import { useSay } from '../../words'
import { send, useWaiting } from './outbox'

interface Field {
  metric: string
  unit: string
  label?: 'round.systolic' | 'round.diastolic' | 'round.pulse' | 'round.flow' | 'round.urine'
  point: boolean
}

const numbers: Field[] = [
  { metric: 'resp-rate', unit: '/min', point: false },
  { metric: 'spo2', unit: '%', point: false },
  { metric: 'bp-systolic', unit: 'mm[Hg]', label: 'round.systolic', point: false },
  { metric: 'bp-diastolic', unit: 'mm[Hg]', label: 'round.diastolic', point: false },
  { metric: 'pulse-rate', unit: '/min', label: 'round.pulse', point: false },
  { metric: 'temperature', unit: 'Cel', point: true },
  { metric: 'glucose', unit: 'mg/dL', point: false },
  { metric: 'urine-output', unit: 'mL', label: 'round.urine', point: false },
  { metric: 'weight', unit: 'kg', point: true },
]
const flow: Field = { metric: 'oxygen-flow', unit: 'L/min', label: 'round.flow', point: true }
const awake = ['A', 'C', 'V', 'P', 'U'] as const
const oxygen = ['air', 'nasal-cannula', 'simple-mask', 'venturi', 'non-rebreather', 'high-flow', 'cpap', 'niv'] as const
const withFlow = new Set<string>(['nasal-cannula', 'simple-mask', 'venturi', 'non-rebreather', 'high-flow'])

export default function RoundPage({ id }: { id: string }) {
  const say = useSay()
  const units = useUnits()
  const client = useQueryClient()
  const patient = usePatient(id)
  const rows = useMetricRows().data
  const past = useObservations(id).data ?? []
  const wards = useWards().data
  const { values } = useBed(id)
  const waiting = useWaiting().filter((w) => w.patient === id)
  const zone = (wards?.find((w) => w.id === patient.data?.ward) ?? wards?.[0])?.zone ?? 'UTC'
  const [codes, setCodes] = useState<Record<string, string>>({})
  const [typed, setTyped] = useState<Record<string, string>>({})
  const [pain, setPain] = useState<string | null>(null)
  const [note, setNote] = useState('')
  const [active, setActive] = useState<Field | null>(null)
  const [problem, setProblem] = useState('')
  const [done, setDone] = useState('')
  const [busy, setBusy] = useState(false)
  useEffect(() => socket.show({ patient: id, waves: [] }), [id])
  if (patient.isPending) return <Skeleton lines={6} height={40} />
  if (patient.error && !patient.data) return <Trouble problem={patient.error} retry={() => void patient.refetch()} />
  const p = patient.data

  /** The last value of a metric: live, or from the rounds before. */
  const last = (metric: string): { text: string; age: string } | null => {
    const v = values[metric]
    const o = past.filter((r) => r.items.some((i) => i.metric === metric)).sort((a, b) => Date.parse(b.at) - Date.parse(a.at))[0]
    const item = o?.items.find((i) => i.metric === metric)
    const at = o ? Date.parse(o.at) : 0
    if (v && v.at >= at) return { text: v.code || say.digits(units.show(metric, v.value, v.unit).text), age: say.age(live.now() - v.at) }
    if (!item) return null
    return { text: item.code ?? say.digits(units.show(metric, item.value ?? '', item.unit ?? '').text), age: say.age(live.now() - at) }
  }
  const fields = [...(withFlow.has(codes['oxygen-device'] ?? '') ? [flow] : []), ...numbers]
  const name = (f: Field) => (f.label ? say(f.label) : say.maybe('metric.' + f.metric, f.metric))
  const entered = Object.keys(codes).length + Object.values(typed).filter(Boolean).length + (pain === null ? 0 : 1)

  /** In stored units; the possible range is the table's own. */
  const check = (f: Field): { item?: ObservationItem; problem?: string } => {
    const text = (typed[f.metric] ?? '').replace(/\.$/, '')
    if (text === '') return {}
    const shown = units.of(f.metric, f.unit)
    const value = convert(f.metric, text, shown, f.unit)
    const row = rows?.find((r) => r.name === f.metric)
    const low = Number(row?.low)
    const high = Number(row?.high)
    const wrong = value === null || (row && row.unit === f.unit && (Number(value) < low || Number(value) > high))
    if (wrong) {
      const limit = (x: number) => say.digits(convert(f.metric, String(x), f.unit, shown) ?? String(x))
      return { problem: say('round.range', { name: name(f), low: limit(low), high: limit(high), unit: unitText(shown) }) }
    }
    return { item: { metric: f.metric, value, unit: f.unit } }
  }
  const save = async () => {
    const checked = fields.map(check)
    const wrong = checked.find((c) => c.problem)
    if (wrong?.problem) return setProblem(wrong.problem)
    const items: ObservationItem[] = [
      ...Object.entries(codes).map(([metric, code]) => ({ metric, code })),
      ...checked.flatMap((c) => (c.item ? [c.item] : [])),
      ...(pain === null ? [] : [{ metric: 'pain', value: pain, unit: '{score}' }]),
    ]
    setBusy(true)
    setProblem('')
    try {
      const at = live.now()
      const state = await send({ id: crypto.randomUUID(), patient: id, name: fullName(p), at: new Date(at).toISOString(), items, note })
      setDone(state === 'sent' ? say('round.saved', { time: clock(at, zone) }) : say('round.queued'))
      setCodes({})
      setTyped({})
      setPain(null)
      setNote('')
      setActive(null)
      void client.invalidateQueries({ queryKey: ['observations', id] })
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  const choose = (metric: string, code: string) => {
    setActive(null)
    setCodes((c) => {
      const next = { ...c }
      if (next[metric] === code) delete next[metric]
      else next[metric] = code
      return next
    })
  }
  const pick = (f: Field, at: HTMLElement) => {
    requestAnimationFrame(() => at.scrollIntoView({ block: 'start' }))
    setActive(f)
    setDone('')
  }

  return (
    <div className="round">
      <header className="round-head">
        <Link href={`/patient/${encodeURIComponent(id)}`} className="round-back">
          {say('action.back')}
        </Link>
        <h1>
          {fullName(p)} <span className="second">{ageAndSex(p, say)}</span>
        </h1>
        <span className="second small">{(p.numbers ?? []).slice(0, 1).map((n) => `${n.system} ${n.value}`)}</span>
      </header>
      {waiting.length > 0 && (
        <p className="round-waiting" role="status">
          {say('round.waiting', { count: waiting.length })}. {say('round.queued')}
        </p>
      )}
      <Choice label={say('round.consciousness')} ghost={last('consciousness')} options={awake.map((c) => ({ code: c, mark: c, text: say(`round.${c}`) }))} value={codes.consciousness} onChoose={(c) => choose('consciousness', c)} />
      <Choice label={say('round.oxygen')} ghost={last('oxygen-device')} options={oxygen.map((c) => ({ code: c, mark: '', text: say(`round.${c}`) }))} value={codes['oxygen-device']} onChoose={(c) => choose('oxygen-device', c)} />
      <div className="round-numbers">
        {fields.map((f) => {
          const ghost = last(f.metric)
          const text = typed[f.metric] ?? ''
          return (
            <button key={f.metric} type="button" className="round-number" aria-pressed={active?.metric === f.metric} data-filled={text !== '' || undefined} onClick={(e) => pick(f, e.currentTarget)}>
              <span className="round-label">{name(f)}</span>
              <span className="round-value">
                {text ? say.digits(text) : <span className="round-ghost">{ghost?.text ?? '--'}</span>} <small>{unitText(units.of(f.metric, f.unit))}</small>
              </span>
              <span className="round-last">{ghost ? say('round.last', { value: ghost.text, age: ghost.age }) : ''}</span>
            </button>
          )
        })}
      </div>
      <fieldset className="round-choice">
        <legend>{say('round.pain')}</legend>
        <div className="round-pain">
          {Array.from({ length: 11 }, (_, i) => String(i)).map((n) => (
            <button key={n} type="button" aria-pressed={pain === n} onClick={() => (setPain(pain === n ? null : n), setActive(null))}>
              {n}
            </button>
          ))}
        </div>
      </fieldset>
      <Textarea label={say('round.note')} value={note} onChange={(e) => setNote(e.currentTarget.value)} autosize minRows={1} />
      <div className="round-foot" data-open={active !== null || undefined}>
        {active && (
          <Keypad
            label={name(active)}
            value={typed[active.metric] ?? ''}
            point={active.point || units.of(active.metric, active.unit) !== active.unit}
            onChange={(v) => setTyped((t) => ({ ...t, [active.metric]: v }))}
            onNext={() => {
              const at = fields.findIndex((f) => f.metric === active.metric)
              setActive(fields[at + 1] ?? null)
            }}
          />
        )}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        {done && <p role="status">{done}</p>}
        <Button fullWidth size="lg" disabled={entered === 0} loading={busy} onClick={() => void save()}>
          {entered === 0 ? say('round.nothing') : `${say('round.save')} (${say('round.count', { count: entered })})`}
        </Button>
      </div>
    </div>
  )
}

function Choice({ label, ghost, options, value, onChoose }: { label: string; ghost: { text: string; age: string } | null; options: { code: string; mark: string; text: string }[]; value: string | undefined; onChoose: (code: string) => void }) {
  const say = useSay()
  const before = options.find((o) => o.code === ghost?.text)?.text ?? ghost?.text
  return (
    <fieldset className="round-choice">
      <legend>
        {label} {ghost && <span className="quiet small">{say('round.last', { value: before ?? '', age: ghost.age })}</span>}
      </legend>
      <div className="round-options">
        {options.map((o) => (
          <button key={o.code} type="button" aria-pressed={value === o.code} onClick={() => onChoose(o.code)}>
            {o.mark && <b>{o.mark}</b>} {o.text}
          </button>
        ))}
      </div>
    </fieldset>
  )
}

/** Large keys under the thumb; the keys of a keyboard work as well. */
function Keypad({ label, value, point, onChange, onNext }: { label: string; value: string; point: boolean; onChange: (v: string) => void; onNext: () => void }) {
  const say = useSay()
  const press = (k: string) => {
    if (k === '.' && (value.includes('.') || value === '')) return
    if (value.length < 6) onChange(value === '0' && k !== '.' ? k : value + k)
  }
  useEffect(() => {
    const down = (e: KeyboardEvent) => {
      if (e.target instanceof HTMLTextAreaElement || e.target instanceof HTMLInputElement) return
      if (/^\d$/.test(e.key)) press(e.key)
      else if (point && (e.key === '.' || e.key === ',')) press('.')
      else if (e.key === 'Backspace') onChange(value.slice(0, -1))
      else return
      e.preventDefault()
    }
    window.addEventListener('keydown', down)
    return () => window.removeEventListener('keydown', down)
  })
  return (
    <div className="keypad" role="group" aria-label={say('round.keypad', { name: label })}>
      {['1', '2', '3', '4', '5', '6', '7', '8', '9'].map((k) => (
        <button key={k} type="button" onClick={() => press(k)}>
          {k}
        </button>
      ))}
      <button type="button" onClick={() => press('.')} disabled={!point}>
        {say.digits('.')}
      </button>
      <button type="button" onClick={() => press('0')}>
        0
      </button>
      <button type="button" aria-label={say('round.delete')} onClick={() => onChange(value.slice(0, -1))}>
        <IconBackspace size={22} stroke={1.6} aria-hidden="true" />
      </button>
      <button type="button" className="keypad-next" onClick={onNext}>
        {say('round.next')}
      </button>
    </div>
  )
}
