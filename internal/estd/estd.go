// Package estd is the door by which devices get their certificates: Enrolment
// over Secure Transport (RFC 7030), the four requests that small devices use.
//
//	GET  /.well-known/est/cacerts          whom to trust
//	GET  /.well-known/est/csrattrs         what to ask for
//	POST /.well-known/est/simpleenroll     a first certificate, for a one-time secret
//	POST /.well-known/est/simplereenroll   the next one, for the one in use
//
// It is a door of its own because it speaks its own language and knows nobody but
// devices: a person's session and a program's token open nothing here. It speaks
// TLS only. A request is answered at once or refused; nothing waits for a person,
// since a person has decided already, by making the one-time secret.
package estd

import (
	"context"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/smallstep/pkcs7"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Path is where everything of this door lies.
const Path = "/.well-known/est/"

// mostBody is the largest request that is read, bytes: one with an RSA key of
// 4096 bits is 1.6 KiB.
const mostBody = 16 << 10

// Gate decides who may have a certificate and remembers who has.
type Gate interface {
	Enrolling(ctx context.Context, device, secret, remote string) (store.Device, error)
	Enrolled(ctx context.Context, d store.Device, secret, remote string, made *x509.Certificate) error
	Renewing(ctx context.Context, certificate *x509.Certificate, remote string) (store.Device, error)
	Renewed(ctx context.Context, d store.Device, by *x509.Certificate, remote string, made *x509.Certificate) error
	RefuseEnrolment(ctx context.Context, device vital.DeviceID, asked, remote string, why error)
}

// Options says how a door is built. All are required but Log.
type Options struct {
	Gate      Gate
	Authority *ca.Authority
	Site      vital.Site
	Log       *slog.Logger
}

// Door enrols devices.
type Door struct {
	gate      Gate
	authority *ca.Authority
	site      vital.Site
	log       *slog.Logger
	slots     chan struct{} // signing is work: so much of it at once
}

// New returns a door.
func New(o Options) *Door {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Door{gate: o.Gate, authority: o.Authority, site: o.Site, log: log, slots: make(chan struct{}, 8)}
}

// Handler answers everything below Path.
func (d *Door) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(http.ResponseWriter, *http.Request) error{
		"GET " + Path + "cacerts":         d.authorities,
		"GET " + Path + "csrattrs":        d.attributes,
		"POST " + Path + "simpleenroll":   d.enrol,
		"POST " + Path + "simplereenroll": d.renew,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { d.answer(w, r, do) })
	}
	return mux
}

// answer runs one request and says in words what went wrong, as RFC 7030, 4.2.3
// allows: the text is for the person who reads the device's log.
func (d *Door) answer(w http.ResponseWriter, r *http.Request, do func(http.ResponseWriter, *http.Request) error) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	err := vital.Errorf(vital.Denied, "certificates are given over TLS only")
	if r.TLS != nil {
		err = do(w, r)
	}
	if err == nil {
		return
	}
	status, text := http.StatusInternalServerError, "the fault is ours: the server's log says more"
	switch vital.KindOf(err) {
	case vital.Invalid:
		status, text = http.StatusBadRequest, err.Error()
	case vital.Unauthenticated:
		status, text = http.StatusUnauthorized, err.Error()
		w.Header().Set("WWW-Authenticate", `Basic realm="device and one-time secret"`)
	case vital.Denied, vital.Conflict:
		status, text = http.StatusForbidden, err.Error()
	case vital.TooMuch:
		status, text = http.StatusTooManyRequests, err.Error()
		w.Header().Set("Retry-After", "60")
	case vital.Unavailable:
		status, text = http.StatusServiceUnavailable, err.Error()
		w.Header().Set("Retry-After", "5")
	}
	if status == http.StatusInternalServerError {
		d.log.Error("a certificate could not be given", "path", r.URL.Path, "error", err.Error())
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, text+"\n")
}

// authorities says whom to trust. A device that has nothing yet compares the
// fingerprint that came with its secret before it believes this.
func (d *Door) authorities(w http.ResponseWriter, _ *http.Request) error {
	return write(w, "application/pkcs7-mime", d.authority.Chain()...)
}

// csrAttributes asks for a key on P-256 and a signature with SHA-256:
//
//	CsrAttrs ::= SEQUENCE OF CHOICE { OBJECT IDENTIFIER, Attribute }
//
// Source: RFC 7030, 4.5.2; RFC 5480, 2.1.1.
var csrAttributes = func() []byte {
	curve := mustMarshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
	values := mustMarshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true, Bytes: curve})
	key := append(mustMarshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}), values...)
	list := append(mustMarshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: key}),
		mustMarshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2})...)
	return mustMarshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: list})
}()

func mustMarshal(v any) []byte {
	b, err := asn1.Marshal(v)
	if err != nil {
		panic(err) // of constants
	}
	return b
}

func (d *Door) attributes(w http.ResponseWriter, _ *http.Request) error {
	return writeBase64(w, "application/csrattrs", csrAttributes)
}

