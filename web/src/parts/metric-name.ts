import { useCallback } from 'react'
import { useMetricRows } from '../api/queries'
import { useSay } from '../words'

/** The name of a metric in the person's language; the table's own label where the catalogue has none. */
export function useMetricName(): (metric: string) => string {
  const say = useSay()
  const rows = useMetricRows().data
  return useCallback((metric: string) => say.maybe('metric.' + metric, rows?.find((r) => r.name === metric)?.label ?? metric), [say, rows])
}
