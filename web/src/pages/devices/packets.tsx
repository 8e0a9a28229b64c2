import { Fragment, useState } from 'react'
import { Link } from 'wouter'
import type { Packet } from '../../api/types'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

const sign: Record<string, string> = { failed: '\u2715', partly: '\u25d0', duplicate: '\u2261', waiting: '\u2026', shredded: '\u2205', decoded: '' }

/** Packets and what became of each; a row opens to its first bytes. */
export function Packets({ packets, zone, named = false }: { packets: Packet[]; zone: string; named?: boolean }) {
  const say = useSay()
  const [open, setOpen] = useState('')
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label={say('device.packets')}>
      <table className="packets">
        <thead>
          <tr>
            <th scope="col">{say('packet.received')}</th>
            {named && <th scope="col">{say('packet.device')}</th>}
            <th scope="col">{say('packet.result')}</th>
            <th scope="col">{say('packet.reason')}</th>
            <th scope="col" className="right">
              {say('packet.readings')}
            </th>
            <th scope="col" className="right">
              {say('packet.sequence')}
            </th>
            <th scope="col">{say('packet.topic')}</th>
            <th scope="col">{say('packet.format')}</th>
            <th scope="col" className="right">
              {say('packet.bytes')}
            </th>
            <th scope="col">{say('packet.door')}</th>
          </tr>
        </thead>
        <tbody>
          {packets.map((p) => {
            const key = `${p.partition}-${p.frame}-${p.index}`
            return (
              <Fragment key={key}>
                <tr data-result={p.result}>
                  <th scope="row" className="nowrap">
                    <button className="plain" aria-expanded={open === key} title={say('packet.preview')} onClick={() => setOpen(open === key ? '' : key)}>
                      {moment(Date.parse(p.received), zone, say.language, Date.now(), true)}
                    </button>
                  </th>
                  {named && (
                    <td>
                      <Link href={`/devices/${encodeURIComponent(p.device)}`}>{p.device}</Link>
                    </td>
                  )}
                  <td className="result nowrap">
                    {sign[p.result]} {say.maybe('packet.' + p.result, p.result)}
                  </td>
                  <td className="reason">{p.reason}</td>
                  <td className="right">{p.readings}</td>
                  <td className="right">{p.sequence || ''}</td>
                  <td className="mono">{p.topic}</td>
                  <td className="mono">{p.format}</td>
                  <td className="right">{say.number(p.bytes)}</td>
                  <td>{p.door}</td>
                </tr>
                {open === key && (
                  <tr>
                    <td colSpan={named ? 10 : 9}>
                      <pre tabIndex={0}>{p.preview}</pre>
                      <span className="small quiet">
                        {p.decoder} {key}
                      </span>
                    </td>
                  </tr>
                )}
              </Fragment>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
