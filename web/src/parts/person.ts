import type { PatientCard } from '../api/types'
import type { Say } from '../words'

export const initials = (p: Pick<PatientCard, 'family' | 'given'>) => `${p.family.slice(0, 1)}. ${p.given.slice(0, 1)}.`

export const fullName = (p: Pick<PatientCard, 'family' | 'given'>, hidden = false) => (hidden ? initials(p) : [p.family, p.given].filter(Boolean).join(', '))

export const ageAndSex = (p: Pick<PatientCard, 'age' | 'sex'>, say: Say) => `${p.age} ${say.maybe('sex.' + p.sex, '')}`.trim()
