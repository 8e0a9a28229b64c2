package webd

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Alarm is one episode of an alarm condition; its times are ms since 1970, 0
// where there is none. Bed and ward are where the patient lies while it is open,
// and where the patient lay when it was raised once it is closed.
type Alarm struct {
	ID           string          `json:"id"`
	Patient      vital.PatientID `json:"patient"`
	Bed          vital.BedID     `json:"bed"`
	Ward         vital.WardID    `json:"ward"`
	Rule         string          `json:"rule"`
	Part         string          `json:"part"`
	Version      string          `json:"version"`
	Title        string          `json:"title"`
	Text         string          `json:"text"`
	Metric       string          `json:"metric"`
	Technical    bool            `json:"technical"`
	Latching     bool            `json:"latching"`
	Always       bool            `json:"always"`
	Spot         bool            `json:"spot"`
	Priority     alarmPriority   `json:"priority"`
	Peak         alarmPriority   `json:"peak"`
	Condition    alarm.Condition `json:"condition"`
	Since        int64           `json:"since"`
	Raised       int64           `json:"raised"`
	Changed      int64           `json:"changed"`
	Ended        int64           `json:"ended"`
	Unknown      int64           `json:"unknown"`
	Closed       int64           `json:"closed"`
	Why          string          `json:"why"`
	Times        int             `json:"times"`
	Sound        alarm.Sound     `json:"sound"`
	SoundUntil   int64           `json:"soundUntil"`
	Acknowledged *AlarmBy        `json:"acknowledged"`
	Owner        *AlarmOwner     `json:"owner"`
	Silenced     *AlarmBy        `json:"silenced"`
	Level        int             `json:"level"`
	Due          int64           `json:"due"`
	Evidence     []Evidence      `json:"evidence"`
	Words        Words           `json:"words,omitempty"` // title and text in other languages
}

// alarmPriority is "high", "medium" or "low".
type alarmPriority string

// AlarmBy is who did something to an alarm.
type AlarmBy struct {
	By   string `json:"by"`
	Name string `json:"name"`
	At   int64  `json:"at"`
	Why  string `json:"why"`
}

// AlarmOwner is who takes care of an alarm, or is asked to.
type AlarmOwner struct {
	By       string `json:"by"`
	Name     string `json:"name"`
	From     string `json:"from"`
	FromName string `json:"fromName"`
	At       int64  `json:"at"`
	Accepted bool   `json:"accepted"`
}

// Evidence is one value that an alarm rests on.
type Evidence struct {
	Metric   string         `json:"metric"`
	Value    string         `json:"value"`
	Unit     string         `json:"unit"`
	At       int64          `json:"at"`
	Received int64          `json:"received"`
	Device   vital.DeviceID `json:"device"`
	Source   vital.Position `json:"source"`
}

// AlarmDeed is one thing that happened to an alarm.
type AlarmDeed struct {
	At       int64         `json:"at"`
	Kind     alarm.Kind    `json:"kind"`
	Verb     alarm.Verb    `json:"verb"`
	By       string        `json:"by"`
	Name     string        `json:"name"`
	Why      string        `json:"why"`
	Text     string        `json:"text"`
	Priority alarmPriority `json:"priority"`
	Level    int           `json:"level"`
	To       string        `json:"to"`
	ToName   string        `json:"toName"`
	Until    int64         `json:"until"`
	Evidence []Evidence    `json:"evidence"`
	WhySaid  *words.Said   `json:"whySaid,omitempty"`
	Words    Words         `json:"words,omitempty"` // text in other languages
}

// Delivery is one message about an alarm to one person by one channel. The
// address is masked: who may read an alarm need not know a colleague's number.
type Delivery struct {
	Page     string `json:"page"`
	Kind     string `json:"kind"`
	Person   string `json:"person"`
	Name     string `json:"name"`
	Channel  string `json:"channel"`
	Address  string `json:"address"`
	State    string `json:"state"`
	Attempts int    `json:"attempts"`
	At       int64  `json:"at"`
	Changed  int64  `json:"changed"`
	Reason   string `json:"reason"`

	ReasonSaid *words.Said `json:"reasonSaid,omitempty"`
}

// spot is where a patient lies.
type spot struct {
	bed  vital.BedID
	ward vital.WardID
}

// spots says where everybody lies now.
func (s *Server) spots(ctx context.Context) (map[vital.PatientID]spot, error) {
	stays, err := s.store.Occupants(ctx, store.Everything(s.site), "", 0)
	if err != nil {
		return nil, err
	}
	where := make(map[vital.PatientID]spot, len(stays))
	for _, a := range stays {
		where[a.Patient] = spot{a.Bed, a.Ward}
	}
	return where, nil
}

