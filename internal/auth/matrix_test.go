package auth_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// asks is everybody who may ask, as the policy knows them.
var asks = []struct {
	class auth.Class
	roles []auth.Role
}{
	{auth.User, []auth.Role{auth.Administrator}}, {auth.User, []auth.Role{auth.Clinician}}, {auth.User, []auth.Role{auth.Nurse}},
	{auth.User, []auth.Role{auth.Technician}}, {auth.User, []auth.Role{auth.Auditor}}, {auth.User, []auth.Role{auth.Patient}}, {auth.User, []auth.Role{auth.Family}},
	{auth.User, []auth.Role{auth.Administrator, auth.Clinician}}, {auth.User, []auth.Role{auth.Nurse, auth.Technician}}, {auth.User, nil},
	{auth.Integration, nil}, {auth.Integration, []auth.Role{auth.Nurse}}, {auth.Kiosk, nil}, {auth.Kiosk, []auth.Role{auth.Administrator}},
	{auth.Device, nil}, {auth.Gateway, nil}, {auth.Sentinel, nil},
}

// columns are the roles of the model that hold for somebody.
func columns(class auth.Class, roles []auth.Role) (names []string) {
	if class != auth.User {
		names = append(names, string(class))
	}
	if class == auth.User || class == auth.Integration {
		for _, r := range roles {
			names = append(names, string(r))
		}
	}
	return names
}

// bonds are the ways in which somebody can stand to a patient: each relation,
// every two of them, none and all. Who lies in a ward now is also one who ever did.
func bonds() (all [][]store.Relation) {
	all = append(all, nil, slices.Clone(store.Relations))
	for i, a := range store.Relations {
		one := []store.Relation{a}
		if a == store.ByWard {
			one = append(one, store.ByFormer)
		}
		all = append(all, one)
		for _, b := range store.Relations[i+1:] {
			if a != store.ByWard || b != store.ByFormer {
				all = append(all, append(slices.Clone(one), b))
			}
		}
	}
	return all
}

