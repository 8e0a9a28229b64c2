import type { Query, QueryKey } from '@tanstack/react-query'
import { Refusal } from './client'

/** What somebody may no longer see leaves every page with the answer that says so: an old answer would show it still. */
export function forgetWhatIsClosed(problem: Error, query: Query<unknown, unknown, unknown, QueryKey>) {
  if (!(problem instanceof Refusal) || !['denied', 'not-found', 'gone'].includes(problem.kind)) return
  if (query.state.data !== undefined) query.setState({ ...query.state, data: undefined, dataUpdatedAt: 0 })
}
