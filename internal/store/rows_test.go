package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
)

// life gives the patient of a bed some of everything that is kept of a patient.
func life(t *testing.T, d *store.DB, patient, device string, problem vital.Instant) {
	t.Helper()
	ctx := context.Background()
	p, dev := vital.PatientID(patient), vital.DeviceID(device)
	hr, ecg := series(t, d, patient, device, "heart-rate"), series(t, d, patient, device, "ecg-ii")
	h := store.NewWaveHead(ecg)
	h.Append(wave(int64(t0)*1000, 250))
	commit(t, d, store.Batch{
		Chunks: []store.Chunk{chunkOf(hr, run(0, 100)...), chunkOf(hr, run(100, 130)...)}, Waves: []store.WaveBlock{h.Seal()},
		Events:   []vital.Event{{Patient: p, Device: dev, Kind: "lead-off", Code: "ecg-ii", Clocks: vital.Clocks{Effective: t0 + 7}}},
		Latest:   []store.Latest{{Patient: p, Device: dev, Metric: "heart-rate", Unit: "/min", Sample: sample(129)}},
		Gaps:     []store.Gap{{Patient: p, Metric: "spo2", From: t0, State: "missing", Cause: "nothing comes"}},
		Problems: []store.Problem{{Device: dev, At: problem, Reason: "no unit"}},
		Spans:    []store.Span{{Patient: p, Metric: "spo2", From: t0, Kind: "continuous", Every: 5000}},
		Seen:     []store.DeviceSeen{{Device: dev, At: t0, Packets: 3}},
		Alarms:   []alarm.Alarm{alarmOf("al-"+patient, patient, t0+8)},
		Deeds:    []store.AlarmDeed{{Alarm: "al-" + patient, Patient: p, At: t0 + 8, Kind: alarm.Raised, Command: commandOf(patient)}},
	})
	got(d.SetLimit(ctx, entry("limit.set"), store.OwnLimit{ID: "l-" + patient, Patient: p, Metric: "spo2", Unit: "%", Low: decimal(t, "88"), Why: "COPD", From: t0}))(t)
	must(t, d.ReviewLimit(ctx, entry("limit.review"), p, "spo2", "u-1", "as before"))
	got(d.SetCare(ctx, entry("care.set"), store.Care{Patient: p, SpO2Scale: 2, At: t0}))(t)
	got(d.Observe(ctx, entry("patient.observe"), store.Observation{ID: "o-" + patient, Patient: p, At: t0 + 5, Note: "round"}))(t)
	got(d.Annotate(ctx, entry("patient.annotate"), store.Annotation{ID: "n-" + patient, Patient: p, At: t0 + 6, Text: "remark"}))(t)
	got(d.SetStandby(ctx, entry("patient.standby"), store.Standby{ID: "s-" + patient, Patient: p, Reason: "theatre", From: t0, Until: 1 << 60}))(t)
	if patient[2:] == device[2:] { // nobody else has worn it
		must(t, d.PutEnrolment(ctx, entry("device.enrolment"), store.Enrolment{Hash: []byte(device), Device: dev, Created: t0, Expires: t0 + 1000}))
		must(t, d.EnrolCertificate(ctx, entry("device.enrol"), []byte(device), store.Certificate{
			Serial: "s-" + device, Device: dev, Credential: vital.CredentialID("c-" + device), Fingerprint: device, Issued: t0 + 1, Expires: 1 << 50,
		}))
	}
	must(t, d.PutEvidence(ctx, site, "al-"+patient, p, t0+9, []byte("evidence of "+patient)))
	must(t, d.PutContact(ctx, entry("patient.write"), person.Contact{Patient: p, Name: "Contact of " + patient, Phone: "+4179", Detail: true}))
	must(t, d.OpenPage(ctx, entry("alarm.emergency"), store.PageStep{
		Page: store.Page{ID: "pg-" + patient, Alarm: "al-" + patient, Patient: p, Kind: "emergency", Priority: vital.High, At: t0 + 9},
		Add:  []store.Delivery{{Page: "pg-" + patient, Alarm: "al-" + patient, Person: "contact", Channel: "contact-sms", Kind: "sms", Priority: vital.High, State: store.Queued, At: t0 + 9}},
	}))
	user := vital.UserID("u-" + patient)
	must(t, d.PutUser(ctx, entry("user.write"), store.User{ID: user, Name: "Friend of " + patient, Username: "friend-" + patient, Roles: []string{"family"}}))
	got(d.Relate(ctx, entry("relation.write"), store.Related{ID: "rl-" + patient, Patient: p, User: user, Kind: store.Follower, From: t0}))(t)
	got(d.Consent(ctx, entry("consent.write"), store.Consent{ID: "cs-" + patient, Patient: p, Data: vital.DataNotes, User: user, Role: "all", Purpose: "all", Permit: true, From: t0}))(t)
	must(t, d.SetPlan(ctx, entry("patient.plan"), p, []store.PlanItem{{Metric: "heart-rate", Kind: "continuous", Every: 10}}))
}

