package synth

import (
	"math"
	"math/rand/v2"
)

// body is the slow part of a patient: what changes over seconds to hours. It is
// stepped once a second. Numbers in the equations are per second unless they say
// otherwise; each is chosen so that the resting body stands still and the
// textbook stages of each illness come out (see the tests).
type body struct {
	p      Profile
	random *rand.Rand

	clock float64 // s of body time since the beginning; runs faster under a paced scenario

	heartRate, respRate, depth   float64 // /min, /min, tidal volume relative to rest
	systolic, diastolic          float64 // mm[Hg]
	temperature                  float64
	carbon, alveolar             float64 // mm[Hg]: arterial CO2, alveolar O2
	saturation                   float64 // %, in the blood at the finger
	glucose, tissue              float64 // mg/dL: in plasma, under the skin
	stroke                       float64 // volume of a beat relative to rest
	perfusion                    float64 // of the finger, relative to rest
	variability                  float64 // of beat intervals, relative to rest
	fibrillating                 bool
	exertion                     float64
	driftHeart, driftBreath      wander
	driftPressure, driftOxygen   wander
	driftTemperature             wander
	restMean, restPulse, restGap float64 // mean pressure, pulse pressure, alveolar minus arterial O2
}

func newBody(p Profile, r *rand.Rand) *body {
	b := &body{
		p: p, random: r, heartRate: p.HeartRate, respRate: p.RespRate, depth: 1, systolic: p.Systolic, diastolic: p.Diastolic,
		temperature: p.Temperature, carbon: 40, glucose: p.Glucose, tissue: p.Glucose, stroke: 1, perfusion: 1, variability: 1,
		driftHeart: newWander(1, 120), driftBreath: newWander(1, 60), driftPressure: newWander(1, 180), driftOxygen: newWander(1, 90), driftTemperature: newWander(1, 3600),
	}
	b.restPulse = p.Systolic - p.Diastolic
	b.restMean = p.Diastolic + b.restPulse/3
	b.alveolar = inspired(p.OxygenFraction) - 50
	// The rest of the way from the lung to the finger explains the saturation at rest.
	b.restGap = b.alveolar - pressureAt(math.Min(p.Saturation, 98.5))
	b.saturation = saturationAt(b.alveolar - b.restGap)
	return b
}

// second moves the body on by one second of real time, pace seconds of its own.
func (b *body) second(cause [causes]float64, pace float64) {
	b.clock += pace
	infection, opioid, blood := clamp(cause[Infection], 0, 1), clamp(cause[Opioid], 0, 1), clamp(cause[BloodLoss], 0, 0.45)
	b.exertion = clamp(cause[Exertion], 0, 1)
	b.fibrillating = b.p.Fibrillating || cause[Fibrillate] > 0.5
	p := b.p

	hour := math.Mod(p.Hour+b.clock/3600, 24)
	daily := math.Cos(2 * math.Pi * (hour - 18) / 24) // highest at six in the evening
	fever := b.temperature - p.Temperature
	b.temperature += lag(pace, 25*60) * (p.Temperature + 2.4*infection + 0.6*b.exertion + 0.2*daily + 0.08*b.driftTemperature.next(b.random) - b.temperature)

	b.breathe(infection, opioid, blood, fever, cause[Oxygen], pace)
	b.circulate(infection, opioid, blood, fever, daily)
	b.burn(cause[Insulin], hour, pace)
}

// breathe is ventilation and gas exchange. CO2 is made and washed out; oxygen is
// brought and used up; both follow the ventilation that reaches the alveoli.
// Sources: alveolar gas balance as in West, Respiratory Physiology; without
// breath CO2 rises about 4 mm[Hg] a minute (Stock et al. 1989); saturation by
// Severinghaus 1979, doi 10.1152/jappl.1979.46.3.599.
func (b *body) breathe(infection, opioid, blood, fever, oxygen, pace float64) {
	p := b.p
	lacking := math.Max(0, 92-b.saturation)
	drive := p.RespRate + 2*fever + 9*infection + 25*blood + 26*b.exertion + 0.35*lacking
	drive = drive*(1-0.85*opioid) + 0.25*math.Max(0, b.carbon-42)*(1-opioid)
	b.respRate += lag(1, 8) * (clamp(drive+0.7*b.driftBreath.next(b.random), 0, 45) - b.respRate)
	b.depth += lag(1, 8) * (1 + 0.6*b.exertion - 0.15*opioid - b.depth)

	const tidal, dead = 0.5, 0.15 // L
	flow := b.respRate * math.Max(0, tidal*b.depth-dead) / (p.RespRate * (tidal - dead))
	use := (1 + 0.1*fever + 3.5*b.exertion) * (1 - 0.1*opioid)
	minutes := pace / 60
	b.carbon = clamp(b.carbon+minutes*4*(use-flow*b.carbon/40), 12, 160)
	in := inspired(p.OxygenFraction + oxygen)
	// Implicit step: stable at any pace.
	k := minutes / 0.7
	b.alveolar = clamp((b.alveolar+k*(flow*in-50*use))/(1+k*flow), 18, in)
	gap := b.restGap + 60*infection
	b.saturation += lag(pace, 20) * (clamp(saturationAt(b.alveolar-gap), 30, 100) - b.saturation)
	b.saturation = clamp(b.saturation+0.03*b.driftOxygen.next(b.random), 30, 100)
}

