package auth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// SmartScope is one scope of a SMART App Launch 2 token:
// "patient/Observation.rs?category=vital-signs".
//
// Source: HL7 SMART App Launch 2.2.0, Scopes and Launch Context.
type SmartScope struct {
	Context  string // "patient", "user" or "system"
	Resource string // a FHIR resource, or "*"
	Rights   string // of "cruds": create, read, update, delete, search
	Query    url.Values
}

// Resources that Vigil has something of, and which rights it can give.
var scopeRights = map[string]string{
	"Patient": "rs", "Observation": "crs", "Device": "rs", "DetectedIssue": "rs", "Practitioner": "r",
}

// Categories of observations that a scope may be narrowed to, with the groups of
// metrics that each stands for.
var scopeCategories = map[string][]string{
	"vital-signs": {"vital", "respiration", "cardiac"}, "laboratory": {"lab", "glucose"}, "activity": {"activity", "sleep"},
}

// launchScopes are the scopes that name no resource.
var launchScopes = []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "offline_access", "online_access"}

// LaunchScope reports whether it is one of those.
func LaunchScope(text string) bool { return slices.Contains(launchScopes, text) }

// LaunchScopes lists the scopes that name no resource.
func LaunchScopes() []string { return slices.Clone(launchScopes) }

// ScopeResources lists the resources that a scope may name, in order.
func ScopeResources() []string {
	names := make([]string, 0, len(scopeRights))
	for name := range scopeRights {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ParseSmartScope reads one scope. The first version's .read, .write and .* are
// taken for what they mean in the second. What Vigil cannot give is an error: a
// right that is shown to a person and does nothing would be a lie.
func ParseSmartScope(text string) (SmartScope, error) {
	wrong := func(why string) (SmartScope, error) {
		return SmartScope{}, vital.Errorf(vital.Invalid, "scope %.120q: %s", text, why)
	}
	head, query, _ := strings.Cut(text, "?")
	context, rest, ok := strings.Cut(head, "/")
	if !ok || !slices.Contains([]string{"patient", "user", "system"}, context) {
		return wrong("want patient/, user/ or system/ and a resource")
	}
	resource, rights, ok := strings.Cut(rest, ".")
	if !ok || rights == "" {
		return wrong("want rights after a dot, such as .rs")
	}
	switch rights {
	case "read":
		rights = "rs"
	case "write":
		rights = "cud"
	case "*":
		rights = "cruds"
	}
	order := -1
	for _, r := range rights {
		i := strings.IndexRune("cruds", r)
		if i <= order {
			return wrong("rights are letters of cruds, in that order")
		}
		order = i
	}
	if resource != "*" && scopeRights[resource] == "" {
		return wrong("there is no " + resource + " here")
	}
	if resource == "Device" && context == "patient" {
		return wrong("devices are not sorted by patient here: want user/Device")
	}
	s := SmartScope{Context: context, Resource: resource, Rights: rights}
	if query == "" {
		return s, nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return wrong("what follows ? is not a query")
	}
	for name, of := range values {
		if name != "category" || resource != "Observation" {
			return wrong("it can be narrowed by the category of an Observation only")
		}
		for _, c := range of {
			if scopeCategories[categoryCode(c)] == nil {
				return wrong("category: want vital-signs, laboratory or activity")
			}
		}
	}
	s.Query = values
	return s, nil
}

// categoryCode cuts the code system off: "system|vital-signs".
func categoryCode(token string) string {
	if _, code, ok := strings.Cut(token, "|"); ok {
		return code
	}
	return token
}

// ParseSmartScopes reads a list with blanks between; scopes of the launch are left out.
func ParseSmartScopes(text string) ([]SmartScope, error) {
	var out []SmartScope
	for _, word := range strings.Fields(text) {
		if LaunchScope(word) {
			continue
		}
		s, err := ParseSmartScope(word)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// gives reports whether the scope gives a right to a resource.
func (s SmartScope) gives(resource string, right byte) bool {
	if resource == "Device" && s.Context == "patient" {
		return false
	}
	return (s.Resource == "*" || s.Resource == resource) && strings.IndexByte(s.Rights, right) >= 0 && strings.IndexByte(scopeRights[resource], right) >= 0
}

// Groups are the groups of metrics that the scope is narrowed to; nil: all.
func (s SmartScope) Groups() []string {
	var groups []string
	for _, c := range s.Query["category"] {
		groups = append(groups, scopeCategories[categoryCode(c)]...)
	}
	return groups
}

// App is what a principal is that came in through a program: the program, and
// what the person let it do. It narrows what the person may; it never widens it.
type App struct {
	Client  string
	Name    string
	Grant   string
	Scopes  []SmartScope
	Patient vital.PatientID // the one patient it was opened for; "": every one that the person may see
}

// Granted is how far a program's right reaches.
type Granted struct {
	Groups  []string        // of metrics; nil: all
	Patient vital.PatientID // this one alone; "": every one that the person may see
}

// Within says whether the program may use a right of a resource, and how far it
// reaches. Where scopes about everybody and scopes about the one patient both
// give it, the former count.
func (a *App) Within(resource string, right byte) (Granted, error) {
	for _, one := range []bool{false, true} {
		if one && a.Patient == "" {
			continue // a patient's scope without a patient gives nothing
		}
		found, groups := false, []string{}
		for _, s := range a.Scopes {
			if (s.Context == "patient") != one || !s.gives(resource, right) {
				continue
			}
			found = true
			of := s.Groups()
			if of == nil {
				groups = nil
				break
			}
			groups = append(groups, of...)
		}
		if !found {
			continue
		}
		if one {
			return Granted{groups, a.Patient}, nil
		}
		return Granted{Groups: groups}, nil
	}
	return Granted{}, vital.Errorf(vital.Denied, "the program %s was not given %s.%c", a.Name, resource, right)
}
