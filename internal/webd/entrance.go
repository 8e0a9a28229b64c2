package webd

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// Entrance is an address on which a server answers, and whom it is for. A small
// site has one for everybody; where devices or the administration have one of
// their own, the others refuse what belongs there, so that a network can be cut
// along these lines. Each is a Server of its own.
type Entrance string

const (
	Everybody      Entrance = ""               // the only address
	Clinicians     Entrance = "screens"        // where devices or the administration have their own
	Devices        Entrance = "devices"        // telemetry and certificates, nothing else
	Administration Entrance = "administration" // people, programs, rules, keys
)

// Elsewhere says where what is refused here is answered; empty: here.
type Elsewhere struct {
	Screens        string
	Devices        string
	Administration string
}

// administrative reports whether an action is the administration's own. To read
// the rules is not: who is alarmed may know why.
func administrative(a auth.Action) bool {
	noun, _, _ := strings.Cut(string(a), ".")
	return a == auth.RuleWrite || slices.Contains([]string{"user", "token", "client", "key", "backup"}, noun)
}

// administrators may use the administration's address.
var administrators = []auth.Role{auth.Administrator, auth.Technician, auth.Auditor}

// answersHere says whether a route is answered at this entrance, and if not, where.
func (s *Server) answersHere(route *route) error {
	switch {
	case s.entrance == Devices:
		if route.door || route.device {
			return nil
		}
		return vital.Errorf(vital.Denied, "this address is for devices only; people and programs are answered at %s", cmp.Or(s.elsewhere.Screens, "another"))
	case route.door && s.elsewhere.Devices != "":
		return vital.Errorf(vital.Denied, "devices send to an address of their own: %s", s.elsewhere.Devices)
	case s.entrance == Clinicians && s.elsewhere.Administration != "" && administrative(route.action):
		return vital.Errorf(vital.Denied, "this is done at the administration's address, %s", s.elsewhere.Administration)
	}
	return nil
}

// welcomeHere refuses, at the administration's address, who administers nothing.
func (s *Server) welcomeHere(p auth.Principal) error {
	if s.entrance != Administration {
		return nil
	}
	for _, r := range p.Roles {
		if slices.Contains(administrators, r) {
			return nil
		}
	}
	return vital.Errorf(vital.Denied, "this address is for the administration; patients are looked after at %s", cmp.Or(s.elsewhere.Screens, "another"))
}

// serveElse is everything outside the API at the devices' entrance.
func (s *Server) serveElse(w http.ResponseWriter, r *http.Request) {
	s.writeError(w, r, vital.Errorf(vital.NotFound, "this address is for devices only; the screens are at %s", cmp.Or(s.elsewhere.Screens, "another")))
}

// stamp marks a cookie with the entrance where it was given, so that it opens no
// other: a browser sends the cookies of a host to all its ports.
func (s *Server) stamp(secret string) string {
	if s.entrance == Everybody || secret == "" {
		return secret
	}
	return secret + "." + s.mark(secret)
}

// stamped returns the secret of a cookie that was given at this entrance; "": it
// was not.
func (s *Server) stamped(value string) string {
	if s.entrance == Everybody {
		return value
	}
	secret, mark, _ := strings.Cut(value, ".")
	if !hmac.Equal([]byte(mark), []byte(s.mark(secret))) {
		return ""
	}
	return secret
}

func (s *Server) mark(secret string) string {
	h := hmac.New(sha256.New, s.entranceKey)
	h.Write([]byte(string(s.entrance) + "\x00" + secret))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// secretOf returns the secret of a request's cookie, "" when there is none that was
// given here.
func (s *Server) secretOf(r *http.Request) string {
	cookie, err := r.Cookie(s.cookieName())
	if err != nil {
		return ""
	}
	return s.stamped(cookie.Value)
}