// circulate is heart rate and blood pressure: mean pressure is rate times stroke
// volume times resistance, all relative to rest; the pulse pressure follows the
// stroke volume. Fever adds 8.5 beats a minute per kelvin; blood loss follows the
// ATLS classes (15 %: faster, pressure kept; 30 %: 120/min, pressure falls;
// 40 %: 140/min, shock).
func (b *body) circulate(infection, opioid, blood, fever, daily float64) {
	p := b.p
	lacking := math.Max(0, 92-b.saturation)
	hungry := clamp((70-b.glucose)/25, 0, 1)
	rate := p.HeartRate*(1+2.2*blood) + 8.5*fever + 25*infection + 0.75*math.Max(30, 220-float64(p.Age)-p.HeartRate)*b.exertion +
		math.Min(1.2*lacking, 30) + 20*hungry - 8*opioid + 2*daily
	filling := 1.0
	switch {
	case p.Fibrillating: // known for long, slowed by drugs
		rate, filling = rate+12, 0.85
	case b.fibrillating: // new
		rate, filling = rate+38, 0.66
	}
	if b.saturation < 55 { // the heart itself lacks oxygen
		rate *= 1 - (55-b.saturation)/60
	}
	rate = clamp(rate+1.5*b.driftHeart.next(b.random), 28, math.Max(100, 225-float64(p.Age)))
	b.heartRate += lag(1, 10) * (rate - b.heartRate)

	b.stroke = clamp((1-1.9*blood)*(1-0.35*infection)*(1+0.3*b.exertion)*filling, 0.12, 1.5)
	resistance := (1 + 0.6*blood) * (1 - 0.38*infection) * (1 - 0.45*b.exertion) * (1 - 0.1*opioid)
	output := b.heartRate / p.HeartRate * b.stroke * resistance
	if output > 1 { // the baroreflex gives way more slowly upwards
		output = math.Sqrt(output)
	}
	mean := b.restMean*output + 2.5*b.driftPressure.next(b.random)
	pulse := b.restPulse * b.stroke * (1 + 0.15*infection) * (1 + 0.4*b.exertion)
	b.systolic += lag(1, 12) * (mean + 2*pulse/3 - b.systolic)
	b.diastolic += lag(1, 12) * (mean - pulse/3 - b.diastolic)
	b.perfusion = clamp((1-1.9*blood)*(1-0.45*infection), 0.1, 1.2)
	b.variability = clamp((1-0.75*infection)*(1-1.8*blood)*(1-0.6*b.exertion)*(p.HeartRate/b.heartRate), 0.08, 1.6)
}

// meals begin at these hours and are taken up over about two hours.
var meals = [...]float64{8, 12.5, 18.5}

// burn is glucose: made and used towards the resting value, lowered by insulin
// that was given, raised by meals. The sensor lies under the skin, where glucose
// follows with a delay of about 8 min (Basu et al. 2013, doi 10.2337/db13-1132).
func (b *body) burn(insulin, hour, pace float64) {
	minutes := pace / 60
	back := 1.0 / 60 // a share each minute
	if b.p.Diabetic {
		back = 1.0 / 300
	}
	rate := -2 * insulin
	if insulin == 0 {
		height := 45.0
		if b.p.Diabetic {
			height = 100
		}
		for _, m := range meals {
			if t := math.Mod(hour-m+24, 24) * 60; t < 240 {
				rate += height * t / (25 * 25) * math.Exp(-t/25)
			}
		}
	} else if insulin > 0 {
		back /= 4
	}
	b.glucose = clamp(b.glucose+minutes*(rate+back*(b.p.Glucose-b.glucose)), 22, 480)
	b.tissue += lag(pace, 8*60) * (b.glucose - b.tissue)
}

// inspired is the oxygen pressure in mm[Hg] that reaches the alveoli at sea level.
func inspired(share float64) float64 { return clamp(share, 0.21, 1) * 713 }

// saturationAt is the share of haemoglobin with oxygen, in %, at that pressure.
func saturationAt(pressure float64) float64 {
	p := math.Max(pressure, 1)
	return 100 / (23400/(p*p*p+150*p) + 1)
}

// pressureAt is the other way round, by halving.
func pressureAt(saturation float64) float64 {
	low, high := 1.0, 700.0
	for range 60 {
		if m := (low + high) / 2; saturationAt(m) < saturation {
			low = m
		} else {
			high = m
		}
	}
	return low
}

// lag is the share of the way to its target that something with time constant
// tau goes in a step.
func lag(step, tau float64) float64 { return 1 - math.Exp(-step/tau) }

func clamp(v, low, high float64) float64 { return math.Min(math.Max(v, low), high) }
