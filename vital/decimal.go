package vital

import (
	"math"
	"math/bits"
	"strconv"
)

// Decimal is an exact decimal number: Mantissa * 10^Exponent. The digits that a
// device sent are clinical information (36.60 is not 36.6), so they are kept.
type Decimal struct {
	Mantissa int64
	Exponent int8
}

// Whole returns n as a Decimal.
func Whole(n int64) Decimal { return Decimal{Mantissa: n} }

// ParseDecimal reads a JSON-style number exactly. What does not fit an int64
// mantissa and an int8 exponent is Invalid, never rounded. Minus zero is zero.
func ParseDecimal(s string) (Decimal, error) {
	d, why := scanDecimal(s)
	if why != "" {
		return Decimal{}, Errorf(Invalid, "number %.40q: %s", s, why)
	}
	return d, nil
}

// ParseDecimalBytes is ParseDecimal for the bytes of a packet, without a copy.
func ParseDecimalBytes(b []byte) (Decimal, error) {
	d, why := scanDecimal(b)
	if why != "" {
		return Decimal{}, Errorf(Invalid, "number %.40q: %s", b, why)
	}
	return d, nil
}

const maxNumberText = 64

// scanDecimal reads s, or says why it cannot.
func scanDecimal[T string | []byte](s T) (d Decimal, why string) {
	if len(s) == 0 || len(s) > maxNumberText {
		return d, "want 1 to 64 characters"
	}
	i, negative := 0, false
	if s[0] == '-' || s[0] == '+' {
		negative, i = s[0] == '-', 1
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var m uint64
	digits, point, exp := 0, -1, 0
	for ; i < len(s); i++ {
		c := s[i]
		if c == '.' && point < 0 {
			point = digits
			continue
		}
		if c == 'e' || c == 'E' {
			break
		}
		if c < '0' || c > '9' {
			return d, "not a decimal number"
		}
		high, low := bits.Mul64(m, 10)
		low, carry := bits.Add64(low, uint64(c-'0'), 0)
		if high+carry != 0 || low > limit {
			return d, "more digits than can be kept exactly"
		}
		m = low
		digits++
	}
	if digits == 0 {
		return d, "no digits"
	}
	if point == 0 || point == digits {
		return d, "want digits on both sides of the point"
	}
	if point > 0 {
		exp = point - digits
	}
	if i < len(s) {
		e, ok := scanExponent(s[i+1:])
		if !ok {
			return d, "exponent is not a small whole number"
		}
		exp += e
	}
	if exp > math.MaxInt8 || exp < math.MinInt8 {
		return d, "exponent is out of range"
	}
	d.Mantissa, d.Exponent = int64(m), int8(exp)
	if negative {
		d.Mantissa = -d.Mantissa
	}
	return d, ""
}

func scanExponent[T string | []byte](s T) (int, bool) {
	i, sign := 0, 1
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		if s[0] == '-' {
			sign = -1
		}
		i = 1
	}
	if i == len(s) || len(s)-i > 3 {
		return 0, false
	}
	e := 0
	for ; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		e = e*10 + int(s[i]-'0')
	}
	return sign * e, true
}

// String prints the number with all its digits, without an exponent where it is
// short: Decimal{3660, -2} is "36.60". What it prints is a JSON number and
// parses to an equal value; for exponents up to 0 to the same Decimal.
func (d Decimal) String() string { return string(d.Append(nil)) }

// Append appends what String returns.
func (d Decimal) Append(b []byte) []byte {
	if d.Exponent == 0 {
		return strconv.AppendInt(b, d.Mantissa, 10)
	}
	if d.Exponent > 0 && d.Mantissa == 0 {
		return append(b, '0')
	}
	if plain := d.Exponent <= 6 && d.Exponent >= -int8(len(zeros)) && fitsPlain(d); !plain {
		b = append(strconv.AppendInt(b, d.Mantissa, 10), 'e')
		return strconv.AppendInt(b, int64(d.Exponent), 10)
	}
	if d.Exponent > 0 {
		return append(strconv.AppendInt(b, d.Mantissa, 10), zeros[:d.Exponent]...)
	}
	if d.Mantissa < 0 {
		b = append(b, '-')
	}
	var text [20]byte
	s, places := strconv.AppendUint(text[:0], magnitude(d.Mantissa), 10), int(-d.Exponent)
	if len(s) <= places {
		b = append(append(b, "0."...), zeros[:places-len(s)]...)
		return append(b, s...)
	}
	b = append(append(b, s[:len(s)-places]...), '.')
	return append(b, s[len(s)-places:]...)
}

const zeros = "00000000000000000000"

