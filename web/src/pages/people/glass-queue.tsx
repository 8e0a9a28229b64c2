import { Button, SegmentedControl, Textarea } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { glassStates, reviewGlass, useGlasses, verdicts, type Glass, type GlassState, type Verdict } from '../../api/access'
import { useMe } from '../../api/queries'
import { useMay } from '../../api/running'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { useZone } from '../../parts/shell'
import { roleText } from '../../parts/roles'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { at } from '../access/until'

/** Every emergency access is looked at by somebody else than who used it. */
export function GlassQueue() {
  const say = useSay()
  const zone = useZone()
  const me = useMe().data
  const may = useMay()
  const [state, setState] = useState<GlassState>('waiting')
  const answer = useGlasses(state)
  const [judging, setJudging] = useState<Glass | null>(null)
  const time = (t: Glass['from']) => moment(at(t), zone, say.language, live.now())
  return (
    <>
      <p className="lede">{say('glass.queue.note')}</p>
      <SegmentedControl aria-label={say('people.state')} value={state} onChange={(s) => setState(s as GlassState)} data={glassStates.map((s) => ({ value: s, label: say(`glass.state.${s}`) }))} />
      {answer.isPending && <Skeleton lines={5} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data?.length === 0 && <p className="second devices-calm">{say(`glass.none.${state}`)}</p>}
      {answer.data && answer.data.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('people.tab.glass')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('glass.who')}</th>
                <th scope="col">{say('glass.patient')}</th>
                <th scope="col">{say('glass.why')}</th>
                <th scope="col">{say('glass.when')}</th>
                <th scope="col">{say('glass.looks')}</th>
                <th scope="col">{say('people.state')}</th>
              </tr>
            </thead>
            <tbody>
              {answer.data.map((g) => (
                <tr key={g.id}>
                  <th scope="row">
                    <b>{g.name || g.user}</b>{' '}
                    <span className="second">{roleText(g.role, say)}</span>
                  </th>
                  <td>{g.patientName || <span className="mono">{g.patient}</span>}</td>
                  <td>
                    {'\u201c'}
                    {g.reason}
                    {'\u201d'}
                  </td>
                  <td>
                    <span className="nowrap">{time(g.from)}</span>, {g.state === 'open' ? <strong className="technical">{say('glass.open.until', { time: time(g.until) })}</strong> : say('glass.ended', { time: time(at(g.ended) ? g.ended : g.until) })}
                  </td>
                  <td>
                    {say('glass.looks.count', { count: g.looks })} {may('audit.read') && <Link href={`/people?tab=audit&who=${encodeURIComponent(g.user)}&patient=${encodeURIComponent(g.patient)}&glass=true`}>{say('glass.trail')}</Link>}
                  </td>
                  <td>
                    {at(g.reviewed) ? (
                      <span>
                        {say('glass.reviewed', { name: g.reviewedByName || g.reviewedBy, time: time(g.reviewed), verdict: g.verdict ? say(`glass.verdict.${g.verdict}`) : '' })}
                        {g.note && <span className="second"> ({g.note})</span>}
                      </span>
                    ) : g.user === me?.id ? (
                      <span className="second">{say('glass.own')}</span>
                    ) : (
                      may('glass.review') && (
                        <Button size="compact-sm" onClick={() => setJudging(g)} aria-label={say('glass.review.of', { name: g.name || g.user })}>
                          {say('glass.review')}
                        </Button>
                      )
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {judging && <Judge glass={judging} close={() => setJudging(null)} />}
    </>
  )
}

function Judge({ glass, close }: { glass: Glass; close: () => void }) {
  const say = useSay()
  const [verdict, setVerdict] = useState<Verdict | ''>('')
  const [note, setNote] = useState('')
  const need = verdict !== '' && verdict !== 'justified'
  return (
    <Ask title={say('glass.review.of', { name: glass.name || glass.user })} act={say('glass.review')} ready={verdict !== '' && (!need || note.trim().length > 2)} close={close} run={() => reviewGlass(glass.id, verdict as Verdict, note.trim())}>
      <p>
        {say('glass.why')}: {'\u201c'}
        {glass.reason}
        {'\u201d'}
      </p>
      <div>
        <span className="field-label">{say('glass.verdict')}</span>
        <SegmentedControl aria-label={say('glass.verdict')} value={verdict} onChange={(v) => setVerdict(v as Verdict)} data={verdicts.map((v) => ({ value: v, label: say(`glass.verdict.${v}`) }))} />
      </div>
      <Textarea label={say('glass.note.label')} description={need ? say('glass.note.need') : undefined} required={need} autosize minRows={2} value={note} onChange={(e) => setNote(e.currentTarget.value)} />
    </Ask>
  )
}
