// The browser's side of a passkey ceremony. What travels is JSON with base64url, what the browser wants is bytes; the
// conversions are written out because not every browser in a hospital has its own.

import { Refusal } from './client'

interface Descriptor {
  type: 'public-key'
  id: string
  transports?: AuthenticatorTransport[]
}

export interface ProofOptions {
  challenge: string
  timeout?: number
  rpId?: string
  allowCredentials?: Descriptor[]
  userVerification?: UserVerificationRequirement
}

export interface CreationOptions {
  challenge: string
  rp: PublicKeyCredentialRpEntity
  user: { id: string; name: string; displayName: string }
  pubKeyCredParams: PublicKeyCredentialParameters[]
  timeout?: number
  excludeCredentials?: Descriptor[]
  authenticatorSelection?: AuthenticatorSelectionCriteria
  attestation?: AttestationConveyancePreference
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => {
  const raw = atob(text.replace(/-/g, '+').replace(/_/g, '/'))
  const out = new Uint8Array(raw.length)
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i)
  return out
}
const text = (buffer: ArrayBuffer): string => {
  let raw = ''
  for (const b of new Uint8Array(buffer)) raw += String.fromCharCode(b)
  return btoa(raw).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')
}
const descriptors = (list: Descriptor[] | undefined): PublicKeyCredentialDescriptor[] => (list ?? []).map((d) => ({ type: d.type, id: bytes(d.id), ...(d.transports ? { transports: d.transports } : {}) }))

export const passkeysHere = () => typeof PublicKeyCredential !== 'undefined' && window.isSecureContext

/** Thrown when the person closed the dialog or the device has no fitting passkey: the browser does not say which. */
export class NotProved extends Error {}

async function asked<T>(run: () => Promise<T | null>): Promise<T> {
  if (!passkeysHere()) throw new NotProved()
  try {
    const made = await run()
    if (made) return made
  } catch (e) {
    if (e instanceof DOMException && e.name === 'InvalidStateError') throw new Refusal('conflict', '', 'passkey')
    if (!(e instanceof DOMException)) throw e
  }
  throw new NotProved()
}

export async function prove(o: ProofOptions): Promise<unknown> {
  const made = await asked(() => navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: descriptors(o.allowCredentials) } }) as Promise<PublicKeyCredential | null>)
  const answer = made.response as AuthenticatorAssertionResponse
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    clientExtensionResults: made.getClientExtensionResults(),
    response: {
      clientDataJSON: text(answer.clientDataJSON),
      authenticatorData: text(answer.authenticatorData),
      signature: text(answer.signature),
      userHandle: answer.userHandle ? text(answer.userHandle) : undefined,
    },
  }
}

export async function create(o: CreationOptions): Promise<unknown> {
  const made = await asked(
    () => navigator.credentials.create({ publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: descriptors(o.excludeCredentials) } }) as Promise<PublicKeyCredential | null>,
  )
  const answer = made.response as AuthenticatorAttestationResponse
  return {
    id: made.id,
    rawId: text(made.rawId),
    type: made.type,
    authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    clientExtensionResults: made.getClientExtensionResults(),
    response: { clientDataJSON: text(answer.clientDataJSON), attestationObject: text(answer.attestationObject), transports: answer.getTransports?.() ?? [] },
  }
}
