import type { Words } from '.'
import { alarme } from './de-alarms'
import { gemeinsam } from './de-shared'
import { dienst } from './de-running'
import { patient } from './de-patient'
import { orte } from './de-places'
import { wachen } from './de-watching'
import { zugang } from './de-access'
import { serverDeutsch } from './de-server'
import { programs as programme } from './de-programs'
import { ausweis } from './de-identity'

export const de: Words = { ...gemeinsam, ...patient, ...orte, ...alarme, ...dienst, ...wachen, ...zugang, ...serverDeutsch, ...programme, ...ausweis }
