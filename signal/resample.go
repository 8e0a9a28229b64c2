package signal

import (
	"fmt"
	"math"
)

const maxRatio = 10_000

// Resample returns x at up/down times its rate, low-passed below half of the
// lower rate by a Kaiser-windowed sinc (beta 5, ten samples of the lower rate to
// each side). The result has ceil(len(x)*up/down) samples, the first at the same
// time; beyond the ends the signal counts as zero.
// Source: Crochiere and Rabiner 1981, doi:10.1109/PROC.1981.11969; Kaiser 1974.
func Resample(x []float64, up, down int) ([]float64, error) {
	if up < 1 || down < 1 {
		return nil, fmt.Errorf("resampling by %d/%d: want whole numbers from 1", up, down)
	}
	divisor := gcd(up, down)
	up, down = up/divisor, down/divisor
	if up > maxRatio || down > maxRatio {
		return nil, fmt.Errorf("resampling by %d/%d: want a ratio of numbers up to %d", up, down, maxRatio)
	}
	if up == 1 && down == 1 {
		return append([]float64(nil), x...), nil
	}
	half := 10 * max(up, down)
	h := kaiserSinc(half, max(up, down), float64(up))
	y := make([]float64, (len(x)*up+down-1)/down)
	for m := range y {
		// Between x[i] and x[i+1] lie up-1 zeros; of the filter's taps only every
		// up-th meets a sample.
		centre := m * down
		from := max((centre-half+up-1)/up, 0)
		to := min((centre+half)/up, len(x)-1)
		for i := from; i <= to; i++ {
			y[m] += x[i] * h[centre-i*up+half]
		}
	}
	return y, nil
}

// kaiserSinc returns 2*half+1 taps that pass below 1/(2*rate), with the given sum.
func kaiserSinc(half, rate int, sum float64) []float64 {
	const beta = 5
	h := make([]float64, 2*half+1)
	total := 0.0
	for i := range h {
		t := float64(i-half) / float64(half)
		h[i] = sinc(float64(i-half)/float64(rate)) * bessel(beta*math.Sqrt(1-t*t))
		total += h[i]
	}
	for i := range h {
		h[i] *= sum / total
	}
	return h
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel is the modified Bessel function of the first kind and order zero, by
// its power series (Abramowitz and Stegun 1964, 9.6.12).
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
