import { SegmentedControl, TextInput } from '@mantine/core'
import { useState } from 'react'
import { inputInstants, inputText, offsetText } from '../time/zone'
import { useSay } from '../words'

/** A time on the ward's clock. A time that came twice is asked for again, one that never was is refused. */
export function WallTime({ label, value, zone, onChange }: { label: string; value: number; zone: string; onChange: (at: number | null) => void }) {
  const say = useSay()
  const [text, setText] = useState(() => inputText(value, zone).replace('T', ' '))
  const meant = inputInstants(text, zone)
  return (
    <div>
      <TextInput
        placeholder="2026-01-31 14:05"
        inputMode="numeric"
        autoComplete="off"
        label={label}
        value={text}
        onChange={(e) => {
          setText(e.currentTarget.value)
          onChange(inputInstants(e.currentTarget.value, zone)[0] ?? null)
        }}
        error={meant.length === 0 ? say(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d$/.test(text) ? 'do.at.never' : 'do.at.form') : undefined}
      />
      {meant.length > 1 && (
        <div className="twice">
          <p className="small">{say('do.at.twice')}</p>
          <SegmentedControl size="xs" value={String(value)} onChange={(v) => onChange(Number(v))} data={meant.map((at) => ({ value: String(at), label: `${text.slice(11)} ${offsetText(at, zone)}` }))} />
        </div>
      )}
    </div>
  )
}
