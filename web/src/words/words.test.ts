import { describe, expect, it } from 'vitest'
import { fill, type Phrase } from '.'
import { de } from './de'
import { en } from './en'

const names = (p: Phrase): string[] => {
  const texts = typeof p === 'string' ? [p] : [p.other]
  return [...new Set(texts.flatMap((t) => [...t.matchAll(/\{(\w+)\}/g)].map((m) => m[1] as string)))].sort()
}
const all = (p: Phrase): string[] => (typeof p === 'string' ? [p] : [p.one, p.other])

describe('the catalogues', () => {
  it('have the same keys', () => {
    expect(Object.keys(de).sort()).toEqual(Object.keys(en).sort())
  })
  it.each(Object.keys(en) as (keyof typeof en)[])('%s takes the same parameters in both', (key) => {
    expect(names(de[key])).toEqual(names(en[key]))
  })
  it('have plurals in both or in neither', () => {
    for (const key of Object.keys(en) as (keyof typeof en)[]) expect(typeof de[key], key).toBe(typeof en[key])
  })
  it('say nothing that helps nobody', () => {
    for (const words of [en, de] as Record<string, Phrase>[]) {
      for (const [key, phrase] of Object.entries(words)) {
        for (const text of all(phrase)) {
          expect(text, key).not.toMatch(/\bN\/A\b|^No data\.?$|Error \d|Are you sure|Sind Sie sicher/i)
          if (key !== 'sex.unknown') expect(text, key).not.toBe('')
        }
      }
    }
  })
  it('are translated: a German sentence is not the English one', () => {
    const same = (Object.keys(en) as (keyof typeof en)[]).filter((k) => (all(en[k]).join().match(/\p{L}{3,}/gu) ?? []).length > 3 && all(en[k]).join() === all(de[k]).join())
    expect(same).toEqual([])
  })
})

describe('fill', () => {
  const rules = new Intl.PluralRules('en')
  it('puts values in and leaves an unknown name to be seen', () => {
    expect(fill('{a} of {b}', { a: 1 }, rules)).toBe('1 of {b}')
  })
  it('chooses by count', () => {
    const p = { one: '{count} bed', other: '{count} beds' }
    expect([0, 1, 2].map((count) => fill(p, { count }, rules))).toEqual(['0 beds', '1 bed', '2 beds'])
  })
})
