import { Button, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { decide, revoke, useConsentHistory, useConsents, type Consent, type Consents as Answer } from '../../api/access'
import { useMay } from '../../api/running'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { roleText } from '../../parts/roles'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay, type Say } from '../../words'
import { at, spans, untilOf, type Span } from './until'

const dataText = (data: string, say: Say) => say.maybe('data.' + data, data)

/** "Family: may NOT see sleep for any purpose": who, whether, what and what for. */
const whoText = (c: Pick<Consent, 'user' | 'name' | 'role'>, say: Say) => (c.user ? c.name || c.user : say.maybe('whom.' + (c.role || 'all'), c.role))
const whatText = (c: Pick<Consent, 'data' | 'purpose' | 'permit'>, say: Say) => say(c.permit ? 'consent.permit' : 'consent.refuse', { data: dataText(c.data || 'all', say), purpose: say.maybe('purpose.' + (c.purpose || 'all'), c.purpose) })

/** What a patient permits and refuses, for the patient in plain words; for staff to record what the patient said. */
export function Consents({ patient, zone, own }: { patient: string; zone: string; own: boolean }) {
  const say = useSay()
  const may = useMay()
  const answer = useConsents(patient)
  const [adding, setAdding] = useState(false)
  const [ending, setEnding] = useState<Consent | null>(null)
  const [past, setPast] = useState(false)
  const history = useConsentHistory(patient, past)
  if (answer.isPending) return <Skeleton lines={5} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const list = answer.data.items ?? []
  const kept = (answer.data.kept ?? []).map((d) => dataText(d, say)).join(', ')
  const write = may('consent.write')
  return (
    <section aria-labelledby="consent-title">
      <h2 id="consent-title">{say(own ? 'consent.own.title' : 'consent.title')}</h2>
      <p className="lede">{say(own ? 'consent.own.note' : 'consent.staff.note')}</p>
      {kept && <p className="lede">{say(own ? 'consent.own.kept' : 'consent.kept', { data: kept })}</p>}
      {list.length === 0 ? (
        <p>{say('consent.none')}</p>
      ) : (
        <>
          <ul className="plain-list">
            {list.map((c) => (
              <li key={c.id}>
                <Line consent={c} zone={zone} own={own} />
                {write && (
                  <Button size="compact-sm" variant="default" onClick={() => setEnding(c)} aria-label={say('consent.revoke.of', { what: `${whoText(c, say)}: ${whatText(c, say)}` })}>
                    {say('consent.revoke')}
                  </Button>
                )}
              </li>
            ))}
          </ul>
          {list.some((c) => c.permit) && list.some((c) => !c.permit) && <p className="small second">{say('consent.wins')}</p>}
        </>
      )}
      {write && !adding && <Button onClick={() => setAdding(true)}>{say(own ? 'consent.add' : 'consent.add.staff')}</Button>}
      {adding && <Decide patient={patient} own={own} zone={zone} choices={answer.data} done={() => setAdding(false)} />}
      <details onToggle={(e) => setPast(e.currentTarget.open)}>
        <summary className="second">{say('consent.history')}</summary>
        {history.error && !history.data && <p className="second">{say('state.partial')}</p>}
        {history.data && history.data.filter((c) => at(c.ended)).length === 0 && <p className="second">{say('consent.history.none')}</p>}
        <ul className="plain-list">
          {(history.data ?? [])
            .filter((c) => at(c.ended))
            .map((c) => (
              <li key={c.id}>
                <Line consent={c} zone={zone} own={own} />
                <span className="small second">{say('consent.ended', { time: moment(at(c.ended), zone, say.language, live.now()) })}</span>
              </li>
            ))}
        </ul>
      </details>
      {ending && <End patient={patient} consent={ending} own={own} close={() => setEnding(null)} />}
    </section>
  )
}

function Line({ consent: c, zone, own }: { consent: Consent; zone: string; own: boolean }) {
  const say = useSay()
  const time = (t: number) => moment(t, zone, say.language, live.now())
  return (
    <span className="consent-line" data-permit={c.permit}>
      {whoText(c, say)}: <b>{whatText(c, say)}</b>
      <br />
      <span className="small second">
        {[say('consent.since', { time: time(at(c.from)) }), at(c.until) ? say('consent.until', { time: time(at(c.until)) }) : '', c.behalf ? say('consent.behalf', { name: c.byName || c.by }) : say(own ? 'consent.own.by.you' : 'consent.own.by')].filter(Boolean).join(', ')}
        {c.why && ` \u201c${c.why}\u201d`}
      </span>
    </span>
  )
}

