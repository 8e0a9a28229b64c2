import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef, type ReactNode } from 'react'
import type { WaveBlock } from '../../api/types'
import { clock } from '../../time/zone'

/** One millimetre in CSS pixels. */
export const mm = 96 / 25.4
export const left = 44 // room for the calibration pulse
export const height = Math.round(60 * mm)
/** Where 0 mV lies. */
export const base = Math.round(35 * mm)

interface Props {
  blocks: WaveBlock[]
  ecg: boolean
  from: number
  width: number
  zone: string
  children?: ReactNode
}

/** A strip on millimetre paper, 25 mm/s; an ECG at 10 mm/mV, unfiltered; a hole stays a hole. */
export function Paper({ blocks, ecg, from, width, zone, children }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const scheme = useComputedColorScheme('dark')
  useEffect(() => {
    const element = canvas.current
    const c = element?.getContext('2d')
    if (!element || !c) return
    const ratio = Math.min(window.devicePixelRatio || 1, 3)
    element.width = Math.round(width * ratio)
    element.height = Math.round(height * ratio)
    c.setTransform(ratio, 0, 0, ratio, 0, 0)
    const style = getComputedStyle(element)
    const colour = (name: string) => style.getPropertyValue(name).trim()
    c.fillStyle = colour('--ground')
    c.fillRect(0, 0, width, height)
    grid(c, width, colour('--grid-fine'), colour('--grid-coarse'))
    c.fillStyle = colour('--text-3')
    c.font = '12px Inter, sans-serif'
    for (let t = Math.ceil(from / 1000) * 1000; ; t += 1000) {
      const x = left + ((t - from) / 1000) * 25 * mm
      if (x > width - 60) break
      c.fillRect(Math.round(x), height - 5, 1, 5)
      if ((t / 1000) % 2 === 0) c.fillText(clock(t, zone, true), x + 4, height - 4)
    }
    c.lineWidth = 1.3
    c.lineJoin = 'round'
    c.strokeStyle = colour(ecg ? '--ecg' : '--spo2')
    if (ecg) pulse(c)
    let low = Infinity
    let high = -Infinity
    for (const b of blocks) for (const s of b.samples) if (s !== null) (low = Math.min(low, (s + b.zero) * b.gain)), (high = Math.max(high, (s + b.zero) * b.gain))
    const scale = ecg ? 10 * mm : high > low ? (height - 60) / (high - low) : 0
    const middle = ecg ? base : height - 40
    const zero = ecg ? centre(blocks) : low
    c.beginPath()
    let last = -Infinity
    for (const b of [...blocks].sort((x, y) => x.start - y.start)) {
      const period = 1e6 / b.millihz
      let down = b.start - last < 1.6 * period
      b.samples.forEach((s, i) => {
        const at = b.start + i * period
        const x = left + ((at - from) / 1000) * 25 * mm
        if (s === null || x < left - 1 || x > width) {
          down = false
          return
        }
        const y = middle - ((s + b.zero) * b.gain - zero) * scale
        if (down) c.lineTo(x, y)
        else c.moveTo(x, y)
        down = true
      })
      last = b.start + (b.samples.length - 1) * period
    }
    c.stroke()
  }, [blocks, ecg, from, width, zone, scheme])
  return (
    <div className="paper" style={{ height }}>
      <canvas ref={canvas} style={{ width, height }} aria-hidden="true" />
      {children}
    </div>
  )
}

export function grid(c: CanvasRenderingContext2D, width: number, fine: string, coarse: string) {
  for (const [step, colour] of [
    [1, fine],
    [5, coarse],
  ] as const) {
    c.strokeStyle = colour
    c.lineWidth = 1
    c.beginPath()
    for (let x = 0; x * mm <= width; x += step) {
      c.moveTo(Math.round(x * mm) + 0.5, 0)
      c.lineTo(Math.round(x * mm) + 0.5, height)
    }
    for (let y = 0; y * mm <= height; y += step) {
      c.moveTo(0, Math.round(y * mm) + 0.5)
      c.lineTo(width, Math.round(y * mm) + 0.5)
    }
    c.stroke()
  }
}

/** 1 mV high and 200 ms wide, as every electrocardiograph draws it. */
function pulse(c: CanvasRenderingContext2D) {
  const x = 4
  c.beginPath()
  c.moveTo(x, base)
  c.lineTo(x + 2 * mm, base)
  c.lineTo(x + 2 * mm, base - 10 * mm)
  c.lineTo(x + 7 * mm, base - 10 * mm)
  c.lineTo(x + 7 * mm, base)
  c.lineTo(x + 9 * mm, base)
  c.stroke()
}

/** The median level, so that an offset of the amplifier does not push the trace off the paper. */
function centre(blocks: WaveBlock[]): number {
  const all = blocks.flatMap((b) => b.samples.filter((s) => s !== null).map((s) => (s + b.zero) * b.gain)).sort((a, b) => a - b)
  return all[Math.floor(all.length / 2)] ?? 0
}
