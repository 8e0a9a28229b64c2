package webd

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/skip2/go-qrcode"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// SignInMethods is how one can sign in here.
type SignInMethods struct {
	Password       bool         `json:"password"`
	Passkey        bool         `json:"passkey"`
	PasskeyAddress string       `json:"passkeyAddress"` // where passkeys work, when they do not at this address
	SSO            []SignOnName `json:"sso"`
	Demo           bool         `json:"demo"`
}

// SignOnName is a hospital's own sign-on.
type SignOnName struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// Ceremony is a proof that has begun: options is what the browser's
// parseRequestOptionsFromJSON or parseCreationOptionsFromJSON takes.
type Ceremony struct {
	Ceremony string          `json:"ceremony"`
	Options  json.RawMessage `json:"options"`
}

// StepUp is how a caller can show once more who it is.
type StepUp struct {
	Ceremony string          `json:"ceremony"` // empty: not by a passkey
	Options  json.RawMessage `json:"options"`
	Code     bool            `json:"code"`
	SSO      []SignOnName    `json:"sso"`
}

// Passkey is one of a person's.
type Passkey struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Created   vital.Instant `json:"created"`
	LastUsed  vital.Instant `json:"lastUsed"`
	Synced    bool          `json:"synced"`    // its maker copies it between devices
	Suspended bool          `json:"suspended"` // its counter went back: there may be a copy
}

// PasskeyMade is a new passkey and who its person is now.
type PasskeyMade struct {
	Passkey Passkey `json:"passkey"`
	Me      Me      `json:"me"`
}

// CodeState says whether there is an app that makes codes.
type CodeState struct {
	Set     bool          `json:"set"`
	Created vital.Instant `json:"created"`
}

// CodeSecret is what such an app is given.
type CodeSecret struct {
	Secret string `json:"secret"`
	URL    string `json:"url"`
	QR     string `json:"qr"` // SVG
}

type (
	codeBody struct {
		Code string `json:"code"`
	}
	nameBody struct {
		Name string `json:"name"`
	}
	ceremonyBody struct {
		Ceremony   string          `json:"ceremony"`
		Credential json.RawMessage `json:"credential"`
	}
	enrolBody struct {
		Ceremony   string          `json:"ceremony"`
		Name       string          `json:"name"`
		Credential json.RawMessage `json:"credential"`
	}
	stepBody struct {
		Ceremony   string          `json:"ceremony,omitempty"`
		Credential json.RawMessage `json:"credential,omitempty"`
		Code       string          `json:"code,omitempty"`
	}
)

func (s *Server) signInMethods(c *call) error {
	m := SignInMethods{Password: true, Demo: s.demo, SSO: s.signOnNames()}
	m.Passkey, m.PasskeyAddress = s.passkeysAt(c.r)
	return c.json(m)
}

func (s *Server) signOnNames() []SignOnName {
	names := []SignOnName{}
	for _, o := range s.gate.SignOns() {
		names = append(names, SignOnName{o.Name, o.Title})
	}
	return names
}

// passkeysAt reports whether passkeys work at the address of the request, and
// where they do when not there: a browser makes none for an address of numbers.
func (s *Server) passkeysAt(r *http.Request) (here bool, elsewhere string) {
	origins := s.gate.Origins()
	if len(origins) == 0 {
		return false, ""
	}
	scheme := "http://"
	if s.secure {
		scheme = "https://"
	}
	if slices.Contains(origins, strings.ToLower(scheme+r.Host)) {
		return true, ""
	}
	_, port, _ := net.SplitHostPort(r.Host)
	for _, o := range origins {
		if u, err := url.Parse(o); err == nil && u.Port() == port {
			return false, o + "/sign-in"
		}
	}
	return false, origins[0] + "/sign-in"
}

func ceremonyOf(name string, options any) (Ceremony, error) {
	body, err := json.Marshal(options)
	return Ceremony{name, body}, err
}

func (s *Server) beginPasskey(c *call) error {
	var body nothingBody
	if err := c.body(&body); err != nil {
		return err
	}
	name, options, err := s.gate.BeginPasskey(c.ctx(), s.from(c))
	if err != nil {
		return err
	}
	return c.begun(name, options)
}

// begun answers with a ceremony that the browser goes on with.
func (c *call) begun(name string, options any) error {
	begun, err := ceremonyOf(name, options)
	if err != nil {
		return err
	}
	return c.json(begun)
}

func (s *Server) finishPasskey(c *call) error {
	var body ceremonyBody
	if err := c.body(&body); err != nil {
		return err
	}
	p, cookie, err := s.gate.FinishPasskey(c.ctx(), body.Ceremony, body.Credential, s.from(c))
	if err != nil {
		return err
	}
	return s.signedIn(c, p, cookie)
}

