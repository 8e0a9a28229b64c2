import { useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useWards, wardQuery } from '../api/queries'
import type { Bed, PatientCard, Ward } from '../api/types'

export interface Place {
  ward: Ward
  bed: Bed
  patient: PatientCard | null
}

/** Every bed that this person may see, by its id and by the patient in it: an alarm names both by id only. */
export function usePlaces(): { all: Place[]; of: (alarm: { bed: string; patient: string }) => Place | undefined } {
  const wards = useWards().data
  const all = useQueries({
    queries: (wards ?? []).slice(0, 12).map((w) => ({ ...wardQuery(w.id), refetchInterval: 15_000 })),
    combine: places,
  })
  return useMemo(() => {
    const byPatient = new Map(all.flatMap((p) => (p.patient ? [[p.patient.id, p]] : [])))
    const byBed = new Map(all.map((p) => [p.bed.id, p]))
    return { all, of: (a) => byPatient.get(a.patient) ?? byBed.get(a.bed) }
  }, [all])
}

const places = (answers: { data?: { ward: Ward; beds: Bed[] | null } | undefined }[]): Place[] => answers.flatMap(({ data }) => (data?.beds ?? []).map((bed) => ({ ward: data!.ward, bed, patient: bed.patient })))
