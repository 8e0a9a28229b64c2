package vital

import (
	"math/big"
	"sync"
	"sync/atomic"
)

// The rounding rule of every conversion: the value is computed exactly, as a
// ratio of whole numbers. If it ends as a decimal of at most 18 digits it is
// returned exactly, without trailing zeros; otherwise it is rounded to 15
// significant digits, half to even. Levels and pH pass through float64 and are
// rounded to 12. A value already in the wanted unit is returned as it is, with
// all its digits. How many digits a screen shows is decided there.
const (
	exactDigits   = 18
	roundedDigits = 15
	levelDigits   = 12
)

// Convert returns v, counted in the UCUM unit from, in the unit to.
func Convert(v Decimal, from, to string) (Decimal, error) {
	if from == to {
		return v, ValidUnit(from)
	}
	f, t, err := parsePair(from, to)
	if err != nil {
		return Decimal{}, err
	}
	bridge, ok := bridgeUnits(f, t, Decimal{}, 1)
	if !ok {
		return Decimal{}, Errorf(Invalid, "unit %q cannot be converted to %q: they measure different things", from, to)
	}
	return convert(v, f, t, bridge, from, to)
}

// ValidUnit returns nil if u is a UCUM unit in the case sensitive form that
// Vigil can convert. Results are remembered, so it may be asked per reading.
func ValidUnit(u string) error {
	_, err := lookUnit(u)
	return err
}

// Commensurable reports whether Convert can turn one unit into the other.
func Commensurable(from, to string) bool {
	f, t, err := parsePair(from, to)
	if err != nil {
		return false
	}
	_, ok := bridgeUnits(f, t, Decimal{}, 1)
	return ok
}

func parsePair(from, to string) (*unit, *unit, error) {
	f, err := lookUnit(from)
	if err != nil {
		return nil, nil, err
	}
	t, err := lookUnit(to)
	return f, t, err
}

// parsed remembers units that were asked for. Bad ones are not remembered, and
// good ones only up to a bound: annotations make them endless.
var (
	parsed      sync.Map // string -> *unit
	parsedCount atomic.Int32
)

const maxParsed = 4096

func lookUnit(text string) (*unit, error) {
	if u, ok := parsed.Load(text); ok {
		return u.(*unit), nil
	}
	u, err := parseUnit(text)
	if err != nil {
		return nil, err
	}
	if parsedCount.Load() < maxParsed {
		if _, loaded := parsed.LoadOrStore(text, &u); !loaded {
			parsedCount.Add(1)
		}
	}
	return &u, nil
}

// bridgeUnits returns what a value in f, in base units, is multiplied by to
// count base units of t: 1 where they have the same dimension; by molar mass
// between mass and amount; by charge between equivalents and amount.
func bridgeUnits(f, t *unit, molar Decimal, charge int) (*big.Rat, bool) {
	if f.arbitrary != t.arbitrary {
		return nil, false
	}
	bridge, dim := big.NewRat(1, 1), f.dim
	if n := t.dim[equiv] - dim[equiv]; n != 0 && charge != 0 {
		// n more equivalents, n fewer moles: 1 mol is charge eq.
		dim[equiv] += n
		dim[mole] -= n
		raise(bridge, big.NewRat(int64(charge), 1), n)
	}
	if n := t.dim[mole] - dim[mole]; n != 0 && molar.Mantissa != 0 && t.dim[gram]-dim[gram] == -n {
		dim[mole] += n
		dim[gram] -= n
		raise(bridge, new(big.Rat).Inv(rational(molar)), n)
	}
	return bridge, dim == t.dim
}

func raise(r, factor *big.Rat, power int8) {
	if power < 0 {
		factor, power = new(big.Rat).Inv(factor), -power
	}
	for range power {
		r.Mul(r, factor)
	}
}

func convert(v Decimal, f, t *unit, bridge *big.Rat, from, to string) (Decimal, error) {
	d, ok := Decimal{}, false
	if isLevel(f) || isLevel(t) {
		d, ok = convertLevel(v, f, t, bridge)
	} else {
		d, ok = lineOf(f, t, bridge, from, to).apply(v)
	}
	if !ok {
		return Decimal{}, Errorf(Invalid, "%s %s has no value in %s that can be kept", v, from, to)
	}
	return d, nil
}

func convertLevel(v Decimal, f, t *unit, bridge *big.Rat) (Decimal, bool) {
	base, ok := f.toBase(rational(v))
	if !ok {
		return Decimal{}, false
	}
	x, ok := t.fromBase(base.Mul(base, bridge))
	if !ok {
		return Decimal{}, false
	}
	return decimalOf(x.Num(), x.Denom(), levelDigits, levelDigits)
}

func isLevel(u *unit) bool { return u.special != nil && !u.special.affine() }

// line is an exact conversion between proportional or affine units: the result
// of v is (v*slope + shift) / divisor, all whole numbers.
type line struct{ slope, shift, divisor *big.Int }

type linePair struct{ from, to, bridge string }

// lines remembers the lines of pairs that were asked for, up to a bound.
var (
	lines     sync.Map // linePair -> line
	lineCount atomic.Int32
)

