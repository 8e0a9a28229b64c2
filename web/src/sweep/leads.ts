/** ECG leads in the order in which a ward wants to see them, when a device sends several. */
export const leads = ['ecg-ii', 'ecg-mlii', 'ecg', 'ecg-i', 'ecg-v5', 'ecg-v1'] as const

const rank = (metric: string) => {
  const at = (leads as readonly string[]).indexOf(metric)
  return at < 0 ? leads.length : at
}

export const bestLead = (a: string, b: string) => (rank(b) < rank(a) ? b : a)

/** "ecg-mlii" is printed as "MLII". */
export const leadText = (metric: string) => {
  const lead = metric.replace(/^ecg-?/, '').toUpperCase()
  return lead === '' && metric ? 'ECG' : lead.replace(/^AV/, 'aV')
}
