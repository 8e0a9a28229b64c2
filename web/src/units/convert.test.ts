import { describe, expect, it } from 'vitest'
import { choices, convert, fraction, places, scale } from './convert'
import { units, unitText } from './units'

describe('exact conversion', () => {
  it.each([
    ['temperature', '36.60', 'Cel', '[degF]', '97.9'],
    ['temperature', '38.4', 'Cel', '[degF]', '101.1'],
    ['temperature', '-40', 'Cel', '[degF]', '-40.0'],
    ['temperature', '100.4', '[degF]', 'Cel', '38.0'],
    ['bp-systolic', '120', 'mm[Hg]', 'kPa', '16.0'],
    ['bp-systolic', '16.0', 'kPa', 'mm[Hg]', '120'],
    ['weight', '70', 'kg', '[lb_av]', '154.3'],
    ['weight', '154.3', '[lb_av]', 'kg', '70.0'],
    ['glucose', '100', 'mg/dL', 'mmol/L', '5.5'],
    ['glucose', '70', 'mg/dL', 'mmol/L', '3.9'],
    ['glucose', '180', 'mg/dL', 'mmol/L', '10.0'],
    ['glucose', '5.5', 'mmol/L', 'mg/dL', '99'],
    ['creatinine', '1.0', 'mg/dL', 'umol/L', '88'],
  ])('%s %s %s is %s %s', (metric, value, from, to, want) => {
    expect(convert(metric, value, from, to)).toBe(want)
  })
  it('leaves the digits alone when nothing is to do', () => {
    expect(convert('temperature', '36.60', 'Cel', 'Cel')).toBe('36.60')
  })
  it('does not convert what is not the same quantity', () => {
    expect(convert('lactate', '2', 'mmol/L', 'mg/dL')).toBeNull()
    expect(convert('heart-rate', '72', '/min', 'Cel')).toBeNull()
    expect(convert('glucose', 'high', 'mg/dL', 'mmol/L')).toBeNull()
  })
  it('rounds half away from zero, once', () => {
    expect(places(fraction('0.25')!, 1)).toBe('0.3')
    expect(places(fraction('-0.25')!, 1)).toBe('-0.3')
    expect(places(fraction('-0.04')!, 1)).toBe('0.0')
    expect(places(fraction('1e3')!, 0)).toBe('1000')
    expect(places(fraction('12345678901234567890.5')!, 0)).toBe('12345678901234567891')
  })
  it('comes back within half a digit, over the whole range of a thermometer', () => {
    for (let tenth = 200; tenth <= 450; tenth++) {
      const celsius = (tenth / 10).toFixed(1)
      expect(convert('temperature', convert('temperature', celsius, 'Cel', '[degF]')!, '[degF]', 'Cel')).toBe(celsius)
    }
  })
  it('draws curves by the same rule as numbers', () => {
    const f = scale('temperature', 'Cel', '[degF]')
    expect(f(37)).toBeCloseTo(98.6, 10)
    expect(scale('x', 'a', 'b')(3)).toBe(3)
  })
  it('offers the other unit of a quantity', () => {
    expect(choices('glucose', 'mg/dL')).toEqual(['mg/dL', 'mmol/L'])
    expect(choices('urea', 'mg/dL')).toEqual(['mg/dL'])
  })
})

describe('display', () => {
  it('shows the chosen unit, and the stored one when the choice does not fit', () => {
    const u = units({ temperature: '[degF]', 'heart-rate': 'Cel' })
    expect(u.show('temperature', '38.4', 'Cel')).toEqual({ text: '101.1', unit: '\u00b0F', code: '[degF]' })
    expect(u.show('heart-rate', '72', '/min')).toEqual({ text: '72', unit: '/min', code: '/min' })
  })
  it('never loses a unit', () => {
    expect(unitText('mm[Hg]')).toBe('mmHg')
    expect(unitText('10*9/L')).toBe('10*9/L')
    expect(unitText('{score}')).toBe('')
  })
})
