package rule_test

import (
	"compress/gzip"
	"encoding/csv"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/test/need"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wfdb"
)

// listener counts what is raised about one patient.
type listener struct {
	set    *rule.Set
	state  rule.State
	sub    rule.Subject
	raised map[string]int
	open   map[string]bool
}

func listen(sub rule.Subject) *listener {
	return &listener{set: rule.Default(), sub: sub, raised: map[string]int{}, open: map[string]bool{}}
}

func (l *listener) hear(found []vital.Finding) {
	for _, f := range found {
		if f.Stand == vital.Present && !f.Technical && !l.open[f.Rule] {
			l.raised[f.Rule]++
		}
		l.open[f.Rule] = f.Stand == vital.Present || f.Stand == vital.Unknown && l.open[f.Rule]
	}
}

func (l *listener) read(now vital.Instant, metric string, v vital.Decimal, unit string) {
	l.hear(l.set.Reading(&l.state, &l.sub, vital.Reading{Patient: l.sub.Patient, Device: "d-1", Metric: metric, Value: vital.Num(v), Unit: unit,
		Clocks: vital.Clocks{Receive: now, Effective: now}}, now))
}

// TestRecordedHeartIsQuiet: a day of a healthy woman of 64 in her own life, with a
// recorder: PhysioNet nsr2db, record nsr001. Its rate is the mean of 8 intervals,
// once a second, as a monitor shows it.
func TestRecordedHeartIsQuiet(t *testing.T) {
	body, err := os.ReadFile(need.Data(t, "hrv-nsr2db/nsr001.ecg"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := wfdb.ParseAnnotations(body)
	if err != nil {
		t.Fatal(err)
	}
	const hertz, intervals = 128, 8
	l := listen(rule.Subject{Patient: "p-recorded", AgeYears: 64, WardKind: "adult"})
	begin := vital.At(time.Date(2026, time.June, 1, 8, 0, 0, 0, time.UTC))
	var beats []int64
	second := int64(0)
	for _, a := range all.Items {
		if !a.Code.Beat() {
			continue
		}
		for ; second*hertz < a.Sample; second++ {
			now := begin.Add(time.Duration(second) * time.Second)
			if n := len(beats); n > intervals && second*hertz-beats[n-1] < 4*hertz {
				rate := (60*hertz*intervals + (beats[n-1]-beats[n-1-intervals])/2) / (beats[n-1] - beats[n-1-intervals])
				l.read(now, "heart-rate", vital.Whole(rate), "/min")
			}
			if second%5 == 0 {
				l.hear(l.set.Tick(&l.state, &l.sub, now))
			}
		}
		beats = append(beats, a.Sample)
	}
	hours := float64(second) / 3600
	t.Logf("%d beats in %.1f h: raised %v", len(beats), hours, l.raised)
	if hours < 20 {
		t.Errorf("only %.1f h of a day", hours)
	}
	// She climbs stairs; a patient in bed does not. 2 when this was written.
	if n := sum(l.raised); float64(n)/hours*24 > 3 {
		t.Errorf("%d alarms in %.1f h, more than 3 for a day", n, hours)
	}
}

// TestRecordedGlucoseIsQuiet: a week of sensor glucose of people without diabetes:
// Hall et al. PLoS Biol 2018;16:e2005143, CC BY 4.0.
func TestRecordedGlucoseIsQuiet(t *testing.T) {
	file, err := os.Open(need.Data(t, "cgm/iglu/example_data_hall_odd.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	open, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(open).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	people := map[string]*listener{}
	days, total, urgent := 0.0, 0, 0
	var before vital.Instant
	for _, row := range rows[1:] {
		if row[3] == "diabetic" {
			continue
		}
		at, err := time.Parse(time.DateTime, row[1])
		if err != nil {
			t.Fatal(err)
		}
		value, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		l, now := people[row[0]], vital.At(at)
		if l == nil {
			l = listen(rule.Subject{Patient: vital.PatientID("p-" + row[0]), AgeYears: 45, WardKind: "home"})
			people[row[0]] = l
			before = now
		}
		if gap := now.Sub(before); gap < time.Hour {
			days += gap.Hours() / 24
		}
		for tick := before + 5*60_000; tick < now; tick += 5 * 60_000 {
			l.hear(l.set.Tick(&l.state, &l.sub, tick))
		}
		before = now
		l.read(now, "glucose-sensor", vital.Whole(value), "mg/dL")
	}
	for id, l := range people {
		t.Logf("%s: %v", id, l.raised)
		total += sum(l.raised)
		urgent += l.raised["glucose-urgent-low"]
	}
	t.Logf("%d people, %.0f days: %d alarms, %d urgent: %.2f for each day", len(people), days, total, urgent, float64(total)/days)
	if days < 20 {
		t.Errorf("only %.0f days", days)
	}
	if float64(total)/days > 0.5 { // 0.29 when this was written
		t.Errorf("more than an alarm in two days for each person")
	}
}

func sum(raised map[string]int) (n int) {
	for _, k := range raised {
		n += k
	}
	return n
}
