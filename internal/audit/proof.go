package audit

import (
	"encoding/json"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/vital"
)

// Proof shows, without the ledger, that an entry is in it: the row, the path of
// hashes from its leaf to the root, and the signed checkpoint with that root.
type Proof struct {
	Entry      ProofEntry  `json:"entry"`
	Path       []tlog.Hash `json:"path"`
	Checkpoint string      `json:"checkpoint"`
}

// ProofEntry is a row in words that do not change with the program.
type ProofEntry struct {
	N       int64           `json:"n"`
	Site    vital.Site      `json:"site"`
	At      int64           `json:"at"` // ms since 1970
	Who     string          `json:"who"`
	Role    string          `json:"role"`
	From    string          `json:"from"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Patient vital.PatientID `json:"patient"`
	Outcome string          `json:"outcome"`
	Purpose string          `json:"purpose"`
	Glass   string          `json:"glass"`
	Why     string          `json:"why"`
	Salt    []byte          `json:"salt"`
	Erased  []byte          `json:"erased,omitempty"`
	Leaf    tlog.Hash       `json:"leaf"`
}

// Prove makes the proof of a row against a checkpoint that is younger.
func Prove(r Row, c Checkpoint, tree tlog.HashReader) (Proof, error) {
	if r.N >= c.Size {
		return Proof{}, vital.Errorf(vital.Precondition, "entry %d is younger than the checkpoint of %d entries", r.N, c.Size)
	}
	path, err := tlog.ProveRecord(c.Size, r.N, tree)
	if err != nil {
		return Proof{}, fmt.Errorf("prove entry %d: %w", r.N, err)
	}
	p := Proof{Path: path, Checkpoint: c.Note, Entry: ProofEntry{
		r.N, r.Site, int64(r.At), r.Who, r.Role, r.From, r.Action, r.Subject, r.Patient, r.Outcome, r.Purpose, r.Glass, r.Why, r.Salt, r.Erased, r.Leaf,
	}}
	return p, p.check(c)
}

// CheckProof reads a proof and says what it proves, or why it proves nothing.
func CheckProof(body []byte, public string) (Row, Checkpoint, error) {
	var p Proof
	if err := json.Unmarshal(body, &p); err != nil {
		return Row{}, Checkpoint{}, vital.Errorf(vital.Invalid, "this is not a proof: %w", err)
	}
	c, err := OpenCheckpoint(p.Checkpoint, public, p.Entry.Site, "the proof")
	if err != nil {
		return p.row(), c, err
	}
	return p.row(), c, p.check(c)
}

func (p Proof) row() Row {
	e := p.Entry
	return Row{
		Entry: Entry{
			Site: e.Site, At: vital.Instant(e.At), Who: e.Who, Role: e.Role, From: e.From, Action: e.Action, Subject: e.Subject,
			Patient: e.Patient, Outcome: e.Outcome, Why: e.Why, Purpose: e.Purpose, Glass: e.Glass,
		},
		N: e.N, Salt: e.Salt, Leaf: e.Leaf, Erased: e.Erased,
	}
}

func (p Proof) check(c Checkpoint) error {
	if r := p.row(); !r.Intact() {
		return vital.Errorf(vital.Precondition, "entry %d is not what its leaf was made of", r.N)
	}
	if p.Entry.N < 0 || p.Entry.N >= c.Size {
		return vital.Errorf(vital.Precondition, "entry %d is not among the %d of the checkpoint", p.Entry.N, c.Size)
	}
	if err := tlog.CheckRecord(p.Path, c.Size, c.Root, p.Entry.N, p.Entry.Leaf); err != nil {
		return vital.Errorf(vital.Precondition, "entry %d is not in the ledger of the checkpoint: %w", p.Entry.N, err)
	}
	return nil
}
