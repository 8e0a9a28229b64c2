package deviced

import (
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net/http"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// Sender is how a device last came to this door.
type Sender struct {
	At          time.Time
	Remote      string
	Version     uint16      // of TLS; 0: plain
	Group       tls.CurveID // of the key exchange
	Certificate *x509.Certificate
}

// sendersMost bounds how many are remembered.
const sendersMost = 20_000

// note remembers how a device came.
func (d *Door) note(p auth.Principal, r *http.Request, remote string, certificate *x509.Certificate) {
	s := Sender{At: d.now(), Remote: remote, Certificate: certificate}
	if r.TLS != nil {
		s.Version, s.Group = r.TLS.Version, r.TLS.CurveID
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.senders) >= sendersMost {
		clear(d.senders)
	}
	d.senders[vital.DeviceID(p.ID)] = s
}

// Senders returns how the devices last came to this door.
func (d *Door) Senders() map[vital.DeviceID]Sender {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.senders)
}
