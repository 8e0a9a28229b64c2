package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/backup"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

const site = vital.DefaultSite

func now() vital.Instant { return vital.At(time.Now()) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func got[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		must(t, err)
		return v
	}
}

func entry(action string) audit.Entry {
	return audit.Entry{Site: site, Who: "u-1", Role: "administrator", Action: action, Why: "test"}
}

// installation is a data directory with a store, a journal and keys.
type installation struct {
	t      testing.TB
	data   string
	keys   *seal.Keeper
	db     *store.DB
	log    *journal.Files
	writer *journal.Writer
	epoch  uint64
	maker  *backup.Maker
}

func openKeys(t testing.TB, data string) *seal.Keeper {
	t.Helper()
	place := got(seal.PlaceOf("", data, ""))(t)
	return got(seal.Open(t.Context(), seal.Options{Table: seal.NewFiles(filepath.Join(data, "keys")), Root: place, Now: now}))(t)
}

// install opens what is in data, or makes it.
func install(t testing.TB, data, backups, offsite string) *installation {
	t.Helper()
	ctx := t.Context()
	i := &installation{t: t, data: data, keys: openKeys(t, data)}
	i.db = got(store.Open(ctx, store.Options{DSN: "sqlite:" + filepath.Join(data, "vigil.db"), Keeper: i.keys}))(t)
	ring := got(journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: i.keys}, site, now))(t)
	i.log = got(journal.OpenFiles(ctx, journal.FilesOptions{Dir: filepath.Join(data, "journal"), Partitions: map[journal.Stream]int{journal.Raw: 1, journal.Readings: 1}}))(t)
	i.epoch = got(i.db.Own(ctx, site, 0))(t)
	i.writer = got(journal.OpenWriter(ctx, journal.WriterOptions{Log: i.log, Keys: ring, Site: site, Stream: journal.Readings, Epoch: i.epoch}))(t)
	i.maker = backup.New(backup.Options{
		Site: site, Build: "test", Store: i.db, Keys: i.keys, Journal: i.log, Blobs: filepath.Join(data, "blobs"), Dir: backups, Offsite: offsite,
		Keep: 4, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(i.close)
	return i
}

func (i *installation) close() {
	i.writer.Close(context.WithoutCancel(i.t.Context()))
	i.log.Close()
	i.db.Close()
}

// live lets a day pass: a patient comes, something is measured and taken in.
func (i *installation) live(day int) {
	i.t.Helper()
	ctx := i.t.Context()
	p := person.Person{Patient: vital.PatientID(fmt.Sprintf("p-%d", day)), Family: fmt.Sprintf("Canarybird%d", day)}
	got(i.db.PutPatient(ctx, entry("patient.put"), p))(i.t)
	ring := got(journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: i.keys}, site, now))(i.t)
	key := got(ring.For(ctx, seal.Patient(p.Patient)))(i.t)
	for range 3 {
		synced := make(chan error, 1)
		must(i.t, i.writer.Append(ctx, journal.Record{Kind: journal.KindReading, Key: key, Body: []byte("reading of " + p.Family)}, func(_ vital.Position, err error) { synced <- err }))
		must(i.t, <-synced)
	}
	_, last, err := i.log.Bounds(ctx, journal.Readings, 0)
	must(i.t, err)
	must(i.t, i.db.Commit(ctx, store.Batch{Site: site, Epoch: i.epoch, Applied: last}))
}

func restore(t testing.TB, from, into string) (backup.Report, error) {
	t.Helper()
	return backup.Restore{From: from, Into: into, Site: site, Keys: openKeys(t, into), Now: time.Now}.Run(t.Context())
}

// bring copies keys and root key into a bare directory, as an operator does.
func bring(t testing.TB, from string) string {
	t.Helper()
	into := t.TempDir()
	must(t, os.CopyFS(filepath.Join(into, "keys"), os.DirFS(filepath.Join(from, "keys"))))
	must(t, os.WriteFile(filepath.Join(into, "root.key"), got(os.ReadFile(filepath.Join(from, "root.key")))(t), 0o600))
	return into
}

func refused(t *testing.T, err error, says string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Fatalf("got %v, want a refusal that says %q", err, says)
	}
}

