import { Button } from '@mantine/core'
import { base, query } from '../../api/client'
import { useSeries } from '../../api/queries'
import { useMetricName } from '../../parts/metric-name'
import { Skeleton, Trouble } from '../../parts/states'
import { hour, moment } from '../../time/zone'
import { unitText, useUnits } from '../../units/units'
import { useSay } from '../../words'
import { trendMetrics } from './panels'
import type { Range } from './range'

/** The same numbers as the curves, as a table: the accessible form, and what one copies from. */
export function Table({ patient, zone, range }: { patient: string; zone: string; range: Range }) {
  const say = useSay()
  const units = useUnits()
  const name = useMetricName()
  const rows = range.hours <= 1 ? 60 : range.hours <= 4 ? 48 : range.hours <= 24 ? 96 : 72
  const answer = useSeries(patient, trendMetrics, range.from, range.to, rows)
  if (answer.isPending) return <Skeleton lines={10} />
  if (answer.error && !answer.data) return <Trouble problem={answer.error} retry={() => void answer.refetch()} />
  const series = (answer.data.series ?? []).filter((s) => s.points?.some(Boolean))
  const step = (range.hours * hour) / rows
  const slot = (t: number) => Math.floor((t - range.from) / step)
  const table = new Map<number, Map<string, { text: string; title: string }>>()
  for (const s of series) {
    for (const p of s.points) {
      if (!p) continue
      const row = table.get(slot(p[0])) ?? new Map()
      table.set(slot(p[0]), row)
      const show = (x: number) => say.digits(units.show(s.metric, Number(x.toFixed(s.metric === 'temperature' ? 1 : 0)), s.unit).text)
      row.set(s.metric, { text: show(p[1]), title: p[5] > 1 ? say('patient.table.least', { low: show(p[2]), high: show(p[3]) }) : '' })
    }
  }
  const link = `${base}/patients/${encodeURIComponent(patient)}/series.csv` + query({ metrics: trendMetrics.join(','), from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() })
  const words = { from: moment(range.from, zone, say.language, Date.now()), to: moment(range.to, zone, say.language, Date.now()) }
  return (
    <div className="values">
      <div className="row wrap no-print">
        <Button component="a" href={link} download variant="default" size="compact-sm">
          {say('action.download')}
        </Button>
        <Button variant="default" size="compact-sm" onClick={() => window.print()}>
          {say('action.print')}
        </Button>
      </div>
      {table.size === 0 ? (
        <p className="second">{say('patient.trend.empty', words)}</p>
      ) : (
        <div className="scroll" tabIndex={0} role="region" aria-label={say('patient.tab.table')}>
          <table>
            <caption className="small quiet">{say('patient.table.caption', { ...words, step: say.age(step) })}</caption>
            <thead>
              <tr>
                <th scope="col">{say('patient.table.time')}</th>
                {series.map((s) => (
                  <th scope="col" key={s.metric} className="right">
                    {name(s.metric)} <span className="quiet">{unitText(units.of(s.metric, s.unit))}</span>
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {[...table.keys()]
                .sort((a, b) => b - a)
                .map((k) => (
                  <tr key={k}>
                    <th scope="row">{moment(range.from + k * step, zone, say.language, Date.now())}</th>
                    {series.map((s) => (
                      <td key={s.metric} className="right" title={table.get(k)?.get(s.metric)?.title}>
                        {table.get(k)?.get(s.metric)?.text ?? <span className="quiet">--</span>}
                      </td>
                    ))}
                  </tr>
                ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  )
}
