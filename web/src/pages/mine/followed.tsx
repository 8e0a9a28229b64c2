import '../running.css'
import './mine.css'
import { Link } from 'wouter'
import { usePatient, usePatients } from '../../api/queries'
import { fullName } from '../../parts/person'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { useSay } from '../../words'
import { Alarms, Values } from './mine'

/** Whom somebody of the family follows. */
export function FollowedList() {
  const say = useSay()
  const answer = usePatients('')
  if (answer.isPending) return <Skeleton lines={4} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (answer.data.length === 0) return <Empty title={say('followed.none.title')}>{say('followed.none.do')}</Empty>
  return (
    <div className="page mine">
      <h1>{say('followed.title')}</h1>
      <ul className="mine-values">
        {answer.data.map((p) => (
          <li key={p.id}>
            <Link href={`/patient/${encodeURIComponent(p.id)}`}>{fullName(p)}</Link>
          </li>
        ))}
      </ul>
    </div>
  )
}

/** One of them: what the patient permits, and the word that there may be more. Nothing here says that there is nothing. */
export default function Followed({ id }: { id: string }) {
  const say = useSay()
  const answer = usePatient(id)
  const zone = useZone()
  if (answer.isPending) return <Skeleton lines={6} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  return (
    <div className="page mine">
      <h1>{fullName(answer.data)}</h1>
      <p>
        <Link href="/">{say('followed.title')}</Link>
      </p>
      <p>{say('followed.note')}</p>
      <Values patient={id} zone={zone} family />
      <h2>{say('my.alarms')}</h2>
      <Alarms patient={id} zone={zone} family />
    </div>
  )
}
