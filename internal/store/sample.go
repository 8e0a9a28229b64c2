package store

import (
	"encoding/binary"

	"github.com/vigilcare/vigil/vital"
)

// A single sample is packed as varints in the order of its fields, then the code.

func (s Sample) pack() []byte {
	b := make([]byte, 0, 48)
	for _, v := range []int64{
		int64(s.Effective), int64(s.Device), int64(s.Receive), int64(s.Offset), int64(s.Uncertainty),
		s.Value.Number.Mantissa, int64(s.Value.Number.Exponent), int64(s.Quality), int64(s.Sequence),
	} {
		b = binary.AppendVarint(b, v)
	}
	return append(b, s.Value.Code...)
}

func (s *Sample) unpack(b []byte) error {
	var v [9]int64
	for i := range v {
		x, n := binary.Varint(b)
		if n <= 0 {
			return vital.Errorf(vital.Internal, "latest value is damaged")
		}
		v[i], b = x, b[n:]
	}
	*s = Sample{
		Effective: vital.Instant(v[0]), Device: vital.Instant(v[1]), Receive: vital.Instant(v[2]), Offset: int32(v[3]), Uncertainty: int32(v[4]),
		Value:   vital.Value{Number: vital.Decimal{Mantissa: v[5], Exponent: int8(v[6])}, Code: string(b)},
		Quality: vital.Quality(v[7]), Sequence: uint64(v[8]),
	}
	return nil
}
