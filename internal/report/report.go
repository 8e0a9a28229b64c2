// Package report writes what people hold in their hands: the downtime sheet of a
// ward.
//
// It exists because the day comes on which the screens are dark. The sheet is one
// file that needs nothing: no server, no network, no script, no font. It says who
// lies in which bed, what was last measured and when, how the last day went, what
// was wrong, which limits held and who takes care of whom, and until when it may
// be believed. A number that is old says how old; a number that is doubted says
// so; a bed of which nothing is known says that.
//
// How: Sheets collects a Sheet from the store and from what is known this moment
// (Bedside, of the flow); Sheet.HTML prints it and reads neither clock nor store.
package report

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Every is how often a sheet is made anew, and for how long it is valid.
const Every = 15 * time.Minute

// Bedside is what is known of a patient this moment, from memory.
type Bedside struct {
	Patient vital.PatientID
	State   string        // "watched", "partly", "not-watched", "standby", "unplanned"
	Since   vital.Instant // of State; 0: not known
	Last    vital.Instant // newest of what is expected; 0: nothing yet
	Cause   string        // why not watched
	Latest  []vital.Reading
	Scores  []score.Result
	Limits  []rule.Effective
	Alarms  []alarm.Alarm // open, highest first
}

// asSeen leaves what somebody who sees these kinds of data may read.
func (b Bedside) asSeen(sees vital.DataSet) Bedside {
	b.Latest = slices.DeleteFunc(slices.Clone(b.Latest), func(r vital.Reading) bool { return !sees.Has(vital.DataOf(r.Metric)) })
	if !sees.Has(vital.DataRisk) {
		b.Scores = nil
	}
	if !sees.Has(vital.DataAlarms) {
		b.Alarms = nil
	}
	return b
}

// Options says where a sheet comes from. All are required.
type Options struct {
	Store   *store.DB
	Now     func() time.Time
	Bedside func(ctx context.Context, patients []vital.PatientID) []Bedside
	Samples func(ctx context.Context, r store.Rows, q store.Query) ([]store.Track, error)

	Language string           // of the house; empty: English
	Rules    func() *rule.Set // in force, for their words in that language; nil: English ones
}

// Sheets makes downtime sheets. What it has worked out of hours that are over it
// keeps in memory: a sheet every quarter of an hour reads two hours and not a day.
type Sheets struct {
	o       Options
	mutex   sync.Mutex
	columns map[columnKey][]summary
	moved   int // corrections of bindings when columns were read: after another one they are read again
}

// New returns a maker of sheets.
func New(o Options) *Sheets { return &Sheets{o: o, columns: map[columnKey][]summary{}} }

// Sheet is a ward on paper.
type Sheet struct {
	Language string
	Ward     store.Ward
	Zone     *time.Location
	Made     vital.Instant
	Until    vital.Instant // valid until then
	Shift    store.Shift
	Edges    []vital.Instant // of the columns: one more than there are columns
	Beds     []Bed
}

// Bed is a block of the sheet.
type Bed struct {
	Label    string
	Patient  *person.Person // nil: the bed is free
	Age      string
	Admitted vital.Instant
	Now      Bedside
	Trends   []Trend
	Limits   []Limit
	Nurse    string
	Backup   string
	Devices  []string
	Standby  *store.Standby
	By       string // who ordered the standby
}

// Limit is a limit in force, and whose it is.
type Limit struct {
	rule.Effective
	By    string // of a limit of the patient's own
	Why   string
	Until vital.Instant // 0: until somebody ends it
}

// Sheet collects the sheet of a ward, of the patients that rows lets through.
func (s *Sheets) Sheet(ctx context.Context, r store.Rows, ward vital.WardID) (Sheet, error) {
	db := s.o.Store
	made := vital.At(s.o.Now())
	sheet := Sheet{Language: s.o.Language, Made: made, Until: made.Add(Every)}
	var err error
	if sheet.Ward, err = db.Ward(ctx, r, ward); err != nil {
		return sheet, err
	}
	if sheet.Zone, err = time.LoadLocation(sheet.Ward.Zone); err != nil {
		sheet.Zone = time.UTC
	}
	sheet.Edges = edges(made, sheet.Zone)
	beds, err := db.Beds(ctx, r, ward)
	if err != nil {
		return sheet, vital.Errorf(vital.KindOf(err), "list the beds of ward %s: %w", ward, err)
	}
	stays, err := db.Occupants(ctx, r, ward, 0)
	if err != nil {
		return sheet, vital.Errorf(vital.KindOf(err), "list who lies in ward %s: %w", ward, err)
	}
	cover, err := db.Cover(ctx, r, ward, made)
	if err != nil {
		return sheet, vital.Errorf(vital.KindOf(err), "ask who covers ward %s: %w", ward, err)
	}
	sheet.Shift = cover.Shift
	names, err := s.names(ctx, r.Site)
	if err != nil {
		return sheet, err
	}
	devices, err := db.Devices(ctx, r, "")
	if err != nil {
		return sheet, vital.Errorf(vital.KindOf(err), "list the devices: %w", err)
	}
	labels := map[vital.DeviceID]string{}
	for _, d := range devices {
		labels[d.ID] = cmp.Or(d.Label, string(d.ID))
	}
	if err := s.forgetMoved(ctx, r.Site); err != nil {
		return sheet, err
	}
	var patients []vital.PatientID
	lies := map[vital.BedID]store.Admission{}
	for _, a := range stays {
		patients = append(patients, a.Patient)
		lies[a.Bed] = a
	}
	now := map[vital.PatientID]Bedside{}
	if len(patients) > 0 {
		for _, b := range s.o.Bedside(ctx, patients) {
			now[b.Patient] = b
		}
	}
	sees, err := s.o.Store.Sees(ctx, r, patients)
	if err != nil {
		return sheet, vital.Errorf(vital.KindOf(err), "ask which data of ward %s the caller sees: %w", ward, err)
	}
	for _, b := range beds {
		bed := Bed{Label: b.Label}
		for _, c := range cover.Items {
			if c.Bed == b.ID && c.Nurse != nil {
				bed.Nurse = c.Nurse.Name
			}
			if c.Bed == b.ID && c.Backup != nil {
				bed.Backup = c.Backup.Name
			}
		}
		if stay, taken := lies[b.ID]; taken {
			bed.Admitted = stay.From
			bed.Now = now[stay.Patient].asSeen(sees[stay.Patient])
			bed.Now.Patient = stay.Patient
			bed.Now.Alarms = s.inWords(bed.Now.Alarms)
			if err := s.furnish(ctx, r, &bed, sheet, names, labels); err != nil {
				return sheet, vital.Errorf(vital.KindOf(err), "collect bed %s of ward %s: %w", b.ID, ward, err)
			}
			bed.Trends = slices.DeleteFunc(bed.Trends, func(t Trend) bool { return !sees[stay.Patient].Has(vital.DataOf(t.Metric)) })
		}
		sheet.Beds = append(sheet.Beds, bed)
	}
	s.forgetOld(sheet.Edges[0])
	return sheet, nil
}

