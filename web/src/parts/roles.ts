import type { Say } from '../words'

/** The roles as people say them; they travel as a list or as words with blanks or commas between. */
export const roleText = (roles: string | string[] | null | undefined, say: Say): string =>
  (Array.isArray(roles) ? roles : (roles ?? '').split(/[\s,]+/))
    .filter(Boolean)
    .map((r) => say.maybe('people.role.' + r, r))
    .join(', ')
