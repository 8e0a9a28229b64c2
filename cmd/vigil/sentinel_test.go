package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// well is what a sentinel sees of a platform that is well, at that time.
func well(now time.Time) sighting {
	answer := webd.Watchdog{Now: vital.At(now), Rules: webd.RulesState{Version: "v", Sentinel: true}}
	answer.Ticked = vital.At(now.Add(-4 * time.Second))
	answer.Disk = webd.DiskLeft{Free: 10 << 30, Total: 20 << 30}
	ok := attempt{At: now, OK: true, Took: 3 * time.Millisecond}
	return sighting{
		Began: now.Add(-time.Hour), Acked: now.Add(-3 * time.Second), MQTT: ok, Ready: ok, Dog: ok, DogOK: now.Add(-time.Second), Answer: answer,
		Paged: now.Add(-9 * time.Second), Latency: 20 * time.Millisecond, Quiet: map[string]time.Time{},
	}
}

func TestSentinelJudges(t *testing.T) {
	now, limits := time.Now(), limitsConfig{}.orStandard()
	mute := func(how how) func(*sighting) {
		return func(s *sighting) {
			s.Acked, s.MQTT, s.Ready = now.Add(-16*time.Second), attempt{How: how, Why: "why"}, attempt{How: how, Why: "why"}
		}
	}
	ward := webd.WardSound{Ward: "w", Name: "A", Patients: 3, Open: 1, Silent: []string{"muted"}}
	for _, c := range []struct {
		name  string
		spoil func(*sighting)
		want  string // kinds
		says  string
	}{
		{"well", func(*sighting) {}, "", ""},
		{"an acknowledgement is 15 s old", func(s *sighting) { mute(nobodyThere)(s); s.Acked = now.Add(-15 * time.Second) }, "", ""},
		{"just begun", func(s *sighting) { *s = sighting{Began: now.Add(-10 * time.Second)} }, "", ""},
		{"never reached", func(s *sighting) {
			*s = sighting{Began: now.Add(-16 * time.Second)}
			s.MQTT.How, s.Ready.How = noWay, noWay
		}, "cut off", ""},
		{"killed", mute(nobodyThere), "dead", "no acknowledgement"},
		{"killed with a full disk", func(s *sighting) { mute(nobodyThere)(s); s.Answer.Disk.Free = 1 << 20 }, "disk full", "1 MiB free"},
		{"the journal cannot be written", func(s *sighting) { mute(noAnswer)(s); s.Answer.Journal = "no space left" }, "disk full", "no space left"},
		{"stopped", mute(noAnswer), "stuck", "takes connections"},
		{"the network is down", mute(noWay), "cut off", ""},
		{"credentials revoked", mute(notLetIn), "refused", ""},
		{"only the door for devices is gone", func(s *sighting) { mute(nobodyThere)(s); s.Ready = attempt{OK: true} }, "stuck", "nobody listens for devices"},
		{"only the door for devices hangs", func(s *sighting) { mute(noAnswer)(s); s.Ready = attempt{OK: true} }, "stuck", "answers screens"},
		{"slow three times", func(s *sighting) { s.Acks = [3]time.Duration{3 * time.Second, 4 * time.Second, 3 * time.Second} }, "late", "3s"},
		{"slow twice", func(s *sighting) { s.Acks = [3]time.Duration{3 * time.Second, 4 * time.Second} }, "", ""},
		{"the watchdog is silent", func(s *sighting) { s.DogOK, s.Dog = now.Add(-21*time.Second), attempt{Why: "why"} }, "late", "watchdog"},
		{"time stands still", func(s *sighting) { s.Answer.Ticked -= 12_000 }, "stuck", "stands still"},
		{"not ready", func(s *sighting) { s.Answer.Ready = "worked off" }, "late", "worked off"},
		{"little disk", func(s *sighting) { s.Answer.Disk.Free = 255 << 20 }, "disk", "255 MiB"},
		{"5 % of a large disk", func(s *sighting) { s.Answer.Disk = webd.DiskLeft{Free: 49 << 30, Total: 1000 << 30} }, "disk", ""},
		{"a rule error", func(s *sighting) { s.Answer.Rules.Errors, s.Answer.Rules.First = 1, "rule ratio" }, "rules", "rule ratio"},
		{"no rule for the sentinel, so no page", func(s *sighting) { s.Answer.Rules.Sentinel, s.Missed = false, now }, "rules", "sentinel.rule"},
		{"no page", func(s *sighting) { s.Missed, s.Stage = now.Add(-10*time.Second), "failed" }, "notifier", "failed"},
		{"a slow page", func(s *sighting) { s.Latency = 10 * time.Second }, "late", "a page takes 10s"},
		{"a dead channel", func(s *sighting) { s.Answer.Pages.Dead = []webd.DeadChannel{{Kind: "email", Reason: "r"}} }, "notifier: email", "email"},
		{"a page that nobody takes", func(s *sighting) { s.Answer.Pages.Unheard = 61_000 }, "notifier: unheard", ""},
		{"a page that nobody answers", func(s *sighting) { s.Answer.Pages.Open = 601_000 }, "unanswered", ""},
		{"a ward that cannot sound", func(s *sighting) {
			s.Answer.Wards = []webd.WardSound{ward}
			s.Quiet["w"] = now.Add(-61 * time.Second)
		}, "no sound: A", "muted"},
		{"a ward that cannot sound for a moment", func(s *sighting) {
			s.Answer.Wards = []webd.WardSound{ward}
			s.Quiet["w"] = now.Add(-50 * time.Second)
		}, "", ""},
		{"dead says nothing of the rest", func(s *sighting) { s.Answer.Rules.Errors = 1; mute(nobodyThere)(s) }, "dead", ""},
	} {
		s := well(now)
		c.spoil(&s)
		var kinds, words []string
		for _, w := range s.judge(now, limits, true) {
			kinds, words = append(kinds, w.Kind), append(words, w.Text)
		}
		if got := strings.Join(kinds, ", "); got != c.want || !strings.Contains(strings.Join(words, " "), c.says) {
			t.Errorf("%s: %q (%s), want %q that says %q", c.name, got, words, c.want, c.says)
		}
	}
}