// inWords puts what alarms say into the language of the sheet.
func (s *Sheets) inWords(alarms []alarm.Alarm) []alarm.Alarm {
	if s.o.Language != words.German {
		return alarms
	}
	var set *rule.Set
	if s.o.Rules != nil {
		set = s.o.Rules()
	}
	alarms = slices.Clone(alarms)
	for i := range alarms {
		a := &alarms[i]
		if said, ok := set.In(a.Rule, a.Title, a.Text)[s.o.Language]; ok {
			a.Title, a.Text = said.Title, said.Text
			continue
		}
		a.Title, a.Text = words.In(s.o.Language, a.Title), words.In(s.o.Language, a.Text)
	}
	return alarms
}

// furnish adds to a bed what the store knows of who lies in it.
func (s *Sheets) furnish(ctx context.Context, r store.Rows, bed *Bed, sheet Sheet, names map[string]string, labels map[vital.DeviceID]string) error {
	db, id := s.o.Store, bed.Now.Patient
	who, err := db.Patient(ctx, r, id)
	if err != nil {
		return err
	}
	bed.Patient = &who
	if who.Birth != "" {
		if age, err := person.AgeOn(who.Birth, sheet.Made.Time().In(sheet.Zone)); err == nil {
			bed.Age = age.String()
		}
	}
	own, err := db.LimitsOf(ctx, r, id, sheet.Made)
	if err != nil {
		return err
	}
	bed.Limits = limits(bed.Now.Limits, own, names)
	bindings, err := db.Bindings(ctx, r, store.BindingFilter{Patient: id, At: sheet.Made})
	if err != nil {
		return err
	}
	for _, b := range bindings {
		bed.Devices = append(bed.Devices, cmp.Or(labels[b.Device], string(b.Device)))
	}
	standby, resting, err := db.StandbyOf(ctx, r, id)
	if err != nil {
		return err
	}
	if resting {
		bed.Standby, bed.By = &standby, nameOf(names, standby.By)
	}
	trusted := vital.Quality(0)
	if who.Demo {
		trusted = vital.Demo
	}
	bed.Trends, err = s.trends(ctx, r, id, bed.Now.Latest, sheet.Edges, sheet.Made, trusted)
	return err
}

// limits joins what holds with who set it; a limit of the patient's own that no
// rule asks for is printed too.
func limits(inForce []rule.Effective, own []store.OwnLimit, names map[string]string) []Limit {
	set := map[string]store.OwnLimit{}
	for _, l := range own {
		set[l.Metric] = l
	}
	var all []Limit
	for _, e := range inForce {
		if e.Low == nil && e.High == nil && !e.Own {
			continue
		}
		l := Limit{Effective: e}
		if o, ok := set[e.Metric]; ok {
			l.Own, l.By, l.Why, l.Until = true, nameOf(names, o.By), o.Why, o.Until
			delete(set, e.Metric)
		}
		all = append(all, l)
	}
	for _, o := range own {
		if _, left := set[o.Metric]; left {
			all = append(all, Limit{
				Effective: rule.Effective{Metric: o.Metric, Unit: o.Unit, Low: o.Low, High: o.High, Own: true},
				By:        nameOf(names, o.By), Why: o.Why, Until: o.Until,
			})
		}
	}
	slices.SortStableFunc(all, func(a, b Limit) int {
		return cmp.Or(cmp.Compare(place(a.Metric), place(b.Metric)), cmp.Compare(a.Metric, b.Metric))
	})
	return all
}

func (s *Sheets) names(ctx context.Context, site vital.Site) (map[string]string, error) {
	users, err := s.o.Store.Users(ctx, site)
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "list the accounts: %w", err)
	}
	names := map[string]string{}
	for _, u := range users {
		names[string(u.ID)] = u.Name
	}
	return names, nil
}

// nameOf returns the name of an account; decisions carry its id, with or without
// the kind before it.
func nameOf(names map[string]string, id string) string {
	return cmp.Or(names[id], names[strings.TrimPrefix(id, "user/")], id)
}
