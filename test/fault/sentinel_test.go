//go:build sentinel

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
)

// TestSentinel (built with -tags sentinel, since it takes four minutes) breaks a real server in every way that a sentinel has to see, with
// the real programs and the sentinel's standard times, and measures how long it
// takes until the sentinel's own channel, a program that it runs, is heard. The
// server with the small disk has one other setting: what counts as little.
func TestSentinel(t *testing.T) {
	program := filepath.Join(t.TempDir(), "vigil")
	build := exec.Command("go", "build", "-o", program, "./cmd/vigil")
	build.Dir = need.Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	t.Run("faults", func(t *testing.T) { t.Parallel(); sentinelFaults(t, newGuarded(t, program, t.TempDir())) })
	t.Run("disk", func(t *testing.T) { t.Parallel(); sentinelDisk(t, program) })
}

func sentinelFaults(t *testing.T, g *guarded) {
	g.watch("")
	g.hear(30*time.Second, "start start")

	var silent string // a second sentinel, which says nothing
	g.fault("quiet", func() {
		silent = g.make("/sentinels", map[string]string{"name": "silent", "webhook": "https://127.0.0.1:1/"})
	})
	time.Sleep(60 * time.Second)
	if said := g.told(); said != "" {
		t.Errorf("false alarm in 60 s of quiet: %s", said)
	}
	fmt.Println("sentinel quiet 60 s: no alarm")
	g.alarms(15*time.Second, "sentinel-silent", true)
	fmt.Printf("sentinel silent: the server says so after %.1f s\n", time.Since(g.at).Seconds())
	g.ask("DELETE", "/tokens/"+silent, "", "", nil, nil)
	g.alarms(15*time.Second, "sentinel-silent", false)

	g.fault("notifier", g.door.shut)
	g.measure(60*time.Second, "notifier", "alarm notifier")
	g.fault("notifier, over", g.door.open)
	g.measure(60*time.Second, "recovered", "recovered notifier")

	device, password := g.furnish()
	base, files := g.rules()
	broken := append(files[:len(files):len(files)], map[string]string{"name": "ratio.rule", "text": ratioRule})
	g.fault("rules", func() {
		g.put("/rules", map[string]any{"files": broken, "why": "fault", "base": base})
		g.post("/telemetry", device, password, `{"readings":[{"metric":"heart-rate","value":80,"unit":"/min"},{"metric":"perfusion-index","value":0,"unit":"%"}]}`)
	})
	g.measure(60*time.Second, "rules", "alarm rules")
	g.fault("rules, over", func() {
		now, _ := g.rules()
		g.put("/rules", map[string]any{"files": files, "why": "fault over", "base": now})
	})
	g.measure(60*time.Second, "recovered", "recovered rules")

	g.fault("stopped", func() { g.run.Process.Signal(syscall.SIGSTOP) })
	g.measure(30*time.Second, "SIGSTOP", "alarm stuck")
	g.fault("stopped, over", func() { g.run.Process.Signal(syscall.SIGCONT) })
	g.measure(60*time.Second, "recovered", "recovered stuck")

	g.fault("killed", g.kill)
	g.measure(30*time.Second, "kill -9", "alarm dead")
	g.fault("killed, over", func() { g.start(g.http, g.mqtt) })
	g.measure(60*time.Second, "recovered", "recovered dead")
}

