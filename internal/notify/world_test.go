package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

const site = vital.DefaultSite

var everything = store.Everything(site)

func entry(action string) audit.Entry {
	return audit.Entry{Site: site, At: vital.At(time.Now()), Who: "system", Action: action}
}

// world is a store with a ward of three beds, one nurse for each of the first two
// and none for the third, a backup, a lead and a supervisor:
//
//	b-1 anna (backup ben)   b-2 ben (backup anna)   b-3 nobody   lead: lea   supervisor: sam
//
// and a stand-in for the flow, which raises alarms and carries out commands.
type world struct {
	t      testing.TB
	store  *store.DB
	epoch  uint64
	frame  uint64
	alarms map[string]alarm.Alarm
	phone  *phones
	mutex  sync.Mutex
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

var staff = []string{"anna", "ben", "lea", "sam"}

// keepers are the keys of each test, so that a copy of its store can be opened.
var keepers sync.Map

func keeperOf(t testing.TB) *seal.Keeper {
	k, _ := keepers.LoadOrStore(t.Name(), seal.Ephemeral())
	return k.(*seal.Keeper)
}

func newWorld(t testing.TB, dir string) *world {
	t.Helper()
	ctx := context.Background()
	db := got(store.Open(ctx, store.Options{DSN: "sqlite:" + filepath.Join(dir, "vigil.db"), Keeper: keeperOf(t)}))(t)
	w := &world{t: t, store: db, alarms: map[string]alarm.Alarm{}, phone: &phones{}}
	if wards, _ := db.Wards(ctx, everything); len(wards) == 0 {
		w.furnish(ctx)
	}
	epoch, err := db.Own(ctx, site, 0)
	must(t, err)
	w.epoch = epoch
	return w
}

func (w *world) furnish(ctx context.Context) {
	t, db := w.t, w.store
	got(db.PutWard(ctx, entry("ward"), store.Ward{ID: "w-a", Name: "Ward A", Zone: "Europe/Zurich", Kind: "adult"}))(t)
	got(db.PutRoom(ctx, entry("room"), store.Room{ID: "r-a", Ward: "w-a", Name: "Room"}))(t)
	for i := 1; i <= 3; i++ {
		n := fmt.Sprint(i)
		got(db.PutBed(ctx, entry("bed"), store.Bed{ID: vital.BedID("b-" + n), Ward: "w-a", Room: "r-a", Label: n, Position: i}))(t)
		got(db.PutPatient(ctx, entry("patient"), person.Person{Patient: vital.PatientID("p-" + n), Family: "Secretname" + n}))(t)
		got(db.Admit(ctx, entry("admit"), vital.PatientID("p-"+n), vital.BedID("b-"+n), vital.At(time.Now().Add(-time.Hour))))(t)
	}
	for _, s := range staff {
		must(t, db.PutUser(ctx, entry("user"), store.User{ID: vital.UserID(s), Name: s, Username: s, Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}}))
		got(db.SetChannels(ctx, entry("channels"), vital.UserID(s), []store.Channel{{Kind: "sms", Address: "+4179000"}, {Kind: "email", Address: s + "@example.org"}}))(t)
	}
	now := vital.At(time.Now())
	must(t, db.Assign(ctx, entry("assign"), store.Assignments{Ward: "w-a", Shift: store.Shift{Name: "day", From: now, To: now.Add(24 * time.Hour)}, Items: []store.Assignment{
		{Bed: "b-1", Nurse: "anna", Backup: "ben"}, {Bed: "b-2", Nurse: "ben", Backup: "anna"},
	}}))
	must(t, db.PutChain(ctx, entry("chain"), "w-a", store.Chain{Rungs: []store.Rung{
		{Level: 2, People: []store.Staff{{User: "lea"}}}, {Level: 3, People: []store.Staff{{User: "sam"}}},
	}}))
}

// worker is a worker whose phones are those of the world.
func (w *world) worker(change ...func(*notify.Options)) *notify.Worker {
	same := func(b []byte) ([]byte, error) { return b, nil }
	o := notify.Options{
		Store: w.store, Seal: same, Unseal: same, Alone: true, Changed: w.flow, Public: "https://vigil.example.org",
		Timing:  notify.Timing{Jitter: func() float64 { return 0.5 }},
		Senders: map[string]notify.Sender{"sms": w.phone.of("sms"), "email": w.phone.of("email"), "web-push": w.phone.of("web-push"), "screen": w.phone.of("screen")},
	}
	for _, f := range change {
		f(&o)
	}
	return got(notify.New(o))(w.t)
}

// page raises an alarm, or tells of it again, as the flow does.
func (w *world) page(id, patient, kind string, priority vital.Priority) {
	w.t.Helper()
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := vital.At(time.Now())
	a, ok := w.alarms[id]
	if !ok {
		a = alarm.Alarm{ID: id, Patient: vital.PatientID(patient), Rule: "spo2-low", Title: "SpO2 low", Text: "SpO2 84 % < 90 %", Raised: now, Condition: alarm.Present, Times: 1}
	}
	a.Priority, a.Changed, a.Sound, a.Acknowledged = priority, now, alarm.On, nil
	if kind == "escalated" {
		a.Level = min(a.Level+1, 3)
	}
	w.commit(a, kind)
}

