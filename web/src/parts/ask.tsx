import { Button, Modal } from '@mantine/core'
import { useQueryClient } from '@tanstack/react-query'
import { notifications } from '@mantine/notifications'
import { useState, type FormEvent, type ReactNode } from 'react'
import { useSay } from '../words'
import { refusalText } from './states'

/** What `run` gives back when the dialog has more to show: a secret that is seen once. */
export const stay = Symbol('stay')

/** A dialog that does one thing. It stays open, with the reason, when the server refuses. */
export function Ask({ title, note, act, ready = true, run, close, danger = false, children, size = 'md' }: { title: string; note?: string; act: string; ready?: boolean; run: () => Promise<unknown>; close: () => void; danger?: boolean; children?: ReactNode; size?: string }) {
  const say = useSay()
  const client = useQueryClient()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setProblem('')
    try {
      const result = await run()
      void client.invalidateQueries()
      if (result === stay) return
      notifications.show({ message: `${title}: ${say('do.done')}` })
      close()
    } catch (e) {
      setProblem(refusalText(e, say))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Modal opened onClose={close} title={title} size={size} closeButtonProps={{ 'aria-label': say('action.close') }}>
      <form className="stack" onSubmit={(e) => void submit(e)}>
        {note && <p className="second">{note}</p>}
        {children}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
        <div className="row ask-end">
          <Button variant="default" onClick={close}>
            {say('action.cancel')}
          </Button>
          <Button type="submit" loading={busy} disabled={!ready} {...(danger ? { color: 'danger' } : {})}>
            {act}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
