package audit_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

const (
	site    = vital.DefaultSite
	entries = 1000
)

// history is a ledger as it was written, with the checkpoints that were kept.
type history struct {
	key  *audit.Key
	rows []audit.Row
	last []audit.Checkpoint // the one at the end alone
	tens []audit.Checkpoint // one every ten entries
}

func entryOf(i int) audit.Entry {
	return audit.Entry{
		Site: site, At: vital.Instant(1_795_000_000_000 + i*500), Who: fmt.Sprintf("u-%d", i%7), Role: "nurse", From: "10.0.0.7", Action: []string{"patient.read", "alarm.act", "limit.write"}[i%3],
		Subject: fmt.Sprintf("patient/p-%d", i%13), Patient: vital.PatientID(fmt.Sprintf("p-%d", i%13)), Outcome: "done", Why: fmt.Sprintf("reason %d", i), Purpose: "treatment",
	}
}

func write(t *testing.T, key *audit.Key, n int) history {
	t.Helper()
	h := history{key: key}
	for i := range n {
		h.rows = append(h.rows, audit.Stamp(entryOf(i), int64(i), key))
		if (i+1)%10 == 0 {
			h.tens = append(h.tens, sign(t, key, h.rows, "witness"))
		}
	}
	h.last = []audit.Checkpoint{sign(t, key, h.rows, "outside")}
	return h
}