// A page that does not come is missed once, its stage is told, and the next page
// ends it.
func TestSentinelMissesAPage(t *testing.T) {
	now, limits := time.Now(), limitsConfig{}.orStandard()
	s := well(now)
	s.Raised = now.Add(-8 * time.Second)
	if s.miss(now, limits); !s.Missed.IsZero() {
		t.Fatal("missed after 8 s")
	}
	s.Answer.Own = &webd.OwnWay{Raised: vital.At(now.Add(-8 * time.Second)), Page: "failed", Reason: "refused"}
	s.miss(now.Add(time.Second), limits)
	if s.Missed.IsZero() || s.Stage != "the alarm was raised, its page is failed: refused" {
		t.Fatalf("missed %v, stage %q", s.Missed, s.Stage)
	}
	s.page(now.Add(2 * time.Second)) // late: of the try that was given up
	if s.Missed.IsZero() {
		t.Error("a page of a try that was given up counts")
	}
	s.Raised = now.Add(20 * time.Second)
	s.page(now.Add(21 * time.Second))
	if !s.Missed.IsZero() || s.Latency != time.Second {
		t.Errorf("missed %v, latency %v", s.Missed, s.Latency)
	}
}

// What is wrong is said once, again until somebody acknowledges, and when it is over.
func TestSentinelTells(t *testing.T) {
	var out bytes.Buffer
	c := sentinelConfig{Name: "here", Server: "http://127.0.0.1:1"}
	c.Limits = c.Limits.orStandard()
	tell, err := newTeller(c, &out, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	dead := []trouble{{Kind: isDead, Since: now, Text: "nobody listens", Whole: true}}
	rules := []trouble{{Kind: isRules, Since: now, Text: "r"}}
	said := func() string {
		defer out.Reset()
		var states []string
		for line := range strings.Lines(out.String()) {
			states = append(states, strings.TrimSuffix(strings.Join(strings.Fields(line)[1:3], " "), ":"))
		}
		return strings.Join(states, ", ")
	}
	for _, step := range []struct {
		after time.Duration
		all   []trouble
		want  string
	}{
		{0, rules, "alarm rules"},
		{time.Second, rules, ""},
		{2 * time.Second, dead, "alarm dead"}, // and the rules are not over: nobody knows
		{60 * time.Second, dead, ""},
		{123 * time.Second, dead, "again dead"},
		{130 * time.Second, nil, ""},
		{133 * time.Second, dead, ""},
		{140 * time.Second, nil, ""},
		{147 * time.Second, nil, "recovered dead, recovered rules"},
	} {
		tell.hear(now.Add(step.after), step.all)
		if got := said(); got != step.want {
			t.Errorf("after %s: said %q, want %q", step.after, got, step.want)
		}
	}
	tell.hear(now, dead)
	if n := tell.acknowledge(); n != 1 || !tell.troubles()[0].Acknowledged {
		t.Errorf("acknowledged %d", n)
	}
	said()
	tell.hear(now.Add(time.Hour), dead)
	if got := said(); got != "" {
		t.Errorf("after the acknowledgement: %q", got)
	}
}

func TestSentinelSettings(t *testing.T) {
	good := sentinelConfig{
		Name: "n", Server: "https://vigil.example.org", MQTT: "mqtts://vigil.example.org:8883", Device: "d", Username: "u", Password: "p", Token: "t", Listen: "127.0.0.1:1", Secret: "s",
	}
	for _, c := range []struct {
		name  string
		spoil func(*sentinelConfig)
		fine  bool
	}{
		{"good", func(*sentinelConfig) {}, true},
		{"loopback in the clear", func(c *sentinelConfig) { c.Server, c.MQTT = "http://127.0.0.1:8080", "mqtt://[::1]:1883" }, true},
		{"screens in the clear", func(c *sentinelConfig) { c.Server = "http://10.0.0.1" }, false},
		{"devices in the clear", func(c *sentinelConfig) { c.MQTT = "mqtt://10.0.0.1:1883" }, false},
		{"ntfy in the clear", func(c *sentinelConfig) { c.Tell.NTFY = []string{"http://ntfy.example.org/x"} }, false},
		{"pages from outside in the clear", func(c *sentinelConfig) { c.Listen = "0.0.0.0:8787" }, false},
		{"status for everybody", func(c *sentinelConfig) { c.Status = "0.0.0.0:8788" }, false},
		{"no token", func(c *sentinelConfig) { c.Token = "" }, false},
		{"half a pin", func(c *sentinelConfig) { c.Certificate = "abcd" }, false},
		{"a page that may take longer than the alarm", func(c *sentinelConfig) { c.Limits.Page = time.Minute }, false},
	} {
		s := good
		c.spoil(&s)
		if err := s.check(); (err == nil) != c.fine {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "sentinel.yaml")
	if err := good.save(path); err != nil {
		t.Fatal(err)
	}
	if err := good.save(path); err == nil {
		t.Error("the settings of another sentinel were overwritten")
	}
	back, err := loadSentinel(path)
	if err != nil || back.Token != "t" {
		t.Errorf("read back: %v, %+v", err, back)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := loadSentinel(path); err == nil {
		t.Error("settings that others can read were taken")
	}
}

// Only the server can send a page, and only this machine sees the status page.
func TestSentinelDoors(t *testing.T) {
	c := sentinelConfig{Secret: "whsec_x", Server: "http://127.0.0.1:1"}
	c.Limits = c.Limits.orStandard()
	tell, err := newTeller(c, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := newSentry(c, tell, func(string) string { return "" }, slog.New(slog.DiscardHandler))
	page := func(secret, kind string, at time.Time) int {
		body, _ := json.Marshal(notify.Message{ID: "1", Kind: kind})
		r := httptest.NewRequest("POST", "/page", bytes.NewReader(body))
		r.Header.Set(notify.SignatureHeader, notify.Sign(secret, at, body))
		w := httptest.NewRecorder()
		s.takePage(w, r)
		return w.Code
	}
	s.seen.Raised = time.Now().Add(-time.Second)
	for _, c := range []struct {
		secret, kind string
		at           time.Time
		status       int
		counts       bool
	}{
		{"other", "raised", time.Now(), http.StatusForbidden, false},
		{"", "raised", time.Now(), http.StatusForbidden, false},
		{"whsec_x", "raised", time.Now().Add(-time.Hour), http.StatusForbidden, false},
		{"whsec_x", "stop", time.Now(), http.StatusNoContent, false},
		{"whsec_x", "raised", time.Now(), http.StatusNoContent, true},
	} {
		if got := page(c.secret, c.kind, c.at); got != c.status || s.seen.Raised.IsZero() != c.counts {
			t.Errorf("page %+v: %d, counted %v", c, got, s.seen.Raised.IsZero())
		}
	}
	for host, want := range map[string]int{"127.0.0.1:8788": 200, "localhost:8788": 200, "evil.example.org": 403} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if s.statusHandler().ServeHTTP(w, r); w.Code != want {
			t.Errorf("status page as %s: %d, want %d", host, w.Code, want)
		}
	}
}

// The sentinel's own channels: signed JSON, and a program with the words as one argument.
func TestSentinelChannels(t *testing.T) {
	heard := make(chan string, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if notify.Signed("whsec_y", r.Header.Get(notify.SignatureHeader), time.Now(), body) {
			heard <- string(body)
		}
	}))
	defer receiver.Close()
	dir := t.TempDir()
	bell := filepath.Join(dir, "bell")
	if err := os.WriteFile(bell, []byte("#!/bin/sh\nprintf '%s|%s|%s|%s' \"$#\" \"$1\" \"$VIGIL_STATE\" \"$VIGIL_KIND\" > \"$(dirname \"$0\")/rung\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := sentinelConfig{Name: "n", Server: "http://127.0.0.1:1", Tell: tellConfig{Exec: []string{bell}, Webhook: []string{receiver.URL}, Sign: "whsec_y"}}
	tell, err := newTeller(c, io.Discard, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range tell.outlets {
		if err := o.send(context.Background(), telling{"alarm", isDead, "it's $(dead); dead", time.Now()}); err != nil {
			t.Errorf("%s: %v", o.kind, err)
		}
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "rung")); string(got) != "1|it's $(dead); dead|alarm|dead" {
		t.Errorf("the program heard %q", got)
	}
	if got := <-heard; !strings.Contains(got, `"priority":"high"`) || !strings.Contains(got, "dead") {
		t.Errorf("the receiver heard %s", got)
	}
}
