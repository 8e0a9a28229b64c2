import type { Phrase } from '.'
import type { patient as english } from './en-patient'

export const patient: Record<keyof typeof english, Phrase> = {}
