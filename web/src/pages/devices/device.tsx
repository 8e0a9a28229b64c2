import './devices.css'
import { Button, Modal, SegmentedControl, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { Link } from 'wouter'
import { base, post } from '../../api/client'
import { useBindings, useDevice, usePackets, usePatient } from '../../api/queries'
import type { Credential, Device } from '../../api/types'
import { useNow } from '../../live/store'
import { Ask, stay } from '../../parts/ask'
import { fullName } from '../../parts/person'
import { useZone } from '../../parts/shell'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { BindDialog, ReassignDialog, UnbindDialog } from './bind'
import { Bound, boundRoom } from './bound'
import { DeviceCertificates } from './certificates'
import { clockText } from './devices'
import { Secret } from './enrol'
import { Packets } from './packets'

type Dialog = 'bind' | 'unbind' | 'reassign' | 'credential' | 'state' | null

export default function DevicePage({ id }: { id: string }) {
  const answer = useDevice(id)
  if (answer.isPending) return <Skeleton lines={8} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  return <Page device={answer.data} />
}

function Page({ device: d }: { device: Device }) {
  const say = useSay()
  const now = useNow()
  const zone = useZone()
  const { preferences } = usePreferences()
  const patient = usePatient(d.binding?.patient ?? '').data
  const [dialog, setDialog] = useState<Dialog>(null)
  const name = patient ? fullName(patient, preferences.privacy) : (d.binding?.patient ?? '')
  const time = d.binding ? moment(Date.parse(d.binding.from), zone, say.language, now) : ''
  const close = () => setDialog(null)
  const path = `${base}/devices/${encodeURIComponent(d.id)}`
  useEffect(() => {
    document.title = `${d.label || d.id} \u00b7 Vigil`
  }, [d.label, d.id])
  return (
    <div className="page">
      <div className="page-head">
        <h1>{d.label || d.id}</h1>
        <span className="mono second">{d.id}</span>
        <span className="second">{[d.kind, d.model, say.maybe('enrol.regulatory.' + d.regulatory, d.regulatory)].filter(Boolean).join(', ')}</span>
        <strong className={d.state === 'active' ? 'second' : 'technical'}>{say.maybe('devices.state.' + d.state, d.state)}</strong>
        {d.state !== 'active' && d.stateWhy && (
          <span className="technical">
            {d.stateWhy}
            {d.stateSince && ` (${moment(Date.parse(d.stateSince), zone, say.language, now)})`}
          </span>
        )}
      </div>
      <div className="device-top">
        <div>
          <p className="bound-line">
            {d.binding?.patient ? <Link href={`/patient/${encodeURIComponent(d.binding.patient)}`}>{say('device.bound.patient', { name, time })}</Link> : d.binding ? say('device.bound.room', { room: boundRoom(d.binding), time }) : <span className="technical">{say('device.bound.none')}</span>}
          </p>
          <div className="row wrap">
            <Button onClick={() => setDialog('bind')}>{say('device.bind')}</Button>
            {d.binding && (
              <Button variant="default" onClick={() => setDialog('unbind')}>
                {say('device.unbind')}
              </Button>
            )}
            <Button variant="default" onClick={() => setDialog('reassign')}>
              {say('device.reassign')}
            </Button>
            <Button variant="default" onClick={() => setDialog('credential')}>
              {say('device.credential')}
            </Button>
            <Button variant="default" onClick={() => setDialog('state')}>
              {say('device.state')}
            </Button>
          </div>
          <section>
            <dl className="facts">
              <div>
                <dt>{say('device.seen')}</dt>
                <dd>{d.lastSeen ? say('age.ago', { age: say.age(now - Date.parse(d.lastSeen)) }) : say('devices.never')}</dd>
              </div>
              <div>
                <dt>{say('device.clock')}</dt>
                <dd>
                  {clockText(d, say)}{' '}
                  {d.clockUncertaintyMs !== null && d.clockUncertaintyMs !== undefined && <small>{say('device.clock.sure', { ms: say.number(d.clockUncertaintyMs), ppm: say.number(d.driftPpm ?? 0, 1) })}</small>}
                </dd>
              </div>
              <div>
                <dt>{say('device.sent')}</dt>
                <dd>{say.number(d.packets)}</dd>
              </div>
              <div>
                <dt>{say('devices.column.problems')}</dt>
                <dd className={d.problems > 0 ? 'technical' : ''}>{say.number(d.problems)}</dd>
              </div>
              <div>
                <dt>{say('device.created')}</dt>
                <dd>{moment(Date.parse(d.created), zone, say.language, now)}</dd>
              </div>
              {d.udi && (
                <div>
                  <dt>{say('enrol.udi')}</dt>
                  <dd className="mono">{d.udi}</dd>
                </div>
              )}
            </dl>
          </section>
        </div>
        <figure style={{ margin: 0 }}>
          <img className="qr" src={`${path}/qr.svg`} alt={say('device.qr')} width={148} height={148} />
          <figcaption className="small quiet">{say('device.qr')}</figcaption>
        </figure>
      </div>
      <DeviceCertificates device={d} connection={d.connection} zone={zone} />
      <History id={d.id} zone={zone} />
      <section>
        <div className="page-head">
          <h2>{say('device.packets')}</h2>
          <span className="grow" />
          <a href={`${path}/readings`} download={`${d.id}.ndjson`}>
            {say('device.readings')}
          </a>
        </div>
        <PacketList id={d.id} zone={zone} />
      </section>
      {dialog === 'bind' && <BindDialog device={d} name={name} zone={zone} close={close} />}
      {dialog === 'unbind' && <UnbindDialog device={d} name={name} zone={zone} close={close} />}
      {dialog === 'reassign' && <ReassignDialog device={d} zone={zone} close={close} />}
      {dialog === 'credential' && <Renew device={d} close={close} />}
      {dialog === 'state' && <ChangeState device={d} close={close} />}
    </div>
  )
}

/** Whom it measured and where it stood: a value of last week is understood only with this. */
function History({ id, zone }: { id: string; zone: string }) {
  const say = useSay()
  const now = useNow()
  const answer = useBindings(id)
  const list = answer.data ?? []
  if (answer.data && list.length === 0) return null
  return (
    <section className="device-history">
      <h2>{say('device.bindings')}</h2>
      {answer.isPending && <Skeleton lines={2} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {list.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('device.bindings')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('devices.column.bound')}</th>
                <th scope="col">{say('bind.from')}</th>
                <th scope="col">{say('bind.to')}</th>
                <th scope="col">{say('device.bindings.by')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((b) => (
                <tr key={b.id}>
                  <th scope="row">
                    <Bound binding={b} />
                  </th>
                  <td className="nowrap">{moment(Date.parse(b.from), zone, say.language, now)}</td>
                  <td className="nowrap">{b.to ? moment(Date.parse(b.to), zone, say.language, now) : say('device.bindings.still')}</td>
                  <td>{b.by}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function PacketList({ id, zone }: { id: string; zone: string }) {
  const say = useSay()
  const answer = usePackets(id)
  if (answer.isPending) return <Skeleton lines={6} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  if (answer.data.length === 0) return <Empty title={say('device.packets.none')} action={<Link href={`/start?device=${encodeURIComponent(id)}`}>{say('device.packets.help')}</Link>} />
  return <Packets packets={answer.data} zone={zone} />
}

function Renew({ device, close }: { device: Device; close: () => void }) {
  const say = useSay()
  const [typed, setTyped] = useState('')
  const [made, setMade] = useState<Credential | null>(null)
  if (made) {
    return (
      <Modal opened onClose={close} title={device.label || device.id} closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
        <Secret credential={made} />
      </Modal>
    )
  }
  return (
    <Ask danger title={`${say('device.credential')}: ${device.label || device.id}`} note={say('device.credential.note')} act={say('device.credential')} ready={typed === device.id} close={close} run={async () => (setMade(await post<Credential>(`/devices/${encodeURIComponent(device.id)}/credential`)), stay)}>
      <TextInput label={say('device.credential.confirm', { id: device.id })} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" data-autofocus />
    </Ask>
  )
}

function ChangeState({ device, close }: { device: Device; close: () => void }) {
  const say = useSay()
  const [state, setState] = useState<string>(device.state)
  const [why, setWhy] = useState('')
  return (
    <Ask title={`${say('device.state')}: ${device.label || device.id}`} note={say('device.state.note')} act={say('action.save')} ready={state !== device.state && why.trim() !== ''} close={close} run={() => post(`/devices/${encodeURIComponent(device.id)}/state`, { state, why })}>
      <SegmentedControl aria-label={say('devices.column.state')} value={state} onChange={setState} data={(['active', 'quarantined', 'retired'] as const).map((s) => ({ value: s, label: say(`devices.state.${s}`) }))} />
      <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
    </Ask>
  )
}
