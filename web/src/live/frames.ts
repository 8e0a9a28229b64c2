// What the server sends on the live socket (docs/formats/live.md), decoded and nothing more.

import type { Alarm } from '../api/alarm'
import type { Bed, Value, Watched } from '../api/types'
import { told } from '../words/told'

export interface Channel {
  channel: number
  bed: string
  patient: string
  device: string
  metric: string
  unit: string
  gain: number
  zero: number
  millihz: number
}

export type Message =
  | { type: 'hello'; seq: number; now: number; demo: boolean }
  | { type: 'snapshot'; seq: number; now: number; beds: Bed[] | null }
  | { type: 'values'; seq: number; now?: number; items: Value[] }
  | { type: 'watched'; seq: number; items: Watched[] }
  | { type: 'channels'; items: Channel[] }
  | { type: 'alarms'; seq: number; now?: number; full: boolean; items: Alarm[] | null }
  | { type: 'changed'; seq: number; what: string }

export interface WaveBlock {
  channel: number
  start: number // ms since 1970, with fraction
  quality: number
  samples: Int16Array
}

export type Frame = { kind: 'json'; message: Message } | { kind: 'waves'; seq: number; blocks: WaveBlock[] }

export const missing = -32768

/** Decodes one binary message; throws on a version or kind that this page does not know. */
export function decode(buffer: ArrayBuffer): Frame {
  const view = new DataView(buffer)
  if (view.byteLength < 2) throw new Error('live: message of ' + view.byteLength + ' bytes')
  const version = view.getUint8(0)
  const kind = view.getUint8(1)
  if (version !== 1) throw new Error('live: version ' + version)
  if (kind === 1) {
    const message = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 2))) as Message
    return { kind: 'json', message: message.type === 'values' ? message : told(message) } // numbers have no language
  }
  if (kind !== 2) throw new Error('live: kind ' + kind)
  const count = view.getUint16(2, true)
  const seq = view.getUint32(4, true)
  const blocks: WaveBlock[] = []
  let at = 8
  for (let b = 0; b < count; b++) {
    const channel = view.getUint16(at, true)
    const n = view.getUint16(at + 2, true)
    const start = view.getFloat64(at + 4, true)
    const quality = view.getUint32(at + 12, true)
    at += 16
    const samples = new Int16Array(n)
    for (let i = 0; i < n; i++) samples[i] = view.getInt16(at + 2 * i, true)
    at += 2 * n
    blocks.push({ channel, start, quality, samples })
  }
  return { kind: 'waves', seq, blocks }
}
