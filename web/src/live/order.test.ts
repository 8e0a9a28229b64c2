import { describe, expect, it, vi } from 'vitest'
import type { Alarm } from '../api/alarm'
import { AlarmStore } from './alarms'
import { bedRank, brief, first, mark, patientFirst, unseen } from './order'

const alarm = (id: string, change: Partial<Alarm> = {}): Alarm => ({ id, patient: 'p-1', bed: 'b-1', ward: 'w', rule: 'r', version: '', title: '', text: '', priority: 'medium', peak: 'medium', condition: 'present', since: 0, raised: 100, changed: 100, times: 1, sound: 'on', level: 0, ...change })
const by = { by: 'u', name: 'U', at: 1, why: '' }
const ids = (list: Alarm[]) => list.map((a) => a.id).join(' ')

describe('the order of alarms', () => {
  it('is the highest first, then what nobody has seen, then the oldest', () => {
    const list = [alarm('low', { priority: 'low' }), alarm('young', { raised: 300 }), alarm('old', { raised: 200 }), alarm('seen', { acknowledged: by, sound: 'acknowledged', raised: 50 }), alarm('high', { priority: 'high', raised: 400 })]
    expect(ids([...list].sort(first))).toBe('high old young seen low')
    expect(ids([...list].reverse().sort(first))).toBe('high old young seen low')
  })
  it('keeps what is technical after the patient on a tile, whatever its priority', () => {
    expect(ids([alarm('probe', { technical: true, priority: 'high' }), alarm('temperature', { priority: 'low' })].sort(patientFirst))).toBe('temperature probe')
  })
  it('takes a paused alarm for unseen, and one that is acknowledged, snoozed or off for seen', () => {
    expect(unseen(alarm('a', { sound: 'paused' }))).toBe(true)
    for (const sound of ['acknowledged', 'snoozed', 'off'] as const) expect(unseen(alarm('a', { sound }))).toBe(false)
    expect(unseen(alarm('a', { sound: 'paused', acknowledged: by }))).toBe(false)
  })
  it('ranks beds: unwatched stands between medium and low alarms', () => {
    expect(bedRank([alarm('a')])).toBeLessThan(3.5)
    expect(bedRank([alarm('a', { priority: 'low' })])).toBeGreaterThan(3.5)
    expect(bedRank([alarm('a', { priority: 'low' }), alarm('b', { priority: 'high', acknowledged: by })])).toBe(1)
    expect(bedRank([])).toBe(20)
  })
  it('marks by priority, with another sign for what is technical', () => {
    expect([mark(alarm('a', { priority: 'high' })), mark(alarm('a')), mark(alarm('a', { priority: 'low' })), mark(alarm('a', { priority: 'high', technical: true }))]).toEqual(['***', '**', '*', '!!!'])
  })
})

describe('brief', () => {
  it.each([
    ['SpO2 84 % < 88 %', 'SpO2 84<88'],
    ['HR 134 /min > 120 /min', 'HR 134>120'],
    ['T 39.2 \u00b0C > 38.5 \u00b0C', 'T 39.2>38.5'],
    ['Base excess \u22124.1 mmol/L < \u22122', 'Base excess \u22124.1<\u22122'],
    ['SBP 182 mmHg >= 180 mmHg', 'SBP 182\u2265180'],
    ['RR 7 /min < 8 /min with opioids', 'RR 7<8 with opioids'],
    ['Glucose 280 mg/dL > 250 mg/dL for 2 h: ketones?', 'Glucose 280>250 for 2 h: ketones?'],
    ['RR 25 /min: 3 points in NEWS2', 'RR 25 /min: 3 points in NEWS2'],
    ['Fall detected', 'Fall detected'],
    ['NEWS2 8 \u2265 7', 'NEWS2 8\u22657'],
    ['Asystole', 'Asystole'],
    ['heart rate: no data, monitor-7 sends nothing', 'heart rate: no data, monitor-7 sends nothing'],
  ])('%s', (text, want) => expect(brief(text)).toBe(want))
})

describe('the list of open alarms', () => {
  it('is not known before the server has sent it whole', () => {
    const store = new AlarmStore()
    expect(store.get().known).toBe(false)
    store.apply([alarm('a')], false)
    expect(store.get().known).toBe(false)
    store.apply(null, true)
    expect(store.get()).toMatchObject({ known: true, all: [] })
  })
  it('forgets what is closed, and an older word does not bring it back', () => {
    const store = new AlarmStore()
    store.apply([alarm('a'), alarm('b', { technical: true, bed: 'b-2', patient: 'p-2' })], true)
    expect(ids(store.ofBed('b-1'))).toBe('a')
    expect(ids(store.get().technical)).toBe('b')
    store.apply([alarm('a', { closed: 500, changed: 500 })], false)
    store.apply([alarm('a', { changed: 400 })], false)
    expect(ids(store.get().all)).toBe('b')
    expect(store.ofPatient('p-1')).toEqual([])
  })
  it('keeps the newer of two words about one alarm', () => {
    const store = new AlarmStore()
    store.apply([alarm('a', { changed: 200, sound: 'acknowledged' })], true)
    store.apply([alarm('a', { changed: 150, sound: 'on' })], false)
    expect(store.one('a')?.sound).toBe('acknowledged')
  })
  it('wakes once for many changes, and tells which stories have grown', () => {
    vi.useFakeTimers()
    const store = new AlarmStore()
    const wake = vi.fn()
    const grown = vi.fn()
    store.subscribe(wake)
    store.onChange = grown
    store.apply([alarm('a')], true)
    for (let i = 1; i < 20; i++) store.apply([alarm('a', { changed: 100 + i, text: String(i) })], false)
    vi.advanceTimersByTime(100)
    expect(wake).toHaveBeenCalledTimes(1)
    expect(grown.mock.calls).toEqual([[['a']]])
    store.apply([alarm('a', { changed: 200, level: 1 })], false)
    expect(grown).toHaveBeenLastCalledWith(['a'])
    expect(store.one('a')?.level).toBe(1)
    vi.useRealTimers()
  })
  it('starts anew with a whole list: what is not in it is not open', () => {
    const store = new AlarmStore()
    store.apply([alarm('a'), alarm('b')], true)
    store.apply([alarm('b')], true)
    expect(ids(store.get().all)).toBe('b')
  })
})
