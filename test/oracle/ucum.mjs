// Compares our UCUM conversions with @lhncbc/ucum-lhc of the U.S. National
// Library of Medicine. Ours are exact, theirs are float64: they agree when the
// relative difference is below 1e-9 (1e-8 for levels and pH).
//
//   npm ci --prefix test/oracle && node test/oracle/ucum.mjs
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const ucum = createRequire(import.meta.url)('@lhncbc/ucum-lhc').UcumLhcUtils.getInstance();
const lines = execFileSync('go', ['run', './test/oracle/ucum'], { cwd: path.join(here, '../..'), encoding: 'utf8' }).trim().split('\n');

// What the peer cannot do, so that there is nothing to compare: it refuses every
// conversion of an arbitrary unit, even to itself with a prefix; it takes a
// dioptre for a length and a baud for a time; it has pH but not its conversion;
// and its Réaumur scale has its zero 54.63 K off (80 degRe must be 100 Cel).
const beyondPeer = (from, to) => /i?U\]/i.test(from) && /i?U\]/i.test(to) && !/Wood|PRU/i.test(from + to) && /\[IU\]/i.test(from)
  || from === '[diop]' !== (to === '[diop]')
  || from === 'Bd' !== (to === 'Bd')
  || from === '[degRe]' !== (to === '[degRe]')
  || from === '[pH]' !== (to === '[pH]');

let wrong = 0, beyond = 0;
const metrics = new Set();
for (const line of lines) {
  const [metric, molar, charge, value, from, to, ours] = line.split('\t');
  if (metric !== '-') metrics.add(metric);
  if (beyondPeer(from, to)) {
    beyond++;
    continue;
  }
  const options = { suggest: false };
  const equivalents = u => /\b[mu]?eq\b/.test(u);
  if (molar !== '-') options.molecularWeight = Number(molar);
  if (charge !== '0' && equivalents(from) !== equivalents(to)) options.charge = Number(charge);
  const theirs = ucum.convertUnitTo(from, Number(value), to, options);
  if (ours === '-' && theirs.status !== 'succeeded') continue;
  const a = Number(ours), b = theirs.toVal;
  const level = /(^|d)(B|Np)(\[|$)/;
  const limit = level.test(from) || level.test(to) ? 1e-8 : 1e-9;
  // A difference of temperature scales cancels digits near zero.
  const close = Math.abs(a - b) <= limit * Math.max(Math.abs(a), Math.abs(b)) || Math.abs(a - b) < 1e-11 * Math.abs(Number(value));
  if (theirs.status !== 'succeeded' || ours === '-' || !close) {
    wrong++;
    console.log(`${metric}: ${value} ${from} in ${to}: ours ${ours}, theirs ${b} ${theirs.status} ${theirs.msg.join(' ')}`);
  }
}
console.log(`${lines.length} conversions, ${metrics.size} metrics, ${wrong} differ, ${beyond} beyond the peer`);
process.exit(wrong === 0 && lines.length > 500 ? 0 : 1);
