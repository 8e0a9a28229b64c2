/** The text of one rule in its file, without its tests: those are in the signed file. The whole text where the rule is not to be found. */
export function ruleOnly(file: string, rule: string): string {
  const lines = file.split('\n')
  const begin = lines.findIndex((l) => l.trimEnd() === `rule ${rule}` || l.startsWith(`rule ${rule} `))
  if (begin < 0) return file
  const next = lines.findIndex((l, i) => i > begin && /^(\S|\s+test\s)/.test(l))
  return lines.slice(begin, next < 0 ? undefined : next).join('\n').trimEnd()
}
