import './me/me.css'
import { Button, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { Refusal, remove } from '../api/client'
import { signIn, signInByCode, signInByLink, signInByPasskey, ssoAddress, useMethods, type Methods } from '../api/identity'
import type { Me } from '../api/types'
import { passkeysHere } from '../api/webauthn'
import { CodeInput, PasswordField, proofProblem } from '../parts/proof'
import { refusalText } from '../parts/states'
import { askForTest } from '../sound/station'
import { useSay } from '../words'
import { Enrol } from './me/enrol'

/** Where to go after signing in: the page that was asked for. */
const wanted = () => (location.pathname === '/sign-in' ? '/' : location.pathname + location.search)

/** By passkey, by password and a second proof, by the hospital's sign-on, or by a one-time link (/sign-in#secret), after
    which a way to sign in is chosen. */
export default function SignIn({ half }: { half?: Me }) {
  const say = useSay()
  const client = useQueryClient()
  const methods = useMethods().data
  const [me, setMe] = useState<Me | undefined>(half)
  const [link, setLink] = useState(location.pathname === '/sign-in' && location.hash.length > 1)
  const asked = new URLSearchParams(location.search).get('problem')
  const [problem, setProblem] = useState(() => (asked ? say.maybe('signin.problem.' + asked, '') : ''))
  const used = useRef(false)

  const enter = (next: Me) => {
    setProblem('')
    if (next.next) return setMe(next)
    askForTest()
    history.replaceState(null, '', wanted())
    client.setQueryData(['me'], next)
    void client.invalidateQueries()
  }
  useEffect(() => {
    if (!link || used.current) return
    used.current = true // a link works once: never send it twice
    const token = location.hash.slice(1)
    history.replaceState(null, '', '/sign-in') // nor leave it in the address
    signInByLink(token)
      .then(enter, (e: unknown) => setProblem(e instanceof Refusal && e.kind !== 'offline' && e.kind !== 'unavailable' ? say('signin.link.used') : refusalText(e, say)))
      .finally(() => setLink(false))
  })
  const away = () => void remove('/session').finally(() => (client.clear(), location.assign('/sign-in')))
  const over = (text: string) => {
    setMe(undefined)
    setProblem(text)
  }
  return (
    <main className="signin">
      <div className="brand">
        <svg viewBox="0 0 32 16" width="48" height="24" aria-hidden="true">
          <path d="M0 9h9l2-4 3 10 4-14 3 8h11" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" strokeLinecap="round" />
        </svg>
        <span>{say('app.name')}</span>
      </div>
      {link ? (
        <p role="status">{say('signin.link')}</p>
      ) : me?.next === 'enrol' ? (
        <Enrol me={me} enter={enter} />
      ) : me?.next ? (
        <Second me={me} methods={methods} enter={enter} over={over} />
      ) : (
        <First methods={methods} enter={enter} said={problem} />
      )}
      {me?.next && (
        <button className="plain small" onClick={away}>
          {say('signin.back')}
        </button>
      )}
    </main>
  )
}

/** One of the ways, with what went wrong on it. */
function useTry(enter: (me: Me) => void, words: (e: unknown, way: string) => string, said = '') {
  const [busy, setBusy] = useState('')
  const [problem, setProblem] = useState(said)
  useEffect(() => setProblem(said), [said])
  const attempt = async (way: string, run: () => Promise<Me>) => {
    setBusy(way)
    setProblem('')
    try {
      enter(await run())
    } catch (e) {
      setProblem(words(e, way))
    } finally {
      setBusy('')
    }
  }
  const shown = problem && (
    <p className="problem" role="alert">
      {problem}
    </p>
  )
  return { busy, attempt, shown }
}

function First({ methods, enter, said }: { methods: Methods | undefined; enter: (me: Me) => void; said: string }) {
  const say = useSay()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, attempt, shown } = useTry(enter, (e, way) => (way === 'password' && e instanceof Refusal && e.kind === 'unauthenticated' ? say('signin.wrong') : proofProblem(e, say, way)), said)
  const passkey = methods?.passkey && passkeysHere()
  const sso = methods?.sso ?? []
  return (
    <div className="stack">
      <h1>{say('signin.title')}</h1>
      {shown}
      {passkey && (
        <Button autoFocus loading={busy === 'passkey'} onClick={() => void attempt('passkey', signInByPasskey)}>
          {say('signin.passkey')}
        </Button>
      )}
      {!passkey && methods?.passkeyAddress && (
        <p className="small second">
          {say('signin.passkey.where')} <a href={methods.passkeyAddress}>{say('signin.passkey.open', { address: methods.passkeyAddress })}</a>
        </p>
      )}
      {sso.map((p) => (
        <Button key={p.name} variant="default" component="a" href={ssoAddress(p.name, wanted())}>
          {say('signin.sso', { name: p.title })}
        </Button>
      ))}
      {methods?.password !== false && (
        <>
          {(passkey || sso.length > 0) && <Or />}
          <form className="stack" onSubmit={(e: FormEvent) => (e.preventDefault(), void attempt('password', () => signIn(name, password)))}>
            <TextInput label={say('signin.username')} value={name} onChange={(e) => setName(e.currentTarget.value)} autoComplete="username" autoFocus={!passkey} required />
            <PasswordField label={say('signin.password')} value={password} onChange={(e) => setPassword(e.currentTarget.value)} autoComplete="current-password" required />
            <Button type="submit" variant={passkey ? 'default' : 'filled'} loading={busy === 'password'}>
              {say('signin.next')}
            </Button>
          </form>
          <p className="small quiet">{say('signin.forgot')}</p>
        </>
      )}
    </div>
  )
}

