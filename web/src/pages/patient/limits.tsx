import { Button, Modal, SegmentedControl, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { endLimit, setLimit, useLimits } from '../../api/alarm-calls'
import type { EffectiveLimit } from '../../api/alarm'
import type { Patient } from '../../api/types'
import { live } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { fullName } from '../../parts/person'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { unitText, useUnits, type Units } from '../../units/units'
import { useSay } from '../../words'
import { Confirmed } from './confirmed'
import { side } from './limit-text'

const spans = [60, 240, 480, 1440, 4320]

/** The limits that hold for this patient, where each comes from, and the patient's own with who, why and until when. */
export default function LimitsDialog({ patient, zone, close }: { patient: Patient; zone: string; close: () => void }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const answer = useLimits(patient.id)
  const [metric, setMetric] = useState('')
  const now = live.now()
  return (
    <Modal opened onClose={close} size="xl" title={say('limits.title', { name: fullName(patient) })} closeButtonProps={{ 'aria-label': say('action.close') }}>
      <p className="second">{say('limits.note')}</p>
      {answer.isPending ? (
        <Skeleton lines={6} />
      ) : answer.error && !answer.data ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : answer.data.length === 0 ? (
        <p>{say('limits.none')}</p>
      ) : (
        <ul className="limits">
          {answer.data.map((l) => {
            const unit = unitText(units.of(l.metric, l.unit))
            return (
              <li key={l.metric} data-own={l.own ? true : undefined}>
                <span className="limit-name">{name(l.metric)}</span>
                <span className="limit-now">
                  <b>{side(l, l.metric, l.unit, units, say)}</b> {unit}
                </span>
                <span className="second limit-default">{say('limits.default', { range: `${side({ low: l.defaultLow, high: l.defaultHigh }, l.metric, l.unit, units, say)} ${unit}` })}</span>
                <Button variant="default" size="compact-sm" aria-expanded={metric === l.metric} onClick={() => setMetric(metric === l.metric ? '' : l.metric)}>
                  {say(l.own ? 'limits.change' : 'limits.own')}
                </Button>
                {l.own && (
                  <span className="limit-own">
                    {say('limits.by', { name: l.own.name || l.own.by, time: moment(l.own.from, zone, say.language, now), until: l.own.until ? moment(l.own.until, zone, say.language, now) : say('limits.noEnd') })} {'\u201c'}
                    {l.own.why}
                    {'\u201d'}
                    <Confirmed patient={patient} metric={l.metric} zone={zone} />
                  </span>
                )}
                {metric === l.metric && <Edit patient={patient.id} limit={l} units={units} done={() => setMetric('')} />}
              </li>
            )
          })}
        </ul>
      )}
    </Modal>
  )
}

function Edit({ patient, limit, units, done }: { patient: string; limit: EffectiveLimit; units: Units; done: () => void }) {
  const say = useSay()
  const client = useQueryClient()
  const shownUnit = units.of(limit.metric, limit.unit)
  const start = (x: EffectiveLimit['low']) => (x === null || x === undefined || x === '' ? '' : units.show(limit.metric, String(x), limit.unit).text)
  const [low, setLow] = useState(start(limit.low))
  const [high, setHigh] = useState(start(limit.high))
  const [why, setWhy] = useState('')
  const [minutes, setMinutes] = useState('480')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const number = (text: string): number | null | undefined => {
    const t = text.trim().replace(',', '.')
    if (t === '') return null
    const stored = units.back(limit.metric, t, shownUnit, limit.unit)
    return stored === null || Number.isNaN(Number(stored)) ? undefined : Number(stored)
  }
  const a = number(low)
  const b = number(high)
  const wrong = a === undefined || b === undefined ? say('limits.number') : a !== null && b !== null && a >= b ? say('limits.order') : a === null && b === null ? say('limits.empty') : ''
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true)
    setProblem('')
    try {
      await work()
      await client.invalidateQueries({ queryKey: ['limits', patient] })
      void client.invalidateQueries({ queryKey: ['ward'] })
      done()
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    void run(() => setLimit(patient, { metric: limit.metric, unit: limit.unit, low: a ?? null, high: b ?? null, why: why.trim(), ...(minutes === '0' ? {} : { minutes: Number(minutes) }) }))
  }
  return (
    <form className="limit-edit" onSubmit={submit}>
      <TextInput label={`${say('limits.low')}, ${unitText(shownUnit)}`} inputMode="decimal" value={low} onChange={(e) => setLow(e.currentTarget.value)} data-autofocus />
      <TextInput label={`${say('limits.high')}, ${unitText(shownUnit)}`} inputMode="decimal" value={high} onChange={(e) => setHigh(e.currentTarget.value)} />
      <TextInput className="limit-why" label={say('limits.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
      <div className="limit-why">
        <span className="field-label">{say('limits.until')}</span>
        <SegmentedControl aria-label={say('limits.until')} value={minutes} onChange={setMinutes} data={[...spans.map((m) => ({ value: String(m), label: say.age(m * 60_000) })), { value: '0', label: say('limits.noEnd') }]} />
      </div>
      {(wrong || problem) && (
        <p className="problem limit-why" role="alert">
          {problem || wrong}
        </p>
      )}
      <div className="row wrap limit-why">
        <Button type="submit" loading={busy} disabled={wrong !== '' || why.trim().length < 3}>
          {say('limits.save')}
        </Button>
        {limit.own && (
          <Button variant="default" disabled={busy || why.trim().length < 3} onClick={() => void run(() => endLimit(patient, limit.metric, why.trim()))}>
            {say('limits.end')}
          </Button>
        )}
      </div>
    </form>
  )
}
