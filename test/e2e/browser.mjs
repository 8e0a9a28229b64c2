// What the browser scripts share: a real Vigil in demonstration mode on a free port, a real Chromium, and axe.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const require = createRequire(join(root, 'web', 'package.json'))
const { chromium } = require('playwright-core')
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })

/** Starts vigil and resolves with what it says of itself once `said` is in it; stop() ends it and removes its data. */
async function start(said, ...flags) {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-e2e-'))
  const binary = process.env.VIGIL ?? join(folder, 'vigil')
  if (!process.env.VIGIL) execFileSync('go', ['build', '-o', binary, './cmd/vigil'], { cwd: root, stdio: 'inherit' })
  const child = spawn(binary, [...flags, '--data', join(folder, 'data'), '--http', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  const found = await new Promise((resolve, reject) => {
    const seen = (chunk) => {
      text += chunk
      const match = said.exec(text)
      if (match) resolve(match[1])
    }
    child.stdout.on('data', seen)
    child.stderr.on('data', seen)
    child.on('exit', () => reject(new Error(`vigil ${flags[0]} ended:\n` + text)))
  })
  return {
    found,
    binary,
    stop: () =>
      new Promise((done) => {
        child.removeAllListeners('exit')
        child.on('exit', () => {
          rmSync(folder, { recursive: true, force: true })
          done()
        })
        child.kill('SIGINT')
      }),
  }
}

/** Starts `vigil demo` and resolves with its address. */
export async function demo(beds, seconds = 600) {
  const { found: address, binary, stop } = await start(/open\s+(http:\S+)/, 'demo', '--beds', String(beds), '--for', `${seconds}s`, '--mqtt', '127.0.0.1:0')
  const api = async (path) => (await fetch(address + '/api/v1' + path)).json()
  return { address, binary, api, stop }
}

/** Starts `vigil serve`, new and without anybody, and resolves with the link for its first administrator. */
export async function serve() {
  const { found: link, stop } = await start(/(http:\S+\/sign-in#\S+)/, 'serve', '--mqtt', '')
  return { link, address: new URL(link).origin, stop }
}

/** A browser window with the given theme; the person's other preferences as given, and what else is to be said of who is signed in. */
export async function open(browser, { theme = 'dark', width = 1920, height = 1080, preferences = {}, signedOut = false, me: other = {} } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, hasTouch: width < 700, isMobile: width < 700, locale: 'en-GB' })
  await context.addInitScript((t) => localStorage.setItem('vigil.theme', t), theme)
  await context.route('**/api/v1/me', async (route) => {
    if (route.request().method() !== 'GET') return route.continue()
    if (signedOut) return route.fulfill({ status: 401, json: { error: { kind: 'unauthenticated', message: 'sign in' } } })
    const answer = await route.fetch().catch(() => null)
    if (!answer?.ok()) return answer ? route.fulfill({ response: answer }) : route.abort()
    const me = await answer.json()
    await route.fulfill({ response: answer, json: { ...me, ...other, preferences: { ...me.preferences, theme, ...preferences } } })
  })
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (e) => problems.push('error: ' + e.message))
  page.on('console', (m) => m.type() === 'error' && /Content Security Policy|Refused/.test(m.text()) && problems.push('policy: ' + m.text().slice(0, 200)))
  return { page, context, problems }
}

/** Violations of WCAG 2.2 A and AA, as one line each. */
export async function violations(page) {
  await page.evaluate(axe)
  const result = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }))
  return result.violations.map((v) => `${v.id}: ${v.nodes.length} x ${v.nodes[0].target.join(' ')} (${(v.nodes[0].any[0] ?? v.nodes[0].all[0] ?? v.nodes[0].none[0])?.message ?? v.help})`)
}