function Second({ me, methods, enter, over }: { me: Me; methods: Methods | undefined; enter: (me: Me) => void; over: (problem: string) => void }) {
  const say = useSay()
  const [code, setCode] = useState('')
  const tries = useRef(0)
  const { busy, attempt, shown } = useTry(enter, (e, way) => proofProblem(e, say, way))
  const ways = me.methods ?? []
  const passkey = ways.includes('passkey') && passkeysHere()
  const byCode = () =>
    signInByCode(code).catch((e: unknown) => {
      setCode('')
      if (e instanceof Refusal && e.kind === 'unauthenticated' && ++tries.current >= 5) over(say('signin.over'))
      throw e
    })
  return (
    <div className="stack">
      <h1>{say('signin.second')}</h1>
      <p className="second">{say('signin.second.note')}</p>
      {passkey && (
        <Button autoFocus loading={busy === 'passkey'} onClick={() => void attempt('passkey', signInByPasskey)}>
          {say('step.passkey')}
        </Button>
      )}
      {ways.includes('code') && (
        <form className="stack" onSubmit={(e: FormEvent) => (e.preventDefault(), void attempt('code', byCode))}>
          <CodeInput value={code} change={setCode} focus={!passkey} />
          <Button type="submit" variant={passkey ? 'default' : 'filled'} loading={busy === 'code'} disabled={code.length < 6}>
            {say('signin.act')}
          </Button>
        </form>
      )}
      {ways.includes('sso') &&
        (methods?.sso ?? []).map((p) => (
          <Button key={p.name} variant="default" component="a" href={ssoAddress(p.name, wanted())}>
            {say('signin.sso', { name: p.title })}
          </Button>
        ))}
      {!passkey && methods?.passkeyAddress && (
        <p className="small second">
          {say('signin.passkey.where')} <a href={methods.passkeyAddress}>{say('signin.passkey.open', { address: methods.passkeyAddress })}</a>
        </p>
      )}
      {shown}
    </div>
  )
}

function Or() {
  const say = useSay()
  return (
    <p className="or quiet" aria-hidden="true">
      {say('signin.or')}
    </p>
  )
}
