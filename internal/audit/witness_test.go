package audit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// What a power cut leaves of the last checkpoint in the witness takes nothing
// from those before it or after it.
//
// Covers: A13
func TestWitnessSurvivesAPowerCut(t *testing.T) {
	key, _, err := audit.MakeKey(site)
	if err != nil {
		t.Fatal(err)
	}
	h := write(t, key, 30)
	whole := filepath.Join(t.TempDir(), "witness.txt")
	w, err := audit.OpenWitness(whole, key.Public(), site)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range h.tens[:2] {
		if err := w.Add(c); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	begin := strings.LastIndex(string(text), "vigil/ledger/main\n20\n")
	for cut := begin; cut <= len(text); cut++ {
		path := filepath.Join(t.TempDir(), "cut.txt")
		if err := os.WriteFile(path, text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := audit.OpenWitness(path, key.Public(), site)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(h.tens[2]); err != nil {
			t.Fatal(err)
		}
		all, unread, err := audit.ReadWitness(path, key.Public(), site)
		if err != nil || len(all)+unread < 2 || len(all) < 2 || all[0].Size != 10 || all[len(all)-1].Size != 30 {
			t.Fatalf("cut at %d of %d: %d checkpoints, %d unread, %v", cut, len(text), len(all), unread, err)
		}
		if _, last, err := w.State(); last.Size != 30 || err != nil {
			t.Errorf("the state says %d, %v", last.Size, err)
		}
	}
}

// A witness whose medium is gone says so, and goes on when it is back.
func TestWitnessFails(t *testing.T) {
	key, _, _ := audit.MakeKey(site)
	h := write(t, key, 20)
	dir := filepath.Join(t.TempDir(), "mount")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.OpenWitness(filepath.Join(dir, "none", "w.txt"), key.Public(), site); err == nil {
		t.Fatal("a witness in no folder was opened")
	}
	w, err := audit.OpenWitness(filepath.Join(dir, "w.txt"), key.Public(), site)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir, dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(h.tens[0]); vital.KindOf(err) != vital.Unavailable {
		t.Errorf("without its folder: %v", err)
	}
	if _, _, err := w.State(); err == nil {
		t.Error("the state says nothing of it")
	}
	if err := os.Rename(dir+"-gone", dir); err != nil {
		t.Fatal(err)
	}
	if err := w.Add(h.tens[1]); err != nil {
		t.Error(err)
	}
	if _, last, err := w.State(); err != nil || last.Size != 20 {
		t.Errorf("back again: %d %v", last.Size, err)
	}
}

// The key's file is its owner's alone, and a start finds the same key again.
//
// Covers: HIPAA-164.312(c)(1) ASVS-13.3.1 EN303645-5.4
func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "ledger.key")
	made, err := audit.LoadKey(t.Context(), path, site, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := audit.LoadKey(t.Context(), path, site, nil)
	if err != nil || again.Public() != made.Public() {
		t.Fatalf("the second start: %v", err)
	}
	if public, err := os.ReadFile(audit.PublicFile(path)); err != nil || strings.TrimSpace(string(public)) != made.Public() {
		t.Errorf("the public key beside it: %q %v", public, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if _, err := audit.LoadKey(t.Context(), path, "elsewhere", nil); err == nil {
		t.Error("the key of another site was taken")
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.LoadKey(t.Context(), path, site, nil); vital.KindOf(err) != vital.Precondition {
		t.Errorf("a key that others may read: %v", err)
	}
}

// A row of the ledger says nothing about what it holds to who has the leaf alone:
// the same entry gives another leaf each time.
//
// Covers: ASVS-16.2.5
func TestLeavesAreSalted(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		seen[audit.Stamp(entryOf(1), 1, nil).Leaf.String()] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d leaves of 100", len(seen))
	}
	r := audit.Stamp(entryOf(1), 1, nil)
	before := r.Leaf
	r.Erase()
	body, _ := json.Marshal(r)
	if strings.Contains(string(body), "reason 1") || !r.Intact() || r.Leaf != before {
		t.Errorf("erased: %s", body)
	}
	if r.Why = "put back"; r.Intact() {
		t.Error("a reason was put back")
	}
}