// sign makes a checkpoint by the tree of x/mod itself, not by the one under test.
func sign(t *testing.T, key *audit.Key, rows []audit.Row, from string) audit.Checkpoint {
	t.Helper()
	leaves := make([]tlog.Hash, len(rows))
	for i, r := range rows {
		leaves[i] = tlog.RecordHash(r.Record())
	}
	c, err := key.Sign(site, int64(len(rows)), rootOf(leaves), vital.Instant(1_795_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	if c, err = audit.OpenCheckpoint(c.Note, key.Public(), site, from); err != nil {
		t.Fatal(err)
	}
	return c
}

// rootOf is RFC 6962, section 2.1, word for word.
func rootOf(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(rootOf(leaves[:k]), rootOf(leaves[k:]))
}

// restamp is what a forger without the key does: fields changed, leaf made anew.
func restamp(e audit.Entry, n int64) audit.Row { return audit.Stamp(e, n, nil) }

// way is one way to tamper with entry k.
type way struct {
	name    string
	do      func(h history, k int) []audit.Row
	kind    string
	without bool // the verifier has no key, only checkpoints
	tens    bool // and one for every ten entries
	from    func(k int) int64
	to      func(k int) int64
}

func at(k int) int64 { return int64(k) }

func ways() []way {
	alter := func(r *audit.Row, k int) {
		for _, f := range []func(){
			func() { r.Who = "u-x" }, func() { r.At++ }, func() { r.Action = "patient.list" }, func() { r.Patient = "p-x" }, func() { r.Outcome = "refused" },
			func() { r.Why = "another reason" }, func() { r.From = "10.9.9.9" }, func() { r.Role = "clinician" }, func() { r.Subject = "" }, func() { r.Purpose = "research" },
			func() { r.Glass = "gl-1" }, func() { r.Salt = slices.Repeat([]byte{7}, 32) }, func() { r.Leaf[31] ^= 1 }, func() { r.Site = "other" },
		}[k%14:][:1] {
			f()
		}
	}
	forge := func(h history, k int) []audit.Row {
		rows := slices.Clone(h.rows)
		e := rows[k].Entry
		e.Who = "somebody else"
		rows[k] = restamp(e, int64(k))
		return rows
	}
	renumber := func(rows []audit.Row, from int) {
		for i := from; i < len(rows); i++ {
			if rows[i].N != int64(i) {
				rows[i] = restamp(rows[i].Entry, int64(i))
			}
		}
	}
	begin := func(k int) int64 { return int64(k / 10 * 10) }
	return []way{
		{"a field is changed", func(h history, k int) []audit.Row {
			rows := slices.Clone(h.rows)
			alter(&rows[k], k)
			return rows
		}, audit.Altered, false, false, at, at},
		{"a row is changed and hashed anew", forge, audit.Forged, false, false, at, at},
		{"the same, seen by who has a checkpoint alone", forge, audit.Rewritten, true, false, func(int) int64 { return 0 }, func(int) int64 { return entries - 1 }},
		{"the same, seen by who has the witness", forge, audit.Rewritten, true, true, begin, func(k int) int64 { return begin(k) + 9 }},
		{"a row is deleted", func(h history, k int) []audit.Row {
			return slices.Delete(slices.Clone(h.rows), k, k+1)
		}, audit.Missing, false, false, at, at},
		{"a row is deleted and those behind it are numbered anew", func(h history, k int) []audit.Row {
			rows := slices.Delete(slices.Clone(h.rows), k, k+1)
			renumber(rows, k)
			return rows
		}, "", false, false, at, nil},
		{"two rows change places", func(h history, k int) []audit.Row {
			rows := slices.Clone(h.rows)
			j := (k + 1) % entries
			rows[k], rows[j] = rows[j], rows[k]
			rows[k].N, rows[j].N = rows[j].N, rows[k].N
			return rows
		}, audit.Altered, false, false, func(k int) int64 { return int64(min(k, (k+1)%entries)) }, nil},
		{"a row is put in and those behind it are numbered anew", func(h history, k int) []audit.Row {
			rows := slices.Insert(slices.Clone(h.rows), k, restamp(entryOf(77), int64(k)))
			renumber(rows, k+1)
			return rows
		}, audit.Forged, false, false, at, at},
		{"a row is there twice", func(h history, k int) []audit.Row {
			return slices.Insert(slices.Clone(h.rows), k, h.rows[k])
		}, audit.Forged, false, false, at, at},
		{"the tail is cut off", func(h history, k int) []audit.Row { return slices.Clone(h.rows[:k]) }, audit.RolledBack, false, false, at, nil},
		{"the database is put back and goes on differently", func(h history, k int) []audit.Row {
			rows := slices.Clone(h.rows[:k])
			for i := k; i < entries; i++ { // by the server itself: the marks are good
				e := entryOf(i)
				e.Who = "u-later"
				rows = append(rows, audit.Stamp(e, int64(i), h.key))
			}
			return rows
		}, audit.Rewritten, false, true, begin, func(k int) int64 { return begin(k) + 9 }},
		{"a reason is erased and nobody says so", func(h history, k int) []audit.Row {
			rows := slices.Clone(h.rows)
			rows[k].Erase()
			return rows
		}, audit.Erased, false, false, at, at},
		{"a mark is taken away", func(h history, k int) []audit.Row {
			rows := slices.Clone(h.rows)
			rows[k].Mark = nil
			return rows
		}, audit.Forged, false, false, at, at},
	}
}

func verified(h history, rows []audit.Row, key *audit.Key, kept []audit.Checkpoint) audit.Report {
	return verifiedFrom(audit.NewVerifier(site, key, kept), rows, 0)
}

// verifiedFrom goes on with a verification that has read the rows before.
func verifiedFrom(v *audit.Verifier, rows []audit.Row, before int) audit.Report {
	for _, r := range rows[before:] {
		v.Row(r)
	}
	return v.Done(int64(len(rows))) // the forger told the head too
}

// Each of a thousand entries is tampered with in each of thirteen ways by
// somebody who can write everything in the database. Every one is found, and the
// first bad entry is named: exactly, or, where only signed roots speak, between
// the two of them that it lies between.
//
// Covers: A13 H6 HIPAA-164.312(c)(1) HIPAA-164.312(c)(2) ASVS-16.4.2
// Attempts: 13000
func TestTamperingIsFoundAndNamed(t *testing.T) {
	key, _, err := audit.MakeKey(site)
	if err != nil {
		t.Fatal(err)
	}
	h := write(t, key, entries)
	for _, kept := range [][]audit.Checkpoint{nil, h.last, h.tens} {
		if r := verified(h, h.rows, key, kept); !r.Good() || r.Checkpoints != len(kept) {
			t.Fatalf("untouched: %v", r.Findings)
		}
	}
	var mu sync.Mutex
	attempted, survived := 0, 0
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) {
			kept, who := h.last, key
			if w.tens {
				kept = h.tens
			}
			if w.without {
				who = nil
			}
			var both sync.WaitGroup
			for half := range 2 {
				both.Go(func() {
					begun := audit.NewVerifier(site, who, kept)
					for k := range entries {
						v := begun.Clone()
						begun.Row(h.rows[k])
						if k%2 != half {
							continue
						}
						rows, before := w.do(h, k), k
						if (k+1)%entries == 0 { // its neighbour is the first
							v, before = audit.NewVerifier(site, who, kept), 0
						}
						problem := judged(w, k, verifiedFrom(v, rows, before))
						mu.Lock()
						if attempted++; problem != "" {
							survived++
							t.Errorf("entry %d: %s", k, problem)
						}
						mu.Unlock()
					}
				})
			}
			both.Wait()
		})
	}
	if attempted != 13000 || survived != 0 {
		t.Errorf("A13: %d attempted, %d survived", attempted, survived)
	}
}

