import './rules.css'
import { Tabs, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { RuleRow } from '../../api/alarm'
import { useMay, useRuleSet, useZoneOf, type RuleSet } from '../../api/running'
import { live } from '../../live/store'
import { Skeleton, Trouble } from '../../parts/states'
import { moment } from '../../time/zone'
import { useSay, type Say } from '../../words'
import { PriorityWord, Running, useQueryPart } from '../running'
import { difference, same, useDraft } from './draft'
import { Editor } from './editor'
import { Versions } from './versions'

const tabs = ['force', 'text', 'versions'] as const

/** "as they come with Vigil", or by whom, when and why they were put in force. */
export function originText(set: Pick<RuleSet, 'by' | 'author' | 'at' | 'why' | 'default'>, zone: string, say: Say): string {
  if (!set.at) return set.default ? say('rules.default') : say('rules.unknown')
  return say('rules.by', { name: set.author || set.by, time: moment(Date.parse(set.at), zone, say.language, live.now()), why: set.why })
}

/** Which rules raise alarms, what each rests on, and the text that they are made from. */
export default function RulesPage() {
  const say = useSay()
  const may = useMay()
  const zone = useZoneOf('')
  const [search, set] = useQueryPart()
  const tab = tabs.find((t) => t === search.get('tab')) ?? 'force'
  const answer = useRuleSet()
  const draft = useDraft()
  const rules = answer.data
  const changed = draft !== null && rules !== undefined && !same(difference(rules.files ?? [], draft.files))
  return (
    <Running title={say('running.rules')}>
      {answer.error && !rules ? (
        <Trouble problem={answer.error} retry={() => void answer.refetch()} />
      ) : !rules ? (
        <Skeleton lines={10} height={22} />
      ) : (
        <>
          <p className="lede">
            {say('rules.version')} <span className="mono">{rules.version.slice(0, 12)}</span>, {originText(rules, zone, say)}. {!may('rule.write') && say('rules.readOnly')}
          </p>
          <Tabs value={tab} onChange={(t) => set({ tab: t === 'force' ? null : t, file: null, line: null })} keepMounted={false} mt="sm">
            <Tabs.List>
              {tabs.map((t) => (
                <Tabs.Tab key={t} value={t}>
                  {say(`rules.tab.${t}`)}
                  {t === 'text' && changed && ` (${say('rules.changed')})`}
                </Tabs.Tab>
              ))}
            </Tabs.List>
            <Tabs.Panel value="force" pt="md">
              <InForce rules={rules.rules ?? []} />
            </Tabs.Panel>
            <Tabs.Panel value="text" pt="md">
              <Editor inForce={rules} write={may('rule.write')} />
            </Tabs.Panel>
            <Tabs.Panel value="versions" pt="md">
              <Versions inForce={rules} write={may('rule.write')} />
            </Tabs.Panel>
          </Tabs>
        </>
      )}
    </Running>
  )
}

function InForce({ rules }: { rules: RuleRow[] }) {
  const say = useSay()
  const [q, setQ] = useState('')
  const words = q.toLowerCase().split(/\s+/).filter(Boolean)
  const found = rules.filter((r) => words.every((w) => `${r.name} ${r.title} ${r.applies} ${r.when} ${(r.metrics ?? []).join(' ')}`.toLowerCase().includes(w)))
  return (
    <>
      <div className="row wrap">
        <TextInput aria-label={say('rules.search')} placeholder={say('rules.search')} value={q} onChange={(e) => setQ(e.currentTarget.value)} w={280} />
        <span className="second" role="status">
          {say('rules.count', { count: found.length })}
        </span>
      </div>
      {found.length === 0 && <p className="second">{say('rules.none')}</p>}
      <ul className="rules">
        {found.map((r) => (
          <li key={r.name}>
            <Rule rule={r} />
          </li>
        ))}
      </ul>
    </>
  )
}

function Rule({ rule: r }: { rule: RuleRow }) {
  const say = useSay()
  const [, set] = useQueryPart()
  const kinds = [r.technical && say('alarm.technical'), r.latching && say('rules.latching'), r.always && say('rules.always'), r.spot && say('rules.spot')].filter(Boolean)
  return (
    <details className="rule">
      <summary>
        <PriorityWord priority={r.priority} technical={r.technical} />
        <b className="rule-title">{r.title}</b>
        <code className="rule-when">{r.name}</code>
      </summary>
      <dl>
        <dt>{say('rules.applies')}</dt>
        <dd>{r.applies ? <code>{r.applies}</code> : say('rules.applies.all')}</dd>
        <dt>{say('rules.when')}</dt>
        <dd className="rule-lines">
          <code>{r.when}</code>
        </dd>
        {kinds.length > 0 && (
          <>
            <dt>{say('rules.kind')}</dt>
            <dd>{kinds.join(', ')}</dd>
          </>
        )}
        <dt>{say('rules.sources')}</dt>
        <dd>
          <ul>
            {(r.sources ?? []).map((s) => (
              <li key={s}>{s}</li>
            ))}
          </ul>
        </dd>
        <dt>{say('rules.tests')}</dt>
        <dd>
          <ul>
            {(r.tests ?? []).map((t) => (
              <li key={t}>{t}</li>
            ))}
          </ul>
        </dd>
        <dt>{say('rules.where')}</dt>
        <dd>
          <button className="plain" onClick={() => set({ tab: 'text', file: r.file, line: String(r.line) })}>
            {say('rules.open', { file: r.file, line: r.line })}
          </button>
        </dd>
      </dl>
    </details>
  )
}
