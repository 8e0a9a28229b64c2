// Who may see whom: its paths, and what its screens show that takes more than one person, or days, to come about.
import assert from 'node:assert/strict'
import { violations } from './browser.mjs'
import { member } from './member.mjs'
const ago = (minutes) => Date.now() - minutes * 60_000

export function accessStates(patient) {
  const glass = (id, more) => ({ id, patient, patientName: '', user: 'u-x', name: 'Dr Tom Reuter', role: 'clinician', reason: 'called to the cardiac arrest in bed 12', from: ago(50), until: ago(-10), ended: 0, state: 'open', reviewed: 0, reviewedBy: '', reviewedByName: '', verdict: '', note: '', looks: 14, ...more })
  const look = (minutes, name, role, what, more = {}) => ({ at: ago(minutes), who: 'u-' + name, name, role, what, words: what, purpose: 'treatment', glass: false, outcome: 'done', count: 1, ...more })
  const consent = (id, data, permit, more) => ({ id, data, user: '', name: '', role: 'all', purpose: 'all', permit, from: ago(3000), until: 0, by: patient, byName: '', behalf: false, why: '', ended: 0, endedBy: '', endedWhy: '', ...more })
  const lists = {
    relations: {
      items: [
        { id: 'r-1', user: 'u-1', name: 'Dr Aline Favre', roles: ['clinician'], kind: 'care-team', from: ago(9000), to: ago(-9000), by: 'u-2', byName: 'Dr Tom Reuter', why: 'heart failure clinic' },
        { id: 'r-2', user: 'u-3', name: 'Marta Keller', roles: ['family'], kind: 'family', from: ago(4000), to: 0, by: patient, byName: '', why: '' },
      ],
    },
    people: { items: [{ id: 'u-4', name: 'Nora Frei', roles: ['nurse'] }, { id: 'u-3', name: 'Marta Keller', roles: ['family'] }] },
    consents: {
      items: [consent('c-1', 'sleep', false, { role: 'clinician' }), consent('c-2', 'vitals', true, { role: '', user: 'u-3', name: 'Marta Keller', until: ago(-40_000) }), consent('c-3', 'all', true, { role: 'all', purpose: 'research', behalf: true, by: 'u-4', byName: 'Nora Frei', why: 'in writing, form 7' })],
      data: ['vitals', 'waveforms', 'activity', 'sleep', 'glucose', 'medication', 'location', 'notes', 'risk', 'identity', 'alarms'],
      roles: ['clinician', 'nurse', 'technician', 'family', 'integration'],
      purposes: ['treatment', 'research', 'operations', 'family'],
      kept: ['identity', 'alarms'],
      people: [{ id: 'u-3', name: 'Marta Keller', roles: ['family'] }, { id: 'u-4', name: 'Nora Frei', roles: ['nurse'] }],
    },
    history: { items: [consent('c-0', 'location', false, { ended: ago(4000), endedBy: patient })] },
    looked: { items: [look(1, 'Nora Frei', 'nurse', 'record', { count: 3 }), look(22, 'Dr Tom Reuter', 'clinician', 'trends', { glass: true }), look(70, 'Max Muster', 'technician', 'record', { outcome: 'refused', purpose: 'operations' }), look(4000, 'Research warehouse', 'integration', 'export', { purpose: 'research' })] },
    glasses: {
      items: [
        glass('g-1', { patientName: 'Keller, Anna' }),
        glass('g-2', { name: 'Nora Frei', role: 'nurse', state: 'waiting', ended: ago(300), from: ago(340), reason: 'patient was brought from ward 4 in the night', looks: 3 }),
        glass('g-3', { name: 'Samuel Osei', role: 'nurse', state: 'reviewed', from: ago(3000), ended: ago(2970), reviewed: ago(2000), reviewedBy: 'u-7', reviewedByName: 'Ida Audit', verdict: 'unjustified', note: 'had no task on that ward', looks: 31 }),
      ],
    },
    own: { items: [glass('g-9', { user: 'u-visitor', name: 'Visitor', until: ago(-42) })] },
    anomalies: {
      items: [
        { id: 'x-1', at: ago(3), who: 'u-8', name: 'Samuel Osei', role: 'nurse', kind: 'many', looks: 214, patients: 188, minutes: 10, limit: 200, seen: 0, seenBy: '', seenByName: '', note: '' },
        { id: 'x-2', at: ago(4000), who: 'u-9', name: 'Dr Tom Reuter', role: 'clinician', kind: 'unrelated', looks: 23, patients: 23, minutes: 10, limit: 20, seen: ago(3900), seenBy: 'u-7', seenByName: 'Ida Audit', note: 'on call for three wards' },
      ],
    },
    policy: { looks: 200, unrelated: 20, minutes: 10, accounts: [] },
    broken: { size: 4711, key: 'vigil/ledger/main+b1c196ab+AdTvck', checkpoint: { size: 4711, at: new Date(ago(1)).toISOString(), root: 'x' }, witness: { state: 'failing', problem: 'no space left on device' }, verified: { state: 'broken', at: new Date(ago(2)).toISOString(), size: 4711, took: 80, first: 1702, problems: ['entry 1702: what is stored is not what was written'] } },
  }
  const of = `**/api/v1/patients/*`
  const json = (body) => ({ json: body })
  return {
    lists,
    /** Answers in place of a server on which all of that has happened. */
    answers: {
      [`${of}/relations/people?**`]: json(lists.people),
      [`${of}/relations`]: json(lists.relations),
      [`${of}/consents/history`]: json(lists.history),
      [`${of}/consents`]: json(lists.consents),
      [`${of}/looked?**`]: json(lists.looked),
      '**/api/v1/break-glass?**': json(lists.glasses),
      '**/api/v1/anomalies/policy': json(lists.policy),
      '**/api/v1/anomalies': json(lists.anomalies),
      '**/api/v1/me/patient': json({ patient, name: 'Anna Keller' }),
    },
    ownGlass: { [`${of}/break-glass`]: json(lists.own) },
    brokenLedger: { '**/api/v1/ledger': json(lists.broken) },
  }
}

