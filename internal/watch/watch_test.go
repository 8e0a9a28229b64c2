package watch_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

const day = vital.Instant(1_795_000_000_000 / 86_400_000 * 86_400_000)

// TestScripts runs the stories under testdata: what came when, and what the
// board must say. Time passes in ticks of five seconds, as it does in the flow.
//
//	at 02:05:10 spo2 86            a reading (device monitor-1)
//	at 02:05:10 spo2 86 sensor-off a reading with a remark
//	at 02:05:00 plan spo2 continuous 10s, pain spot 4h
//	at 02:06:00 standby 10m ct scan
//	at 02:07:00 discharge
//	expect 02:06:00 not-watched since 02:05:10: the device sends nothing
//	alarms 02:06:00 spo2-low high on; no-data/heart-rate medium on
//	at 02:06:10 acknowledge spo2-low by anna
//	gaps spo2 02:05:10-02:09:00 the device sends nothing
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories under testdata")
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			s := &story{t: t, board: watch.NewBoard(rule.Default()), now: day}
			file, err := os.Open(f)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			lines := bufio.NewScanner(file)
			for n := 1; lines.Scan(); n++ {
				line := strings.TrimSpace(lines.Text())
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				if err := s.line(line); err != nil {
					t.Fatalf("%s:%d: %s\n%v", f, n, line, err)
				}
			}
		})
	}
}

type story struct {
	t     *testing.T
	board *watch.Board
	now   vital.Instant
	facts watch.Facts
	gaps  []watch.Gap

	effects []alarm.Effect
	command int64
}

func clock(s string) (vital.Instant, error) {
	at, err := time.Parse("15:04:05", s)
	if err != nil {
		return 0, err
	}
	return day + vital.Instant(at.Hour()*3600+at.Minute()*60+at.Second())*1000, nil
}

func text(at vital.Instant) string {
	if at == 0 {
		return "open"
	}
	return at.Time().Format("15:04:05")
}