// enrol gives a first certificate. The secret is used up when the certificate is
// kept, not before: a request that is refused for its form can be sent again.
func (d *Door) enrol(w http.ResponseWriter, r *http.Request) error {
	defer d.slot(r)()
	device, secret, ok := r.BasicAuth()
	if !ok {
		return vital.Errorf(vital.Unauthenticated, "say which device this is and its one-time secret, as user name and password")
	}
	known, err := d.gate.Enrolling(r.Context(), device, secret, r.RemoteAddr)
	if err != nil {
		return err
	}
	made, err := d.make(r, known)
	if err != nil {
		return err
	}
	if err := d.gate.Enrolled(r.Context(), known, secret, r.RemoteAddr, made); err != nil {
		return err
	}
	d.log.Info("certificate given", "device", device, "serial", auth.SerialOf(made), "expires", made.NotAfter)
	return write(w, "application/pkcs7-mime; smime-type=certs-only", made)
}

// renew gives the next certificate for the present one.
func (d *Door) renew(w http.ResponseWriter, r *http.Request) error {
	defer d.slot(r)()
	if len(r.TLS.VerifiedChains) == 0 {
		return vital.Errorf(vital.Denied, "show the certificate that is to be renewed; without one, ask for a new one-time secret")
	}
	present := r.TLS.PeerCertificates[0]
	known, err := d.gate.Renewing(r.Context(), present, r.RemoteAddr)
	if err != nil {
		return err
	}
	if !d.authority.Issued(present) {
		return vital.Errorf(vital.Denied, "the certificate is another authority's: ask that one")
	}
	made, err := d.make(r, known)
	if err != nil {
		return err
	}
	if err := d.gate.Renewed(r.Context(), known, present, r.RemoteAddr, made); err != nil {
		return err
	}
	d.log.Info("certificate renewed", "device", string(known.ID), "serial", auth.SerialOf(made), "expires", made.NotAfter)
	return write(w, "application/pkcs7-mime; smime-type=certs-only", made)
}

// slot waits for its turn and returns what ends it.
func (d *Door) slot(r *http.Request) (done func()) {
	select {
	case d.slots <- struct{}{}:
		return func() { <-d.slots }
	case <-r.Context().Done():
		return func() {}
	}
}

// make signs the request in the body for that device and for no other.
func (d *Door) make(r *http.Request, known store.Device) (*x509.Certificate, error) {
	request, err := readRequest(r)
	if err != nil {
		return nil, err
	}
	if err := ca.MayAsk(request, d.site, known.ID); err != nil {
		d.gate.RefuseEnrolment(r.Context(), known.ID, asked(request), r.RemoteAddr, err)
		return nil, err
	}
	return d.authority.Device(request, known.ID)
}

// asked is which device a request is about, as far as it says so.
func asked(r *x509.CertificateRequest) string {
	for _, u := range r.URIs {
		if i := strings.LastIndexByte(u.Path, '/'); i >= 0 {
			return u.Path[i+1:]
		}
	}
	return r.Subject.CommonName
}

// readRequest reads a PKCS #10 request: base64 as RFC 7030 has it, DER or PEM as
// tools send it.
func readRequest(r *http.Request) (*x509.CertificateRequest, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/pkcs10" {
		return nil, vital.Errorf(vital.Invalid, "Content-Type %.60q: want application/pkcs10", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "read the request: %w", err)
	}
	if len(body) > mostBody {
		return nil, vital.Errorf(vital.Invalid, "the request is larger than %d bytes", mostBody)
	}
	if len(body) > 0 && body[0] == 0x30 && body[min(1, len(body)-1)] >= 0x80 { // a DER sequence; base64 has no such byte
		return ca.ReadRequest(body)
	}
	var text strings.Builder
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "-----") {
			text.WriteString(strings.Map(func(c rune) rune {
				if c <= ' ' {
					return -1
				}
				return c
			}, line))
		}
	}
	der, err := base64.StdEncoding.DecodeString(text.String())
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "the request is not base64: %w", err)
	}
	return ca.ReadRequest(der)
}

// write answers with certificates as PKCS #7 without a signature, which is how
// EST sends them. Source: RFC 7030, 4.1.3; RFC 5272, certs-only.
func write(w http.ResponseWriter, kind string, certificates ...*x509.Certificate) error {
	var all []byte
	for _, c := range certificates {
		all = append(all, c.Raw...)
	}
	der, err := pkcs7.DegenerateCertificate(all)
	if err != nil {
		return vital.Errorf(vital.Internal, "write certificates as PKCS #7: %w", err)
	}
	return writeBase64(w, kind, der)
}

// lineLength is that of base64 in MIME, which old decoders insist on.
const lineLength = 64

func writeBase64(w http.ResponseWriter, kind string, der []byte) error {
	text := base64.StdEncoding.EncodeToString(der)
	var lines strings.Builder
	for len(text) > 0 {
		n := min(lineLength, len(text))
		lines.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Transfer-Encoding", "base64")
	h.Set("Content-Length", strconv.Itoa(lines.Len()))
	io.WriteString(w, lines.String()) // a device that has gone asks again
	return nil
}
