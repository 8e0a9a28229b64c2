import { Checkbox, Radio, TagsInput, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { setCare, useCare } from '../../api/alarm-calls'
import type { Patient } from '../../api/types'
import { live } from '../../live/store'
import { Ask } from '../../parts/ask'
import { fullName } from '../../parts/person'
import { moment } from '../../time/zone'
import { useSay } from '../../words'

const known = ['copd', 'heart-failure', 'diabetes', 'postoperative-opioid', 'pregnant', 'palliative'] as const

/** How this patient is judged: the SpO2 scale, which a clinician chooses and nobody guesses, and conditions that rules know. */
export default function CareDialog({ patient, zone, close }: { patient: Patient; zone: string; close: () => void }) {
  const say = useSay()
  const care = useCare(patient.id)
  const [scale, setScale] = useState<string | null>(null)
  const [conditions, setConditions] = useState<string[] | null>(null)
  useEffect(() => {
    if (!care.data) return
    setScale((s) => s ?? String(care.data.spo2Scale))
    setConditions((c) => c ?? care.data.conditions ?? [])
  }, [care.data])
  const [why, setWhy] = useState('')
  const chosen = conditions ?? []
  const others = chosen.filter((c) => !(known as readonly string[]).includes(c))
  const toggle = (c: string) => setConditions(chosen.includes(c) ? chosen.filter((x) => x !== c) : [...chosen, c])
  return (
    <Ask size="lg" title={say('care.title', { name: fullName(patient) })} act={say('action.save')} ready={scale !== null && scale !== '0' && conditions !== null && (scale !== '2' || care.data?.spo2Scale === 2 || why.trim().length > 2)} close={close} run={() => setCare(patient.id, { spo2Scale: Number(scale), conditions: chosen, why: why.trim() })}>
      {care.data && care.data.at > 0 && <p className="second">{say('care.by', { name: care.data.name || care.data.by, time: moment(care.data.at, zone, say.language, live.now()) })} {care.data.why}</p>}
      {care.error && <p className="problem">{say('state.partial')}</p>}
      <Radio.Group label={say('care.scale')} value={scale === '0' ? null : scale} onChange={setScale} withAsterisk>
        <div className="stack care-scales">
          <Radio value="1" label={say('care.scale1')} description={say('care.scale1.note')} />
          <Radio value="2" label={say('care.scale2')} description={say('care.scale2.note')} />
        </div>
      </Radio.Group>
      {scale === '2' && care.data?.spo2Scale !== 2 && <TextInput label={say('care.why')} required value={why} onChange={(e) => setWhy(e.currentTarget.value)} />}
      {scale === '0' && <p className="small">{say('care.scale0.note')}</p>}
      <fieldset className="care-conditions">
        <legend>{say('care.conditions')}</legend>
        {known.map((c) => (
          <Checkbox key={c} label={say(`care.${c}`)} checked={chosen.includes(c)} onChange={() => toggle(c)} />
        ))}
      </fieldset>
      <TagsInput label={say('care.other')} value={others} onChange={(list) => setConditions([...chosen.filter((c) => (known as readonly string[]).includes(c)), ...list])} />
    </Ask>
  )
}
