// Certificates of devices, and what their connections are secured with.

import { useQuery } from '@tanstack/react-query'
import { call, get, post } from './client'
import { again, items, type List } from './queries'

export interface Certificate {
  serial: string
  device: string
  label: string
  name: string
  fingerprint: string
  issued: string
  expires: string
  lastUsed: string | null
  revoked: string | null
  why: string
  state: 'waiting' | 'inUse' | 'superseded' | 'revoked' | 'expired'
  current: boolean
}

export interface Enrolment {
  device: string
  secret: string
  expires: string
  est: string
  authority: string
  qr: string
}

export interface Connection {
  door: string
  remote: string
  since: string
  tls: string
  group: string
  postQuantum: boolean
  certificate: string
  expires: string | null
}

export interface Listener {
  for: string
  address: string
  tls: string
  expires: string | null
}

export interface LinkCount {
  tls: string
  group: string
  count: number
}

const at = encodeURIComponent

export const useCertificatesOf = (device: string) => useQuery({ queryKey: ['certificates', device], queryFn: () => get<List<Certificate>>(`/devices/${at(device)}/certificates`).then(items), retry: again })
export const useCertificates = () => useQuery({ queryKey: ['certificates'], queryFn: () => get<List<Certificate>>('/certificates').then(items), retry: again })
export const enrolByCertificate = (device: string, hours: number) => post<Enrolment>(`/devices/${at(device)}/enrolment`, { hours })
export const revoke = (device: string, serial: string, why: string) => call('DELETE', `/devices/${at(device)}/certificates/${at(serial)}`, { why })
