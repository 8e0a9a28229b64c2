package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
)

const site = vital.DefaultSite

// t0 is a time without meaning.
const t0 vital.Instant = 1_795_000_000_000

// both runs a test on both databases. PostgreSQL needs VIGIL_TEST_POSTGRES, the
// DSN of a server where databases may be made.
func both(t *testing.T, f func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:"+filepath.Join(t.TempDir(), "vigil.db")) })
	t.Run("postgres", func(t *testing.T) { f(t, need.Postgres(t)) })
}

// keepers are the keys of each database, so that it can be opened again.
var keepers sync.Map

func keeperOf(dsn string) *seal.Keeper {
	k, _ := keepers.LoadOrStore(dsn, seal.Ephemeral())
	return k.(*seal.Keeper)
}

func open(t *testing.T, dsn string) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), store.Options{DSN: dsn, Backups: t.TempDir(), Keeper: keeperOf(dsn)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func entry(action string) audit.Entry {
	return audit.Entry{Site: site, Who: "u-1", Role: "nurse", Action: action, At: t0}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func kind(t *testing.T, err error, want vital.Kind) {
	t.Helper()
	if err == nil || vital.KindOf(err) != want {
		t.Fatalf("got %v (%s), want a %s", err, vital.KindOf(err), want)
	}
}

var everything = store.Everything(site)

// ward makes a ward with beds b1.. and patients p1.. in them.
func ward(t *testing.T, d *store.DB, name string, beds int) {
	t.Helper()
	ctx := context.Background()
	got(d.PutWard(ctx, entry("ward.put"), store.Ward{ID: vital.WardID("w-" + name), Name: "Ward " + name, Zone: "Europe/Zurich", Kind: "adult"}))(t)
	got(d.PutRoom(ctx, entry("room.put"), store.Room{ID: vital.RoomID("r-" + name), Ward: vital.WardID("w-" + name), Name: "Room " + name}))(t)
	for i := range beds {
		n := name + string(rune('1'+i))
		got(d.PutBed(ctx, entry("bed.put"), store.Bed{ID: vital.BedID("b-" + n), Ward: vital.WardID("w-" + name), Room: vital.RoomID("r-" + name), Label: n, Position: i}))(t)
		got(d.PutPatient(ctx, entry("patient.put"), person.Person{Patient: vital.PatientID("p-" + n), Family: "Müller" + n, Given: "Änne", Birth: "1950-02-03", Sex: "female",
			Numbers: []person.Number{{System: "hospital", Value: "MRN" + n}}, Flags: []string{"allergy"}}))(t)
		got(d.Admit(ctx, entry("patient.admit"), vital.PatientID("p-"+n), vital.BedID("b-"+n), t0))(t)
		must(t, d.PutDevice(ctx, entry("device.put"), store.Device{ID: vital.DeviceID("m-" + n), Label: "Monitor " + n, Kind: "monitor", Created: t0}))
		got(d.Bind(ctx, entry("device.bind"), store.Binding{ID: "bn-" + n, Device: vital.DeviceID("m-" + n), Patient: vital.PatientID("p-" + n), From: t0}))(t)
	}
}

// rawDB opens the file beside the store, to look and to damage.
func rawDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	d, err := sql.Open("sqlite", path)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}
