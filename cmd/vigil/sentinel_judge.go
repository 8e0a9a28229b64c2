package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/webd"
)

// This file decides what is wrong from what was tried, as a pure function of what
// was seen and of the time, so that every order of faults can be tried in a test.

// The kinds of what is wrong. While nothing is acknowledged, one of the first five
// is of the whole platform: nothing else can be told, and nothing else counts as
// recovered.
const (
	isDead     = "dead"       // nobody listens
	isStuck    = "stuck"      // it takes connections and does not do its work
	isCutOff   = "cut off"    // the network does not lead there
	isRefused  = "refused"    // it does not take the sentinel's credentials
	isFull     = "disk full"  // it cannot keep anything
	isDisk     = "disk"       // soon it cannot
	isLate     = "late"       // it works and takes too long
	isRules    = "rules"      // rules cannot be used, or calculated
	isNotifier = "notifier"   // alarms are raised and nobody hears of them
	isOpen     = "unanswered" // a page of high priority that nobody acknowledges
	isSilent   = "no sound"   // a ward whose screens cannot sound; the ward follows
)

// trouble is one thing that is wrong.
type trouble struct {
	Kind  string    `json:"kind"`
	Since time.Time `json:"since"`
	Text  string    `json:"text"`
	Whole bool      `json:"-"` // of the whole platform: nothing else can be known meanwhile
}

// attempt is how one try at a door ended.
type attempt struct {
	At   time.Time
	OK   bool
	How  how
	Why  string
	Took time.Duration
}

// how a try failed.
type how int

const (
	nobodyThere how = iota + 1 // refused: no process listens
	noAnswer                   // connected, and then nothing
	noWay                      // the network does not lead there
	notLetIn                   // it says no
)

// sighting is everything that a sentinel has seen. Times are of its own clock.
type sighting struct {
	Began time.Time

	Sent   time.Time // newest message
	Acked  time.Time // newest message that was acknowledged: when the answer came
	Acks   [3]time.Duration
	MQTT   attempt // newest try at the door for devices
	Ready  attempt // newest try at /readyz
	Dog    attempt // newest try at the watchdog
	DogOK  time.Time
	Answer webd.Watchdog // the newest

	Raised  time.Time // the message that should raise, while its page is not there
	Paged   time.Time // newest page
	Latency time.Duration
	Missed  time.Time // when the page did not come, of the oldest that did not since one came
	Stage   string    // how far the missed one came
	Quiet   map[string]time.Time
}

// fresh reports whether the newest answer of the watchdog still says how it is.
func (s *sighting) fresh(now time.Time, l limitsConfig) bool {
	return !s.DogOK.IsZero() && now.Sub(s.DogOK) < l.Answer
}

// judge returns what is wrong, what is of the whole platform first and then alone.
func (s *sighting) judge(now time.Time, l limitsConfig, stations bool) []trouble {
	if t, ok := s.whole(now, l); ok {
		return []trouble{t}
	}
	var all []trouble
	add := func(kind string, since time.Time, format string, values ...any) {
		all = append(all, trouble{Kind: kind, Since: since, Text: fmt.Sprintf(format, values...)})
	}
	if l.Late < min(s.Acks[0], s.Acks[1], s.Acks[2]) {
		add(isLate, s.Acked, "an acknowledgement takes %s", lasting(s.Acks[0]))
	}
	if !s.fresh(now, l) && now.Sub(later(s.DogOK, s.Began)) > l.Answer {
		add(isLate, later(s.DogOK, s.Began), "measurements are taken, and its watchdog does not answer: %s", s.Dog.Why)
		return all
	}
	if s.DogOK.IsZero() {
		return all
	}
	a := &s.Answer
	if a.Ready != "" {
		add(isLate, s.DogOK, "it is not ready: %s", a.Ready)
	} else if behind := a.Now.Sub(a.Ticked); behind > l.Silence {
		add(isStuck, s.DogOK.Add(-behind), "it takes measurements and works nothing off: its time stands still since %s", lasting(behind))
	}
	if s.lowDisk(l) {
		add(isDisk, s.DogOK, "its disk has %d MiB free", a.Disk.Free>>20)
	}
	switch {
	case a.Rules.Errors > 0:
		add(isRules, s.DogOK, "rules do not work: %s", a.Rules.First)
	case !a.Rules.Sentinel:
		add(isRules, s.DogOK, "the rules in force (%s) have no rule that answers a sentinel: put rule/default/sentinel.rule back", a.Rules.Version)
	}
	if !s.Missed.IsZero() && a.Rules.Sentinel {
		add(isNotifier, s.Missed, "no page arrives: %s", s.Stage)
	} else if latency := s.Latency; latency > l.Page {
		add(isLate, s.Paged, "a page takes %s", lasting(latency))
	}
	for _, c := range a.Pages.Dead {
		add(isNotifier+": "+c.Kind, c.Since.Time(), "no message gets out by %s: %s", c.Kind, c.Reason)
	}
	if a.Pages.Problem != "" {
		add(isNotifier, s.DogOK, "its pages cannot be looked up: %s", a.Pages.Problem)
	}
	if wait := milliseconds(a.Pages.Unheard); wait > l.Unheard {
		add(isNotifier+": unheard", s.DogOK.Add(-wait), "no channel has taken a page of high priority for %s", lasting(wait))
	} else if wait := milliseconds(a.Pages.Open); wait > l.Open {
		add(isOpen, s.DogOK.Add(-wait), "nobody has acknowledged a page of high priority for %s", lasting(wait))
	}
	if !stations {
		return all
	}
	for _, w := range a.Wards {
		if since, ok := s.Quiet[string(w.Ward)]; ok && now.Sub(since) > l.Stations {
			add(isSilent+": "+w.Name, since, "no screen of ward %s can sound: %s", w.Name, screens(w))
		}
	}
	return all
}

