// Package deviced is the HTTP door for devices: for what cannot hold an MQTT
// connection open, sends from behind a proxy, or is a line in a shell script.
//
// It makes the same promise as the MQTT door: an answer of 200 means that every
// packet it speaks of is synced to the journal. Sending again is safe, because a
// packet that carries the device's own sequence is recognised later; a sender
// that hears nothing, or anything else than 200, sends again.
//
// Receive returns errors by kind; the server that it is mounted in turns them
// into answers.
package deviced

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
)

// Gate knows devices and decides what they may.
type Gate interface {
	DeviceLogin(ctx context.Context, clientID, username string, password []byte, cert *x509.Certificate, remote string) (auth.Principal, error)
	Allow(ctx context.Context, p auth.Principal, a auth.Action, s auth.Subject) error
}

// Journal makes packets durable: done is called with a nil error only when the
// packet is synced. An error returned means that done will not be called.
type Journal interface {
	Accept(ctx context.Context, p ingest.Packet, done func(ingest.Receipt, error)) error
}

// Options says how a door is built. Gate, Journal and Decoded are required.
type Options struct {
	Gate    Gate
	Journal Journal
	// Decoded waits until the packet has been read, or ctx ends: then its result
	// is ingest.Waiting.
	Decoded func(ctx context.Context, at vital.Position) (ingest.PacketInfo, error)
	Site    vital.Site
	Now     func() time.Time
	Log     *slog.Logger

	PacketsPerSecond float64 // of one credential, 2000
	Burst            int     // packets at once, 20000
	AtOnce           int     // requests at the same time, 256
}

// Door receives what devices send over HTTP.
type Door struct {
	gate    Gate
	journal Journal
	decoded func(ctx context.Context, at vital.Position) (ingest.PacketInfo, error)
	site    vital.Site
	now     func() time.Time
	log     *slog.Logger
	rate    rate.Limit
	burst   int
	slots   chan struct{}

	mu       sync.Mutex
	limiters map[vital.CredentialID]*rate.Limiter
	senders  map[vital.DeviceID]Sender
}

// New returns a door.
func New(o Options) *Door {
	d := &Door{
		gate: o.Gate, journal: o.Journal, decoded: o.Decoded, site: o.Site, now: o.Now, log: o.Log,
		rate: rate.Limit(o.PacketsPerSecond), burst: o.Burst, limiters: make(map[vital.CredentialID]*rate.Limiter), senders: make(map[vital.DeviceID]Sender),
	}
	if d.site == "" {
		d.site = vital.DefaultSite
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.rate == 0 {
		d.rate = 2000
	}
	if d.burst == 0 {
		d.burst = mostLines
	}
	if o.AtOnce == 0 {
		o.AtOnce = 256
	}
	d.slots = make(chan struct{}, o.AtOnce)
	return d
}

// Answer is what a sender of one packet hears.
type Answer struct {
	Accepted bool           `json:"accepted"` // synced to the journal
	At       vital.Position `json:"-"`
	Result   ingest.Result  `json:"result"` // "waiting" unless ?wait=decoded
	Reason   string         `json:"reason,omitempty"`
	Sequence uint64         `json:"sequence,omitempty"`
	Readings int            `json:"readings"`
	Waves    int            `json:"waves"`
	Events   int            `json:"events"`
	Decoder  string         `json:"decoder,omitempty"`
}

// Line is the Answer for one line of a batch.
type Line struct {
	Line int `json:"line"`
	Answer
}

// Batch is what a sender of several packets hears.
type Batch struct {
	Accepted int    `json:"accepted"`
	Items    []Line `json:"items"`
}

// Receive takes one packet, or an NDJSON batch of Vigil JSON packets.
func (d *Door) Receive(w http.ResponseWriter, r *http.Request) error {
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-time.After(5 * time.Second):
		return vital.Errorf(vital.Unavailable, "too many senders at the same time: send again in a moment")
	case <-r.Context().Done():
		return r.Context().Err()
	}
	p, err := d.login(r)
	if err != nil {
		return err
	}
	device := vital.DeviceID(r.PathValue("device"))
	if device == "" {
		device = vital.DeviceID(p.ID)
	}
	if err := d.gate.Allow(r.Context(), p, auth.TelemetrySend, auth.Subject{Kind: "device", ID: string(device), Device: device}); err != nil {
		return err
	}
	wait, err := waitFor(r)
	if err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	format, batch := formatOf(r.Header.Get("Content-Type"))
	packet := ingest.Packet{
		Site: d.site, Credential: p.Credential, Device: device, Gateway: p.Class == auth.Gateway,
		Door: "http", Topic: "v1/" + string(device) + "/telemetry", Format: format, Received: vital.At(d.now()), Body: body,
	}
	if batch {
		return d.receiveBatch(w, r, packet, wait)
	}
	if len(body) > mostPacket {
		return vital.Errorf(vital.TooMuch, "packet of %d bytes: at most %d; send several as application/x-ndjson", len(body), mostPacket)
	}
	if err := d.allowance(p.Credential, 1); err != nil {
		return err
	}
	answers, err := d.accept(r.Context(), []ingest.Packet{packet})
	if err != nil {
		return err
	}
	if wait {
		d.await(r.Context(), answers)
	}
	return answer(w, http.StatusOK, answers[0])
}