// TestMatrix compares three answers to the same question, in every cell of role x
// action x relation x consent x purpose, with and without broken glass: what the
// policy says, what the simple model says, and which rows SQL shows.
//
// Covers: O2 A1 A3 A12 ASVS-8.2.2 ASVS-8.2.3 ASVS-8.3.2 HIPAA-164.312(a)(1)
// Attempts: 5000
func TestMatrix(t *testing.T) {
	t.Parallel()
	purposes := []auth.Purpose{auth.ForTreatment, auth.ForResearch}
	kinds := []vital.Data{vital.DataVitals, vital.DataIdentity}
	every := append(bonds(), []store.Relation{"own"})
	if testing.Short() {
		every = slices.DeleteFunc(every, func(r []store.Relation) bool { return len(r) == 2 })
	}
	cells, permitted := 0, 0
	for _, who := range asks {
		for _, a := range auth.Actions() {
			for _, purpose := range purposes {
				p := auth.Principal{Class: who.class, Roles: who.roles, ID: "u-me", Purpose: purpose}
				for _, relations := range every {
					for _, d := range kinds {
						for _, said := range []auth.Said{auth.Unsaid, auth.Given, auth.Refused} {
							f := auth.Facts{Relations: relations, Data: d, Said: said, Purpose: purpose}
							got, want := auth.Decide(p, a, f), may(columns(who.class, who.roles), a, f)
							if got != want {
								t.Fatalf("%s %v may %s with %+v: the policy says %t, the model %t", who.class, who.roles, a, f, got, want)
							}
							cells++
							if got {
								permitted++
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d cells, %d of them permitted: policy and model agree", cells, permitted)
	if cells < 5000 || permitted < cells/100 {
		t.Errorf("%d cells, %d permitted: the matrix is not whole", cells, permitted)
	}
}

// case of the world below: a patient, how the caller stands to it, and what it
// said about one kind of data.
type stance struct {
	patient   vital.PatientID
	relations []store.Relation
	about     vital.Data
	said      auth.Said
}

func (s stance) of(d vital.Data) auth.Said {
	if s.about == d || s.about == store.Everybody {
		return s.said
	}
	return auth.Unsaid
}

// TestMatrixOfRows asks SQL which data of which patients is seen, for every kind
// of caller, action and purpose, in a world that holds a patient for each relation
// and each thing that can have been said.
//
// Covers: O2 A1 A2 A3 A12 ASVS-8.2.2 ASVS-8.2.3 ASVS-8.3.2 HIPAA-164.312(a)(1)
// Attempts: 5000
func TestMatrixOfRows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	world := s.stances()
	patients := make([]vital.PatientID, len(world))
	for i, v := range world {
		patients[i] = v.patient
	}
	selves := []vital.PatientID{""}
	for _, v := range world {
		if len(v.relations) == 1 && v.relations[0] == store.BySelf && v.said == auth.Refused {
			selves = append(selves, v.patient)
		}
	}
	asked, cells, shown := map[string]bool{}, 0, 0
	for _, who := range asks {
		for _, a := range auth.Actions() {
			for _, purpose := range []auth.Purpose{auth.ForTreatment, auth.ForResearch} {
				for _, self := range selves {
					if self != "" && !slices.Contains(who.roles, auth.Patient) {
						continue
					}
					p := auth.Principal{Class: who.class, Roles: who.roles, ID: "u-me", Wards: []vital.WardID{"w-mine"}, Patient: self, Purpose: purpose, Fresh: s.now()}
					rows := s.gate.RowsFor(p, a)
					key := fmt.Sprint(rows.All, rows.Wards, rows.For.Roles, rows.For.Purpose, rows.For.Paths, self)
					if asked[key] {
						continue
					}
					asked[key] = true
					seen, err := s.store.Sees(t.Context(), rows, patients)
					s.ok(err)
					for _, v := range world {
						relations := v.relations
						if v.patient != self {
							relations = slices.DeleteFunc(slices.Clone(relations), func(r store.Relation) bool { return r == store.BySelf })
						}
						for _, d := range vital.AllData {
							f := auth.Facts{Relations: relations, Data: d, Said: v.of(d), Purpose: purpose}
							want := may(columns(who.class, who.roles), a, f)
							if got := seen[v.patient].Has(d); got != want || cells%11 == 0 && auth.Decide(p, a, f) != want { // the policy was asked of every cell before
								t.Fatalf("%s %v may %s %s of %s (%+v): SQL says %t, the model %t", who.class, who.roles, a, d, v.patient, f, got, want)
							}
							cells++
							if want {
								shown++
							}
						}
					}
					s.rowsMatch(rows, patients, seen, fmt.Sprintf("%s %v %s for %s", who.class, who.roles, a, purpose))
				}
			}
		}
	}
	t.Logf("%d cells over %d patients and %d kinds of filter, %d seen: policy, model and SQL agree", cells, len(world), len(asked), shown)
	if cells < 5000 || shown < cells/100 {
		t.Errorf("%d cells, %d shown: the matrix is not whole", cells, shown)
	}
}

// rowsMatch checks that lists show exactly those rows.
func (s *site) rowsMatch(rows store.Rows, patients []vital.PatientID, seen map[vital.PatientID]vital.DataSet, who string) {
	s.t.Helper()
	ctx := s.t.Context()
	listed := func(d vital.Data, ids []vital.PatientID) {
		s.t.Helper()
		for _, p := range patients {
			if slices.Contains(ids, p) != seen[p].Has(d) {
				s.t.Fatalf("%s: %s of %s listed: %t, seen: %t", who, d, p, slices.Contains(ids, p), seen[p].Has(d))
			}
		}
	}
	people, err := s.store.Patients(ctx, rows, "", "")
	s.ok(err)
	var ids []vital.PatientID
	for _, p := range people {
		ids = append(ids, p.Patient)
	}
	listed(vital.DataIdentity, ids)
	latest, err := s.store.LatestOf(ctx, rows, patients)
	s.ok(err)
	of := map[vital.Data][]vital.PatientID{}
	for _, l := range latest {
		of[vital.DataOf(l.Metric)] = append(of[vital.DataOf(l.Metric)], l.Patient)
	}
	listed(vital.DataVitals, of[vital.DataVitals])
	listed(vital.DataGlucose, of[vital.DataGlucose])
	alarms, err := s.store.Alarms(ctx, rows, store.AlarmFilter{Limit: 1000})
	s.ok(err)
	ids = nil
	for _, a := range alarms {
		ids = append(ids, a.Patient)
	}
	listed(vital.DataAlarms, ids)
}

// stances makes the world: u-me works in w-mine.
func (s *site) stances() (world []stance) {
	s.t.Helper()
	ctx, now := s.t.Context(), vital.At(s.now())
	for _, w := range []vital.WardID{"w-mine", "w-other"} {
		_, err := s.store.PutWard(ctx, furnish, store.Ward{ID: w, Name: string(w), Zone: "UTC", Kind: "adult"})
		s.ok(err)
	}
	for _, u := range []vital.UserID{"u-me", "u-else"} {
		s.ok(s.store.PutUser(ctx, furnish, store.User{ID: u, Name: string(u), Username: string(u), Roles: []string{"nurse"}, State: auth.UserActive}))
	}
	var batch store.Batch
	for _, relations := range bonds() {
		for _, about := range []vital.Data{"", store.Everybody, vital.DataVitals, vital.DataAlarms, vital.DataIdentity} {
			for _, said := range []auth.Said{auth.Given, auth.Refused} {
				if about == "" && said == auth.Refused {
					continue
				}
				v := stance{vital.PatientID(fmt.Sprintf("p-%d", len(world))), relations, about, said}
				s.stand(v, now)
				for _, metric := range []string{"heart-rate", "glucose"} {
					batch.Latest = append(batch.Latest, store.Latest{Patient: v.patient, Metric: metric, Device: "m-1", Unit: "/min"})
				}
				batch.Alarms = append(batch.Alarms, alarm.Alarm{ID: "al-" + string(v.patient), Patient: v.patient, Rule: "r", Priority: vital.High, Raised: now})
				world = append(world, v)
			}
		}
	}
	s.ok(s.commit(batch))
	return world
}

// stand makes one patient with its relations and what it said. Whatever somebody
// else may see and was told is there too, and must not count.
func (s *site) stand(v stance, now vital.Instant) {
	s.t.Helper()
	ctx, earlier := s.t.Context(), now.Add(-2*time.Hour)
	_, err := s.store.PutPatient(ctx, furnish, person.Person{Patient: v.patient, Family: "Doe", Given: string(v.patient)})
	s.ok(err)
	is := func(r store.Relation) bool { return slices.Contains(v.relations, r) }
	bed := func(ward vital.WardID) vital.BedID {
		id := vital.BedID("b-" + string(ward) + string(v.patient))
		_, err := s.store.PutBed(ctx, furnish, store.Bed{ID: id, Ward: ward, Label: string(v.patient)})
		s.ok(err)
		return id
	}
	switch {
	case is(store.ByWard):
		_, err = s.store.Admit(ctx, furnish, v.patient, bed("w-mine"), earlier)
	case is(store.ByFormer):
		_, err = s.store.Admit(ctx, furnish, v.patient, bed("w-mine"), earlier)
		s.ok(err)
		_, err = s.store.Transfer(ctx, furnish, v.patient, bed("w-other"), earlier.Add(time.Hour))
	default:
		_, err = s.store.Admit(ctx, furnish, v.patient, bed("w-other"), earlier)
	}
	s.ok(err)
	for r, kind := range map[store.Relation]string{store.ByCare: store.CareTeam, store.ByFamily: store.Follower} {
		user := vital.UserID("u-else")
		if is(r) {
			user = "u-me"
		}
		_, err := s.store.Relate(ctx, furnish, store.Related{Patient: v.patient, User: user, Kind: kind, From: earlier})
		s.ok(err)
		if !is(r) { // one that was the caller's, and is over
			old, err := s.store.Relate(ctx, furnish, store.Related{Patient: v.patient, User: "u-me", Kind: kind, From: earlier})
			s.ok(err)
			end := furnish
			end.At = now.Add(-time.Second)
			s.ok(s.store.EndRelation(ctx, end, v.patient, old.ID))
		}
	}
	g := store.BrokenGlass{Patient: v.patient, User: "u-me", Reason: "emergency", From: earlier, Until: now}
	if is(store.ByGlass) {
		g.Until = now.Add(time.Hour)
	}
	_, err = s.store.BreakGlass(ctx, furnish, g)
	s.ok(err)
	consent := func(c store.Consent) {
		c.Patient, c.From = v.patient, earlier
		_, err := s.store.Consent(ctx, furnish, c)
		s.ok(err)
	}
	// What is said to somebody else, and what is over.
	consent(store.Consent{Data: store.Everybody, User: "u-else", Role: store.Everybody, Purpose: store.Everybody})
	consent(store.Consent{Data: store.Everybody, Role: "physiotherapist", Purpose: store.Everybody})
	consent(store.Consent{Data: store.Everybody, Role: store.Everybody, Purpose: "marketing"})
	consent(store.Consent{Data: store.Everybody, User: "u-me", Role: store.Everybody, Purpose: store.Everybody, To: now})
	if v.about == "" {
		return
	}
	consent(store.Consent{Data: v.about, User: "u-me", Role: store.Everybody, Purpose: store.Everybody, Permit: v.said == auth.Given, To: now.Add(time.Hour)})
	if v.said == auth.Refused { // a permission beside it does not help
		consent(store.Consent{Data: v.about, Role: store.Everybody, Purpose: store.Everybody, Permit: true})
	}
}

func (s *site) commit(b store.Batch) error {
	epoch, err := s.store.Own(s.t.Context(), vital.DefaultSite, 1)
	if err != nil {
		return err
	}
	b.Site, b.Partition, b.Epoch, b.Applied = vital.DefaultSite, 1, epoch, 1
	return s.store.Commit(s.t.Context(), b)
}

// BenchmarkDecide is one decision of the policy: a nurse who is of the care team
// asks for a patient who refused something.
func BenchmarkDecide(b *testing.B) {
	p := auth.Principal{Class: auth.User, ID: "u-1", Roles: []auth.Role{auth.Nurse, auth.Technician}}
	f := auth.Facts{Relations: []store.Relation{store.ByFormer, store.ByCare}, Data: vital.DataVitals, Said: auth.Unsaid, Purpose: auth.ForTreatment}
	took := make([]time.Duration, 0, b.N)
	for b.Loop() {
		begin := time.Now()
		if !auth.Decide(p, auth.PatientRead, f) {
			b.Fatal("refused")
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "ns-p99")
}

// BenchmarkScopeOfADevice is what is asked for every packet.
func BenchmarkScopeOfADevice(b *testing.B) {
	p := auth.Principal{Class: auth.Device, ID: "monitor-1"}
	for b.Loop() {
		if auth.ScopeOf(p, auth.TelemetrySend) != auth.Oneself {
			b.Fatal("refused")
		}
	}
}
