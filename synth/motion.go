package synth

import (
	"math"
	"math/rand/v2"
)

const accelHertz = 50

// gravity in m/s2.
const gravity = 9.80665

// motion is what a sensor at the waist feels: gravity in the direction of the
// posture, steps while walking, and a fall: weightless for a third of a second,
// an impact of several g, then stillness on the ground.
// Source for the size of the impact: Bourke et al. 2007, doi
// 10.1016/j.gaitpost.2006.09.012 (trunk above 3.5 g).
type motion struct {
	random  *rand.Rand
	tilt    float64 // 0 upright, 1 lying
	step    float64 // phase of walking
	falling float64 // s since the fall began; negative: no fall
	impact  float64 // g
	down    bool
	steps   int
	resting float64 // s until an active person changes what they do
	walking bool
}

func newMotion(r *rand.Rand) *motion { return &motion{random: r, tilt: 1, falling: -1} }

// second decides, once a second, what the person does next.
func (m *motion) second(active bool, exertion, fallen float64) (walk float64, fell bool) {
	if fallen > 0.5 && !m.down {
		m.down, m.falling, m.impact = true, 0, clamp(4.6+0.7*m.random.NormFloat64(), 3.7, 6.5)
		fell = true
	}
	if fallen < 0.5 {
		m.down = false
	}
	if active && !m.down {
		if m.resting--; m.resting < 0 {
			m.walking = !m.walking
			m.resting = 30 + 90*m.random.Float64()
			if !m.walking {
				m.resting = 240 + 900*m.random.Float64()
			}
		}
		if m.walking {
			exertion = math.Max(exertion, 0.3)
		}
	}
	if m.down {
		return 0, fell
	}
	return exertion, fell
}

// sample returns the three axes in m/s2 (x to the right, y up along the body, z
// forward) and counts steps. walk is the exertion of the moment.
func (m *motion) sample(walk float64) (x, y, z float64) {
	const dt = 1.0 / accelHertz
	goal := 1.0
	if walk > 0.15 && !m.down {
		goal = 0
	}
	m.tilt += (1 - math.Exp(-dt/0.8)) * (goal - m.tilt)
	angle := m.tilt * math.Pi / 2
	y, z = math.Cos(angle), math.Sin(angle)
	if goal == 0 {
		rate := 1.6 + 0.6*walk // steps each second
		before := m.step
		m.step = math.Mod(m.step+2*math.Pi*rate*dt, 4*math.Pi)
		if math.Floor(before/(2*math.Pi)) != math.Floor(m.step/(2*math.Pi)) {
			m.steps++
		}
		swing := 0.25 + 0.4*walk
		y += swing * (math.Cos(m.step) + 0.4*math.Cos(2*m.step+0.7))
		z += 0.4 * swing * math.Sin(m.step+0.4)
		x += 0.3 * swing * math.Sin(m.step/2)
	}
	if m.falling >= 0 {
		switch t := m.falling; {
		case t < 0.35:
			free := 1 - 0.75*math.Sin(math.Pi*t/0.7)
			x, y, z = x*free, y*free, z*free
		case t < 0.5:
			hit := m.impact * math.Sin(math.Pi*(t-0.35)/0.15)
			y, z, x = 0.3*hit, 0.9*hit, 0.3*hit
		case t < 0.9:
			z += 0.5 * math.Sin(40*t) * math.Exp(-8*(t-0.5))
			m.tilt = 1
		}
		if m.falling += dt; m.falling > 1 {
			m.falling = -1
		}
	}
	noise := func() float64 { return 0.008 * m.random.NormFloat64() }
	return gravity * (x + noise()), gravity * (y + noise()), gravity * (z + noise())
}
