// One WebSocket per tab. It says what it wants to see, resumes from the last number it saw, and comes back by
// itself. Silence on an open socket counts as down: a link that delivers nothing is not a link.

import { alarms } from './alarms'
import { live, type LiveStore } from './store'
import { decode, type Channel, type WaveBlock } from './frames'

export interface Watch {
  beds?: string[]
  patient?: string
  waves: string[]
}

export interface WaveSink {
  channel(c: Channel): void
  block(b: WaveBlock): void
}

const silence = 8_000
const refusedFor = 120_000

export class LiveSocket {
  private socket: WebSocket | null = null
  private watch: Watch | null = null
  private sinks = new Set<WaveSink>()
  private channels = new Map<number, Channel>()
  private failures = 0
  private retry: ReturnType<typeof setTimeout> | null = null
  private heard = 0
  private guard: ReturnType<typeof setInterval> | null = null
  private alarmsAsked = false
  private alarmsRefused = 0

  constructor(
    private readonly store: LiveStore,
    private readonly url: () => string,
  ) {}

  start() {
    if (this.guard) return
    this.guard = setInterval(() => {
      if (this.socket && Date.now() - this.heard > silence) this.lose(this.socket)
    }, 1000)
    window.addEventListener('online', this.hurry)
    window.addEventListener('offline', () => this.socket && this.lose(this.socket))
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && this.hurry())
    this.connect()
  }

  /** Replaces what this tab watches. */
  show(watch: Watch) {
    this.watch = watch
    this.ask()
  }

  attach(sink: WaveSink) {
    this.sinks.add(sink)
    for (const c of this.channels.values()) sink.channel(c)
    return () => this.sinks.delete(sink)
  }

  /** Asks for everything anew: the words of what was sent are another language's. */
  anew() {
    this.store.seq = 0
    if (!this.socket) return
    this.lose(this.socket)
    this.hurry()
  }

  private hurry = () => {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return
    this.failures = 0
    if (this.retry) clearTimeout(this.retry)
    this.connect()
  }

  private connect() {
    this.retry = null
    const socket = new WebSocket(this.url(), 'vigil.live.1')
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    this.heard = Date.now()
    socket.onopen = () => {
      this.failures = 0
      this.store.setLink('open')
      this.ask(true)
      this.askAlarms(socket)
    }
    socket.onmessage = (event) => {
      this.heard = Date.now()
      if (event.data instanceof ArrayBuffer) this.take(event.data)
    }
    socket.onclose = (event) => {
      // 1008: not understood. A server that does not send alarms is no reason to be without numbers.
      if (event.code === 1008 && this.alarmsAsked) this.alarmsRefused = Date.now()
      this.lose(socket)
    }
  }

  // Alarms come whatever beds are shown, and whole each time: a list that might lack one is worse than none.
  private askAlarms(socket: WebSocket) {
    this.alarmsAsked = Date.now() - this.alarmsRefused > refusedFor
    if (!this.alarmsAsked) return alarms.refuse()
    socket.send(JSON.stringify({ type: 'alarms', ward: '*' }))
  }

  // A closing handshake over a dead link takes the browser many seconds, in which the screen would go on as if it
  // were live: the socket is let go at once, and nothing that it still brings counts.
  private lose(socket: WebSocket) {
    if (this.socket !== socket) return
    this.socket = null
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
    this.store.setLink('down')
    const wait = Math.min(500 * 2 ** this.failures, 10_000) * (0.8 + 0.4 * Math.random())
    this.failures++
    this.retry = setTimeout(() => this.connect(), wait)
  }

  private ask(resume = false) {
    if (!this.watch || this.socket?.readyState !== WebSocket.OPEN) return
    this.socket.send(JSON.stringify({ type: 'watch', ...this.watch, ...(resume && this.store.seq > 0 ? { resume: this.store.seq } : {}) }))
  }

  private take(data: ArrayBuffer) {
    const frame = decode(data)
    if (frame.kind === 'waves') {
      for (const sink of this.sinks) for (const b of frame.blocks) sink.block(b)
      return
    }
    if (frame.message.type === 'hello' && frame.message.seq < this.store.seq) this.store.seq = 0 // another server: its numbers start anew
    if (frame.message.type === 'alarms') this.alarmsAsked = false // answered: a later 1008 is about something else
    if (frame.message.type === 'channels') {
      for (const c of frame.message.items) {
        this.channels.set(c.channel, c)
        for (const sink of this.sinks) sink.channel(c)
      }
    }
    this.store.apply(frame.message)
  }
}

const address = () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/live`

export const socket = new LiveSocket(live, address)
