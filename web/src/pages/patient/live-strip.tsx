import { useComputedColorScheme } from '@mantine/core'
import { useEffect, useRef } from 'react'
import { socket } from '../../live/socket'
import { Engine, type Lane } from '../../sweep/engine'
import { leadText } from '../../sweep/leads'
import { useMetricName } from '../../parts/metric-name'

const mm = 96 / 25.4

/** Every waveform of one patient sweeping at 25 mm/s over millimetre paper. */
export function LiveStrip({ patient, metrics }: { patient: string; metrics: string[] }) {
  const name = useMetricName()
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const scheme = useComputedColorScheme('dark')
  const shown = metrics.slice(0, 6)
  const list = shown.join(' ')
  useEffect(() => {
    if (!canvas.current || !box.current) return
    const element = box.current
    const engine = new Engine(canvas.current, true)
    const detach = socket.attach(engine)
    const measure = () => {
      const frame = element.getBoundingClientRect()
      const style = getComputedStyle(element)
      const lanes: Lane[] = [...element.querySelectorAll<HTMLElement>('[data-lane]')].map((lane) => {
        const r = lane.getBoundingClientRect()
        const metric = lane.dataset.lane ?? ''
        const ecg = metric.startsWith('ecg')
        return { key: `${patient} ${metric}`, x: Math.round(r.left - frame.left), y: Math.round(r.top - frame.top), width: Math.floor(r.width), height: Math.floor(r.height), colour: style.getPropertyValue(ecg ? '--ecg' : metric === 'pleth' ? '--spo2' : '--resp').trim(), perUnit: ecg ? 10 * mm : 0 }
      })
      engine.layout(lanes, frame.width, frame.height, 25 * mm, '')
    }
    measure()
    engine.start()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => {
      observer.disconnect()
      engine.stop()
      detach()
    }
  }, [patient, list, scheme])
  return (
    <div className="live-strip" ref={box}>
      <canvas ref={canvas} className="sweep" aria-hidden="true" />
      {shown.map((m) => (
        <div key={m} className="strip-lane" data-ecg={m.startsWith('ecg') || undefined}>
          <span className="strip-name">
            {m.startsWith('ecg') ? leadText(m) : name(m)}
            {m.startsWith('ecg') && (
              <svg width={9 * mm} height={10 * mm + 2} viewBox={`0 0 ${9 * mm} ${10 * mm + 2}`} aria-hidden="true">
                <path d={`M0 ${10 * mm + 1}h${2 * mm}v${-10 * mm}h${5 * mm}v${10 * mm}h${2 * mm}`} fill="none" stroke="currentColor" strokeWidth="1.2" />
              </svg>
            )}
          </span>
          <div className="strip-room" data-lane={m} />
        </div>
      ))}
    </div>
  )
}
