package mqtt_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
)

// call is one thing that a foreign client is to do.
type call struct {
	id, user string
	topic    string
	qos      byte
	count    int
	keep     bool // with a session that outlives the connection
}

// foreign is a client. Publish sends the numbers below count and waits for the
// acknowledgements. Receive connects, subscribes unless topic is empty, and returns
// what came once there are count messages.
type foreign struct {
	name    string
	publish func(t *testing.T, s *site, c call)
	receive func(t *testing.T, s *site, c call) []string
	// slowly publishes one after the other while the server goes away and comes back;
	// nil when the client does not reconnect.
	slowly func(t *testing.T, s *site, c call)
}

// needs ends the test when its client is not installed. The test asks first and
// itself: a skip out of another goroutine would not end it.
func (f foreign) needs(t *testing.T) {
	t.Helper()
	switch {
	case strings.HasPrefix(f.name, "mosquitto"):
		need.Tool(t, "mosquitto_pub")
		need.Tool(t, "mosquitto_sub")
	case strings.HasPrefix(f.name, "npm-mqtt"):
		needNode(t)
	}
}

func clients(t *testing.T) []foreign {
	t.Helper()
	var all []foreign
	for _, version := range []string{"311", "5"} {
		all = append(all, foreign{"mosquitto/" + version,
			func(t *testing.T, s *site, c call) { mosquittoPub(t, s, version, c) },
			func(t *testing.T, s *site, c call) []string { return mosquittoSub(t, s, version, c) }, nil})
	}
	for _, level := range []int{4, 5} {
		all = append(all, foreign{fmt.Sprintf("npm-mqtt/%d", level),
			func(t *testing.T, s *site, c call) { node(t, s, "publish", level, c) },
			func(t *testing.T, s *site, c call) []string { return node(t, s, "subscribe", level, c) },
			func(t *testing.T, s *site, c call) { node(t, s, "slowly", level, c) }})
	}
	return append(all, pahoThree, pahoFive)
}

const many = 25

func TestForeignClientsPublish(t *testing.T) {
	for _, f := range clients(t) {
		for qos := byte(0); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("%s/qos%d", f.name, qos), func(t *testing.T) {
				f.needs(t)
				t.Parallel()
				s := newSite(t)
				f.publish(t, s, call{id: "monitor-1", user: "monitor-1", topic: "v1/monitor-1/telemetry", qos: qos, count: many})
				s.until("all are in the journal", func() bool { return len(s.journal.all()) >= many })
				same(t, "journal", s.journal.all(), numbers(many))
			})
		}
	}
}

func TestForeignClientsSubscribe(t *testing.T) {
	for _, f := range clients(t) {
		for qos := byte(0); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("%s/qos%d", f.name, qos), func(t *testing.T) {
				f.needs(t)
				t.Parallel()
				s := newSite(t)
				got := make(chan []string, 1)
				go func() {
					got <- f.receive(t, s, call{id: "monitor-1", user: "monitor-1", topic: "v1/monitor-1/command", qos: qos, count: many})
				}()
				s.until("it has subscribed", func() bool { return s.server.Stats().Subscriptions == 1 })
				for _, n := range numbers(many) {
					s.publish("v1/monitor-1/command", n, qos)
				}
				same(t, "received", <-got, numbers(many))
			})
		}
	}
}

// TestForeignClientsComeBack: subscribed, away, the server restarted, back.
func TestForeignClientsComeBack(t *testing.T) {
	for _, f := range clients(t) {
		for qos := byte(1); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("%s/qos%d", f.name, qos), func(t *testing.T) {
				f.needs(t)
				t.Parallel()
				s := newSite(t)
				c := call{id: "lab-1", user: "lab", topic: "v1/+/status", qos: qos, keep: true}
				f.receive(t, s, c)
				s.until("it is away", func() bool { return s.server.Stats().Connections == 0 })
				if s.server.Stats().Subscriptions != 1 {
					t.Fatal("its session did not stay")
				}
				for _, n := range numbers(many) {
					s.publish("v1/monitor-1/status", n, qos)
				}
				s.restart()
				c.count = many
				same(t, "received", f.receive(t, s, c), numbers(many))
			})
		}
	}
}

// TestForeignClientsPublishOverARestart: nothing that was acknowledged is missing,
// and with QoS 2 nothing is there twice.
func TestForeignClientsPublishOverARestart(t *testing.T) {
	for _, f := range clients(t) {
		if f.slowly == nil {
			continue
		}
		for qos := byte(1); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("%s/qos%d", f.name, qos), func(t *testing.T) {
				f.needs(t)
				t.Parallel()
				s := newSite(t)
				const count = 400
				var over sync.WaitGroup
				over.Go(func() {
					f.slowly(t, s, call{id: "monitor-1", user: "monitor-1", topic: "v1/monitor-1/telemetry", qos: qos, count: count, keep: true})
				})
				for _, at := range []int{50, 150} {
					s.until("some are in the journal", func() bool { return len(s.journal.all()) >= at || t.Failed() })
					s.restart()
				}
				over.Wait()
				got := s.journal.all()
				if qos == 1 {
					got = firsts(got) // repeated, but never missing, and the first of each in order
				}
				same(t, "journal", got, numbers(count))
			})
		}
	}
}

// firsts returns the first of each.
func firsts(all []string) []string {
	seen := make(map[string]bool)
	return slices.DeleteFunc(all, func(s string) bool {
		before := seen[s]
		seen[s] = true
		return before
	})
}