func alarmView(a *alarm.Alarm, at spot, n names, set *rule.Set) Alarm {
	v := Alarm{
		ID: a.ID, Patient: a.Patient, Bed: at.bed, Ward: at.ward, Rule: a.Rule, Part: a.Part, Version: a.Version,
		Title: a.Title, Text: a.Text, Metric: a.Metric, Technical: a.Technical, Latching: a.Latching, Always: a.Always, Spot: a.Spot,
		Priority: alarmPriority(a.Priority.String()), Peak: alarmPriority(a.Peak.String()), Condition: a.Condition,
		Since: int64(a.Since), Raised: int64(a.Raised), Changed: int64(a.Changed), Ended: int64(a.Ended), Unknown: int64(a.Unknown),
		Closed: int64(a.Closed), Why: a.Why, Times: a.Times, Sound: a.Sound, SoundUntil: int64(a.SoundUntil),
		Acknowledged: deedBy(a.Acknowledged, n), Silenced: deedBy(a.Silenced, n), Level: a.Level, Due: int64(a.Due),
		Evidence: evidenceView(a.Evidence), Words: wordsOf(set, a.Rule, a.Title, a.Text),
	}
	if o := a.Owner; o != nil {
		v.Owner = &AlarmOwner{By: o.By, Name: n.of(o.By), From: o.From, FromName: n.of(o.From), At: int64(o.At), Accepted: o.Accepted}
	}
	return v
}

func deedBy(d *alarm.Deed, n names) *AlarmBy {
	if d == nil {
		return nil
	}
	return &AlarmBy{By: d.By, Name: n.of(d.By), At: int64(d.At), Why: d.Why}
}

func evidenceView(evidence []vital.Evidence) []Evidence {
	views := make([]Evidence, len(evidence))
	for i, e := range evidence {
		views[i] = Evidence{Metric: e.Metric, Value: e.Value, Unit: e.Unit, At: int64(e.At), Received: int64(e.Received), Device: e.Device, Source: e.Source}
	}
	return views
}

// people are the ids of those whose names an alarm shows.
func people(a *alarm.Alarm) []string {
	var ids []string
	for _, d := range []*alarm.Deed{a.Acknowledged, a.Silenced} {
		if d != nil {
			ids = append(ids, d.By)
		}
	}
	if o := a.Owner; o != nil {
		ids = append(ids, o.By)
		if o.From != "" {
			ids = append(ids, o.From)
		}
	}
	return ids
}

func deedView(d store.AlarmDeed, n names, of *alarm.Alarm, set *rule.Set) AlarmDeed {
	return AlarmDeed{
		At: int64(d.At), Kind: d.Kind, Verb: d.Verb, By: d.By, Name: n.of(d.By), Why: n.inText(d.Why), Text: d.Text,
		Priority: alarmPriority(d.Priority.String()), Level: d.Level, To: d.To, ToName: n.of(d.To), Until: int64(d.Until),
		Evidence: evidenceView(d.Evidence), WhySaid: words.Find(n.inText(d.Why)), Words: wordsOf(set, of.Rule, of.Title, d.Text),
	}
}

func deliveryView(d store.Delivery, n names) Delivery {
	return Delivery{
		Page: d.Page, Kind: d.Kind, Person: d.Person, Name: n.of(d.Person), Channel: d.Channel, Address: masked(d.Address),
		State: d.State, Attempts: d.Attempts, At: int64(d.At), Changed: int64(d.Changed), Reason: d.Reason,
		ReasonSaid: words.Find(d.Reason),
	}
}

// masked leaves enough of an address to tell two apart: "m…z@example.org", "…78".
func masked(address string) string {
	if strings.HasPrefix(address, "{") { // a push subscription
		return pushService(address)
	}
	if scheme, rest, ok := strings.Cut(address, "://"); ok {
		host, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(host, '@'); at >= 0 {
			host = host[at+1:]
		}
		return scheme + "://" + host + "/…"
	}
	if name, domain, ok := strings.Cut(address, "@"); ok {
		return ends(name) + "@" + domain
	}
	return ends(address)
}

func ends(s string) string {
	r := []rune(s)
	if len(r) < 4 {
		return "…"
	}
	return string(r[0]) + "…" + string(r[len(r)-1])
}

// inText puts the name where a sentence begins with the id of a user: "u-7 takes
// care of it".
func (n names) inText(sentence string) string {
	id, rest, ok := strings.Cut(sentence, " ")
	if name := n[id]; ok && name != "" {
		return name + " " + rest
	}
	return sentence
}

// highestFirst puts the most urgent alarm first, then the oldest.
func highestFirst(alarms []alarm.Alarm) {
	slices.SortFunc(alarms, func(a, b alarm.Alarm) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Raised, b.Raised), cmp.Compare(a.ID, b.ID))
	})
}
