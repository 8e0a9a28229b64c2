import '../running.css'
import { useWards } from '../../api/queries'
import { useMay } from '../../api/running'
import { sheetAddress, useWatchdog, type Sheets, type Watchdog } from '../../api/watching'
import { live } from '../../live/store'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay, type Say } from '../../words'

const silence = 60_000 // as the server counts it before it raises its own alarm
const stuck = 20_000 // time passes for patients every 5 s
const pending = 120_000
const sheetEvery = 15 * 60_000

/** Who watches the machine from outside, what it is told, and which wards have no screen that could be heard. */
export function Watchers({ zone }: { zone: string }) {
  const say = useSay()
  const may = useMay()
  const answer = useWatchdog(may('watchdog.read'))
  if (!may('watchdog.read')) return null
  if (answer.isPending) return <Skeleton lines={5} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const w = answer.data
  const now = Date.parse(w.now)
  const wrong = problems(w, now, zone, say)
  return (
    <section>
      <h2>{say('watchers.title')}</h2>
      <p className="second lede">{say('watchers.note')}</p>
      {(w.sentinels ?? []).length === 0 ? (
        <p className="loud">
          <strong>{say('watchers.none')}</strong> {say('watchers.none.do')}
        </p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{say('watchers.name')}</th>
              <th scope="col">{say('watchers.seen')}</th>
              <th scope="col">{say('people.state')}</th>
            </tr>
          </thead>
          <tbody>
            {(w.sentinels ?? []).map((s) => {
              const seen = s.seen ? Date.parse(s.seen) : 0
              return (
                <tr key={s.id}>
                  <th scope="row" className="strong">
                    {s.name}
                  </th>
                  <td className="nowrap">{seen ? `${moment(seen, zone, say.language, now, true)} (${say('age.ago', { age: say.age(now - seen) })})` : say('age.never')}</td>
                  <td className={seen && now - seen < silence ? '' : 'technical strong'}>{say(!seen ? 'watchers.never' : now - seen < silence ? 'watchers.ok' : 'watchers.silent')}</td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
      <h3>{say('watchers.told')}</h3>
      {wrong.length === 0 ? (
        <p>{say('watchers.fine')}</p>
      ) : (
        <ul className="watchers-wrong">
          {wrong.map((text) => (
            <li key={text} className="technical strong">
              {text}
            </li>
          ))}
        </ul>
      )}
      <h3>{say('watchers.sound')}</h3>
      {(w.wards ?? []).length === 0 ? (
        <p className="second">{say('watchers.sound.none')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{say('watchers.ward')}</th>
              <th scope="col" className="right">
                {say('watchers.patients')}
              </th>
              <th scope="col" className="right">
                {say('watchers.screens')}
              </th>
              <th scope="col">{say('station.sound')}</th>
            </tr>
          </thead>
          <tbody>
            {(w.wards ?? []).map((one) => {
              const why = [...new Set(one.silent ?? [])].map((s) => say.maybe('sound.' + s, s)).join(', ')
              const none = one.sounding === 0
              return (
                <tr key={one.ward}>
                  <th scope="row" className="strong">
                    {one.name}
                  </th>
                  <td className="right">{one.patients}</td>
                  <td className="right">{one.open}</td>
                  <td className={none ? 'technical strong' : ''}>
                    {none ? (one.open === 0 ? say('watchers.no-screen') : say('watchers.no-sound', { why })) : say('watchers.heard', { count: one.sounding })}
                    {!none && one.open > one.sounding && <span className="technical">, {say('watchers.some', { count: one.open - one.sounding, why })}</span>}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </section>
  )
}

function problems(w: Watchdog, now: number, zone: string, say: Say): string[] {
  const at = (t: string) => moment(Date.parse(t), zone, say.language, now, true)
  const list: string[] = []
  if (w.ready) list.push(say('watchers.ready', { why: w.ready }))
  if (w.journal) list.push(say('watchers.journal', { why: w.journal }))
  if (w.ticked && now - Date.parse(w.ticked) > stuck) list.push(say('watchers.ticked', { time: at(w.ticked) }))
  if (w.pages.problem) list.push(say('watchers.paging', { why: w.pages.problem }))
  if (w.pages.unheardMs > pending) list.push(say('watchers.pages', { age: say.age(w.pages.unheardMs) }))
  else if (w.pages.openMs > pending) list.push(say('watchers.open', { age: say.age(w.pages.openMs) }))
  for (const d of w.pages.dead ?? []) list.push(say('watchers.dead', { kind: say.maybe('channel.kind.' + d.kind, d.kind), time: at(d.since), why: d.reason }))
  if (w.rules.errors > 0) list.push(say('watchers.rules', { count: w.rules.errors, first: w.rules.first }))
  if (!w.rules.sentinel) list.push(say('watchers.rule'))
  return list
}

/** "On disk, written 14:05 (3 min ago)", loud when that is too long ago. */
export function SheetState({ sheets, zone, now }: { sheets: Sheets; zone: string; now: number }) {
  const say = useSay()
  if (sheets.off) return <span className="second">{say('sheet.off')}</span>
  const at = sheets.written ? Date.parse(sheets.written) : 0
  const late = at > 0 && now - at > 2 * sheetEvery
  return (
    <>
      {at === 0 ? <span className="second">{say('sheet.never')}</span> : <span className={late ? 'technical strong' : 'second'}>{say(late ? 'sheet.late' : 'sheet.written', { time: moment(at, zone, say.language, now), age: say.age(now - at) })}</span>}
      {sheets.failing && <strong className="technical"> {say('sheet.failing')}</strong>}
    </>
  )
}

export function DowntimeSheets({ sheets, zone }: { sheets: Sheets | undefined; zone: string }) {
  const say = useSay()
  const may = useMay()
  const wards = useWards().data ?? []
  return (
    <section>
      <h2>{say('sheet.title')}</h2>
      <p className="second lede">{say('sheet.note')}</p>
      {sheets && (
        <p>
          <SheetState sheets={sheets} zone={zone} now={live.now()} />
        </p>
      )}
      <ul className="sheet-links">
        {(may('patient.observe') ? wards : []).map((w) => (
          <li key={w.id}>
            <a href={sheetAddress(w.id)} target="_blank" rel="noopener">
              {say('sheet.open.of', { name: w.name })}
            </a>
          </li>
        ))}
      </ul>
    </section>
  )
}
