import type { Phrase } from '.'
import type { places as english } from './en-places'

export const orte: Record<keyof typeof english, Phrase> = {}
