import { Button } from '@mantine/core'
import { useState } from 'react'
import { useSay } from '../words'

/** A line to copy: a secret that is shown once, an address, a command. */
export function Copy({ label, text, block = false }: { label: string; text: string; block?: boolean }) {
  const say = useSay()
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => setCopied(false), 2000)
  }
  return (
    <div className="copy" data-block={block || undefined}>
      <div className="row">
        <span className="second small grow">{label}</span>
        <Button size="compact-xs" variant="default" onClick={() => void copy().catch(() => setCopied(false))} aria-label={`${say('action.copy')}: ${label}`}>
          {say(copied ? 'action.copied' : 'action.copy')}
        </Button>
      </div>
      <pre tabIndex={0}>{text}</pre>
    </div>
  )
}

/** Hands a text to the browser as a file. */
export function save(name: string, text: string, type = 'text/csv') {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 1000)
}
