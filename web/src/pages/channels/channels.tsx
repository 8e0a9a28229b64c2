import './channels.css'
import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useMe } from '../../api/queries'
import { putChannels, testChannel, useChannels, useMay, useOwnDeliveries, useStations, useZoneOf, type Channel, type Channels, type OwnDelivery } from '../../api/running'
import { live } from '../../live/store'
import { Copy } from '../../parts/once'
import { Empty, refusalText, Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { Running } from '../running'
import { pushState, subscribe, unsubscribe, type PushState } from './push'

/** By which ways this person is told, in which order, and whether each works. */
export default function ChannelsPage() {
  const say = useSay()
  const may = useMay()
  const me = useMe().data
  const answer = useChannels()
  return (
    <Running title={say('running.channels')}>
      <p className="lede">{say('channel.note')}</p>
      {me && me.class !== 'user' ? (
        <Empty title={say('channel.users.title')}>{say('channel.users.do')}</Empty>
      ) : answer.error && !answer.data ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Skeleton lines={6} height={22} />
      ) : (
        <List data={answer.data} />
      )}
      {may('live.read') && <Stations />}
    </Running>
  )
}

type Row = Pick<Channel, 'id' | 'kind' | 'address' | 'quiet' | 'state' | 'verified' | 'secret'>

const sent = (rows: Row[]) => rows.map((r) => ({ ...(r.id ? { id: r.id } : {}), kind: r.kind, ...(r.id ? {} : { address: r.address }), ...(r.quiet ? { quiet: r.quiet } : {}) }))

function List({ data }: { data: Channels }) {
  const say = useSay()
  const zone = useZoneOf('')
  const client = useQueryClient()
  const [tested, setTested] = useState<Record<string, OwnDelivery | string>>({})
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const [adding, setAdding] = useState(false)
  const rows = [...(data.items ?? [])].sort((a, b) => a.order - b.order)
  const waiting = Object.values(tested).some((t) => typeof t !== 'string')
  const deliveries = useOwnDeliveries(waiting ? 2_000 : 15_000)
  const change = async (next: Row[]) => {
    setBusy(true)
    setProblem('')
    try {
      client.setQueryData(['channels'], await putChannels(sent(next)))
      return true
    } catch (e) {
      setProblem(refusalText(e, say))
      return false
    } finally {
      setBusy(false)
    }
  }
  const move = (i: number, by: number) => {
    const next = [...rows]
    const [one] = next.splice(i, 1)
    next.splice(i + by, 0, one!)
    void change(next)
  }
  const test = async (id: string) => {
    setTested({ ...tested, [id]: say('channel.test.sending') })
    try {
      const d = await testChannel(id)
      setTested((t) => ({ ...t, [id]: d }))
      void deliveries.refetch()
    } catch (e) {
      setTested((t) => ({ ...t, [id]: refusalText(e, say) }))
    }
  }
  const remove = async (i: number) => {
    const one = rows[i]!
    if (!(await change(rows.filter((_, k) => k !== i)))) return
    if (one.kind === 'web-push' && !rows.some((r, k) => k !== i && r.kind === 'web-push')) await unsubscribe().catch(() => undefined)
  }
  const kinds = data.kinds ?? []
  return (
    <>
      {kinds.length === 0 && <p className="loud">{say('channel.nobodyPaged')}</p>}
      {rows.length === 0 ? (
        <p className="loud">
          <strong>{say('channel.none.title')}</strong> {say('channel.none.do')}
        </p>
      ) : (
        <ol className="channels">
          {rows.map((c, i) => {
            const t = tested[c.id]
            const now = t && typeof t !== 'string' ? (deliveries.data?.find((d) => d.id === t.id) ?? t) : null
            return (
              <li key={c.id} data-dead={c.state === 'dead' || undefined}>
                <div className="channel-what">
                  <b>{say.maybe('channel.kind.' + c.kind, c.kind)}</b> <span>{c.address}</span>
                  {c.state === 'dead' ? (
                    <strong className="technical"> {say('channel.dead')}</strong>
                  ) : (
                    <span className="second"> {c.verified ? say('channel.verified', { time: moment(Date.parse(c.verified), zone, say.language, live.now()) }) : say('channel.unverified')}</span>
                  )}
                </div>
                <Quiet channel={c} busy={busy} change={(quiet) => void change(rows.map((r, k) => (k === i ? { ...r, quiet } : r)))} />
                <div className="row wrap">
                  <Button size="compact-sm" variant="default" onClick={() => void test(c.id)} disabled={busy}>
                    {say('channel.test')}
                  </Button>
                  <Button size="compact-sm" variant="default" disabled={i === 0 || busy} onClick={() => move(i, -1)} aria-label={say('channel.earlier.of', { name: say.maybe('channel.kind.' + c.kind, c.kind) })}>
                    {say('channel.earlier')}
                  </Button>
                  <Button size="compact-sm" variant="default" disabled={i === rows.length - 1 || busy} onClick={() => move(i, 1)} aria-label={say('channel.later.of', { name: say.maybe('channel.kind.' + c.kind, c.kind) })}>
                    {say('channel.later')}
                  </Button>
                  <Button size="compact-sm" variant="subtle" color="gray" disabled={busy} onClick={() => void remove(i)} aria-label={say('channel.remove.of', { name: say.maybe('channel.kind.' + c.kind, c.kind) })}>
                    {say('channel.remove')}
                  </Button>
                </div>
                <p role="status" className="channel-test">
                  {typeof t === 'string' ? t : now ? `${say('channel.test.state', { state: say.maybe('alarm.delivery.' + now.state, now.state), time: moment(Date.parse(now.changed), zone, say.language, live.now(), true) })}${now.reason ? ` ${now.reason}` : ''}` : ''}
                </p>
                {c.secret && <Copy label={say('channel.secret')} text={c.secret} />}
              </li>
            )
          })}
        </ol>
      )}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <p className="channel-never">{say('channel.quiet.never')}</p>
      {adding ? (
        <Add kinds={kinds.filter((k) => k !== 'screen' && k !== 'web-push')} busy={busy} close={() => setAdding(false)} add={async (kind, address) => (await change([...rows, { id: '', kind, address, quiet: null, state: '', verified: null }])) && setAdding(false)} />
      ) : (
        <div className="row wrap">
          <Button onClick={() => setAdding(true)} disabled={kinds.length === 0}>
            {say('channel.add')}
          </Button>
          {kinds.includes('screen') && !rows.some((r) => r.kind === 'screen') && (
            <Button variant="default" onClick={() => void change([...rows, { id: '', kind: 'screen', address: '', quiet: null, state: '', verified: null }])}>
              {say('channel.add.screen')}
            </Button>
          )}
        </div>
      )}
      {kinds.includes('web-push') && <Push pushKey={data.pushKey} add={(address) => change([...rows, { id: '', kind: 'web-push', address, quiet: null, state: '', verified: null }])} />}
      <Sent list={deliveries} zone={zone} />
    </>
  )
}

