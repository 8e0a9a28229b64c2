// The rows of the NEWS2 observation chart as the Royal College of Physicians draws it (London 2017, chart 3), with the points
// of each (chart 1). This is for drawing: the score itself comes from the server and is never added up here.

export interface Band {
  label: string
  points: 0 | 1 | 2 | 3
  /** Lowest charted value of the row; the row above begins where this one ends. */
  from: number
  /** Scale 2 reads 93 % and more differently on air and on oxygen. */
  breathing?: 'air' | 'oxygen'
}

export interface Parameter {
  name: 'resp-rate' | 'spo2' | 'systolic' | 'pulse' | 'temperature'
  metrics: string[]
  unit: string
  places: 0 | 1
  bands: Band[]
}

const rows = (...list: [string, Band['points'], number, Band['breathing']?][]): Band[] => list.map(([label, points, from, breathing]) => ({ label, points, from, ...(breathing ? { breathing } : {}) }))
const low = -Infinity

const respRate: Parameter = { name: 'resp-rate', metrics: ['resp-rate', 'airway-rate'], unit: '/min', places: 0, bands: rows(['\u226525', 3, 25], ['21\u201324', 2, 21], ['18\u201320', 0, 18], ['15\u201317', 0, 15], ['12\u201314', 0, 12], ['9\u201311', 1, 9], ['\u22648', 3, low]) }
const scale1 = rows(['\u226596', 0, 96], ['94\u201395', 1, 94], ['92\u201393', 2, 92], ['\u226491', 3, low])
const scale2 = rows(['\u226597', 3, 97, 'oxygen'], ['95\u201396', 2, 95, 'oxygen'], ['93\u201394', 1, 93, 'oxygen'], ['\u226593', 0, 93, 'air'], ['88\u201392', 0, 88], ['86\u201387', 1, 86], ['84\u201385', 2, 84], ['\u226483', 3, low])
const systolic: Parameter = {
  name: 'systolic',
  metrics: ['bp-systolic', 'abp-systolic'],
  unit: 'mm[Hg]',
  places: 0,
  bands: rows(['\u2265220', 3, 220], ['201\u2013219', 0, 201], ['181\u2013200', 0, 181], ['161\u2013180', 0, 161], ['141\u2013160', 0, 141], ['121\u2013140', 0, 121], ['111\u2013120', 0, 111], ['101\u2013110', 1, 101], ['91\u2013100', 2, 91], ['81\u201390', 3, 81], ['71\u201380', 3, 71], ['61\u201370', 3, 61], ['51\u201360', 3, 51], ['\u226450', 3, low]),
}
const pulse: Parameter = {
  name: 'pulse',
  metrics: ['pulse-rate', 'heart-rate'],
  unit: '/min',
  places: 0,
  bands: rows(['\u2265131', 3, 131], ['121\u2013130', 2, 121], ['111\u2013120', 2, 111], ['101\u2013110', 1, 101], ['91\u2013100', 1, 91], ['81\u201390', 0, 81], ['71\u201380', 0, 71], ['61\u201370', 0, 61], ['51\u201360', 0, 51], ['41\u201350', 1, 41], ['31\u201340', 3, 31], ['\u226430', 3, low]),
}
const temperature: Parameter = { name: 'temperature', metrics: ['temperature', 'temperature-core'], unit: 'Cel', places: 1, bands: rows(['\u226539.1', 2, 39.1], ['38.1\u201339.0', 1, 38.1], ['37.1\u201338.0', 0, 37.1], ['36.1\u201337.0', 0, 36.1], ['35.1\u201336.0', 1, 35.1], ['\u226435.0', 3, low]) }

/** Scale 0 means that nobody has chosen: the rows of scale 1 are drawn, and no point is given. */
export const parameters = (scale: number): Parameter[] => [respRate, { name: 'spo2', metrics: ['spo2'], unit: '%', places: 0, bands: scale === 2 ? scale2 : scale1 }, systolic, pulse, temperature]

/** A value in the steps of the chart: whole numbers or tenths, halves up. */
export const charted = (value: number, places: 0 | 1): number => {
  const step = 10 ** places
  return Math.floor(Number((value * step).toFixed(6)) + 0.5) / step
}

/** The row that a value stands in; -1 where that cannot be said: at 93 % and more on scale 2 with air or oxygen unknown. */
export function rowOf(p: Parameter, value: number, breathing: 'air' | 'oxygen' | null): number {
  const v = charted(value, p.places)
  const parting = Math.min(...p.bands.filter((b) => b.breathing).map((b) => b.from)) // Infinity where no row asks
  return p.bands.findIndex((b) => v >= b.from && (v >= parting ? b.breathing === breathing && breathing !== null : !b.breathing))
}
