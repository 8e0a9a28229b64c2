import './news2.css'
import { Button } from '@mantine/core'
import { useState, type ReactNode } from 'react'
import { useCare } from '../../api/alarm-calls'
import { useObservations, useSeries } from '../../api/queries'
import type { Patient } from '../../api/types'
import { Skeleton, Trouble } from '../../parts/states'
import { clock, date, hour, moment, offset, sameDay } from '../../time/zone'
import { unitText } from '../../units/units'
import { useSay } from '../../words'
import CareDialog from './care'
import { charted, parameters, rowOf, type Parameter } from './news2-bands'
import type { Range } from './range'

const columnsOf: Record<number, number> = { 1: 12, 4: 12, 8: 16, 24: 12, 72: 12 }
const aware = ['A', 'C', 'V', 'P', 'U'] as const
const breathingHolds = 12 * hour // what was said of oxygen holds until the next round, at most twelve hours

interface Cell {
  value: number
  at: number
}

/** The observation chart of NEWS2 in the manner of the Royal College of Physicians: every value in its band, the points of the
    band beside it, the score of the server below. */
export default function News2Chart({ patient, zone, range }: { patient: Patient; zone: string; range: Range }) {
  const say = useSay()
  const care = useCare(patient.id)
  const [open, setOpen] = useState(false)
  const scale = care.data?.spo2Scale ?? 0
  const list = parameters(scale)
  const count = columnsOf[range.hours] ?? 12
  const step = (range.hours * hour) / count
  const metrics = [...new Set(list.flatMap((p) => p.metrics)), 'news2']
  const series = useSeries(patient.id, metrics, range.from - step, range.to, (count + 1) * 4)
  const rounds = useObservations(patient.id)
  if (series.isPending || rounds.isPending || care.isPending) return <Skeleton lines={12} />
  if (series.error && !series.data) return <Trouble problem={series.error} retry={() => void series.refetch()} />

  // Columns begin at round times of the ward's clock.
  const shift = offset(range.from, zone)
  const begin = Math.floor((range.from + shift) / step) * step - shift
  const starts = Array.from({ length: count + 1 }, (_, i) => begin + i * step).filter((from) => from < range.to)
  // The newest of a column counts; several metrics may measure the same.
  const newest = (names: string[], from: number): Cell | null => {
    let best: Cell | null = null
    const take = (value: number, at: number) => {
      if (at >= from && at < from + step && Number.isFinite(value) && (!best || at > best.at)) best = { value, at }
    }
    for (const s of series.data?.series ?? []) if (names.includes(s.metric)) for (const p of s.points) if (p) take(p[1], p[0])
    for (const o of rounds.data ?? []) for (const i of o.items) if (names.includes(i.metric) && i.value !== undefined && i.value !== '') take(Number(i.value), Date.parse(o.at))
    return best
  }
  const code = (metric: string, from: number, to: number): { code: string; at: number } | null => {
    let best: { code: string; at: number } | null = null
    for (const o of rounds.data ?? []) {
      const at = Date.parse(o.at)
      const found = o.items.find((i) => i.metric === metric)?.code
      if (found && at >= from && at < to && (!best || at > best.at)) best = { code: found, at }
    }
    return best
  }
  const breathing = (to: number): 'air' | 'oxygen' | null => {
    const said = code('oxygen-device', to - breathingHolds, to)
    return said ? (said.code === 'air' ? 'air' : 'oxygen') : null
  }
  const head = (from: number, i: number) => (i === 0 || !sameDay(from, starts[i - 1] as number, zone) ? `${date(from, zone, say.language)} ${clock(from, zone)}` : clock(from, zone))
  const cell = (key: number, points: number | null, text: ReactNode, at: number) => (
    <td key={key} className="n2-value" data-points={points ?? undefined} title={moment(at, zone, say.language, Date.now())}>
      {text}
      {points !== null && points > 0 && <sup>{points}</sup>}
    </td>
  )

  const rows = (p: Parameter) => {
    const cells = starts.map((from) => newest(p.metrics, from))
    const places = cells.map((c, i) => (c ? rowOf(p, c.value, breathing((starts[i] as number) + step)) : -1))
    const lost = cells.some((c, i) => c && places[i] === -1)
    const name = say(`news2.${p.name}`)
    const scaleText = p.name === 'spo2' ? say(scale === 2 ? 'news2.scale2' : scale === 1 ? 'news2.scale1' : 'news2.scale0') : unitText(p.unit)
    const total = p.bands.length + (lost ? 1 : 0)
    const points = !(p.name === 'spo2' && scale === 0)
    return (
      <tbody key={p.name}>
        {lost && (
          <tr>
            <th scope="rowgroup" rowSpan={total} className="n2-name">
              {name}
              <small>{scaleText}</small>
            </th>
            <th scope="row">{say('news2.unsaid')}</th>
            <td className="n2-points">--</td>
            {cells.map((c, i) => (c && places[i] === -1 ? cell(i, null, say.digits(String(charted(c.value, p.places))), c.at) : <td key={i} />))}
          </tr>
        )}
        {p.bands.map((b, k) => (
          <tr key={b.label + (b.breathing ?? '')} data-band={points ? b.points : undefined}>
            {k === 0 && !lost && (
              <th scope="rowgroup" rowSpan={total} className="n2-name">
                {name}
                <small>{scaleText}</small>
              </th>
            )}
            <th scope="row">
              {say.digits(b.label)}
              {b.breathing && <small> {say(`news2.on.${b.breathing}`)}</small>}
            </th>
            <td className="n2-points">{points ? b.points : '--'}</td>
            {cells.map((c, i) => (c && places[i] === k ? cell(i, points ? b.points : null, say.digits(c.value.toFixed(p.places)), c.at) : <td key={i} />))}
          </tr>
        ))}
      </tbody>
    )
  }
  const oxygen = starts.map((from) => code('oxygen-device', from, from + step))
  const awake = starts.map((from) => code('consciousness', from, from + step))
  const totals = starts.map((from) => newest(['news2'], from))
  const [respiration, saturation, ...others] = list
  return (
    <div className="n2">
      <h2 className="print-only">{say('news2.title')}</h2>
      <div className="row wrap no-print">
        <p className="second grow">{say('news2.note', { step: say.age(step) })}</p>
        <Button variant="default" size="compact-sm" onClick={() => window.print()}>
          {say('action.print')}
        </Button>
      </div>
      {scale === 0 && (
        <p className="n2-unset" role="status">
          <strong>{say('news2.unset')}</strong>{' '}
          <Button size="compact-sm" variant="default" onClick={() => setOpen(true)}>
            {say('care.set')}
          </Button>
        </p>
      )}
      <div className="scroll n2-scroll" ref={(box) => void (box && (box.scrollLeft = box.scrollWidth))} tabIndex={0} role="region" aria-label={say('news2.title')}>
        <table className="n2-table">
          <caption className="unseen">{say('news2.title')}</caption>
          <thead>
            <tr>
              <th scope="col">{say('news2.parameter')}</th>
              <th scope="col">{say('news2.band')}</th>
              <th scope="col">{say('news2.points')}</th>
              {starts.map((from, i) => (
                <th scope="col" key={from} className="n2-time">
                  {head(from, i)}
                </th>
              ))}
            </tr>
          </thead>
          {respiration && rows(respiration)}
          {saturation && rows(saturation)}
          <tbody>
            {(['air', 'oxygen'] as const).map((k, r) => (
              <tr key={k} data-band={k === 'air' ? 0 : 2}>
                {r === 0 && (
                  <th scope="rowgroup" rowSpan={2} className="n2-name">
                    {say('news2.oxygen')}
                  </th>
                )}
                <th scope="row">{say(`news2.${k}`)}</th>
                <td className="n2-points">{k === 'air' ? 0 : 2}</td>
                {oxygen.map((c, i) => (c && (c.code === 'air') === (k === 'air') ? cell(i, k === 'air' ? 0 : 2, k === 'air' ? 'A' : <span title={say.maybe('round.' + c.code, c.code)}>O{'\u2082'}</span>, c.at) : <td key={i} />))}
              </tr>
            ))}
          </tbody>
          {others.slice(0, 2).map(rows)}
          <tbody>
            {aware.map((k, r) => (
              <tr key={k} data-band={k === 'A' ? 0 : 3}>
                {r === 0 && (
                  <th scope="rowgroup" rowSpan={aware.length} className="n2-name">
                    {say('news2.consciousness')}
                  </th>
                )}
                <th scope="row">{say(`round.${k}`)}</th>
                <td className="n2-points">{k === 'A' ? 0 : 3}</td>
                {awake.map((c, i) => (c?.code === k ? cell(i, k === 'A' ? 0 : 3, k, c.at) : <td key={i} />))}
              </tr>
            ))}
          </tbody>
          {others.slice(2).map(rows)}
          <tfoot>
            <tr>
              <th scope="row" colSpan={3}>
                {say('news2.total')}
              </th>
              {totals.map((c, i) => {
                const score = c ? Math.round(c.value) : null
                const some = list.some((p) => newest(p.metrics, starts[i] as number))
                return (
                  <td key={i} data-risk={score === null ? undefined : score >= 7 ? 3 : score >= 5 ? 2 : score >= 1 ? 1 : 0} title={c ? moment(c.at, zone, say.language, Date.now()) : undefined}>
                    {score !== null ? <b>{score}</b> : some ? <small>{say('news2.partial')}</small> : ''}
                  </td>
                )
              })}
            </tr>
          </tfoot>
        </table>
      </div>
      <p className="small second">{say('news2.source')}</p>
      {open && <CareDialog patient={patient} zone={zone} close={() => setOpen(false)} />}
    </div>
  )
}