function Decide({ patient, own, zone, choices, done }: { patient: string; own: boolean; zone: string; choices: Answer; done: () => void }) {
  const say = useSay()
  const client = useQueryClient()
  const [permit, setPermit] = useState(false)
  const [who, setWho] = useState('role:all')
  const [data, setData] = useState('all')
  const [purpose, setPurpose] = useState('all')
  const [span, setSpan] = useState<Span>('none')
  const [why, setWhy] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const [kind, value] = [who.slice(0, 4), who.slice(5)]
  const user = kind === 'user' ? value : ''
  const role = kind === 'role' && value !== 'all' ? value : ''
  const until = untilOf(span, live.now())
  const all = (list: string[] | null) => ['all', ...(list ?? []).filter((x) => x !== 'all')]
  const people = choices.people ?? []
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      await decide(patient, { data, permit, ...(user ? { user } : {}), ...(role ? { role } : {}), ...(purpose === 'all' ? {} : { purpose }), ...(until ? { until } : {}), ...(why.trim() ? { why: why.trim() } : {}) })
      await client.invalidateQueries({ queryKey: ['consents', patient] })
      done()
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  const draft = { user, name: people.find((p) => p.id === user)?.name ?? '', role, data, purpose, permit }
  return (
    <form className="consent-form" onSubmit={(e) => void submit(e)}>
      <div>
        <span className="field-label">{say('consent.act')}</span>
        <SegmentedControl aria-label={say('consent.act')} value={String(permit)} onChange={(v) => setPermit(v === 'true')} data={[{ value: 'false', label: say('consent.act.refuse') }, { value: 'true', label: say('consent.act.permit') }]} />
      </div>
      <Select label={say('consent.who')} searchable allowDeselect={false} value={who} onChange={(v) => v && setWho(v)} data={[...all(choices.roles).map((r) => ({ value: `role:${r}`, label: say.maybe('whom.' + r, r) })), ...people.map((p) => ({ value: `user:${p.id}`, label: [p.name, roleText(p.roles, say)].filter(Boolean).join(', ') }))]} />
      <Select label={say('consent.data')} allowDeselect={false} value={data} onChange={(v) => v && setData(v)} data={all(choices.data).map((d) => ({ value: d, label: dataText(d, say) }))} />
      <Select label={say('consent.purpose')} allowDeselect={false} value={purpose} onChange={(v) => v && setPurpose(v)} data={all(choices.purposes).map((p) => ({ value: p, label: say.maybe('purpose.' + p, p) }))} />
      <Select label={say('consent.until.label')} allowDeselect={false} value={span} onChange={(v) => v && setSpan(v as Span)} data={spans.map((s) => ({ value: s, label: say(`until.${s}`) }))} />
      {!own && <TextInput className="whole" label={say('consent.why')} placeholder={say('consent.why.form')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />}
      <p className="whole consent-says" role="status">
        {say('consent.says')} {whoText(draft, say)}: <b>{whatText(draft, say)}</b>
        {until && `, ${say('consent.until', { time: moment(Date.parse(until), zone, say.language, live.now()) })}`}
      </p>
      {problem && (
        <p className="problem whole" role="alert">
          {problem}
        </p>
      )}
      <div className="row wrap whole">
        <Button type="submit" loading={busy} disabled={!own && why.trim().length < 3}>
          {say('consent.save')}
        </Button>
        <Button variant="default" onClick={done}>
          {say('action.cancel')}
        </Button>
      </div>
    </form>
  )
}

function End({ patient, consent, own, close }: { patient: string; consent: Consent; own: boolean; close: () => void }) {
  const say = useSay()
  const [why, setWhy] = useState('')
  return (
    <Ask title={say('consent.revoke.title')} act={say('consent.revoke')} ready={own || why.trim().length > 2} close={close} run={() => revoke(patient, consent.id, why.trim())}>
      <p className="consent-says">
        {whoText(consent, say)}: <b>{whatText(consent, say)}</b>
      </p>
      <p>{say(consent.permit ? 'consent.revoke.permission' : 'consent.revoke.refusal')}</p>
      <p className="second">{say('consent.revoke.note')}</p>
      {!own && <TextInput label={say('consent.why')} placeholder={say('consent.why.form')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />}
    </Ask>
  )
}
