package report_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/report"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

var update = flag.Bool("update", false, "write the golden files")

var system = audit.Entry{Site: vital.DefaultSite, Who: "system", Action: "test.furnish"}

// world is a ward over a real store, at a time that a test chooses.
type world struct {
	t       *testing.T
	db      *store.DB
	now     time.Time
	asked   int // columns read
	bedside map[vital.PatientID]report.Bedside
	tracks  []store.Track
	sheets  *report.Sheets
}

func newWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "vigil.db"), Keeper: seal.Ephemeral()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	w := &world{t: t, db: db, now: now, bedside: map[vital.PatientID]report.Bedside{}}
	w.sheets = report.New(report.Options{Store: db, Now: func() time.Time { return w.now }, Bedside: w.besides, Samples: w.samples})
	w.must(db.PutWard(t.Context(), system, store.Ward{ID: "w-a", Name: "Ward <A> & Co", Zone: "Europe/Zurich", Kind: "adult"}))
	return w
}

func (w *world) must(_ any, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) besides(_ context.Context, patients []vital.PatientID) (list []report.Bedside) {
	for _, p := range patients {
		b := w.bedside[p]
		b.Patient = p
		list = append(list, b)
	}
	return list
}

func (w *world) samples(_ context.Context, _ store.Rows, q store.Query) (found []store.Track, _ error) {
	w.asked++
	for _, t := range w.tracks {
		part := store.Track{Series: t.Series}
		for _, s := range t.Samples {
			if t.Series.Patient == q.Patient && s.Effective >= q.From && s.Effective < q.To {
				part.Samples = append(part.Samples, s)
			}
		}
		found = append(found, part)
	}
	return found, nil
}

// bed makes a bed with a patient, admitted two days before.
func (w *world) bed(label string, p person.Person) {
	w.t.Helper()
	bed := vital.BedID("b-" + label)
	w.must(w.db.PutBed(w.t.Context(), system, store.Bed{ID: bed, Ward: "w-a", Label: label, Position: len(label)}))
	if p.Patient == "" {
		return
	}
	w.must(w.db.PutPatient(w.t.Context(), system, p))
	w.must(w.db.Admit(w.t.Context(), system, p.Patient, bed, vital.At(w.now.Add(-48*time.Hour))))
}

// measure puts a value every ten minutes over the last hours.
func (w *world) measure(p vital.PatientID, metric, unit string, hours int, value func(i int) int64, q vital.Quality) {
	t := store.Track{Series: store.Series{Patient: p, Device: "monitor-a", Metric: metric, Unit: unit}}
	for i := range hours * 6 {
		at := vital.At(w.now.Add(-time.Duration(hours)*time.Hour + time.Duration(i)*10*time.Minute))
		t.Samples = append(t.Samples, store.Sample{Effective: at, Receive: at, Value: vital.Num(vital.Whole(value(i))), Quality: q})
	}
	w.tracks = append(w.tracks, t)
}

func (w *world) page() string {
	w.t.Helper()
	s, err := w.sheets.Sheet(w.t.Context(), store.Everything(vital.DefaultSite), "w-a")
	if err != nil {
		w.t.Fatal(err)
	}
	page, err := s.HTML()
	if err != nil {
		w.t.Fatal(err)
	}
	return string(page)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s differs: look at it with -update and git diff", name)
	}
}

func reading(metric, unit string, v int64, at time.Time, q vital.Quality) vital.Reading {
	return vital.Reading{
		Patient: "p-a", Device: "monitor-a", Metric: metric, Unit: unit, Value: vital.Num(vital.Whole(v)),
		Clocks: vital.Clocks{Effective: vital.At(at), Receive: vital.At(at)}, Quality: q,
	}
}

func decimal(n int64) *vital.Decimal { d := vital.Whole(n); return &d }

