import type { Burden } from '../../api/running'

/** A cell that no spreadsheet takes for a formula. */
export function cell(x: string | number): string {
  const text = String(x)
  const safe = typeof x === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** Everything that the page shows, one fact a line: part, name, fact, number. */
export function burdenTable(b: Burden): string {
  const rows: (string | number)[][] = [['part', 'name', 'fact', 'value', 'unit']]
  const put = (part: string, name: string, fact: string, value: string | number, unit = '') => rows.push([part, name, fact, value, unit])
  put('all', '', 'from', b.from)
  put('all', '', 'to', b.to)
  put('all', '', 'occupied beds', b.bedDays, 'd')
  put('all', '', 'alarms', b.alarms)
  put('all', '', 'alarms per bed and day', b.perBedDay)
  put('all', '', 'technical', b.technical)
  for (const p of ['high', 'medium', 'low'] as const) put('priority', p, 'alarms', b.byPriority[p])
  for (const [fact, s] of [['accepted or handed over', b.actionable], ['acknowledged', b.met], ['over before acknowledged', b.selfEnded]] as const) put('all', '', fact, s.alarms)
  put('all', '', 'time to acknowledge, median', b.toMeet.median, 's')
  put('all', '', 'time to acknowledge, 90 %', b.toMeet.p90, 's')
  for (const r of b.byRule ?? []) {
    put('rule', r.title || r.rule, 'alarms', r.alarms)
    put('rule', r.title || r.rule, 'over before acknowledged', r.selfEnded)
    put('rule', r.title || r.rule, 'accepted or handed over', r.actionable)
    put('rule', r.title || r.rule, 'lasted', r.minutes, 'min')
  }
  for (const x of b.byBed ?? []) put('bed', x.label || x.bed, 'alarms', x.alarms)
  for (const [h, n] of (b.byHour ?? []).entries()) put('hour of day', `${h}:00`, 'alarms', n)
  for (const d of b.byDay ?? []) put('day', d.day, 'alarms', d.alarms)
  for (const x of b.byShift ?? []) put('shift', `${x.name} ${x.from}`, 'alarms', x.alarms)
  return rows.map((r) => r.map(cell).join(',')).join('\r\n') + '\r\n'
}