// --- Mosquitto

func mosquitto(t *testing.T, s *site, program, version string, c call, more ...string) *exec.Cmd {
	args := []string{"-V", version, "-h", "127.0.0.1", "-p", s.port(), "-i", c.id, "-u", c.user, "-P", "secret", "-q", fmt.Sprint(c.qos)}
	return exec.CommandContext(t.Context(), need.Tool(t, program), append(args, more...)...)
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var faults bytes.Buffer
	cmd.Stderr = &faults
	b, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(cmd.Path), err, faults.String())
	}
	return string(b)
}

func mosquittoPub(t *testing.T, s *site, version string, c call) {
	cmd := mosquitto(t, s, "mosquitto_pub", version, c, "-t", c.topic, "-l")
	cmd.Stdin = strings.NewReader(strings.Join(numbers(c.count), "\n") + "\n")
	output(t, cmd)
}

func mosquittoSub(t *testing.T, s *site, version string, c call) []string {
	args := []string{"-t", c.topic}
	if c.keep {
		args = append(args, "-c")
		if version == "5" {
			args = append(args, "-x", "3600")
		}
	}
	if c.count == 0 {
		args = append(args, "-E") // leave when subscribed
	} else {
		args = append(args, "-C", fmt.Sprint(c.count), "-W", "20")
	}
	return strings.Fields(output(t, mosquitto(t, s, "mosquitto_sub", version, c, args...)))
}

// TestMosquittoRequestResponse: mosquitto_rr asks with a response topic and
// correlation data; a Paho client answers to where it was told.
func TestMosquittoRequestResponse(t *testing.T) {
	for qos := byte(0); qos <= 2; qos++ {
		s := newSite(t)
		answer(t, s)
		cmd := mosquitto(t, s, "mosquitto_rr", "5", call{id: "lab-asker", user: "lab", qos: qos}, "-t", "app/lab/question", "-e", "app/lab/answer", "-m", "how are you", "-W", "10")
		if got := strings.TrimSpace(output(t, cmd)); got != "HOW ARE YOU" {
			t.Errorf("QoS %d: answered %q", qos, got)
		}
	}
}

// TestMosquittoWillAndRetained: what mosquitto_sub --retained-only and a will say.
func TestMosquittoWillAndRetained(t *testing.T) {
	s := newSite(t)
	if err := s.server.Publish(t.Context(), "v1/monitor-1/status", []byte("retained"), 1, true, nil); err != nil {
		t.Fatal(err)
	}
	cmd := mosquitto(t, s, "mosquitto_sub", "311", call{id: "lab-1", user: "lab", qos: 1}, "-t", "v1/+/status", "--retained-only", "-C", "1", "-W", "10", "-F", "%t %p %r")
	if got := strings.TrimSpace(output(t, cmd)); got != "v1/monitor-1/status retained 1" {
		t.Errorf("retained: %q", got)
	}
	s.until("the asker has left", func() bool { return s.server.Stats().Subscriptions == 0 })
	sleeper := mosquitto(t, s, "mosquitto_sub", "5", call{id: "monitor-1", user: "monitor-1"}, "-t", "v1/monitor-1/command",
		"--will-topic", "v1/monitor-1/event", "--will-payload", "gone", "--will-qos", "1")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	s.until("it has subscribed", func() bool { return s.server.Stats().Subscriptions == 1 })
	sleeper.Process.Kill()
	sleeper.Wait()
	s.until("its will is in the journal", func() bool { return slices.Equal(s.journal.all(), []string{"gone"}) })
}

func TestForeignClientsAreRefused(t *testing.T) {
	s := newSite(t)
	for _, version := range []string{"311", "5"} {
		for _, c := range []struct {
			program string
			args    []string
		}{
			{"mosquitto_pub", []string{"-t", "v1/monitor-1/telemetry", "-m", "x", "-P", "guess"}},
			{"mosquitto_pub", []string{"-t", "v1/monitor-1/telemetry", "-m", "x", "-i", "monitor-2"}},
			{"mosquitto_sub", []string{"-t", "#", "-W", "2", "-E"}},
		} {
			cmd := mosquitto(t, s, c.program, version, call{id: "monitor-1", user: "monitor-1", qos: 1}, c.args...)
			b, err := cmd.CombinedOutput()
			if err == nil && !strings.Contains(string(b), "denied") && !strings.Contains(string(b), "rejected") {
				t.Errorf("%s %v: let through\n%s", c.program, c.args, b)
			}
		}
	}
	if n := len(s.journal.all()); n != 0 {
		t.Errorf("%d packets in the journal", n)
	}
}

// --- MQTT.js

func needNode(t *testing.T) {
	t.Helper()
	need.Tool(t, "node")
	if _, err := os.Stat("../node_modules/mqtt"); err != nil {
		need.Missing(t, "no MQTT.js (npm ci in test/conformance)")
	}
}

func node(t *testing.T, s *site, mode string, level int, c call) []string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"url": "mqtt://" + s.address, "mode": mode, "level": level, "id": c.id, "username": c.user,
		"password": "secret", "topic": c.topic, "qos": c.qos, "count": c.count, "clean": !c.keep})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var got []string
	lines := bufio.NewScanner(strings.NewReader(output(t, exec.CommandContext(ctx, "node", "client.mjs", string(text)))))
	for lines.Scan() {
		var body string
		if err := json.Unmarshal(lines.Bytes(), &body); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		got = append(got, body)
	}
	return got
}
