import { Button, SegmentedControl } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { get, query } from '../../api/client'
import { again, useWaveMetrics } from '../../api/queries'
import type { WaveBlock } from '../../api/types'
import { live } from '../../live/store'
import { useMetricName } from '../../parts/metric-name'
import { Empty, Skeleton, Trouble } from '../../parts/states'
import { leadText, leads } from '../../sweep/leads'
import { moment } from '../../time/zone'
import { useSay } from '../../words'
import { Callipers } from './callipers'
import { LiveStrip } from './live-strip'
import { mm, Paper } from './paper'

const rank = (m: string) => {
  const at = (leads as readonly string[]).indexOf(m)
  return at >= 0 ? at : m.startsWith('ecg') ? 10 : 20
}

/** The waveforms of a patient: live, or frozen at a moment, to be scrolled back and measured. */
export function Strip({ patient, zone, at, freeze }: { patient: string; zone: string; at: number | null; freeze: (at: number | null) => void }) {
  const say = useSay()
  const metrics = useWaveMetrics(patient)
  const name = useMetricName()
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(900)
  const [chosen, setChosen] = useState('')
  const [callipers, setCallipers] = useState(true)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [metrics.isPending])
  if (metrics.isPending) return <Skeleton lines={3} height={80} />
  if (metrics.error) return <Trouble problem={metrics.error} retry={() => void metrics.refetch()} />
  const sorted = [...metrics.data].sort((a, b) => rank(a) - rank(b))
  if (sorted.length === 0) return <Empty title={say('strip.nothing')} />
  const metric = chosen || (sorted[0] as string)
  const ecg = metric.startsWith('ecg')
  const seconds = Math.max(2, (width - 60) / (25 * mm))
  const step = Math.max(2, Math.floor(seconds / 2))
  return (
    <div className="strip" ref={box}>
      <div className="row wrap strip-bar">
        {at === null ? (
          <>
            <strong>{say('strip.live')}</strong>
            <Button size="compact-sm" variant="default" onClick={() => freeze(Math.round(live.now()))}>
              {say('strip.freeze')}
            </Button>
          </>
        ) : (
          <>
            <strong>{say('strip.frozen', { time: moment(at, zone, say.language, live.now(), true) })}</strong>
            <Button size="compact-sm" variant="default" onClick={() => freeze(at - step * 1000)}>
              {say('strip.back', { count: step })}
            </Button>
            <Button size="compact-sm" variant="default" disabled={at + step * 1000 > live.now()} onClick={() => freeze(at + step * 1000)}>
              {say('strip.forward', { count: step })}
            </Button>
            <Button size="compact-sm" variant="default" aria-pressed={callipers} onClick={() => setCallipers(!callipers)}>
              {say('strip.callipers')}
            </Button>
            <Button size="compact-sm" onClick={() => freeze(null)}>
              {say('strip.thaw')}
            </Button>
          </>
        )}
        <span className="grow" />
        {at !== null && sorted.length > 1 && <SegmentedControl size="xs" value={metric} onChange={setChosen} data={sorted.map((m) => ({ value: m, label: m.startsWith('ecg') ? leadText(m) : name(m) }))} />}
        <span className="small quiet">
          {say('strip.scale')}, {say(at === null ? 'strip.filter.live' : 'strip.filter.none')}
        </span>
      </div>
      {at === null ? <LiveStrip patient={patient} metrics={sorted} /> : <Frozen patient={patient} metric={metric} ecg={ecg} at={at} seconds={seconds} width={width} zone={zone} callipers={callipers} />}
    </div>
  )
}

function Frozen({ patient, metric, ecg, at, seconds, width, zone, callipers }: { patient: string; metric: string; ecg: boolean; at: number; seconds: number; width: number; zone: string; callipers: boolean }) {
  const say = useSay()
  const name = useMetricName()
  const from = at - Math.ceil(seconds * 1000)
  const answer = useQuery({
    queryKey: ['waveforms', patient, metric, from, at],
    queryFn: () => get<{ blocks: WaveBlock[] | null }>(`/patients/${encodeURIComponent(patient)}/waveforms` + query({ metric, from: new Date(from).toISOString(), to: new Date(at).toISOString() })),
    placeholderData: (last) => last,
    staleTime: 5_000,
    // What was just measured may still be on its way into the store.
    refetchInterval: Date.now() - at < 15_000 ? 2_000 : false,
    retry: again,
  })
  if (answer.isPending) return <Skeleton lines={1} height={220} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const blocks = answer.data.blocks ?? []
  const hz = blocks[0] ? blocks[0].millihz / 1000 : 0
  return (
    <>
      <Paper blocks={blocks} ecg={ecg} from={from} width={width} zone={zone}>
        {callipers && <Callipers width={width} ecg={ecg} />}
      </Paper>
      <p className="small quiet">{blocks.length === 0 ? say('strip.none') : `${ecg ? leadText(metric) : name(metric)}, ${say('strip.rate', { count: say.number(hz) })}. ${say('strip.paper')}`}</p>
    </>
  )
}
