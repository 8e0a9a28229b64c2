package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// marked opens a store whose ledger has a key.
func marked(t *testing.T, dsn string) (*store.DB, *audit.Key) {
	t.Helper()
	key, _, err := audit.MakeKey(site)
	must(t, err)
	return markedWith(t, dsn, key), key
}

func markedWith(t *testing.T, dsn string, key *audit.Key) *store.DB {
	t.Helper()
	d, err := store.Open(t.Context(), store.Options{DSN: dsn, Backups: t.TempDir(), Ledger: key, Keeper: keeperOf(dsn)})
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// write appends entries up to a number.
func write(t *testing.T, d *store.DB, from, to int) {
	t.Helper()
	for i := from; i < to; {
		var some []audit.Entry
		for ; i < to && len(some) < 7; i++ {
			some = append(some, audit.Entry{Site: site, At: t0 + vital.Instant(i), Who: fmt.Sprintf("u-%d", i%5), Role: "nurse", From: "10.0.0.7", Action: "patient.read",
				Subject: fmt.Sprintf("patient/p-%d", i%11), Patient: vital.PatientID(fmt.Sprintf("p-%d", i%11)), Why: fmt.Sprintf("round %d", i)})
		}
		must(t, d.AppendAudit(t.Context(), some...))
	}
}

// checkpoint signs what the ledger holds, from the stored hashes.
func checkpoint(t *testing.T, d *store.DB, key *audit.Key, source string) audit.Checkpoint {
	t.Helper()
	size := got(d.LedgerSize(t.Context(), site))(t)
	root := got(tlog.TreeHash(size, audit.Tree(t.Context(), d.LedgerHashes(site))))(t)
	c := got(key.Sign(site, size, root, t0))(t)
	return got(audit.OpenCheckpoint(c.Note, key.Public(), site, source))(t)
}

func verify(t *testing.T, d *store.DB, key *audit.Key, against ...audit.Checkpoint) audit.Report {
	t.Helper()
	return got(d.VerifyLedger(t.Context(), site, key, against, nil))(t)
}

// Every entry gets the next number, whoever writes it and however many write at
// once, and the tree that the stored hashes give is that of the leaves.
//
// Covers: A13 HIPAA-164.312(b) HIPAA-164.312(c)
func TestLedgerIsDenseAndInOrder(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d, key := marked(t, dsn)
		ward(t, d, "a", 2) // changes, with entries of their own
		begun := int(got(d.LedgerSize(t.Context(), site))(t))
		var all sync.WaitGroup
		for writer := range 8 {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := range 50 {
					e := entry("patient.read")
					e.Who = fmt.Sprintf("u-%d", writer)
					if err := d.AppendAudit(context.Background(), e, e); err != nil {
						t.Errorf("writer %d, %d: %v", writer, i, err)
					}
				}
			}()
		}
		all.Wait()
		size := begun + 8*50*2
		c := checkpoint(t, d, key, "test")
		if c.Size != int64(size) {
			t.Fatalf("the ledger has %d entries, want %d", c.Size, size)
		}
		r := verify(t, d, key, c)
		if !r.Good() || r.Checkpoints != 1 || r.Size != c.Size {
			t.Fatalf("%+v", r)
		}
		// Another site has numbers of its own.
		e := entry("patient.read")
		e.Site = "other"
		must(t, d.AppendAudit(t.Context(), e))
		if n := got(d.LedgerSize(t.Context(), "other"))(t); n != 1 {
			t.Errorf("the other site has %d entries, want 1", n)
		}
		if rows := got(d.LedgerRows(t.Context(), "other", 0, 10))(t); len(rows) != 1 || rows[0].N != 0 {
			t.Errorf("the other site: %+v", rows)
		}
	})
}

// A change that fails leaves no entry and uses up no number.
func TestLedgerOfWhatFailed(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d, key := marked(t, dsn)
		write(t, d, 0, 3)
		_, err := d.Admit(t.Context(), entry("patient.admit"), "p-none", "b-none", t0)
		kind(t, err, vital.NotFound)
		write(t, d, 3, 5)
		if r := verify(t, d, key); !r.Good() || r.Size != 5 {
			t.Errorf("%+v", r)
		}
	})
}

