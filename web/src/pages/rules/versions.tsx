import { Button } from '@mantine/core'
import { useState } from 'react'
import { ruleVersion, useRuleVersions, useZoneOf, type RuleSet } from '../../api/running'
import { live } from '../../live/store'
import { refusalText, Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { useQueryPart } from '../running'
import { difference, same, setDraft } from './draft'

/** Which rules were in force when, by whom and why, and the way back to them. */
export function Versions({ inForce, write }: { inForce: RuleSet; write: boolean }) {
  const say = useSay()
  const zone = useZoneOf('')
  const answer = useRuleVersions()
  const [, set] = useQueryPart()
  const [shown, setShown] = useState<RuleSet | null>(null)
  const [problem, setProblem] = useState('')
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (!answer.data) return <Skeleton lines={5} />
  if (answer.data.length === 0) return <p className="lede">{say('rules.versions.none')}</p>
  const look = async (version: string) => {
    setProblem('')
    try {
      setShown(await ruleVersion(version))
    } catch (e) {
      setProblem(refusalText(e, say))
    }
  }
  return (
    <>
      <div className="scroll" tabIndex={0} role="region" aria-label={say('rules.tab.versions')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{say('rules.versions.at')}</th>
              <th scope="col">{say('rules.versions.by')}</th>
              <th scope="col">{say('do.why')}</th>
              <th scope="col">{say('rules.version')}</th>
              <th scope="col">
                <span className="unseen">{say('patient.actions')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {answer.data.map((v, i) => (
              <tr key={v.version + i}>
                <td className="nowrap">{moment(Date.parse(v.at), zone, say.language, live.now())}</td>
                <td>{v.author || v.by}</td>
                <td>{v.why}</td>
                <td>
                  <span className="mono">{v.version.slice(0, 12)}</span> {v.active && <b>{say('rules.tab.force')}</b>}
                </td>
                <td className="right">
                  <Button size="compact-sm" variant="default" onClick={() => void look(v.version)}>
                    {say('rules.versions.show')}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {shown && <Compared shown={shown} inForce={inForce} write={write} take={() => (setDraft({ base: inForce.version, files: shown.files ?? [] }), set({ tab: 'text', file: null, line: null }))} />}
    </>
  )
}

function Compared({ shown, inForce, write, take }: { shown: RuleSet; inForce: RuleSet; write: boolean; take: () => void }) {
  const say = useSay()
  const diff = difference(inForce.files ?? [], shown.files ?? [])
  return (
    <section role="status">
      <h2>
        {say('rules.version')} <span className="mono">{shown.version.slice(0, 12)}</span>
      </h2>
      {same(diff) ? (
        <p>{say('rules.versions.same')}</p>
      ) : (
        <>
          <p className="second">{say('rules.versions.beside')}</p>
          <ul>
            {diff.changed.length > 0 && <li>{say('rules.versions.changed', { files: diff.changed.join(', ') })}</li>}
            {diff.added.length > 0 && <li>{say('rules.versions.added', { files: diff.added.join(', ') })}</li>}
            {diff.removed.length > 0 && <li>{say('rules.versions.removed', { files: diff.removed.join(', ') })}</li>}
          </ul>
          {write && (
            <Button variant="default" onClick={take}>
              {say('rules.versions.take')}
            </Button>
          )}
        </>
      )}
    </section>
  )
}
