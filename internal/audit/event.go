package audit

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Observer is the server that recorded the events, as AuditEvents name it.
type Observer struct {
	Site    vital.Site
	Address string // URL of the server, or its name
}

// The vocabularies of AuditEvent in R4 and of IHE BALP 1.1.
const (
	systemType        = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	systemDICOM       = "http://dicom.nema.org/resources/ontology/DCM"
	systemInteraction = "http://hl7.org/fhir/restful-interaction"
	systemEntity      = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	systemRole        = "http://terminology.hl7.org/CodeSystem/object-role"
	systemPart        = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	systemReason      = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	systemSource      = "http://terminology.hl7.org/CodeSystem/security-source-type"
	profiles          = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
)

type coding struct {
	System  string `json:"system,omitempty"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

type identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value"`
}

type reference struct {
	Reference  string      `json:"reference,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

type network struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

type agent struct {
	Type      concept   `json:"type"`
	Role      []concept `json:"role,omitempty"`
	Who       reference `json:"who"`
	AltID     string    `json:"altId,omitempty"`
	Name      string    `json:"name,omitempty"`
	Requestor bool      `json:"requestor"`
	Policy    []string  `json:"policy,omitempty"`
	Network   *network  `json:"network,omitempty"`
	Purpose   []concept `json:"purposeOfUse,omitempty"`
}

type detail struct {
	Type  string `json:"type"`
	Value string `json:"valueString"`
}

type entity struct {
	What   reference `json:"what"`
	Type   coding    `json:"type"`
	Role   coding    `json:"role"`
	Detail []detail  `json:"detail,omitempty"`
}

type source struct {
	Site     string    `json:"site"`
	Observer reference `json:"observer"`
	Type     []coding  `json:"type"`
}

type meta struct {
	Profile []string `json:"profile,omitempty"`
}

type event struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id"`
	Meta         *meta    `json:"meta,omitempty"`
	Type         coding   `json:"type"`
	Subtype      []coding `json:"subtype"`
	Action       string   `json:"action"`
	Recorded     string   `json:"recorded"`
	Outcome      string   `json:"outcome"`
	OutcomeDesc  string   `json:"outcomeDesc,omitempty"`
	Agent        []agent  `json:"agent"`
	Source       source   `json:"source"`
	Entity       []entity `json:"entity,omitempty"`
}

// kind is what an action is in the words of AuditEvent.
type kind struct {
	of      coding
	sub     coding
	action  string // C, R, U, D, E
	profile string // of BALP; "" none fits
}

var (
	rest     = coding{systemType, "rest", "Restful Operation"}
	read     = kind{rest, coding{systemInteraction, "read", "read"}, "R", "Read"}
	create   = kind{rest, coding{systemInteraction, "create", "create"}, "C", "Create"}
	update   = kind{rest, coding{systemInteraction, "update", "update"}, "U", "Update"}
	remove   = kind{rest, coding{systemInteraction, "delete", "delete"}, "D", "Delete"}
	search   = kind{rest, coding{systemInteraction, "search-type", "search-type"}, "E", ""} // what was searched for is not in the ledger
	perform  = kind{rest, coding{systemInteraction, "operation", "operation"}, "E", ""}
	login    = kind{coding{systemDICOM, "110114", "User Authentication"}, coding{systemDICOM, "110122", "Login"}, "E", ""}
	logout   = kind{coding{systemDICOM, "110114", "User Authentication"}, coding{systemDICOM, "110123", "Logout"}, "E", ""}
	node     = kind{coding{systemDICOM, "110114", "User Authentication"}, coding{systemDICOM, "110126", "Node Authentication"}, "E", ""}
	roles    = kind{coding{systemDICOM, "110113", "Security Alert"}, coding{systemDICOM, "110136", "Security Roles Changed"}, "U", ""}
	rights   = kind{coding{systemDICOM, "110113", "Security Alert"}, coding{systemDICOM, "110137", "User Security Attributes Changed"}, "U", ""}
	override = kind{coding{systemDICOM, "110113", "Security Alert"}, coding{systemDICOM, "110127", "Emergency Override Started"}, "E", ""}
	relent   = kind{coding{systemDICOM, "110113", "Security Alert"}, coding{systemDICOM, "110138", "Emergency Override Stopped"}, "E", ""}
	export   = kind{coding{systemDICOM, "110106", "Export"}, coding{systemInteraction, "operation", "operation"}, "R", ""}
	used     = kind{coding{systemDICOM, "110101", "Audit Log Used"}, coding{systemInteraction, "read", "read"}, "R", ""}
)

// kinds says what each action is, by its whole name or by its beginning or end,
// the first that fits. What is not here changed something.
var kinds = []struct {
	pattern string // "session.open", "user.*", "*.read"
	kind    kind
}{
	{"session.open", login}, {"session.link", login}, {"session.close", logout}, {"session.end", logout}, {"session.*", rights},
	{"passkey.*", rights}, {"code.*", rights}, {"password.*", rights}, {"step.*", login},
	{"device.connect", node}, {"telemetry.*", node}, {"publish", perform}, {"subscribe", perform},
	{"glass.open", override}, {"glass.end", relent}, {"glass.close", relent},
	{"user.*", roles}, {"token.*", roles}, {"client.*", roles}, {"role.*", roles}, {"relation.write", rights}, {"consent.write", rights},
	{"key.*", rights}, {"certificate.*", rights}, {"audit.export", export}, {"audit.erase", remove}, {"audit.read", used}, {"ledger.*", used},
	{"*.export", export}, {"*.readings", export}, {"record.forget", remove}, {"patient.forget", remove}, {"*.delete", remove}, {"*.remove", remove}, {"*.revoke", remove},
	{"patient.find", search}, {"*.list", search}, {"*.find", search}, {"*.read", read}, {"*.make", create}, {"*.run", perform}, {"*.report", perform}, {"*.act", perform}, {"alarm.*", perform},
}

