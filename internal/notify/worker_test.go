package notify_test

import (
	"context"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/vital"
)

// A page goes to the nurse of the bed by the first channel; when nobody has seen
// it in time, by the second; never to anybody else, and never twice.
func TestPageReachesTheNurse(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.page("al-1", "p-1", "raised", vital.High)
		time.Sleep(time.Second)
		w.want("al-1", "anna sms handed-over")
		time.Sleep(13 * time.Second)
		w.want("al-1", "anna sms handed-over")
		time.Sleep(2 * time.Second)
		w.want("al-1", "anna email handed-over", "anna sms handed-over")
		time.Sleep(time.Hour)
		w.want("al-1", "anna email handed-over", "anna sms handed-over")
		if n := len(w.phone.rung(func(ring) bool { return true })); n != 2 {
			t.Errorf("%d messages went out, want 2", n)
		}
		w.acknowledge("al-1", "anna")
		time.Sleep(time.Second)
		w.want("al-1", "anna email acknowledged", "anna sms acknowledged")
	})
}

// An acknowledgement before the second channel stops it.
func TestAcknowledgementStops(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.page("al-1", "p-1", "raised", vital.High)
		time.Sleep(5 * time.Second)
		w.acknowledge("al-1", "ben")
		time.Sleep(time.Minute)
		w.want("al-1", "anna sms handed-over")
	})
}

// A bed that nobody covers leads to the next level that has somebody, at once.
func TestUncoveredBed(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.page("al-3", "p-3", "raised", vital.High)
		time.Sleep(time.Second)
		w.want("al-3", "lea sms handed-over")
	})
}

// A dead channel leads to the next one; no channel at all, to the next level, up
// to the supervisor, and then to every open screen and a finding.
func TestNothingGetsThrough(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.phone.behave(func(_ context.Context, r ring) (notify.Receipt, error) {
			if r.kind == "screen" {
				return taken()
			}
			return notify.Receipt{}, vital.Errorf(vital.Unavailable, "%w", errDown)
		})
		must(t, w.store.PutStation(context.Background(), site, storeStation("s-1", "w-a")))
		w.page("al-1", "p-1", "raised", vital.High)
		time.Sleep(50 * time.Second)
		must(t, w.store.PutStation(context.Background(), site, storeStation("s-1", "w-a")))
		time.Sleep(70 * time.Second)
		w.want("al-1",
			"anna email failed", "anna sms failed", "ben email failed", "ben sms failed",
			"lea email failed", "lea sms failed", "sam email failed", "sam sms failed", "station/s-1 screen handed-over")
	})
}
