import { describe, expect, it } from 'vitest'
import { difference, offsetOf, placeOf, same } from './draft'

describe('a place in a text', () => {
  const text = 'rule a\n  when x\n\nend'
  it('goes there and back', () => {
    for (let at = 0; at <= text.length; at++) {
      const { line, column } = placeOf(text, at)
      expect(offsetOf(text, line, column), `${at}`).toBe(at)
    }
  })
  it('stays in the text and in its line', () => {
    expect(offsetOf(text, 2, 3)).toBe(9)
    expect(offsetOf(text, 1, 99)).toBe(6)
    expect(offsetOf(text, 99, 1)).toBe(text.length)
  })
})

describe('what differs', () => {
  const a = { name: 'a.rule', text: '1' }
  it('is told by file', () => {
    expect(difference([a, { name: 'b.rule', text: '1' }], [{ ...a, text: '2' }, { name: 'c.rule', text: '' }])).toEqual({ changed: ['a.rule'], added: ['c.rule'], removed: ['b.rule'] })
    expect(same(difference([a], [{ ...a }]))).toBe(true)
  })
})
