package webd

import (
	"net/url"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Connection is how a device last reached us.
type Connection struct {
	Door        string        `json:"door"` // "mqtt": it is connected now; "http": its last request
	Remote      string        `json:"remote"`
	Since       vital.Instant `json:"since"`
	TLS         string        `json:"tls"`   // "TLS 1.3"; empty: plain, on this machine only
	Group       string        `json:"group"` // of the key exchange: "X25519MLKEM768"
	PostQuantum bool          `json:"postQuantum"`
	Certificate string        `json:"certificate"` // serial number, hex; empty: it came with a secret
	Expires     vital.Instant `json:"expires"`     // of the certificate
}

// Certificate is one that Vigil issued to a device.
type Certificate struct {
	Serial      string         `json:"serial"`
	Device      vital.DeviceID `json:"device"`
	Label       string         `json:"label"`
	Name        string         `json:"name"` // spiffe://site/device/id
	Fingerprint string         `json:"fingerprint"`
	Issued      vital.Instant  `json:"issued"`
	Expires     vital.Instant  `json:"expires"`
	LastUsed    vital.Instant  `json:"lastUsed"`
	Revoked     vital.Instant  `json:"revoked"`
	Why         string         `json:"why"`
	State       string         `json:"state"`   // "waiting", "inUse", "superseded", "revoked" or "expired"
	Current     bool           `json:"current"` // the device is connected with it
}

// Enrolment is a one-time secret by which a device gets its first certificate.
type Enrolment struct {
	Device    vital.DeviceID `json:"device"`
	Secret    string         `json:"secret"` // shown this once
	Expires   vital.Instant  `json:"expires"`
	EST       string         `json:"est"`       // https://host:port/.well-known/est
	Authority string         `json:"authority"` // SHA-256 of the certificate to trust, hex
	QR        string         `json:"qr"`        // SVG of all of it
}

type enrolmentBody struct {
	Hours int `json:"hours,omitempty"` // that the secret is good; 24 when left out
}

func (s *Server) makeEnrolment(c *call) error {
	var body enrolmentBody
	if err := c.body(&body); err != nil {
		return err
	}
	life := auth.EnrolmentLife
	if body.Hours != 0 {
		life = time.Duration(body.Hours) * time.Hour
	}
	if s.authority == nil || s.est == "" {
		return vital.Errorf(vital.Unavailable, "certificates are given over TLS only, and this server has no such address for devices: set http-devices")
	}
	d, err := s.store.Device(c.ctx(), c.rows, c.device())
	if err != nil {
		return err
	}
	secret, expires, err := s.gate.NewEnrolment(c.ctx(), c.principal, d, life)
	if err != nil {
		return err
	}
	e := Enrolment{Device: d.ID, Secret: secret, Expires: expires, EST: s.est, Authority: s.authority.Fingerprint()}
	code, err := qrcode.New(e.URI(), qrcode.Medium)
	if err != nil {
		return vital.Errorf(vital.Internal, "draw the code: %w", err)
	}
	e.QR = drawCode(code.Bitmap())
	return c.created(e)
}

// enrolPath is where the door for certificates lies (RFC 7030, 3.2.2).
const enrolPath = "/.well-known/est/"

// URI is what the code says: where to ask, with what, and whom to trust.
func (e Enrolment) URI() string {
	q := url.Values{"est": {e.EST}, "device": {string(e.Device)}, "secret": {e.Secret}, "authority": {e.Authority}}
	return "vigil-enrolment:?" + q.Encode()
}

func (s *Server) deviceCertificates(c *call) error {
	d, err := s.store.Device(c.ctx(), c.rows, c.device())
	if err != nil {
		return err
	}
	rows, err := s.store.CertificatesOf(c.ctx(), c.rows, d.ID)
	if err != nil {
		return err
	}
	return s.renderCertificates(c, rows, map[vital.DeviceID]string{d.ID: d.Label})
}

func (s *Server) certificates(c *call) error {
	rows, err := s.store.Certificates(c.ctx(), c.rows, vital.At(s.now()))
	if err != nil {
		return err
	}
	devices, err := s.store.Devices(c.ctx(), c.rows, "")
	if err != nil {
		return err
	}
	labels := make(map[vital.DeviceID]string, len(devices))
	for _, d := range devices {
		labels[d.ID] = d.Label
	}
	return s.renderCertificates(c, rows, labels)
}

func (s *Server) renderCertificates(c *call, rows []store.Certificate, labels map[vital.DeviceID]string) error {
	views, now, open := make([]Certificate, len(rows)), vital.At(s.now()), s.connections()
	for i, r := range rows {
		views[i] = Certificate{
			Serial: r.Serial, Device: r.Device, Label: labels[r.Device], Name: r.Name, Fingerprint: r.Fingerprint, Issued: r.Issued, Expires: r.Expires,
			LastUsed: r.LastUsed, Revoked: r.Revoked, Why: r.Why, State: certificateState(r, now),
			Current: open[r.Device].Door == "mqtt" && open[r.Device].Certificate == r.Serial,
		}
	}
	return c.json(listOf(views))
}

func certificateState(r store.Certificate, now vital.Instant) string {
	switch {
	case r.Revoked.Known() && r.Why == store.WhySuperseded:
		return "superseded"
	case r.Revoked.Known():
		return "revoked"
	case r.Expires <= now:
		return "expired"
	case r.LastUsed.Known():
		return "inUse"
	}
	return "waiting"
}

func (s *Server) revokeCertificate(c *call) error {
	var body whyBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Why = strings.TrimSpace(body.Why); body.Why == "" || len(body.Why) > 400 || body.Why == store.WhySuperseded {
		return invalid("why", "why: say why, in at most 400 characters")
	}
	serial := c.r.PathValue("serial")
	e := s.entry(c, "device/"+string(c.device()), "certificate "+serial+": "+body.Why)
	if err := s.store.RevokeCertificate(c.ctx(), e, c.device(), serial, vital.At(s.now()), body.Why); err != nil {
		return err
	}
	s.gate.Forget()
	if s.endCertificate != nil {
		s.endCertificate(serial)
	}
	return c.nothing()
}

// authorityFile is the certificate to trust. It is no secret.
func (s *Server) authorityFile(c *call) error {
	if s.authority == nil {
		return vital.Errorf(vital.NotFound, "this server has no authority for certificates")
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/x-pem-file")
	h.Set("Content-Disposition", `attachment; filename="vigil-ca.pem"`)
	c.w.Write(s.authority.PEM())
	return nil
}

// connections is how the devices last reached us.
func (s *Server) connections() map[vital.DeviceID]Connection {
	if s.connected == nil {
		return nil
	}
	return s.connected()
}
