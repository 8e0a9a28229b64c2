package ingest

import (
	"testing"

	"github.com/vigilcare/vigil/vital"
)

// feed sends n packets, one every step ms of receive time, with the device's
// clock off by offset and the network adding delay(i).
func feed(c *clock, start vital.Instant, n int, step, offset int64, delay func(i int) int64) vital.Instant {
	at := start
	for i := range n {
		sent := at
		c.observe(sent-vital.Instant(offset), sent+vital.Instant(delay(i)))
		at += vital.Instant(step)
	}
	return at
}

func jitter(i int) int64 { return int64(i*7919%40) + 3 }

func TestClockEstimate(t *testing.T) {
	const start = vital.Instant(1_795_000_000_000)
	tests := []struct {
		name   string
		offset int64
		want   int32
	}{
		{"right clock is taken as it is", 0, 0},
		{"half a second off is tolerated", 500, 0},
		{"an hour behind", 3_600_000, 3_600_003},
		{"an hour ahead", -3_600_000, -3_599_997},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c clock
			feed(&c, start, 120, 1000, tt.offset, jitter)
			if !c.Known {
				t.Fatal("no steady run after two minutes of a packet a second")
			}
			if d := c.Used - tt.want; d < -50 || d > 50 {
				t.Fatalf("offset = %d ms, want %d within 50", c.Used, tt.want)
			}
			if c.Spread < 0 || c.Spread > 100 {
				t.Errorf("uncertainty = %d ms, want the jitter of about 40", c.Spread)
			}
		})
	}
}

// A burst of stored data must not look like a clock that is wrong.
//
// Covers: S4
func TestClockIgnoresBursts(t *testing.T) {
	const start = vital.Instant(1_795_000_000_000)
	var c clock
	at := feed(&c, start, 60, 1000, 0, jitter)
	// Ten minutes of one reading a second, sent within two seconds.
	for i := range 600 {
		c.observe(at-600_000+vital.Instant(i*1000), at+vital.Instant(i*3))
	}
	if c.Used != 0 {
		t.Fatalf("after a burst of stored data the offset is %d ms, want 0", c.Used)
	}
	feed(&c, at+3000, 60, 1000, 0, jitter)
	if c.Used != 0 {
		t.Fatalf("after live data again the offset is %d ms, want 0", c.Used)
	}
}

// Covers: S4
func TestClockFollowsAStep(t *testing.T) {
	var c clock
	at := feed(&c, 1_795_000_000_000, 60, 1000, 0, jitter)
	feed(&c, at, 60, 1000, -7_200_000, jitter) // somebody set it two hours ahead
	if d := c.Used + 7_200_000; d < -50 || d > 50 {
		t.Fatalf("offset after the step = %d ms, want about -7200000", c.Used)
	}
	k := c.clocks(1_795_010_000_000+7_200_000, 1_795_010_000_000)
	if k.Offset != c.Used || k.Effective != k.Device+vital.Instant(k.Offset) {
		t.Errorf("clocks = %+v: effective is not device plus offset", k)
	}
}

func TestClockDrift(t *testing.T) {
	var c clock
	at := vital.Instant(1_795_000_000_000)
	for i := range 7200 { // a clock that gains 100 ppm for two hours
		c.observe(at+vital.Instant(i/10), at)
		at += 1000
	}
	if d := c.drift(at); d < 80 || d > 120 {
		t.Fatalf("drift = %.1f ppm, want about 100", d)
	}
}

// A clock that was never set (1970, 2000) must not place readings there.
//
// Covers: S4
func TestClockThatWasNeverSet(t *testing.T) {
	for _, offset := range []int64{26 * 365 * 86_400_000, 40 * 86_400_000, -40 * 86_400_000} {
		var c clock
		now := feed(&c, 1_795_000_000_000, 60, 1000, offset, jitter)
		k := c.clocks(now-vital.Instant(offset), now)
		if k.Effective != now || k.Offset != 0 || k.Device != now-vital.Instant(offset) {
			t.Errorf("offset %d: clocks = %+v, want the receive time as effective and the device time kept", offset, k)
		}
		if !suspect(k) {
			t.Errorf("offset %d: not marked as suspect", offset)
		}
	}
}

func TestClockWithoutDeviceTime(t *testing.T) {
	var c clock
	k := c.clocks(0, 1000)
	if k.Effective != 1000 || k.Device != 0 || k.Uncertainty != -1 {
		t.Fatalf("clocks without a device time = %+v", k)
	}
}
