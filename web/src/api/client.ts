// One way to call the server. An answer is either the JSON that docs/formats/api.md promises or a Refusal
// with its kind, so that a page can say what happened and what to do.

import { sentence, told, type Said } from '../words/told'

export type Kind =
  | 'invalid'
  | 'unauthenticated'
  | 'denied'
  | 'not-found'
  | 'conflict'
  | 'gone'
  | 'precondition'
  | 'too-much'
  | 'internal'
  | 'unavailable'
  | 'offline'

export class Refusal extends Error {
  constructor(
    readonly kind: Kind,
    message: string,
    readonly field = '',
    /** Asked for by a 401: one more proof of who it is, or the second step of signing in. */
    readonly needs: '' | 'step' | 'second' = '',
    /** After how many seconds it may be tried again; 0 where nobody said. */
    readonly wait = 0,
    /** The message is a sentence of the server in the person's language, and can be shown as it is. */
    readonly said = false,
  ) {
    super(message)
  }
}

const kinds: Record<number, Kind> = {
  400: 'invalid',
  401: 'unauthenticated',
  403: 'denied',
  404: 'not-found',
  409: 'conflict',
  410: 'gone',
  412: 'precondition',
  413: 'too-much',
  429: 'too-much',
  502: 'unavailable',
  503: 'unavailable',
}

export const base = '/api/v1'

// A page that refreshes itself must not keep a session open that nobody uses: a request counts as somebody's
// only within a minute of the last touch or key.
const attention = 60_000
let touched = Date.now()
for (const kind of ['pointerdown', 'keydown']) globalThis.addEventListener?.(kind, () => (touched = Date.now()), { capture: true, passive: true })
const background = (): Record<string, string> => (Date.now() - touched > attention ? { 'Vigil-Background': '1' } : {})

export async function call<T>(method: string, path: string, body?: unknown, type = 'application/json'): Promise<T> {
  const text = await letters(method, path, body, type)
  if (text === '') return undefined as T
  return told(JSON.parse(text) as T)
}

/** Asks the person for one more proof; false when there is none. Set by the page, which has the dialog. */
let prove: () => Promise<boolean> = () => Promise.resolve(false)
export const askForProof = (by: typeof prove) => {
  prove = by
}
/** Called when the server wants the second step of signing in before it answers anything. */
let half: () => void = () => {}
export const onHalf = (then: typeof half) => {
  half = then
}

/** The answer letter by letter: what is signed is its letters. What needs a fresh proof is asked again once after it. */
export async function letters(method: string, path: string, body?: unknown, type = 'application/json'): Promise<string> {
  try {
    return await once(method, path, body, type)
  } catch (e) {
    if (!(e instanceof Refusal)) throw e
    if (e.needs === 'second') half()
    if (e.needs !== 'step' || !(await prove())) throw e
    return once(method, path, body, type)
  }
}

async function once(method: string, path: string, body: unknown, type: string): Promise<string> {
  let answer: Response
  try {
    answer = await fetch(base + path, {
      method,
      credentials: 'same-origin',
      headers: { Accept: 'application/json', ...background(), ...(body === undefined ? {} : { 'Content-Type': type }) },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  } catch {
    throw new Refusal('offline', '')
  }
  const text = await answer.text()
  if (!answer.ok) throw refusal(answer.status, text, Number(answer.headers.get('Retry-After')) || 0)
  return text
}

function refusal(status: number, text: string, wait: number): Refusal {
  try {
    const { error, step, second } = JSON.parse(text) as { step?: boolean; second?: boolean; error?: { kind?: Kind; message?: string; field?: string; said?: Said } }
    if (error?.kind) return new Refusal(error.kind, (error.said && sentence(error.said)) || (error.message ?? ''), error.field ?? '', step ? 'step' : second ? 'second' : '', wait, error.said !== undefined)
  } catch {
    // not from our server: a proxy answered
  }
  return new Refusal(kinds[status] ?? (status >= 500 ? 'internal' : 'invalid'), '')
}

export const get = <T>(path: string) => call<T>('GET', path)
export const post = <T>(path: string, body: unknown = {}) => call<T>('POST', path, body)
export const put = <T>(path: string, body: unknown) => call<T>('PUT', path, body)
export const remove = <T>(path: string) => call<T>('DELETE', path)

export function query(parts: Record<string, string | number | undefined | null>): string {
  const pairs = Object.entries(parts).filter(([, v]) => v !== undefined && v !== null && v !== '')
  if (pairs.length === 0) return ''
  return '?' + new URLSearchParams(pairs.map(([k, v]) => [k, String(v)])).toString()
}
