// Invented curves for work on the screens without a server. Not a simulation of a body: that is package synth.

const gauss = (x, m, s) => Math.exp(-((x - m) ** 2) / (2 * s * s))

/** One lead in mV by phase of the beat. */
export function ecg(phase, kind = 'sinus') {
  const p = kind === 'af' ? 0.02 * Math.sin(phase * 44) : 0.12 * gauss(phase, 0.18, 0.024)
  return p - 0.1 * gauss(phase, 0.345, 0.009) + 1.15 * gauss(phase, 0.37, 0.0105) - 0.24 * gauss(phase, 0.396, 0.01) + 0.28 * gauss(phase, 0.62, 0.045)
}

export function pleth(phase) {
  const x = (phase + 0.45) % 1
  return gauss(x, 0.25, 0.1) + 0.42 * gauss(x, 0.52, 0.12)
}

export function random(seed) {
  let a = seed >>> 0
  return () => {
    a = (a + 0x6d2b79f5) >>> 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Slow wander between -1 and 1, the same for the same seed and time. */
export function wander(seed, t) {
  return 0.5 * Math.sin(t / 613e3 + seed * 1.7) + 0.3 * Math.sin(t / 197e3 + seed * 3.1) + 0.2 * Math.sin(t / 41e3 + seed * 5.3)
}