// full is a ward with one bed of which everything is known, and a free one.
func full(t *testing.T, now time.Time) *world {
	w := newWorld(t, now)
	w.bed("1", person.Person{
		Patient: "p-a", Family: `O'Hara<script>alert(1)</script>`, Given: "Ida", Birth: "1950-05-17", Sex: "female",
		Numbers: []person.Number{{System: "mrn", Value: "100\" onload=x"}, {System: "visit", Value: "7001"}}, Flags: []string{"<b>allergy</b>"},
	})
	w.bed("22", person.Person{})
	ctx := t.Context()
	nurse := store.User{ID: "u-n", Name: "Nora Nurse", Username: "nora", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}, State: "active"}
	if err := w.db.PutUser(ctx, system, nurse); err != nil {
		t.Fatal(err)
	}
	if err := w.db.PutDevice(ctx, system, store.Device{ID: "monitor-a", Label: "Monitor & 1", Kind: "monitor", Class: "device", State: "active", Created: vital.At(now.Add(-72 * time.Hour))}); err != nil {
		t.Fatal(err)
	}
	w.must(w.db.Bind(ctx, system, store.Binding{Device: "monitor-a", Patient: "p-a", From: vital.At(now.Add(-47 * time.Hour))}))
	own := system
	own.Who, own.At = "user/u-n", vital.At(now.Add(-2*time.Hour))
	w.must(w.db.SetLimit(ctx, own, store.OwnLimit{Patient: "p-a", Metric: "heart-rate", Unit: "/min", High: decimal(130), By: "u-n", Why: "fever <39>", From: vital.At(now.Add(-time.Hour)), Until: vital.At(now.Add(6 * time.Hour))}))
	if err := w.db.Assign(ctx, own, store.Assignments{
		Ward: "w-a", Shift: store.Shift{Name: "late", From: vital.At(now.Add(-2 * time.Hour)), To: vital.At(now.Add(6 * time.Hour))},
		Items: []store.Assignment{{Bed: "b-1", Nurse: "u-n"}},
	}); err != nil {
		t.Fatal(err)
	}
	w.measure("p-a", "heart-rate", "/min", 30, func(i int) int64 { return 80 + int64(i%7) }, 0)
	w.measure("p-a", "spo2", "%", 3, func(int) int64 { return 61 }, vital.Motion)
	w.bedside["p-a"] = report.Bedside{
		State: "not-watched", Since: vital.At(now.Add(-4 * time.Minute)), Last: vital.At(now.Add(-4 * time.Minute)), Cause: "monitor-a <off>",
		Latest: []vital.Reading{reading("heart-rate", "/min", 134, now.Add(-30*time.Minute), 0), reading("spo2", "%", 61, now.Add(-time.Minute), vital.Motion)},
		Limits: []rule.Effective{{Metric: "heart-rate", Unit: "/min", High: decimal(130), DefaultHigh: decimal(120)}, {Metric: "spo2", Unit: "%", Low: decimal(90), DefaultLow: decimal(90)}},
		Alarms: []alarm.Alarm{{Title: "Heart rate high", Text: "HR 134 > 130", Priority: vital.Medium, Since: vital.At(now.Add(-25 * time.Hour)), Condition: alarm.Present, Sound: alarm.Acknowledged}},
		Scores: []score.Result{{Name: "news2", Status: score.Incomplete, Score: vital.Whole(3), Reason: "no respiration rate", At: vital.At(now), Parts: []score.Part{
			{Name: "pulse", Label: "Pulse", Value: "134", Unit: "/min", At: vital.At(now.Add(-30 * time.Minute)), Points: 3},
			{Name: "resp-rate", Label: "Respiration rate", Missing: true},
		}}},
	}
	return w
}

var noon = time.Date(2026, 11, 22, 13, 7, 0, 0, time.UTC) // 14:07 in Zurich

