package webd

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// noLive is a flow that has nothing to say.
type noLive struct{}

func (noLive) Attach(func(*watch.Update)) func()                  { return func() {} }
func (noLive) Latest(store.Rows, []vital.PatientID) []watch.Value { return nil }
func (noLive) Watches([]vital.PatientID) []watch.Watch            { return nil }
func noPlaces(stays []store.Admission) func(context.Context) ([]store.Admission, error) {
	return func(context.Context) ([]store.Admission, error) { return stays, nil }
}

func noNames(context.Context) (names, error) { return names{}, nil }

// NewWard makes a hub with beds and screens that watch all of them, and returns
// what takes an update all the way into the screens' queues and out of them.
func NewWard(_ testing.TB, beds, screens int) func(*watch.Update) {
	var stays []store.Admission
	every := make(map[vital.PatientID]vital.DataSet, beds)
	w := wanted{waves: []string{"*"}}
	for i := range beds {
		bed := vital.BedID(fmt.Sprintf("b-%d", i))
		stays = append(stays, store.Admission{Patient: vital.PatientID(fmt.Sprintf("p-%d", i)), Bed: bed, From: 1})
		w.beds = append(w.beds, bed)
		every[stays[i].Patient] = vital.EveryData
	}
	h := newHub(Options{Live: noLive{}}, noPlaces(stays), noNames, time.Now, slog.New(slog.DiscardHandler))
	h.replace(context.Background())
	sockets := make([]*socket, screens)
	for i := range sockets {
		sockets[i] = &socket{ready: make(chan struct{}, 1)}
		h.join(sockets[i], w, 0, nil, store.Rows{}, every)
	}
	return func(u *watch.Update) {
		h.take(u)
		h.wavesSent = time.Time{}
		h.flush(context.Background())
		for _, s := range sockets {
			for data, _ := s.next(); data != nil; data, _ = s.next() {
			}
		}
	}
}

// Trial and Trialled are the flow's: the tests have a flow of their own.
type (
	Trial    = flow.Trial
	Trialled = flow.Trialled
)

// ReplayOf compares the alarms of a trial.
var ReplayOf = replayOf

// BurdenOf counts alarms.
var BurdenOf = burdenOf

// Routes lists the routes as method and path.
func Routes() (all []string) {
	for _, r := range routes {
		all = append(all, r.method+" "+r.path)
	}
	return all
}

// ProgramRoutes lists those that programs may ask.
func ProgramRoutes() (all []string) {
	for r := range scoped {
		all = append(all, r)
	}
	return all
}

// EachRoute calls f with what the ledger must know of each route.
func EachRoute(f func(method, path string, view, named bool)) {
	for _, r := range routes {
		f(r.method, r.path, r.view, r.action != public)
	}
}

// KindOfLook puts an action into words for the patient.
var KindOfLook = kindOfLook

// NoticeBrowsing looks at the ledger once.
func (s *Server) NoticeBrowsing(ctx context.Context) error { return s.noticeBrowsing(ctx) }
