package synth

import (
	"math"
	"math/rand/v2"
	"time"
)

// Profile is a person at rest. The zero value of a field means the usual adult.
type Profile struct {
	Age         int     // years, 60
	HeartRate   float64 // /min, 72
	RespRate    float64 // /min, 15
	Saturation  float64 // %, 97: sets how well the lungs pass oxygen
	Systolic    float64 // mm[Hg], 124
	Diastolic   float64 // mm[Hg], 76
	Temperature float64 // Cel, 36.8
	Glucose     float64 // mg/dL, 105
	Diabetic    bool    // does not correct glucose by itself
	// Variability is the standard deviation of beat intervals at rest, ms, 35;
	// Balance is how much of its power lies around 0.1 Hz for each part that
	// breathing makes, 1.2.
	Variability, Balance float64
	Ectopy               float64 // premature ventricular beats a minute, 0
	Fibrillating         bool    // atrial fibrillation from the beginning, its rate controlled by drugs
	Voltage              float64 // mV, height of the R wave in lead II, 1.1
	OxygenFraction       float64 // of inspired oxygen, 0.21
	Active               bool    // gets up and walks now and then
	Hour                 float64 // local hour of the day at the beginning, 12

	PressureEvery    time.Duration // cuff measurements, 15 min; negative: none
	TemperatureEvery time.Duration // 1 min; negative: none
	// Wears says which devices are on the body; empty means the Monitor.
	Wears []Wearable
}

// Wearable is a group of measurements that one device makes.
type Wearable string

const (
	Monitor       Wearable = "monitor"       // ECG, pleth, breathing, heart and pulse rate, saturation, cuff, temperature
	GlucoseSensor Wearable = "glucose"       // a value each 5 min
	Accelerometer Wearable = "accelerometer" // three axes at 50 Hz, steps each minute
)

func (p Profile) withDefaults() Profile {
	number := func(v *float64, usual float64) {
		if *v == 0 {
			*v = usual
		}
	}
	if p.Age == 0 {
		p.Age = 60
	}
	number(&p.HeartRate, 72)
	number(&p.RespRate, 15)
	number(&p.Saturation, 97)
	number(&p.Systolic, 124)
	number(&p.Diastolic, 76)
	number(&p.Temperature, 36.8)
	number(&p.Glucose, 105)
	number(&p.Variability, 35)
	number(&p.Balance, 1.2)
	number(&p.Voltage, 1.1)
	number(&p.OxygenFraction, 0.21)
	number(&p.Hour, 12)
	if p.PressureEvery == 0 {
		p.PressureEvery = 15 * time.Minute
	}
	if p.TemperatureEvery == 0 {
		p.TemperatureEvery = time.Minute
	}
	if len(p.Wears) == 0 {
		p.Wears = []Wearable{Monitor}
	}
	return p
}

// Someone returns the profile of a ward patient drawn from the seed: mostly
// elderly, some with a fast heart, some with sick lungs, some fibrillating.
func Someone(seed uint64) Profile {
	r := rand.New(rand.NewPCG(seed, streamProfile))
	normal := func(mean, deviation, low, high float64) float64 {
		return math.Min(math.Max(mean+deviation*r.NormFloat64(), low), high)
	}
	p := Profile{
		Age:         int(normal(66, 15, 20, 96)),
		HeartRate:   normal(76, 10, 52, 104),
		RespRate:    normal(15.5, 2, 11, 21),
		Saturation:  normal(96.8, 1.2, 92, 99),
		Systolic:    normal(126, 14, 98, 165),
		Temperature: normal(36.8, 0.25, 36.1, 37.6),
		Glucose:     normal(112, 14, 82, 160),
		Balance:     normal(1.2, 0.4, 0.4, 2.5),
		Voltage:     normal(1.1, 0.25, 0.6, 1.8),
	}
	p.Diastolic = normal(0.6*p.Systolic, 5, 50, 100)
	// Variability falls with age: from about 50 ms at 25 to 20 ms at 85.
	p.Variability = normal(62-0.5*float64(p.Age), 6, 8, 70)
	if r.Float64() < 0.3 {
		p.Ectopy = 4 * r.Float64()
	}
	p.Fibrillating = r.Float64() < 0.1
	p.Diabetic = r.Float64() < 0.2
	p.Hour = 24 * r.Float64()
	return p
}

// Streams of random numbers, one for each part, so that a change in one part
// does not move what the others draw.
const (
	streamProfile = 0x70726f66 + iota
	streamHeart
	streamBreath
	streamBody
	streamSensor
	streamMotion
	streamGlucose
	streamArtefact
)

// wander is noise with a memory: it returns to zero with time constant tau and
// has standard deviation 1 (Ornstein and Uhlenbeck, in exact steps).
type wander struct {
	value, keep, push float64
}

func newWander(step, tau float64) wander {
	k := math.Exp(-step / tau)
	return wander{keep: k, push: math.Sqrt(1 - k*k)}
}

func (w *wander) next(r *rand.Rand) float64 {
	w.value = w.keep*w.value + w.push*r.NormFloat64()
	return w.value
}