// commandOf is a number for what was asked of a patient's alarm.
func commandOf(patient string) int64 {
	n := int64(1)
	for _, c := range patient {
		n = n*131 + int64(c)
	}
	return n
}

// asked is every query that takes a row filter, with what it is asked for.
func asked(d *store.DB, r store.Rows) map[string]func() (any, error) {
	ctx := context.Background()
	all := map[string]func() (any, error){
		"Wards":            func() (any, error) { return d.Wards(ctx, r) },
		"Patients":         func() (any, error) { return d.Patients(ctx, r, "", "") },
		"Devices":          func() (any, error) { return d.Devices(ctx, r, "") },
		"Certificates":     func() (any, error) { return d.Certificates(ctx, r, t0) },
		"LatestOf":         func() (any, error) { return d.LatestOf(ctx, r, nil) },
		"Problems":         func() (any, error) { return d.Problems(ctx, r, 0) },
		"Standbys":         func() (any, error) { return d.Standbys(ctx, r, t0+1) },
		"Audit":            func() (any, error) { return d.Audit(ctx, r, store.AuditFilter{Limit: 5}) },
		"AuditCount":       func() (any, error) { return counted(d.AuditCount(ctx, r, store.AuditFilter{})) },
		"AuditRows":        func() (any, error) { return d.AuditRows(ctx, r, store.AuditFilter{}, 0, 5) },
		"AuditCounts":      func() (any, error) { return d.AuditCounts(ctx, r, store.AuditFilter{}, "action") },
		"Bindings":         func() (any, error) { return d.Bindings(ctx, r, store.BindingFilter{}) },
		"Alarms":           func() (any, error) { return d.Alarms(ctx, r, store.AlarmFilter{}) },
		"Alarms by pages":  func() (any, error) { return d.Alarms(ctx, r, store.AlarmFilter{Limit: 1}) },
		"Alarms of site":   func() (any, error) { return d.Alarms(ctx, r, store.AlarmFilter{Patient: store.SitePatient}) },
		"Patients by name": func() (any, error) { return d.Patients(ctx, r, "müller", "") },
		"Patients by ward": func() (any, error) { return d.Patients(ctx, r, "", "w-x") },
		"Occupants of all": func() (any, error) { return d.Occupants(ctx, r, "", t0+1) },
		"Beds of all":      func() (any, error) { return d.Beds(ctx, r, "") },
		"Rooms of all":     func() (any, error) { return d.Rooms(ctx, r, "") },
		"Near":             func() (any, error) { return d.Near(ctx, r) },
		"Stations":         func() (any, error) { return d.Stations(ctx, r, store.StationFilter{}) },
		"ChainOf the site": func() (any, error) { return d.ChainOf(ctx, r, "") },
	}
	for _, w := range []vital.WardID{"w-a", "w-x"} {
		all["Ward "+string(w)] = func() (any, error) { return d.Ward(ctx, r, w) }
		all["Shifts "+string(w)] = func() (any, error) { return d.Shifts(ctx, r, w, 0, t0+1e9) }
		all["StaysIn "+string(w)] = func() (any, error) { return d.StaysIn(ctx, r, w, 0, t0+1e9) }
		all["LimitsToReview "+string(w)] = func() (any, error) { return d.LimitsToReview(ctx, r, w, t0+1) }
		all["Cover "+string(w)] = func() (any, error) { return d.Cover(ctx, r, w, t0+1) }
		all["ChainOf "+string(w)] = func() (any, error) { return d.ChainOf(ctx, r, w) }
		all["Rooms "+string(w)] = func() (any, error) { return d.Rooms(ctx, r, w) }
		all["Beds "+string(w)] = func() (any, error) { return d.Beds(ctx, r, w) }
		all["Alarms "+string(w)] = func() (any, error) { return d.Alarms(ctx, r, store.AlarmFilter{Ward: w}) }
		all["Occupants "+string(w)] = func() (any, error) { return d.Occupants(ctx, r, w, t0+1) }
	}
	for _, ward := range []vital.WardID{"w-a", "w-x"} {
		all["StaysIn "+string(ward)] = func() (any, error) { return d.StaysIn(ctx, r, ward, 0, 1<<60) }
	}
	for _, n := range []string{"a1", "a2", "x1"} {
		p, dev := vital.PatientID("p-"+n), vital.DeviceID("m-"+n)
		q, of := store.Query{Patient: p, From: t0 - 1e6, To: t0 + 1e9}, store.Query{Device: dev, From: t0 - 1e6, To: t0 + 1e9}
		all["Bed "+n] = func() (any, error) { return d.Bed(ctx, r, vital.BedID("b-"+n)) }
		all["Patient "+n] = func() (any, error) { return d.Patient(ctx, r, p) }
		all["Admissions "+n] = func() (any, error) { return d.Admissions(ctx, r, p) }
		all["Device "+n] = func() (any, error) { return d.Device(ctx, r, dev) }
		all["CertificatesOf "+n] = func() (any, error) { return d.CertificatesOf(ctx, r, dev) }
		all["Samples "+n] = func() (any, error) { return d.Samples(ctx, r, q) }
		all["Samples of device "+n] = func() (any, error) { return d.Samples(ctx, r, of) }
		all["Buckets "+n] = func() (any, error) { return d.Buckets(ctx, r, of, 100) }
		all["Waves "+n] = func() (any, error) { return d.Waves(ctx, r, of) }
		all["WaveMetrics "+n] = func() (any, error) { return d.WaveMetrics(ctx, r, p) }
		all["SpanOf "+n] = func() (any, error) {
			from, to, err := d.SpanOf(ctx, r, p)
			if from == 0 && to == 0 {
				return nil, err
			}
			return []vital.Instant{from, to}, err
		}
		all["Events "+n] = func() (any, error) { return d.Events(ctx, r, of) }
		all["Gaps "+n] = func() (any, error) { return d.Gaps(ctx, r, p, 0, 0) }
		all["ProblemsOf "+n] = func() (any, error) { return d.ProblemsOf(ctx, r, dev, 0, 10) }
		all["LatestOf "+n] = func() (any, error) { return d.LatestOf(ctx, r, []vital.PatientID{p}) }
		all["StandbyOf "+n] = func() (any, error) { s, ok, err := d.StandbyOf(ctx, r, p); return []any{s, ok}, err }
		all["PlanOf "+n] = func() (any, error) { return d.PlanOf(ctx, r, p) }
		all["Observations "+n] = func() (any, error) { return d.Observations(ctx, r, p, 0, 0) }
		all["Annotations "+n] = func() (any, error) { return d.Annotations(ctx, r, p, 0, 0) }
		all["Timeline "+n] = func() (any, error) { return d.Timeline(ctx, r, p, 0, 0) }
		all["Bindings of "+n] = func() (any, error) { return d.Bindings(ctx, r, store.BindingFilter{Device: dev}) }
		all["Alarm "+n] = func() (any, error) { return d.Alarm(ctx, r, "al-p-"+n) }
		all["AlarmDeeds "+n] = func() (any, error) { return d.AlarmDeeds(ctx, r, "al-p-"+n) }
		all["Spans "+n] = func() (any, error) { return d.Spans(ctx, r, p, 0, 0) }
		all["Reviews "+n] = func() (any, error) { return d.Reviews(ctx, r, p, 0, 1<<60) }
		all["EvidenceOf "+n] = func() (any, error) { return d.EvidenceOf(ctx, r, "al-p-"+n) }
		all["DeliveriesOf "+n] = func() (any, error) { return d.DeliveriesOf(ctx, r, "al-p-"+n) }
		all["ContactOf "+n] = func() (any, error) { return d.ContactOf(ctx, r, p) }
		all["DeedsOfCommand "+n] = func() (any, error) { return d.DeedsOfCommand(ctx, r, commandOf("p-"+n)) }
		all["Alarms of "+n] = func() (any, error) { return d.Alarms(ctx, r, store.AlarmFilter{Patient: p}) }
		all["LimitsOf "+n] = func() (any, error) { return d.LimitsOf(ctx, r, p, t0+1) }
		all["LimitHistory "+n] = func() (any, error) { return d.LimitHistory(ctx, r, p) }
		all["CareOf "+n] = func() (any, error) { c, err := d.CareOf(ctx, r, p); return c.At != 0, err }
		all["CareHistory "+n] = func() (any, error) { return d.CareHistory(ctx, r, p) }
		all["Sees "+n] = func() (any, error) { s, err := d.Sees(ctx, r, []vital.PatientID{p}); return s[p] != 0, err }
		all["LooksAt "+n] = func() (any, error) { l, err := d.LooksAt(ctx, r, p, 0, 0); return len(l) > 0, err }
		all["RelationsOf "+n] = func() (any, error) { return d.RelationsOf(ctx, r, p, 0) }
		all["ConsentsOf "+n] = func() (any, error) { return d.ConsentsOf(ctx, r, p, 0) }
		all["ConsentHistory "+n] = func() (any, error) { return d.ConsentHistory(ctx, r, p) }
		all["Audit of "+n] = func() (any, error) { return d.Audit(ctx, r, store.AuditFilter{Patient: p}) }
	}
	return all
}

