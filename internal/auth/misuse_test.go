package auth_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

func (s *site) state(id vital.DeviceID) store.Device {
	s.t.Helper()
	d, err := s.store.Device(s.t.Context(), store.Everything(vital.DefaultSite), id)
	s.ok(err)
	return d
}

// told reports whether the notice that a device was cut off waits for the flow:
// that it is so ("1") or is no more ("2").
func (s *site) told(stand string) bool {
	s.t.Helper()
	controls, err := s.store.PendingControls(s.t.Context(), vital.DefaultSite, 100)
	s.ok(err)
	return slices.ContainsFunc(controls, func(c store.Control) bool {
		body := string(c.Body)
		return c.Kind == store.ControlReport && strings.Contains(body, store.RuleMisused) && strings.Contains(body, `"stand":`+stand)
	})
}

// Who proved to be one device and speaks as another is refused each time, is in
// the ledger, and is cut off the third time: as client, as user, in a topic, in a
// will, in a path.
//
// Covers: S1 D1 H7
func TestSpeakingAsAnother(t *testing.T) {
	ctx := context.Background()
	for name, try := range map[string]func(s *site, p auth.Principal, certificate func(client, username string) error) error{
		"client id": func(_ *site, _ auth.Principal, c func(string, string) error) error { return c("monitor-2", "") },
		"user name": func(_ *site, _ auth.Principal, c func(string, string) error) error {
			return c("monitor-1", "monitor-2")
		},
		"topic or will": func(s *site, p auth.Principal, _ func(string, string) error) error {
			return s.gate.Allow(ctx, p, auth.Publish, auth.Subject{Kind: "topic", ID: "v1/monitor-2/telemetry"})
		},
		"commands of another": func(s *site, p auth.Principal, _ func(string, string) error) error {
			return s.gate.Allow(ctx, p, auth.Subscribe, auth.Subject{Kind: "topic", ID: "v1/monitor-2/command"})
		},
		"path": func(s *site, p auth.Principal, _ func(string, string) error) error {
			return s.gate.Allow(ctx, p, auth.TelemetrySend, auth.Subject{Kind: "device", ID: "monitor-2", Device: "monitor-2"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			a := s.authority()
			s.device("monitor-1", "device")
			s.device("monitor-2", "device")
			own := s.enrolled(a, "monitor-1")
			p, err := s.comes(own, "monitor-1", "")
			s.ok(err)
			for i := range 3 {
				if s.state("monitor-1").State != auth.DeviceActive {
					t.Fatalf("cut off after %d", i)
				}
				err := try(s, p, func(client, username string) error { _, err := s.comes(own, client, username); return err })
				if k := vital.KindOf(err); err == nil || k != vital.Denied && k != vital.NotFound {
					t.Errorf("try %d: %v", i+1, err)
				}
			}
			if d := s.state("monitor-1"); d.State != auth.DeviceQuarantined || !strings.Contains(d.StateWhy, "monitor-2") {
				t.Errorf("after the third it is %s: %s", d.State, d.StateWhy)
			}
			if s.state("monitor-2").State != auth.DeviceActive {
				t.Error("the one that was played was cut off")
			}
			if !s.told("1") {
				t.Error("nobody is told")
			}
			s.pass(5 * time.Second)
			_, err = s.comes(own, "monitor-1", "")
			s.kind(err, vital.Denied, "after it was cut off")
			entries, err := s.store.Audit(t.Context(), store.Everything(vital.DefaultSite), store.AuditFilter{})
			s.ok(err)
			refused, quarantined := 0, 0
			for _, e := range entries {
				if e.Outcome == "refused" && e.Who == "monitor-1" {
					refused++
				}
				if e.Action == "device.quarantine" {
					quarantined++
				}
			}
			if refused == 0 || quarantined != 1 {
				t.Errorf("the ledger has %d refusals and %d quarantines", refused, quarantined)
			}
			// Somebody has looked: it is let in again, and the notice ends.
			s.ok(s.store.SetDeviceState(t.Context(), furnish, "monitor-1", auth.DeviceActive, "looked at"))
			s.pass(5 * time.Second)
			if _, err := s.comes(own, "monitor-1", ""); err != nil || !s.told("2") {
				t.Errorf("let in again: %v; that the notice ends: %v", err, s.told("2"))
			}
		})
	}
}

// A name that is nobody's is a mistake in the settings, not another device.
func TestAWrongNameIsNotMisuse(t *testing.T) {
	s := newSite(t)
	a := s.authority()
	s.device("monitor-1", "device")
	own := s.enrolled(a, "monitor-1")
	for range 20 {
		if _, err := s.comes(own, "mqttjs_4711", ""); vital.KindOf(err) != vital.Denied {
			t.Fatal(err)
		}
	}
	if d := s.state("monitor-1"); d.State != auth.DeviceActive {
		t.Errorf("it is %s: %s", d.State, d.StateWhy)
	}
}

// Two places that take one identity from each other, back and forth, are cut
// off; a device that moves, or comes back to the same place, is not.
//
// Covers: S2
func TestTwoPlaces(t *testing.T) {
	type step struct {
		from, to string
		after    time.Duration
	}
	for name, c := range map[string]struct {
		steps []step
		cut   bool
	}{
		"two clones":               {[]step{{"10.0.0.1", "10.0.9.9", 0}, {"10.0.9.9", "10.0.0.1", 10 * time.Second}, {"10.0.0.1", "10.0.9.9", 10 * time.Second}}, true},
		"moved once":               {[]step{{"10.0.0.1", "10.0.9.9", 0}}, false},
		"moved, and back":          {[]step{{"10.0.0.1", "10.0.9.9", 0}, {"10.0.9.9", "10.0.0.1", time.Minute}}, false},
		"walks through the house":  {[]step{{"10.0.0.1", "10.0.0.2", 0}, {"10.0.0.2", "10.0.0.3", 5 * time.Second}, {"10.0.0.3", "10.0.0.4", 5 * time.Second}, {"10.0.0.4", "10.0.0.5", 5 * time.Second}}, false},
		"to and fro over the day":  {[]step{{"10.0.0.1", "10.0.9.9", 0}, {"10.0.9.9", "10.0.0.1", time.Hour}, {"10.0.0.1", "10.0.9.9", time.Hour}, {"10.0.9.9", "10.0.0.1", time.Hour}}, false},
		"one place, reconnecting":  {[]step{{"10.0.0.1", "10.0.0.1", 0}, {"10.0.0.1", "10.0.0.1", time.Second}, {"10.0.0.1", "10.0.0.1", time.Second}, {"10.0.0.1", "10.0.0.1", time.Second}}, false},
		"clones behind a slow net": {[]step{{"10.0.0.1", "10.0.9.9", 0}, {"10.0.9.9", "10.0.0.1", 50 * time.Second}, {"10.0.0.1", "10.0.9.9", 50 * time.Second}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.device("monitor-1", "device")
			p := auth.Principal{Class: auth.Device, ID: "monitor-1", Site: vital.DefaultSite}
			var last error
			for _, h := range c.steps {
				s.pass(h.after)
				last = s.gate.TakenOver(t.Context(), p, "monitor-1", h.from+":1000", h.to+":2000")
			}
			d := s.state("monitor-1")
			if (d.State == auth.DeviceQuarantined) != c.cut || (last != nil) != c.cut || s.told("1") != c.cut {
				t.Errorf("it is %s (%s), the last take-over: %v", d.State, d.StateWhy, last)
			}
		})
	}
}

// counts lets a device count and reports whether it was cut off.
func (s *site) counts(id vital.DeviceID, packets [][2]uint64) bool {
	s.t.Helper()
	at := vital.At(s.now())
	for i, p := range packets {
		s.gate.Counted(id, p[0], p[1], at+vital.Instant(i*1000))
	}
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s.state(id).State == auth.DeviceQuarantined {
			return true
		}
	}
	return false
}

