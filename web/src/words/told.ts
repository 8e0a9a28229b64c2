// What the server says in English it also says by a code, or in other languages beside it. An answer passes through
// here once, so that every page reads the person's language without asking for it.

import { speaking } from '.'

export interface Said {
  code: string
  with?: string[]
  of?: string
  then?: Said
}

interface Wording {
  title?: string
  text?: string
}

/** A sentence by its code; undefined when this page does not know the code. */
export function sentence(said: Said): string | undefined {
  const say = speaking()
  const phrase = say.maybe('server.' + said.code, '')
  if (phrase === '') return undefined
  return phrase.replace(/\{(\w+)\}/g, (whole, slot: string) => {
    if (slot === 'of') return say.maybe('metric.' + (said.of ?? ''), said.of ?? '')
    if (slot === 'then') return said.then ? (sentence(said.then) ?? whole) : whole
    return said.with?.[Number(slot) - 1] ?? whole
  })
}

const fields = { causeSaid: 'cause', reasonSaid: 'reason', whySaid: 'why', said: 'text' } as const

/** Puts the person's language in the place of the English words, in place. */
export function told<T>(answer: T): T {
  if (speaking().language !== 'en') put(answer)
  return answer
}

function put(node: unknown) {
  if (Array.isArray(node)) {
    if (typeof node[0] === 'object') for (const item of node) put(item)
    return
  }
  if (node === null || typeof node !== 'object') return
  const language = speaking().language
  const it = node as Record<string, unknown>
  for (const [by, field] of Object.entries(fields)) {
    const said = it[by] as Said | undefined
    if (said && typeof it[field] === 'string') it[field] = sentence(said) ?? it[field]
  }
  const wording = (it.words as Record<string, Wording> | undefined)?.[language]
  if (wording?.title && typeof it.title === 'string') it.title = wording.title
  if (wording?.text && typeof it.text === 'string') it.text = wording.text
  const titles = it.titles as Record<string, string> | undefined
  if (titles?.[language] && typeof it.title === 'string') it.title = titles[language]
  for (const key in it) {
    const child = it[key]
    if (typeof child === 'object' && child !== null && !(key in fields) && key !== 'words' && key !== 'titles') put(child)
  }
}
