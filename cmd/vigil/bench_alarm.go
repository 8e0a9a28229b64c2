package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// alarmFigures are what the alarm measurement says; the names are a contract
// with whoever keeps the history. Full is the run as fast as acknowledgements
// return, peer the chain of Mosquitto and Node-RED under the same load.
type alarmFigures struct {
	Mode        string   `json:"mode"`
	Shape       string   `json:"shape"`
	Rules       string   `json:"rules"`
	Runs        int      `json:"runs"`
	Rate        float64  `json:"rate"`    // readings a second that were sent
	Offered     float64  `json:"offered"` // and that were meant to be
	Seconds     float64  `json:"seconds"`
	Expected    int      `json:"alarms_expected"` // of all runs together, as the next four
	Raised      int      `json:"alarms_raised"`
	Missed      int      `json:"missed"`
	Late        int      `json:"late"` // after more than a second
	Duplicate   int      `json:"duplicate"`
	P50         *float64 `json:"p50_ms,omitempty"` // deciding sample sent -> alarm on the socket
	P99         *float64 `json:"p99_ms,omitempty"`
	Share       float64  `json:"alarm_share"` // of the readings, that belong to an episode
	FullRate    *float64 `json:"full_rate,omitempty"`
	FullMissed  *int     `json:"full_missed,omitempty"`
	FullTwice   *int     `json:"full_duplicate,omitempty"`
	FullP99     *float64 `json:"full_p99_ms,omitempty"`
	PeerName    string   `json:"peer,omitempty"`
	PeerRate    *float64 `json:"peer_rate,omitempty"`
	PeerMissed  *int     `json:"peer_missed,omitempty"`
	PeerTwice   *int     `json:"peer_duplicate,omitempty"`
	PeerP50     *float64 `json:"peer_p50_ms,omitempty"`
	PeerP99     *float64 `json:"peer_p99_ms,omitempty"`
	Ratio       *float64 `json:"ratio,omitempty"` // peer_p99_ms / p99_ms
	Storm       int      `json:"storm_devices,omitempty"`
	StormHow    string   `json:"storm_how,omitempty"`
	StormRaised *int     `json:"storm_raised,omitempty"` // patients whose alarm came
	StormMissed *int     `json:"storm_missed,omitempty"`
	StormTwice  *int     `json:"storm_duplicate,omitempty"`
	StormMillis *float64 `json:"storm_ms,omitempty"` // until the last of the storm was on the socket
	Arrest      *float64 `json:"arrest_delay_ms,omitempty"`
}

// alarmSize is how large an alarm measurement is.
type alarmSize struct {
	patients int
	seconds  int
	storm    int
	full     bool
	nodeRed  string
}

// alarmRuleFile stands in for the file of the same name in the default set: an
// episode has to end within a measurement, so that one second of low saturation
// decides and one of recovery ends it.
const alarmRuleFile = `rule spo2-low
  title "Oxygen saturation low"
  source "Measurement: the limit of the default rule"
  source "Measurement: shorter times than the default rule's, so that episodes end"
  limit spo2 low 90 %
  when spo2 < limit for 950 ms priority medium text "SpO2 {spo2} < {limit}"
  clear spo2 >= limit + 2 % for 950 ms
  fresh 20 s

  test "falls and recovers"
    from 00:00 to 00:10 every 1 s spo2 96 %
    from 00:11 to 00:15 every 1 s spo2 86 %
    from 00:16 to 00:30 every 1 s spo2 96 %
    expect 00:00 to 00:11 nothing
    expect 00:12 medium "SpO2 86 % < 90 %"
    expect 00:16 medium
    expect 00:17 nothing
`

const (
	alarmRule    = "spo2-low"
	alarmLowFor  = 1500 * time.Millisecond // an episode
	alarmEvery   = 14 * time.Second        // between the beginnings of two episodes of a patient
	alarmDecides = 950 * time.Millisecond  // as the rule says
	alarmLate    = time.Second
)