// whole says what is wrong with all of it, if anything is.
func (s *sighting) whole(now time.Time, l limitsConfig) (trouble, bool) {
	since := later(s.Acked, s.Began)
	if now.Sub(since) <= l.Silence {
		return trouble{}, false
	}
	t := trouble{Since: since, Whole: true}
	say := func(kind, format string, values ...any) (trouble, bool) {
		t.Kind, t.Text = kind, "no acknowledgement: "+fmt.Sprintf(format, values...)
		return t, true
	}
	if s.Answer.Journal != "" {
		return say(isFull, "it cannot keep anything: %s", s.Answer.Journal)
	}
	if !s.DogOK.IsZero() && s.lowDisk(l) && !s.Ready.OK {
		return say(isFull, "its disk had %d MiB free when it last answered; now %s", s.Answer.Disk.Free>>20, s.MQTT.Why)
	}
	switch {
	case s.MQTT.How == nobodyThere && s.Ready.How == nobodyThere:
		return say(isDead, "nobody listens")
	case s.MQTT.How == notLetIn:
		return say(isRefused, "it does not take the sentinel's credentials: %s", s.MQTT.Why)
	case s.MQTT.How == noWay && s.Ready.How == noWay:
		return say(isCutOff, "the network does not lead there: %s", s.MQTT.Why)
	case s.MQTT.How == nobodyThere:
		return say(isStuck, "nobody listens for devices, and the screens: %s", s.Ready.Why)
	case s.Ready.OK:
		return say(isStuck, "it answers screens and takes no measurement: %s", s.MQTT.Why)
	case s.MQTT.How == noWay:
		return say(isCutOff, "%s", s.MQTT.Why)
	}
	return say(isStuck, "it takes connections and says nothing")
}

func (s *sighting) lowDisk(l limitsConfig) bool {
	d := s.Answer.Disk
	return d.Total > 0 && (d.Free < l.DiskFree || d.Free < d.Total/20)
}

// heed takes over what the watchdog says.
func (s *sighting) heed(now time.Time, a webd.Watchdog) {
	s.Answer, s.DogOK = a, now
	quiet := map[string]time.Time{}
	for _, w := range a.Wards {
		if w.Sounding > 0 {
			continue
		}
		quiet[string(w.Ward)] = now
		if since, ok := s.Quiet[string(w.Ward)]; ok {
			quiet[string(w.Ward)] = since
		}
	}
	s.Quiet = quiet
}

// miss notes, once the time is up, that a page did not come, and how far the
// alarm came by what the watchdog says.
func (s *sighting) miss(now time.Time, l limitsConfig) {
	if s.Raised.IsZero() || now.Sub(s.Raised) < l.Page {
		return
	}
	if s.Missed.IsZero() {
		s.Missed = s.Raised
	}
	s.Stage = "its test alarm was not raised"
	if own := s.Answer.Own; own != nil && (own.Closed == 0 && own.Raised != 0 || s.Answer.Now.Sub(own.Raised) < 2*l.Page) {
		s.Stage = "the alarm was raised and nobody was to be told"
		if own.Page != "" {
			s.Stage = strings.TrimSuffix("the alarm was raised, its page is "+own.Page+": "+own.Reason, ": ")
		}
	}
	s.Raised = time.Time{}
}

// page notes that a page came.
func (s *sighting) page(now time.Time) {
	s.Paged = now
	if s.Raised.IsZero() {
		return // of a try that was given up
	}
	s.Latency, s.Raised, s.Missed, s.Stage = now.Sub(s.Raised), time.Time{}, time.Time{}, ""
}

// screens says why a ward cannot be heard.
func screens(w webd.WardSound) string {
	if w.Open == 0 {
		return fmt.Sprintf("none is open, and %d patients lie there", w.Patients)
	}
	return fmt.Sprintf("%d are open (%s), and %d patients lie there", w.Open, strings.Join(w.Silent, ", "), w.Patients)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func lasting(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
