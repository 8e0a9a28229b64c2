// Rule files that somebody is writing, before they are in force. They outlive a change of page and a reload of the tab,
// so that the trial can take them and nothing that was typed is lost.

import { useSyncExternalStore } from 'react'
import type { RuleFile, RuleSet } from '../../api/running'

export interface Draft {
  /** The version that the text began as. */
  base: string
  files: RuleFile[]
}

const stored = 'vigil.rules'
const listeners = new Set<() => void>()
let draft: Draft | null | undefined

function read(): Draft | null {
  try {
    const text = sessionStorage.getItem(stored)
    return text ? (JSON.parse(text) as Draft) : null
  } catch {
    return null // storage is closed to us
  }
}

export const draftNow = (): Draft | null => (draft === undefined ? (draft = read()) : draft)

export function setDraft(next: Draft | null) {
  draft = next
  try {
    if (next) sessionStorage.setItem(stored, JSON.stringify(next))
    else sessionStorage.removeItem(stored)
  } catch {
    // it lasts as long as the page
  }
  for (const l of listeners) l()
}

export const useDraft = () =>
  useSyncExternalStore((l) => {
    listeners.add(l)
    return () => listeners.delete(l)
  }, draftNow)

export interface Difference {
  changed: string[]
  added: string[]
  removed: string[]
}

/** Which files differ between two sets. */
export function difference(before: RuleFile[], after: RuleFile[]): Difference {
  const was = new Map(before.map((f) => [f.name, f.text]))
  const is = new Map(after.map((f) => [f.name, f.text]))
  return {
    changed: after.filter((f) => was.has(f.name) && was.get(f.name) !== f.text).map((f) => f.name),
    added: after.filter((f) => !was.has(f.name)).map((f) => f.name),
    removed: before.filter((f) => !is.has(f.name)).map((f) => f.name),
  }
}

export const same = (d: Difference) => d.changed.length + d.added.length + d.removed.length === 0

/** The place of a line and column (both from 1) in a text. */
export function offsetOf(text: string, line: number, column: number): number {
  let at = 0
  for (let l = 1; l < line; l++) {
    const end = text.indexOf('\n', at)
    if (end < 0) return text.length
    at = end + 1
  }
  const end = text.indexOf('\n', at)
  return Math.min(at + Math.max(0, column - 1), end < 0 ? text.length : end)
}

/** Line and column (both from 1) of a place in a text. */
export function placeOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at)
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') }
}

export const draftOf = (set: RuleSet): Draft => ({ base: set.version, files: set.files ?? [] })
