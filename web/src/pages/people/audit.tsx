import { Button, Checkbox, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState } from 'react'
import { Link } from 'wouter'
import { auditFile, countsBy, useAuditCounts, useAuditSearch, type AuditFilter, type CountBy } from '../../api/access'
import { useMay } from '../../api/running'
import { save } from '../../parts/once'
import { useZone } from '../../parts/shell'
import { roleText } from '../../parts/roles'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { inputInstants, moment } from '../../time/zone'
import { useSay } from '../../words'
import { useQueryPart } from '../running'
import { LedgerProof } from './proof'

const fields = ['who', 'patient', 'action', 'outcome', 'text', 'from', 'to', 'glass'] as const

/** Who did what: the ledger, to be searched, counted and taken along, and whether it is whole. */
export function Audit() {
  const say = useSay()
  const zone = useZone()
  const may = useMay()
  const [search, setSearch] = useQueryPart()
  const [asked, setAsked] = useState<AuditFilter>(() => Object.fromEntries(fields.map((f) => [f, search.get(f) ?? ''])) as unknown as AuditFilter)
  const [by, setBy] = useState<CountBy | ''>('')
  const set = (change: Partial<AuditFilter>) => {
    const next = { ...asked, ...change }
    setAsked(next)
    setSearch(Object.fromEntries(fields.map((f) => [f, next[f] || null])))
  }
  const [settled] = useDebouncedValue(asked, 300)
  const time = (text: string) => {
    const found = inputInstants(text, zone)[0]
    return found === undefined ? '' : new Date(found).toISOString()
  }
  const wrong = (text: string) => text !== '' && text.length >= 10 && time(text) === ''
  const filter: AuditFilter = { ...settled, from: time(settled.from), to: time(settled.to) }
  const answer = useAuditSearch(filter)
  const counts = useAuditCounts(by || 'who', filter, by !== '')
  const [taking, setTaking] = useState(false)
  const [problem, setProblem] = useState('')
  const take = async () => {
    setTaking(true)
    setProblem('')
    try {
      save('vigil-audit.ndjson', await auditFile(filter), 'application/x-ndjson')
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setTaking(false)
    }
  }
  const list = answer.data?.pages.flatMap((p) => p.items ?? []) ?? []
  const first = answer.data?.pages[0]
  const input = (f: 'who' | 'patient' | 'action' | 'text', placeholder = '') => <TextInput label={say(`search.${f}`)} placeholder={placeholder} value={asked[f]} onChange={(e) => set({ [f]: e.currentTarget.value })} autoComplete="off" />
  return (
    <>
      <LedgerProof zone={zone} />
      <form className="audit-filter" role="search" aria-label={say('people.tab.audit')} onSubmit={(e) => e.preventDefault()}>
        {input('who')}
        {input('patient')}
        {input('action', say('search.action.form'))}
        {input('text')}
        {(['from', 'to'] as const).map((f) => (
          <TextInput key={f} label={say(`search.${f}`)} placeholder="2026-01-31 14:05" value={asked[f]} onChange={(e) => set({ [f]: e.currentTarget.value })} error={wrong(asked[f]) ? say('do.at.form') : undefined} autoComplete="off" />
        ))}
        <div>
          <span className="field-label">{say('search.outcome')}</span>
          <SegmentedControl aria-label={say('search.outcome')} value={asked.outcome} onChange={(outcome) => set({ outcome })} data={[{ value: '', label: say('search.outcome.any') }, { value: 'done', label: say('search.outcome.done') }, { value: 'refused', label: say('search.outcome.refused') }]} />
        </div>
        <Checkbox label={say('search.glass')} checked={asked.glass === 'true'} onChange={(e) => set({ glass: e.currentTarget.checked ? 'true' : '' })} />
      </form>
      <div className="row wrap audit-acts">
        {first?.total !== undefined && <span role="status">{first.more ? say('search.more', { count: say.number(first.total) }) : say('search.total', { count: first.total })}</span>}
        <Select aria-label={say('search.counts')} size="xs" allowDeselect={false} value={by} onChange={(v) => setBy((v ?? '') as CountBy | '')} data={[{ value: '', label: say('search.counts.none') }, ...countsBy.map((c) => ({ value: c, label: `${say('search.counts')}: ${say(`search.by.${c}`)}` }))]} />
        {may('audit.export') && (
          <Button size="compact-sm" variant="default" loading={taking} onClick={() => void take()}>
            {say('search.export')}
          </Button>
        )}
        {fields.some((f) => asked[f]) && (
          <Button size="compact-sm" variant="default" onClick={() => set(Object.fromEntries(fields.map((f) => [f, ''])))}>
            {say('search.clear')}
          </Button>
        )}
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {by !== '' && counts.data && (
        <table className="audit-counts">
          <tbody>
            {counts.data.map((c) => (
              <tr key={c.key}>
                <th scope="row">{by === 'role' ? roleText(c.key, say) || '--' : c.name || c.key || '--'}</th>
                <td className="right">{say.number(c.count)}</td>
                <td>
                  {(by === 'who' || by === 'patient' || by === 'action' || by === 'outcome') && (
                    <Button size="compact-xs" variant="default" onClick={() => set({ [by]: c.key })} aria-label={`${say('action.search')}: ${c.name || c.key}`}>
                      {say('action.search')}
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {answer.isPending && <Skeleton lines={8} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && list.length === 0 && <p className="second devices-calm">{say('audit.none')}</p>}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('people.tab.audit')}>
          <table>
            <thead>
              <tr>
                <th scope="col" className="right">
                  {say('search.number')}
                </th>
                <th scope="col">{say('audit.at')}</th>
                <th scope="col">{say('audit.who')}</th>
                <th scope="col">{say('audit.action')}</th>
                <th scope="col">{say('audit.subject')}</th>
                <th scope="col">{say('audit.outcome')}</th>
                <th scope="col">{say('audit.why')}</th>
                <th scope="col">{say('audit.from')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((a, i) => (
                <tr key={a.n ?? i}>
                  <td className="right quiet">{a.n}</td>
                  <td className="nowrap">{moment(Date.parse(a.at), zone, say.language, Date.now(), true)}</td>
                  <td>
                    {a.name || a.who}{' '}
                    <span className="quiet">{roleText(a.role, say)}</span>
                  </td>
                  <td>
                    <span className="mono">{a.action}</span> {a.glass && <span className="looked-glass">{say('looked.glass')}</span>}
                    {a.purpose && a.purpose !== 'treatment' && <span className="quiet"> {say.maybe('purpose.' + a.purpose, a.purpose)}</span>}
                  </td>
                  <td>{a.patient && may('patient.read') ? <Link href={`/patient/${encodeURIComponent(a.patient)}`}>{a.subject || a.patient}</Link> : [a.subject, a.patient && !a.subject.includes(a.patient) ? a.patient : ''].filter(Boolean).join(', ')}</td>
                  <td className={/deni|refus/.test(a.outcome) ? 'technical strong' : ''}>{say.maybe('search.outcome.' + a.outcome, a.outcome)}</td>
                  <td>{a.erased ? <span className="quiet">{say('search.erased')}</span> : a.why}</td>
                  <td className="mono">{a.from}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {answer.hasNextPage && (
        <Button variant="default" mt="md" loading={answer.isFetchingNextPage} onClick={() => void answer.fetchNextPage()}>
          {say('action.older')}
        </Button>
      )}
    </>
  )
}