// pass lets time pass, tick by tick, and restarts the board on the way: a story
// must not depend on the process living through it.
func (s *story) pass(to vital.Instant) {
	for next := s.now - s.now%5000 + 5000; next <= to; next += 5000 {
		s.board.Tick(next, 0)
		s.drain()
		if next%60_000 == 0 {
			body, err := s.board.Snapshot()
			if err != nil {
				s.t.Fatal(err)
			}
			s.board = watch.NewBoard(rule.Default())
			if err := s.board.Restore(body); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.now = to
}

func (s *story) drain() {
	d := s.board.Drain()
	s.gaps = append(s.gaps, d.Gaps...)
	s.effects = append(s.effects, d.Effects...)
}

func (s *story) line(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "at", "expect", "alarms":
		when, rest, _ := strings.Cut(rest, " ")
		at, err := clock(when)
		if err != nil {
			return err
		}
		s.pass(at)
		if verb == "expect" {
			return s.expect(rest)
		}
		if verb == "alarms" {
			return s.alarms(rest)
		}
		return s.event(at, strings.Fields(rest))
	case "gaps":
		metric, want, _ := strings.Cut(rest, " ")
		var got []string
		for _, g := range s.gaps {
			if g.Metric == metric && g.To != 0 {
				got = append(got, fmt.Sprintf("%s-%s %s", text(g.From), text(g.To), g.Cause))
			}
		}
		if strings.Join(got, "; ") != want {
			return fmt.Errorf("gaps are %q", strings.Join(got, "; "))
		}
		return nil
	}
	return fmt.Errorf("unknown verb %q", verb)
}

func (s *story) expect(want string) error {
	w, _ := s.board.Watch("p")
	got := string(w.State)
	if w.State != watch.Watched {
		got += fmt.Sprintf(" since %s: %s", text(w.Since), w.Cause)
	}
	if got != want {
		return fmt.Errorf("the board says %q", got)
	}
	return nil
}

func (s *story) alarms(want string) error {
	var got []string
	for _, a := range s.board.Alarms("p") {
		name := a.Rule
		if a.Part != "" {
			name += "/" + a.Part
		}
		got = append(got, fmt.Sprintf("%s %s %s", name, a.Priority, a.Sound))
	}
	if len(got) == 0 {
		got = []string{"none"}
	}
	if strings.Join(got, "; ") != want {
		return fmt.Errorf("the alarms are %q", strings.Join(got, "; "))
	}
	return nil
}

// about changes what is known of the patient: ward high-dependency, age 71, scale 2.
func (s *story) about(words []string) error {
	for i := 0; i+1 < len(words); i += 2 {
		n, err := strconv.ParseFloat(words[i+1], 64)
		switch {
		case words[i] == "ward":
			s.facts.About.WardKind = words[i+1]
		case err != nil:
			return err
		case words[i] == "age":
			s.facts.About.AgeYears = n
		case words[i] == "scale":
			s.facts.About.SpO2Scale = int(n)
		}
	}
	return nil
}

func (s *story) event(at vital.Instant, words []string) error {
	switch words[0] {
	case "plan":
		s.facts = watch.Facts{Patient: "p", Present: true, Devices: []vital.DeviceID{"monitor-1"}, About: watch.About{AgeYears: 60, WardKind: "adult"}}
		for _, item := range strings.Split(strings.Join(words[1:], " "), ", ") {
			f := strings.Fields(item)
			every, err := time.ParseDuration(f[2])
			if err != nil {
				return err
			}
			s.facts.Plan = append(s.facts.Plan, watch.Plan{Metric: f[0], Kind: watch.StreamKind(f[1]), Every: every.Milliseconds()})
		}
		s.board.Facts(s.facts, at)
	case "standby":
		long, err := time.ParseDuration(words[1])
		if err != nil {
			return err
		}
		s.facts.Standby = watch.Standby{Reason: strings.Join(words[2:], " "), By: "nurse", From: at, Until: at.Add(long)}
		s.board.Facts(s.facts, at)
	case "about":
		if err := s.about(words[1:]); err != nil {
			return err
		}
		s.board.Facts(s.facts, at)
	case "acknowledge", "accept":
		for _, a := range s.board.Alarms("p") {
			if a.Rule == words[1] {
				s.command++
				s.board.Command(alarm.Command{ID: s.command, Patient: "p", Verb: alarm.Verb(words[0]), Alarm: a.ID, By: words[3], At: at})
			}
		}
	case "code":
		s.board.Reading(vital.Reading{Patient: "p", Device: "monitor-1", Metric: words[1], Value: vital.Coded(words[2]), Clocks: vital.Clocks{Receive: at, Effective: at}})
	case "unbind":
		s.facts.Devices = nil
		s.board.Facts(s.facts, at)
	case "discharge":
		s.board.Facts(watch.Facts{Patient: "p"}, at)
	default:
		d, err := vital.ParseDecimal(words[1])
		if err != nil {
			return err
		}
		m, ok := vital.FindMetric(words[0])
		if !ok {
			return fmt.Errorf("no metric %q", words[0])
		}
		r := vital.Reading{Patient: "p", Device: "monitor-1", Metric: words[0], Value: vital.Num(d), Unit: m.Unit, Clocks: vital.Clocks{Receive: at, Effective: at}}
		for _, w := range words[2:] {
			q, err := vital.ParseQuality(w)
			if err != nil {
				return err
			}
			r.Quality |= q
		}
		s.board.Reading(r)
	}
	s.drain()
	return nil
}

func TestLatestPrefersFreshMeasuredValues(t *testing.T) {
	reading := func(device, value string, at vital.Instant, q vital.Quality) vital.Reading {
		d, err := vital.ParseDecimal(value)
		if err != nil {
			t.Fatal(err)
		}
		return vital.Reading{Patient: "p", Device: vital.DeviceID(device), Metric: "heart-rate", Unit: "/min", Value: vital.Num(d), Quality: q, Clocks: vital.Clocks{Receive: at, Effective: at}}
	}
	tests := []struct {
		name   string
		in     []vital.Reading
		want   string
		others int
	}{
		{"one source", []vital.Reading{reading("a", "70", day, 0)}, "70", 0},
		{"newer of the same source", []vital.Reading{reading("a", "70", day, 0), reading("a", "71", day+1000, 0)}, "71", 0},
		{"the first source stays in front, the other is beside it", []vital.Reading{reading("a", "70", day, 0), reading("b", "90", day+500, 0), reading("a", "71", day+1000, 0)}, "71", 1},
		{"a doubted value gives way", []vital.Reading{reading("a", "70", day, vital.Motion), reading("b", "90", day+500, 0)}, "90", 1},
		{"a hand-entered value gives way", []vital.Reading{reading("n", "70", day, vital.Manual), reading("b", "90", day+500, 0)}, "90", 1},
		{"a source that has stopped gives way", []vital.Reading{reading("a", "70", day, 0), reading("b", "90", day+watch.Fresh+1000, 0)}, "90", 0},
		{"late data is not the latest", []vital.Reading{reading("a", "70", day, 0), reading("a", "50", day-9000, vital.Late)}, "70", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := watch.NewBoard(rule.Default())
			for _, r := range tt.in {
				b.Reading(r)
			}
			got := b.Latest("p")
			if len(got) != 1 || got[0].Value.String() != tt.want || len(got[0].Others) != tt.others {
				t.Fatalf("latest = %+v, want %s with %d others", got, tt.want, tt.others)
			}
		})
	}
}