func lineOf(f, t *unit, bridge *big.Rat, from, to string) line {
	pair := linePair{from, to, ""}
	if bridge.Cmp(ratio(1, 1)) != 0 {
		pair.bridge = bridge.String()
	}
	if l, ok := lines.Load(pair); ok {
		return l.(line)
	}
	// A line goes through its values at 0 and 1.
	at := func(v int64) *big.Rat {
		base, _ := f.toBase(ratio(v, 1))
		x, _ := t.fromBase(base.Mul(base, bridge))
		return x
	}
	shift := at(0)
	slope := at(1)
	slope.Sub(slope, shift)
	l := line{
		slope:   new(big.Int).Mul(slope.Num(), shift.Denom()),
		shift:   new(big.Int).Mul(shift.Num(), slope.Denom()),
		divisor: new(big.Int).Mul(slope.Denom(), shift.Denom()),
	}
	if lineCount.Load() < maxParsed {
		if _, loaded := lines.LoadOrStore(pair, l); !loaded {
			lineCount.Add(1)
		}
	}
	return l
}

func (l line) apply(v Decimal) (Decimal, bool) {
	number := big.NewInt(v.Mantissa)
	divisor, shift := l.divisor, l.shift
	if v.Exponent >= 0 {
		number.Mul(number, tenTo(int(v.Exponent)))
	} else {
		power := tenTo(-int(v.Exponent))
		divisor = new(big.Int).Mul(divisor, power)
		shift = new(big.Int).Mul(shift, power)
	}
	number.Mul(number, l.slope)
	number.Add(number, shift)
	return decimalOf(number, divisor, exactDigits, roundedDigits)
}

func rational(d Decimal) *big.Rat {
	r := new(big.Rat).SetInt64(d.Mantissa)
	if d.Exponent < 0 {
		return r.Quo(r, new(big.Rat).SetInt(tenTo(-int(d.Exponent))))
	}
	return r.Mul(r, new(big.Rat).SetInt(tenTo(int(d.Exponent))))
}

var powersOfTen = func() (powers [192]*big.Int) {
	powers[0] = big.NewInt(1)
	for i := 1; i < len(powers); i++ {
		powers[i] = new(big.Int).Mul(powers[i-1], big.NewInt(10))
	}
	return powers
}()

// tenTo returns 10^n, which must not be changed.
func tenTo(n int) *big.Int {
	if n < len(powersOfTen) {
		return powersOfTen[n]
	}
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// decimalOf returns number/divisor (above zero) exactly if exact digits are
// enough, else rounded half to even to the given number of significant digits.
func decimalOf(number, divisor *big.Int, exact, rounded int) (Decimal, bool) {
	if number.Sign() == 0 {
		return Decimal{}, true
	}
	m, exp, inexact := roundTo(number, divisor, exact)
	if inexact && exact != rounded {
		m, exp, _ = roundTo(number, divisor, rounded)
	}
	for exp < 0 && m%10 == 0 {
		m, exp = m/10, exp+1
	}
	for exp > 0 && exp <= exactDigits && digits(magnitude(m)) < exactDigits {
		m, exp = m*10, exp-1
	}
	if exp < -128 || exp > 127 {
		return Decimal{}, false
	}
	return Decimal{m, int8(exp)}, true
}

// roundTo returns number/divisor as m*10^exp with the given number of significant
// digits, at most 18, and whether something was rounded away.
func roundTo(number, divisor *big.Int, places int) (m int64, exp int, inexact bool) {
	// An estimate of the power of ten of the leading digit, corrected below.
	lead := int(float64(number.BitLen()-divisor.BitLen()) * 0.30103)
	var scaled, quotient, rest big.Int
	for {
		exp = lead - places + 1
		scaled.Abs(number)
		by := divisor
		if exp < 0 {
			scaled.Mul(&scaled, tenTo(-exp))
		} else if exp > 0 {
			by = new(big.Int).Mul(divisor, tenTo(exp))
		}
		quotient.QuoRem(&scaled, by, &rest)
		inexact = rest.Sign() != 0
		half := rest.Lsh(&rest, 1).Cmp(by)
		if half > 0 || half == 0 && quotient.Bit(0) == 1 {
			quotient.Add(&quotient, big.NewInt(1))
		}
		switch count := digitsOf(&quotient); {
		case count < places:
			lead--
		case count > places:
			lead++
		default:
			m = quotient.Int64()
			if number.Sign() < 0 {
				m = -m
			}
			return m, exp, inexact
		}
	}
}

// digitsOf counts the digits of n as far as 19; zero has none.
func digitsOf(n *big.Int) int {
	switch {
	case n.Sign() == 0:
		return 0
	case n.IsInt64():
		return digits(uint64(n.Int64()))
	}
	return len(tens)
}

// InternUnit returns unit as a string, the remembered one where there is one, so
// that reading a packet needs no new memory for it.
func InternUnit(unit []byte) string {
	if u := wellKnown[string(unit)]; u != "" {
		return u
	}
	return string(unit)
}

// wellKnown are the units of the table of metrics.
var wellKnown = func() map[string]string {
	units := map[string]string{}
	for _, m := range Metrics {
		for _, u := range append([]string{m.Unit}, m.Display...) {
			units[u] = u
		}
	}
	return units
}()