// Each of a thousand entries can be proven, and the proof needs no ledger.
func TestEveryEntryCanBeProven(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d, key := marked(t, dsn)
		write(t, d, 0, 1000)
		c := checkpoint(t, d, key, "test")
		tree := audit.Tree(t.Context(), d.LedgerHashes(site))
		for _, r := range got(d.LedgerRows(t.Context(), site, 0, 1000))(t) {
			p := got(audit.Prove(r, c, tree))(t)
			body := got(json.Marshal(p))(t)
			if back, _, err := audit.CheckProof(body, key.Public()); err != nil || back.N != r.N || back.Why != r.Why {
				t.Fatalf("proof of entry %d: %v", r.N, err)
			}
			if r.N%97 == 0 { // what the proof says cannot be changed
				if _, _, err := audit.CheckProof([]byte(strings.Replace(string(body), `"who":"u-`, `"who":"v-`, 1)), key.Public()); err == nil {
					t.Errorf("entry %d is proven with another person in it", r.N)
				}
			}
		}
	})
}

// The reasons of a patient's entries can be taken out; that it was done is seen,
// and nothing else loses its proof. Without an entry that says so it is found.
//
// Covers: A13 EN303645-5.11
func TestErasingReasons(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d, key := marked(t, dsn)
		write(t, d, 0, 40)
		c := checkpoint(t, d, key, "before")
		if n := got(d.EraseReasons(t.Context(), entry("ignored"), "p-3"))(t); n != 4 {
			t.Fatalf("erased %d reasons, want 4", n)
		}
		for _, r := range got(d.Audit(t.Context(), everything, store.AuditFilter{Patient: "p-3"}))(t) {
			if r.Action == audit.ErasePatient {
				continue
			}
			if r.Why != "" || !r.Erased {
				t.Errorf("entry %d still says %q", r.N, r.Why)
			}
		}
		if r := verify(t, d, key, c); !r.Good() {
			t.Errorf("after erasing: %v", r.Findings)
		}
		if n := got(d.EraseReasons(t.Context(), entry("ignored"), "p-3"))(t); n != 0 {
			t.Errorf("erased %d reasons again", n)
		}
		row := got(d.LedgerRows(t.Context(), site, 4, 1))(t)[0]
		row.Erase()
		raw := rawAt(t, dsn)
		got(raw.Exec("UPDATE audit SET why = '', salt = $1, erased = $2 WHERE site = $3 AND n = 4", row.Salt, row.Erased, string(site)))(t)
		if r := verify(t, d, key, c); len(r.Findings) != 1 || r.Findings[0].Kind != audit.Erased || r.Findings[0].From != 4 {
			t.Errorf("a reason that somebody took: %v", r.Findings)
		}
	})
}

// rawAt opens the database beside the store, to do to it what no method does.
func rawAt(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	name, path := "pgx", dsn
	if file, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		name, path = "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)"
	}
	d, err := sql.Open(name, path)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// What was written before there was a ledger is taken into it in its order.
func TestOldEntriesAreTakenIn(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ledger := 13
		stop := fmt.Errorf("stop before the ledger")
		d, err := store.OpenTraced(t.Context(), store.Options{DSN: dsn, Backups: t.TempDir(), Keeper: keeperOf(dsn)}, func(version, statement int) error {
			if version == ledger {
				return stop
			}
			return nil
		})
		if err == nil {
			d.Close()
			t.Fatal("the migration was not stopped")
		}
		raw := rawAt(t, dsn)
		for i := range 2500 {
			s := []string{string(site), "other"}[i%5/4]
			got(raw.Exec(`INSERT INTO audit (site, at, who, role, from_address, action, subject, patient, outcome, why)
				VALUES ($1, $2, 'u-1', 'nurse', '', 'patient.read', '', '', 'done', $3)`, s, int64(t0)-int64(i), fmt.Sprint(i)))(t)
		}
		must(t, raw.Close())
		key, _, err := audit.MakeKey(site)
		must(t, err)
		d = markedWith(t, dsn, key)
		write(t, d, 0, 3)
		if r := verify(t, d, key, checkpoint(t, d, key, "test")); !r.Good() || r.Size != 2003 {
			t.Errorf("%+v", r)
		}
		rows := got(d.LedgerRows(t.Context(), site, 0, 9))(t)
		for i, want := range []string{"0", "1", "2", "3", "5", "6", "7", "8", "10"} {
			if rows[i].Why != want {
				t.Errorf("entry %d is the old %s, want %s", i, rows[i].Why, want)
			}
		}
	})
}

