import { Button, NativeSelect, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { useLocation } from 'wouter'
import { Refusal } from '../../api/client'
import { checkRules, putRules, useZoneOf, type RuleCheck, type RuleSet } from '../../api/running'
import { refusalText } from '../../parts/states'
import { useSay } from '../../words'
import { useQueryPart } from '../running'
import { difference, draftOf, offsetOf, placeOf, same, setDraft, useDraft } from './draft'
import { originText } from './rules'

/** The text of the rules with their tests. It is checked, tried and put in force in that order; nothing applies before. */
export function Editor({ inForce, write }: { inForce: RuleSet; write: boolean }) {
  const say = useSay()
  const [, go] = useLocation()
  const [search, set] = useQueryPart()
  const draft = useDraft()
  const area = useRef<HTMLTextAreaElement>(null)
  const gutter = useRef<HTMLPreElement>(null)
  const [check, setCheck] = useState<{ of: string; result: RuleCheck } | null>(null)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [putting, setPutting] = useState(false)
  const [naming, setNaming] = useState(false)
  const [caret, setCaret] = useState(0)
  const files = draft?.files ?? inForce.files ?? []
  const current = files.find((f) => f.name === search.get('file')) ?? files[0]
  const wanted = Number(search.get('line') ?? 0)
  const diff = difference(inForce.files ?? [], files)
  const clean = same(diff)
  const state = JSON.stringify(files)
  const fresh = check !== null && check.of === state
  const problems = fresh ? (check.result.problems ?? []) : []
  const passed = fresh && problems.length === 0

  const show = (line: number, column: number) => {
    const box = area.current
    if (!box || !current) return
    const at = offsetOf(box.value, line, column)
    box.focus()
    box.setSelectionRange(at, at)
    const tall = parseFloat(getComputedStyle(box).lineHeight) || 20
    box.scrollTop = Math.max(0, (line - 4) * tall)
    setCaret(at)
  }
  useEffect(() => {
    if (wanted > 0) show(wanted, 1)
    // Only where the address asks for a line, and when its file is there.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [wanted, current?.name])

  if (!current) return <p className="second">{say('rules.none')}</p>
  const edit = (text: string) => setDraft({ base: draft?.base ?? inForce.version, files: files.map((f) => (f.name === current.name ? { ...f, text } : f)) })
  const run = async () => {
    setBusy(true)
    setProblem('')
    try {
      setCheck({ of: state, result: await checkRules(files) })
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  const goTo = (file: string, line: number, column: number) => {
    if (file === current.name) return show(line, column)
    set({ file, line: String(line) })
  }
  const lines = current.text.split('\n').length
  const marked = new Set(problems.filter((p) => p.file === current.name).map((p) => p.line))
  const place = placeOf(current.text, Math.min(caret, current.text.length))
  const label = (name: string) => (diff.changed.includes(name) ? `${name} (${say('rules.changed')})` : diff.added.includes(name) ? `${name} (${say('rules.added')})` : name)
  return (
    <div className="editor">
      <div className="row wrap editor-tools">
        <NativeSelect label={say('rules.file')} value={current.name} onChange={(e) => set({ file: e.currentTarget.value, line: null })} data={files.map((f) => ({ value: f.name, label: label(f.name) }))} />
        {write && (
          <>
            <Button variant="default" onClick={() => setNaming(!naming)} aria-expanded={naming}>
              {say('rules.file.add')}
            </Button>
            {diff.added.includes(current.name) && (
              <Button variant="default" onClick={() => setDraft({ base: draft?.base ?? inForce.version, files: files.filter((f) => f.name !== current.name) })}>
                {say('rules.file.remove')}
              </Button>
            )}
          </>
        )}
      </div>
      {naming && (
        <NewFile
          taken={files.map((f) => f.name)}
          add={(name) => {
            setDraft({ base: draft?.base ?? inForce.version, files: [...files, { name, text: '' }] })
            setNaming(false)
            set({ file: name, line: null })
          }}
        />
      )}
      <div className="editor-text">
        <pre ref={gutter} aria-hidden="true" className="editor-lines">
          {Array.from({ length: lines }, (_, i) => (marked.has(i + 1) ? `\u25b6${i + 1}\n` : `${i + 1}\n`)).join('')}
        </pre>
        <textarea
          ref={area}
          aria-label={say('rules.text.of', { file: current.name })}
          value={current.text}
          readOnly={!write}
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          wrap="off"
          onChange={(e) => edit(e.currentTarget.value)}
          onSelect={(e) => setCaret(e.currentTarget.selectionStart)}
          onScroll={(e) => gutter.current && (gutter.current.scrollTop = e.currentTarget.scrollTop)}
        />
      </div>
      <p className="second small">{say('rules.caret', { line: place.line, column: place.column })}</p>
      <div className="row wrap">
        <Button onClick={() => void run()} loading={busy} variant={passed ? 'default' : 'filled'}>
          {say('rules.check')}
        </Button>
        {!clean && (
          <Button variant="default" disabled={!passed} onClick={() => go('/try?rules=draft')}>
            {say('rules.try')}
          </Button>
        )}
        {write && !clean && (
          <>
            <Button variant="default" disabled={!passed} onClick={() => setPutting(true)}>
              {say('rules.put')}
            </Button>
            <Button variant="subtle" color="gray" onClick={() => (setDraft(null), setPutting(false))}>
              {say('rules.discard')}
            </Button>
          </>
        )}
        {!clean && !passed && <span className="second">{say('rules.checkFirst')}</span>}
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div role="status">
        {fresh && problems.length === 0 && (
          <p>
            <b>{'\u2713'}</b> {say('rules.passed', { rules: check.result.rules?.length ?? 0, tests: check.result.tests })}
          </p>
        )}
        {problems.length > 0 && (
          <>
            <p className="problem">{say('rules.problems', { count: problems.length })}</p>
            <ol className="editor-problems">
              {problems.map((p, i) => (
                <li key={i}>
                  <button className="plain" onClick={() => goTo(p.file, p.line, p.column)}>
                    {say('rules.problem.at', { file: p.file, line: p.line, column: p.column })}
                  </button>{' '}
                  {p.message}
                </li>
              ))}
            </ol>
          </>
        )}
      </div>
      {passed && <Tests check={check.result} file={current.name} />}
      {putting && !clean && <PutInForce inForce={inForce} base={draft?.base ?? inForce.version} names={[...diff.changed, ...diff.added, ...diff.removed]} files={files} close={() => setPutting(false)} />}
    </div>
  )
}

/** The tests of this file that ran, by rule. */
function Tests({ check, file }: { check: RuleCheck; file: string }) {
  const say = useSay()
  const rules = (check.rules ?? []).filter((r) => r.file === file)
  if (rules.length === 0) return null
  return (
    <details className="editor-tests">
      <summary>{say('rules.tests.of', { file, count: rules.reduce((n, r) => n + (r.tests?.length ?? 0), 0) })}</summary>
      <ul>
        {rules.map((r) => (
          <li key={r.name}>
            <b>{r.title}</b>
            <ul>
              {(r.tests ?? []).map((t) => (
                <li key={t}>
                  {'\u2713'} {t} <span className="second">{say('rules.test.passed')}</span>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </details>
  )
}

function NewFile({ taken, add }: { taken: string[]; add: (name: string) => void }) {
  const say = useSay()
  const [name, setName] = useState('')
  const whole = name.trim().endsWith('.rule') ? name.trim() : `${name.trim()}.rule`
  const ready = /^[\w.-]{1,95}$/.test(name.trim()) && !taken.includes(whole)
  return (
    <form
      className="row wrap editor-new"
      onSubmit={(e) => {
        e.preventDefault()
        if (ready) add(whole)
      }}
    >
      <TextInput label={say('rules.file.name')} description={say('rules.file.form')} value={name} onChange={(e) => setName(e.currentTarget.value)} autoComplete="off" error={taken.includes(whole) ? say('rules.file.taken') : undefined} />
      <Button type="submit" disabled={!ready}>
        {say('rules.file.add')}
      </Button>
    </form>
  )
}

/** Puts the text in force with a reason. When somebody was faster, it says who, and leaves the choice. */
function PutInForce({ inForce, base, names, files, close }: { inForce: RuleSet; base: string; names: string[]; files: RuleSet['files']; close: () => void }) {
  const say = useSay()
  const zone = useZoneOf('')
  const client = useQueryClient()
  const [why, setWhy] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [conflict, setConflict] = useState(inForce.version !== base)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      const now = await putRules(files ?? [], why.trim(), base)
      client.setQueryData(['rules'], now)
      void client.invalidateQueries({ queryKey: ['rules', 'versions'] })
      setDraft(null)
      close()
    } catch (e) {
      if (e instanceof Refusal && e.kind === 'conflict') {
        setConflict(true)
        void client.invalidateQueries({ queryKey: ['rules'] })
      } else setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  if (conflict) {
    return (
      <div className="loud" role="alert">
        <p>
          <strong>{say('rules.conflict')}</strong> {originText(inForce, zone, say)}. {say('rules.conflict.do')}
        </p>
        <div className="row wrap">
          <Button onClick={() => (setDraft({ base: inForce.version, files: files ?? [] }), setConflict(false))}>{say('rules.conflict.mine')}</Button>
          <Button variant="default" onClick={() => (setDraft(draftOf(inForce)), close())}>
            {say('rules.conflict.theirs')}
          </Button>
        </div>
      </div>
    )
  }
  return (
    <form className="editor-put" onSubmit={(e) => void submit(e)}>
      <p>{say('rules.put.note', { files: names.join(', ') })}</p>
      <TextInput label={say('do.why')} required maxLength={500} value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <div className="row wrap">
        <Button type="submit" loading={busy} disabled={why.trim().length < 3}>
          {say('rules.put.do')}
        </Button>
        <Button variant="default" onClick={close}>
          {say('action.cancel')}
        </Button>
      </div>
    </form>
  )
}
