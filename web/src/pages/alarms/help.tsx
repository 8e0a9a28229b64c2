import { Button, SegmentedControl, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import type { Alarm, Delivery } from '../../api/alarm'
import { useMe, usePatient } from '../../api/queries'
import { useChain } from '../../api/running'
import { callEmergency, useContact } from '../../api/watching'
import { refusalText } from '../../parts/states'
import { clock, moment } from '../../time/zone'
import { useSay } from '../../words'

type Whom = 'team' | 'contact'

/** Calls the team or the emergency contact: before anything leaves, who is told and every word that they are told. */
export function Help({ alarm, zone, ward, wardName, bed, done }: { alarm: Alarm; zone: string; ward: string; wardName: string; bed: string; done: () => void }) {
  const say = useSay()
  const me = useMe().data
  const client = useQueryClient()
  const [whom, setWhom] = useState<Whom>('team')
  const [why, setWhy] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const patient = usePatient(alarm.patient).data
  const chain = useChain(ward)
  const contact = useContact(alarm.patient)
  const team = chain.data?.team ?? []
  const c = contact.data
  const ways = c ? [c.phone, c.email].filter(Boolean) : []
  const known = whom === 'team' ? chain.data !== undefined : c !== undefined
  const blocked =
    !known ? '' : whom === 'team' ? (team.length === 0 ? say('help.team.none') : '') : c?.name === '' ? say('help.contact.none') : !c?.detail ? say('help.contact.refused') : ways.length === 0 ? say('help.contact.unreachable') : ''
  const here = [wardName, bed && `bed ${bed}`].filter(Boolean).join(' ')
  const name = patient ? `${patient.given} ${patient.family}`.trim() : say('alarm.patient')
  // As the server writes it, in the language in which it writes: what leaves the house is shown letter by letter.
  const text = `Emergency: help is needed for ${name}${patient?.birth ? `, born ${patient.birth}` : ''}. Where: ${[here, c?.address && `at home: ${c.address}`].filter(Boolean).join('; ')}. ${alarm.title}: ${alarm.text}, since ${clock(alarm.raised, zone)}. Called by ${me?.name ?? ''}: ${why.trim() || '\u2026'}`
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      await callEmergency(alarm.id, whom, why.trim())
      await client.invalidateQueries({ queryKey: ['alarm', alarm.id] })
      done()
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="alarm-form help-form" onSubmit={(e) => void submit(e)} aria-label={say('help.title', { name, bed })}>
      <h3>{say('help.title', { name, bed })}</h3>
      <div>
        <span className="field-label">{say('help.whom')}</span>
        <SegmentedControl aria-label={say('help.whom')} value={whom} onChange={(v) => setWhom(v as Whom)} data={[{ value: 'team', label: say('help.team') }, { value: 'contact', label: say('help.contact') }]} />
      </div>
      {blocked ? (
        <p className="problem" role="alert">
          {blocked}
        </p>
      ) : (
        <>
          <dl className="help-what">
            <dt>{say('help.who')}</dt>
            <dd>
              {whom === 'team'
                ? team.map((t) => (
                    <span key={t.kind + t.address} className="help-to">
                      <b>{t.name}</b> {say.maybe('alarm.channel.' + t.kind, t.kind)} {t.address}
                    </span>
                  ))
                : c && (
                    <span className="help-to">
                      <b>{c.name}</b> {c.relation && `(${c.relation})`} {ways.join(', ')}
                    </span>
                  )}
            </dd>
            <dt>{say('help.says')}</dt>
            <dd>
              <q className="help-text">{text}</q>
              <span className="small second">{say('help.names')}</span>
            </dd>
          </dl>
          <TextInput label={say('help.why')} required maxLength={300} value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />
          {problem && (
            <p className="problem" role="alert">
              {problem}
            </p>
          )}
          <Button type="submit" color="danger" loading={busy} disabled={!known || why.trim().length < 3}>
            {say(whom === 'team' ? 'help.act.team' : 'help.act.contact')}
          </Button>
        </>
      )}
    </form>
  )
}

const failed = new Set(['failed', 'dead', 'cancelled'])
const reached = new Set(['handed-over', 'delivered', 'seen', 'acknowledged'])

/** How far the calls for help of this alarm came, the newest first. */
export function HelpStates({ list, zone, now }: { list: Delivery[]; zone: string; now: number }) {
  const say = useSay()
  const calls = list.filter((d) => /^(contact|team)(\/|$)/.test(d.person)).sort((a, b) => b.at - a.at)
  if (calls.length === 0) return null
  return (
    <section className="help-states" role="status">
      <h3>{say('help.state')}</h3>
      <ul className="alarm-told">
        {calls.map((d, i) => (
          <li key={i} data-state={d.state}>
            <b>{d.person.startsWith('team') ? say('help.team') : say('help.contact')}</b>
            <span className="second">
              {say.maybe('alarm.channel.' + d.kind, say.maybe('alarm.channel.' + d.channel, d.channel))} {d.address}
            </span>
            <span className={failed.has(d.state) ? 'alarm-told-state technical strong' : 'alarm-told-state'}>
              {say(failed.has(d.state) ? 'help.state.failed' : reached.has(d.state) ? 'help.state.reached' : 'help.state.going')} ({say(`alarm.delivery.${d.state}`)})
            </span>
            <span className="second nowrap">{moment(d.changed || d.at, zone, say.language, now, true)}</span>
            {d.reason && <span className="alarm-told-why">{d.reason}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
