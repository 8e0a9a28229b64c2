import './me.css'
import { Button, Modal, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { notifications } from '@mantine/notifications'
import { useEffect, useState } from 'react'
import { addPasskey, changePassword, newCode, noticesSeen, removeCode, removePasskey, renamePasskey, useCode, useNotices, usePasskeys, voidLinks, type CodeSecret, type Passkey } from '../../api/identity'
import { Refusal } from '../../api/client'
import { useMe } from '../../api/queries'
import { passkeysHere } from '../../api/webauthn'
import { useNow } from '../../live/store'
import { Ask } from '../../parts/ask'
import { PasswordField, proofProblem } from '../../parts/proof'
import { useZone } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { OwnPrograms } from '../programs/own'
import { Confirm } from './enrol'
import { OwnSessions } from './sessions'

/** How I sign in, where I am signed in, and what others did to my account. */
export default function MePage() {
  const say = useSay()
  const me = useMe().data
  useEffect(() => {
    document.title = `${say('me.title')} \u00b7 Vigil`
  }, [say])
  return (
    <div className="page me">
      <div className="page-head">
        <h1>{say('me.title')}</h1>
        <span className="second">{me?.name}</span>
      </div>
      <Notices />
      <Passkeys />
      <Code />
      <Password />
      <OwnSessions />
      <OwnPrograms />
    </div>
  )
}

/** Text of a removal that would shut its person out. */
const lastWay = (e: unknown, text: string) => {
  if (e instanceof Refusal && e.kind === 'conflict') throw new Refusal('invalid', text)
  throw e
}

function Passkeys() {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const answer = usePasskeys()
  const [adding, setAdding] = useState(false)
  const [naming, setNaming] = useState<Passkey | null>(null)
  const [removing, setRemoving] = useState<Passkey | null>(null)
  const [name, setName] = useState('')
  const time = (t: string) => moment(Date.parse(t), zone, say.language, now)
  return (
    <section>
      <div className="page-head">
        <h2>{say('me.passkeys')}</h2>
        <span className="grow" />
        {passkeysHere() && (
          <Button variant="default" onClick={() => (setName(say('me.passkeys.default')), setAdding(true))}>
            {say('me.passkeys.add')}
          </Button>
        )}
      </div>
      {answer.isPending && <Skeleton lines={2} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data?.length === 0 && <p className="second">{say('me.passkeys.none')}</p>}
      {(answer.data ?? []).length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('me.passkeys')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('me.passkeys')}</th>
                <th scope="col">{say('me.passkeys.made')}</th>
                <th scope="col">{say('me.passkeys.used')}</th>
                <th scope="col">
                  <span className="unseen">{say('me.passkeys.remove')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {(answer.data ?? []).map((p) => (
                <tr key={p.id}>
                  <th scope="row">
                    {p.name} <span className={p.suspended ? 'technical small' : 'second small'}>{say(p.suspended ? 'me.passkeys.suspended' : p.synced ? 'me.passkeys.synced' : 'me.passkeys.bound')}</span>
                  </th>
                  <td className="nowrap">{time(p.created)}</td>
                  <td className="nowrap">{p.lastUsed ? time(p.lastUsed) : say('me.passkeys.never')}</td>
                  <td className="right nowrap">
                    <Button size="compact-sm" variant="default" onClick={() => (setName(p.name), setNaming(p))} aria-label={`${say('me.passkeys.rename')}: ${p.name}`}>
                      {say('me.passkeys.rename')}
                    </Button>{' '}
                    <Button size="compact-sm" variant="default" onClick={() => setRemoving(p)} aria-label={`${say('me.passkeys.remove')}: ${p.name}`}>
                      {say('me.passkeys.remove')}
                    </Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {adding && (
        <Ask
          title={say('me.passkeys.add')}
          note={say('enrolme.note')}
          act={say('me.passkeys.add')}
          ready={name.trim() !== ''}
          close={() => setAdding(false)}
          run={() =>
            addPasskey(name.trim()).catch((e: unknown) => {
              throw new Refusal('invalid', proofProblem(e, say), 'said')
            })
          }
        >
          <TextInput label={say('me.passkeys.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={60} data-autofocus />
        </Ask>
      )}
      {naming && (
        <Ask title={say('me.passkeys.rename')} act={say('action.save')} ready={name.trim() !== ''} close={() => setNaming(null)} run={() => renamePasskey(naming.id, name.trim())}>
          <TextInput label={say('me.passkeys.name')} value={name} onChange={(e) => setName(e.currentTarget.value)} maxLength={60} data-autofocus />
        </Ask>
      )}
      {removing && <Ask danger title={say('me.passkeys.remove.title', { name: removing.name })} note={say('me.passkeys.remove.note')} act={say('me.passkeys.remove')} close={() => setRemoving(null)} run={() => removePasskey(removing.id).catch((e: unknown) => lastWay(e, say('me.last-way')))} />}
    </section>
  )
}

function Code() {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const client = useQueryClient()
  const answer = useCode()
  const [secret, setSecret] = useState<CodeSecret | null>(null)
  const [removing, setRemoving] = useState(false)
  const [problem, setProblem] = useState('')
  const begin = () => {
    setProblem('')
    newCode().then(setSecret, (e: unknown) => setProblem(proofProblem(e, say)))
  }
  const c = answer.data
  return (
    <section>
      <div className="page-head">
        <h2>{say('me.code')}</h2>
        <span className="grow" />
        {c && !c.set && (
          <Button variant="default" onClick={begin}>
            {say('me.code.add')}
          </Button>
        )}
        {c?.set && (
          <Button variant="default" onClick={() => setRemoving(true)}>
            {say('me.code.remove')}
          </Button>
        )}
      </div>
      {answer.isPending && <Skeleton lines={1} />}
      {answer.error && !c && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {c && <p className="second">{c.set && c.created ? say('me.code.set', { time: moment(Date.parse(c.created), zone, say.language, now) }) : say('me.code.none')}</p>}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {secret && (
        <Modal opened onClose={() => setSecret(null)} title={say('me.code')} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
          <Confirm
            secret={secret}
            done={(next) => {
              setSecret(null)
              client.setQueryData(['me'], next)
              void client.invalidateQueries()
              notifications.show({ message: `${say('me.code')}: ${say('do.done')}` })
            }}
          />
        </Modal>
      )}
      {removing && <Ask danger title={say('me.code.remove.title')} note={say('me.code.remove.note')} act={say('me.code.remove')} close={() => setRemoving(false)} run={() => removeCode().catch((e: unknown) => lastWay(e, say('me.last-way')))} />}
    </section>
  )
}

function Password() {
  const say = useSay()
  const me = useMe().data
  const [open, setOpen] = useState(false)
  const [old, setOld] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const close = () => (setOpen(false), setOld(''), setNext(''), setAgain(''))
  return (
    <section>
      <div className="page-head">
        <h2>{say('me.password')}</h2>
        <span className="grow" />
        <Button variant="default" onClick={() => setOpen(true)}>
          {say('me.password.change')}
        </Button>
      </div>
      {open && (
        <Ask title={say('me.password.change')} note={`${say('signin.choose.note')} ${say('me.password.note')}`} act={say('action.save')} ready={next.length >= 12 && next === again} close={close} run={() => changePassword(old, next)}>
          {me?.password !== false && <PasswordField label={say('me.password.old')} value={old} onChange={(e) => setOld(e.currentTarget.value)} autoComplete="current-password" data-autofocus />}
          <PasswordField label={say('me.password.new')} value={next} onChange={(e) => setNext(e.currentTarget.value)} autoComplete="new-password" minLength={12} />
          <PasswordField label={say('signin.again')} value={again} onChange={(e) => setAgain(e.currentTarget.value)} autoComplete="new-password" error={again !== '' && again !== next ? say('signin.differ') : undefined} />
        </Ask>
      )}
    </section>
  )
}

function Notices() {
  const say = useSay()
  const zone = useZone()
  const now = useNow()
  const me = useMe().data
  const client = useQueryClient()
  const answer = useNotices()
  const list = answer.data ?? []
  const unseen = list.filter((n) => !n.seen).length
  const [voiding, setVoiding] = useState(false)
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (list.length === 0) return null
  return (
    <section>
      <div className="page-head">
        <h2>{say('me.notices')}</h2>
        <span className="grow" />
        {unseen > 0 && <Button onClick={() => void noticesSeen().then(() => client.invalidateQueries())}>{say('me.notices.seen')}</Button>}
        {list.some((n) => n.kind === 'link-made' && !n.seen) && (
          <Button variant="default" onClick={() => setVoiding(true)}>
            {say('me.notices.not-me')}
          </Button>
        )}
      </div>
      <ul className="notices">
        {list.slice(0, 12).map((n) => (
          <li key={n.id} className={n.seen ? 'second' : ''}>
            {moment(Date.parse(n.at), zone, say.language, now)}: {n.seen ? say.maybe('me.notice.' + n.kind, n.kind) : <strong>{say.maybe('me.notice.' + n.kind, n.kind)}</strong>}, {n.by === me?.id ? say('me.notices.own') : say('me.notices.by', { name: n.byName || n.by })}
            {n.from && <span className="quiet"> ({n.from})</span>}
          </li>
        ))}
      </ul>
      {voiding && <Ask danger title={say('me.notices.not-me')} note={say('me.notices.voided')} act={say('me.notices.not-me')} close={() => setVoiding(false)} run={() => voidLinks()} />}
    </section>
  )
}