// A field of the browser's own for times shows 10:00 PM where its language does; the ward's clock has 24 hours.
const onClock = (text: string) => /^([01]\d|2[0-3]):[0-5]\d$/.test(text)

function Quiet({ channel, busy, change }: { channel: Channel; busy: boolean; change: (quiet: Channel['quiet']) => void }) {
  const say = useSay()
  const [from, setFrom] = useState(channel.quiet?.from ?? '22:00')
  const [to, setTo] = useState(channel.quiet?.to ?? '06:30')
  useEffect(() => {
    if (!channel.quiet) return
    setFrom(channel.quiet.from)
    setTo(channel.quiet.to)
  }, [channel.quiet])
  const moved = channel.quiet !== null && (channel.quiet.from !== from || channel.quiet.to !== to)
  return (
    <div className="channel-quiet">
      <Checkbox size="xs" iconColor="var(--on-ink)" label={say('channel.quiet')} checked={channel.quiet !== null} disabled={busy} onChange={(e) => change(e.currentTarget.checked ? (onClock(from) && onClock(to) ? { from, to } : { from: '22:00', to: '06:30' }) : null)} />
      {channel.quiet && (
        <>
          <TextInput size="xs" inputMode="numeric" maxLength={5} placeholder="22:00" aria-label={say('channel.quiet.from')} error={!onClock(from)} value={from} onChange={(e) => setFrom(e.currentTarget.value)} />
          <span>{'\u2013'}</span>
          <TextInput size="xs" inputMode="numeric" maxLength={5} placeholder="06:30" aria-label={say('channel.quiet.to')} error={!onClock(to)} value={to} onChange={(e) => setTo(e.currentTarget.value)} />
          {moved && (
            <Button size="compact-sm" disabled={busy || !onClock(from) || !onClock(to)} onClick={() => change({ from, to })}>
              {say('action.save')}
            </Button>
          )}
        </>
      )}
    </div>
  )
}

