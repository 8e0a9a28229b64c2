import 'uplot/dist/uPlot.min.css'
import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useMemo, useRef } from 'react'
import uPlot from 'uplot'
import type { Priority } from '../../api/alarm'
import { useAlarmRows } from '../../api/alarm-calls'
import { useAnnotations, useGaps, useSeries, useTimeline } from '../../api/queries'
import type { Gap, Series } from '../../api/types'
import { mark, tone } from '../../live/order'
import { Skeleton, Trouble } from '../../parts/states'
import { clock, date, dayHours, dayStart, hour, moment, ticks, wall } from '../../time/zone'
import { unitText, useUnits, type Units } from '../../units/units'
import { useSay, type Say } from '../../words'
import { panels, reach, trendMetrics, type Panel } from './panels'
import type { Range } from './range'

export interface Mark {
  at: number
  text: string
  /** Of an alarm: its colour, its marks, and the metric whose panel it belongs to. */
  tone?: Priority | 'technical'
  sign?: string
  metric?: string
}

interface Props {
  patient: string
  zone: string
  range: Range
  open: (at: number) => void
}

export function Trends({ patient, zone, range, open }: Props) {
  const say = useSay()
  const units = useUnits()
  const answer = useSeries(patient, trendMetrics, range.from, range.to, 600)
  const gaps = useGaps(patient, range.from, range.to).data ?? []
  const notes = useAnnotations(patient).data
  const events = useTimeline(patient, range.from, range.to).data
  const alarms = useAlarmRows({ patient, state: 'all', from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString(), limit: 200 }).data?.items
  const marks = useMemo<Mark[]>(
    () => [
      ...(alarms ?? []).map((a) => ({ at: a.since, text: `${mark(a)} ${a.text || a.title}`, tone: tone(a), sign: mark(a), metric: a.metric ?? '' })),
      ...(notes ?? []).map((n) => ({ at: Date.parse(n.at), text: n.text })),
      ...(events ?? []).filter((e) => e.kind === 'event').map((e) => ({ at: Date.parse(e.at), text: e.text })),
    ].filter((m) => m.at >= range.from && m.at <= range.to),
    [notes, events, alarms, range.from, range.to],
  )
  if (answer.isPending) return <Skeleton lines={6} height={90} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const series = (answer.data.series ?? []).filter((s) => (s.points ?? []).some(Boolean))
  const shown = panels.filter((p) => series.some((s) => p.metrics.includes(s.metric)))
  const words = { from: moment(range.from, zone, say.language, Date.now()), to: moment(range.to, zone, say.language, Date.now()) }
  // An alarm stands in the panel of its number; one that has no panel stands in the first.
  const home = (m: Mark) => Math.max(0, shown.findIndex((p) => p.metrics.includes(m.metric ?? '')))
  const odd = oddNight(range, zone)
  if (shown.length === 0) return <p className="trend-empty second">{say('patient.trend.empty', words)}</p>
  return (
    <div className="trends">
      {odd > 0 && <p className="second small">{say('patient.night', { count: odd })}</p>}
      {shown.map((panel, i) => (
        <Chart key={panel.key} panel={panel} series={series.filter((s) => panel.metrics.includes(s.metric))} range={range} zone={zone} units={units} say={say} marks={marks.filter((m) => !m.tone || home(m) === i)} gaps={gaps.filter((g) => panel.metrics.includes(g.metric))} axis={i === shown.length - 1} open={open} />
      ))}
    </div>
  )
}

function oddNight(range: Range, zone: string): number {
  for (let d = dayStart(range.from, zone); d <= range.to; d = dayStart(d + 30 * hour, zone)) {
    const hours = dayHours(d, zone)
    if (hours !== 24) return hours
  }
  return 0
}

interface ChartProps extends Omit<Props, 'patient'> {
  panel: Panel
  series: Series[]
  units: Units
  say: Say
  marks: Mark[]
  gaps: Gap[]
  axis: boolean
}