func (s *Server) openSessionByCode(c *call) error {
	var body codeBody
	if err := c.body(&body); err != nil {
		return err
	}
	p, cookie, err := s.gate.Code(c.ctx(), c.principal, body.Code, s.cookie(c))
	if err != nil {
		return err
	}
	return s.signedIn(c, p, cookie)
}

func (s *Server) beginStep(c *call) error {
	var body nothingBody
	if err := c.body(&body); err != nil {
		return err
	}
	name, options, err := s.gate.BeginStep(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	begun, err := ceremonyOf(name, options)
	if err != nil {
		return err
	}
	w, err := s.gate.Ways(c.ctx(), vital.UserID(c.principal.ID))
	if err != nil {
		return err
	}
	step := StepUp{Ceremony: begun.Ceremony, Options: begun.Options, Code: w.Code, SSO: []SignOnName{}}
	if w.Identities > 0 {
		step.SSO = s.signOnNames()
	}
	return c.json(step)
}

func (s *Server) finishStep(c *call) error {
	var body stepBody
	if err := c.body(&body); err != nil {
		return err
	}
	var p auth.Principal
	var cookie string
	var err error
	if body.Code != "" {
		p, cookie, err = s.gate.Code(c.ctx(), c.principal, body.Code, s.cookie(c))
	} else {
		p, cookie, err = s.gate.FinishStep(c.ctx(), c.principal, body.Ceremony, body.Credential, s.cookie(c))
	}
	if err != nil {
		return err
	}
	return s.signedIn(c, p, cookie)
}

func passkeyView(p store.Passkey) Passkey {
	return Passkey{ID: p.ID, Name: p.Name, Created: p.Created, LastUsed: p.LastUsed, Synced: auth.Synced(p), Suspended: p.Suspended}
}

func (s *Server) passkeys(c *call) error {
	rows, err := s.gate.Passkeys(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	views := make([]Passkey, len(rows))
	for i, p := range rows {
		views[i] = passkeyView(p)
	}
	return c.json(listOf(views))
}

func (s *Server) beginEnrol(c *call) error {
	var body nothingBody
	if err := c.body(&body); err != nil {
		return err
	}
	if here, elsewhere := s.passkeysAt(c.r); !here && elsewhere != "" {
		return vital.Errorf(vital.Precondition, "no passkey can be made at this address: open %s", elsewhere)
	}
	name, options, err := s.gate.BeginEnrol(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	return c.begun(name, options)
}

func (s *Server) finishEnrol(c *call) error {
	var body enrolBody
	if err := c.body(&body); err != nil {
		return err
	}
	key, p, cookie, err := s.gate.FinishEnrol(c.ctx(), c.principal, body.Ceremony, body.Name, body.Credential, s.cookie(c))
	if err != nil {
		return err
	}
	s.setCookie(c.w, cookie, 0)
	me, err := s.describeMe(c, p)
	if err != nil {
		return err
	}
	return c.created(PasskeyMade{passkeyView(key), me})
}

func (s *Server) namePasskey(c *call) error {
	var body nameBody
	if err := c.body(&body); err != nil {
		return err
	}
	id := c.r.PathValue("passkey")
	if err := s.gate.NamePasskey(c.ctx(), c.principal, id, body.Name); err != nil {
		return err
	}
	rows, err := s.gate.Passkeys(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	for _, p := range rows {
		if p.ID == id {
			return c.json(passkeyView(p))
		}
	}
	return vital.Errorf(vital.NotFound, "passkey: not found")
}

func (s *Server) removePasskey(c *call) error {
	if err := s.gate.RemovePasskey(c.ctx(), c.principal, c.r.PathValue("passkey")); err != nil {
		return err
	}
	return c.nothing()
}

func (s *Server) code(c *call) error {
	set, created, err := s.gate.HasCode(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	return c.json(CodeState{set, created})
}

func (s *Server) beginCode(c *call) error {
	var body nothingBody
	if err := c.body(&body); err != nil {
		return err
	}
	secret, address, err := s.gate.BeginCode(c.ctx(), c.principal)
	if err != nil {
		return err
	}
	picture, err := qrcode.New(address, qrcode.Medium)
	if err != nil {
		return fmt.Errorf("draw the code of a code generator: %w", err)
	}
	return c.created(CodeSecret{secret, address, drawCode(picture.Bitmap())})
}

func (s *Server) confirmCode(c *call) error {
	var body codeBody
	if err := c.body(&body); err != nil {
		return err
	}
	p, cookie, err := s.gate.ConfirmCode(c.ctx(), c.principal, body.Code, s.cookie(c))
	if err != nil {
		return err
	}
	return s.signedIn(c, p, cookie)
}

func (s *Server) removeCode(c *call) error {
	if err := s.gate.RemoveCode(c.ctx(), c.principal); err != nil {
		return err
	}
	return c.nothing()
}