func kindOf(action string) kind {
	for _, k := range kinds {
		begin, end, star := strings.Cut(k.pattern, "*")
		if !star && action == begin || star && strings.HasPrefix(action, begin) && strings.HasSuffix(action, end) {
			return k.kind
		}
	}
	return update
}

// purposes are the reasons for which health data may be used, as HL7 names them.
var purposes = map[string]coding{
	"treatment": {systemReason, "TREAT", "treatment"}, "research": {systemReason, "HRESCH", "healthcare research"},
	"operations": {systemReason, "HOPERAT", "healthcare operations"}, "family": {systemReason, "FAMRQT", "family requested"},
	"own": {systemReason, "PATRQT", "patient requested"}, "portal": {systemReason, "PATRQT", "patient requested"},
}

// Event is a row as FHIR R4 AuditEvent in the shape of IHE BALP 1.1. It names the
// profile of BALP only where the row has all that the profile wants.
func Event(r Row, name string, o Observer) ([]byte, error) {
	k := kindOf(r.Action)
	e := event{
		ResourceType: "AuditEvent", ID: "ledger-" + strconv.FormatInt(r.N, 10), Type: k.of, Subtype: []coding{k.sub, {System: "urn:vigil:action", Code: r.Action}},
		Action: k.action, Recorded: r.At.Time().UTC().Format("2006-01-02T15:04:05.000Z07:00"), Outcome: "0",
		Source: source{
			Site: string(o.Site), Observer: reference{Identifier: &identifier{"urn:vigil:site", string(o.Site)}, Display: "Vigil " + string(o.Site)},
			Type: []coding{{systemSource, "4", "Application Server"}},
		},
		Agent: agents(r, k, name, o), Entity: entities(r),
	}
	if r.Outcome == "refused" {
		e.Outcome, e.OutcomeDesc = "4", r.Why
	}
	if k.profile != "" && e.Outcome == "0" && r.From != "" {
		p := profiles + k.profile
		if r.Patient != "" {
			p = profiles + "Patient" + k.profile
		}
		e.Meta = &meta{[]string{p}}
	}
	return json.Marshal(e)
}

// agents are who asked, from where, and the server. BALP calls the side that the
// data comes from the source: the server when something is read, else the client.
func agents(r Row, k kind, name string, o Observer) []agent {
	from, to := coding{systemDICOM, "110153", "Source Role ID"}, coding{systemDICOM, "110152", "Destination Role ID"}
	client, server, part := from, to, coding{systemPart, "AUT", "author (originator)"}
	if k.action == "R" {
		client, server, part = to, from, coding{systemPart, "IRCP", "information recipient"}
	}
	user := agent{
		Type: concept{Coding: []coding{part}}, Who: reference{Identifier: &identifier{"urn:vigil:who", r.Who}, Display: name}, AltID: r.Who, Name: name, Requestor: true,
	}
	for role := range strings.SplitSeq(r.Role, ",") {
		if role = strings.TrimSpace(role); role != "" {
			user.Role = append(user.Role, concept{Coding: []coding{{System: "urn:vigil:role", Code: role}}})
		}
	}
	if r.Purpose != "" {
		p := concept{Text: r.Purpose}
		if c, ok := purposes[r.Purpose]; ok {
			p.Coding = []coding{c}
		}
		user.Purpose = append(user.Purpose, p)
	}
	if r.Glass != "" {
		user.Purpose = append(user.Purpose, concept{Coding: []coding{{systemReason, "BTG", "break the glass"}}, Text: r.Glass})
	}
	all := []agent{user}
	if r.From != "" {
		all = append(all, agent{Type: concept{Coding: []coding{client}}, Who: reference{Display: r.From}, Network: &network{r.From, "2"}})
	}
	return append(all, agent{
		Type: concept{Coding: []coding{server}}, Who: reference{Identifier: &identifier{"urn:vigil:site", string(o.Site)}, Display: "Vigil " + string(o.Site)},
		Network: &network{o.Address, networkType(o.Address)},
	})
}

func networkType(address string) string {
	if strings.Contains(address, "://") {
		return "5" // URI
	}
	return "1" // machine name
}

// entities are the patient, when there is one, and what the action was about,
// with what proves the row.
func entities(r Row) []entity {
	var all []entity
	if r.Patient != "" {
		all = append(all, entity{
			What: reference{Reference: "Patient/" + string(r.Patient)}, Type: coding{systemEntity, "1", "Person"}, Role: coding{systemRole, "1", "Patient"},
		})
	}
	subject := r.Subject
	if subject == "" {
		subject = "site/" + string(r.Site)
	}
	data := entity{
		What: reference{Identifier: &identifier{"urn:vigil:subject", subject}}, Type: coding{systemEntity, "2", "System Object"}, Role: coding{systemRole, "4", "Domain Resource"},
		Detail: []detail{{"ledger-entry", strconv.FormatInt(r.N, 10)}, {"ledger-leaf", hex.EncodeToString(r.Leaf[:])}},
	}
	switch {
	case r.Erased != nil:
		data.Detail = append(data.Detail, detail{"reason-erased", hex.EncodeToString(r.Erased)})
	case r.Why != "" && r.Outcome != "refused":
		data.Detail = append(data.Detail, detail{"reason", r.Why})
	}
	return append(all, data)
}
