import { PasswordInput, TextInput, type PasswordInputProps } from '@mantine/core'
import { Refusal } from '../api/client'
import { NotProved } from '../api/webauthn'
import { useSay, type Say } from '../words'
import { refusalText } from './states'

/** Six digits; spaces that an app shows between them are left out. */
export function CodeInput({ value, change, focus = false }: { value: string; change: (code: string) => void; focus?: boolean }) {
  const say = useSay()
  return (
    <TextInput
      label={say('signin.code')}
      value={value}
      onChange={(e) => change(e.currentTarget.value.replace(/\D/g, '').slice(0, 6))}
      inputMode="numeric"
      autoComplete="one-time-code"
      required
      {...(focus ? { autoFocus: true, 'data-autofocus': true } : {})}
    />
  )
}

/** Why a proof did not count, and what to do. */
export function proofProblem(e: unknown, say: Say, by = 'code'): string {
  if (e instanceof NotProved) return say('signin.passkey.not')
  if (e instanceof Refusal) {
    if (e.kind === 'too-much') return e.wait > 0 ? say('signin.wait.for', { time: say.age(e.wait * 1000) }) : say('signin.wait')
    if (e.kind === 'conflict' && e.field === 'passkey') return say('me.passkeys.have')
    if (e.kind === 'unauthenticated') return say(by === 'passkey' ? 'signin.passkey.unknown' : 'signin.code.wrong')
  }
  return refusalText(e, say)
}

/** A password, which can be looked at while it is typed. */
export function PasswordField(props: PasswordInputProps) {
  const say = useSay()
  return <PasswordInput {...props} visibilityToggleButtonProps={{ 'aria-label': say('signin.password.show') }} />
}
