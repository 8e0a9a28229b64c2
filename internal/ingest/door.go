package ingest

import (
	"context"
	"hash/fnv"
	"sync/atomic"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// Subjects gives the key that seals what belongs to a subject; a journal.Ring is
// one. The key is durable before it is used.
type Subjects interface {
	For(ctx context.Context, subject string) (journal.KeyID, error)
}

// Door makes packets durable. It is what every front calls.
type Door struct {
	writers  []*journal.Writer
	subjects Subjects
	registry *Registry
	blobs    *journal.Blobs
	accepted atomic.Uint64
	Waits    Latency // from Accept to the acknowledgement
	bytes    atomic.Uint64
	decoded  func() uint64 // packets worked off; nil: not asked
}

// NewDoor returns a door that appends to one writer per raw partition.
func NewDoor(writers []*journal.Writer, subjects Subjects, registry *Registry, blobs *journal.Blobs) *Door {
	return &Door{writers: writers, subjects: subjects, registry: registry, blobs: blobs}
}

// Watch lets the door see how many packets have been worked off, so that it does
// not run away from the watch: a packet that is safe but not looked at is no use
// to a patient.
func (d *Door) Watch(decoded func() uint64) { d.decoded = decoded }

// mostBehind is how many packets may be safe and not yet worked off before the
// door lets its senders wait; a few seconds of a busy machine's work.
const mostBehind = 300_000

// keepPace waits while the watch is too far behind.
func (d *Door) keepPace(ctx context.Context) error {
	for d.decoded != nil {
		accepted, decoded := d.accepted.Load(), d.decoded()
		if accepted < decoded+mostBehind {
			return nil
		}
		select {
		case <-ctx.Done():
			return vital.Errorf(vital.Unavailable, "the watch is %d packets behind: %w", accepted-decoded, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

// blobFrom is the body size from which a body lies beside the journal.
const blobFrom = 200 << 10

// MostBody is the largest body that any door may hand over, bytes.
const MostBody = 16 << 20

// Accept makes p durable and then calls done, from another goroutine, in the
// order of acceptance per credential. It blocks while the journal is behind: the
// caller must stop reading, not drop. A door acknowledges in done when its error
// is nil, and never otherwise. An error returned here means that done will not
// be called.
func (d *Door) Accept(ctx context.Context, p Packet, done func(Receipt, error)) error {
	if len(p.Body) > MostBody {
		return vital.Errorf(vital.TooMuch, "packet on %q: %d bytes, at most %d", p.Topic, len(p.Body), MostBody)
	}
	if err := d.keepPace(ctx); err != nil {
		return err
	}
	key, err := d.subjects.For(ctx, d.subject(p))
	if err != nil {
		return vital.Errorf(vital.Unavailable, "find the key for a packet of %s: %w", p.Device, err)
	}
	size, began := uint64(len(p.Body)), time.Now()
	if len(p.Body) > blobFrom {
		name, err := d.blobs.Put(key, p.Body)
		if err != nil {
			return vital.Errorf(vital.Unavailable, "keep a packet of %d bytes of %s: %w", len(p.Body), p.Device, err)
		}
		p.Blob, p.Body = name.String(), nil
	}
	w := d.writers[PartitionOf(string(p.Credential), len(d.writers))]
	return w.Append(ctx, journal.Record{Kind: journal.KindPacket, Key: key, Body: p.encode()}, func(at vital.Position, err error) {
		if err == nil {
			d.accepted.Add(1)
			d.bytes.Add(size)
			d.Waits.Add(time.Since(began))
		}
		done(Receipt{At: at}, err)
	})
}

// Accepted returns how many packets and bytes have been made durable.
func (d *Door) Accepted() (packets, bytes uint64) { return d.accepted.Load(), d.bytes.Load() }

// subject says whose key seals the packet: the patient's who wears the device
// now, so that forgetting the patient takes the packets along.
func (d *Door) subject(p Packet) string {
	if p.Patient != "" {
		return "patient/" + string(p.Patient)
	}
	if b, ok := d.registry.BindingAt(p.Device, p.Received); ok && b.Patient != "" {
		return "patient/" + string(b.Patient)
	}
	return "device/" + string(p.Device)
}

// PartitionOf spreads keys over n partitions, the same in every process.
func PartitionOf(key string, n int) int {
	h := fnv.New64a()
	h.Write([]byte(key))
	return int(h.Sum64() % uint64(n))
}
