import './programs.css'
import { Button, Checkbox, Radio, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { get, post, query, Refusal } from '../../api/client'
import type { List } from '../../api/queries'
import { Empty, refusalText, Skeleton, Trouble } from '../../parts/states'
import { useSay, type Say } from '../../words'

type Scope = { scope: string; context?: string; resource?: string; read?: boolean; write?: boolean; category?: string[] }
type Named = { id: string; family: string; given: string }
type Wish = { program: { id: string; name: string }; kind: string; returns: string; scopes: Scope[]; choose: boolean; patient?: Named; expires: string }

/** What a scope lets a program do, in words that the person knows. */
export function scopeWords(s: Scope, say: Say): string {
  if (!s.context) return say.maybe('scope.' + s.scope, s.scope)
  const kinds = (s.category ?? []).map((c) => say.maybe('scope.kind.' + c.slice(c.indexOf('|') + 1), c)).join(', ')
  const what = kinds ? say('scope.Observation.some', { kinds }) : say.maybe('scope.' + (s.resource ?? ''), s.resource ?? '')
  const whose = say.maybe('scope.' + s.context, s.context)
  return say(s.read && s.write ? 'scope.both' : s.write ? 'scope.write' : 'scope.read', { what, whose })
}

const called = (p: Named) => `${p.family} ${p.given}`

/** A program asks; the person says what it may see, or no. */
export default function LetInPage() {
  const say = useSay()
  const id = new URLSearchParams(location.search).get('request') ?? ''
  const answer = useQuery({ queryKey: ['let-in', id], queryFn: () => get<Wish>('/let-in/' + encodeURIComponent(id)), retry: false })
  useEffect(() => {
    document.title = `${say('letIn.title', { name: answer.data?.program.name ?? '' })} \u00b7 Vigil`
  }, [say, answer.data])
  if (answer.error instanceof Refusal && answer.error.kind === 'not-found') return <Empty title={say('letIn.old.title')}>{say('letIn.old.do')}</Empty>
  if (answer.error instanceof Refusal && answer.error.kind === 'denied') return <Empty title={say('letIn.other.title')}>{say('letIn.other.do')}</Empty>
  if (answer.error) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={6} />
  return <Question id={id} wish={answer.data} />
}

function Question({ id, wish }: { id: string; wish: Wish }) {
  const say = useSay()
  const [given, setGiven] = useState(() => new Set(wish.scopes.map((s) => s.scope)))
  const [patient, setPatient] = useState(wish.patient?.id ?? '')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const turn = (scope: string) => {
    const next = new Set(given)
    if (!next.delete(scope)) next.add(scope)
    setGiven(next)
  }
  const reply = async (scopes: string[]) => {
    setBusy(true)
    setProblem('')
    try {
      const { next } = await post<{ next: string }>('/let-in/' + encodeURIComponent(id), { scopes, ...(scopes.length && patient ? { patient } : {}) })
      location.assign(next)
    } catch (e) {
      setProblem(refusalText(e, say))
      setBusy(false)
    }
  }
  const chosen = wish.scopes.map((s) => s.scope).filter((s) => given.has(s))
  return (
    <div className="page let-in">
      <div className="page-head">
        <h1>{say('letIn.title', { name: wish.program.name })}</h1>
      </div>
      <p className="lede">{say('letIn.note')}</p>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault()
          if (chosen.length === 0) return setProblem(say('letIn.least'))
          if (wish.choose && !patient) return setProblem(say('letIn.choose'))
          void reply(chosen)
        }}
      >
        {wish.patient && <p className="strong">{say('letIn.patient', { patient: called(wish.patient) })}</p>}
        {wish.choose && !wish.patient && <Choose chosen={patient} choose={setPatient} />}
        <fieldset className="let-in-list">
          <legend>{say('letIn.scopes')}</legend>
          {wish.scopes.map((s) => (
            <Checkbox key={s.scope} label={scopeWords(s, say)} checked={given.has(s.scope)} onChange={() => turn(s.scope)} />
          ))}
        </fieldset>
        <p className="second small">{say('letIn.returns', { host: wish.returns })}</p>
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <div className="row">
          <Button variant="default" disabled={busy} onClick={() => void reply([])}>
            {say('letIn.no')}
          </Button>
          <Button type="submit" loading={busy}>
            {say('letIn.yes')}
          </Button>
        </div>
      </form>
    </div>
  )
}

function Choose({ chosen, choose }: { chosen: string; choose: (id: string) => void }) {
  const say = useSay()
  const [words, setWords] = useState('')
  const [asked] = useDebouncedValue(words, 250)
  const found = useQuery({ queryKey: ['let-in-patients', asked], queryFn: () => get<List<{ patient?: Named } & Named>>('/patients' + query({ q: asked })).then((l) => (l.items ?? []).slice(0, 8)) })
  return (
    <fieldset className="let-in-list">
      <legend>{say('letIn.about')}</legend>
      <TextInput label={say('letIn.search')} value={words} onChange={(e) => setWords(e.currentTarget.value)} autoComplete="off" />
      <Radio.Group value={chosen} onChange={choose} aria-label={say('letIn.about')} className="let-in-people">
        {(found.data ?? []).map((row) => {
          const p = row.patient ?? row
          return <Radio key={p.id} value={p.id} label={called(p)} />
        })}
      </Radio.Group>
    </fieldset>
  )
}