// alarm measures from the reading that decides to the alarm on a screen's
// socket, and counts: each episode is one alarm, none is missed, none comes
// twice. Ours and the peer take turns.
func (b bench) alarm(ctx context.Context) error {
	s := b.alarms
	if s.patients < 1 || s.seconds < 3 {
		return vital.Errorf(vital.Invalid, "patients is positive, seconds at least 3")
	}
	template := filepath.Join(b.dir, "template")
	accounts, patients, err := b.populate(ctx, template, s.patients)
	if err != nil {
		return err
	}
	peer := ""
	if b.peer {
		if peer, err = findNodeRed(ctx, s.nodeRed, b.dir); err != nil {
			b.say("without the peer: %v", err)
		}
	}
	f := alarmFigures{
		Mode: "alarm", Runs: b.runs, Offered: float64(b.readings), Seconds: float64(s.seconds),
		Shape: fmt.Sprintf("%d devices, QoS 1, one reading of SpO2 in each packet, one live socket with every alarm", s.patients),
		Rules: fmt.Sprintf("default set, but that SpO2 < 90 %% counts after %v and is over after %v of recovery, put in force by PUT /rules", alarmDecides, alarmDecides),
	}
	var ours, full, theirs alarmTally
	for run := range b.runs {
		turns := []string{"vigil", "peer", "full"}
		if run%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", turn, run))
			var r alarmResult
			switch {
			case turn == "vigil":
				r, err = b.alarmOnce(ctx, dir, template, accounts, patients, float64(b.readings))
				ours.add(r)
			case turn == "full" && s.full:
				r, err = b.alarmOnce(ctx, dir, template, accounts, patients, 0)
				full.add(r)
			case turn == "peer" && peer != "":
				r, err = b.alarmPeer(ctx, dir, peer, accounts, float64(b.readings))
				theirs.add(r)
			default:
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", turn, err)
			}
			b.say("run %d of %d: %s %s", run+1, b.runs, turn, r)
		}
	}
	f.Rate, f.Share = *median(ours.rates), *median(ours.shares)
	f.Expected, f.Raised, f.Missed, f.Late, f.Duplicate = ours.expected, ours.raised, ours.missed, ours.late, ours.duplicate
	f.P50, f.P99 = median(ours.p50), median(ours.p99)
	if len(full.rates) > 0 {
		f.FullRate, f.FullMissed, f.FullTwice, f.FullP99 = median(full.rates), &full.missed, &full.duplicate, median(full.p99)
	}
	if len(theirs.rates) > 0 {
		f.PeerName = "Mosquitto and Node-RED " + nodeRedVersion(peer)
		f.PeerRate, f.PeerMissed, f.PeerTwice, f.PeerP50, f.PeerP99 = median(theirs.rates), &theirs.missed, &theirs.duplicate, median(theirs.p50), median(theirs.p99)
		if f.P99 != nil && f.PeerP99 != nil && *f.P99 > 0 {
			ratio := *f.PeerP99 / *f.P99
			f.Ratio = &ratio
		}
	}
	if s.storm > 0 {
		if err := b.storm(ctx, &f); err != nil {
			return fmt.Errorf("storm: %w", err)
		}
	}
	return b.reportAlarm(f)
}

func (b bench) reportAlarm(f alarmFigures) error {
	if b.json {
		return json.NewEncoder(b.w.out).Encode(f)
	}
	fmt.Fprintf(b.w.out, "alarm, %s (median of %d, %d cores)\n%s\n", f.Shape, f.Runs, runtime.NumCPU(), f.Rules)
	count := func(n *int) *float64 {
		if n == nil {
			return nil
		}
		v := float64(*n)
		return &v
	}
	for _, line := range []struct {
		name, unit string
		value      *float64
	}{
		{"readings", "/s", &f.Rate},
		{"alarms that had to come", "", count(&f.Expected)},
		{"alarms that came", "", count(&f.Raised)},
		{"missed", "", count(&f.Missed)},
		{"after more than a second", "", count(&f.Late)},
		{"twice or for nothing", "", count(&f.Duplicate)},
		{"deciding reading to screen, p50", "ms", f.P50},
		{"deciding reading to screen, p99", "ms", f.P99},
		{"as fast as it goes", "/s", f.FullRate},
		{"  missed", "", count(f.FullMissed)},
		{"  twice or for nothing", "", count(f.FullTwice)},
		{"  p99", "ms", f.FullP99},
		{cmp.Or(f.PeerName, "peer"), "/s", f.PeerRate},
		{"  missed", "", count(f.PeerMissed)},
		{"  twice or for nothing", "", count(f.PeerTwice)},
		{"  p50", "ms", f.PeerP50},
		{"  p99", "ms", f.PeerP99},
		{"storm: alarms that came", "", count(f.StormRaised)},
		{"  missed", "", count(f.StormMissed)},
		{"  twice", "", count(f.StormTwice)},
		{"storm: until the last of them", "ms", f.StormMillis},
		{"storm: delay of the arrest", "ms", f.Arrest},
	} {
		if line.value != nil {
			fmt.Fprintf(b.w.out, "  %-38s %12.2f %s\n", line.name, *line.value, line.unit)
		}
	}
	return nil
}

