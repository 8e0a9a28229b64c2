package notify

import (
	"crypto/ecdh"
	"crypto/tls"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// The parts that tests look at by themselves.
var (
	Post      = post
	Fill      = fill
	InJSON    = insideJSON
	QuietTill = quietUntil
)

// WithRoots is the mail sender for a server with a certificate of its own.
func WithRoots(s Sender, roots *tls.Config) Sender {
	e := s.(email)
	e.roots = roots
	return e
}

// NotHere makes a mail sender take the peer for one that is not on this machine.
func NotHere(s Sender) Sender {
	e := s.(email)
	e.far = true
	return e
}

// EncryptPush encrypts with given keys.
func EncryptPush(text []byte, address string, own *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	s, err := readSubscription(address)
	if err != nil {
		return nil, err
	}
	return encryptPush(text, s, own, salt)
}

// Next walks a plan.
func Next(plan store.PagePlan, sent []store.Delivery, p vital.Priority, now vital.Instant, patience time.Duration, dead func(string) bool) (person, way int, wait vital.Instant, cancel []string, exhausted bool) {
	s := next(plan, sent, p, now, patience, dead)
	return s.person, s.way, s.wait, s.cancel, s.exhausted
}

// Never is the wait that only a result ends.
const Never = never

// Channels are the senders of a worker.
func (w *Worker) Channels() map[string]Sender { return w.senders }
