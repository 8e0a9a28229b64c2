import { Button, Checkbox, Textarea, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useMay } from '../../api/running'
import { setContact, useContact, type Contact } from '../../api/watching'
import type { Patient } from '../../api/types'
import { Ask } from '../../parts/ask'
import { fullName } from '../../parts/person'
import { Skeleton } from '../../parts/states'
import { useSay } from '../../words'

/** Whom to call for this patient, and whether they may be told. */
export function ContactOf({ patient }: { patient: Patient }) {
  const say = useSay()
  const may = useMay()
  const answer = useContact(patient.id)
  const [open, setOpen] = useState(false)
  const c = answer.data
  if (answer.error && !c) return null // not everybody who may see numbers may see this
  return (
    <div className="contact">
      <h3>{say('contact.title')}</h3>
      {!c ? (
        <Skeleton lines={2} />
      ) : c.name === '' ? (
        <p className="second">{say('contact.none')}</p>
      ) : (
        <p>
          <b>{c.name}</b> <span className="second">{c.relation}</span>
          <br />
          <span className="nowrap">{c.phone}</span> <span className="second">{c.email}</span>
          <br />
          <span className={c.detail ? 'small second' : 'small technical'}>{say(c.detail ? 'contact.detail.yes' : 'contact.detail.no')}</span>
        </p>
      )}
      {c && may('patient.write') && (
        <Button className="no-print" size="compact-sm" variant="default" onClick={() => setOpen(true)}>
          {say(c.name === '' ? 'contact.add' : 'contact.edit')}
        </Button>
      )}
      {open && c && <Edit patient={patient} contact={c} close={() => setOpen(false)} />}
    </div>
  )
}

function Edit({ patient, contact, close }: { patient: Patient; contact: Contact; close: () => void }) {
  const say = useSay()
  const [c, setC] = useState(contact)
  const set = (change: Partial<Contact>) => setC((old) => ({ ...old, ...change }))
  const phone = c.phone.trim() === '' || /^\+[\d ()/-]{6,}$/.test(c.phone.trim())
  const email = c.email.trim() === '' || /^\S+@\S+\.\S+$/.test(c.email.trim())
  const clean: Contact = { name: c.name.trim(), relation: c.relation.trim(), phone: c.phone.trim(), email: c.email.trim(), address: c.address.trim(), detail: c.detail }
  return (
    <Ask title={say('contact.of', { name: fullName(patient) })} act={say('action.save')} ready={clean.name !== '' && phone && email} close={close} run={() => setContact(patient.id, clean)}>
      <TextInput label={say('contact.name')} required value={c.name} onChange={(e) => set({ name: e.currentTarget.value })} autoComplete="off" data-autofocus />
      <TextInput label={say('contact.relation')} placeholder={say('contact.relation.form')} value={c.relation} onChange={(e) => set({ relation: e.currentTarget.value })} autoComplete="off" />
      <TextInput label={say('contact.phone')} description={say('contact.phone.form')} inputMode="tel" value={c.phone} onChange={(e) => set({ phone: e.currentTarget.value })} autoComplete="off" error={phone ? undefined : say('contact.wrong.phone')} />
      <TextInput label={say('contact.email')} inputMode="email" value={c.email} onChange={(e) => set({ email: e.currentTarget.value })} autoComplete="off" error={email ? undefined : say('contact.wrong.email')} />
      <Textarea label={say('contact.address')} autosize minRows={2} value={c.address} onChange={(e) => set({ address: e.currentTarget.value })} />
      <Checkbox label={say('contact.detail')} checked={c.detail} onChange={(e) => set({ detail: e.currentTarget.checked })} />
      {!c.detail && <p className="small second">{say('contact.detail.no')}</p>}
    </Ask>
  )
}
