package audit

import (
	"bytes"
	"fmt"
	"hash"
	"sort"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/vital"
)

// What can be wrong with a ledger.
const (
	Altered    = "altered"     // a row is not what its leaf was made of
	Forged     = "forged"      // a row that the server's key did not mark
	Missing    = "missing"     // a number that is not there
	RolledBack = "rolled-back" // somebody saw a longer ledger
	Rewritten  = "rewritten"   // somebody saw another history
	Forked     = "forked"      // two histories of the same length were signed
	Erased     = "erased"      // a reason is gone and no entry says who took it
	Unproven   = "unproven"    // a stored hash between leaves and root is wrong: proofs fail
	Unnumbered = "unnumbered"  // rows beside the ledger
)

// Finding is one thing that is wrong. The first bad entry is at From at the
// earliest; where the evidence is one root over many it is not after To.
type Finding struct {
	Kind     string
	From, To int64
	Text     string
}

func (f Finding) String() string {
	where := fmt.Sprintf("entry %d", f.From)
	if f.To > f.From {
		where = fmt.Sprintf("entries %d to %d", f.From, f.To)
	}
	return where + ": " + f.Text
}

// Report is what a verification found, the first bad entry first.
type Report struct {
	Size        int64 // entries that are there
	Root        tlog.Hash
	Checkpoints int // that were held against them
	Latest      *Checkpoint
	Findings    []Finding
	More        int // findings that are not in the list
}

// Good reports whether nothing is wrong.
func (r Report) Good() bool { return len(r.Findings) == 0 }

// mostFindings bounds a report on a ledger that is wrong from beginning to end.
const mostFindings = 1000

// Verifier reads a ledger row by row, in the order of their numbers, and holds it
// against itself, its key and the checkpoints that were kept of it.
type Verifier struct {
	site  vital.Site
	key   *Key // nil: marks are not looked at
	mac   hash.Hash
	tree  peaks
	next  int64 // number of the row that must come
	holes bool  // a row is missing: there is no tree after it

	checkpoints []Checkpoint // by size
	passed      int
	agreed      map[string]int64 // by source, the longest that this history shares with it
	latest      *Checkpoint
	whole       [8][]tlog.Hash // what the stored hashes above the leaves must be

	erased   map[string][]int64 // numbers of the rows without their reason, by patient
	erasures map[string]int64   // number of the last entry that says so
	report   Report
}

// NewVerifier begins to verify a site's ledger against checkpoints whose
// signatures have been checked.
func NewVerifier(site vital.Site, key *Key, checkpoints []Checkpoint) *Verifier {
	v := &Verifier{site: site, key: key, agreed: map[string]int64{}, erased: map[string][]int64{}, erasures: map[string]int64{}}
	if key != nil {
		v.mac = key.mac()
	}
	v.checkpoints = append(v.checkpoints, checkpoints...)
	sort.SliceStable(v.checkpoints, func(i, j int) bool { return v.checkpoints[i].Size < v.checkpoints[j].Size })
	v.meet()
	return v
}

func (v *Verifier) found(kind string, from, to int64, format string, args ...any) {
	if len(v.report.Findings) == mostFindings {
		v.report.More++
		return
	}
	v.report.Findings = append(v.report.Findings, Finding{kind, from, to, fmt.Sprintf(format, args...)})
}

// Row takes the next row.
func (v *Verifier) Row(r Row) {
	if r.N < v.next {
		v.found(Forged, r.N, r.N, "it is there twice")
		return
	}
	if r.N > v.next {
		v.found(Missing, v.next, r.N-1, "deleted: the next that is there is %d", r.N)
		v.holes = true
	}
	v.next = r.N + 1
	switch {
	case r.Site != v.site || !r.Intact():
		v.found(Altered, r.N, r.N, "what is stored is not what was written")
	case v.key != nil && !bytes.Equal(r.Mark, mark(v.mac, r.N, r.Leaf)):
		v.found(Forged, r.N, r.N, "the server did not write it like this: its mark is wrong")
	}
	if r.Erased != nil {
		v.erased[string(r.Patient)] = append(v.erased[string(r.Patient)], r.N)
	}
	if r.Action == ErasePatient && r.Outcome == "done" {
		v.erasures[string(r.Patient)] = r.N
	}
	if v.holes {
		return
	}
	for i, h := range v.tree.add(r.Leaf) {
		v.whole[i] = append(v.whole[i], h)
	}
	v.meet()
}

