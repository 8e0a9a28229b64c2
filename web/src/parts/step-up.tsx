import { Button, Modal } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { askForProof, Refusal } from '../api/client'
import { ssoAddress, stepBegin, stepByCode, stepByPasskey, type Step } from '../api/identity'
import { passkeysHere } from '../api/webauthn'
import type { Me } from '../api/types'
import { useSay } from '../words'
import { CodeInput, proofProblem } from './proof'
import { Skeleton } from './states'

/** Asks for one more proof when the server wants one; whoever asked for something waits for it. */
export function StepUp() {
  const say = useSay()
  const client = useQueryClient()
  const waiting = useRef<((proved: boolean) => void)[]>([])
  const [step, setStep] = useState<Step | 'loading' | null>(null)
  const [code, setCode] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    askForProof(
      () =>
        new Promise((resolve) => {
          if (waiting.current.push(resolve) > 1) return // one dialog for all that wait
          setCode('')
          setProblem('')
          setStep('loading')
          stepBegin().then(setStep, (e: unknown) => {
            setProblem(proofProblem(e, say))
            setStep({ ceremony: '', options: null, code: false, sso: null })
          })
        }),
    )
    return () => askForProof(() => Promise.resolve(false))
  }, [say])
  const done = (proved: boolean) => {
    setStep(null)
    for (const resolve of waiting.current.splice(0)) resolve(proved)
  }
  const by = async (way: string, run: () => Promise<Me>) => {
    setBusy(true)
    setProblem('')
    try {
      client.setQueryData(['me'], await run())
      done(true)
    } catch (e) {
      setProblem(proofProblem(e, say, way))
      setCode('')
      if (!(e instanceof Refusal && e.kind === 'too-much')) stepBegin().then(setStep, () => undefined) // a ceremony works once
    } finally {
      setBusy(false)
    }
  }
  if (step === null) return null
  const s = step === 'loading' ? null : step
  const passkey = s?.options && passkeysHere()
  const none = s && !passkey && !s.code && (s.sso ?? []).length === 0
  return (
    <Modal opened onClose={() => done(false)} title={say('step.title')} zIndex={400} closeButtonProps={{ 'aria-label': say('action.close') }}>
      <div className="stack">
        <p className="second">{say('step.note')}</p>
        {!s && <Skeleton lines={2} />}
        {s?.options && passkey && (
          <Button data-autofocus loading={busy} onClick={() => void by('passkey', () => stepByPasskey(s.ceremony, s.options!))}>
            {say('step.passkey')}
          </Button>
        )}
        {s?.code && (
          <form className="stack" onSubmit={(e: FormEvent) => (e.preventDefault(), void by('code', () => stepByCode(code)))}>
            <CodeInput value={code} change={setCode} focus={!passkey} />
            <Button type="submit" variant={passkey ? 'default' : 'filled'} loading={busy} disabled={code.length < 6}>
              {say('step.code')}
            </Button>
          </form>
        )}
        {(s?.sso ?? []).map((p) => (
          <div key={p.name} className="stack">
            <Button variant="default" component="a" href={ssoAddress(p.name, location.pathname + location.search, true)}>
              {say('step.sso', { name: p.title })}
            </Button>
            <p className="small quiet">{say('step.sso.note')}</p>
          </div>
        ))}
        {none && !problem && <p>{say('step.none')}</p>}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </Modal>
  )
}
