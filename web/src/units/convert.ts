// Values keep the digits that the device sent. They are converted only here, for the eyes of one person,
// exactly: every factor is a fraction of whole numbers, the result is rounded once, half away from zero.

interface Fraction {
  n: bigint
  d: bigint
}

const over = (n: bigint, d: bigint): Fraction => (d < 0n ? { n: -n, d: -d } : { n, d })
const times = (a: Fraction, b: Fraction): Fraction => over(a.n * b.n, a.d * b.d)
const plus = (a: Fraction, b: Fraction): Fraction => over(a.n * b.d + b.n * a.d, a.d * b.d)

export function fraction(text: string): Fraction | null {
  const m = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text.trim())
  if (!m) return null
  const digits = m[3] ?? ''
  const whole = BigInt((m[2] ?? '0') + digits) * (m[1] === '-' ? -1n : 1n)
  const exponent = Number(m[4] ?? 0) - digits.length
  return exponent >= 0 ? over(whole * 10n ** BigInt(exponent), 1n) : over(whole, 10n ** BigInt(-exponent))
}

/** The fraction with that many places, rounded half away from zero. */
export function places(f: Fraction, count: number): string {
  const scale = 10n ** BigInt(count)
  const negative = f.n < 0n
  const n = (negative ? -f.n : f.n) * scale
  const rounded = (2n * n + f.d) / (2n * f.d)
  const text = rounded.toString().padStart(count + 1, '0')
  const cut = text.length - count
  const out = count === 0 ? text : `${text.slice(0, cut)}.${text.slice(cut)}`
  return negative && rounded !== 0n ? '-' + out : out
}

// to = from * factor + shift
interface Rule {
  from: string
  to: string
  factor: [string, string]
  shift?: [string, string]
  places: number
  back: number
  metric?: RegExp
}

// Sources: UCUM 2.2 for degF, m[Hg] (133.3220 kPa), lb_av, in_i, m[H2O]. Glucose: 18.0182 mg/dL per mmol/L, the
// factor that makers of glucose sensors print. Creatinine: 88.42 umol/L per mg/dL, as laboratories print.
const rules: Rule[] = [
  { from: 'Cel', to: '[degF]', factor: ['9', '5'], shift: ['32', '1'], places: 1, back: 1 },
  { from: 'mm[Hg]', to: 'kPa', factor: ['0.133322', '1'], places: 1, back: 0 },
  { from: 'kg', to: '[lb_av]', factor: ['1', '0.45359237'], places: 1, back: 1 },
  { from: 'cm', to: '[in_i]', factor: ['1', '2.54'], places: 1, back: 1 },
  { from: 'mg/dL', to: 'mmol/L', factor: ['1', '18.0182'], places: 1, back: 0, metric: /glucose/ },
  { from: 'mg/dL', to: 'umol/L', factor: ['88.42', '1'], places: 0, back: 2, metric: /creatinine/ },
  { from: 'cm[H2O]', to: 'mbar', factor: ['0.980665', '1'], places: 1, back: 1 },
  { from: 'cm[H2O]', to: 'kPa', factor: ['0.0980665', '1'], places: 2, back: 1 },
]

const ratio = ([n, d]: [string, string]): Fraction => {
  const a = fraction(n) as Fraction
  const b = fraction(d) as Fraction
  return over(a.n * b.d, a.d * b.n)
}

function find(metric: string, from: string, to: string): { factor: Fraction; shift: Fraction; places: number } | null {
  for (const r of rules) {
    if (r.metric && !r.metric.test(metric)) continue
    const factor = ratio(r.factor)
    const shift = r.shift ? ratio(r.shift) : over(0n, 1n)
    if (r.from === from && r.to === to) return { factor, shift, places: r.places }
    if (r.from === to && r.to === from) {
      const inverse = over(factor.d, factor.n)
      return { factor: inverse, shift: times(over(-shift.n, shift.d), inverse), places: r.back }
    }
  }
  return null
}

/** Every unit that a metric stored in `unit` can be shown in, its own first. */
export function choices(metric: string, unit: string): string[] {
  const found = [unit]
  for (const r of rules) {
    if (r.metric && !r.metric.test(metric)) continue
    if (r.from === unit) found.push(r.to)
    if (r.to === unit) found.push(r.from)
  }
  return found
}

export const convertible = (metric: string, from: string, to: string) => from === to || find(metric, from, to) !== null

/** The same quantity in another unit; the text itself when nothing is to do; null when there is no way. */
export function convert(metric: string, text: string, from: string, to: string): string | null {
  if (from === to) return text
  const rule = find(metric, from, to)
  const value = fraction(text)
  if (!rule || !value) return null
  return places(plus(times(value, rule.factor), rule.shift), rule.places)
}

/** For curves: a function on numbers, unrounded. */
export function scale(metric: string, from: string, to: string): (x: number) => number {
  const rule = from === to ? null : find(metric, from, to)
  if (!rule) return (x) => x
  const factor = Number(rule.factor.n) / Number(rule.factor.d)
  const shift = Number(rule.shift.n) / Number(rule.shift.d)
  return (x) => x * factor + shift
}
