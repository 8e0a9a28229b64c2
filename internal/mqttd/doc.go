// Package mqttd is the MQTT door: it speaks 3.1.1 and 5 with devices, gateways and
// the hospital's programs. It exists because an acknowledgement is a promise here:
// a PUBACK or PUBREC leaves only after the packet is synced to the journal, which
// no broker in front of us could know.
//
// One connection is two goroutines. The reader cuts packets off a buffer, asks the
// Gate, hands bodies to the Door and never waits for a sync; it waits only when the
// Door is behind, and then the device's socket fills: that is the back-pressure.
// The Door's callback settles the packet's slot in the connection's ring; slots
// leave the ring in order, are given to subscribers, and turn into bytes of the
// output buffer. The writer sends that buffer, all acknowledgements of the moment
// in one write, followed by what the session has to deliver.
//
// A session outlives its connection: subscriptions, QoS 2 identifiers, messages on
// the way. The saver writes changed sessions, many at once; what must not be
// forgotten (a received QoS 2 identifier) is saved before it is acknowledged.
//
// Locks, always taken in this order: Server.mu, ring, tree, session, output.
// See docs/formats/mqtt.md for what clients may rely on.
package mqttd

import (
	"cmp"
	"context"
	"crypto/x509"
	"log/slog"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
)

// Login is what a client says about itself when it connects. The certificate is
// one that the TLS handshake has verified against the site's authority, or nil.
type Login struct {
	ClientID    string // may be empty: the server then gives one
	Username    string
	Password    []byte
	Certificate *x509.Certificate
	Remote      string
	Level       byte // 4: MQTT 3.1.1, 5: MQTT 5
}

// Gate says who is calling and what they may do.
type Gate interface {
	// Login fails with vital.Unauthenticated or vital.Denied; any other kind is a
	// fault of ours and the client is told to try again.
	Login(ctx context.Context, l Login) (auth.Principal, error)
	// Allow is asked for every message and every filter.
	Allow(ctx context.Context, p auth.Principal, a auth.Action, s auth.Subject) error
}

// Door makes a packet durable. Accept blocks while it is behind. When it returns
// nil, done is called once, after the sync, in the order of acceptance per
// credential; when it returns an error, done is not called.
type Door interface {
	Accept(ctx context.Context, p ingest.Packet, done func(ingest.Receipt, error)) error
}

// Sessions keeps sessions and retained messages over a restart.
type Sessions interface {
	// Load returns everything that was saved.
	Load(ctx context.Context) ([]Saved, []Kept, error)
	// Save makes a change durable, all of it or nothing.
	Save(ctx context.Context, c Change) error
}

// Saved is one session at rest. Body is versioned and means something to this
// package only.
type Saved struct {
	Client    string
	Principal auth.Principal
	Expires   vital.Instant // when it ends if the client does not come back
	Body      []byte
}

// Kept is one retained message at rest.
type Kept struct {
	Topic   string
	QoS     byte
	Body    []byte
	At      vital.Instant
	Expires vital.Instant // 0: never
}

// Change is what one Save makes durable.
type Change struct {
	Put    []Saved
	End    []string // clients whose sessions ended
	Retain []Kept
	Forget []string // topics without a retained message from now on
}

// Options says what a server is made of. Gate and Door are required.
type Options struct {
	Site     vital.Site
	Gate     Gate
	Door     Door
	Sessions Sessions // nil: sessions do not survive a restart
	Log      *slog.Logger
	Limits   Limits
	Now      func() time.Time
	// Visible says whether an integration may see a device now: whether the device
	// stands in one of its wards. It is asked for every delivery and must not block.
	// Nil: only an integration with all wards sees devices.
	Visible func(p auth.Principal, d vital.DeviceID) bool
	// TakenOver is told that a second connection of a client took the place of the
	// first; an error refuses the second too. Nil: nobody wants to know.
	TakenOver func(ctx context.Context, p auth.Principal, client, from, to string) error
	// Passed is told who connected and who left, in order per client: silence has
	// a cause, and this is one. It may wait, briefly. Nil: nobody wants to know.
	Passed func(ctx context.Context, p Passage)
}

// Passage is that a client connected, or that its connection is over.
type Passage struct {
	Principal auth.Principal
	Client    string
	Up        bool
	Goodbye   bool   // it said so itself
	Why       string // in a word or two
	At        time.Time
}

// Limits bound what clients can make the server do. Zero means the default.
type Limits struct {
	Packet            int           // bytes of one packet, 256 KiB
	Connections       int           // at the same time, 10,000
	ConnectsPerSecond int           // accepted; others wait in the listen queue, 500
	ConnectTime       time.Duration // from accept to a whole CONNECT, 10 s
	KeepAlive         time.Duration // longest keep-alive of a level 5 client, 10 min
	InFlight          int           // unacknowledged packets of one client, 1024
	InFlightBytes     int           // of them, 4 MiB
	Messages          int           // per second and connection, 20,000
	Loose             int           // QoS 0 packets of all clients waiting for the sync, 4096
	Window            int           // unacknowledged deliveries to one client, 256
	QueueMessages     int           // waiting deliveries of one session, 1000
	QueueBytes        int           // of one session, 1 MiB
	SessionExpiry     time.Duration // longest life of a session without its client, 7 days
	Sessions          int           // of one gateway or integration, 100
	Subscriptions     int           // of one session, 200
	Aliases           int           // topic aliases of one connection, each way, 64
	Retained          int           // retained messages, 20,000
	Refusals          int           // refused topics before a connection is closed, 20
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Packet:            cmp.Or(l.Packet, 256<<10),
		Connections:       cmp.Or(l.Connections, 10_000),
		ConnectsPerSecond: cmp.Or(l.ConnectsPerSecond, 500),
		ConnectTime:       cmp.Or(l.ConnectTime, 10*time.Second),
		KeepAlive:         cmp.Or(l.KeepAlive, 10*time.Minute),
		InFlight:          min(cmp.Or(l.InFlight, 1024), 65535),
		InFlightBytes:     cmp.Or(l.InFlightBytes, 4<<20),
		Messages:          cmp.Or(l.Messages, 20_000),
		Loose:             cmp.Or(l.Loose, 4096),
		Window:            min(cmp.Or(l.Window, 256), 65535),
		QueueMessages:     cmp.Or(l.QueueMessages, 1000),
		QueueBytes:        cmp.Or(l.QueueBytes, 1<<20),
		SessionExpiry:     cmp.Or(l.SessionExpiry, 7*24*time.Hour),
		Sessions:          cmp.Or(l.Sessions, 100),
		Subscriptions:     cmp.Or(l.Subscriptions, 200),
		Aliases:           min(cmp.Or(l.Aliases, 64), 65535),
		Retained:          cmp.Or(l.Retained, 20_000),
		Refusals:          cmp.Or(l.Refusals, 20),
	}
}
