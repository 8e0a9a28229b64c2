import type { Priority } from '../api/alarm'
import { harmonics, patterns } from './pattern'

/** Plays patterns through WebAudio. Nothing is loaded: the tones are made here. */
export class Player {
  private context: AudioContext | null = null
  private wave: PeriodicWave | null = null
  private playing = new Set<OscillatorNode>()

  state(): 'none' | 'suspended' | 'running' {
    const s = this.context?.state
    return s === 'running' ? 'running' : s === undefined || s === 'closed' ? 'none' : 'suspended'
  }

  /** Browsers let sound begin only in answer to a touch or a key. */
  async unlock(): Promise<void> {
    if (typeof AudioContext === 'undefined') return
    if (!this.context || this.context.state === 'closed') {
      this.context = new AudioContext({ latencyHint: 'interactive' })
      this.wave = this.context.createPeriodicWave(new Float32Array(harmonics.length + 1), new Float32Array([0, ...harmonics]))
    }
    if (this.context.state !== 'running') await this.context.resume().catch(() => undefined)
  }

  play(priority: Priority) {
    const { context, wave } = this
    if (!context || !wave || context.state !== 'running') return
    const start = context.currentTime + 0.03
    for (const p of patterns[priority].pulses) {
      const tone = context.createOscillator()
      const gain = context.createGain()
      tone.setPeriodicWave(wave)
      tone.frequency.value = p.pitch
      const a = start + p.at
      gain.gain.setValueAtTime(0, a)
      gain.gain.linearRampToValueAtTime(0.35, a + 0.02) // a rise and fall of 20 ms: no clicks
      gain.gain.setValueAtTime(0.35, a + p.length - 0.02)
      gain.gain.linearRampToValueAtTime(0, a + p.length)
      tone.connect(gain).connect(context.destination)
      tone.start(a)
      tone.stop(a + p.length)
      this.playing.add(tone)
      tone.onended = () => this.playing.delete(tone)
    }
  }

  stop() {
    for (const tone of this.playing) tone.stop()
    this.playing.clear()
  }
}