func judged(w way, k int, r audit.Report) string {
	if r.Good() {
		return "nothing was found"
	}
	f := r.Findings[0]
	kind := w.kind
	if kind == audit.Missing && k == entries-1 { // nothing behind it shows the gap
		kind = audit.RolledBack
	}
	if kind == "" { // numbered anew: marks betray it, and at the very end the length does
		kind = audit.Forged
		if k == entries-1 {
			kind = audit.RolledBack
		}
	}
	if f.Kind != kind || f.From != w.from(k) || w.to != nil && f.To != w.to(k) || f.From > int64(k) || w.to != nil && f.To < w.from(k) {
		return fmt.Sprintf("got %s %s, want %s from %d", f.Kind, f, kind, w.from(k))
	}
	return ""
}

// Two checkpoints of one length that say different things are proof of a fork,
// whichever of them the database agrees with.
//
// Covers: A13
func TestForkIsFound(t *testing.T) {
	key, _, err := audit.MakeKey(site)
	if err != nil {
		t.Fatal(err)
	}
	h := write(t, key, 100)
	other := slices.Clone(h.rows[:50])
	for i := 50; i < 100; i++ {
		e := entryOf(i)
		e.Outcome = "refused"
		other = append(other, audit.Stamp(e, int64(i), key))
	}
	mine, theirs := sign(t, key, h.rows, "store"), sign(t, key, other, "witness")
	half := sign(t, key, h.rows[:50], "witness")
	r := verified(h, h.rows, key, []audit.Checkpoint{theirs, half, mine})
	if len(r.Findings) != 1 || r.Findings[0].Kind != audit.Forked || r.Findings[0].From != 50 || r.Findings[0].To != 99 {
		t.Errorf("%v", r.Findings)
	}
}

// A checkpoint that the key did not sign, or that is of another site, is no evidence.
//
// Covers: A13
func TestForeignCheckpoint(t *testing.T) {
	key, _, _ := audit.MakeKey(site)
	other, _, _ := audit.MakeKey(site)
	c := sign(t, key, write(t, key, 10).rows, "x")
	for name, open := range map[string]func() error{
		"another key":  func() error { _, err := audit.OpenCheckpoint(c.Note, other.Public(), site, "x"); return err },
		"another site": func() error { _, err := audit.OpenCheckpoint(c.Note, key.Public(), "elsewhere", "x"); return err },
		"changed":      func() error { _, err := audit.OpenCheckpoint("x"+c.Note, key.Public(), site, "x"); return err },
		"no key":       func() error { _, err := audit.OpenCheckpoint(c.Note, "", site, "x"); return err },
		"empty":        func() error { _, err := audit.OpenCheckpoint("", key.Public(), site, "x"); return err },
	} {
		if open() == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	back, err := audit.OpenCheckpoint(c.Note, key.Public(), site, "x")
	if err != nil || back.Size != 10 || back.Root != c.Root || back.At != c.At {
		t.Errorf("%+v %v", back, err)
	}
}