func counted(count int, more bool, err error) (any, error) {
	if count == 0 {
		return nil, err
	}
	return []any{count, more}, err
}

// What differs between two worlds by chance, or is for the store alone.
var chance = regexp.MustCompile(`"a-[0-9a-f]{10}"|"(Created|id|N)":\d+`)

func answers(t *testing.T, d *store.DB, r store.Rows) map[string]string {
	t.Helper()
	out := map[string]string{}
	for name, f := range asked(d, r) {
		v, err := f()
		if err != nil {
			out[name] = err.Error()
			continue
		}
		out[name] = chance.ReplaceAllString(string(printed(t, v)), "")
	}
	return out
}

// printed is JSON where that is possible; NaN is not.
func printed(t *testing.T, v any) []byte {
	if c, ok := v.([]store.Curve); ok {
		for i := range c {
			c[i].Series.ID = 0
		}
		return fmt.Appendf(nil, "%+v", c)
	}
	b, err := json.Marshal(v)
	must(t, err)
	return b
}

// The same questions in a world with and without rows that the caller may not
// see have the same answers, byte for byte.
//
// Covers: A1 A2 EN303645-5.8 ASVS-8.2.2
func TestForbiddenRowsLeaveNoTrace(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		world := func(forbidden bool) *store.DB {
			path := dsn
			if strings.HasPrefix(dsn, "sqlite:") {
				path = fmt.Sprintf("%s-%t", dsn, forbidden)
			} else if forbidden {
				path = need.Postgres(t)
			}
			d := open(t, path)
			if forbidden { // before, so that every number that counts rows differs
				ward(t, d, "x", 3)
				life(t, d, "p-x1", "m-x1", t0)
				life(t, d, "p-x2", "m-x2", t0)
			}
			ward(t, d, "a", 2)
			life(t, d, "p-a1", "m-a1", t0)
			commit(t, d, store.Batch{Alarms: []alarm.Alarm{siteAlarm("al-site", t0+9)}})
			if forbidden { // after, and on equipment that the caller sees
				got(d.Bind(ctx, entry("device.bind"), store.Binding{Device: "m-a1", Patient: "p-x3", From: t0 - 9000, To: t0 - 1000}))(t)
				life(t, d, "p-x3", "m-a1", t0-5000)
				got(d.Unbind(ctx, entry("device.unbind"), "m-x3", t0+9))(t)
				must(t, d.Discharge(ctx, entry("patient.discharge"), "p-x3", t0+99, "home"))
				must(t, d.AppendAudit(ctx, audit.Entry{Site: site, Who: "u-2", Action: "login", At: t0 + 1e6, Outcome: "refused"}))
			}
			return d
		}
		without, with := world(false), world(true)
		nurse := store.Rows{Site: site, Wards: []vital.WardID{"w-a"}}
		for name, r := range map[string]store.Rows{
			"nurse": nurse, "nobody": {Site: site}, "device": {Site: site, Devices: []vital.DeviceID{"m-a2"}},
			"elsewhere": {Site: "elsewhere", All: true}, "two": {Site: site, Wards: []vital.WardID{"w-a", "w-none"}, Devices: []vital.DeviceID{"m-a2"}},
		} {
			a, b := answers(t, without, r), answers(t, with, r)
			for q := range a {
				if name == "nurse" || name == "two" {
					// The device that both worlds share counts everything that it sent.
					if q == "Devices" || q == "Device a1" {
						continue
					}
				}
				if a[q] != b[q] {
					t.Errorf("%s asks %s:\nwithout %s\nwith    %s", name, q, a[q], b[q])
				}
			}
		}
		// The filter lets through what it should: an empty answer would pass all of the above.
		mine, full := answers(t, with, nurse), answers(t, with, everything)
		// These were asked of a device that somebody else wore too.
		shared := map[string]bool{"Bindings of a1": true, "Samples of device a1": true, "Buckets a1": true, "Waves a1": true, "Events a1": true, "ProblemsOf a1": true}
		for q, v := range mine {
			empty := v == "null" || v == "[]" || v == "false" || strings.Contains(v, "not found")
			if strings.HasSuffix(q, "a1") && empty {
				t.Errorf("the nurse asks %s and gets %s", q, v)
			}
			if strings.HasSuffix(q, "x1") && q != "StandbyOf x1" && !empty {
				t.Errorf("the nurse asks %s and gets %s", q, v)
			}
			if strings.HasSuffix(q, "a1") && !shared[q] && full[q] != v {
				t.Errorf("%s: the nurse gets %s of %s", q, v, full[q])
			}
		}
		nobody := answers(t, with, store.Rows{Site: site})
		for q, v := range nobody {
			if refused := q == "AuditRows" && strings.Contains(v, "may take it away"); refused { // it is refused whole
				continue
			}
			if v != "null" && v != "[]" && v != "false" && !strings.Contains(v, "not found") && !strings.HasPrefix(q, "StandbyOf") {
				t.Errorf("nobody asks %s and gets %s", q, v)
			}
		}
	})
}

