package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// saltSize is the length of one salt: 128 bits, so that nobody finds the fields
// of an entry by trying them against its leaf.
const saltSize = 16

// The two kinds of text that are hashed begin with different names, so that one
// can never be taken for the other.
const (
	recordName = "vigil/audit/1"
	reasonName = "vigil/audit/1/reason"
)

// Row is an entry as it is stored: with its number, which is also that of its
// leaf, and with what proves it.
type Row struct {
	Entry
	N      int64
	Salt   []byte // of the record and then of the reason; once that is erased, of the record alone
	Leaf   tlog.Hash
	Mark   []byte // by the ledger's key; empty: written by a process that had none
	Erased []byte // commitment to a reason that was erased; nil: it is there
}

// Stamp makes row n of an entry. Its texts must be as they are read back.
func Stamp(e Entry, n int64, key *Key) Row {
	r := Row{Entry: e, N: n, Salt: make([]byte, 2*saltSize)}
	rand.Read(r.Salt)
	r.Leaf = r.hash()
	r.Mark = key.mark(n, r.Leaf)
	return r
}

// Intact reports whether the row still is what its leaf was made of.
func (r Row) Intact() bool {
	whole := len(r.Salt) == 2*saltSize && r.Erased == nil
	erased := len(r.Salt) == saltSize && len(r.Erased) == sha256.Size && r.Why == ""
	return (whole || erased) && r.hash() == r.Leaf
}

// Erase takes the reason out, and with its salt every way to guess at it. The
// leaf stays, and with it the proof of everything else.
func (r *Row) Erase() {
	if r.Erased != nil {
		return
	}
	r.Erased = r.reason()
	r.Why, r.Salt = "", bytes.Clone(r.Salt[:saltSize])
}

// reason is the commitment to the reason.
func (r Row) reason() []byte {
	if r.Erased != nil {
		return r.Erased
	}
	var salt []byte
	if len(r.Salt) > saltSize {
		salt = r.Salt[saltSize:]
	}
	sum := sha256.Sum256(strung([]byte(reasonName), salt, []byte(r.Why)))
	return sum[:]
}

// Record is the text whose hash is the leaf.
func (r Row) Record() []byte {
	return strung([]byte(recordName), r.Salt[:min(saltSize, len(r.Salt))],
		[]byte(r.Site), strconv.AppendInt(nil, r.N, 10), strconv.AppendInt(nil, int64(r.At), 10),
		[]byte(r.Who), []byte(r.Role), []byte(r.From), []byte(r.Action), []byte(r.Subject), []byte(r.Patient),
		[]byte(r.Outcome), []byte(r.Purpose), []byte(r.Glass), r.reason())
}

func (r Row) hash() tlog.Hash { return tlog.RecordHash(r.Record()) }

// strung is the fields as netstrings: the length of each in decimal, a colon, its
// bytes, a comma. No two lists of fields give the same text.
func strung(fields ...[]byte) []byte {
	size := 0
	for _, f := range fields {
		size += len(f) + 6
	}
	out := make([]byte, 0, size)
	for _, f := range fields {
		out = strconv.AppendInt(out, int64(len(f)), 10)
		out = append(append(append(out, ':'), f...), ',')
	}
	return out
}