// From a bare directory, everything is there again.
//
// Covers: H8 HIPAA-164.308(a)(7)
func TestBackupAndRestore(t *testing.T) {
	backups, offsite := t.TempDir(), t.TempDir()
	i := install(t, t.TempDir(), backups, offsite)
	i.live(1)
	m := got(i.maker.Make(t.Context(), "u-1"))(t)
	i.live(2)
	state := i.maker.State()
	if len(state.Backups) != 1 || !state.Backups[0].Offsite || state.Problem != "" || m.Holds.People != 1 {
		t.Errorf("state: %+v", state)
	}
	for _, root := range []string{backups, offsite} {
		must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			if b := got(os.ReadFile(path))(t); bytes.Contains(b, []byte("Canarybird")) {
				t.Errorf("a name can be read in %s", path)
			}
			return nil
		}))
	}
	into := bring(t, i.data)
	rep := got(restore(t, filepath.Join(offsite, m.Name), into))(t)
	if rep.Holds.People != 1 || rep.Frames == 0 || rep.Behind != 0 || rep.Ledger == 0 || rep.Records < 3 {
		t.Errorf("report: %+v", rep)
	}
	back := install(t, into, t.TempDir(), "")
	p := got(back.db.Patients(t.Context(), store.Everything(site), "canary", ""))(t)
	if len(p) != 1 || p[0].Family != "Canarybird1" {
		t.Errorf("people: %+v", p)
	}
	back.live(3)
	_, err := restore(t, filepath.Join(backups, m.Name), into)
	refused(t, err, "is there already")
}

// Covers: K2 H6
func TestRestoreRefuses(t *testing.T) {
	backups := t.TempDir()
	i := install(t, t.TempDir(), backups, "")
	i.live(1)
	m := got(i.maker.Make(t.Context(), "u-1"))(t)
	dir := filepath.Join(backups, m.Name)
	for _, c := range []struct {
		name, says string
		spoil      func(dir, into string)
	}{
		{"no keys", "there are no keys", func(_, into string) { must(t, os.RemoveAll(filepath.Join(into, "keys"))) }},
		{"a flipped bit in the store", "is not the one that was written", func(dir, _ string) { flip(t, filepath.Join(dir, "vigil.db")) }},
		{"a flipped bit in the journal", "is not the one that was written", func(dir, _ string) {
			flip(t, got(filepath.Glob(filepath.Join(dir, "journal", "readings-0", "*.vjs")))(t)[0])
		}},
		{"a file is missing", "no such file", func(dir, _ string) { must(t, os.Remove(filepath.Join(dir, "vigil.db"))) }},
		{"the manifest was altered", "was altered", func(dir, _ string) {
			path := filepath.Join(dir, "manifest.json")
			must(t, os.WriteFile(path, bytes.Replace(got(os.ReadFile(path))(t), []byte(`"build": "test"`), []byte(`"build": "best"`), 1), 0o600))
		}},
		{"another site", `of site "other"`, func(dir, _ string) {
			path := filepath.Join(dir, "manifest.json")
			must(t, os.WriteFile(path, bytes.Replace(got(os.ReadFile(path))(t), []byte(`"site": "main"`), []byte(`"site": "other"`), 1), 0o600))
		}},
		{"a newer schema", "knows up to", func(dir, into string) { m := m; m.Schema = 999; rewrite(t, dir, m, openKeys(t, into)) }},
		{"no backup", "is no backup", func(dir, _ string) { must(t, os.Remove(filepath.Join(dir, "manifest.json"))) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), m.Name)
			must(t, os.CopyFS(copied, os.DirFS(dir)))
			into := bring(t, i.data)
			c.spoil(copied, into)
			_, err := restore(t, copied, into)
			refused(t, err, c.says)
			for _, left := range []string{"vigil.db", "journal", "blobs"} {
				if _, err := os.Stat(filepath.Join(into, left)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s was left behind", left)
				}
			}
		})
	}
	other := install(t, t.TempDir(), t.TempDir(), "")
	other.live(1)
	_, err := restore(t, dir, bring(t, other.data))
	refused(t, err, "was sealed with key store")
}

func rewrite(t *testing.T, dir string, m backup.Manifest, keys *seal.Keeper) {
	t.Helper()
	must(t, backup.Write(t.Context(), dir, m, keys))
}

func flip(t *testing.T, path string) {
	t.Helper()
	b := got(os.ReadFile(path))(t)
	b[len(b)/2] ^= 1
	must(t, os.WriteFile(path, b, 0o600))
}

