import './access.css'
import { Button, Modal, SegmentedControl, Textarea, TextInput } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState, type FormEvent } from 'react'
import { useLocation } from 'wouter'
import { breakGlass, findBehindGlass, mendGlass, useOwnGlass, type Found } from '../../api/access'
import { useMay } from '../../api/running'
import { useNow } from '../../live/store'
import { refusalText } from '../../parts/states'
import { countdown } from '../../time/countdown'
import { clock } from '../../time/zone'
import { useSay } from '../../words'
import { at } from './until'

/** One's own emergency access to this patient: loud, with the time that is left, and a way to end it. */
export function GlassBanner({ patient, zone }: { patient: string; zone: string }) {
  const say = useSay()
  const may = useMay()
  const now = useNow()
  const client = useQueryClient()
  const own = useOwnGlass(patient, may('glass.open')).data?.[0]
  const [problem, setProblem] = useState('')
  const until = own ? at(own.until) : 0
  const over = until > 0 && until <= now
  // When it runs out, what the page shows must not stay.
  useEffect(() => {
    if (over) void client.invalidateQueries()
  }, [over, client])
  if (!own || at(own.ended)) return null
  if (over) {
    return (
      <div className="glass-banner" role="alert">
        <strong>{say('glass.over')}</strong>
      </div>
    )
  }
  const end = () => {
    setProblem('')
    mendGlass(patient)
      .then(() => client.invalidateQueries())
      .catch((e: unknown) => setProblem(refusalText(e, say)))
  }
  return (
    <div className="glass-banner" role="region" aria-label={say('glass.title')}>
      <strong>{say('glass.opened')}</strong>
      <span className="glass-left" role="timer">
        {say('glass.left', { time: countdown(until - now) })}
      </span>
      <span>{say('relation.to', { time: clock(until, zone) })}</span>
      <span className="grow">{say('glass.banner', { reason: own.reason })}</span>
      <Button variant="default" onClick={end}>
        {say('glass.end')}
      </Button>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  )
}

/** Offered where somebody meets a patient whom they may not see and whose role allows it in an emergency. */
export function GlassOffer({ here = false }: { here?: boolean }) {
  const say = useSay()
  const may = useMay()
  const [open, setOpen] = useState(false)
  if (!may('glass.open')) return null
  return (
    <div className={here ? 'glass-ask' : undefined}>
      {here && <p>{say('glass.ask.here')}</p>}
      <div className={here ? 'state-action' : undefined}>
        <Button variant="default" onClick={() => setOpen(true)}>
          {say('glass.ask')}
        </Button>
      </div>
      {open && <GlassDialog close={() => setOpen(false)} />}
    </div>
  )
}

const minutes = ['15', '30', '60', '120', '240']

function GlassDialog({ close }: { close: () => void }) {
  const say = useSay()
  const client = useQueryClient()
  const [, go] = useLocation()
  const [family, setFamily] = useState('')
  const [number, setNumber] = useState('')
  const [birth, setBirth] = useState('')
  const [found, setFound] = useState<Found[] | null>(null)
  const [chosen, setChosen] = useState('')
  const [reason, setReason] = useState('')
  const [span, setSpan] = useState('60')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const run = async (work: () => Promise<void>) => {
    setBusy(true)
    setProblem('')
    try {
      await work()
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  const date = /^\d{4}-\d\d-\d\d$/.test(birth.trim())
  const find = (event: FormEvent) => {
    event.preventDefault()
    void run(async () => {
      const list = await findBehindGlass({ ...(family.trim() ? { family: family.trim() } : {}), ...(number.trim() ? { number: number.trim() } : {}), birth: birth.trim() })
      setFound(list)
      setChosen(list.length === 1 ? (list[0]?.id ?? '') : '')
    })
  }
  const name = (f: Found | undefined) => (f ? [f.family, f.given].filter(Boolean).join(', ') : '')
  const one = found?.find((f) => f.id === chosen)
  const open = (event: FormEvent) => {
    event.preventDefault()
    void run(async () => {
      await breakGlass(chosen, reason.trim(), Number(span))
      await client.invalidateQueries()
      close()
      go(`/patient/${encodeURIComponent(chosen)}`)
    })
  }
  return (
    <Modal opened onClose={close} title={say('glass.title')} size="lg" closeButtonProps={{ 'aria-label': say('action.close') }}>
      <div className="stack">
        <p>
          <strong>{say('glass.note')}</strong>
        </p>
        <form className="stack" onSubmit={find}>
          <p className="second">{say('glass.or')}</p>
          <TextInput label={say('glass.family')} value={family} onChange={(e) => (setFamily(e.currentTarget.value), setFound(null))} autoComplete="off" data-autofocus />
          <TextInput label={say('glass.number')} value={number} onChange={(e) => (setNumber(e.currentTarget.value), setFound(null))} autoComplete="off" />
          <TextInput label={say('glass.birth')} required placeholder="1960-05-04" inputMode="numeric" value={birth} onChange={(e) => (setBirth(e.currentTarget.value), setFound(null))} autoComplete="off" error={birth && !date && birth.trim().length >= 10 ? say('glass.birth.form') : undefined} />
          <div>
            <Button type="submit" variant={one ? 'default' : 'filled'} loading={busy && !one} disabled={!date || (family.trim() === '' && number.trim() === '')}>
              {say('glass.find')}
            </Button>
          </div>
        </form>
        {found?.length === 0 && <p role="status">{say('glass.found.none')}</p>}
        {found && found.length > 0 && (
          <form className="stack" onSubmit={open}>
            <div role="radiogroup" aria-label={say('glass.patient')} className="stack">
              {found.map((f) => (
                <Button key={f.id} role="radio" aria-checked={chosen === f.id} variant={chosen === f.id ? 'filled' : 'default'} onClick={() => setChosen(f.id)}>
                  {name(f)}, {f.birth}
                </Button>
              ))}
            </div>
            <Textarea label={say('glass.reason')} description={say('glass.reason.form')} required autosize minRows={2} maxLength={300} value={reason} onChange={(e) => setReason(e.currentTarget.value)} />
            <div>
              <span className="field-label">{say('glass.for')}</span>
              <SegmentedControl aria-label={say('glass.for')} value={span} onChange={setSpan} data={minutes.map((m) => ({ value: m, label: say.age(Number(m) * 60_000) }))} />
            </div>
            <div>
              <Button type="submit" color="danger" loading={busy} disabled={!one || reason.trim().length < 10}>
                {say('glass.break', { name: name(one) })}
              </Button>
            </div>
          </form>
        )}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </Modal>
  )
}