// populate makes an installation with that many oximeters, each worn by a patient
// in a bed. The devices are enrolled as a hospital does it; the people go straight
// into the store, because ten thousand of them by hand would be longer than the
// measurement.
func (b bench) populate(ctx context.Context, dir string, n int) ([]account, []string, error) {
	began := time.Now()
	c := defaults()
	c.Data = dir
	accounts, err := enrolOximeters(ctx, c, n)
	if err != nil {
		return nil, nil, err
	}
	keeper, err := openKeeper(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	ledger, err := openLedgerKey(ctx, c, keeper)
	if err != nil {
		return nil, nil, err
	}
	db, err := store.Open(ctx, store.Options{DSN: c.dsn(), Log: slog.New(slog.DiscardHandler), Backups: filepath.Join(dir, "backups"), Keeper: keeper, Ledger: ledger})
	if err != nil {
		return nil, nil, err
	}
	defer db.Close()
	now := vitalNow()
	entry := func(action string) audit.Entry {
		return audit.Entry{Site: vital.Site(c.Site), At: now, Who: "bench", Role: "system", Action: action, Outcome: "done", Why: "measurement"}
	}
	ward, err := db.PutWard(ctx, entry("ward.put"), store.Ward{ID: "w-bench", Name: "Bench", Zone: "UTC", Kind: "adult"})
	if err != nil {
		return nil, nil, err
	}
	patients := make([]string, n)
	for i, d := range accounts {
		bed, err := db.PutBed(ctx, entry("bed.put"), store.Bed{Ward: ward.ID, Label: fmt.Sprintf("B%05d", i), Position: i + 1})
		if err != nil {
			return nil, nil, err
		}
		p, err := db.PutPatient(ctx, entry("patient.put"), person.Person{
			Patient: vital.PatientID(fmt.Sprintf("p-bench-%05d", i)), Family: fmt.Sprintf("Bench %d", i), Given: "Test", Birth: "1950-01-01", Sex: "unknown",
		})
		if err != nil {
			return nil, nil, err
		}
		patients[i] = string(p.Patient)
		if _, err := db.Admit(ctx, entry("patient.admit"), p.Patient, bed.ID, now); err != nil {
			return nil, nil, err
		}
		if _, err := db.Bind(ctx, entry("device.bind"), store.Binding{Device: vital.DeviceID(d.device), Patient: p.Patient, From: now}); err != nil {
			return nil, nil, err
		}
	}
	b.say("%d patients with an oximeter in %.1f s", n, time.Since(began).Seconds())
	return accounts, patients, nil
}

// enrolOximeters enrols devices through the API as it answers from a store at rest.
func enrolOximeters(ctx context.Context, c config, n int) ([]account, error) {
	a, err := openStore(ctx, c)
	if err != nil {
		return nil, err
	}
	defer a.close()
	var accounts []account
	for from := 0; from < n; from += alarmImport {
		var list strings.Builder
		list.WriteString("id,label,kind,model,udi\n")
		for i := from; i < min(n, from+alarmImport); i++ {
			fmt.Fprintf(&list, "bench-%05d,Bench %d,oximeter,,\n", i, i)
		}
		var done struct {
			Items []struct{ Device, Username, Password string }
		}
		if err := a.call(ctx, "POST", "/devices/import", list.String(), &done); err != nil {
			return nil, fmt.Errorf("enrol devices: %w", err)
		}
		for _, d := range done.Items {
			accounts = append(accounts, account{d.Device, d.Username, d.Password})
		}
	}
	if len(accounts) != n {
		return nil, fmt.Errorf("of %d devices %d were enrolled", n, len(accounts))
	}
	return accounts, nil
}

// alarmImport is how many devices one list may hold.
const alarmImport = 2000

// alarmOnce is one run on a fresh server; rate 0: as fast as acknowledgements return.
func (b bench) alarmOnce(ctx context.Context, dir, template string, accounts []account, patients []string, rate float64) (alarmResult, error) {
	t, err := fresh(dir, template, func() (target, error) { return startVigil(ctx, dir) })
	if err != nil {
		return alarmResult{}, err
	}
	defer t.stop()
	w, err := b.attend(ctx, t)
	if err != nil {
		return alarmResult{}, err
	}
	defer w.close()
	load := newAlarmLoad(t.mqtt, accounts, rate, time.Duration(b.alarms.seconds)*time.Second, b.warm, b.window)
	if err := load.run(ctx); err != nil {
		return alarmResult{}, err
	}
	device := make(map[string]int, len(patients))
	for i, p := range patients {
		device[p] = i
	}
	w.settle(ctx, load.expected(), 10*time.Second)
	return load.judge(w.raised(alarmRule), device), nil
}

// attend signs in, puts the rules in force and opens the socket.
func (b bench) attend(ctx context.Context, t target) (*alarmWatch, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	r := &liveRun{b: b, target: t, client: &http.Client{Jar: jar, Timeout: 5 * time.Minute}} // what was decided before has to be in force first
	if err := r.signIn(ctx, t.link); err != nil {
		return nil, err
	}
	type file struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}
	var set struct {
		Version string
		Files   []file
	}
	if err := r.call(ctx, "GET", "/rules", nil, &set); err != nil {
		return nil, err
	}
	replaced := false
	for i := range set.Files {
		if filepath.Base(set.Files[i].Name) == "spo2.rule" {
			set.Files[i].Text, replaced = alarmRuleFile, true
		}
	}
	if !replaced {
		return nil, fmt.Errorf("the default rules have no spo2.rule")
	}
	var now struct{ Version string }
	if err := r.call(ctx, "PUT", "/rules", map[string]any{"files": set.Files, "why": "measurement", "base": set.Version}, &now); err != nil {
		return nil, err
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if err := r.call(ctx, "GET", "/rules", nil, &set); err != nil {
			return nil, err
		}
		if set.Version == now.Version {
			return newAlarmWatch(ctx, r)
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return nil, fmt.Errorf("the rules are not in force after two minutes")
		}
	}
}
