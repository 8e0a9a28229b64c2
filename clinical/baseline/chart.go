package baseline

import "math"

// The control charts look for a change that lasts: one hour three spreads away
// is an event, ten hours one spread away are a change. Both take z, one step an
// hour. The run lengths of the textbooks are for independent normal values; hours
// of one person follow each other, so false alarms come more often than they say.

// Design of the CUSUM: half a spread of slack finds a shift of one spread
// soonest; a threshold of 5 gives an in-control run of 465 steps and finds a
// shift of one spread after 10.4.
//
// Source: Montgomery DC, Introduction to Statistical Quality Control, chapter 9
// (k 0.5, h 4 or 5), as in the CUSUM template of SigmaXL (k 0.5, h 5) and in the
// biosurveillance text quoting Montgomery 2001 (h of 5 standard deviations). The
// run lengths are computed again in the tests.
const (
	CusumSlack     = 0.5
	CusumThreshold = 5.0
)

// Cusum is a two-sided tabular CUSUM of z. The zero value is its start.
type Cusum struct {
	High float64 `json:"high"`
	Low  float64 `json:"low"`
}

// Step takes the next z.
func (c Cusum) Step(z float64) Cusum {
	return Cusum{High: max(0, c.High+z-CusumSlack), Low: max(0, c.Low-z-CusumSlack)}
}

// Out reports whether the values have moved up (1), down (-1) or not (0).
func (c Cusum) Out() int {
	switch {
	case c.High > CusumThreshold && c.High >= c.Low:
		return 1
	case c.Low > CusumThreshold:
		return -1
	}
	return 0
}

// Design of the EWMA: a weight of 0.1 with limits of 2.7 widths gives an
// in-control run of some 370 steps, as three-sigma limits do, and finds a shift of
// one spread after 9.7.
//
// Source: Lucas JM, Saccucci MS, Technometrics 1990;32:1 (weight 0.1, limit
// 2.703), as in the EWMA template of SigmaXL (0.1, 2.7). The run lengths are
// computed again in the tests.
const (
	EWMAWeight = 0.1
	EWMALimit  = 2.7
)

// EWMA is an exponentially weighted moving average of z. The zero value is its start.
type EWMA struct {
	Value float64 `json:"value"`
	N     int     `json:"n"`
}

// Step takes the next z.
func (e EWMA) Step(z float64) EWMA {
	return EWMA{Value: (1-EWMAWeight)*e.Value + EWMAWeight*z, N: min(e.N+1, 1<<30)}
}

// Limit is how far Value may be from 0 after N steps.
func (e EWMA) Limit() float64 {
	return EWMALimit * math.Sqrt(EWMAWeight/(2-EWMAWeight)*(1-math.Pow(1-EWMAWeight, 2*float64(e.N))))
}

// Out reports whether the values have moved up (1), down (-1) or not (0).
func (e EWMA) Out() int {
	switch limit := e.Limit(); {
	case e.N == 0:
		return 0
	case e.Value > limit:
		return 1
	case e.Value < -limit:
		return -1
	}
	return 0
}
