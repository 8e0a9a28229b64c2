// Backups and keys: what an administrator looks after so that data outlives a disk.

import { useQuery } from '@tanstack/react-query'
import { get, post } from './client'
import { again } from './queries'

export interface Backup {
  name: string
  at: string
  bytes: number
  took: number
  schema: number
  patients: number
  audit: number
  frames: number
  offsite: boolean
  checked: string | null
  problem: string
}

export interface Backups {
  dir: string
  offsite: string
  every: string
  keep: number
  running: { since: string; phase: string } | null
  problem: string
  next: string | null
  backups: Backup[] | null
}

export interface Keys {
  store: string
  place: string
  root: string
  revision: number
  living: number
  destroyed: number
  subjects: number
  problem: string
}

export const useBackups = () => useQuery({ queryKey: ['backups'], queryFn: () => get<Backups>('/backups'), retry: again, refetchInterval: (q) => (q.state.data?.running ? 1000 : 30_000) })
export const backUp = () => post<Backups>('/backups')
export const useKeyring = () => useQuery({ queryKey: ['keys'], queryFn: () => get<Keys>('/keys'), retry: again })
export const rotate = (what: 'root' | 'site') => post<{ rotated: number }>('/keys/rotation', { what })
