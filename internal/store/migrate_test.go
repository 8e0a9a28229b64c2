package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
)

var errStop = errors.New("stopped here")

// stopAt stops a migration before one statement, counted over all of them.
func stopAt(version, statement int, before func()) func(int, int) error {
	return func(v, s int) error {
		if v != version || s != statement {
			return nil
		}
		if before != nil {
			before()
		}
		return errStop
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

// schemaOne makes a database with the first migration only, and a ward in it.
func schemaOne(t *testing.T, path string) {
	t.Helper()
	ctx := context.Background()
	_, err := store.OpenTraced(ctx, store.Options{DSN: "sqlite:" + path}, stopAt(2, 0, nil))
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	raw := rawDB(t, path)
	_, err = raw.Exec("INSERT INTO ward (site, id, name, zone, kind) VALUES ('main', 'w-old', 'Old', 'UTC', 'adult')")
	must(t, err)
	must(t, raw.Close())
}

// Wherever a migration stops, by an error or by the power, the next start ends
// right: the data is there, the schema is the newest.
func TestMigrationStopsAnywhere(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	old := filepath.Join(dir, "old.db")
	schemaOne(t, old)
	per := store.Statements()
	for v := 2; v <= len(per); v++ {
		for s := range per[v-1] {
			name := fmt.Sprintf("%d-%d", v, s)
			path, cut := filepath.Join(dir, name+".db"), filepath.Join(dir, name+"-cut.db")
			copyFile(t, old, path)
			// The power goes: what the disk holds at this moment is what remains.
			power := func() {
				for _, f := range []string{"", "-wal"} {
					copyFile(t, path+f, cut+f)
				}
			}
			backups := filepath.Join(dir, name)
			_, err := store.OpenTraced(ctx, store.Options{DSN: "sqlite:" + path, Backups: backups}, stopAt(v, s, power))
			if !errors.Is(err, errStop) {
				t.Fatalf("%s: %v", name, err)
			}
			if b, _ := filepath.Glob(backups + "/*.db"); len(b) != 1 {
				t.Fatalf("%s: %d backups, want one", name, len(b))
			} else if raw := rawDB(t, b[0]); raw != nil {
				var n, version int
				must(t, raw.QueryRow("SELECT COUNT(*) FROM ward").Scan(&n))
				must(t, raw.QueryRow("SELECT MAX(version) FROM schema_version").Scan(&version))
				raw.Close()
				if n != 1 || version != 1 {
					t.Fatalf("%s: the backup has %d wards and schema %d", name, n, version)
				}
			}
			for _, p := range []string{path, cut} {
				d, err := store.Open(ctx, store.Options{DSN: "sqlite:" + p, Backups: backups})
				if err != nil {
					t.Fatalf("%s, after the stop: %v", name, err)
				}
				w := got(d.Wards(ctx, everything))(t)
				st := got(d.Stats(ctx))(t)
				must(t, d.Close())
				if len(w) != 1 || w[0].ID != "w-old" || st.Schema != len(per) {
					t.Fatalf("%s: %+v, schema %d", name, w, st.Schema)
				}
			}
		}
	}
}

// The same on PostgreSQL, where a migration is rolled back by the server.
func TestMigrationStopsAnywherePostgres(t *testing.T) {
	ctx := context.Background()
	per := store.Statements()
	dsn := need.Postgres(t)
	for v := 1; v <= len(per); v++ {
		for s := 0; s < per[v-1]; s += 3 {
			if _, err := store.OpenTraced(ctx, store.Options{DSN: dsn}, stopAt(v, s, nil)); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			steps := got(store.Plan(ctx, store.Options{DSN: dsn}))(t)
			if len(steps) != len(per)-v+1 || steps[0].Version != v {
				t.Fatalf("after a stop in %d: %+v", v, steps)
			}
		}
	}
	d := open(t, dsn)
	ward(t, d, "a", 1)
}

func TestPlan(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		steps := got(store.Plan(ctx, store.Options{DSN: dsn}))(t)
		if len(steps) != len(store.Statements()) || !strings.Contains(steps[0].Backup, "none") {
			t.Fatalf("plan of an empty database: %+v", steps)
		}
		if again := got(store.Plan(ctx, store.Options{DSN: dsn}))(t); len(again) != len(steps) {
			t.Error("a plan changed something")
		}
		open(t, dsn)
		if steps := got(store.Plan(ctx, store.Options{DSN: dsn}))(t); len(steps) != 0 {
			t.Errorf("plan of a migrated database: %+v", steps)
		}
	})
	none := filepath.Join(t.TempDir(), "none", "vigil.db")
	got(store.Plan(context.Background(), store.Options{DSN: "sqlite:" + none}))(t)
	if _, err := os.Stat(filepath.Dir(none)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a plan made something")
	}
	path := filepath.Join(t.TempDir(), "old.db")
	schemaOne(t, path)
	steps := got(store.Plan(context.Background(), store.Options{DSN: "sqlite:" + path}))(t)
	if len(steps) != len(store.Statements())-1 || !strings.Contains(steps[0].Backup, "VACUUM INTO") {
		t.Errorf("plan of an old database: %+v", steps)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vigil.db")
	must(t, open(t, "sqlite:"+path).Close())
	raw := rawDB(t, path)
	_, err := raw.Exec("INSERT INTO schema_version (version, name, at) VALUES (999, 'future', 0)")
	must(t, err)
	must(t, raw.Close())
	before, err := os.ReadFile(path)
	must(t, err)
	_, err = store.Open(ctx, store.Options{DSN: "sqlite:" + path})
	kind(t, err, vital.Precondition)
	if !strings.Contains(err.Error(), "schema 999") {
		t.Errorf("the message does not say what is wrong: %v", err)
	}
	after, err := os.ReadFile(path)
	must(t, err)
	if string(before) != string(after) {
		t.Error("a refused database was changed")
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, dsn := range []string{"", "vigil.db", "mysql://x", "sqlite:", "sqlite::memory:"} {
		if _, err := store.Open(t.Context(), store.Options{DSN: dsn}); vital.KindOf(err) != vital.Invalid || err == nil {
			t.Errorf("DSN %q: %v", dsn, err)
		}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{{"3.51.2", "3.51.3", true}, {"3.51.3", "3.51.3", false}, {"3.54.1", "3.51.3", false}, {"3.9.0", "3.51.3", true}} {
		if store.Older(c.a, c.b) != c.want {
			t.Errorf("%s older than %s: %t", c.a, c.b, !c.want)
		}
	}
}

// The file is for its owner alone, and what lies beside it too.
//
// Covers: EN303645-5.4
func TestFileMode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "vigil.db")
	d := open(t, "sqlite:"+path)
	ward(t, d, "a", 1)
	for _, f := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(f)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", filepath.Base(f), info.Mode().Perm())
		}
	}
}

