package signal

import (
	"math"
	"slices"
)

// PeakRule says which local maxima count. The zero value takes them all.
type PeakRule struct {
	Height     *float64 // at least this high; nil: any
	Distance   int      // at least this many samples apart: the lower one goes
	Prominence float64  // stands out at least this far from what surrounds it
}

// Peaks returns the indexes of the local maxima of x that the rule lets count,
// in order. A flat top counts once, at its middle; the ends never count.
// Conditions apply in the order height, distance, prominence, as in SciPy's
// find_peaks.
func Peaks(x []float64, rule PeakRule) []int {
	peaks := maxima(x)
	if rule.Height != nil {
		peaks = slices.DeleteFunc(peaks, func(p int) bool { return !(x[p] >= *rule.Height) })
	}
	if rule.Distance > 1 {
		peaks = apart(x, peaks, rule.Distance)
	}
	if rule.Prominence > 0 {
		peaks = slices.DeleteFunc(peaks, func(p int) bool { return !(Prominence(x, p) >= rule.Prominence) })
	}
	return peaks
}

func maxima(x []float64) []int {
	var peaks []int
	for i := 1; i < len(x)-1; {
		if !(x[i-1] < x[i]) {
			i++
			continue
		}
		end := i + 1
		for end < len(x)-1 && x[end] == x[i] {
			end++
		}
		if x[end] < x[i] {
			peaks = append(peaks, (i+end-1)/2)
		}
		i = end
	}
	return peaks
}

// apart keeps the highest peaks first, of equals the earlier, and drops whatever
// is too near to one that is kept.
func apart(x []float64, peaks []int, distance int) []int {
	order := make([]int, len(peaks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case x[peaks[a]] > x[peaks[b]]:
			return -1
		case x[peaks[a]] < x[peaks[b]]:
			return 1
		}
		return 0
	})
	dropped := make([]bool, len(peaks))
	for _, i := range order {
		if dropped[i] {
			continue
		}
		for j := i - 1; j >= 0 && peaks[i]-peaks[j] < distance; j-- {
			dropped[j] = true
		}
		for j := i + 1; j < len(peaks) && peaks[j]-peaks[i] < distance; j++ {
			dropped[j] = true
		}
	}
	var kept []int
	for i, p := range peaks {
		if !dropped[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// Prominence returns how far a peak stands above the higher of the two lowest
// points between it and higher ground (or the end) on each side.
func Prominence(x []float64, peak int) float64 {
	left, right := math.Inf(1), math.Inf(1)
	for i := peak; i >= 0 && x[i] <= x[peak]; i-- {
		left = min(left, x[i])
	}
	for i := peak; i < len(x) && x[i] <= x[peak]; i++ {
		right = min(right, x[i])
	}
	return x[peak] - max(left, right)
}
