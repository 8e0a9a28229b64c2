import { describe, expect, it } from 'vitest'
import type { Burden } from '../../api/running'
import { burdenTable, cell } from './table'

describe('a cell', () => {
  it('is never a formula', () => {
    expect(cell('=HYPERLINK("x")')).toBe('"\'=HYPERLINK(""x"")"')
    expect(['+1', '-1', '@a', '\t=1'].map(cell)).toEqual(["'+1", "'-1", "'@a", "'\t=1"])
  })
  it('keeps a number that is below zero a number', () => {
    expect(cell(-3)).toBe('-3')
  })
})

describe('the table', () => {
  it('holds every part with its number', () => {
    const none = { alarms: 0, share: 0 }
    const b: Burden = { from: 'a', to: 'b', bedDays: 2.5, alarms: 3, perBedDay: 1.2, technical: 1, byPriority: { low: 1, medium: 1, high: 1 }, actionable: none, met: { alarms: 2, share: 0.66 }, selfEnded: none, toMeet: { median: 30, p90: 90 }, byRule: [{ rule: 'r', title: 'Heart rate high', technical: false, alarms: 3, minutes: 4.5, share: 1, selfEnded: 0, actionable: 0 }], byBed: [{ bed: 'b-1', label: '12', alarms: 3 }], byHour: [0, 3], byDay: [{ day: '2026-01-01', alarms: 3 }], byShift: [], truncated: false }
    const lines = burdenTable(b).trim().split('\r\n')
    expect(lines).toContain('bed,12,alarms,3,')
    expect(lines).toContain('hour of day,1:00,alarms,3,')
    expect(lines).toContain('rule,Heart rate high,lasted,4.5,min')
    expect(lines).toContain('all,,acknowledged,2,')
  })
})
