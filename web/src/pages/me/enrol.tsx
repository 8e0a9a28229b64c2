import { Button, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { get, Refusal } from '../../api/client'
import { addPasskey, changePassword, confirmCode, newCode, type CodeSecret } from '../../api/identity'
import type { Me } from '../../api/types'
import { passkeysHere } from '../../api/webauthn'
import { CodeInput, PasswordField, proofProblem } from '../../parts/proof'
import { useSay } from '../../words'

/** After a one-time link, or with a password alone: a way to sign in that is whole. A passkey is one by itself. */
export function Enrol({ me, enter }: { me: Me; enter: (me: Me) => void }) {
  const say = useSay()
  const [other, setOther] = useState(!passkeysHere())
  const [name, setName] = useState<string>(say('me.passkeys.default'))
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const passkey = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      enter(await addPasskey(name))
    } catch (e) {
      setProblem(proofProblem(e, say))
    } finally {
      setBusy(false)
    }
  }
  return (
    <div className="stack">
      <h1>{say('enrolme.title')}</h1>
      <p className="second">{me.name}</p>
      {other ? (
        <ByCode me={me} enter={enter} />
      ) : (
        <form className="stack" onSubmit={(e) => void passkey(e)}>
          <p>{say('enrolme.note')}</p>
          <TextInput label={say('me.passkeys.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} required maxLength={60} />
          {problem && (
            <p className="problem" role="alert">
              {problem}
            </p>
          )}
          <Button type="submit" loading={busy} autoFocus>
            {say('enrolme.passkey')}
          </Button>
        </form>
      )}
      {passkeysHere() ? (
        <Button variant="default" onClick={() => setOther(!other)}>
          {say(other ? 'enrolme.passkey' : 'enrolme.other')}
        </Button>
      ) : (
        <p className="small quiet">{say('enrolme.no-passkey')}</p>
      )}
    </div>
  )
}

function ByCode({ me, enter }: { me: Me; enter: (me: Me) => void }) {
  const say = useSay()
  const [secret, setSecret] = useState<CodeSecret | null>(null)
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  // The password of somebody who came by it is right already; after a one-time link there is none.
  const need = !(me.factors ?? []).includes('password')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (need && password !== again) return setProblem(say('signin.differ'))
    setBusy(true)
    setProblem('')
    try {
      if (need) await changePassword('', password)
      setSecret(await newCode())
    } catch (e) {
      setProblem(proofProblem(e, say))
    } finally {
      setBusy(false)
    }
  }
  if (secret) return <Confirm secret={secret} done={(m) => void (m.next ? get<Me>('/me').then(enter) : enter(m))} />
  return (
    <form className="stack" onSubmit={(e) => void submit(e)}>
      {need && (
        <>
          <p className="second">{say('signin.choose.note')}</p>
          <PasswordField label={say('signin.password')} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="new-password" minLength={12} required autoFocus />
          <PasswordField label={say('signin.again')} value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" required />
        </>
      )}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <Button type="submit" loading={busy}>
        {say('me.code.add')}
      </Button>
    </form>
  )
}

/** The secret as a picture and as letters, and the first code that proves that the app has it. */
export function Confirm({ secret, done }: { secret: CodeSecret; done: (me: Me) => void }) {
  const say = useSay()
  const [code, setCode] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      done(await confirmCode(code))
    } catch (e) {
      setCode('')
      setProblem(e instanceof Refusal && e.kind === 'invalid' ? say('enrolme.code.wrong') : proofProblem(e, say))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="stack" onSubmit={(e) => void submit(e)}>
      <h2>{say('enrolme.code')}</h2>
      <p className="second">{say('enrolme.code.note')}</p>
      <img className="qr" src={picture(secret.qr)} alt={say('enrolme.code.qr')} width={200} height={200} />
      <p>
        <span className="small quiet">{say('enrolme.code.secret')}</span> <code className="secret">{secret.secret.replace(/(.{4})(?=.)/g, '$1 ')}</code>
      </p>
      <CodeInput value={code} change={setCode} />
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <Button type="submit" loading={busy} disabled={code.length < 6}>
        {say('enrolme.code.confirm')}
      </Button>
    </form>
  )
}

/** An SVG as the source of an image: what is in it draws and cannot run. */
export const picture = (svg: string) => 'data:image/svg+xml;utf8,' + encodeURIComponent(svg)
