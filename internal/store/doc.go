// Package store is where everything that must be found again lives: people and
// places, devices and who wore them, accounts, and what was measured. It exists
// so that no other package holds a line of SQL, and so that two promises are
// kept in one place: a change to health data is in the ledger or did not happen,
// and an answer never holds, nor hints at, a row that the caller may not see.
//
// A DB is SQLite or PostgreSQL, by DSN, behind the same methods and the same SQL
// text. Three shapes of method:
//
//   - reading takes Rows, the caller's row filter, and puts it into the query
//     itself, never behind it, so that counts and pages betray nothing;
//   - a change by a person takes an audit.Entry and commits it in its own
//     transaction, together with a Control when the flow has to know;
//   - the flow hands over a Batch, and Commit applies all of it or nothing, as
//     long as the caller's epoch still owns the partition.
//
// The life of a sample: the flow appends it to the Head of its Series; a full
// Head is sealed into a Chunk of about 120 samples and goes with the next Batch;
// Samples reads chunks back, bit for bit. Nothing is overwritten: late data gets
// a chunk of its own that overlaps, and a correction writes new chunks and marks
// the old ones as superseded. docs/formats/store.md draws the bytes.
package store
