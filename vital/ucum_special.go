package vital

import (
	"math"
	"math/big"
)

// special is a unit whose scale is not proportional to its base unit. Affine
// ones (temperatures) stay exact; levels go through float64 and are rounded to
// levelDigits.
type special struct {
	metric bool
	base   string   // the proportional unit behind it
	slope  *big.Rat // affine: base = (value + shift) * slope
	shift  *big.Rat
	up     func(float64) float64 // level: value -> base
	down   func(float64) float64 // level: base -> value
}

func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }

func level(base string, divisor float64) *special {
	return &special{metric: true, base: base,
		up:   func(v float64) float64 { return math.Pow(10, v/divisor) },
		down: func(x float64) float64 { return divisor * math.Log10(x) },
	}
}

// specials are the special units of UCUM that devices send. Divisors: a bel is a
// power of ten of power, and two bels of a field quantity.
// Source: UCUM 2.1, sections 22, 45 and 46.
var specials = map[string]*special{
	"Cel":     {metric: true, base: "K", slope: ratio(1, 1), shift: ratio(27315, 100)},
	"[degF]":  {base: "K", slope: ratio(5, 9), shift: ratio(45967, 100)},
	"[degRe]": {base: "K", slope: ratio(5, 4), shift: ratio(21852, 100)},
	"[pH]": {base: "mol/l",
		up:   func(v float64) float64 { return math.Pow(10, -v) },
		down: func(x float64) float64 { return -math.Log10(x) }},
	"Np": {metric: true, base: "1", up: math.Exp, down: math.Log},
	"B":  level("1", 1), "B[W]": level("W", 1), "B[kW]": level("kW", 1),
	"B[SPL]": level("20.uPa", 2), "B[V]": level("V", 2), "B[mV]": level("mV", 2), "B[uV]": level("uV", 2), "B[10.nV]": level("10.nV", 2),
}

func (s *special) dimension() dimension {
	u, _ := definitions(s.base)
	return u.dim
}

func (s *special) affine() bool { return s.slope != nil }

// toBase returns v, counted in factor times this unit, in base units.
func (u unit) toBase(v *big.Rat) (*big.Rat, bool) {
	x := new(big.Rat).Mul(v, u.factor)
	s := u.special
	if s == nil {
		return x, true
	}
	base, ok := definitions(s.base)
	if !ok {
		return nil, false
	}
	if s.affine() {
		x.Add(x, s.shift)
		x.Mul(x, s.slope)
		return x.Mul(x, base.factor), true
	}
	f, _ := x.Float64()
	if x, ok = finite(s.up(f)); !ok || x.Sign() == 0 { // 0: too small for float64
		return nil, false
	}
	return x.Mul(x, base.factor), true
}

// fromBase is the inverse of toBase.
func (u unit) fromBase(x *big.Rat) (*big.Rat, bool) {
	s := u.special
	if s == nil {
		return new(big.Rat).Quo(x, u.factor), true
	}
	base, ok := definitions(s.base)
	if !ok {
		return nil, false
	}
	v := new(big.Rat).Quo(x, base.factor)
	if s.affine() {
		v.Quo(v, s.slope)
		v.Sub(v, s.shift)
		return v.Quo(v, u.factor), true
	}
	f, _ := v.Float64()
	if v, ok = finite(s.down(f)); !ok {
		return nil, false
	}
	return v.Quo(v, u.factor), true
}

func finite(f float64) (*big.Rat, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, false
	}
	return new(big.Rat).SetFloat64(f), true
}
