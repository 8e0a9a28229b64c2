package alarm_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/vital"
)

const midnight = vital.Instant(1_795_000_000_000 / 86_400_000 * 86_400_000)

// TestStories runs the stories under testdata: what was found and what people did,
// and what the alarms must be and who must have been told. Time passes in ticks of
// five seconds, as it does in the flow, and every minute the state goes through
// JSON, as it does in a restart.
//
//	rule spo2-low latching spot always technical
//	at 02:05 spo2-low present high "SpO2 84 % < 90 %"    and: since 02:04, received 02:04:59
//	at 02:05 spo2-low/left absent
//	at 02:06 acknowledge spo2-low by anna                and: to bert, until 02:08, made 02:05:59, why it is known
//	at 02:06 pause by anna
//	at 02:07 acknowledge closed spo2-low by anna         the last alarm of it that was closed
//	at 02:08 leave
//	expect 02:06 spo2-low high present acknowledged by anna "SpO2 84 % < 90 %"
//	expect 02:09 nothing
//	told 02:05:00 spo2-low raised level 0; 02:06:00 spo2-low escalated level 1
//	refused it is switched off
//	closed spo2-low ended; spo2-low seen
//
// told and closed are everything since the last such line.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no stories under testdata")
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			file, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			s := &teller{t: t, state: alarm.State{Patient: "p"}, kinds: map[string]kind{}, over: map[string]string{}}
			lines := bufio.NewScanner(file)
			for n := 1; lines.Scan(); n++ {
				line := strings.TrimSpace(lines.Text())
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				if err := s.line(line); err != nil {
					t.Fatalf("%s:%d: %s\n%v", name, n, line, err)
				}
			}
			if len(s.told) > 0 || len(s.closed) > 0 {
				t.Fatalf("%s does not say: told %s, closed %s", name, strings.Join(s.told, "; "), strings.Join(s.closed, "; "))
			}
		})
	}
}

// teller reads one story.
type teller struct {
	t                     *testing.T
	state                 alarm.State
	now                   vital.Instant
	id                    int64
	kinds                 map[string]kind
	over                  map[string]string // rule -> its last closed alarm
	told, closed, refused []string
}

func readClock(s string) (vital.Instant, error) {
	days := vital.Instant(0)
	if d, rest, ok := strings.Cut(s, "d"); ok { // 120d02:05: some days later
		n, err := strconv.Atoi(d)
		if err != nil {
			return 0, err
		}
		days, s = vital.Instant(n), rest
	}
	layout := "15:04:05"
	if strings.Count(s, ":") == 1 {
		layout = "15:04"
	}
	at, err := time.Parse(layout, s)
	if err != nil {
		return 0, err
	}
	return midnight + days*86_400_000 + vital.Instant(at.Sub(at.Truncate(24*time.Hour)).Milliseconds()), nil
}

func clockText(at vital.Instant) string {
	return strings.TrimSuffix(at.Time().Format("15:04:05.000"), ".000")
}

func (s *teller) step(in alarm.Input) {
	in.Now, in.Policy = s.now, alarm.DefaultPolicy()
	if s.now%60_000 == 0 {
		b, err := json.Marshal(s.state)
		if err != nil {
			s.t.Fatal(err)
		}
		s.state = alarm.State{}
		if err := json.Unmarshal(b, &s.state); err != nil {
			s.t.Fatal(err)
		}
	}
	var effects []alarm.Effect
	s.state, effects = alarm.Step(s.state, in)
	for _, e := range effects {
		name := e.Alarm.Rule
		if e.Alarm.Part != "" {
			name += "/" + e.Alarm.Part
		}
		if e.Tell {
			user, level := e.Whom()
			whom := fmt.Sprintf("level %d", level)
			if user != "" {
				whom = user
			}
			what := string(e.Kind)
			if e.Kind == alarm.Done {
				what = string(e.Command.Verb)
			}
			s.told = append(s.told, fmt.Sprintf("%s %s %s %s", clockText(e.At), name, what, whom))
		}
		switch e.Kind {
		case alarm.Closed:
			s.closed = append(s.closed, name+" "+e.Why)
			s.over[name] = e.Alarm.ID
		case alarm.Refused:
			s.refused = append(s.refused, e.Why)
		}
	}
}

// pass lets time pass, tick by tick while something is due and in one go otherwise.
func (s *teller) pass(to vital.Instant) error {
	if to < s.now {
		return fmt.Errorf("time goes back from %s", clockText(s.now))
	}
	for next := s.now - s.now%5000 + 5000; s.now != 0 && next <= to; next += 5000 {
		if due := s.state.NextDue(); due == 0 || due > to {
			break
		}
		s.now = next
		s.step(alarm.Input{})
	}
	s.now = to
	return nil
}

func (s *teller) line(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "rule":
		f := strings.Fields(rest)
		k := kind{rule: f[0]}
		for _, word := range f[1:] {
			k.latching = k.latching || word == "latching"
			k.spot = k.spot || word == "spot"
			k.always = k.always || word == "always"
			k.technical = k.technical || word == "technical"
		}
		s.kinds[k.rule] = k
		return nil
	case "at", "expect":
		when, rest, _ := strings.Cut(rest, " ")
		at, err := readClock(when)
		if err != nil {
			return err
		}
		if err := s.pass(at); err != nil {
			return err
		}
		if verb == "expect" {
			return s.expect(rest)
		}
		return s.happens(rest)
	case "told", "closed", "refused":
		list := map[string]*[]string{"told": &s.told, "closed": &s.closed, "refused": &s.refused}[verb]
		got := strings.Join(*list, "; ")
		*list = nil
		if got == "" {
			got = "nobody"
		}
		if got != rest {
			return fmt.Errorf("%s is: %s", verb, got)
		}
		return nil
	}
	return fmt.Errorf("unknown word %q", verb)
}

