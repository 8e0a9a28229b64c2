export default function PreferencesDialog({ close: _ }: { close: () => void }) {
  return null
}
