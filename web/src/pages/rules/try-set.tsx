import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { Link } from 'wouter'
import { setLimit } from '../../api/alarm-calls'
import { refusalText } from '../../parts/states'
import { useSay } from '../../words'

const spans = [60, 240, 480, 1440, 4320]

/** Sets for the patient the limit that was tried, and no other. */
export function SetForPatient({ patient, limit, words }: { patient: string; limit: { metric: string; unit: string; low: number | null; high: number | null }; words: string }) {
  const say = useSay()
  const client = useQueryClient()
  const [why, setWhy] = useState('')
  const [minutes, setMinutes] = useState('480')
  const [state, setState] = useState<'' | 'busy' | 'done'>('')
  const [problem, setProblem] = useState('')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setState('busy')
    setProblem('')
    try {
      await setLimit(patient, { ...limit, why: why.trim(), ...(minutes === '0' ? {} : { minutes: Number(minutes) }) })
      setState('done')
      void client.invalidateQueries({ queryKey: ['ward'] })
    } catch (e) {
      setProblem(refusalText(e, say))
      setState('')
    }
  }
  return (
    <section>
      <h2>{say('try.set', { limit: words })}</h2>
      {state === 'done' ? (
        <p role="status">
          <b>{say('try.set.done', { limit: words })}</b> <Link href={`/patient/${encodeURIComponent(patient)}`}>{say('try.set.open')}</Link>
        </p>
      ) : (
        <form className="stack try-set" onSubmit={(e) => void submit(e)}>
          <TextInput label={say('limits.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
          <div>
            <span className="field-label">{say('limits.until')}</span>
            <SegmentedControl aria-label={say('limits.until')} value={minutes} onChange={setMinutes} data={[...spans.map((m) => ({ value: String(m), label: say.age(m * 60_000) })), { value: '0', label: say('limits.noEnd') }]} />
          </div>
          {problem && (
            <p className="problem" role="alert">
              {problem}
            </p>
          )}
          <div>
            <Button type="submit" loading={state === 'busy'} disabled={why.trim().length < 3}>
              {say('try.set.do')}
            </Button>
          </div>
        </form>
      )}
    </section>
  )
}