func (s *teller) expect(want string) error {
	var got []string
	for _, a := range s.state.Open() {
		got = append(got, words(a))
	}
	for _, o := range s.state.Offs {
		if of(s.state, o.Rule, o.Part) == nil {
			got = append(got, fmt.Sprintf("%s off until %s by %s", o.Rule, clockText(o.Until), o.By))
		}
	}
	line := strings.Join(got, "; ")
	if line == "" {
		line = "nothing"
	}
	if line != want {
		return fmt.Errorf("the alarms are: %s", line)
	}
	return nil
}

// words is an alarm as the stories write it.
func words(a alarm.Alarm) string {
	w := []string{a.Rule}
	if a.Part != "" {
		w[0] += "/" + a.Part
	}
	w = append(w, a.Priority.String(), string(a.Condition), string(a.Sound))
	if a.SoundUntil != 0 {
		w = append(w, "until "+clockText(a.SoundUntil))
	}
	if a.Silenced != nil {
		w = append(w, "by "+a.Silenced.By)
	} else if a.Acknowledged != nil {
		w = append(w, "by "+a.Acknowledged.By)
	}
	if a.Owner != nil && a.Owner.Accepted {
		w = append(w, a.Owner.By+" has it")
		if a.Owner.From != "" {
			w = append(w, "from "+a.Owner.From)
		}
	} else if a.Owner != nil {
		w = append(w, "offered to "+a.Owner.By+" by "+a.Owner.From)
	}
	if a.Level > 0 {
		w = append(w, fmt.Sprintf("level %d", a.Level))
	}
	if a.Times > 1 {
		w = append(w, fmt.Sprintf("%d times", a.Times))
	}
	if a.Text != "" {
		w = append(w, strconv.Quote(a.Text))
	}
	return strings.Join(w, " ")
}

var stands = map[string]vital.Stand{"present": vital.Present, "absent": vital.Absent, "unknown": vital.Unknown, "withdrawn": vital.Withdrawn}

func (s *teller) happens(what string) error {
	first, rest, _ := strings.Cut(what, " ")
	if first == "leave" {
		s.step(alarm.Input{Leave: true})
		return nil
	}
	if second, _, _ := strings.Cut(rest, " "); stands[second] != 0 || second == "unknown" {
		return s.finding(first, second, strings.TrimSpace(strings.TrimPrefix(rest, second)))
	}
	s.id++
	c := alarm.Command{ID: s.id, Patient: "p", Verb: alarm.Verb(first), At: s.now}
	aim, rest, _ := strings.Cut(" "+rest, " by ")
	switch f := strings.Fields(aim); len(f) {
	case 1:
		c.Rule, c.Part, _ = strings.Cut(f[0], "/")
	case 2:
		c.Alarm = s.over[f[1]]
	}
	by, rest, _ := strings.Cut(rest, " ")
	c.By = by
	for rest != "" {
		var word, value string
		word, rest, _ = strings.Cut(rest, " ")
		if word == "why" {
			c.Why = rest
			break
		}
		value, rest, _ = strings.Cut(rest, " ")
		var err error
		switch word {
		case "to":
			c.To = value
		case "until":
			c.Until, err = readClock(value)
		case "made":
			c.At, err = readClock(value)
		default:
			err = fmt.Errorf("unknown word %q", word)
		}
		if err != nil {
			return err
		}
	}
	s.refused = nil
	s.step(alarm.Input{Commands: []alarm.Command{c}})
	return nil
}

func (s *teller) finding(rule, stand, rest string) error {
	rule, part, _ := strings.Cut(rule, "/")
	k, ok := s.kinds[rule]
	if !ok {
		return fmt.Errorf("no rule %s", rule)
	}
	f := vital.Finding{Patient: "p", Rule: rule, Part: part, Latching: k.latching, Always: k.always, Spot: k.spot, Technical: k.technical, Stand: stands[stand], At: s.now}
	if f.Stand == vital.Present {
		name, more, _ := strings.Cut(rest, " ")
		p, err := vital.ParsePriority(name)
		if err != nil {
			return err
		}
		f.Priority = p
		if strings.HasPrefix(more, `"`) {
			f.Text, more, _ = strings.Cut(more[1:], `"`)
		}
		rest = strings.TrimSpace(more)
	}
	words := strings.Fields(rest)
	for i := 0; i+1 < len(words); i += 2 {
		at, err := readClock(words[i+1])
		if err != nil {
			return err
		}
		switch words[i] {
		case "since":
			f.At = at
		case "received":
			f.Evidence = []vital.Evidence{{Metric: rule, Value: "1", At: at, Received: at}}
		default:
			return fmt.Errorf("unknown word %q", words[i])
		}
	}
	s.step(alarm.Input{Findings: []vital.Finding{f}})
	return nil
}
