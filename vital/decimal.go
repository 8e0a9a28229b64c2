package vital

import (
	"math"
	"strconv"
	"strings"
)

// Decimal is an exact decimal number: Mantissa * 10^Exponent. The digits that a
// device sent are clinical information (36.60 is not 36.6), so they are kept.
type Decimal struct {
	Mantissa int64
	Exponent int8
}

// Whole returns n as a Decimal.
func Whole(n int64) Decimal { return Decimal{Mantissa: n} }

// ParseDecimal reads a JSON-style number exactly. At most 18 significant
// digits and an exponent within int8; more is Invalid, never rounded.
func ParseDecimal(s string) (Decimal, error) {
	bad := func(why string) (Decimal, error) {
		return Decimal{}, Errorf(Invalid, "number %.40q: %s", s, why)
	}
	if s == "" || len(s) > 64 {
		return bad("want 1 to 64 characters")
	}
	digits, negative := s, false
	if digits[0] == '-' || digits[0] == '+' {
		negative, digits = digits[0] == '-', digits[1:]
	}
	exp := 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		e, err := strconv.Atoi(digits[i+1:])
		if err != nil || e > 200 || e < -200 {
			return bad("exponent is not a small whole number")
		}
		exp, digits = e, digits[:i]
	}
	if i := strings.IndexByte(digits, '.'); i >= 0 {
		if i == 0 || i == len(digits)-1 {
			return bad("want digits on both sides of the point")
		}
		exp -= len(digits) - i - 1
		digits = digits[:i] + digits[i+1:]
	}
	if digits == "" {
		return bad("no digits")
	}
	var m int64
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return bad("not a decimal number")
		}
		if m > (math.MaxInt64-9)/10 {
			return bad("more than 18 digits")
		}
		m = m*10 + int64(c-'0')
	}
	if exp > math.MaxInt8 || exp < math.MinInt8 {
		return bad("exponent is out of range")
	}
	if negative {
		m = -m
	}
	return Decimal{m, int8(exp)}, nil
}

// String prints the number without an exponent where it is short, with all its
// digits: Decimal{3660, -2} is "36.60".
func (d Decimal) String() string {
	if d.Exponent > 6 || d.Exponent < -12 {
		return strconv.FormatInt(d.Mantissa, 10) + "e" + strconv.Itoa(int(d.Exponent))
	}
	if d.Exponent >= 0 {
		if d.Mantissa == 0 {
			return "0"
		}
		return strconv.FormatInt(d.Mantissa, 10) + strings.Repeat("0", int(d.Exponent))
	}
	sign, u := "", uint64(d.Mantissa)
	if d.Mantissa < 0 {
		sign, u = "-", uint64(-d.Mantissa)
	}
	s, places := strconv.FormatUint(u, 10), int(-d.Exponent)
	if len(s) <= places {
		s = strings.Repeat("0", places-len(s)+1) + s
	}
	return sign + s[:len(s)-places] + "." + s[len(s)-places:]
}

// Float returns the nearest float64, for signal processing and drawing only.
func (d Decimal) Float() float64 {
	if d.Exponent < 0 && d.Exponent >= -22 {
		return float64(d.Mantissa) / pow10[-d.Exponent]
	}
	if d.Exponent >= 0 && d.Exponent <= 22 {
		return float64(d.Mantissa) * pow10[d.Exponent]
	}
	return float64(d.Mantissa) * math.Pow10(int(d.Exponent))
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// Compare returns -1, 0 or 1 as d is less than, equal in value to, or more
// than e, whatever their exponents.
func (d Decimal) Compare(e Decimal) int {
	if d.Exponent == e.Exponent {
		return sign(d.Mantissa, e.Mantissa)
	}
	a, b := d.Float(), e.Float()
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func sign(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// MarshalJSON writes the number with all its digits.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalJSON reads a JSON number exactly.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	v, err := ParseDecimal(string(b))
	if err != nil {
		return err
	}
	*d = v
	return nil
}
