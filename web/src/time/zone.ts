// Times are instants everywhere; only here do they become what the clock on the ward's wall says. In a night
// of 25 hours one wall time stands for two instants: then the offset is printed with it, so that it is never
// ambiguous. In a night of 23 hours an hour does not exist and is never printed nor accepted.

const second = 1000
const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

export interface Wall {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(zone: string): Intl.DateTimeFormat {
  let f = formats.get(zone)
  if (!f) {
    f = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
    formats.set(zone, f)
  }
  return f
}

/** What the wall clock of the zone shows at that instant. */
export function wall(at: number, zone: string): Wall {
  const w: Wall = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 }
  for (const part of format(zone).formatToParts(at)) {
    if (part.type in w) w[part.type as keyof Wall] = Number(part.value)
  }
  return w
}

const asUTC = (w: Wall) => Date.UTC(w.year, w.month - 1, w.day, w.hour, w.minute, w.second)

/** Milliseconds that the zone is ahead of UTC at that instant. */
export function offset(at: number, zone: string): number {
  const whole = Math.floor(at / second) * second
  return asUTC(wall(whole, zone)) - whole
}

/** Every instant at which the wall clock shows w: none, one or two. */
export function instants(w: Wall, zone: string): number[] {
  const guess = asUTC(w)
  const offsets = new Set([offset(guess - day, zone), offset(guess + day, zone)])
  return [...offsets]
    .map((o) => guess - o)
    .filter((at) => asUTC(wall(at, zone)) === guess)
    .sort((a, b) => a - b)
}

/** The wall time of this instant comes twice in its night. */
export const ambiguous = (at: number, zone: string) => instants({ ...wall(at, zone) }, zone).length > 1

const two = (n: number) => String(n).padStart(2, '0')

export function offsetText(at: number, zone: string): string {
  const o = offset(at, zone) / minute
  return `${o < 0 ? '\u2212' : '+'}${two(Math.floor(Math.abs(o) / 60))}:${two(Math.abs(o) % 60)}`
}

/** "03:10", or "02:30 +01:00" when that time comes twice. */
export function clock(at: number, zone: string, seconds = false): string {
  const w = wall(at, zone)
  const time = `${two(w.hour)}:${two(w.minute)}${seconds ? ':' + two(w.second) : ''}`
  return ambiguous(at, zone) ? `${time} ${offsetText(at, zone)}` : time
}

export const sameDay = (a: number, b: number, zone: string) => {
  const x = wall(a, zone)
  const y = wall(b, zone)
  return x.year === y.year && x.month === y.month && x.day === y.day
}

export function date(at: number, zone: string, language: string, now = Date.now()): string {
  const year = wall(at, zone).year !== wall(now, zone).year
  return new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, { timeZone: zone, day: 'numeric', month: 'short', ...(year ? { year: 'numeric' } : {}) }).format(at)
}

/** The time, with its date when that is not today. */
export function moment(at: number, zone: string, language: string, now: number, seconds = false): string {
  const time = clock(at, zone, seconds)
  return sameDay(at, now, zone) ? time : `${date(at, zone, language, now)} ${time}`
}

/** First instant of the ward's day that holds the given instant. */
export function dayStart(at: number, zone: string): number {
  const w = { ...wall(at, zone), hour: 0, minute: 0, second: 0 }
  for (let m = 0; m < 180; m += 15) {
    const found = instants({ ...w, hour: Math.floor(m / 60), minute: m % 60 }, zone)
    if (found[0] !== undefined) return found[0]
  }
  return at
}

/** Hours of the ward's day: 23, 24 or 25 where clocks change by an hour. */
export function dayHours(at: number, zone: string): number {
  const start = dayStart(at, zone)
  return (dayStart(start + 26 * hour + 30 * minute, zone) - start) / hour
}

const steps = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440].map((m) => m * minute)

/** Instants for the marks of a time axis, on round times of the wall clock. */
export function ticks(from: number, to: number, zone: string, most: number): number[] {
  const step = steps.find((s) => (to - from) / s <= most) ?? 1440 * minute
  const marks: number[] = []
  if (step > hour) {
    for (let d = dayStart(from, zone); d <= to; d = dayStart(d + 26 * hour + 30 * minute, zone)) {
      for (let h = 0; h < 24; h += step / hour) {
        const at = instants({ ...wall(d, zone), hour: h, minute: 0, second: 0 }, zone)[0]
        if (at !== undefined && at >= from && at <= to) marks.push(at)
      }
    }
    return marks
  }
  const shift = offset(from, zone) % step
  for (let at = Math.ceil((from + shift) / step) * step - shift; at <= to; at += step) marks.push(at)
  return marks
}

/** "YYYY-MM-DDTHH:mm" of the wall clock, for an input. */
export function inputText(at: number, zone: string): string {
  const w = wall(at, zone)
  return `${w.year}-${two(w.month)}-${two(w.day)}T${two(w.hour)}:${two(w.minute)}`
}

/** The instants that such an input may mean: none (it does not exist), one, or two. */
export function inputInstants(text: string, zone: string): number[] {
  const m = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)/.exec(text)
  if (!m) return []
  const w: Wall = { year: Number(m[1]), month: Number(m[2]), day: Number(m[3]), hour: Number(m[4]), minute: Number(m[5]), second: 0 }
  const same = new Date(asUTC(w)) // a thirtieth of February would roll over into March
  if (same.getUTCMonth() !== w.month - 1 || same.getUTCDate() !== w.day || same.getUTCHours() !== w.hour) return []
  return instants(w, zone)
}
