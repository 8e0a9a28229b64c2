import { useMemo } from 'react'
import { blocksOf, type TraceWave } from '../../api/watching'
import type { WaveBlock } from '../../api/types'
import { clock } from '../../time/zone'
import { useSay } from '../../words'

// Drawn in millimetres as SVG: a print then has the very 25 mm/s and 10 mm/mV that a reader measures with a ruler.
const perSecond = 25
const perMillivolt = 10
const label = 4 // mm below the paper for the times

interface Props {
  waves: TraceWave[]
  metric: string
  ecg: boolean
  raised: number
  from: number
  to: number
  rowSeconds: number
  zone: string
}

/** A minute of waveform on millimetre paper, in rows. A hole stays a hole. */
export function TraceStrip({ waves, metric, ecg, raised, from, to, rowSeconds, zone }: Props) {
  const blocks = useMemo(() => blocksOf(waves, metric), [waves, metric])
  const scale = useMemo(() => scaleOf(blocks, ecg), [blocks, ecg])
  const rows = Array.from({ length: Math.ceil((to - from) / (rowSeconds * 1000)) }, (_, i) => from + i * rowSeconds * 1000)
  return (
    <div className="trace-rows" data-signal={ecg ? 'ecg' : metric === 'pleth' ? 'spo2' : metric.startsWith('resp') ? 'resp' : 'other'}>
      {rows.map((start) => (
        <Row key={start} blocks={blocks} scale={scale} start={start} end={start + rowSeconds * 1000} seconds={rowSeconds} raised={raised} zone={zone} />
      ))}
    </div>
  )
}

interface Scale {
  zero: number
  mm: number // per unit
  up: number // mm above the zero line
  height: number
}

/** An electrocardiogram keeps its 10 mm/mV and gets as much paper as it needs; anything else is fitted to 15 mm. */
function scaleOf(blocks: WaveBlock[], ecg: boolean): Scale {
  const all: number[] = []
  for (const b of blocks) for (const s of b.samples) if (s !== null) all.push((s + b.zero) * b.gain)
  if (all.length === 0) return { zero: 0, mm: perMillivolt, up: 10, height: 20 }
  const sorted = Float64Array.from(all).sort()
  const low = sorted[0] ?? 0
  const high = sorted[sorted.length - 1] ?? 0
  if (!ecg) return { zero: low, mm: high > low ? 13 / (high - low) : 0, up: 14, height: 15 }
  const zero = sorted[Math.floor(sorted.length / 2)] ?? 0 // the offset of an amplifier does not push the trace off the paper
  const up = Math.min(40, Math.max(10, Math.ceil(((high - zero) * perMillivolt) / 5) * 5))
  const down = Math.min(25, Math.max(5, Math.ceil(((zero - low) * perMillivolt) / 5) * 5))
  return { zero, mm: perMillivolt, up, height: up + down }
}

function Row({ blocks, scale, start, end, seconds, raised, zone }: { blocks: WaveBlock[]; scale: Scale; start: number; end: number; seconds: number; raised: number; zone: string }) {
  const say = useSay()
  const width = seconds * perSecond
  const { height } = scale
  const path = useMemo(() => pathOf(blocks, scale, start, end), [blocks, scale, start, end])
  const x = ((raised - start) / 1000) * perSecond
  const marks = Array.from({ length: Math.floor(seconds / 2) + 1 }, (_, i) => Math.ceil(start / 2000) * 2000 + i * 2000).filter((t) => t < end - 1200)
  return (
    <svg className="trace-strip" viewBox={`0 0 ${width} ${height + label}`} width={`${width}mm`} height={`${height + label}mm`} aria-hidden="true">
      <path className="trace-fine" d={lines(width, height, 1)} />
      <path className="trace-coarse" d={lines(width, height, 5)} />
      <path className="trace-curve" d={path} />
      {marks.map((t) => (
        <g key={t}>
          <path className="trace-second" d={`M${((t - start) / 1000) * perSecond} ${height}v1.5`} />
          <text x={((t - start) / 1000) * perSecond + 0.8} y={height + 3.6}>
            {clock(t, zone, true)}
          </text>
        </g>
      ))}
      {x >= 0 && x < width && (
        <>
          <path className="trace-mark" d={`M${x} 0V${height + 1.5}`} />
          <text className="trace-mark-text" x={x + (x > width - 18 ? -1 : 1)} y={3.6} textAnchor={x > width - 18 ? 'end' : 'start'}>
            {say('trace.raised')}
          </text>
        </>
      )}
    </svg>
  )
}

function lines(width: number, height: number, step: number): string {
  let d = ''
  for (let x = 0; x <= width; x += step) d += `M${x} 0V${height}`
  for (let y = 0; y <= height; y += step) d += `M0 ${y}H${width}`
  return d
}

function pathOf(blocks: WaveBlock[], scale: Scale, start: number, end: number): string {
  let d = ''
  let last = -Infinity
  for (const b of blocks) {
    const period = 1e6 / b.millihz
    const until = b.start + b.samples.length * period
    if (until < start || b.start > end) continue
    let down = b.start - last < 1.6 * period
    b.samples.forEach((s, i) => {
      const at = b.start + i * period
      if (s === null || at < start || at > end) {
        down = false
        return
      }
      const y = scale.up - ((s + b.zero) * b.gain - scale.zero) * scale.mm
      d += `${down ? 'L' : 'M'}${(((at - start) / 1000) * perSecond).toFixed(2)} ${Math.max(0, Math.min(scale.height, y)).toFixed(2)}`
      down = true
    })
    last = b.start + (b.samples.length - 1) * period
  }
  return d
}
