import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef, type RefObject } from 'react'
import { socket } from '../../live/socket'
import { Engine, type Lane } from '../../sweep/engine'
import { leadText } from '../../sweep/leads'

const mm = 96 / 25.4 // CSS px

export interface Scale {
  speed: number // mm/s
  gain: number // mm/mV
}

/** What a lane of that size can honestly show. */
export function scaleFor(width: number, height: number): Scale {
  return { speed: width >= 220 ? 25 : 12.5, gain: height >= 68 ? 10 : 5 }
}

/** The one canvas under the grid. It measures every [data-lane] of the grid and draws there. */
export function SweepLayer({ grid, layout, onScale }: { grid: RefObject<HTMLElement | null>; layout: string; onScale: (s: Scale) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const engine = useRef<Engine>(null)
  const scheme = useComputedColorScheme('dark')

  useEffect(() => {
    if (!canvas.current) return
    const made = new Engine(canvas.current)
    engine.current = made
    ;(window as unknown as { vigilSweep?: Engine }).vigilSweep = made // read by the frame rate measurement
    const detach = socket.attach(made)
    made.start()
    return () => {
      made.stop()
      detach()
      engine.current = null
    }
  }, [])

  useEffect(() => {
    const box = grid.current
    if (!box) return
    let last = ''
    const label = (key: string, metric: string) => {
      const element = box.querySelector<HTMLElement>(`[data-lane="${CSS.escape(key)}"]`)
      if (element) element.dataset.lead = leadText(metric)
    }
    const measure = () => {
      const made = engine.current
      if (!made) return
      const frame = box.getBoundingClientRect()
      const style = getComputedStyle(box)
      const lanes: Lane[] = []
      let scale: Scale = { speed: 25, gain: 10 }
      for (const element of box.querySelectorAll<HTMLElement>('[data-lane]')) {
        const r = element.getBoundingClientRect()
        const key = element.dataset.lane ?? ''
        const isECG = key.endsWith(' ecg')
        if (isECG) scale = scaleFor(r.width, r.height)
        lanes.push({ key, x: Math.round(r.left - frame.left), y: Math.round(r.top - frame.top), width: Math.floor(r.width), height: Math.floor(r.height), colour: style.getPropertyValue(isECG ? '--ecg' : key.endsWith(' pleth') ? '--spo2' : '--resp').trim(), perUnit: isECG ? scale.gain * mm : 0 })
      }
      const ground = style.getPropertyValue('--ground').trim()
      made.onLead = label
      for (const lane of lanes) if (lane.key.endsWith(' ecg')) label(lane.key, made.leadOf(lane.key))
      const seen = JSON.stringify([lanes, frame.width, frame.height, ground])
      if (seen === last) return
      last = seen
      made.layout(lanes, frame.width, frame.height, scale.speed * mm, ground)
      onScale(scale)
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(box)
    void document.fonts?.ready.then(measure)
    return () => observer.disconnect()
  }, [grid, layout, scheme, onScale])

  return <canvas ref={canvas} className="sweep" aria-hidden="true" />
}
