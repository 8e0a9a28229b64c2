import { Button, Checkbox, Modal, SegmentedControl } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { Link } from 'wouter'
import { remove } from '../api/client'
import { useMe } from '../api/queries'
import { usePreferences } from '../preferences'
import { unitText } from '../units/units'
import { known, languages, useSay, type Key } from '../words'
import { setKeys, useKeysOn } from './keys'

// Every metric that shares a quantity follows one choice.
const quantities: { name: Extract<Key, `preferences.${string}`>; units: string[]; metrics: string[] }[] = [
  { name: 'preferences.temperature', units: ['Cel', '[degF]'], metrics: ['temperature', 'temperature-core', 'temperature-skin'] },
  { name: 'preferences.pressure', units: ['mm[Hg]', 'kPa'], metrics: ['bp-systolic', 'bp-diastolic', 'bp-mean', 'abp-systolic', 'abp-diastolic', 'abp-mean'] },
  { name: 'preferences.glucose', units: ['mg/dL', 'mmol/L'], metrics: ['glucose', 'glucose-sensor'] },
  { name: 'preferences.weight', units: ['kg', '[lb_av]'], metrics: ['weight'] },
]

export default function PreferencesDialog({ close }: { close: () => void }) {
  const say = useSay()
  const me = useMe().data
  const client = useQueryClient()
  const { preferences, change } = usePreferences()
  const keys = useKeysOn()
  const units = preferences.units ?? {}
  const choose = (metrics: string[], unit: string, own: string) => {
    const next = { ...units }
    for (const m of metrics) {
      if (unit === own) delete next[m]
      else next[m] = unit
    }
    change({ units: next })
  }
  const leave = () => void remove('/session').finally(() => (client.clear(), location.assign('/')))
  return (
    <Modal opened onClose={close} title={say('preferences.title')} closeButtonProps={{ 'aria-label': say('action.close') }}>
      <div className="stack">
        <Line label={say('preferences.language')}>
          <SegmentedControl aria-label={say('preferences.language')} value={known(preferences.language) ?? say.language} onChange={(language) => change({ language })} data={Object.entries(languages).map(([value, label]) => ({ value, label }))} />
        </Line>
        <Line label={say('preferences.theme')}>
          <SegmentedControl aria-label={say('preferences.theme')} value={preferences.theme === 'light' ? 'light' : 'dark'} onChange={(theme) => change({ theme })} data={[{ value: 'dark', label: say('preferences.dark') }, { value: 'light', label: say('preferences.light') }]} />
        </Line>
        {quantities.map((q) => (
          <Line key={q.name} label={say(q.name as 'preferences.glucose')}>
            <SegmentedControl aria-label={say(q.name as 'preferences.glucose')} value={units[q.metrics[0] as string] ?? (q.units[0] as string)} onChange={(u) => choose(q.metrics, u, q.units[0] as string)} data={q.units.map((u) => ({ value: u, label: unitText(u) }))} />
          </Line>
        ))}
        <p className="small quiet">{say('preferences.units.note')}</p>
        <Checkbox label={say('preferences.privacy')} checked={preferences.privacy === true} onChange={(e) => change({ privacy: e.currentTarget.checked })} />
        <Checkbox label={say('alarm.keys')} description={say('alarm.keys.note')} checked={keys} onChange={(e) => setKeys(e.currentTarget.checked)} />
        {me?.class === 'user' && !me.demo && (
          <Link href="/me" onClick={close}>
            {say('me.open')}
          </Link>
        )}
        <div className="row ask-end">
          {!me?.demo && (
            <Button variant="default" onClick={leave}>
              {say('nav.signOut')}
            </Button>
          )}
          <Button onClick={close}>{say('action.done')}</Button>
        </div>
      </div>
    </Modal>
  )
}

function Line({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div className="row line">
      <span className="grow">{label}</span>
      {children}
    </div>
  )
}
