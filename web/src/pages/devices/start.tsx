import './devices.css'
import { Button, Select, Tabs, TextInput } from '@mantine/core'
import { useState } from 'react'
import { Link, useSearch } from 'wouter'
import { useDevices } from '../../api/queries'
import { Copy } from '../../parts/once'
import { refusalText } from '../../parts/states'
import { useSay } from '../../words'
import { enrol, EnrolFields, Secret, type Enrolled } from './enrol'
import { curl, mosquitto, sketch } from './snippets'

/** From nothing to a number on the ward, with every address and password filled in. */
export default function StartPage() {
  const say = useSay()
  const devices = useDevices('').data ?? []
  const asked = new URLSearchParams(useSearch()).get('device')
  const [value, setValue] = useState<Record<string, string>>({ id: 'my-first-monitor' })
  const [made, setMade] = useState<Enrolled | null>(null)
  const [have, setHave] = useState<string | null>(asked)
  const [mqtt, setMqtt] = useState(`${location.hostname}:1883`)
  const [problem, setProblem] = useState('')
  const id = made?.device.id ?? have ?? value.id ?? 'my-first-monitor'
  const place = { origin: location.origin, host: mqtt.replace(/:\d*$/, ''), port: /:(\d+)$/.exec(mqtt)?.[1] ?? '1883', id, password: made?.credential.password ?? `<${say('start.password.place')}>` }
  const act = () => {
    setProblem('')
    enrol(value).then(setMade, (e: unknown) => setProblem(refusalText(e, say)))
  }
  return (
    <div className="page start">
      <h1>{say('start.title')}</h1>
      <section className="stack">
        <h2>{say('start.one')}</h2>
        <p className="second">{say('start.one.do')}</p>
        {made ? (
          <Secret credential={made.credential} />
        ) : (
          <>
            {!have && <EnrolFields short value={value} onChange={setValue} />}
            {problem && (
              <p className="problem" role="alert">
                {problem}
              </p>
            )}
            {!have && (
              <div>
                <Button onClick={act} disabled={!value.id}>
                  {say('enrol.act')}
                </Button>
              </div>
            )}
            {devices.length > 0 && <Select label={say('start.have')} searchable clearable data={devices.map((d) => ({ value: d.id, label: d.label || d.id }))} value={have} onChange={setHave} />}
          </>
        )}
      </section>
      <section className="stack">
        <h2>{say('start.two')}</h2>
        <p className="second">{say('start.two.do')}</p>
        <TextInput label={say('start.host')} value={mqtt} onChange={(e) => setMqtt(e.currentTarget.value.trim())} maw={320} />
        <Tabs defaultValue="curl">
          <Tabs.List>
            <Tabs.Tab value="curl">{say('start.curl')}</Tabs.Tab>
            <Tabs.Tab value="mqtt">{say('start.mqtt')}</Tabs.Tab>
            <Tabs.Tab value="esp">{say('start.esp')}</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="curl" pt="sm">
            <Copy block label={say('start.curl')} text={curl(place)} />
          </Tabs.Panel>
          <Tabs.Panel value="mqtt" pt="sm">
            <Copy block label={say('start.mqtt')} text={mosquitto(place)} />
          </Tabs.Panel>
          <Tabs.Panel value="esp" pt="sm">
            <Copy block label={say('start.esp')} text={sketch(place)} />
          </Tabs.Panel>
        </Tabs>
        <p>
          <Link href={`/devices/${encodeURIComponent(id)}`}>{say('start.see')}</Link>
        </p>
      </section>
      <section className="stack">
        <h2>{say('start.three')}</h2>
        <p className="second">{say('start.three.do')}</p>
        <p>
          <Link href={`/devices/${encodeURIComponent(id)}`}>{say('device.bind')}</Link>
        </p>
      </section>
    </div>
  )
}
