// Our own small catalogue: typed keys, typed parameters, plurals by Intl. A language is complete or it does not
// compile.

import { useSyncExternalStore } from 'react'
import { de } from './de'
import { en } from './en'

export type Plural = { one: string; other: string }
export type Phrase = string | Plural
export type Key = keyof typeof en
export type Words = Record<Key, Phrase>

type Names<S> = S extends `${string}{${infer N}}${infer Rest}` ? N | Names<Rest> : never
type Text<P> = P extends { other: infer O } ? O : P
type Needs<K extends Key> = Names<Text<(typeof en)[K]>>
type Arguments<K extends Key> = [Needs<K>] extends [never] ? [] : [Record<Needs<K>, string | number>]

export type Language = 'en' | 'de'
export const languages: Record<Language, string> = { en: 'English', de: 'Deutsch' }
const catalogue: Record<Language, Words> = { en, de }

export interface Say {
  <K extends Key>(key: K, ...filled: Arguments<K>): string
  language: Language
  /** The phrase when the catalogue has the key, the fallback when the key comes from the server. */
  maybe(key: string, fallback: string): string
  number(n: number, digits?: number): string
  /** A measured number keeps its digits; only the decimal mark is the language's. */
  digits(text: string): string
  bytes(n: number): string
  age(ms: number): string
}

export function fill(phrase: Phrase, values: Record<string, string | number>, rules: Intl.PluralRules): string {
  const text = typeof phrase === 'string' ? phrase : rules.select(Number(values.count)) === 'one' ? phrase.one : phrase.other
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole))
}

function speaker(language: Language): Say {
  const words = catalogue[language]
  const rules = new Intl.PluralRules(language)
  const mark = language === 'de' ? ',' : '.'
  const say = ((key: Key, values: Record<string, string | number> = {}) => fill(words[key], values, rules)) as Say
  say.language = language
  say.maybe = (key, fallback) => (key in words ? fill(words[key as Key], {}, rules) : fallback)
  say.number = (n, digits = 0) => new Intl.NumberFormat(language === 'de' ? 'de-CH' : 'en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(n)
  say.digits = (text) => (mark === '.' ? text : text.replace('.', mark)).replace(/^-/, '\u2212')
  say.bytes = (n) => {
    const step = n >= 1e9 ? 1e9 : n >= 1e6 ? 1e6 : 1e3
    return `${say.number(n / step, n / step < 10 ? 1 : 0)} ${step === 1e9 ? 'GB' : step === 1e6 ? 'MB' : 'kB'}`
  }
  say.age = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000))
    if (s < 100) return say('age.seconds', { count: s })
    if (s < 100 * 60) return say('age.minutes', { count: Math.floor(s / 60) })
    if (s < 72 * 3600) return say('age.hours', { count: Math.floor(s / 3600) })
    return say('age.days', { count: Math.floor(s / 86400) })
  }
  return say
}

const speakers: Record<Language, Say> = { en: speaker('en'), de: speaker('de') }
let current: Language = 'en'
const listeners = new Set<() => void>()

export const known = (language: string | undefined): Language | null => (language === 'en' || language === 'de' ? language : null)

export function speak(language: Language) {
  if (language === current) return
  current = language
  document.documentElement.lang = language
  for (const l of listeners) l()
}

const subscribe = (l: () => void) => {
  listeners.add(l)
  return () => listeners.delete(l)
}

/** The speaker of now, for what is not drawn by React. */
export const speaking = (): Say => speakers[current]

export const useSay = (): Say => speakers[useSyncExternalStore(subscribe, () => current)]
