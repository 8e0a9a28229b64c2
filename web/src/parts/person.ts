import type { Me, PatientCard } from '../api/types'
import type { Say } from '../words'

export const initials = (p: Pick<PatientCard, 'family' | 'given'>) => `${p.family.slice(0, 1)}. ${p.given.slice(0, 1)}.`

export const fullName = (p: Pick<PatientCard, 'family' | 'given'>, hidden = false) => (hidden ? initials(p) : [p.family, p.given].filter(Boolean).join(', '))

export const ageAndSex = (p: Pick<PatientCard, 'age' | 'sex'>, say: Say) => `${p.age} ${say.maybe('sex.' + p.sex, '')}`.trim()

/** Somebody who is a patient here and nothing else: sees the own record, and the pages of the staff not at all. */
export const isPatient = (me: Pick<Me, 'roles'> | undefined) => me?.roles?.length === 1 && me.roles[0] === 'patient'

/** Somebody of a family and nothing else: sees what patients permit. */
export const isFamily = (me: Pick<Me, 'roles'> | undefined) => me?.roles?.length === 1 && me.roles[0] === 'family'