function Add({ kinds, busy, add, close }: { kinds: string[]; busy: boolean; add: (kind: string, address: string) => Promise<unknown>; close: () => void }) {
  const say = useSay()
  const [kind, setKind] = useState(kinds[0] ?? '')
  const [address, setAddress] = useState('')
  return (
    <form
      className="channel-add"
      onSubmit={(e) => {
        e.preventDefault()
        void add(kind, address.trim())
      }}
    >
      <NativeSelect label={say('channel.kind')} value={kind} onChange={(e) => setKind(e.currentTarget.value)} data={kinds.map((k) => ({ value: k, label: say.maybe('channel.kind.' + k, k) }))} />
      <TextInput label={say('channel.address')} description={say.maybe('channel.form.' + kind, '')} required value={address} onChange={(e) => setAddress(e.currentTarget.value)} autoComplete="off" data-autofocus />
      <Button type="submit" loading={busy} disabled={address.trim() === ''}>
        {say('channel.add.this')}
      </Button>
      <Button variant="default" onClick={close}>
        {say('action.cancel')}
      </Button>
    </form>
  )
}

function Push({ pushKey, add }: { pushKey: string; add: (address: string) => Promise<boolean> }) {
  const say = useSay()
  const [state, setState] = useState<PushState | null>(null)
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    void pushState(pushKey).then(setState, () => setState('impossible'))
  }, [pushKey])
  if (state === null) return null
  const on = async () => {
    setBusy(true)
    setProblem('')
    try {
      const address = await subscribe(pushKey)
      if (address === null) setState('refused')
      else if (await add(address)) setState('on')
      else await unsubscribe()
    } catch {
      setProblem(say('push.failed'))
    } finally {
      setBusy(false)
    }
  }
  return (
    <section aria-label={say('push.title')}>
      <h2>{say('push.title')}</h2>
      <p className="lede">{say(`push.${state}`)}</p>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      {(state === 'off' || state === 'on') && (
        <Button variant="default" loading={busy} onClick={() => void on()} mt="xs">
          {say(state === 'on' ? 'push.again' : 'push.do')}
        </Button>
      )}
    </section>
  )
}

function Sent({ list, zone }: { list: ReturnType<typeof useOwnDeliveries>; zone: string }) {
  const say = useSay()
  return (
    <section>
      <h2>{say('channel.sent')}</h2>
      {list.error && !list.data ? (
        <Trouble problem={list.error} retry={() => void list.refetch()} />
      ) : !list.data ? (
        <Skeleton lines={3} />
      ) : list.data.length === 0 ? (
        <p className="second">{say('channel.sent.none')}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('channel.sent')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('channel.sent.at')}</th>
                <th scope="col">{say('channel.sent.why')}</th>
                <th scope="col">{say('channel.kind')}</th>
                <th scope="col">{say('channel.sent.state')}</th>
              </tr>
            </thead>
            <tbody>
              {list.data.map((d) => (
                <tr key={d.id}>
                  <td className="nowrap">{moment(Date.parse(d.at), zone, say.language, live.now(), true)}</td>
                  <td>{say.maybe('channel.told.' + d.told, d.told)}</td>
                  <td>{say.maybe('channel.kind.' + d.kind, d.kind)}</td>
                  <td>
                    <span className={d.state === 'dead' || d.state === 'failed' ? 'technical strong' : ''}>{say.maybe('alarm.delivery.' + d.state, d.state)}</span> {d.reason && <span className="second">{d.reason}</span>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

const closedAfter = 45_000

/** The screens that are open and whether each can sound. */
function Stations() {
  const say = useSay()
  const zone = useZoneOf('')
  const answer = useStations('')
  const now = live.now()
  const list = answer.data ?? []
  const quiet = list.filter((s) => s.quiet && now - Date.parse(s.seen) < closedAfter).length
  return (
    <section>
      <h2>{say('station.title')}</h2>
      <p className="lede">{say('station.note')}</p>
      {quiet > 0 && (
        <p className="loud">
          <strong>{say('station.quiet', { count: quiet })}</strong>
        </p>
      )}
      {answer.error && !answer.data ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : !answer.data ? (
        <Skeleton lines={3} />
      ) : list.length === 0 ? (
        <p className="second">{say('station.none')}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('station.title')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('station.who')}</th>
                <th scope="col">{say('station.sound')}</th>
                <th scope="col">{say('station.seen')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((s) => {
                const closed = now - Date.parse(s.seen) >= closedAfter
                return (
                  <tr key={s.id}>
                    <th scope="row">{s.name || s.user}</th>
                    <td>{closed ? <span className="quiet">{say('station.closed')}</span> : s.quiet ? <strong className="technical">{say('sound.none', { why: say.maybe('sound.' + s.sound, s.sound) })}</strong> : say('sound.ok')}</td>
                    <td className="nowrap">{moment(Date.parse(s.seen), zone, say.language, now, true)}</td>
                  </tr>
                )
              })}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}
