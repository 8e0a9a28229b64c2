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
	base, ok := f.toBase(rational(v))
	if !ok {
		return Decimal{}, Errorf(Invalid, "%s %s has no value in %s", v, from, to)
	}
	x, ok := t.fromBase(base.Mul(base, bridge))
	if !ok {
		return Decimal{}, Errorf(Invalid, "%s %s has no value in %s", v, from, to)
	}
	exact, rounded := exactDigits, roundedDigits
	if isLevel(f) || isLevel(t) {
		exact, rounded = levelDigits, levelDigits
	}
	d, ok := decimalOf(x, exact, rounded)
	if !ok {
		return Decimal{}, Errorf(Invalid, "%s %s is too large or too small a number of %s", v, from, to)
	}
	return d, nil
}

func isLevel(u *unit) bool { return u.special != nil && !u.special.affine() }

func rational(d Decimal) *big.Rat {
	r := new(big.Rat).SetInt64(d.Mantissa)
	power := new(big.Rat).SetInt(tenTo(max(int(d.Exponent), -int(d.Exponent))))
	if d.Exponent < 0 {
		return r.Quo(r, power)
	}
	return r.Mul(r, power)
}

func tenTo(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// decimalOf returns r exactly if exact digits are enough, else rounded half to
// even to the given number of significant digits.
func decimalOf(r *big.Rat, exact, rounded int) (Decimal, bool) {
	if r.Sign() == 0 {
		return Decimal{}, true
	}
	for _, digits := range [...]int{exact, rounded} {
		m, exp, remainder := roundTo(r, digits)
		if digits == exact && remainder && exact != rounded {
			continue
		}
		for exp < 0 && m%10 == 0 {
			m, exp = m/10, exp+1
		}
		for exp > 0 && exp <= 18 && magnitude(m) <= (1<<63-1)/10 && digitCount(m) < exactDigits {
			m, exp = m*10, exp-1
		}
		if exp < -128 || exp > 127 {
			return Decimal{}, false
		}
		return Decimal{m, int8(exp)}, true
	}
	return Decimal{}, false
}

func digitCount(m int64) int { return digits(magnitude(m)) }

// roundTo returns r as m*10^exp with the given number of significant digits, and
// whether something was rounded away.
func roundTo(r *big.Rat, places int) (m int64, exp int, inexact bool) {
	// An estimate of the power of ten of the leading digit, corrected below.
	lead := int(float64(r.Num().BitLen()-r.Denom().BitLen()) * 0.30103)
	for {
		exp = lead - places + 1
		num, den := new(big.Int).Abs(r.Num()), new(big.Int).Set(r.Denom())
		if exp < 0 {
			num.Mul(num, tenTo(-exp))
		} else {
			den.Mul(den, tenTo(exp))
		}
		quotient, rest := new(big.Int).QuoRem(num, den, new(big.Int))
		half := rest.Lsh(rest, 1).Cmp(den)
		inexact = rest.Sign() != 0
		if half > 0 || half == 0 && quotient.Bit(0) == 1 {
			quotient.Add(quotient, big.NewInt(1))
		}
		count := len(quotient.String())
		if quotient.Sign() == 0 || count < places {
			lead--
			continue
		}
		if count > places {
			lead++
			continue
		}
		m = quotient.Int64()
		if r.Sign() < 0 {
			m = -m
		}
		return m, exp, inexact
	}
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