// fitsPlain reports whether d written without an exponent can be read back.
func fitsPlain(d Decimal) bool {
	if d.Exponent <= 0 {
		return true
	}
	high, low := bits.Mul64(magnitude(d.Mantissa), tens[d.Exponent])
	return high == 0 && low <= math.MaxInt64
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// Float returns the nearest float64, for signal processing and drawing only.
func (d Decimal) Float() float64 {
	exact := magnitude(d.Mantissa) <= 1<<53
	switch {
	case exact && d.Exponent < 0 && d.Exponent >= -22:
		return float64(d.Mantissa) / pow10[-d.Exponent]
	case exact && d.Exponent >= 0 && d.Exponent <= 22:
		return float64(d.Mantissa) * pow10[d.Exponent]
	}
	f, err := strconv.ParseFloat(d.String(), 64)
	if err != nil {
		return math.NaN() // cannot happen: String prints a number far inside float64's range
	}
	return f
}

// Both operands of Float's division or product are exact below these bounds,
// so its result is correctly rounded (Clinger 1990, doi:10.1145/93542.93557).
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

var tens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// Compare returns -1, 0 or 1 as d is less than, equal in value to, or more
// than e, whatever their exponents. It is exact.
func (d Decimal) Compare(e Decimal) int {
	if d.Exponent == e.Exponent || d.Sign() != e.Sign() || d.Mantissa == 0 {
		return order(d.Mantissa, e.Mantissa)
	}
	c := compareMagnitude(d, e)
	if d.Mantissa < 0 {
		return -c
	}
	return c
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int { return order(d.Mantissa, 0) }

// compareMagnitude compares |d| and |e|, neither zero. When their leading digits
// have the same place, their exponents differ by at most 18, and the product
// fits 128 bits.
func compareMagnitude(d, e Decimal) int {
	a, b := magnitude(d.Mantissa), magnitude(e.Mantissa)
	if x, y := digits(a)+int(d.Exponent), digits(b)+int(e.Exponent); x != y {
		return order(x, y)
	}
	var aHigh, bHigh uint64
	if d.Exponent > e.Exponent {
		aHigh, a = bits.Mul64(a, tens[int(d.Exponent)-int(e.Exponent)])
	} else {
		bHigh, b = bits.Mul64(b, tens[int(e.Exponent)-int(d.Exponent)])
	}
	if aHigh != bHigh {
		return order(aHigh, bHigh)
	}
	return order(a, b)
}

func digits(n uint64) int {
	count := 1
	for count < len(tens) && n >= tens[count] {
		count++
	}
	return count
}

func order[T int | int64 | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// MarshalJSON writes the number with all its digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return d.Append(nil), nil }

// UnmarshalJSON reads a JSON number exactly.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	v, err := ParseDecimalBytes(b)
	if err != nil {
		return err
	}
	*d = v
	return nil
}

// Add returns d+e exactly, with the finer of the two exponents; false if the
// digits do not fit.
func (d Decimal) Add(e Decimal) (Decimal, bool) {
	if d.Exponent < e.Exponent {
		d, e = e, d
	}
	if d.Mantissa == 0 {
		return e, true
	}
	shift := int(d.Exponent) - int(e.Exponent)
	if shift >= len(tens) {
		return Decimal{}, false
	}
	high, low := bits.Mul64(magnitude(d.Mantissa), tens[shift])
	if high != 0 || low > math.MaxInt64 {
		return Decimal{}, false
	}
	m := int64(low)
	if d.Mantissa < 0 {
		m = -m
	}
	sum := m + e.Mantissa
	if m > 0 && e.Mantissa > 0 && sum < 0 || m < 0 && e.Mantissa < 0 && sum >= 0 {
		return Decimal{}, false
	}
	return Decimal{sum, e.Exponent}, true
}

// Floor returns the largest whole number not above d*10^places; false if it does
// not fit an int64.
func (d Decimal) Floor(places int) (int64, bool) {
	exp := int(d.Exponent) + places
	if d.Mantissa == 0 || exp == 0 {
		return d.Mantissa, true
	}
	if exp > 0 {
		if exp >= len(tens) {
			return 0, false
		}
		high, low := bits.Mul64(magnitude(d.Mantissa), tens[exp])
		if high != 0 || low > math.MaxInt64 {
			return 0, false
		}
		return int64(low) * int64(d.Sign()), true
	}
	if -exp >= len(tens)-1 {
		return min(0, int64(d.Sign())), true
	}
	step := int64(tens[-exp])
	q := d.Mantissa / step
	if d.Mantissa%step < 0 {
		q--
	}
	return q, true
}
