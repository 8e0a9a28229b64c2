import { Button, PasswordInput, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { post, Refusal } from '../api/client'
import type { Me } from '../api/types'
import { refusalText } from '../parts/states'
import { askForTest } from '../sound/station'
import { useSay } from '../words'

/** By name and password, or by a one-time link (/sign-in#secret), after which a password is chosen. */
export default function SignIn({ choose = false }: { choose?: boolean }) {
  const say = useSay()
  const client = useQueryClient()
  const [step, setStep] = useState<'name' | 'link' | 'choose'>(choose ? 'choose' : location.hash.length > 1 ? 'link' : 'name')
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const used = useRef(false)

  const enter = (me: Me) => {
    if (me.password === false && me.class === 'user') return setStep('choose')
    askForTest()
    history.replaceState(null, '', '/')
    client.setQueryData(['me'], me)
    void client.invalidateQueries()
  }
  useEffect(() => {
    if (step !== 'link' || used.current) return
    used.current = true // a link works once: never send it twice
    const token = location.hash.slice(1)
    history.replaceState(null, '', '/sign-in') // nor leave it in the address
    post<Me>('/session/link', { token }).then(enter, (e: unknown) => {
      setStep('name')
      setProblem(e instanceof Refusal && e.kind !== 'offline' && e.kind !== 'unavailable' ? say('signin.link.used') : refusalText(e, say))
    })
  })
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (step === 'choose' && password !== again) return setProblem(say('signin.differ'))
    setBusy(true)
    setProblem('')
    try {
      if (step === 'choose') {
        await post('/me/password', { old: '', new: password })
        askForTest()
        history.replaceState(null, '', '/')
        await client.invalidateQueries()
      } else enter(await post<Me>('/session', { username: name, password }))
    } catch (e) {
      if (e instanceof Refusal && step === 'name' && e.kind === 'unauthenticated') setProblem(say('signin.wrong'))
      else if (e instanceof Refusal && e.kind === 'too-much') setProblem(say('signin.wait'))
      else setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  return (
    <main className="signin">
      <div className="brand">
        <svg viewBox="0 0 32 16" width="48" height="24" aria-hidden="true">
          <path d="M0 9h9l2-4 3 10 4-14 3 8h11" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" strokeLinecap="round" />
        </svg>
        <span>{say('app.name')}</span>
      </div>
      {step === 'link' ? (
        <p role="status">{say('signin.link')}</p>
      ) : (
        <form className="stack" onSubmit={(e) => void submit(e)}>
          <h1>{say(step === 'choose' ? 'signin.choose' : 'signin.title')}</h1>
          {step === 'choose' ? <p className="second">{say('signin.choose.note')}</p> : <TextInput label={say('signin.username')} value={name} onChange={(e) => setName(e.currentTarget.value)} autoComplete="username" autoFocus required />}
          <PasswordInput label={say('signin.password')} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete={step === 'choose' ? 'new-password' : 'current-password'} minLength={step === 'choose' ? 12 : 1} required />
          {step === 'choose' && <PasswordInput label={say('signin.again')} value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" required />}
          {problem && (
            <p className="problem" role="alert">
              {problem}
            </p>
          )}
          <Button type="submit" loading={busy}>
            {say(step === 'choose' ? 'action.save' : 'signin.act')}
          </Button>
          {step === 'name' && <p className="small quiet">{say('signin.forgot')}</p>}
        </form>
      )}
    </main>
  )
}
