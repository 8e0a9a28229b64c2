import './ward.css'
import IconEye from '@tabler/icons-react/dist/esm/icons/IconEye.mjs'
import IconEyeOff from '@tabler/icons-react/dist/esm/icons/IconEyeOff.mjs'
import { Button, SegmentedControl, Select } from '@mantine/core'
import { useElementSize, useMediaQuery } from '@mantine/hooks'
import { useCallback, useEffect, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent } from 'react'
import { useLocation, useSearch } from 'wouter'
import { useAllowed, useMe, useWard, useWards } from '../../api/queries'
import type { Bed, Ward } from '../../api/types'
import type { Sheets } from '../../api/watching'
import { socket } from '../../live/socket'
import { alarms, useAlarms } from '../../live/alarms'
import { live, useLink } from '../../live/store'
import { useKiosk } from '../../parts/shell'
import { Skeleton, Trouble } from '../../parts/states'
import { usePreferences } from '../../preferences'
import { leads } from '../../sweep/leads'
import { useSay } from '../../words'
import { fit } from './fit'
import { NoBeds } from './none'
import { worstFirst } from './order'
import { SweepLayer, type Scale } from './sweep-layer'
import { Summary } from './summary'
import { Tile } from './tile'
import { WardWork } from './work'

export function WardPage({ id }: { id: string }) {
  const answer = useWard(id, 30_000)
  const say = useSay()
  useEffect(() => {
    document.title = `${answer.data?.ward.name ?? say('ward.title')} \u00b7 Vigil`
  }, [answer.data?.ward.name, say])
  if (answer.isPending) return <WardSkeleton />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const { ward, beds, sheet } = answer.data
  if ((beds ?? []).length === 0) return <NoBeds ward={ward} />
  return <Central key={ward.id} ward={ward} beds={beds ?? []} sheet={sheet} />
}

function Central({ ward, beds, sheet }: { ward: Ward; beds: Bed[]; sheet: Sheets | undefined }) {
  const say = useSay()
  const me = useMe().data
  const blind = !useAllowed('live.read')
  const wards = useWards().data ?? []
  const kiosk = useKiosk() || me?.class === 'kiosk'
  const link = useLink()
  const linked = link.state === 'open'
  const { preferences, change } = usePreferences()
  const [path, go] = useLocation()
  const search = useSearch()
  const view = new URLSearchParams(search).get('view') === 'worst' ? 'worst' : 'fixed'
  const small = useMediaQuery('(max-width: 700px)', false, { getInitialValueInEffect: false })
  const { ref: frame, width, height } = useElementSize<HTMLDivElement>()
  const grid = useRef<HTMLUListElement>(null)
  const [scale, setScale] = useState<Scale | null>(null)
  const [focus, setFocus] = useState('')
  const hidden = preferences.privacy === true

  const ids = beds.map((b) => b.id).join(' ')
  useEffect(() => {
    socket.show({ beds: ids.split(' '), waves: small ? [] : [...leads, 'pleth'] })
  }, [ids, small])

  const fixed = useMemo(() => [...beds].sort((a, b) => a.position - b.position), [beds])
  const list = useAlarms()
  const ordered = view === 'worst' ? worstFirst(fixed, live.watched, (b) => (list.known && b.patient ? alarms.ofPatient(b.patient.id) : (b.alarms ?? []))) : fixed
  const { columns, rows, size } = fit(ordered.length, width || 1, height || 1)
  const first = focus || (ordered[0]?.id ?? '')

  const keys = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: small ? 1 : columns, ArrowUp: small ? -1 : -columns, Home: -Infinity, End: Infinity }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = ordered.findIndex((b) => b.id === first)
    const to = step === Infinity ? ordered.length - 1 : step === -Infinity ? 0 : at + step
    const next = ordered[to]
    if (!next) return
    setFocus(next.id)
    grid.current?.querySelector<HTMLElement>(`[data-bed="${CSS.escape(next.id)}"]`)?.focus()
  }
  const onScale = useCallback((s: Scale) => setScale((old) => (old && old.speed === s.speed && old.gain === s.gain ? old : s)), [])
  const setView = (to: string) => {
    const params = new URLSearchParams(search)
    if (to === 'worst') params.set('view', 'worst')
    else params.delete('view')
    const text = params.toString()
    go(path + (text ? '?' + text : ''), { replace: true })
  }

  return (
    <div className="ward" data-blind={blind || undefined}>
      {blind && (
        <p className="ward-blind" role="status">
          {say('ward.blind')}
        </p>
      )}
      <div className="ward-bar">
        <h1 className={wards.length > 1 && !kiosk ? 'unseen' : ''}>{ward.name}</h1>
        {wards.length > 1 && !kiosk && <Select size="xs" aria-label={say('ward.choose')} allowDeselect={false} data={wards.map((w) => ({ value: w.id, label: w.name }))} value={ward.id} onChange={(w) => w && go(`/ward/${encodeURIComponent(w)}`)} />}
        {!blind && <Summary beds={beds} zone={ward.zone} />}
        {!kiosk && !small && <WardWork ward={ward} sheet={sheet} />}
        <span className="grow" />
        {scale && !small && <span className="quiet small">{say('ward.scale', { speed: say.digits(String(scale.speed)), gain: scale.gain })}</span>}
        {!kiosk && (
          <Button variant="subtle" color="gray" size="compact-sm" aria-pressed={hidden} leftSection={hidden ? <IconEyeOff size={16} stroke={1.6} /> : <IconEye size={16} stroke={1.6} />} onClick={() => change({ privacy: !hidden })}>
            {say(hidden ? 'ward.privacy.off' : 'ward.privacy.on')}
          </Button>
        )}
        {!kiosk && <SegmentedControl
          size="xs"
          aria-label={say('ward.view')}
          value={view}
          onChange={setView}
          data={[
            { value: 'fixed', label: say('ward.view.fixed') },
            { value: 'worst', label: say('ward.view.worst') },
          ]}
        />}
      </div>
      <div className="ward-frame" ref={frame}>
        {(width > 0 || small) && (
          <div className="ward-stage">
            {!small && <SweepLayer grid={grid} layout={`${ids} ${view} ${columns} ${rows} ${size} ${ordered.map((b) => b.id).join()}`} onScale={onScale} />}
            <ul ref={grid} className="ward-grid" data-size={small ? 'list' : size} data-link={linked ? 'open' : 'down'} style={{ '--columns': columns, '--rows': rows } as CSSProperties} onKeyDown={keys} aria-label={say('ward.keys')}>
              {ordered.map((bed) => (
                <li key={bed.id} onFocus={() => setFocus(bed.id)}>
                  <Tile bed={bed} zone={ward.zone} linked={linked} hidden={hidden} focus={bed.id === first} size={small ? 'list' : size} />
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </div>
  )
}

function WardSkeleton() {
  return (
    <div className="ward">
      <Skeleton lines={1} height={20} />
      <div className="ward-waiting" aria-hidden="true">
        {Array.from({ length: 16 }, (_, i) => (
          <i key={i} />
        ))}
      </div>
    </div>
  )
}
