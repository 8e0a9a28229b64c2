// How many columns show n beds largest on a screen without scrolling. A tile looks best near this proportion.

const proportion = 1.9

export interface Fit {
  columns: number
  rows: number
  size: 'xl' | 'l' | 'm' | 's'
}

export function fit(n: number, width: number, height: number): Fit {
  let best = { columns: 1, rows: Math.max(1, n), measure: -1 }
  for (let columns = 1; columns <= Math.max(1, n); columns++) {
    const rows = Math.ceil(n / columns)
    const measure = Math.min(width / columns / proportion, height / rows)
    if (measure > best.measure + 0.5) best = { columns, rows, measure }
  }
  const tall = height / best.rows
  const wide = width / best.columns
  const size = tall >= 400 && wide >= 760 ? 'xl' : tall >= 205 && wide >= 390 ? 'l' : tall >= 145 && wide >= 270 ? 'm' : 's'
  return { columns: best.columns, rows: best.rows, size }
}