func (w *world) commit(a alarm.Alarm, kind string) {
	w.t.Helper()
	w.alarms[a.ID] = a
	w.frame++
	p := store.Page{ID: fmt.Sprintf("pg-%s-%d-%d", a.ID, w.frame, time.Now().UnixNano()), Alarm: a.ID, Patient: a.Patient, Level: a.Level, Kind: kind, Priority: a.Priority, At: vital.At(time.Now())}
	must(w.t, w.store.Commit(context.Background(), store.Batch{Site: site, Epoch: w.epoch, Applied: w.frame, Alarms: []alarm.Alarm{a}, Pages: []store.Page{p}}))
}

// acknowledge stops an alarm.
func (w *world) acknowledge(id, by string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	a := w.alarms[id]
	a.Sound, a.Acknowledged = alarm.Acknowledged, &alarm.Deed{By: by, At: vital.At(time.Now())}
	w.commit(a, "stop")
}

// handOver offers an alarm to a person.
func (w *world) handOver(id, from, to string) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	a := w.alarms[id]
	a.Sound, a.Acknowledged, a.Owner = alarm.On, nil, &alarm.Owner{By: to, From: from, At: vital.At(time.Now())}
	w.commit(a, "done")
}

// flow carries out the commands that the notifier gave.
func (w *world) flow(ctx context.Context) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	controls, err := w.store.PendingControls(ctx, site, 100)
	if err != nil {
		return err
	}
	for _, c := range controls {
		w.frame++
		if err := w.store.Commit(ctx, store.Batch{Site: site, Epoch: w.epoch, Applied: w.frame, Controls: []store.Control{c}}); err != nil {
			return err
		}
		var command alarm.Command
		if c.Kind != store.ControlAlarm {
			continue
		}
		if err := json.Unmarshal(c.Body, &command); err != nil {
			return err
		}
		a := w.alarms[command.Alarm]
		if command.Verb == alarm.Escalate && a.Closed == 0 {
			a.Level = min(a.Level+1, 3)
			w.commit(a, "escalated")
		}
	}
	return nil
}

// deliveries of an alarm as "anna sms handed-over".
func (w *world) deliveries(id string) []string {
	w.t.Helper()
	var list []string
	for _, d := range got(w.store.DeliveriesOf(context.Background(), everything, id))(w.t) {
		list = append(list, d.Person+" "+d.Kind+" "+d.State)
	}
	slices.Sort(list)
	return list
}

func (w *world) want(id string, want ...string) {
	w.t.Helper()
	slices.Sort(want)
	if have := w.deliveries(id); !slices.Equal(have, want) {
		w.t.Errorf("at %s the deliveries of %s are\n\t%s\nwant\n\t%s", time.Now().UTC().Format("15:04:05.000"), id, strings.Join(have, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// phones stands in for every channel.
type phones struct {
	mutex sync.Mutex
	rings []ring
	how   func(ctx context.Context, r ring) (notify.Receipt, error) // nil: taken at once
}

// ring is one message that reached a channel, whatever it answered.
type ring struct {
	kind string
	at   time.Time
	to   notify.Recipient
	m    notify.Message
}

type line struct {
	kind   string
	phones *phones
}

func (p *phones) of(kind string) notify.Sender { return line{kind, p} }

func (l line) Send(ctx context.Context, to notify.Recipient, m notify.Message) (notify.Receipt, error) {
	r := ring{l.kind, time.Now(), to, m}
	l.phones.mutex.Lock()
	how := l.phones.how
	l.phones.rings = append(l.phones.rings, r)
	l.phones.mutex.Unlock()
	if how != nil {
		return how(ctx, r)
	}
	return notify.Receipt{State: store.HandedOver, Replaces: l.kind == "web-push"}, nil
}

func (p *phones) rung(f func(ring) bool) (all []ring) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, r := range p.rings {
		if f(r) {
			all = append(all, r)
		}
	}
	return all
}

func (p *phones) behave(how func(ctx context.Context, r ring) (notify.Receipt, error)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.how = how
}

var errDown = errors.New("the provider is down")

func taken() (notify.Receipt, error) { return notify.Receipt{State: store.HandedOver}, nil }

// inBubble runs a story with a worker in a bubble of its own time. The store
// works on real files; only waiting is in the bubble.
func inBubble(t *testing.T, story func(t *testing.T, w *world), change ...func(*notify.Options)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, dir)
		defer w.store.Close()
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		worker := w.worker(change...)
		go func() { ended <- worker.Run(ctx) }()
		story(t, w)
		stop()
		must(t, <-ended)
	})
}

func storeStation(id string, ward vital.WardID) store.Station {
	return store.Station{ID: id, Ward: ward, User: "kiosk", Sound: "ok", Seen: vital.At(time.Now())}
}
