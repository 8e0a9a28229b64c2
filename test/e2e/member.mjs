// Somebody with an account of their own: made by the administrator, signed in by the one-time link, a password and a
// code, as the code generator on a phone computes it (RFC 6238).
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'

export function codeOf(secret, at = Date.now()) {
  const bits = [...secret.replace(/=+$/, '')].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)))
  const sum = createHmac('sha1', key).update(counter).digest()
  const from = sum[19] & 15
  return String((sum.readUInt32BE(from) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/** Makes the account and signs it in; the answer asks the API as that person, and signs a browser in as them. */
export async function member(server, account) {
  let cookie = ''
  const ask = async (method, path, body, headers = {}) => {
    const answer = await fetch(server.address + '/api/v1' + path, {
      method,
      headers: { Origin: server.address, ...(cookie ? { Cookie: cookie } : {}), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    for (const line of answer.headers.getSetCookie()) cookie = line.split(';')[0]
    const text = await answer.text()
    return { status: answer.status, body: text ? JSON.parse(text) : undefined }
  }
  const fine = async (...asked) => {
    const answer = await ask(...asked)
    assert.ok(answer.status < 300, `${asked[0]} ${asked[1]}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const made = await fine('POST', '/users', { wards: [], allWards: false, ...account })
  cookie = ''
  await fine('POST', '/session/link', { token: made.link.split('#')[1] })
  await fine('POST', '/me/password', { old: '', new: `a long sentence of ${account.username}` })
  const { secret } = await fine('POST', '/me/code', {})
  await fine('POST', '/me/code/confirm', { code: codeOf(secret) })
  return {
    id: made.user.id,
    ask,
    fine,
    async into(context) {
      const [name, ...value] = cookie.split('=')
      await context.addCookies([{ name, value: value.join('='), url: server.address }])
      await context.unroute('**/api/v1/me')
    },
  }
}
