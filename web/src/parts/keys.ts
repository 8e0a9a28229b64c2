import { useSyncExternalStore } from 'react'

// One key acknowledges the first alarm, one opens it. They are letters without Ctrl or Alt, which no browser takes;
// whoever works with speech or a keyboard of their own can switch them off for this screen (WCAG 2.1.4).
const stored = 'vigil.keys'
const listeners = new Set<() => void>()

const read = () => {
  try {
    return localStorage.getItem(stored) !== 'off'
  } catch {
    return true // storage is closed to us: the default holds
  }
}
let on: boolean | null = null

export const keysOn = () => (on ??= read())
export function setKeys(next: boolean) {
  on = next
  try {
    localStorage.setItem(stored, next ? 'on' : 'off')
  } catch {
    // as above
  }
  for (const l of listeners) l()
}
export const useKeysOn = () =>
  useSyncExternalStore((l) => {
    listeners.add(l)
    return () => listeners.delete(l)
  }, keysOn)

const writes = 'input, textarea, select, [contenteditable=""], [contenteditable="true"], [role="textbox"], [role="combobox"], [role="listbox"], [role="menu"], [role="slider"], [role="dialog"]'

/** The letter was meant as a command: nothing is being written, chosen or confirmed where the focus is. */
export function isCommand(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'repeat' | 'isComposing' | 'defaultPrevented'>, target: { closest(selector: string): unknown } | null): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing || event.defaultPrevented) return false
  return !target?.closest(writes)
}
