import './alarms.css'
import { Drawer } from '@mantine/core'
import { Link } from 'wouter'
import { useAlarmStory, useRules } from '../../api/alarm-calls'
import type { Alarm, AlarmStory, RuleRow } from '../../api/alarm'
import { useMe } from '../../api/queries'
import { useMay } from '../../api/running'
import { useAlarm } from '../../live/alarms'
import { mark, tone } from '../../live/order'
import { useLink, useNow } from '../../live/store'
import { AlarmText, SoundState } from '../../parts/alarm-sign'
import { conditionText, ownerText, priorityText } from '../../parts/alarm-words'
import { usePlaces } from '../../parts/directory'
import { useMetricName } from '../../parts/metric-name'
import { fullName } from '../../parts/person'
import { Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { countdown } from '../../time/countdown'
import { moment } from '../../time/zone'
import { useUnits } from '../../units/units'
import { useSay } from '../../words'
import { Acts } from './acts'
import { Deeds, Deliveries } from './deeds'
import { HelpStates } from './help'

/** One alarm, beside the beds and not over them: what, since when, on what grounds, who did what and who was told, and everything that one can do. */
export default function AlarmDrawer({ id, zone, close }: { id: string; zone: string; close: () => void }) {
  const say = useSay()
  const story = useAlarmStory(id)
  const live = useAlarm(id)
  const fetched = story.data?.alarm
  const alarm = live && fetched && fetched.changed > live.changed ? fetched : (live ?? fetched)
  return (
    <Drawer opened onClose={close} position="right" size={620} withOverlay={false} lockScroll={false} classNames={{ content: 'alarm-drawer' }} title={say('alarm.one')} closeButtonProps={{ 'aria-label': say('action.close') }}>
      {alarm ? <One alarm={alarm} story={story.data} zone={zone} /> : story.error ? <Trouble problem={story.error} retry={() => void story.refetch()} /> : <Skeleton lines={8} />}
      {alarm && story.error && !story.data && <p className="problem">{say('state.partial')}</p>}
    </Drawer>
  )
}

function One({ alarm, story, zone }: { alarm: Alarm; story: AlarmStory | undefined; zone: string }) {
  const say = useSay()
  const me = useMe().data
  const may = useMay()
  const now = useNow()
  const linked = useLink().state === 'open'
  const { preferences } = usePreferences()
  const place = usePlaces().of(alarm)
  const name = place?.patient ? fullName(place.patient, preferences.privacy) : ''
  const mayAct = (me?.actions?.includes('alarm.act') ?? true) && !alarm.closed
  const odd = conditionText(alarm, zone, now, say)
  const at = (t: number) => moment(t, zone, say.language, now, true)
  return (
    <div className="alarm-one" data-tone={tone(alarm)}>
      <AlarmText alarm={alarm} still={!linked || Boolean(alarm.closed)} />
      <h2>{alarm.title}</h2>
      <p className="alarm-where">
        {alarm.patient === 'site' ? (
          <b>{say('alarm.site')}</b>
        ) : (
          <>
            <b>{say('alarm.bed', { label: place?.bed.label ?? alarm.bed })}</b>{' '}
            <Link href={`/patient/${encodeURIComponent(alarm.patient)}`}>{name || say('alarm.patient')}</Link>
          </>
        )}
      </p>
      <dl className="alarm-facts">
        <dt>{say('alarm.fact.since')}</dt>
        <dd>
          {at(alarm.since)} <span className="second">({say('age.ago', { age: say.age(now - alarm.since) })})</span>
        </dd>
        {alarm.closed ? (
          <>
            <dt>{say('alarm.fact.closed')}</dt>
            <dd>
              {at(alarm.closed)}: {say.maybe('alarm.why.' + alarm.why, alarm.why ?? '')}
            </dd>
          </>
        ) : (
          odd && (
            <>
              <dt>{say('alarm.fact.now')}</dt>
              <dd>
                <strong>{odd}</strong>
              </dd>
            </>
          )
        )}
        <dt>{say('alarm.fact.priority')}</dt>
        <dd>
          {priorityText(alarm, say)} {mark(alarm)}
          {alarm.peak !== alarm.priority && <span className="second"> ({say('alarm.peak', { priority: say(`alarm.${alarm.peak}`) })})</span>}
          {alarm.times > 1 && <span className="second">, {say('alarm.times', { count: alarm.times })}</span>}
        </dd>
        {!alarm.closed && (
          <>
            <dt>{say('alarm.fact.sound')}</dt>
            <dd>
              <SoundState alarm={alarm} zone={zone} now={now} long />
            </dd>
          </>
        )}
        <dt>{say('alarm.fact.owner')}</dt>
        <dd>
          {ownerText(alarm, say)}
          {!alarm.closed && (alarm.due ?? 0) > now && (
            <span className="second">
              {', '}
              {say('alarm.next', { time: countdown((alarm.due ?? 0) - now) })}
            </span>
          )}
          {alarm.level > 0 && <span className="second">, {say('alarm.level', { count: alarm.level })}</span>}
        </dd>
      </dl>
      {mayAct && <Acts key={alarm.id} alarm={alarm} zone={zone} who={name} bed={place?.bed.label ?? alarm.bed} ward={place?.ward.id ?? alarm.ward} wardName={place?.ward.name ?? ''} linked={linked} />}
      {story && <HelpStates list={story.deliveries ?? []} zone={zone} now={now} />}
      {!linked && <p className="problem">{say('alarm.act.offline')}</p>}
      <Grounds alarm={alarm} zone={zone} now={now} />
      <RuleOf alarm={alarm} />
      {may('trace.read') && (
        <p>
          <Link href={`/alarms/${encodeURIComponent(alarm.id)}/trace`}>{say('trace.open')}</Link>
        </p>
      )}
      {story && <Deeds deeds={story.deeds ?? []} zone={zone} now={now} />}
      {story && <Deliveries list={story.deliveries ?? []} zone={zone} now={now} />}
    </div>
  )
}

/** What it was judged on: values with their units, when they were measured, when they arrived, and from where. */
function Grounds({ alarm, zone, now }: { alarm: Alarm; zone: string; now: number }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const list = [...(alarm.evidence ?? [])].reverse()
  return (
    <section>
      <h3>{say('alarm.grounds')}</h3>
      {list.length === 0 ? (
        <p className="second">{say('alarm.grounds.none')}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('alarm.grounds')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say('alarm.grounds.what')}</th>
                <th scope="col" className="right">
                  {say('alarm.grounds.value')}
                </th>
                <th scope="col">{say('alarm.grounds.at')}</th>
                <th scope="col">{say('alarm.grounds.received')}</th>
                <th scope="col">{say('alarm.grounds.device')}</th>
              </tr>
            </thead>
            <tbody>
              {list.map((e, i) => {
                const shown = units.show(e.metric, e.value, e.unit ?? '')
                return (
                  <tr key={i}>
                    <th scope="row">{name(e.metric)}</th>
                    <td className="right nowrap">
                      <b>{say.digits(shown.text)}</b> {shown.unit}
                    </td>
                    <td className="nowrap">{moment(e.at, zone, say.language, now, true)}</td>
                    <td className="nowrap">{say('alarm.grounds.after', { time: `${say.number(Math.max(0, e.received - e.at) / 1000, 1)} s` })}</td>
                    <td>{e.device ? <Link href={`/devices/${encodeURIComponent(e.device)}`}>{e.device}</Link> : say('alarm.grounds.hand')}</td>
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

function RuleOf({ alarm }: { alarm: Alarm }) {
  const say = useSay()
  const rules = useRules().data
  const rule: RuleRow | undefined = rules?.rules?.find((r) => r.name === alarm.rule)
  return (
    <section>
      <h3>{say('alarm.rule')}</h3>
      <p>
        {rule?.title ?? alarm.title} <code>{alarm.rule}</code>
        {alarm.part && (
          <>
            {' '}
            <code>{alarm.part}</code>
          </>
        )}
      </p>
      {rule && (
        <>
          <pre className="alarm-rule" tabIndex={0}>
            {[rule.applies && `applies ${rule.applies}`, rule.when && `when ${rule.when}`].filter(Boolean).join('\n')}
          </pre>
          {(rule.sources ?? []).map((s) => (
            <p key={s} className="small second">
              {s}
            </p>
          ))}
        </>
      )}
      <p className="small second">
        {say('alarm.rule.version', { version: alarm.version })}
        {rule && rule.version !== alarm.version && ` ${say('alarm.rule.other', { version: rule.version })}`}
        {rules && !rule && ` ${say('alarm.rule.gone')}`}
        {alarm.always && ` ${say('alarm.rule.always')}`}
        {alarm.latching && ` ${say('alarm.rule.latching')}`}
      </p>
    </section>
  )
}
