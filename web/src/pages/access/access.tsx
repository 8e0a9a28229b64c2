import '../running.css'
import './access.css'
import { useEffect } from 'react'
import { Link } from 'wouter'
import { usePatient } from '../../api/queries'
import { useMay, useZoneOf } from '../../api/running'
import { fullName } from '../../parts/person'
import { Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { useSay } from '../../words'
import { Consents } from './consents'
import { GlassBanner } from './glass'
import { Looked } from './looked'
import { Relations } from './relations'

/** Who may see a patient, for staff: the care team, the family, and what the patient has permitted and refused. */
export default function AccessPage({ id }: { id: string }) {
  const say = useSay()
  const may = useMay()
  const { preferences } = usePreferences()
  const answer = usePatient(id)
  const zone = useZoneOf(answer.data?.ward ?? '')
  useEffect(() => {
    document.title = `${say('access.title')} \u00b7 Vigil`
  }, [say])
  if (answer.isPending) return <Skeleton lines={8} height={20} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  return (
    <>
      <GlassBanner patient={id} zone={zone} />
      <div className="page access">
        <div className="page-head">
          <h1>{say('access.of', { name: fullName(answer.data, preferences.privacy) })}</h1>
          <Link href={`/patient/${encodeURIComponent(id)}`}>{say('access.back')}</Link>
        </div>
        {may('relation.read') && <Relations patient={id} zone={zone} own={false} kinds={['care-team', 'family']} />}
        {may('consent.read') && <Consents patient={id} zone={zone} own={false} />}
        {may('looked.read') && <Looked patient={id} zone={zone} />}
      </div>
    </>
  )
}
