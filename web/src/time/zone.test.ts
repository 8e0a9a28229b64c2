import { describe, expect, it } from 'vitest'
import { clock, dayHours, dayStart, hour, inputInstants, inputText, moment, offset, ticks, wall } from './zone'

const zurich = 'Europe/Zurich'
const at = (text: string) => Date.parse(text)

describe('the night of 25 hours, 2026-10-25 in Zurich', () => {
  const before = at('2026-10-25T00:30:00Z') // 02:30 +02:00
  const after = at('2026-10-25T01:30:00Z') // 02:30 +01:00

  it('has two instants at 02:30, an hour apart', () => {
    expect(inputInstants('2026-10-25T02:30', zurich)).toEqual([before, after])
  })
  it('prints the offset where a time comes twice, and only there', () => {
    expect(clock(before, zurich)).toBe('02:30 +02:00')
    expect(clock(after, zurich)).toBe('02:30 +01:00')
    expect(clock(at('2026-10-25T02:00:00Z'), zurich)).toBe('03:00')
    expect(clock(at('2026-10-24T23:59:00Z'), zurich)).toBe('01:59')
  })
  it('is 25 hours long', () => {
    expect(dayHours(before, zurich)).toBe(25)
    expect(dayStart(after, zurich)).toBe(at('2026-10-24T22:00:00Z'))
  })
  it('has a mark for every hour of the axis, both 02:00 among them', () => {
    const marks = ticks(at('2026-10-24T22:00:00Z'), at('2026-10-25T05:00:00Z'), zurich, 9)
    expect(marks.map((m) => clock(m, zurich))).toEqual(['00:00', '01:00', '02:00 +02:00', '02:00 +01:00', '03:00', '04:00', '05:00', '06:00'])
    expect(marks.slice(1).map((m, i) => m - (marks[i] as number))).toEqual(Array(7).fill(hour))
  })
})

describe('the night of 23 hours, 2027-03-28 in Zurich', () => {
  const noon = at('2027-03-28T10:00:00Z')

  it('has no 02:30', () => {
    expect(inputInstants('2027-03-28T02:30', zurich)).toEqual([])
  })
  it('goes from 01:59 to 03:00', () => {
    expect(clock(at('2027-03-28T00:59:00Z'), zurich)).toBe('01:59')
    expect(clock(at('2027-03-28T01:00:00Z'), zurich)).toBe('03:00')
  })
  it('is 23 hours long', () => {
    expect(dayHours(noon, zurich)).toBe(23)
  })
  it('marks the axis every three wall hours, without the one that is not there', () => {
    const marks = ticks(at('2027-03-27T23:00:00Z'), at('2027-03-28T22:00:00Z'), zurich, 9)
    expect(marks.map((m) => clock(m, zurich))).toEqual(['00:00', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00', '00:00'])
  })
})

describe('other days and zones', () => {
  it('reads back what it wrote into an input, minute by minute over a change', () => {
    for (let t = at('2026-10-24T22:00:00Z'); t < at('2026-10-25T04:00:00Z'); t += 7 * 60_000) {
      expect(inputInstants(inputText(t, zurich), zurich)).toContain(t)
    }
  })
  it('knows zones of half an hour', () => {
    expect(offset(at('2026-01-01T00:00:00Z'), 'Asia/Kolkata')).toBe(5.5 * hour)
    expect(wall(at('2026-01-01T18:45:00Z'), 'Asia/Kolkata')).toMatchObject({ day: 2, hour: 0, minute: 15 })
    expect(ticks(at('2026-01-01T00:00:00Z'), at('2026-01-01T04:00:00Z'), 'Asia/Kolkata', 5).map((m) => clock(m, 'Asia/Kolkata'))).toEqual(['06:00', '07:00', '08:00', '09:00'])
  })
  it('puts the date before a time that is not today', () => {
    const now = at('2026-11-22T09:00:00Z')
    expect(moment(at('2026-11-22T02:10:00Z'), zurich, 'en', now)).toBe('03:10')
    expect(moment(at('2026-11-21T22:10:00Z'), zurich, 'en', now)).toBe('21 Nov 23:10')
    expect(moment(at('2025-11-21T22:10:00Z'), zurich, 'en', now)).toBe('21 Nov 2025 23:10')
  })
  it('refuses what is no time', () => {
    for (const text of ['', '2026-13-01', 'yesterday', '2026-02-30T10:00']) expect(inputInstants(text, zurich)).toEqual([])
  })
})
