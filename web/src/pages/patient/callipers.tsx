import { useState, type KeyboardEvent, type PointerEvent } from 'react'
import { useSay, type Key } from '../../words'
import { base, height, left, mm } from './paper'

type Side = 'left' | 'right' | 'top' | 'bottom'

/** Two upright lines measure time, two level lines measure millivolts. Drag them, or use the arrow keys. */
export function Callipers({ width, ecg }: { width: number; ecg: boolean }) {
  const say = useSay()
  const [at, setAt] = useState<Record<Side, number>>({ left: left + 40 * mm, right: left + 60 * mm, top: base - 10 * mm, bottom: base })
  const ms = (Math.abs(at.right - at.left) / (25 * mm)) * 1000
  const mv = Math.abs(at.bottom - at.top) / (10 * mm)
  const upright = (s: Side) => s === 'left' || s === 'right'
  const put = (s: Side, to: number) => setAt((a) => ({ ...a, [s]: Math.min(upright(s) ? width - 2 : height - 2, Math.max(upright(s) ? left : 2, to)) }))
  const drag = (s: Side) => (e: PointerEvent<SVGGElement>) => {
    if (!e.currentTarget.hasPointerCapture(e.pointerId)) return
    const box = e.currentTarget.ownerSVGElement?.getBoundingClientRect()
    if (box) put(s, upright(s) ? e.clientX - box.left : e.clientY - box.top)
  }
  const keys = (s: Side) => (e: KeyboardEvent) => {
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key]
    if (!way) return
    e.preventDefault()
    const step = upright(s) ? (25 * mm) / 1000 : mm / 10 // 1 ms, 0.01 mV
    put(s, at[s] + way * step * (e.shiftKey ? 10 : 1) * (upright(s) ? 4 : 1))
  }
  const sides: Side[] = ecg ? ['left', 'right', 'top', 'bottom'] : ['left', 'right']
  return (
    <>
      <svg className="callipers" width={width} height={height}>
        {sides.map((s) => {
          const p = at[s]
          const value = upright(s) ? Math.round(((p - left) / (25 * mm)) * 1000) : Math.round(((base - p) / (10 * mm)) * 100) / 100
          return (
            <g
              key={s}
              role="slider"
              tabIndex={0}
              aria-label={say(('strip.calliper.' + s) as Extract<Key, `strip.calliper.${string}`>)}
              aria-valuenow={value}
              aria-valuetext={upright(s) ? `${value} ms` : `${value} mV`}
              aria-orientation={upright(s) ? 'horizontal' : 'vertical'}
              data-upright={upright(s)}
              onPointerDown={(e) => e.currentTarget.setPointerCapture(e.pointerId)}
              onPointerMove={drag(s)}
              onKeyDown={keys(s)}
            >
              {upright(s) ? (
                <>
                  <rect x={p - 8} y={0} width={16} height={height} fill="transparent" />
                  <line x1={p} x2={p} y1={0} y2={height} />
                  <rect x={p - 5} y={0} width={10} height={10} className="grip" />
                </>
              ) : (
                <>
                  <rect x={left} y={p - 6} width={width - left} height={12} fill="transparent" />
                  <line x1={left} x2={width} y1={p} y2={p} />
                  <rect x={width - 12} y={p - 5} width={10} height={10} className="grip" />
                </>
              )}
            </g>
          )
        })}
      </svg>
      <output className="calliper-text">
        {say('strip.time', { count: say.number(ms) })} {ms > 100 && <>({say('strip.perMinute', { count: say.number(60_000 / ms) })})</>}
        {ecg && <span>{say('strip.height', { value: say.number(mv, 2) })}</span>}
      </output>
    </>
  )
}
