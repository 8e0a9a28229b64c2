import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { speak } from '.'
import { sentence, told } from './told'

beforeAll(() => {
  globalThis.document ??= { documentElement: {} } as Document
})
afterEach(() => speak('en'))

const answer = () => ({
  items: [{ rule: 'spo2-low', title: 'Oxygen saturation low', text: 'SpO2 84 % < 85 % for 5 min', words: { de: { title: 'Sauerstoffsättigung tief', text: 'SpO2 84 % < 85 % seit 5 min' } } }],
  watched: { cause: 'spo2: the device sends nothing', causeSaid: { code: 'about', of: 'spo2', then: { code: 'cause.nothing' } } },
  note: 'the device sends nothing',
  points: [[1, 2], null],
})

describe('what the server says', () => {
  it('is said in the language of the person, at any depth', () => {
    speak('de')
    const de = told(answer())
    expect(de.items[0]).toMatchObject({ rule: 'spo2-low', title: 'Sauerstoffsättigung tief', text: 'SpO2 84 % < 85 % seit 5 min' })
    expect(de.watched.cause).toBe('Sauerstoffsättigung: das Gerät sendet nichts')
    expect(de.note).toBe('the device sends nothing') // what a person wrote, even if it looks like ours
  })
  it('stays as it is in English', () => {
    expect(told(answer())).toEqual(answer())
  })
  it('keeps the English words for a code that this page does not know', () => {
    speak('de')
    expect(sentence({ code: 'of-a-newer-server' })).toBeUndefined()
    expect(told({ cause: 'new', causeSaid: { code: 'of-a-newer-server' } }).cause).toBe('new')
  })
})
