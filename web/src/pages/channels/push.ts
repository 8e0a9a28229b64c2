// Reaching this browser though no page is open: the browser makes a subscription with its maker's push service, the
// server encrypts for it, and the worker shows what comes. What is shown says that there is an alarm, not of whom.

export type PushState = 'no-key' | 'impossible' | 'refused' | 'off' | 'on'

const bytes = (text: string): Uint8Array<ArrayBuffer> => {
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'))
  return Uint8Array.from(plain, (c) => c.charCodeAt(0))
}

const possible = () => 'serviceWorker' in navigator && 'PushManager' in window && 'Notification' in window && window.isSecureContext

export async function pushState(key: string): Promise<PushState> {
  if (key === '') return 'no-key'
  if (!possible()) return 'impossible'
  if (Notification.permission === 'denied') return 'refused'
  const worker = await navigator.serviceWorker.getRegistration('/')
  return (await worker?.pushManager.getSubscription()) ? 'on' : 'off'
}

/** Subscribes this browser; the text is what the server keeps as the address of the channel. */
export async function subscribe(key: string): Promise<string | null> {
  if ((await Notification.requestPermission()) !== 'granted') return null
  await navigator.serviceWorker.register('/worker.js', { scope: '/' })
  const worker = await navigator.serviceWorker.ready
  const old = await worker.pushManager.getSubscription()
  await old?.unsubscribe()
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(key) })
  const { endpoint, keys } = made.toJSON()
  return JSON.stringify({ endpoint, keys })
}

export async function unsubscribe(): Promise<void> {
  const worker = await navigator.serviceWorker.getRegistration('/')
  await (await worker?.pushManager.getSubscription())?.unsubscribe()
}