// A search finds by each of its words, and counts what it finds.
func TestAuditSearch(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		add := func(e audit.Entry) {
			e.Site = site
			must(t, d.AppendAudit(t.Context(), e))
		}
		add(audit.Entry{At: t0, Who: "u-1", Action: "patient.read", Patient: "p-1", Purpose: "treatment"})
		add(audit.Entry{At: t0 + 10, Who: "u-2", Action: "patient.write", Patient: "p-1", Why: "Wrong birth date"})
		add(audit.Entry{At: t0 + 20, Who: "u-1", Action: "patients.find", Outcome: "refused", Why: "not of this ward"})
		add(audit.Entry{At: t0 + 30, Who: "u-3", Action: "patient.read", Patient: "p-2", Glass: "gl-1", Why: "Wrong ward, 100% sure"})
		yes, no := true, false
		for name, c := range map[string]struct {
			f    store.AuditFilter
			want []int64
		}{
			"all": {store.AuditFilter{}, []int64{3, 2, 1, 0}}, "patient": {store.AuditFilter{Patient: "p-1"}, []int64{1, 0}},
			"who": {store.AuditFilter{Who: "u-1"}, []int64{2, 0}}, "action": {store.AuditFilter{Action: "patient.read"}, []int64{3, 0}},
			"beginning": {store.AuditFilter{Action: "patient."}, []int64{3, 1, 0}}, "outcome": {store.AuditFilter{Outcome: "refused"}, []int64{2}},
			"purpose": {store.AuditFilter{Purpose: "treatment"}, []int64{0}}, "words": {store.AuditFilter{Text: "WARD wrong"}, []int64{3}},
			"literal": {store.AuditFilter{Text: "100%"}, []int64{3}}, "no pattern": {store.AuditFilter{Text: "w%g"}, nil},
			"glass": {store.AuditFilter{Glass: &yes}, []int64{3}}, "without glass": {store.AuditFilter{Glass: &no}, []int64{2, 1, 0}},
			"time": {store.AuditFilter{From: t0 + 10, To: t0 + 30}, []int64{2, 1}}, "page": {store.AuditFilter{Before: 3, Limit: 2}, []int64{2, 1}},
		} {
			var numbers []int64
			for _, r := range got(d.Audit(t.Context(), everything, c.f))(t) {
				numbers = append(numbers, r.N)
			}
			if fmt.Sprint(numbers) != fmt.Sprint(c.want) {
				t.Errorf("%s finds %v, want %v", name, numbers, c.want)
			}
			if n, more, err := d.AuditCount(t.Context(), everything, c.f); err != nil || more || c.f.Before == 0 && n != len(c.want) {
				t.Errorf("%s counts %d %t %v, want %d", name, n, more, err, len(c.want))
			}
		}
		counts := got(d.AuditCounts(t.Context(), everything, store.AuditFilter{}, "who"))(t)
		if fmt.Sprint(counts) != "[{u-1 2} {u-2 1} {u-3 1}]" {
			t.Errorf("by who: %v", counts)
		}
		if days := got(d.AuditCounts(t.Context(), everything, store.AuditFilter{}, "day"))(t); len(days) != 1 || days[0].Count != 4 || days[0].Key != fmt.Sprint(int64(t0)/86400_000) {
			t.Errorf("by day: %v", days)
		}
		_, err := d.AuditCounts(t.Context(), everything, store.AuditFilter{}, "why")
		kind(t, err, vital.Invalid)
		// Who sees a part sees no numbers: they would count what is hidden.
		for _, r := range got(d.Audit(t.Context(), store.Rows{Site: site, Wards: []vital.WardID{"w-a"}}, store.AuditFilter{}))(t) {
			t.Errorf("a ward without patients sees %+v", r)
		}
	})
}