// TestInGerman: in a German house nothing on the paper is English but what people
// wrote so.
func TestInGerman(t *testing.T) {
	w := full(t, noon)
	b := w.bedside["p-a"]
	b.Cause = "the device is out of radio range"
	b.Alarms = append(b.Alarms, alarm.Alarm{Rule: "spo2-low", Title: "Oxygen saturation low", Text: "SpO2 84 % < 85 % for 5 min", Priority: vital.High, Since: vital.At(noon), Condition: alarm.Present, Sound: alarm.On})
	w.bedside["p-a"] = b
	w.sheets = report.New(report.Options{Store: w.db, Now: func() time.Time { return w.now }, Bedside: w.besides, Samples: w.samples, Language: "de", Rules: rule.Default})
	page := w.page()
	golden(t, "full-german.html", page)
	for _, want := range []string{
		`<html lang="de">`, "Ausfallblatt", "So 22 Nov 2026, 14:07 CET", "NICHT ÜBERWACHT", "das Gerät ist ausser Funkreichweite",
		"Sauerstoffsättigung tief, SpO2 84 % &lt; 85 % seit 5 min", "<b>hoch</b> (Patient)", "niemand hat ihn gesehen",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	sheet, err := os.ReadFile("sheet.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\{\{t "([^"]+)"\}\}`).FindAllStringSubmatch(string(sheet), -1) {
		if m[1] != "Standby" && strings.Contains(page, ">"+m[1]+"<") {
			t.Errorf("%q is not translated", m[1])
		}
		if !report.Translated(m[1]) {
			t.Errorf("%q has no German", m[1])
		}
	}
}

func TestFull(t *testing.T) {
	page := full(t, noon).page()
	golden(t, "full.html", page)
	for _, want := range []string{
		"Sun 22 Nov 2026, 14:07 CET", "Valid until Sun 22 Nov 2026, 14:22 CET", "1950-05-17 (76 y)", "Nora Nurse", "NOT WATCHED", "since 14:03", "monitor-a &lt;off&gt;",
		"up to 130", "own", "fever &lt;39&gt;", "until 20:07", "HR 134 &gt; 130", "21 Nov 13:07", "seen", "doubted: motion", "(30 min before)", "not complete", "at least 3",
		"Monitor &amp; 1", "Free bed", "2 beds, 1 with a patient", "7001", "medium",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, ">61</b><span") {
		t.Error("doubted values are in the columns")
	}
}

func TestEmpty(t *testing.T) {
	w := newWorld(t, noon)
	golden(t, "empty.html", w.page())
	w.bed("1", person.Person{Patient: "p-a", Family: "Abel"})
	page := w.page()
	golden(t, "nothing-known.html", page)
	for _, want := range []string{"Nothing was measured", "no record number", "nobody is assigned", "not watched", "not computed", "none bound"} {
		if !strings.Contains(page, want) {
			t.Errorf("a bed of which nothing is known does not say %q", want)
		}
	}
}

// Whatever is in a name, the page holds no markup but its own, and asks nothing of
// the outside.
func TestNothingEscapes(t *testing.T) {
	page := full(t, noon).page()
	for _, bad := range []string{"<script", "<b>allergy", "onload=x\"", "O'Hara<", "<A>", "src=", "href=", "url(", "@import", "http://", "https://", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if n := strings.Count(page, "<style>"); n != 1 || !regexp.MustCompile(`style-src 'sha256-[A-Za-z0-9+/]{43}=?'`).MatchString(report.Policy()) {
		t.Error("styles", n, report.Policy())
	}
	if strings.Contains(page, "style=") {
		t.Error("a style that the policy does not let through")
	}
}

// In the night of 25 hours every column is two hours, and the heads say which of
// the two times they mean.
func TestNightsOfOtherLengths(t *testing.T) {
	for _, night := range []struct {
		name  string
		now   time.Time
		heads []string
	}{
		{"25 h", time.Date(2026, 10, 25, 7, 30, 0, 0, time.UTC), []string{"09:00 CEST", "11:00 CEST", "13:00 CEST", "15:00 CEST", "17:00 CEST", "19:00 CEST", "21:00 CEST", "23:00 CEST", "01:00 CEST", "02:00 CET", "04:00 CET", "06:00 CET", "08:00 CET"}},
		{"23 h", time.Date(2026, 3, 29, 6, 30, 0, 0, time.UTC), []string{"07:00 CET", "09:00 CET", "11:00 CET", "13:00 CET", "15:00 CET", "17:00 CET", "19:00 CET", "21:00 CET", "23:00 CET", "01:00 CET", "04:00 CEST", "06:00 CEST", "08:00 CEST"}},
		{"24 h", noon, []string{"14:00 ", "16:00 ", "18:00 ", "20:00 ", "22:00 ", "00:00 ", "02:00 ", "04:00 ", "06:00 ", "08:00 ", "10:00 ", "12:00 ", "14:00 "}},
	} {
		w := newWorld(t, night.now)
		s, err := w.sheets.Sheet(t.Context(), store.Everything(vital.DefaultSite), "w-a")
		if err != nil {
			t.Fatal(err)
		}
		var heads []string
		for _, c := range s.Columns() {
			heads = append(heads, c.From+" "+c.Zone)
		}
		if strings.Join(heads, ",") != strings.Join(night.heads, ",") {
			t.Errorf("%s: %q", night.name, heads)
		}
		for i := 1; i < len(s.Edges); i++ {
			if s.Edges[i].Sub(s.Edges[i-1]) != 2*time.Hour {
				t.Errorf("%s: column %d is %s", night.name, i, s.Edges[i].Sub(s.Edges[i-1]))
			}
		}
		if s.Made.Sub(s.Edges[0]) < 24*time.Hour || s.Edges[len(s.Edges)-1] <= s.Made {
			t.Errorf("%s: the columns do not cover a day: %s to %s at %s", night.name, s.Edges[0], s.Edges[len(s.Edges)-1], s.Made)
		}
	}
	w := full(t, time.Date(2026, 10, 25, 7, 30, 0, 0, time.UTC))
	golden(t, "night-of-25-hours.html", w.page())
}

// What is over is worked out once; the newest columns, where late values land, again.
func TestColumnsAreKept(t *testing.T) {
	w := full(t, noon)
	first := w.page()
	whole := w.asked
	if again := w.page(); again != first || w.asked-whole != 2 {
		t.Errorf("%d columns at first, then %d", whole, w.asked-whole)
	}
	// A device was another patient's after all: what was kept is not trusted.
	before := w.asked
	at := func(hours int) vital.Instant { return vital.At(w.now.Add(-time.Duration(hours) * time.Hour)) }
	w.must(w.db.PutPatient(t.Context(), system, person.Person{Patient: "p-b", Family: "Baker"}))
	if err := w.db.Reassign(t.Context(), system, "monitor-a", at(20), at(10), "p-b"); err != nil {
		t.Fatal(err)
	}
	if w.page(); w.asked-before != whole {
		t.Errorf("%d columns read after a correction, want %d", w.asked-before, whole)
	}
}

// A ward that the caller does not see is not there.
func TestOnlyWhatTheCallerSees(t *testing.T) {
	w := full(t, noon)
	_, err := w.sheets.Sheet(t.Context(), store.Rows{Site: vital.DefaultSite, Wards: []vital.WardID{"w-b"}}, "w-a")
	if vital.KindOf(err) != vital.NotFound {
		t.Error(err)
	}
}

// TestASheetHeedsConsent: what the patient refused is not on the sheet of who may
// not see it; and a sheet made for such a caller takes nothing from the one that
// the house prints for itself.
// Covers: O2 HIPAA-164.312(a)(1)
func TestASheetHeedsConsent(t *testing.T) {
	w := full(t, noon)
	narrow := store.Rows{Site: vital.DefaultSite, Wards: []vital.WardID{"w-a"}, For: &store.Viewer{
		User: "u-n", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}, Purpose: "treatment", At: vital.At(noon),
		Paths: []store.Path{{By: store.ByWard, Needs: map[vital.Data]store.Need{
			vital.DataIdentity: store.Unasked, vital.DataLocation: store.Unasked, vital.DataAlarms: store.Unasked, vital.DataNotes: store.Unasked,
		}}},
	}}
	seen, err := w.sheets.Sheet(t.Context(), narrow, "w-a")
	if err != nil {
		t.Fatal(err)
	}
	bed := seen.Beds[0]
	if bed.Patient == nil || len(bed.Now.Alarms) == 0 {
		t.Errorf("the ward's own alarms and who lies there are missing: %+v", bed.Now)
	}
	if len(bed.Trends) > 0 || len(bed.Now.Latest) > 0 || len(bed.Now.Scores) > 0 {
		t.Errorf("refused data is on paper: %d trends, %d values, %d scores", len(bed.Trends), len(bed.Now.Latest), len(bed.Now.Scores))
	}
	whole, err := w.sheets.Sheet(t.Context(), store.Everything(vital.DefaultSite), "w-a")
	if err != nil {
		t.Fatal(err)
	}
	filled := 0
	for _, trend := range whole.Beds[0].Trends {
		for _, c := range trend.Cells {
			if c != (report.Cell{}) {
				filled++
			}
		}
	}
	if len(whole.Beds[0].Now.Latest) == 0 || len(whole.Beds[0].Now.Scores) == 0 || filled == 0 {
		t.Errorf("the house's own sheet lost values to a caller who may not see them: %d filled cells", filled)
	}
}
