import { expect, it } from 'vitest'
import { countdown } from './countdown'

it.each([
  [180_000, '3:00'],
  [179_001, '3:00'],
  [65_000, '1:05'],
  [999, '0:01'],
  [0, '0:00'],
  [-5_000, '0:00'],
  [3_600_000, '1:00:00'],
  [3_725_000, '1:02:05'],
])('%d ms is %s', (ms, want) => expect(countdown(ms)).toBe(want))