// Stores, journals and keys of four points in time, in every combination of two:
// a store is never newer than its journal, keys are never older than what they
// sealed, and whoever was forgotten stays forgotten in all of them.
//
// Covers: K2
func TestRestoreGrid(t *testing.T) {
	const points = 4
	ctx := t.Context()
	backups := t.TempDir()
	i := install(t, t.TempDir(), backups, "")
	var at [points]backup.Manifest
	var keys [points]string // a copy of the keys at each point
	for n := range points {
		i.live(n)
		if n == 2 { // between the second and the third the first patient is forgotten
			must(t, i.db.Forget(ctx, entry("patient.forget"), "p-0"))
		}
		at[n] = got(i.maker.Make(ctx, "u-1"))(t)
		keys[n] = bring(t, i.data)
	}
	for s := range points {
		for j := range points {
			t.Run(fmt.Sprintf("store %d journal %d", s, j), func(t *testing.T) {
				into := bring(t, keys[points-1])
				root := t.TempDir()
				mixed := filepath.Join(root, "mixed")
				must(t, os.CopyFS(mixed, os.DirFS(filepath.Join(backups, at[j].Name))))
				b := got(os.ReadFile(filepath.Join(backups, at[s].Name, "vigil.db")))(t)
				must(t, os.WriteFile(filepath.Join(mixed, "vigil.db"), b, 0o600))
				must(t, os.WriteFile(filepath.Join(root, "forgotten.json"), got(os.ReadFile(filepath.Join(backups, "forgotten.json")))(t), 0o600))
				must(t, backup.Redescribe(ctx, mixed, at[s], openKeys(t, into)))
				rep, err := restore(t, mixed, into)
				if s > j {
					refused(t, err, "the store is newer than the journal")
					return
				}
				must(t, err)
				if (rep.Behind == 0) != (s == j) || rep.Shredded == 0 {
					t.Errorf("report: %+v", rep)
				}
				stays(t, into)
			})
			t.Run(fmt.Sprintf("store and journal %d keys %d", s, j), func(t *testing.T) {
				into := bring(t, keys[j])
				rep, err := restore(t, filepath.Join(backups, at[s].Name), into)
				if s > j {
					refused(t, err, "the keys are older than the backup")
					return
				}
				must(t, err)
				if rep.Forgotten != 1 || rep.Shredded == 0 {
					t.Errorf("report: %+v", rep)
				}
				stays(t, into)
			})
		}
	}
}

// stays checks that the forgotten patient is nowhere.
func stays(t *testing.T, data string) {
	t.Helper()
	ctx := t.Context()
	keys := openKeys(t, data)
	db := got(store.Open(ctx, store.Options{DSN: "sqlite:" + filepath.Join(data, "vigil.db"), Keeper: keys}))(t)
	defer db.Close()
	for _, p := range got(db.Patients(ctx, store.Everything(site), "", ""))(t) {
		if p.Patient == "p-0" {
			t.Error("who was forgotten is back")
		}
	}
	if _, err := keys.Open(ctx, string(site), "patient/p-0", "x/y/z", []byte("x")); vital.KindOf(err) != vital.Gone {
		t.Errorf("the key of who was forgotten: %v", err)
	}
}

func TestOldBackupsAreRemoved(t *testing.T) {
	backups, offsite := t.TempDir(), t.TempDir()
	i := install(t, t.TempDir(), backups, offsite)
	for n := range 6 {
		i.live(n)
		got(i.maker.Make(t.Context(), "system"))(t)
		time.Sleep(2 * time.Millisecond) // names are of the millisecond
	}
	for _, dir := range []string{backups, offsite} {
		if left := got(backup.List(dir))(t); len(left) != 4 || left[0].Holds.People != 6 {
			t.Errorf("%d backups are kept in %s", len(left), dir)
		}
	}
	e := got(i.db.Audit(t.Context(), store.Everything(site), store.AuditFilter{Action: "backup.make"}))(t)
	if len(e) != 6 {
		t.Errorf("%d entries in the ledger", len(e))
	}
}

// A backup that fails is told, and leaves nothing that looks like one.
func TestAFailedBackupIsTold(t *testing.T) {
	backups := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(backups, nil, 0o600))
	i := install(t, t.TempDir(), backups, "")
	if _, err := i.maker.Make(t.Context(), "u-1"); err == nil {
		t.Fatal("no error")
	}
	if s := i.maker.State(); s.Problem == "" || s.Running != nil {
		t.Errorf("state: %+v", s)
	}
}

// Backups are made while frames are appended, and every one of them fits.
func TestBackupBesideWork(t *testing.T) {
	backups := t.TempDir()
	i := install(t, t.TempDir(), backups, "")
	i.live(0)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 1; ctx.Err() == nil && n < 200; n++ {
			i.live(n)
		}
	}()
	for range 4 {
		m := got(i.maker.Make(t.Context(), "system"))(t)
		got(restore(t, filepath.Join(backups, m.Name), bring(t, i.data)))(t)
	}
	stop()
	<-done
}
