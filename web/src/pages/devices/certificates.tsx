import { Button, Modal, NumberInput, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Link } from 'wouter'
import { enrolByCertificate, revoke, useCertificates, useCertificatesOf, type Certificate, type Connection, type Enrolment } from '../../api/certificates'
import type { Device } from '../../api/types'
import { useNow } from '../../live/store'
import { Ask, stay } from '../../parts/ask'
import { Copy } from '../../parts/once'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { picture } from '../me/enrol'

const soon = 7 * 86400_000 // ms before the end of a certificate in which its device has renewed it, if all is well

/** What the device's connection is secured with. A connection in the clear says so. */
export function ConnectionFacts({ connection, zone }: { connection: Connection | null | undefined; zone: string }) {
  const say = useSay()
  const now = useNow()
  if (!connection) return <p className="second">{say('conn.none')}</p>
  const c = connection
  return (
    <p>
      {c.tls ? (
        <>
          {say('conn.tls', { tls: c.tls, group: c.group })}
          {c.postQuantum && `, ${say('conn.quantum')}`}
        </>
      ) : (
        <strong className="technical">{say('conn.plain')}</strong>
      )}{' '}
      <span className="second">{say('conn.from', { door: c.door.toUpperCase(), remote: c.remote, time: moment(Date.parse(c.since), zone, say.language, now) })}</span>
    </p>
  )
}

export function DeviceCertificates({ device, connection, zone }: { device: Device; connection: Connection | null | undefined; zone: string }) {
  const say = useSay()
  const answer = useCertificatesOf(device.id)
  const [enrolling, setEnrolling] = useState(false)
  const [revoking, setRevoking] = useState<Certificate | null>(null)
  const name = device.label || device.id
  return (
    <>
      <section>
        <h2>{say('conn.title')}</h2>
        <ConnectionFacts connection={connection} zone={zone} />
      </section>
      <section>
        <div className="page-head">
          <h2>{say('cert.title')}</h2>
          <span className="grow" />
          <Button variant="default" onClick={() => setEnrolling(true)}>
            {say('cert.enrol')}
          </Button>
        </div>
        {answer.isPending && <Skeleton lines={2} />}
        {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
        {answer.data?.length === 0 && <p className="second">{say('cert.none')}</p>}
        {(answer.data ?? []).length > 0 && <Table list={answer.data ?? []} zone={zone} revoke={setRevoking} label={say('cert.title')} />}
        {enrolling && <EnrolByCertificate device={device} zone={zone} close={() => setEnrolling(false)} />}
        {revoking && <Revoke certificate={revoking} name={name} close={() => setRevoking(null)} />}
      </section>
    </>
  )
}

/** Every certificate that counts, for who looks after the installation. */
export function AllCertificates({ zone }: { zone: string }) {
  const say = useSay()
  const answer = useCertificates()
  return (
    <section>
      <div className="page-head">
        <h2>{say('cert.all')}</h2>
        <span className="grow" />
        <a href="/api/v1/certificates/ca.pem" download="ca.pem">
          {say('cert.ca')}
        </a>
      </div>
      {answer.isPending && <Skeleton lines={2} />}
      {answer.error && !answer.data && <Trouble problem={answer.error} retry={() => void answer.refetch()} />}
      {answer.data?.length === 0 && <p className="second">{say('cert.all.none')}</p>}
      {(answer.data ?? []).length > 0 && <Table list={answer.data ?? []} zone={zone} label={say('cert.all')} named />}
    </section>
  )
}

function Table({ list, zone, label, revoke, named = false }: { list: Certificate[]; zone: string; label: string; revoke?: (c: Certificate) => void; named?: boolean }) {
  const say = useSay()
  const now = useNow()
  const time = (t: string) => moment(Date.parse(t), zone, say.language, now)
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            <th scope="col">{say(named ? 'cert.device' : 'cert.number')}</th>
            <th scope="col">{say('cert.state')}</th>
            <th scope="col">{say('cert.issued')}</th>
            <th scope="col">{say('cert.expires')}</th>
            <th scope="col">{say('cert.used')}</th>
            {revoke && (
              <th scope="col">
                <span className="unseen">{say('cert.revoke')}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {list.map((c) => {
            const left = Date.parse(c.expires) - now
            const counts = c.state === 'waiting' || c.state === 'inUse'
            return (
              <tr key={c.serial}>
                <th scope="row" title={c.name}>
                  {named ? <Link href={`/devices/${encodeURIComponent(c.device)}`}>{c.label || c.device}</Link> : <span className="mono">{c.serial.slice(0, 16)}</span>}
                </th>
                <td>
                  <span className={c.state === 'revoked' || c.state === 'expired' ? 'technical' : ''}>{say.maybe('cert.state.' + c.state, c.state)}</span>
                  {c.current && <span className="second">, {say('cert.now')}</span>}
                  {c.state === 'revoked' && c.why && <span className="second">: {c.why}</span>}
                </td>
                <td className="nowrap">{time(c.issued)}</td>
                <td className="nowrap">
                  {time(c.expires)} {counts && left > 0 && <span className={left < soon ? 'technical strong' : 'second'}>{say('cert.expires.in', { time: say.age(left) })}</span>}
                </td>
                <td className="nowrap">{c.lastUsed ? time(c.lastUsed) : say('me.passkeys.never')}</td>
                {revoke && (
                  <td className="right">
                    {counts && (
                      <Button size="compact-sm" variant="default" onClick={() => revoke(c)} aria-label={`${say('cert.revoke')}: ${c.serial.slice(0, 16)}`}>
                        {say('cert.revoke')}
                      </Button>
                    )}
                  </td>
                )}
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function Revoke({ certificate: c, name, close }: { certificate: Certificate; name: string; close: () => void }) {
  const say = useSay()
  const [why, setWhy] = useState('')
  return (
    <Ask danger title={say('cert.revoke.title', { serial: c.serial.slice(0, 16) })} note={say('cert.revoke.note', { name })} act={say('cert.revoke')} ready={why.trim() !== ''} close={close} run={() => revoke(c.device, c.serial, why.trim())}>
      <TextInput label={say('do.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus />
    </Ask>
  )
}

function EnrolByCertificate({ device, zone, close }: { device: Device; zone: string; close: () => void }) {
  const say = useSay()
  const now = useNow()
  const [hours, setHours] = useState<number | string>(24)
  const [made, setMade] = useState<Enrolment | null>(null)
  const title = say('cert.enrol.title', { name: device.label || device.id })
  if (made) {
    return (
      <Modal opened onClose={close} title={title} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': say('action.close') }}>
        <div className="stack">
          <p className="strong">{say('cert.enrol.once', { time: moment(Date.parse(made.expires), zone, say.language, now) })}</p>
          <Copy label={say('cert.enrol.secret')} text={made.secret} />
          <Copy label={say('cert.enrol.address')} text={made.est} />
          <Copy label={say('cert.enrol.authority')} text={made.authority} />
          <img className="qr" src={picture(made.qr)} alt={say('cert.enrol.qr')} width={220} height={220} />
        </div>
      </Modal>
    )
  }
  return (
    <Ask title={title} note={say('cert.enrol.note')} act={say('cert.enrol')} close={close} run={async () => (setMade(await enrolByCertificate(device.id, Number(hours))), stay)}>
      <NumberInput label={say('cert.enrol.hours')} value={hours} onChange={setHours} min={1} max={168} allowDecimal={false} hideControls data-autofocus />
    </Ask>
  )
}