// login finds out which device is calling: by client certificate, by Basic, or
// by Bearer with "name:secret". Behind a path that names the device the secret
// alone will do. Who shows a certificate is its device, whatever else it says.
func (d *Door) login(r *http.Request) (auth.Principal, error) {
	var cert *x509.Certificate
	username, password, ok := r.BasicAuth()
	if token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); bearer {
		username, password, ok = strings.Cut(strings.TrimSpace(token), ":")
		if !ok {
			username, password, ok = r.PathValue("device"), username, r.PathValue("device") != ""
		}
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		cert = r.TLS.PeerCertificates[0]
	}
	if !ok && cert == nil {
		return auth.Principal{}, vital.Errorf(vital.Unauthenticated, "say which device this is: Basic with its name and secret, or Bearer name:secret")
	}
	remote := r.RemoteAddr
	if i := strings.LastIndexByte(remote, ':'); i > 0 {
		remote = strings.Trim(remote[:i], "[]")
	}
	p, err := d.gate.DeviceLogin(r.Context(), "", username, []byte(password), cert, remote)
	if err == nil {
		d.note(p, r, remote, cert)
	}
	return p, err
}

// formatOf reads the Content-Type. What a tool sends when nobody said anything
// says nothing: the body is then recognised by how it begins.
func formatOf(header string) (format string, batch bool) {
	kind, _, err := mime.ParseMediaType(header)
	if err != nil {
		return "", false
	}
	switch kind {
	case "application/x-ndjson", "application/ndjson", "application/jsonl":
		return "vigil-json", true
	case "application/x-www-form-urlencoded", "application/octet-stream", "text/plain":
		return "", false
	}
	return kind, false
}

func waitFor(r *http.Request) (bool, error) {
	switch wait := r.URL.Query().Get("wait"); wait {
	case "":
		return false, nil
	case "decoded":
		return true, nil
	default:
		return false, vital.Errorf(vital.Invalid, "wait %.20q: want decoded", wait)
	}
}

// allowance takes n packets from what the credential may send.
func (d *Door) allowance(id vital.CredentialID, n int) error {
	d.mu.Lock()
	l := d.limiters[id]
	if l == nil {
		if len(d.limiters) > 50_000 {
			clear(d.limiters)
		}
		l = rate.NewLimiter(d.rate, d.burst)
		d.limiters[id] = l
	}
	d.mu.Unlock()
	if !l.AllowN(d.now(), n) {
		return vital.Errorf(vital.TooMuch, "more than %.0f packets a second from one device: slow down", float64(d.rate))
	}
	return nil
}

func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(append(body, '\n'))
	return nil
}
