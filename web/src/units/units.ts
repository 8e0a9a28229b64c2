import { useMemo } from 'react'
import { useMe } from '../api/queries'
import { convert, convertible, scale } from './convert'

const printed: Record<string, string> = {
  '/min': '/min',
  '%': '%',
  Cel: '\u00b0C',
  '[degF]': '\u00b0F',
  'mm[Hg]': 'mmHg',
  'cm[H2O]': 'cmH\u2082O',
  '[lb_av]': 'lb',
  '[in_i]': 'in',
  'umol/L': '\u00b5mol/L',
  'ug/L': '\u00b5g/L',
  uV: '\u00b5V',
  'L/min': 'L/min',
  'mL/h': 'mL/h',
  '{score}': '',
  '1': '',
}

/** How a UCUM code is written on a screen. */
export function unitText(unit: string): string {
  const known = printed[unit]
  if (known !== undefined) return known
  return unit.replace(/\{[^}]*\}/g, '').replace(/\[|\]/g, '').replace(/^\/$/, '')
}

export interface Shown {
  text: string
  unit: string
  code: string
}

/** Gives a stored value in the unit that this person chose, the stored one when none is chosen. */
export interface Units {
  of(metric: string, unit: string): string
  show(metric: string, value: string | number, unit: string): Shown
  curve(metric: string, unit: string): (x: number) => number
  back(metric: string, text: string, shown: string, stored: string): string | null
}

export function units(chosen: Record<string, string>): Units {
  const of = (metric: string, unit: string) => {
    const want = chosen[metric] ?? chosen[unit]
    return want !== undefined && convertible(metric, unit, want) ? want : unit
  }
  return {
    of,
    show(metric, value, unit) {
      const to = of(metric, unit)
      const text = convert(metric, String(value), unit, to)
      return text === null ? { text: String(value), unit: unitText(unit), code: unit } : { text, unit: unitText(to), code: to }
    },
    curve: (metric, unit) => scale(metric, unit, of(metric, unit)),
    back: (metric, text, shown, stored) => convert(metric, text, shown, stored),
  }
}

export function useUnits(): Units {
  const { data } = useMe()
  const chosen = data?.preferences?.units
  return useMemo(() => units(chosen ?? {}), [chosen])
}