// meet compares the tree with the checkpoints of its size.
func (v *Verifier) meet() {
	for ; v.passed < len(v.checkpoints) && v.checkpoints[v.passed].Size == v.tree.size; v.passed++ {
		c := &v.checkpoints[v.passed]
		v.report.Checkpoints++
		if c.Root == v.tree.hash() {
			v.agreed[c.Source] = c.Size
			v.latest = c
			continue
		}
		from := v.agreed[c.Source]
		if v.explains(from, c.Size) {
			continue
		}
		if o := v.other(*c); o != nil {
			v.found(Forked, from, c.Size-1, "two histories of %d entries were signed, one kept in %s and one in %s: they part here", c.Size, c.Source, o.Source)
			continue
		}
		v.found(Rewritten, from, c.Size-1, "the checkpoint of %s, kept in %s, saw other entries here", c.At, c.Source)
	}
}

// other finds a signed checkpoint of the same size that says something else and
// agrees with what is stored.
func (v *Verifier) other(c Checkpoint) *Checkpoint {
	for i := range v.checkpoints {
		if o := &v.checkpoints[i]; o.Size == c.Size && o.Root != c.Root && o.Root == v.tree.hash() {
			return o
		}
	}
	return nil
}

// explains reports whether a row that was found bad already is why a checkpoint
// of that size differs.
func (v *Verifier) explains(from, size int64) bool {
	for _, f := range v.report.Findings {
		if f.From < size && f.To >= from {
			return true
		}
	}
	return false
}

// Whole is what the stored hashes of a level above the leaves (8, 16 ...) must be.
func (v *Verifier) Whole(level int) []tlog.Hash {
	if i := level/TileHeight - 1; i >= 0 && i < len(v.whole) {
		return v.whole[i]
	}
	return nil
}

// Stored compares the stored hashes of a level above the leaves.
func (v *Verifier) Stored(level int, hashes []tlog.Hash) {
	if v.holes {
		return
	}
	want := v.Whole(level)
	for i := range max(len(want), len(hashes)) {
		if i < len(want) && i < len(hashes) && want[i] == hashes[i] {
			continue
		}
		from := int64(i) << level
		if to := from + 1<<level; !v.explains(from, to) {
			v.found(Unproven, from, to-1, "the stored hash over them is wrong")
		}
		return
	}
}

// Beside says how many rows have no number.
func (v *Verifier) Beside(rows int64) {
	if rows > 0 {
		v.found(Unnumbered, v.next, v.next, "%d rows without a number lie beside the ledger", rows)
	}
}

// Done ends the verification. size is how long the store says that the ledger is.
func (v *Verifier) Done(size int64) Report {
	if size > v.next {
		v.found(Missing, v.next, size-1, "cut off: %d entries were written, %d are there", size, v.next)
	}
	if size < v.next {
		v.found(Forged, size, v.next-1, "they were added beside the ledger: it counts %d entries", size)
	}
	if !v.holes {
		for _, c := range v.checkpoints[v.passed:] {
			if c.Size <= v.next || v.explains(v.next, c.Size) {
				continue
			}
			from := v.next
			if v.key == nil { // nothing says that those that are there are the same
				from = v.agreed[c.Source]
			}
			v.found(RolledBack, from, c.Size-1, "gone: the checkpoint of %s, kept in %s, saw %d entries, %d are there", c.At, c.Source, c.Size, v.next)
		}
	}
	for patient, rows := range v.erased {
		for _, n := range rows {
			if last, ok := v.erasures[patient]; !ok || last < n {
				v.found(Erased, n, n, "its reason was erased and no entry says by whom")
			}
		}
	}
	r := v.report
	r.Size, r.Root, r.Latest = v.next, v.tree.hash(), v.latest
	sort.SliceStable(r.Findings, func(i, j int) bool { return r.Findings[i].From < r.Findings[j].From })
	return r
}
