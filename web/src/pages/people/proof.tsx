import { Button } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { checkpointAddress, useLedgerState, verifyLedger } from '../../api/access'
import { live } from '../../live/store'
import { refusalText, Skeleton } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

/** Whether the ledger is whole, by whom that can be checked, and what to keep outside for it. */
export function LedgerProof({ zone }: { zone: string }) {
  const say = useSay()
  const client = useQueryClient()
  const answer = useLedgerState()
  const [problem, setProblem] = useState('')
  if (answer.isPending) return <Skeleton lines={3} />
  if (!answer.data) return <p className="second">{say('state.partial')}</p>
  const l = answer.data
  const at = (t: string | null | undefined) => (t ? moment(Date.parse(t), zone, say.language, live.now()) : '')
  const verify = () => {
    setProblem('')
    verifyLedger()
      .then((state) => client.setQueryData(['ledger-state'], state))
      .catch((e: unknown) => setProblem(refusalText(e, say)))
  }
  const v = l.verified
  const w = l.witness
  return (
    <section className="proof" aria-labelledby="proof-title">
      <div className="row wrap">
        <h2 id="proof-title">{say('proof.title')}</h2>
        <span className="second">{say('proof.size', { count: l.size })}</span>
        <Button size="compact-sm" variant="default" loading={v.state === 'running'} onClick={verify}>
          {say('proof.verify')}
        </Button>
      </div>
      {v.state === 'broken' ? (
        <div className="loud" role="alert">
          <strong>{say('proof.broken', { first: say.number(v.first ?? 0) })}</strong> {say('proof.broken.do')}
          <ul>
            {(v.problems ?? []).slice(0, 5).map((p) => (
              <li key={p}>{p}</li>
            ))}
          </ul>
        </div>
      ) : (
        <p role="status" className={v.state === 'never' ? 'second' : ''}>
          {v.state === 'good' ? `\u2713 ${say('proof.good', { time: at(v.at), size: say.number(v.size ?? l.size) })}` : say(v.state === 'running' ? 'proof.running' : 'proof.never')}
        </p>
      )}
      <p className={w.state === 'good' ? '' : 'technical strong'}>
        {w.state === 'good' ? say('proof.witness.good', { file: w.file ?? '', size: say.number(w.size ?? 0), time: at(w.at) }) : w.state === 'failing' ? say('proof.witness.failing', { problem: w.problem ?? '' }) : say('proof.witness.none')}
      </p>
      <p>
        {l.checkpoint ? (
          <>
            {say('proof.checkpoint', { size: say.number(l.checkpoint.size), time: at(l.checkpoint.at) })}{' '}
            <a href={checkpointAddress} download="vigil-checkpoint.txt">
              {say('proof.download')}
            </a>
          </>
        ) : (
          <span className="second">{say('proof.checkpoint.none')}</span>
        )}
      </p>
      <p className="small second">
        {say('proof.keep')} {say('proof.key')}: <span className="mono trace-sum">{l.key}</span>
      </p>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  )
}
