// Package e2e drives the real pages in a real browser against the real binary.
package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigilcare/vigil/test/need"
)

// binary builds vigil for one test.
func binary(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "vigil")
	build := exec.Command("go", "build", "-o", out, "./cmd/vigil")
	build.Dir = need.Root(t)
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build vigil: %v\n%s", err, text)
	}
	return out
}

// server is a running vigil.
type server struct {
	HTTP, MQTT, Link string
}

// serve starts vigil on free ports and stops it at the end of the test.
func serve(t *testing.T, vigil string) server {
	t.Helper()
	cmd := exec.Command(vigil, "serve", "--json", "--log-level", "warn", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the server did not stop cleanly: %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("the server does not stop")
			_ = cmd.Process.Kill()
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatalf("read the server's addresses: %v", err)
	}
	var s server
	if err := json.Unmarshal(line, &s); err != nil {
		t.Fatalf("read the server's addresses %s: %v", line, err)
	}
	return s
}

// TestRecordingOnTheWard plays MIT-BIH record 100 as a device and looks at it.
func TestRecordingOnTheWard(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	record := need.Data(t, "mitdb/100.hea")
	need.Tool(t, "chromium")
	node := need.Tool(t, "node")
	root := need.Root(t)
	if _, err := os.Stat(filepath.Join(root, "web", "node_modules", "playwright-core")); err != nil {
		need.Missing(t, "playwright-core is not there (make deps)")
	}
	vigil := binary(t)
	s := serve(t, vigil)
	_, token, ok := strings.Cut(s.Link, "#")
	if !ok {
		t.Fatalf("no one-time link for the first administrator in %+v", s)
	}
	shot := filepath.Join(t.TempDir(), "recording.png")
	cmd := exec.Command(node, "recording.mjs", vigil, s.HTTP, s.MQTT, token, record, shot)
	cmd.Dir = filepath.Join(root, "test", "e2e")
	text, err := cmd.CombinedOutput()
	t.Logf("%s", text)
	if keep := os.Getenv("VIGIL_SHOTS"); keep != "" {
		if body, err := os.ReadFile(shot); err == nil {
			if err := os.WriteFile(filepath.Join(keep, "recording.png"), body, 0o644); err != nil {
				t.Error(err)
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
