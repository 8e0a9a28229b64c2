import { Link } from 'wouter'
import { useSay } from '../words'

/** On every page until it was seen: what others did to an account cannot be hidden from its person. */
export function NoticeBar({ count }: { count: number }) {
  const say = useSay()
  return (
    <div className="notice-bar" role="status">
      <strong>{say('me.notices.unseen', { count })}</strong> <Link href="/me">{say('me.notices.look')}</Link>
    </div>
  )
}
