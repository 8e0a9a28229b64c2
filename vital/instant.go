package vital

import (
	"strconv"
	"time"
)

// Instant is a point in time in milliseconds since 1970-01-01T00:00:00Z.
// Zero means "not known". A millisecond is finer than any vital sign needs;
// waveforms carry microseconds of their own.
type Instant int64

// At returns t as an Instant, cut to the millisecond.
func At(t time.Time) Instant { return Instant(t.UnixMilli()) }

// Time returns the instant in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(int64(i)).UTC() }

// Add returns i moved by d, cut to the millisecond.
func (i Instant) Add(d time.Duration) Instant { return i + Instant(d.Milliseconds()) }

// Sub returns the duration i-j.
func (i Instant) Sub(j Instant) time.Duration { return time.Duration(i-j) * time.Millisecond }

// Known reports whether the instant is set.
func (i Instant) Known() bool { return i != 0 }

// String prints RFC 3339 with milliseconds in UTC, or "unknown".
func (i Instant) String() string {
	if i == 0 {
		return "unknown"
	}
	return i.Time().Format("2006-01-02T15:04:05.000Z07:00")
}

// MarshalJSON writes RFC 3339 in UTC, or null when not known.
func (i Instant) MarshalJSON() ([]byte, error) {
	if i == 0 {
		return []byte("null"), nil
	}
	return strconv.AppendQuote(nil, i.String()), nil
}

// UnmarshalJSON reads RFC 3339 with any offset, or null.
func (i *Instant) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*i = 0
		return nil
	}
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return Errorf(Invalid, "time %s: want a quoted RFC 3339 time", b)
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return Errorf(Invalid, "time %q: want RFC 3339 with an offset, like 2026-11-22T09:30:00.000+01:00", s)
	}
	*i = At(t)
	return nil
}

// Clocks are the times of one reading, kept apart because each can be wrong in
// its own way. Device is what the device said; Receive is when Vigil first had
// the bytes; Effective is when the measurement happened as well as we know:
// Device corrected by the clock offset estimated for that device, or Receive
// when the device gives no time.
type Clocks struct {
	Device      Instant // 0: the device gave none
	Receive     Instant
	Effective   Instant
	Offset      int32 // ms to add to Device to get Effective; 0 when Device is unknown
	Uncertainty int32 // ms, half width of the interval around Effective; -1: not known
}