// Two senders that count with one identity are cut off, however their packets
// mix; one that starts again, sends again or sends what it kept is not.
//
// Covers: S2 S3
func TestCounterForks(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	run := func(from, to, who uint64) (packets [][2]uint64) {
		for n := from; n <= to; n++ {
			packets = append(packets, [2]uint64{n, n*1000 + who})
		}
		return packets
	}
	mix := func(a, b [][2]uint64) (packets [][2]uint64) {
		for len(a)+len(b) > 0 {
			if len(b) == 0 || len(a) > 0 && random.IntN(2) == 0 {
				packets, a = append(packets, a[0]), a[1:]
			} else {
				packets, b = append(packets, b[0]), b[1:]
			}
		}
		return packets
	}
	crash := [][2]uint64{}
	for boot := range uint64(8) {
		crash = append(crash, run(1, 20, boot)...)
	}
	backlog := mix(run(500, 540, 0), run(100, 140, 0))
	again := [][2]uint64{}
	for _, p := range run(1, 60, 0) {
		again = append(again, p, p, p)
	}
	for name, c := range map[string]struct {
		packets [][2]uint64
		cut     bool
	}{
		"one sender":              {run(1, 300, 0), false},
		"the same bytes again":    {again, false},
		"starts again and again":  {crash, false},
		"starts again once":       {append(run(1, 40, 0), run(1, 60, 1)...), false},
		"sends what it kept":      {backlog, false},
		"two in step":             {mix(run(1, 60, 0), run(1, 60, 1)), true},
		"a copy that lags behind": {append(run(1, 30, 0), mix(run(31, 120, 0), run(20, 110, 1))...), true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.device("monitor-1", "device")
			if cut := s.counts("monitor-1", c.packets); cut != c.cut {
				t.Errorf("cut off: %v, want %v (%s)", cut, c.cut, s.state("monitor-1").StateWhy)
			}
		})
	}
}
