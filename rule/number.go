package rule

import (
	"math"
	"math/bits"
	"strconv"

	"github.com/vigilcare/vigil/vital"
)

// Arithmetic on exact decimals. Sums and products are exact or fail; a quotient
// is rounded to 15 significant digits, half to even. float64 appears where a
// quotient is asked for, one operation at a time, so that every machine gives
// the same digits.

func negate(d vital.Decimal) (vital.Decimal, bool) {
	return vital.Decimal{Mantissa: -d.Mantissa, Exponent: d.Exponent}, d.Mantissa != math.MinInt64
}

func add(a, b vital.Decimal) (vital.Decimal, bool) {
	if sum, ok := a.Add(b); ok {
		return sum, true
	}
	return trim(a).Add(trim(b))
}

func subtract(a, b vital.Decimal) (vital.Decimal, bool) {
	n, ok := negate(b)
	if !ok {
		return n, false
	}
	return add(a, n)
}

func multiply(a, b vital.Decimal) (vital.Decimal, bool) {
	a, b = trim(a), trim(b)
	if a.Mantissa == math.MinInt64 || b.Mantissa == math.MinInt64 {
		return vital.Decimal{}, false
	}
	high, low := bits.Mul64(uint64(max(a.Mantissa, -a.Mantissa)), uint64(max(b.Mantissa, -b.Mantissa)))
	exp := int(a.Exponent) + int(b.Exponent)
	if high != 0 || low > math.MaxInt64 || exp > math.MaxInt8 || exp < math.MinInt8 {
		return vital.Decimal{}, false
	}
	return vital.Decimal{Mantissa: int64(low) * int64(a.Sign()) * int64(b.Sign()), Exponent: int8(exp)}, true
}

func divide(a, b vital.Decimal) (vital.Decimal, bool) {
	if b.Mantissa == 0 {
		return vital.Decimal{}, false
	}
	return decimalOf(a.Float() / b.Float())
}

// trim drops trailing zeros of the mantissa.
func trim(d vital.Decimal) vital.Decimal {
	if d.Mantissa == 0 {
		return vital.Decimal{}
	}
	for d.Mantissa%10 == 0 && d.Exponent < math.MaxInt8 {
		d.Mantissa /= 10
		d.Exponent++
	}
	return d
}

// decimalOf returns f with 15 significant digits.
func decimalOf(f float64) (vital.Decimal, bool) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return vital.Decimal{}, false
	}
	var space [32]byte
	text := strconv.AppendFloat(space[:0], f, 'e', 14, 64) // -d.dddddddddddddde±dd
	var m int64
	exp, sign, i, negative := -14, 1, 0, false
	for ; i < len(text) && text[i] != 'e'; i++ {
		switch c := text[i]; {
		case c == '-':
			negative = true
		case c != '.':
			m = m*10 + int64(c-'0')
		}
	}
	e := 0
	for i++; i < len(text); i++ {
		switch c := text[i]; c {
		case '-':
			sign = -1
		case '+':
		default:
			e = e*10 + int(c-'0')
		}
	}
	if exp += sign * e; exp < -100 || exp > 100 {
		return vital.Decimal{}, m == 0
	}
	if negative {
		m = -m
	}
	return trim(vital.Decimal{Mantissa: m, Exponent: int8(exp)}), true
}

// rounded prints a computed number with at most 3 decimals.
func rounded(d vital.Decimal) string {
	if d.Exponent >= -3 {
		return d.String()
	}
	f, ok := decimalOf(math.Round(d.Float()*1000) / 1000)
	if !ok {
		return d.String()
	}
	return f.String()
}
