import { Button, NumberInput, Textarea } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { seeAnomaly, setAnomalyPolicy, useAnomalies, useAnomalyPolicy, type Anomaly, type AnomalyPolicy } from '../../api/access'
import { useMay } from '../../api/running'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { useZone } from '../../parts/shell'
import { roleText } from '../../parts/roles'
import { Skeleton, Trouble } from '../../parts/states'
import { hour, inputText, moment } from '../../time/zone'
import { useSay } from '../../words'
import { at } from '../access/until'

/** Who looked at more than is usual, and what was behind it. */
export function Anomalies() {
  const say = useSay()
  const zone = useZone()
  const may = useMay()
  const answer = useAnomalies()
  const policy = useAnomalyPolicy(may('anomaly.read')).data
  const [seeing, setSeeing] = useState<Anomaly | null>(null)
  const [changing, setChanging] = useState(false)
  const time = (t: Anomaly['at']) => moment(at(t), zone, say.language, live.now())
  const trail = (a: Anomaly) => `/people?tab=audit&who=${encodeURIComponent(a.who)}&from=${encodeURIComponent(inputText(at(a.at) - a.minutes * 60_000, zone))}&to=${encodeURIComponent(inputText(at(a.at) + hour / 60, zone))}`
  return (
    <>
      <p className="lede">{say('anomaly.note')}</p>
      {policy && (
        <p className="second">
          {say('anomaly.policy.of', { minutes: policy.minutes, looks: policy.looks, unrelated: policy.unrelated })} {(policy.accounts ?? []).length > 0 && say('anomaly.policy.accounts', { names: (policy.accounts ?? []).map((a) => a.name || a.user).join(', ') })}{' '}
          {may('anomaly.write') && (
            <Button size="compact-sm" variant="default" onClick={() => setChanging(true)}>
              {say('people.change')}
            </Button>
          )}
        </p>
      )}
      {answer.isPending && <Skeleton lines={5} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data?.length === 0 && <p className="devices-calm">{say('anomaly.none')}</p>}
      {answer.data && answer.data.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('people.tab.anomalies')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('audit.at')}</th>
                <th scope="col">{say('anomaly.who')}</th>
                <th scope="col">{say('anomaly.what')}</th>
                <th scope="col">{say('anomaly.state')}</th>
              </tr>
            </thead>
            <tbody>
              {answer.data.map((a) => (
                <tr key={a.id}>
                  <td className="nowrap">{time(a.at)}</td>
                  <th scope="row">
                    <b>{a.name || a.who}</b>{' '}
                    <span className="second">{roleText(a.role, say)}</span>
                  </th>
                  <td>
                    {say(a.kind === 'many' ? 'anomaly.many' : 'anomaly.unrelated', { looks: a.looks, patients: a.patients, minutes: a.minutes, limit: a.limit })} {may('audit.read') && <Link href={trail(a)}>{say('anomaly.trail')}</Link>}
                  </td>
                  <td>
                    {at(a.seen) ? (
                      say('anomaly.seen', { name: a.seenByName || a.seenBy, time: time(a.seen), note: a.note })
                    ) : (
                      <>
                        <strong className="technical">{say('anomaly.waiting')}</strong>{' '}
                        {may('anomaly.review') && (
                          <Button size="compact-sm" onClick={() => setSeeing(a)} aria-label={say('anomaly.see.of', { name: a.name || a.who })}>
                            {say('anomaly.see')}
                          </Button>
                        )}
                      </>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {seeing && <See anomaly={seeing} close={() => setSeeing(null)} />}
      {changing && policy && <Policy policy={policy} close={() => setChanging(false)} />}
    </>
  )
}

function See({ anomaly, close }: { anomaly: Anomaly; close: () => void }) {
  const say = useSay()
  const [note, setNote] = useState('')
  return (
    <Ask title={say('anomaly.see.of', { name: anomaly.name || anomaly.who })} act={say('action.save')} ready={note.trim().length > 2} close={close} run={() => seeAnomaly(anomaly.id, note.trim())}>
      <Textarea label={say('anomaly.see.note')} required autosize minRows={2} value={note} onChange={(e) => setNote(e.currentTarget.value)} data-autofocus />
    </Ask>
  )
}

function Policy({ policy, close }: { policy: AnomalyPolicy; close: () => void }) {
  const say = useSay()
  const [p, setP] = useState(policy)
  const field = (key: 'looks' | 'unrelated' | 'minutes') => <NumberInput label={say(`anomaly.policy.${key}`)} min={1} allowDecimal={false} value={p[key]} onChange={(n) => setP({ ...p, [key]: Number(n) || 0 })} />
  return (
    <Ask title={say('anomaly.policy')} act={say('action.save')} ready={p.looks > 0 && p.unrelated > 0 && p.minutes > 0} close={close} run={() => setAnomalyPolicy(p)}>
      {field('minutes')}
      {field('looks')}
      {field('unrelated')}
    </Ask>
  )
}