export function accessPaths({ server, beds }) {
  const send = (method, path, body) => fetch(server.address + '/api/v1' + path, { method, headers: { 'Content-Type': 'application/json', Origin: server.address }, body: JSON.stringify(body) })
  const patient = beds[3].patient
  let count = 0
  const account = (name, more) => member(server, { name, username: `${name.toLowerCase()}-${++count}`, ...more })
  return {
    async 'a care team is made, a decision of the patient recorded and taken back, each with its reason'({ page }) {
      await page.goto(`${server.address}/patient/${patient.id}`)
      await page.getByRole('button', { name: 'Actions' }).click()
      await page.getByRole('menuitem', { name: 'Who may see this patient' }).click()
      await page.waitForURL('**/access')
      await page.getByRole('button', { name: 'Add to the care team' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('combobox', { name: 'Who' }).click()
      await page.getByRole('option', { name: /^Dr Tom Reuter/ }).click()
      assert.equal(await dialog.getByRole('button', { name: 'Add to the care team' }).isDisabled(), true)
      await dialog.getByRole('textbox', { name: 'Reason' }).fill('heart failure clinic')
      await dialog.getByRole('button', { name: 'Add to the care team' }).click()
      await page.getByText('heart failure clinic').waitFor()
      const { items } = await server.api(`/patients/${patient.id}/relations`)
      assert.equal(items[0].why, 'heart failure clinic')
      await page.getByRole('button', { name: 'End it for Dr Tom Reuter' }).click()
      await dialog.getByRole('textbox', { name: 'Reason' }).fill('clinic is over')
      await dialog.getByRole('button', { name: 'End', exact: true }).click()
      await page.getByText('Nobody beside the staff of the ward.').waitFor()

      await page.getByRole('button', { name: 'Record a decision of the patient' }).click()
      await page.getByRole('combobox', { name: 'What', exact: true }).click()
      await page.getByRole('option', { name: 'sleep' }).click()
      await page.getByRole('textbox', { name: 'How the patient said so' }).fill('by word of mouth')
      await page.getByText('Everybody: may NOT see sleep for any purpose').waitFor()
      assert.deepEqual(await violations(page), [])
      await page.getByRole('button', { name: 'Decide so' }).click()
      await page.getByText('recorded by Visitor').waitFor()
      const [consent] = (await server.api(`/patients/${patient.id}/consents`)).items
      assert.deepEqual([consent.data, consent.permit, consent.behalf], ['sleep', false, true])
      await page.getByRole('button', { name: 'Take back: Everybody: may NOT see sleep for any purpose' }).click()
      await dialog.getByRole('textbox', { name: 'How the patient said so' }).fill('changed her mind')
      await dialog.getByRole('button', { name: 'Take back' }).click()
      await page.getByText('Nothing has been decided.').waitFor()
      assert.equal((await server.api(`/patients/${patient.id}/consents`)).items.length, 0)
    },

    async 'emergency access: asked for with a reason, counted down, seen by the patient, reviewed by somebody else'({ page, context }) {
      const other = await (await send('POST', '/wards', { name: 'Elsewhere', zone: 'Europe/Zurich', kind: 'adult' })).json()
      const nurse = await account('Nina', { roles: ['nurse'], wards: [other.id] })
      assert.equal((await nurse.ask('GET', `/patients/${patient.id}`)).status, 404)
      await nurse.into(context)
      await page.goto(`${server.address}/patient/${patient.id}`)
      await page.getByText('Is it a patient who is not yours?').waitFor()
      assert.deepEqual(await violations(page), [])
      await page.getByRole('button', { name: /^Emergency: see a patient/ }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByRole('textbox', { name: 'Family name' }).fill(patient.family)
      await dialog.getByRole('textbox', { name: 'Date of birth' }).fill('1900-01-01')
      await dialog.getByRole('button', { name: 'Find' }).click()
      await dialog.getByText('Nobody has exactly these.').waitFor()
      await dialog.getByRole('textbox', { name: 'Date of birth' }).fill(patient.birth)
      await dialog.getByRole('button', { name: 'Find' }).click()
      await dialog.getByRole('radio', { name: new RegExp(patient.family) }).waitFor()
      const see = dialog.getByRole('button', { name: /^See .* now$/ })
      await dialog.getByRole('textbox', { name: 'Why you must see this patient now' }).fill('arrest')
      assert.equal(await see.isDisabled(), true)
      await dialog.getByRole('textbox', { name: 'Why you must see this patient now' }).fill('called to an arrest in bed 4')
      await see.click()
      await page.getByRole('region', { name: 'Emergency access' }).getByText(/^\d+:\d\d left$/).waitFor()
      await page.getByRole('heading', { name: patient.family }).waitFor()
      assert.deepEqual(await violations(page), [])
      await page.getByRole('button', { name: 'End it now' }).click()
      await page.getByText('Is it a patient who is not yours?').waitFor()

      await context.clearCookies()
      await page.goto(server.address + '/people?tab=glass')
      const row = page.getByRole('row').filter({ hasText: 'called to an arrest in bed 4' })
      await row.getByRole('button', { name: 'Review the access of Nina' }).click()
      await dialog.getByText('NOT right').click()
      assert.equal(await dialog.getByRole('button', { name: 'Review', exact: true }).isDisabled(), true)
      await dialog.getByText('right', { exact: true }).click()
      await dialog.getByRole('button', { name: 'Review', exact: true }).click()
      await row.waitFor({ state: 'detached' })
      assert.equal((await server.api('/break-glass?state=reviewed')).items.find((g) => g.name === 'Nina').verdict, 'justified')

      const self = await account('Anna', { roles: ['patient'], patient: patient.id })
      await self.into(context)
      await page.goto(server.address + '/?part=looked')
      await page.getByRole('row').filter({ hasText: 'Nina' }).getByText('EMERGENCY ACCESS').first().waitFor()
      assert.deepEqual(await violations(page), [])
    },

    async 'a patient sees the own values, refuses something, names family, and sees nobody else'({ page, context }) {
      const self = await account('Berta', { roles: ['patient'], patient: patient.id })
      const family = await account('Marta', { roles: ['family'] })
      await self.into(context)
      await page.goto(server.address)
      await page.locator('.mine-values li').filter({ hasText: 'Heart rate' }).getByText('/min').waitFor()
      assert.equal(await page.getByRole('link', { name: 'Devices' }).count(), 0)
      assert.equal((await self.ask('GET', `/patients/${beds[0].patient.id}`)).status, 404)
      await page.goto(`${server.address}/patient/${beds[0].patient.id}`)
      await page.locator('.mine').waitFor() // no page of the staff answers
      await page.getByRole('link', { name: 'Who may see' }).click()
      await page.getByRole('button', { name: 'Decide something' }).click()
      await page.getByText('Permit', { exact: true }).click()
      await page.getByRole('combobox', { name: 'Who', exact: true }).click()
      await page.getByRole('option', { name: 'Family', exact: true }).click()
      await page.getByRole('combobox', { name: 'What', exact: true }).click()
      await page.getByRole('option', { name: 'measurements' }).click()
      await page.getByRole('button', { name: 'Decide so' }).click()
      await page.getByText('Family: MAY see measurements for any purpose').waitFor()
      await page.getByText('decided by you').waitFor()
      await page.getByRole('button', { name: 'Add somebody of the family' }).click()
      await page.getByRole('dialog').getByRole('combobox', { name: 'Who' }).click()
      await page.getByRole('option', { name: /^Marta/ }).click()
      assert.equal((await family.ask('GET', `/patients/${patient.id}`)).status, 404)
      await page.getByRole('dialog').getByRole('button', { name: 'Add somebody of the family' }).click()
      await page.getByRole('button', { name: 'End it for Marta' }).waitFor()
      assert.equal((await family.ask('GET', `/patients/${patient.id}`)).status, 200)
      assert.deepEqual(await violations(page), [])
      await page.getByRole('button', { name: /^Take back: Family/ }).focus()
      await page.keyboard.press('Enter')
      await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click()
      await page.getByText('Nothing has been decided.').waitFor()
    },

    async 'the ledger is verified from its page; a search finds who did what, and a link keeps it'({ page }) {
      assert.equal((await send('PUT', `/patients/${patient.id}/limits`, { metric: 'resp-rate', unit: '/min', low: 7, high: 33, why: 'seen in the ledger', minutes: 60 })).status, 200)
      await page.goto(server.address + '/people?tab=audit')
      await page.getByRole('button', { name: 'Verify now' }).click()
      await page.getByText(/^\u2713 Verified \d\d:\d\d: all [\d,]+ entries are as they were written/).waitFor()
      await page.getByText('No outside witness').waitFor()
      await page.getByRole('textbox', { name: 'What' }).fill('limit.write')
      await page.getByRole('textbox', { name: 'About which patient (id)' }).fill(patient.id)
      await page.getByRole('cell', { name: 'seen in the ledger' }).waitFor()
      await page.getByText(/^1 entry$/).waitFor()
      assert.deepEqual(await violations(page), [])
      assert.match(page.url(), /action=limit\.write/)
      await page.reload()
      await page.getByRole('cell', { name: 'seen in the ledger' }).waitFor()
      const coming = page.waitForEvent('download')
      await page.getByRole('link', { name: 'Download the checkpoint' }).click()
      assert.equal((await coming).suggestedFilename(), 'vigil-checkpoint.txt')
    },
  }
}
