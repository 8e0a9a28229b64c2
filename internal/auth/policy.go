package auth

import (
	"bytes"
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Every action of a person or a program. Publish and Subscribe, of topics, are in topic.go.
const (
	SessionOwn     Action = "session.own"     // sign out, see oneself, own preferences and password
	MetricsRead    Action = "metrics.read"    // the table of metrics: no patient in it
	WardList       Action = "ward.list"       // which wards there are
	WardRead       Action = "ward.read"       // a ward with its patients and their latest values
	WardWrite      Action = "ward.write"      // make and change wards, rooms and beds
	LiveRead       Action = "live.read"       // the live socket
	PatientFind    Action = "patient.find"    // search by name or number
	PatientRead    Action = "patient.read"    // one patient with trends, waveforms, timeline
	PatientExport  Action = "patient.export"  // the same, taken away as a file
	PatientWrite   Action = "patient.write"   // identity and numbers
	PatientMove    Action = "patient.move"    // admit, transfer, swap, discharge
	PatientObserve Action = "patient.observe" // bed round, annotations
	PatientStandby Action = "patient.standby" // stop expecting data for a while
	PatientPlan    Action = "patient.plan"    // what is expected of each stream
	AlarmRead      Action = "alarm.read"      // alarms, what happened to them and whom they were told
	AlarmAct       Action = "alarm.act"       // acknowledge, take over, pause, switch off
	LimitRead      Action = "limit.read"      // a patient's limits beside the defaults
	LimitReview    Action = "limit.review"    // confirm a limit of a patient's own as it is
	LimitWrite     Action = "limit.write"     // limits of a patient's own, and how the patient is to be judged
	RuleRead       Action = "rule.read"       // the rules in force: no patient in them
	RuleWrite      Action = "rule.write"      // put other rules in force
	ReplayRun      Action = "replay.run"      // what other limits would have done
	BurdenRead     Action = "burden.read"     // how many alarms, of what, and how they were met
	DutyRead       Action = "duty.read"       // who covers which bed
	DutyWrite      Action = "duty.write"      // assign nurses to beds, and who comes after them
	TraceRead      Action = "trace.read"      // the whole story of one alarm, signed
	DeviceList     Action = "device.list"
	DeviceRead     Action = "device.read"     // one device with its packets
	DeviceReadings Action = "device.readings" // everything stored of one device
	DeviceWrite    Action = "device.write"    // enrol, change, new credential, retire
	DeviceBind     Action = "device.bind"     // bind and unbind
	DeviceReassign Action = "device.reassign" // these hours belong to another patient
	ProblemRead    Action = "problem.read"    // what could not be read, with its first bytes
	SystemRead     Action = "system.read"
	WatchdogRead   Action = "watchdog.read" // whether the platform does its work: what a sentinel asks
	AuditRead      Action = "audit.read"
	AuditExport    Action = "audit.export"  // the same, taken away as a file
	UserRead       Action = "user.read"     // who may sign in, and from where they have
	UserWrite      Action = "user.write"    // people, their roles and wards
	TokenRead      Action = "token.read"    // which programs and wall screens there are
	TokenWrite     Action = "token.write"   // programs and wall screens
	BackupRead     Action = "backup.read"   // which backups there are, and how the last one went
	BackupMake     Action = "backup.make"   // make one now
	KeyRead        Action = "key.read"      // how the keys do, never a key
	KeyRotate      Action = "key.rotate"    // new keys for what comes
	RecordForget   Action = "record.forget" // forget a patient for good
	TelemetrySend  Action = "telemetry.send"

	RelationRead  Action = "relation.read"  // who is of a patient's care team, and who follows the patient
	RelationWrite Action = "relation.write" // say so
	ConsentRead   Action = "consent.read"   // what a patient permitted and refused
	ConsentWrite  Action = "consent.write"  // permit, refuse and revoke: the patient, or staff on the patient's behalf
	GlassOpen     Action = "glass.open"     // see a patient in an emergency whom one may not see otherwise
	GlassRead     Action = "glass.read"     // who did that, and why
	GlassReview   Action = "glass.review"   // say whether it was right
	LookedRead    Action = "looked.read"    // who looked at a patient's data
	AnomalyRead   Action = "anomaly.read"   // who looked at more than a person cares for
	AnomalyReview Action = "anomaly.review" // say what was behind it
	AnomalyWrite  Action = "anomaly.write"  // how much is more than that
)

// policyText is the policy: who may do what, to be read by people. The second,
// simple model that it is compared with is in the tests.
//
//go:embed policy/vigil.cedar
var policyText []byte

// rules is the policy as it is asked. A mistake in it stops the program at once,
// because a policy that is not understood must not be guessed.
var rules = func() *cedar.PolicySet {
	set, err := cedar.NewPolicySetFromBytes("vigil.cedar", policyText)
	if err != nil {
		panic("auth: the policy cannot be read: " + err.Error())
	}
	return set
}()

// actions are the names of the actions in the order in which the policy speaks of
// them first.
var actions = func() []Action {
	var all []Action
	for _, m := range regexp.MustCompile(`Action::"([^"]+)"`).FindAllSubmatch(policyText, -1) {
		if a := Action(m[1]); !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}()

// rulesFor are the rules that speak of an action: the others cannot decide on it,
// and a decision that asks them all takes five times as long.
var rulesFor = func() map[Action]*cedar.PolicySet {
	of := make(map[Action]*cedar.PolicySet, len(actions))
	for _, a := range actions {
		of[a] = cedar.NewPolicySet()
		for id, rule := range rules.All() {
			text := rule.MarshalCedar()
			if bytes.Contains(text, []byte(`Action::"`+string(a)+`"`)) || !bytes.Contains(text, []byte(`Action::"`)) {
				of[a].Add(id, rule)
			}
		}
	}
	return of
}()

// Actions is every action of the policy.
func Actions() []Action { return slices.Clone(actions) }

// Purpose is what data is looked at for.
type Purpose string

const (
	ForTreatment  Purpose = "treatment"
	ForResearch   Purpose = "research"
	ForOperations Purpose = "operations"
	ForFamily     Purpose = "family"
	ForOneself    Purpose = "own"
)

// Purposes are those that a patient can decide on.
var Purposes = []Purpose{ForTreatment, ForResearch, ForOperations, ForFamily}

// Said is what a patient said about data, as far as it is about the caller.
type Said string

const (
	Unsaid  Said = "unsaid"
	Given   Said = "given"
	Refused Said = "refused"
)

// own is the relation of a caller to its own account, device or topics: nothing
// of a patient is seen by it.
const own store.Relation = "own"

// Facts is all that the policy looks at, beside the caller's roles.
type Facts struct {
	Relations []store.Relation
	Data      vital.Data
	Said      Said
	Purpose   Purpose
	Stale     bool // the last proof of who it is lies longer back than the policy allows
}

// rolesOf are the names under which the policy speaks of the principal. A user is
// what its roles say; an integration may have been given roles beside its class.
func rolesOf(p Principal) []string {
	var names []string
	if p.Class != User {
		names = append(names, string(p.Class))
	}
	if p.Class == User || p.Class == Integration {
		for _, r := range p.Roles {
			if CheckRole(string(r)) == nil && !slices.Contains(names, string(r)) { // the name of a class is not a role
				names = append(names, string(r))
			}
		}
	}
	slices.Sort(names)
	return names
}

// Decide asks the policy about one concrete case. It is what Allow and the row
// filter are made of; no other code decides.
func Decide(p Principal, a Action, f Facts) bool {
	return decide(p.Class, rolesOf(p), a, f)
}

var (
	roleUIDs     sync.Map // by name
	relationSets sync.Map // by relations, joined
	somebody     = cedar.NewEntityUID("Caller", "caller")
	something    = cedar.NewEntityUID("Thing", "thing")
)

func roleUID(name string) cedar.EntityUID {
	if uid, ok := roleUIDs.Load(name); ok {
		return uid.(cedar.EntityUID)
	}
	uid := cedar.NewEntityUID("Role", cedar.String(name))
	roleUIDs.Store(name, uid)
	return uid
}

func relationSet(relations []store.Relation) cedar.Set {
	var b strings.Builder
	for _, r := range relations {
		b.WriteString(string(r) + " ")
	}
	if set, ok := relationSets.Load(b.String()); ok {
		return set.(cedar.Set)
	}
	values := make([]cedar.Value, len(relations))
	for i, r := range relations {
		values[i] = cedar.String(r)
	}
	set := cedar.NewSet(values...)
	relationSets.Store(b.String(), set)
	return set
}

// caller is the one entity that the policy looks up.
type caller struct{ entity cedar.Entity }

func (c caller) Get(uid cedar.EntityUID) (cedar.Entity, bool) { return c.entity, uid == somebody }

func decide(class Class, roles []string, a Action, f Facts) bool {
	parents := make([]cedar.EntityUID, 0, len(roles)+1)
	for _, r := range roles {
		parents = append(parents, roleUID(r))
	}
	if class == User && len(roles) > 0 {
		parents = append(parents, roleUID("person"))
	}
	set := rulesFor[a]
	if set == nil {
		return false
	}
	decision, why := cedar.Authorize(set, caller{cedar.Entity{UID: somebody, Parents: cedar.NewEntityUIDSet(parents...)}}, cedar.Request{
		Principal: somebody, Action: cedar.NewEntityUID("Action", cedar.String(a)), Resource: something,
		Context: cedar.NewRecord(cedar.RecordMap{
			"relations": relationSet(f.Relations), "data": cedar.String(f.Data), "consent": cedar.String(f.Said),
			"purpose": cedar.String(f.Purpose), "fresh": cedar.Boolean(!f.Stale),
		}),
	})
	return bool(decision) && len(why.Errors) == 0
}

// reach is how far a caller may do an action: for each relation, what it asks of
// consent for each kind of data. It is the policy's answers, asked one by one.
type reach struct {
	scope Scope
	own   bool
	step  bool // asks for a fresh proof
	paths []store.Path
}

type reachKey struct {
	class   Class
	roles   string
	action  Action
	purpose Purpose
}

// reaches remembers them: there are few kinds of callers, and the policy does not
// change while the program runs.
var reaches sync.Map

// noReach is how far a sign-in that lacks its second step may do anything.
var noReach = &reach{scope: Nowhere}

// reachOf returns how far the principal may do the action.
func reachOf(p Principal, a Action) *reach {
	if p.Half() && a != SessionOwn {
		return noReach
	}
	key := reachKey{class: p.Class, action: a, purpose: p.LooksFor()}
	switch {
	case len(p.Roles) == 0: // a device: asked for every packet
	case len(p.Roles) == 1 && p.Class == User:
		key.roles = string(p.Roles[0])
	case p.Class == User || p.Class == Integration:
		key.roles = strings.Join(rolesOf(p), " ")
	}
	if r, ok := reaches.Load(key); ok {
		return r.(*reach)
	}
	r := measure(p.Class, rolesOf(p), a, key.purpose)
	if slices.Contains(actions, a) { // what is not in the policy is not remembered: it has no end
		reaches.Store(key, r)
	}
	return r
}

func measure(class Class, roles []string, a Action, purpose Purpose) *reach {
	r := &reach{scope: Nowhere}
	may := func(stale bool, d vital.Data, said Said, by ...store.Relation) bool {
		return decide(class, roles, a, Facts{Relations: by, Data: d, Said: said, Purpose: purpose, Stale: stale})
	}
	r.own = may(false, vital.DataIdentity, Unsaid, own) && !may(false, vital.DataIdentity, Unsaid)
	some := r.own
	for _, by := range append([]store.Relation{store.ByAnyone}, store.Relations...) {
		path := store.Path{By: by, Needs: make(map[vital.Data]store.Need)}
		relations := []store.Relation{by}
		if by == store.ByAnyone {
			relations = nil
		}
		for _, d := range vital.AllData {
			if n := needOf(func(said Said) bool { return may(false, d, said, relations...) }); n != store.Never {
				path.Needs[d] = n
			}
		}
		if len(path.Needs) > 0 {
			r.paths = append(r.paths, path)
			some = true
		}
	}
	r.scope = scopeOf(r)
	if some {
		r.step = !slices.ContainsFunc(append([]store.Relation{store.ByAnyone, own}, store.Relations...), func(by store.Relation) bool {
			return slices.ContainsFunc(vital.AllData, func(d vital.Data) bool { return may(true, d, Given, by) })
		})
	}
	return r
}

// needOf reads off what is asked of consent. What is seen although it was refused
// is seen in any case.
func needOf(may func(Said) bool) store.Need {
	switch {
	case may(Refused):
		return store.Unasked
	case may(Unsaid):
		return store.Unless
	case may(Given):
		return store.Given
	}
	return store.Never
}

// Scope is how far somebody may do something, in one word.
type Scope string

const (
	Nowhere  Scope = "-"
	Oneself  Scope = "own"  // its own account, device or topics
	Itself   Scope = "self" // the patient that it is
	Kin      Scope = "kin"  // the patients whom it follows, as far as they permit
	Its      Scope = "ward" // the wards that it was given, its care teams, and broken glass
	Anywhere Scope = "any"  // everywhere in the site
)

func scopeOf(r *reach) Scope {
	has := func(relations ...store.Relation) bool {
		return slices.ContainsFunc(r.paths, func(p store.Path) bool { return slices.Contains(relations, p.By) })
	}
	switch {
	case has(store.ByAnyone):
		return Anywhere
	case has(store.ByWard, store.ByFormer, store.ByCare, store.ByGlass):
		return Its
	case has(store.ByFamily):
		return Kin
	case has(store.BySelf):
		return Itself
	case r.own:
		return Oneself
	}
	return Nowhere
}

// ScopeOf returns how far the principal may do the action, at the widest.
func ScopeOf(p Principal, a Action) Scope {
	return reachOf(p, a).scope
}

// asksForStep reports whether the policy wants a fresh proof for the action.
func asksForStep(p Principal, a Action) bool { return reachOf(p, a).step }

// CheckPurpose says whether somebody of the principal's kind may say that it looks
// for this purpose.
func CheckPurpose(p Principal, purpose Purpose) error {
	staff := p.Class == Integration || p.Has(Clinician) || p.Has(Nurse) || p.Has(Technician) || p.Has(Auditor) || p.Has(Administrator)
	switch {
	case !slices.Contains([]Purpose{ForTreatment, ForResearch, ForOperations}, purpose):
		return vital.Errorf(vital.Invalid, "purpose %.40q: want treatment, research or operations", purpose)
	case !staff && purpose != p.LooksFor():
		return vital.Errorf(vital.Invalid, "purpose: yours is %s", p.LooksFor())
	}
	return nil
}

// LooksFor is what the principal looks at data for: what it said, or what its roles are for.
func (p Principal) LooksFor() Purpose {
	switch {
	case p.Purpose != "":
		return p.Purpose
	case p.Class != User || len(p.Roles) == 0:
		return ForTreatment
	case slices.Contains(p.Roles, Family):
		return ForFamily
	case slices.Contains(p.Roles, Patient):
		return ForOneself
	}
	return ForTreatment
}