// Every method that takes a row filter is asked above.
func TestEveryFilteredQueryIsAsked(t *testing.T) {
	names := asked(nil, store.Rows{})
	db := reflect.TypeFor[*store.DB]()
	for i := range db.NumMethod() {
		m := db.Method(i)
		takes := false
		for j := range m.Type.NumIn() {
			takes = takes || m.Type.In(j) == reflect.TypeFor[store.Rows]()
		}
		if !takes {
			continue
		}
		found := false
		for n := range names {
			first, _, _ := strings.Cut(n, " ")
			found = found || first == m.Name
		}
		if !found {
			t.Errorf("no two worlds ask %s", m.Name)
		}
	}
}

// Whoever was in a ward once stays visible to it; others never become so.
func TestFormerPatientsAreSeen(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		ward(t, d, "x", 1)
		a, x := store.Rows{Site: site, Wards: []vital.WardID{"w-a"}}, store.Rows{Site: site, Wards: []vital.WardID{"w-x"}}
		_, err := d.Patient(ctx, x, "p-a1")
		kind(t, err, vital.NotFound)
		must(t, d.Discharge(ctx, entry("patient.discharge"), "p-x1", t0+1, ""))
		got(d.Transfer(ctx, entry("patient.transfer"), "p-a1", "b-x1", t0+1))(t)
		got(d.Patient(ctx, x, "p-a1"))(t)
		got(d.Patient(ctx, a, "p-a1"))(t)
		if n := len(got(d.Patients(ctx, a, "", "w-x"))(t)); n != 1 {
			t.Errorf("the former ward sees %d patients of its own elsewhere, want 1", n)
		}
		if n := len(got(d.Occupants(ctx, a, "w-x", t0+1))(t)); n != 0 {
			t.Errorf("the former ward sees %d beds of another ward", n)
		}
	})
}
