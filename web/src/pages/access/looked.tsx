import { Button } from '@mantine/core'
import { useLooks } from '../../api/access'
import { useMe } from '../../api/queries'
import { live } from '../../live/store'
import { roleText } from '../../parts/roles'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { at } from './until'

/** Who looked at a patient's data, newest first, for the patient. */
export function Looked({ patient, zone }: { patient: string; zone: string }) {
  const say = useSay()
  const me = useMe().data
  const answer = useLooks(patient)
  const list = answer.data?.pages.flatMap((p) => p.items ?? []) ?? []
  return (
    <section aria-labelledby="looked-title">
      <h2 id="looked-title">{say('looked.title')}</h2>
      <p className="lede">{say('looked.note')}</p>
      {answer.isPending && <Skeleton lines={8} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data && list.length === 0 && <p>{say('looked.none')}</p>}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('looked.title')}>
          <table className="looked-table">
            <thead>
              <tr>
                <th scope="col">{say('looked.when')}</th>
                <th scope="col">{say('looked.who')}</th>
                <th scope="col">{say('looked.did')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((l, i) => (
                <tr key={i}>
                  <td className="nowrap">{moment(at(l.at), zone, say.language, live.now())}</td>
                  <th scope="row">
                    <b>{l.who === me?.id ? say('looked.you') : l.name || l.who}</b>{' '}
                    <span className="second">{roleText(l.role, say)}</span>
                  </th>
                  <td>
                    {say.maybe('looked.what.' + l.what, l.words)}
                    {l.outcome === 'refused' && <strong className="technical"> {say('looked.refused')}</strong>}
                    {l.count > 1 && <span className="second">, {say('looked.times', { count: l.count })}</span>}
                    {l.purpose && <span className="second">, {say.maybe('purpose.' + l.purpose, l.purpose)}</span>}
                    {l.glass && (
                      <>
                        {' '}
                        <span className="looked-glass">{say('looked.glass')}</span>
                      </>
                    )}
                  </td>
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
    </section>
  )
}