/** Turns points into columns; a null point, or a hole of three buckets, stays a hole. */
export function columns(series: Series, convert: (x: number) => number, spot: boolean): [number[], (number | null)[], (number | null)[], (number | null)[]] {
  const out: [number[], (number | null)[], (number | null)[], (number | null)[]] = [[], [], [], []]
  const times = series.points.filter((p) => p !== null).map((p) => p[0])
  const steps = times.slice(1).map((t, i) => t - (times[i] as number)).sort((a, b) => a - b)
  const usual = steps[Math.floor(steps.length / 2)] ?? 0
  let hole = false
  let before = NaN
  for (const p of series.points) {
    if (p === null) {
      hole = true
      continue
    }
    if (!spot && !Number.isNaN(before) && (hole || p[0] - before > 3 * usual)) {
      out[0].push((before + 1) / 1000)
      for (const c of [out[1], out[2], out[3]]) c.push(null)
    }
    out[0].push(p[0] / 1000)
    out[1].push(convert(p[1]))
    out[2].push(convert(p[2]))
    out[3].push(convert(p[3]))
    hole = false
    before = p[0]
  }
  return out
}

function Chart({ panel, series, range, zone, units, say, marks, gaps, axis, open }: ChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  const value = useRef<HTMLSpanElement>(null)
  const scheme = useComputedColorScheme('dark')
  const metric = panel.metrics[0] as string
  const unit = series[0]?.unit ?? panel.unit
  const shownUnit = unitText(units.of(metric, unit))
  const digits = panel.key === 'temperature' || shownUnit === 'kPa' || shownUnit === 'mmol/L' ? 1 : 0

  const data = useMemo(() => {
    const convert = units.curve(metric, unit)
    const tables = series.map((s) => columns(s, convert, panel.spot)) as unknown as uPlot.AlignedData[]
    return tables.length === 1 ? (tables[0] as uPlot.AlignedData) : uPlot.join(tables)
  }, [series, units, metric, unit, panel.spot])

  useEffect(() => {
    const element = box.current
    if (!element) return
    const style = getComputedStyle(element)
    const colour = style.getPropertyValue(panel.signal).trim()
    const line = style.getPropertyValue('--line').trim()
    const faint = style.getPropertyValue('--text-3').trim()
    const strong = style.getPropertyValue('--text-2').trim()
    const convert = units.curve(metric, unit)
    const font = '12px Inter, sans-serif'
    let least = Infinity
    let greatest = -Infinity
    for (const s of series) for (const p of s.points) if (p) (least = Math.min(least, p[2])), (greatest = Math.max(greatest, p[3]))
    const [low, high] = reach(panel.low, panel.high, least, greatest)
    const height = axis ? 128 : 102
    const x = (u: uPlot, at: number) => u.valToPos(at / 1000, 'x', true)
    const made = new uPlot(
      {
        width: Math.max(240, element.clientWidth),
        height,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'patient' }, y: false, points: { size: 5 }, drag: { x: false, y: false } },
        scales: { x: { time: false, min: range.from / 1000, max: range.to / 1000, range: () => [range.from / 1000, range.to / 1000] }, y: { range: [convert(low), convert(high)] } },
        axes: [
          { show: true, size: axis ? 26 : 0, stroke: strong, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, splits: (_u, _i, min, max) => ticks(min * 1000, max * 1000, zone, 9).map((t) => t / 1000), values: (_u, at) => (axis ? at.map((t) => tickText(t * 1000, zone, say)) : at.map(() => '')) },
          { size: 44, stroke: faint, font, grid: { show: false }, ticks: { show: false }, space: 26, values: (_u, at) => at.map((v) => say.number(v, digits && !Number.isInteger(v) ? 1 : 0)) },
        ],
        series: [
          {},
          ...series.flatMap((_s, i): uPlot.Series[] => [
            panel.spot ? { stroke: colour, width: 1.4, paths: () => null, points: { show: true, size: 5, fill: colour, stroke: colour } } : { stroke: colour, width: i === 0 ? 1.4 : 1, spanGaps: false, points: { show: false }, ...(i > 0 ? { dash: [4, 3] } : {}) },
            { stroke: 'transparent', points: { show: false }, spanGaps: false },
            { stroke: 'transparent', points: { show: false }, spanGaps: false },
          ]),
        ],
        bands: panel.spot ? [] : series.map((_s, i) => ({ series: [i * 3 + 3, i * 3 + 2] as [number, number], fill: colour + '2e' })),
        hooks: {
          drawClear: [
            (u) => {
              const c = u.ctx
              c.save()
              for (const g of gaps) {
                const a = x(u, Math.max(Date.parse(g.from), range.from))
                const b = x(u, Math.min(g.to ? Date.parse(g.to) : Date.now(), range.to))
                c.fillStyle = style.getPropertyValue('--raised').trim()
                c.fillRect(a, u.bbox.top, b - a, u.bbox.height)
              }
              c.restore()
            },
          ],
          draw: [
            (u) => {
              const c = u.ctx
              c.save()
              c.strokeStyle = faint
              c.setLineDash([2, 3])
              for (const m of marks) {
                const at = Math.round(x(u, m.at)) + 0.5
                const colour = m.tone ? style.getPropertyValue(m.tone === 'technical' ? '--technical' : `--${m.tone}-edge`).trim() : faint
                c.strokeStyle = colour
                c.setLineDash(m.tone ? [] : [2, 3])
                c.beginPath()
                c.moveTo(at, u.bbox.top)
                c.lineTo(at, u.bbox.top + u.bbox.height)
                c.stroke()
                if (!m.sign) continue
                c.fillStyle = colour
                c.font = `700 ${13 * devicePixelRatio}px Inter, sans-serif`
                c.textBaseline = 'top'
                c.fillText(m.sign, at + 3 * devicePixelRatio, u.bbox.top)
              }
              c.strokeStyle = faint
              if (panel.spot && series.length > 1) {
                // Systolic and diastolic of one measurement hang together.
                const [t, , ] = u.data
                c.setLineDash([])
                c.strokeStyle = colour
                for (let i = 0; i < t.length; i++) {
                  const a = u.data[1]?.[i]
                  const b = u.data[4]?.[i]
                  if (a == null || b == null) continue
                  c.beginPath()
                  c.moveTo(u.valToPos(t[i] as number, 'x', true), u.valToPos(a, 'y', true))
                  c.lineTo(u.valToPos(t[i] as number, 'x', true), u.valToPos(b, 'y', true))
                  c.stroke()
                }
              }
              c.restore()
            },
          ],
          setCursor: [
            (u) => {
              if (!value.current) return
              const i = u.cursor.idx
              const parts = i == null ? [] : series.map((_s, k) => u.data[k * 3 + 1]?.[i]).filter((v) => v != null)
              const mark = u.cursor.left != null && u.cursor.left >= 0 ? marks.find((m) => Math.abs(u.valToPos(m.at / 1000, 'x') - (u.cursor.left ?? 0)) < 5) : undefined
              value.current.textContent = parts.length === 0 ? (mark?.text ?? '') : `${parts.map((v) => say.number(v as number, digits)).join(' / ')} ${shownUnit}  ${moment((u.data[0][i as number] as number) * 1000, zone, say.language, Date.now())}${mark ? '  ' + mark.text : ''}`
            },
          ],
        },
      },
      data,
      element,
    )
    plot.current = made
    const clicked = () => made.cursor.left != null && made.cursor.left >= 0 && open(made.posToVal(made.cursor.left, 'x') * 1000)
    made.over.addEventListener('click', clicked)
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(240, element.clientWidth), height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [data, range.from, range.to, zone, scheme, units, say, marks, gaps.length, axis])

  const name = say.maybe('metric.' + panel.key, metric)
  return (
    <figure className="trend" aria-label={`${name}, ${shownUnit}`}>
      <figcaption>
        <span style={{ color: `var(${panel.signal})` }}>{name}</span> <span className="quiet">{shownUnit}{panel.spot ? `, ${say('patient.trend.spot')}` : ''}</span>
        <span className="trend-value" ref={value} />
      </figcaption>
      <div ref={box} title={say('patient.trend.hint')} />
      {gaps.length > 0 && <p className="small quiet">{gaps.map((g) => say('patient.trend.gap', { cause: g.cause })).filter((t, i, all) => all.indexOf(t) === i).join('; ')}</p>}
    </figure>
  )
}

function tickText(at: number, zone: string, say: Say): string {
  const w = wall(at, zone)
  return w.hour === 0 && w.minute === 0 ? date(at, zone, say.language) : clock(at, zone)
}

