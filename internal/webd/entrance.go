package webd

import (
	"cmp"
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

// administrative reports whether an action is the administration's own.
func administrative(a auth.Action) bool {
	switch a {
	case auth.UserWrite, auth.TokenWrite, auth.RuleWrite:
		return true
	}
	noun, _, _ := strings.Cut(string(a), ".")
	return slices.Contains([]string{"key", "backup", "client"}, noun)
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
