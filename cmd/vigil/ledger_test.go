package main

import (
	"bytes"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// keptNode opens a node whose ledger is kept, with a witness beside it.
func keptNode(t *testing.T, c config) *node {
	t.Helper()
	n, err := openNode(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ledger.recall(t.Context()); err != nil {
		t.Fatal(err)
	}
	return n
}

func (n *node) look(t *testing.T, times int) {
	t.Helper()
	for range times {
		if err := n.store.AppendAudit(t.Context(), audit.Entry{Site: n.site, Who: "u-1", Role: "nurse", Action: "patient.read", Subject: "patient/p-1"}); err != nil {
			t.Fatal(err)
		}
	}
}

// The server signs what grew and tells the witness; it refuses to sign what
// contradicts that, reads everything, raises the notice once, and goes on.
//
// Covers: A13 HIPAA-164.312(c)(1)
func TestTheLedgerIsKept(t *testing.T) {
	ctx := t.Context()
	c := defaults()
	c.Data, c.HTTP, c.MQTT, c.Witness = t.TempDir(), "", "", filepath.Join(t.TempDir(), "witness.txt")
	n := keptNode(t, c)
	defer n.close(ctx)
	k := n.ledger
	n.look(t, 300)
	if err := k.sign(ctx); err != nil {
		t.Fatal(err)
	}
	n.look(t, 300)
	for range 2 { // the second has nothing to do
		if err := k.sign(ctx); err != nil {
			t.Fatal(err)
		}
	}
	seen, unread, err := audit.ReadWitness(c.Witness, k.key.Public(), n.site)
	if err != nil || unread > 0 || len(seen) != 2 || seen[1].Size != seen[0].Size+300 {
		t.Fatalf("the witness: %d checkpoints, %d unread, %v", len(seen), unread, err)
	}
	if err := k.verify(ctx); err != nil {
		t.Fatal(err)
	}
	state, err := k.State(ctx)
	if err != nil || state.Verified.State != "good" || state.Witness.State != "good" || state.Checkpoint.Size != state.Size {
		t.Fatalf("%+v %v", state, err)
	}
	raw, err := sql.Open("sqlite", filepath.Join(c.Data, "vigil.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	if _, err := raw.Exec("UPDATE audit SET leaf = randomblob(32) WHERE n = 520"); err != nil {
		t.Fatal(err)
	}
	n.look(t, 1)
	if err := k.sign(ctx); err == nil {
		t.Error("it signed what contradicts what it signed")
	}
	for range 2 {
		if err := k.verify(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if state, _ = k.State(ctx); state.Verified.State != "broken" || state.Verified.First == nil || *state.Verified.First != 520 {
		t.Errorf("%+v", state.Verified)
	}
	told, err := n.store.Audit(ctx, store.Everything(n.site), store.AuditFilter{Action: "ledger.report"})
	if err != nil || len(told) != 1 || !strings.Contains(told[0].Why, "number 520") {
		t.Errorf("told %d times: %v %v", len(told), told, err)
	}
	if err := k.sign(ctx); err != nil {
		t.Errorf("what comes after is not signed: %v", err)
	}
}

// A database that was put back is seen at the start, by the witness alone.
//
// Covers: A13 K2
func TestAPutBackDatabaseIsSeen(t *testing.T) {
	ctx := t.Context()
	c := defaults()
	c.Data, c.HTTP, c.MQTT, c.Witness = t.TempDir(), "", "", filepath.Join(t.TempDir(), "witness.txt")
	n := keptNode(t, c)
	n.look(t, 20)
	if err := n.ledger.sign(ctx); err != nil {
		t.Fatal(err)
	}
	if err := n.close(ctx); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(c.Data, "vigil.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n = keptNode(t, c)
	n.look(t, 20)
	if err := n.ledger.sign(ctx); err != nil {
		t.Fatal(err)
	}
	size, _ := n.store.LedgerSize(ctx, n.site)
	if err := n.close(ctx); err != nil {
		t.Fatal(err)
	}
	for _, beside := range []string{"-wal", "-shm"} {
		os.Remove(file + beside)
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
	n = keptNode(t, c)
	defer n.close(ctx)
	n.look(t, 3)
	if err := n.ledger.sign(ctx); err == nil || !strings.Contains(err.Error(), "saw") {
		t.Errorf("it was signed: %v", err)
	}
	var out, words bytes.Buffer
	w := world{out: &out, err: &words, getenv: func(string) string { return "" }}
	err = runLedger(ctx, w, []string{"verify", "--data", c.Data, "--witness", c.Witness})
	if vital.KindOf(err) != vital.Internal || !strings.Contains(out.String(), "rolled-back") {
		t.Errorf("of %d entries: %v\n%s%s", size, err, out.String(), words.String())
	}
	out.Reset()
	if err := runLedger(ctx, w, []string{"verify", "--data", c.Data}); err != nil {
		t.Errorf("without the witness nothing shows it: %v\n%s", err, out.String())
	}
}

// A proof that was written is checked without a ledger, by the public key alone.
//
// Covers: A13 HIPAA-164.312(c)(2)
func TestLedgerProofOffline(t *testing.T) {
	ctx := t.Context()
	c := defaults()
	c.Data, c.HTTP, c.MQTT = t.TempDir(), "", ""
	n := keptNode(t, c)
	n.look(t, 10)
	if err := n.ledger.sign(ctx); err != nil {
		t.Fatal(err)
	}
	public := n.ledger.key.Public()
	if err := n.close(ctx); err != nil {
		t.Fatal(err)
	}
	var out, words bytes.Buffer
	w := world{out: &out, err: &words, getenv: func(string) string { return "" }}
	if err := runLedger(ctx, w, []string{"prove", "4", "--data", c.Data}); err != nil {
		t.Fatal(err)
	}
	proof := filepath.Join(t.TempDir(), "proof.json")
	if err := os.WriteFile(proof, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := runLedger(ctx, w, []string{"prove", "--check", proof, "--key", public}); err != nil || !strings.HasPrefix(out.String(), "Proven: entry 4") {
		t.Errorf("%v %s", err, out.String())
	}
	forged := bytes.Replace(mustRead(t, proof), []byte(`"nurse"`), []byte(`"chief"`), 1)
	if err := os.WriteFile(proof, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := runLedger(ctx, w, []string{"prove", "--check", proof, "--key", public}); err == nil {
		t.Error("a forged proof was taken")
	}
	for _, args := range [][]string{{}, {"none"}, {"prove", "--data", c.Data}, {"prove", "99", "--data", c.Data}, {"verify", "--data", c.Data, "--key", "nonsense+x"}} {
		if err := runLedger(ctx, w, args); err == nil {
			t.Errorf("%v went well", args)
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
