import { Button, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import type { Alarm } from '../../api/alarm'
import { act, useCover, type Asked, type Verb } from '../../api/alarm-calls'
import { useMe, useUsers } from '../../api/queries'
import { unseen } from '../../live/order'
import { notDone } from '../../parts/alarm-words'
import { useSay } from '../../words'
import { Help } from './help'

/** Everything that somebody can do with an alarm. Each is done by the server or said to be refused, and why. */
export function Acts({ alarm, zone, who, bed, ward, wardName, linked }: { alarm: Alarm; zone: string; who: string; bed: string; ward: string; wardName: string; linked: boolean }) {
  const say = useSay()
  const me = useMe().data
  const [busy, setBusy] = useState<Verb | ''>('')
  const [problem, setProblem] = useState('')
  const [form, setForm] = useState<'off' | 'hand-over' | 'help' | ''>('')
  const run = async (verb: Verb, asked: Asked = {}) => {
    setBusy(verb)
    setProblem('')
    try {
      await act(alarm.id, verb, asked)
      setForm('')
    } catch (e) {
      setProblem(notDone(e, say))
    } finally {
      setBusy('')
    }
  }
  const button = (verb: Verb, label: string, asked: Asked = {}, strong = false) => (
    <Button key={label} variant={strong ? 'filled' : 'default'} loading={busy === verb} disabled={!linked || (busy !== '' && busy !== verb)} onClick={() => void run(verb, asked)}>
      {label}
    </Button>
  )
  const mine = alarm.owner?.by === me?.id
  const silent = alarm.sound === 'paused' || alarm.sound === 'snoozed' || alarm.sound === 'off'
  return (
    <section className="alarm-do" aria-label={say('alarm.do')}>
      <div className="row wrap">
        {unseen(alarm) && button('acknowledge', say('alarm.acknowledge'), {}, true)}
        {!(mine && alarm.owner?.accepted) && button('accept', say('alarm.do.accept'))}
        {button('decline', say('alarm.do.decline'))}
        <Button variant="default" aria-expanded={form === 'hand-over'} onClick={() => setForm(form === 'hand-over' ? '' : 'hand-over')}>
          {say('alarm.do.handOver')}
        </Button>
        {button('escalate', say('alarm.do.escalate'))}
        {alarm.patient !== 'site' && (
          <Button variant="default" aria-expanded={form === 'help'} onClick={() => setForm(form === 'help' ? '' : 'help')}>
            {say('help.open')}
          </Button>
        )}
      </div>
      <div className="row wrap">
        {silent ? (
          button(alarm.sound === 'off' ? 'on' : 'resume', say(alarm.sound === 'off' ? 'alarm.do.on' : 'alarm.do.resume'), {}, true)
        ) : (
          <>
            {alarm.sound === 'on' && (
              <span className="row">
                <span className="second">{say('alarm.do.pause')}</span>
                {[1, 2, 3].map((m) => button('pause', say('alarm.do.minutes', { count: m }), { minutes: m }))}
              </span>
            )}
            {alarm.spot && !alarm.always && button('snooze', say('alarm.do.snooze'))}
            {!alarm.always && (
              <Button variant="default" aria-expanded={form === 'off'} onClick={() => setForm(form === 'off' ? '' : 'off')}>
                {say('alarm.do.off')}
              </Button>
            )}
          </>
        )}
        {alarm.always && !silent && <span className="small second">{say('alarm.do.always')}</span>}
      </div>
      {form === 'help' && <Help alarm={alarm} zone={zone} ward={ward} wardName={wardName} bed={bed} done={() => setForm('')} />}
      {form === 'hand-over' && <HandOver ward={ward} busy={busy === 'hand-over'} done={(to, why) => void run('hand-over', { to, why })} />}
      {form === 'off' && <Off alarm={alarm} who={who} bed={bed} busy={busy === 'off'} done={(why, minutes) => void run('off', { why, minutes })} />}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </section>
  )
}

function HandOver({ ward, busy, done }: { ward: string; busy: boolean; done: (to: string, why: string) => void }) {
  const say = useSay()
  const me = useMe().data
  const cover = useCover(ward)
  const [to, setTo] = useState<string | null>(null)
  const [why, setWhy] = useState('')
  // Where nobody is assigned, who may see everybody may still choose.
  const users = useUsers(me?.actions?.includes('user.write') ?? false).data
  const people = new Map<string, string>()
  for (const u of users ?? []) if (u.state === 'active') people.set(u.id, u.name)
  for (const i of cover.data?.items ?? []) for (const p of [i.nurse, i.backup]) if (p) people.set(p.user, p.name)
  for (const l of cover.data?.chain ?? []) for (const p of l.people ?? []) people.set(p.user, p.name)
  people.delete(me?.id ?? '')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (to) done(to, why)
  }
  return (
    <form className="alarm-form" onSubmit={submit}>
      <Select label={say('alarm.do.handOver.to')} searchable data={[...people].map(([value, label]) => ({ value, label })).sort((a, b) => a.label.localeCompare(b.label))} value={to} onChange={setTo} error={cover.error ? say('alarm.do.handOver.unknown') : cover.data && people.size === 0 ? say('alarm.do.handOver.nobody') : undefined} data-autofocus />
      <TextInput label={say('do.why')} value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
      <p className="small second">{say('alarm.do.handOver.note')}</p>
      <Button type="submit" loading={busy} disabled={!to}>
        {say('alarm.do.handOver.act')}
      </Button>
    </form>
  )
}

const spans = [30, 60, 240, 480, 1440]

function Off({ alarm, who, bed, busy, done }: { alarm: Alarm; who: string; bed: string; busy: boolean; done: (why: string, minutes: number) => void }) {
  const say = useSay()
  const [why, setWhy] = useState('')
  const [minutes, setMinutes] = useState('60')
  const submit = (event: FormEvent) => {
    event.preventDefault()
    done(why.trim(), Number(minutes))
  }
  return (
    <form className="alarm-form" onSubmit={submit}>
      <p>
        <strong>{say('alarm.do.off.title', { title: alarm.title, name: who || say('alarm.patient'), bed })}</strong> {say('alarm.do.off.note')}
      </p>
      <TextInput label={say('alarm.do.off.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />
      <div>
        <span className="field-label">{say('alarm.do.off.for')}</span>
        <SegmentedControl aria-label={say('alarm.do.off.for')} value={minutes} onChange={setMinutes} data={spans.map((m) => ({ value: String(m), label: say.age(m * 60_000) }))} />
      </div>
      <Button type="submit" color="danger" loading={busy} disabled={why.trim().length < 3}>
        {say('alarm.do.off.act', { title: alarm.title })}
      </Button>
    </form>
  )
}
