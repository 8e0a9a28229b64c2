import { Empty } from '../../parts/states'
import { useSay } from '../../words'

export function NoWard() {
  const say = useSay()
  return <Empty title={say('ward.empty.title')}>{say('ward.empty.do')}</Empty>
}
