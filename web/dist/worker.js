// Shows what the server pushes while no page of Vigil is open. It keeps nothing and answers no request of a page: an old
// page from a store would show old numbers. The text names no patient; the link asks for a sign-in.
self.addEventListener('install', () => self.skipWaiting())
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()))

self.addEventListener('push', (event) => {
  let m = {}
  try {
    m = event.data.json()
  } catch {
    // what cannot be read is shown as a call all the same
  }
  const high = m.priority === 'high'
  event.waitUntil(
    self.registration.showNotification(m.title || 'Vigil', {
      body: m.body || '',
      tag: m.tag || 'vigil',
      renotify: !m.silent,
      silent: m.silent === true,
      requireInteraction: high && !m.silent,
      icon: '/mark.svg',
      data: { url: m.url || '/alarms' },
    }),
  )
})

self.addEventListener('notificationclick', (event) => {
  event.notification.close()
  const target = new URL(event.notification.data.url, self.location.origin)
  event.waitUntil(
    (async () => {
      if (target.origin === self.location.origin) {
        const open = await self.clients.matchAll({ type: 'window', includeUncontrolled: true })
        for (const page of open) {
          try {
            await page.navigate(target.href)
            return await page.focus()
          } catch {
            // a page that cannot be steered: open a new one
          }
        }
      }
      return self.clients.openWindow(target.href)
    })(),
  )
})
