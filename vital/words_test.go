package vital_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/vigilcare/vigil/vital"
	"pgregory.net/rapid"
)

// Every remark has a name, every name is one remark, and any set reads back.
func TestQualityNames(t *testing.T) {
	all := vital.Paced<<1 - 1
	if n := len(all.Names()); n != 18 {
		t.Errorf("%d names for 18 remarks", n)
	}
	rapid.Check(t, func(t *rapid.T) {
		q := vital.Quality(rapid.Uint32Range(0, uint32(all)).Draw(t, "q"))
		var back vital.Quality
		for _, name := range q.Names() {
			one, err := vital.ParseQuality(name)
			if err != nil {
				t.Fatal(err)
			}
			if back&one != 0 {
				t.Fatalf("%s twice", name)
			}
			back |= one
		}
		if back != q || !q.Has(back) {
			t.Fatalf("%b reads back %b", q, back)
		}
	})
	if _, err := vital.ParseQuality("nice"); vital.KindOf(err) != vital.Invalid {
		t.Error(err)
	}
	if !vital.Doubtful.Has(vital.Demo) || vital.Doubtful.Has(vital.Manual) || vital.Doubtful.Has(vital.Late) {
		t.Error("demonstration data are doubtful; entered by hand and late ones are not")
	}
}

func TestInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		i := vital.Instant(rapid.Int64Range(1, 253_402_300_799_999).Draw(t, "ms")) // to 9999
		b, err := json.Marshal(i)
		if err != nil {
			t.Fatal(err)
		}
		var back vital.Instant
		if err := json.Unmarshal(b, &back); err != nil || back != i {
			t.Fatalf("%d is %s is %d, %v", i, b, back, err)
		}
		d := time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "d")) * time.Millisecond
		if i.Add(d).Sub(i) != d || vital.At(i.Time()) != i {
			t.Fatal("moved wrong")
		}
	})
	var zero vital.Instant
	if b, err := json.Marshal(zero); err != nil || string(b) != "null" || zero.Known() || zero.String() != "unknown" {
		t.Errorf("%s %v", b, err)
	}
	i := vital.Instant(5)
	if err := json.Unmarshal([]byte("null"), &i); err != nil || i.Known() {
		t.Error("null is not known")
	}
	for _, text := range []string{`5`, `"noon"`, `"2026-11-22T09:30:00"`, `"2026-11-22"`} {
		if err := json.Unmarshal([]byte(text), &i); vital.KindOf(err) != vital.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	cause := errors.New("disk full")
	err := vital.Errorf(vital.Unavailable, "storing %s: %w", "x", cause)
	wrapped := fmt.Errorf("admitting: %w", err)
	if vital.KindOf(wrapped) != vital.Unavailable || !errors.Is(wrapped, cause) || wrapped.Error() != "admitting: storing x: disk full" {
		t.Error(wrapped)
	}
	if vital.KindOf(vital.Errorf(vital.Denied, "no: %w", err)) != vital.Denied {
		t.Error("the outermost kind counts")
	}
	if vital.KindOf(cause) != vital.Internal || vital.Kind(99).String() != "internal" || vital.TooMuch.String() != "too-much" {
		t.Error("kinds")
	}
}

func TestValue(t *testing.T) {
	if v := vital.Coded("A"); !v.IsCode() || v.String() != "A" {
		t.Error(v)
	}
	if v := vital.Num(vital.Decimal{Mantissa: 3660, Exponent: -2}); v.IsCode() || v.String() != "36.60" {
		t.Error(v)
	}
}