// The WAL is emptied into the database without anybody asking.
func TestCheckpointsBesideCommits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vigil.db")
	d := open(t, "sqlite:"+path)
	before, err := os.Stat(path)
	must(t, err)
	must(t, d.PutSetting(context.Background(), site, "large", make([]byte, 6<<20)))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		after, err := os.Stat(path)
		must(t, err)
		if after.Size() > before.Size()+5<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s the database has %d bytes", after.Size())
		}
	}
}

// A sync that failed once makes the store refuse every later write.
func TestFailedSyncIsFatal(t *testing.T) {
	ctx := context.Background()
	d := open(t, "sqlite:"+filepath.Join(t.TempDir(), "vigil.db"))
	for code, want := range map[int]bool{10: true, 10 | 4<<8: true, 11: true, 26: true, 13: false, 5: false, 19: false, 1: false} { // SQLite result codes: IOERR, IOERR_FSYNC, CORRUPT, NOTADB; FULL, BUSY, CONSTRAINT, ERROR
		err := store.SqliteKind(code)
		if got := err != nil && store.Fatal(err); got != want {
			t.Errorf("code %d: fatal %t, want %t", code, got, want)
		}
	}
	d.FailSync()
	_, err := d.Admit(ctx, entry("patient.admit"), "p-none", "b-none", t0)
	if !store.Fatal(err) {
		t.Fatalf("a failed sync is told as %v", err)
	}
	_, err = d.PutWard(ctx, entry("ward.put"), store.Ward{Name: "x", Zone: "UTC"})
	if !store.Fatal(err) {
		t.Errorf("after a failed sync the store still writes: %v", err)
	}
	if w := got(d.Wards(ctx, everything))(t); len(w) != 0 {
		t.Errorf("wards: %+v", w)
	}
}