// What is done to the database itself, beside the program, is found in it; the
// stored checkpoints and one kept outside are all the evidence there is.
//
// Covers: A13 HIPAA-164.312(c)(2)
// Attempts: 12
func TestTamperingWithTheDatabase(t *testing.T) {
	attacks := map[string]struct {
		sql   string
		kind  string
		first int64
	}{
		"a field":              {"UPDATE audit SET who = 'u-x' WHERE n = 300", audit.Altered, 300},
		"a reason":             {"UPDATE audit SET why = '' WHERE n = 5", audit.Altered, 5},
		"a time":               {"UPDATE audit SET at = at + 1 WHERE n = 511", audit.Altered, 511},
		"a leaf":               {"UPDATE audit SET leaf = salt WHERE n = 9", audit.Altered, 9},
		"a salt":               {"UPDATE audit SET salt = leaf WHERE n = 10", audit.Altered, 10},
		"a mark":               {"UPDATE audit SET mark = NULL WHERE n = 11", audit.Forged, 11},
		"a row":                {"DELETE FROM audit WHERE n = 256", audit.Missing, 256},
		"the last row":         {"DELETE FROM audit WHERE n = 599", audit.Missing, 599},
		"the tail, head moved": {"DELETE FROM audit WHERE n >= 590; UPDATE ledger_head SET size = 590", audit.RolledBack, 590},
		"a stored hash":        {"UPDATE ledger_node SET hash = (SELECT leaf FROM audit WHERE n = 0) WHERE n = 1", audit.Unproven, 256},
		"a row beside":         {"INSERT INTO audit (site, at, who, role, from_address, action, subject, patient, outcome, why) VALUES ('main', 1, 'u-x', '', '', 'patient.read', '', '', 'done', '')", audit.Unnumbered, 600},
		"a row after the head": {"INSERT INTO audit (site, at, who, role, from_address, action, subject, patient, outcome, why, n) VALUES ('main', 1, 'u-x', '', '', 'patient.read', '', '', 'done', '', 600); UPDATE ledger_head SET size = 601", audit.Altered, 600},
	}
	both(t, func(t *testing.T, dsn string) {
		d, key := marked(t, dsn)
		write(t, d, 0, 600)
		outside := checkpoint(t, d, key, "outside")
		if r := verify(t, d, key, outside); !r.Good() {
			t.Fatal(r.Findings)
		}
		raw := rawAt(t, dsn)
		kept := strings.Split("audit ledger_node ledger_head", " ")
		for _, table := range kept {
			got(raw.Exec("CREATE TABLE kept_" + table + " AS SELECT * FROM " + table))(t)
		}
		for name, a := range attacks {
			for s := range strings.SplitSeq(a.sql, "; ") {
				got(raw.Exec(s))(t)
			}
			r := verify(t, d, key, outside)
			if r.Good() || r.Findings[0].Kind != a.kind || r.Findings[0].From != a.first {
				t.Errorf("%s: %v", name, r.Findings)
			}
			for _, table := range kept {
				got(raw.Exec("DELETE FROM " + table))(t)
				got(raw.Exec("INSERT INTO " + table + " SELECT * FROM kept_" + table))(t)
			}
		}
		if r := verify(t, d, key, outside); !r.Good() {
			t.Errorf("put back: %v", r.Findings)
		}
	})
}

// Old checkpoints are thinned out, the last of each hour stays.
func TestThinCheckpoints(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d, key := marked(t, dsn)
		const hour = 3600_000
		for i := range 10 {
			c := got(key.Sign(site, int64(i+1), tlog.Hash{}, vital.Instant(i)*hour/4))(t)
			must(t, d.PutCheckpoint(t.Context(), c))
		}
		must(t, d.ThinCheckpoints(t.Context(), site, 2*hour))
		var sizes []int64
		for _, text := range got(d.CheckpointNotes(t.Context(), site, 100))(t) {
			sizes = append(sizes, got(audit.OpenCheckpoint(text, key.Public(), site, "store"))(t).Size)
		}
		if fmt.Sprint(sizes) != "[10 9 8 4]" {
			t.Errorf("left: %v", sizes)
		}
	})
}
