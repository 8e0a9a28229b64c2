// A recording on the ward: a nurse's whole path from the one-time link to a
// sweeping ECG, in Chromium, against the real server and a real MQTT client.
// usage: node recording.mjs VIGIL SERVER-URL MQTT-URL LINK RECORD.hea OUT.png
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { codeOf } from './member.mjs'
const require = createRequire(new URL('../../web/package.json', import.meta.url))
const { chromium } = require('playwright-core')

const [, , vigil, url, mqtt, link, record, out] = process.argv
const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags })
const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
let player, page
const complaints = []

async function call(method, path, data) {
  const answer = await context.request.fetch(url + '/api/v1' + path, { method, data, headers: { 'Content-Type': 'application/json' } })
  const text = await answer.text()
  if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${text}`)
  return text ? JSON.parse(text) : null
}

function must(condition, what) {
  if (!condition) throw new Error(what)
  console.log('ok', what)
}

try {
  await call('POST', '/session/link', { token: link })
  await call('POST', '/me/password', { old: '', new: 'a long pass phrase for a test' })
  const { secret } = await call('POST', '/me/code', {})
  await call('POST', '/me/code/confirm', { code: codeOf(secret) })
  const ward = await call('POST', '/wards', { name: 'Recording', zone: 'Europe/Zurich', kind: 'adult' })
  const bed = await call('POST', `/wards/${ward.id}/beds`, { label: '1', position: 1 })
  const patient = await call('POST', '/patients', {
    family: 'Hundred', given: 'Record', birth: '1957-05-01', sex: 'male', numbers: [{ system: 'MRN', value: 'R100' }],
  })
  await call('POST', `/patients/${patient.id}/admit`, { bed: bed.id })
  const { credential } = await call('POST', '/devices', { id: 'holter-100', label: 'Holter', kind: 'ecg', class: 'device' })
  await call('POST', '/devices/holter-100/bind', { patient: patient.id, why: 'test', confirm: { family: 'Hundred', number: 'R100' } })

  player = spawn(vigil, ['play', record, '--server', mqtt, '--device', 'holter-100', '--username', credential.username,
    '--password', credential.password], { stdio: ['ignore', 'inherit', 'inherit'] })

  page = await context.newPage()
  page.on('pageerror', (e) => complaints.push(String(e)))
  await page.goto(url + '/ward/' + ward.id)
  await page.getByText('Hundred').first().waitFor({ timeout: 20000 })

  // The annotations of record 100 give a rate between 60 and 100 throughout.
  const rate = page.locator('text=/^(6|7|8|9)\\d$/').first()
  await rate.waitFor({ timeout: 30000 })
  const shown = Number(await rate.textContent())
  must(shown >= 60 && shown < 100, `the heart rate of the recording is shown: ${shown} /min`)

  await page.waitForTimeout(6000)
  // Columns of the canvas that hold the ECG's green, and how tall it is in each.
  const ink = () => page.evaluate(() => {
    const canvas = [...document.querySelectorAll('canvas')].sort((a, b) => b.width * b.height - a.width * a.height)[0]
    if (!canvas) return null
    const { width, height } = canvas
    const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data
    const tall = []
    for (let x = 0; x < width; x++) {
      let top = -1, bottom = -1
      for (let y = 0; y < height; y++) {
        const i = (y * width + x) * 4
        if (pixels[i + 3] > 40 && pixels[i + 1] > pixels[i] + 30 && pixels[i + 1] > pixels[i + 2] + 20) {
          if (top < 0) top = y
          bottom = y
        }
      }
      tall.push(top < 0 ? 0 : bottom - top + 1)
    }
    return { width, tall, hash: tall.join(',') }
  })
  const first = await ink()
  must(first && first.tall.filter((t) => t > 0).length > 200, 'the trace covers the strip')
  const most = Math.max(...first.tall)
  let peaks = 0
  for (let x = 1; x < first.tall.length; x++) if (first.tall[x] > most / 2 && first.tall[x - 1] <= most / 2) peaks++
  must(peaks >= 3, `heart beats stand out of the trace: ${peaks}`)
  await page.waitForTimeout(1500)
  const second = await ink()
  must(second.hash !== first.hash, 'the trace moves')
  must(complaints.length === 0, 'the page is without errors' + complaints.join('; '))
  await page.screenshot({ path: out })
} catch (fault) {
  await page?.screenshot({ path: out })
  console.log(complaints.join('\n'))
  throw fault
} finally {
  player?.kill('SIGINT')
  await browser.close()
}
