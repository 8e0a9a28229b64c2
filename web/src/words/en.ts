// Every word that a screen shows, in English. A text says what is, since when, why, and what to do.
// {name} is filled in; a pair {one, other} is chosen by {count}.

import { shared } from './en-shared'
import { patient } from './en-patient'
import { places } from './en-places'
import { alarms } from './en-alarms'
import { running } from './en-running'
import { watching } from './en-watching'
import { access } from './en-access'
import { server } from './en-server'
import { programs } from './en-programs'
import { identity } from './en-identity'

export const en = { ...shared, ...patient, ...places, ...alarms, ...running, ...watching, ...access, ...server, ...programs, ...identity } as const
