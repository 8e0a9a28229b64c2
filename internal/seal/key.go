package seal

import (
	"context"

	"github.com/vigilcare/vigil/vital"
)

// What keys are for.
const (
	Data    = "data"    // a Tink keyset that seals rows
	Index   = "index"   // 32 bytes for keyed hashes, one of a site
	Journal = "journal" // 32 bytes that seal records of the journal; a subject may have several
)

// Key is one key at rest, wrapped by the root key. Once destroyed it keeps its
// row, a tombstone, and Wrapped is empty.
type Key struct {
	ID        uint64        `json:"id"`
	Site      vital.Site    `json:"site"`
	Subject   string        `json:"subject"`
	Use       string        `json:"use"`
	Wrapped   []byte        `json:"wrapped,omitempty"`
	Created   vital.Instant `json:"created"`
	Changed   vital.Instant `json:"changed,omitempty"` // the last rotation
	Destroyed vital.Instant `json:"destroyed,omitempty"`
}

// Header says which key store it is.
type Header struct {
	ID       string `json:"id"`       // drawn once; empty: the table is new
	Root     string `json:"root"`     // check value of the root key that wraps the keys
	Revision int64  `json:"revision"` // counts changes
}

// Table is where wrapped keys lie: never in the database that they seal, and
// never in a backup of it. Every method is durable when it returns.
type Table interface {
	// Load returns everything, destroyed keys too, by creation.
	Load(ctx context.Context) (Header, []Key, error)
	// Found begins a table; vital.Conflict when it was begun.
	Found(ctx context.Context, h Header) error
	// Put adds a key; vital.Conflict when the id is taken.
	Put(ctx context.Context, k Key) error
	// Swap replaces the header's root and the keys that have these ids, or adds
	// them: all of it or nothing. What was there before is overwritten.
	Swap(ctx context.Context, root string, keys []Key) error
	// Check says whether the table can be read and written now, and its revision.
	Check(ctx context.Context) (int64, error)
}