func sentinelDisk(t *testing.T, program string) {
	dir := t.TempDir()
	if os.Geteuid() != 0 || exec.Command("mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "vigil-sentinel", dir).Run() != nil {
		need.Missing(t, "a small disk needs root")
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	g := newGuarded(t, program, dir)
	g.watch("limits:\n  disk-free: 4194304\n")
	g.hear(30*time.Second, "start start")
	time.Sleep(12 * time.Second)
	if said := g.told(); said != "" {
		t.Errorf("false alarm before the disk was full: %s", said)
	}
	fill := func(leave uint64) {
		var disk syscall.Statfs_t
		if err := syscall.Statfs(dir, &disk); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(filepath.Join(dir, "ballast"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if free := disk.Bavail * uint64(disk.Bsize); free > leave {
			io.Copy(f, io.LimitReader(zeros{}, int64(free-leave))) // as far as there is room
		}
	}
	g.fault("little disk", func() { fill(2 << 20) })
	g.measure(60*time.Second, "disk low", "alarm disk:")
	g.fault("full disk", func() { fill(0) })
	g.measure(60*time.Second, "disk full", "alarm disk full:")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// guarded is a server with its sentinel.
type guarded struct {
	t          *testing.T
	program    string
	data       string // of the server
	dir        string // of the sentinel
	run        *exec.Cmd
	http, mqtt string
	orders     []string // how the sentinel is started
	sentinel   *exec.Cmd
	door       *doorway // between the notifier and the sentinel
	at         time.Time
	heard      int // lines of the sentinel's channel that were judged
}

func newGuarded(t *testing.T, program, data string) *guarded {
	g := &guarded{t: t, program: program, data: filepath.Join(data, "data"), dir: t.TempDir()}
	g.start("127.0.0.1:0", "127.0.0.1:0")
	t.Cleanup(func() { g.run.Process.Signal(syscall.SIGCONT); g.kill() })
	return g
}

func (g *guarded) start(httpAt, mqttAt string) {
	g.t.Helper()
	g.run = exec.Command(g.program, "serve", "--json", "--data", g.data, "--http", httpAt, "--mqtt", mqttAt, "--notify-inside", "127.0.0.1", "--log-level", "error")
	out, err := g.run.StdoutPipe()
	if err == nil {
		err = g.run.Start()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadBytes('\n')
	var where struct{ HTTP, MQTT string }
	if err := json.Unmarshal(line, &where); err != nil {
		g.t.Fatalf("the server does not say where it listens: %v", err)
	}
	g.http, g.mqtt = host(where.HTTP), host(where.MQTT)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if text, _ := os.ReadFile(filepath.Join(g.data, "operator.json")); strings.Contains(string(text), g.http) {
			return
		}
	}
	g.t.Fatal("the server does not say how it is administered")
}

func (g *guarded) kill() {
	g.run.Process.Kill()
	g.run.Wait()
}

// watch enrols a sentinel behind a doorway and starts it.
func (g *guarded) watch(more string) {
	g.t.Helper()
	listen := free(g.t)
	g.door = newDoorway(g.t, listen)
	settings := filepath.Join(g.dir, "sentinel.yaml")
	if out, err := exec.Command(g.program, "sentinel", "enrol", "--data", g.data, "--name", "test", "--listen", listen,
		"--reach", "http://"+g.door.address+"/page", "--out", settings).CombinedOutput(); err != nil {
		g.t.Fatalf("enrol: %v: %s", err, out)
	}
	if more != "" {
		f, err := os.OpenFile(settings, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			g.t.Fatal(err)
		}
		f.WriteString(more)
		f.Close()
	}
	bell := filepath.Join(g.dir, "bell")
	if err := os.WriteFile(bell, []byte("#!/bin/sh\necho \"$VIGIL_STATE $VIGIL_KIND: $1\" >> "+g.dir+"/told\n"), 0o700); err != nil {
		g.t.Fatal(err)
	}
	g.orders = []string{"sentinel", "run", "--config", settings, "--exec", bell}
	g.see()
	g.t.Cleanup(func() {
		g.blind()
		if g.t.Failed() {
			text, _ := os.ReadFile(filepath.Join(g.dir, "log"))
			g.t.Logf("sentinel: %s", tail(text))
		}
	})
}

// see starts the sentinel, and blind kills it.
func (g *guarded) see() {
	g.t.Helper()
	g.sentinel = exec.Command(g.program, g.orders...)
	log, err := os.OpenFile(filepath.Join(g.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer log.Close()
	g.sentinel.Stderr = log
	if err := g.sentinel.Start(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guarded) blind() {
	g.sentinel.Process.Kill()
	g.sentinel.Wait()
}

// alarms waits until the open alarms of the server have that rule, or have it no more.
func (g *guarded) alarms(limit time.Duration, rule string, there bool) {
	g.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		var open struct {
			Items []struct{ Rule, Condition, Priority string }
		}
		g.ask("GET", "/alarms?state=open", "", "", nil, &open)
		found := false
		for _, a := range open.Items {
			found = found || a.Rule == rule && a.Condition == "present" && a.Priority == "low"
		}
		if found == there {
			return
		}
	}
	g.t.Fatalf("%s within %s: want %v", rule, limit, there)
}

// told is what the sentinel's channel said since it was last judged.
func (g *guarded) told() string {
	text, _ := os.ReadFile(filepath.Join(g.dir, "told"))
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[min(g.heard, len(lines)):], "\n")
}

// hear waits until the channel says that, and returns the line.
func (g *guarded) hear(limit time.Duration, what string) string {
	g.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for line := range strings.SplitSeq(g.told(), "\n") {
			if strings.HasPrefix(line, what) {
				text, _ := os.ReadFile(filepath.Join(g.dir, "told"))
				g.heard = len(strings.Split(strings.TrimSpace(string(text)), "\n"))
				return line
			}
		}
	}
	g.t.Fatalf("%q was not heard within %s; heard: %s", what, limit, g.told())
	return ""
}

func (g *guarded) fault(_ string, strike func()) {
	g.at = time.Now()
	strike()
}

func (g *guarded) measure(limit time.Duration, name, what string) {
	g.t.Helper()
	line := g.hear(limit, what)
	fmt.Printf("sentinel %-10s %5.1f s (limit %.0f s): %s\n", name, time.Since(g.at).Seconds(), limit.Seconds(), line)
}

func (g *guarded) ask(method, path, user, secret string, body []byte, out any) {
	g.t.Helper()
	r, err := http.NewRequest(method, "http://"+g.http+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if user != "" {
		r.SetBasicAuth(user, secret)
	} else {
		text, err := os.ReadFile(filepath.Join(g.data, "operator.json"))
		var access struct{ Token string }
		if err != nil || json.Unmarshal(text, &access) != nil {
			g.t.Fatalf("operator.json: %v", err)
		}
		r.Header.Set("Authorization", "Bearer "+access.Token)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		g.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode >= 300 {
		g.t.Fatalf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	if out != nil && json.Unmarshal(text, out) != nil {
		g.t.Fatalf("%s %s: %s", method, path, text)
	}
}

func (g *guarded) make(path string, body any) (id string) {
	g.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	var made struct{ ID string }
	g.ask("POST", path, "", "", text, &made)
	return made.ID
}

func (g *guarded) put(path string, body any) {
	g.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		g.t.Fatal(err)
	}
	g.ask("PUT", path, "", "", text, nil)
}

func (g *guarded) post(path, user, password, body string) {
	g.t.Helper()
	g.ask("POST", path, user, password, []byte(body), nil)
}

func (g *guarded) rules() (version string, files []map[string]string) {
	g.t.Helper()
	var set struct {
		Version string
		Files   []map[string]string
	}
	g.ask("GET", "/rules", "", "", nil, &set)
	return set.Version, set.Files
}

// furnish puts a patient with a device into a bed at home, where no screen is
// expected to sound.
func (g *guarded) furnish() (device, password string) {
	g.t.Helper()
	ward := g.make("/wards", map[string]string{"name": "Home", "zone": "Europe/Zurich", "kind": "home"})
	bed := g.make("/wards/"+ward+"/beds", map[string]string{"label": "1"})
	patient := g.make("/patients", map[string]any{"family": "Fault", "given": "F", "birth": "1950-01-01", "sex": "female", "bed": bed, "numbers": []any{map[string]string{"system": "x", "value": "1"}}})
	var made struct {
		Device     struct{ ID string }
		Credential struct{ Username, Password string }
	}
	g.ask("POST", "/devices", "", "", []byte(`{"kind":"wearable"}`), &made)
	g.make("/devices/"+made.Device.ID+"/bind", map[string]any{"patient": patient, "why": "fault", "confirm": map[string]string{"family": "Fault", "number": "1"}})
	return made.Device.ID, made.Credential.Password
}

func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// doorway is the way from the server's notifier to the sentinel, which can be shut.
type doorway struct {
	address string
	mu      sync.Mutex
	closed  bool
	through map[net.Conn]bool
}

func newDoorway(t *testing.T, to string) *doorway {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	d := &doorway{address: l.Addr().String(), through: map[net.Conn]bool{}}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if !d.keep(in) || err != nil {
				in.Close()
				continue
			}
			go func() { io.Copy(out, in); out.Close() }()
			go func() { io.Copy(in, out); in.Close() }()
		}
	}()
	return d
}

func (d *doorway) keep(c net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.through[c] = true
	return !d.closed
}

func (d *doorway) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for c := range d.through {
		c.Close()
	}
	clear(d.through)
}

func (d *doorway) open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = false
}
