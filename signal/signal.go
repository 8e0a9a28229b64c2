// Package signal holds the filters that every reading of a waveform begins with:
// Butterworth and notch filters as second-order sections, forward or without
// phase, resampling, moving windows, medians, peaks and slopes.
//
// Why our own: a clinical result must be the same on every machine and explain
// itself, and these are a few hundred lines with a known reference each. Tests
// compare them with closed forms and with vectors from SciPy 1.17.
//
// Samples are float64 in whatever unit the caller has; hz is samples per second.
// A missing sample has no place here: cut the signal at gaps first. Functions
// return new slices and leave their input alone.
package signal

import (
	"iter"
	"math"
	"slices"
)

// Windows yields the beginning and end of each window of size samples, step
// apart, that lies wholly within n samples. Too few samples yield none.
func Windows(n, size, step int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		if size < 1 || step < 1 {
			return
		}
		for from := 0; from+size <= n; from += step {
			if !yield(from, from+size) {
				return
			}
		}
	}
}

// MovingMean returns the mean of the size samples around each sample; at the
// ends, of those that are there. An even size reaches one further back.
func MovingMean(x []float64, size int) []float64 {
	y := make([]float64, len(x))
	sums := make([]float64, len(x)+1)
	var lost float64 // Kahan's correction, so that a day of samples adds up
	for i, v := range x {
		term := v - lost
		next := sums[i] + term
		lost = next - sums[i] - term
		sums[i+1] = next
	}
	for i := range x {
		from, to := around(i, size, len(x))
		y[i] = (sums[to] - sums[from]) / float64(to-from)
	}
	return y
}

// MovingMedian returns the median of the size samples around each sample; at the
// ends, of those that are there. It removes spikes and keeps edges.
func MovingMedian(x []float64, size int) []float64 {
	y := make([]float64, len(x))
	var window []float64 // sorted
	have := 0            // x[first:have] is in the window
	first := 0
	for i := range x {
		from, to := around(i, size, len(x))
		for ; have < to; have++ {
			at, _ := slices.BinarySearch(window, x[have])
			window = slices.Insert(window, at, x[have])
		}
		for ; first < from; first++ {
			at, _ := slices.BinarySearch(window, x[first])
			window = slices.Delete(window, at, at+1)
		}
		middle := len(window) / 2
		y[i] = window[middle]
		if len(window)%2 == 0 {
			y[i] = window[middle-1] + (window[middle]-window[middle-1])/2
		}
	}
	return y
}

// around returns the window of size samples centred on i, cut to n.
func around(i, size, n int) (from, to int) {
	size = max(size, 1)
	from = i - size/2
	return max(from, 0), min(from+size, n)
}

// Mean returns the mean of x, NaN of nothing.
func Mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

// Deviation returns the standard deviation of a sample (divisor n-1), NaN of
// fewer than two.
func Deviation(x []float64) float64 {
	if len(x) < 2 {
		return math.NaN()
	}
	mean, sum := Mean(x), 0.0
	for _, v := range x {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(x)-1))
}

// Median returns the median of x, NaN of nothing.
func Median(x []float64) float64 { return Quantile(x, 0.5) }

// Quantile returns the q-quantile of x by linear interpolation, NaN of nothing.
// Source: Hyndman and Fan 1996, type 7, doi:10.1080/00031305.1996.10473566.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(x))
	at := min(max(q, 0), 1) * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// Derivative returns the slope of x in its unit per second: central differences,
// one-sided at the two ends. Fewer than two samples have none: zero.
func Derivative(x []float64, hz float64) []float64 {
	y := make([]float64, len(x))
	last := len(x) - 1
	if last < 1 {
		return y
	}
	y[0] = (x[1] - x[0]) * hz
	y[last] = (x[last] - x[last-1]) * hz
	for i := 1; i < last; i++ {
		y[i] = (x[i+1] - x[i-1]) * hz / 2
	}
	return y
}
