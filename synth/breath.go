package synth

import (
	"math"
	"math/rand/v2"
)

const respHertz = 25

// breathing runs through one turn of phase for each breath: in for the first
// third or so, out for the rest. Each breath is a little longer or shorter.
type breathing struct {
	random      *rand.Rand
	phase       float64 // 0 at the start of an inspiration, below 2 pi
	uneven      float64
	count       int
	inspiration float64 // s, when the last breath began
}

func newBreathing(r *rand.Rand) *breathing { return &breathing{random: r, uneven: 1} }

// step moves on by dt seconds at time now and reports the start of a breath.
func (b *breathing) step(dt, now float64, rate float64) bool {
	if rate < 2 {
		return false // apnoea: the chest stands still
	}
	b.phase += 2 * math.Pi * rate / 60 * b.uneven * dt
	if b.phase < 2*math.Pi {
		return false
	}
	b.phase -= 2 * math.Pi
	b.uneven = clamp(1+0.06*b.random.NormFloat64(), 0.75, 1.3)
	b.count++
	b.inspiration = now
	return true
}

// volume is how full the chest is, 0 to depth.
func (b *breathing) volume(depth float64) float64 {
	const inspired = 0.38 // share of the turn
	turn := b.phase / (2 * math.Pi)
	if turn < inspired {
		return depth * (1 - math.Cos(math.Pi*turn/inspired)) / 2
	}
	return depth * (1 + math.Cos(math.Pi*(turn-inspired)/(1-inspired))) / 2
}
