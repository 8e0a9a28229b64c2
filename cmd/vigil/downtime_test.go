package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// The sheets lie in a directory that only we can read, one a ward, noted once;
// that they cannot be written is an alarm, once, that is taken back.
func TestSheetsAreWritten(t *testing.T) {
	ctx := t.Context()
	c := defaults()
	c.Data, c.HTTP, c.MQTT = t.TempDir(), "", ""
	n, err := openNode(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer n.close(ctx)
	e := audit.Entry{Site: n.site, Who: "test", Action: "test.furnish"}
	for _, id := range []vital.WardID{"w-a", "w-b"} {
		if _, err := n.store.PutWard(ctx, e, store.Ward{ID: id, Name: "Ward " + string(id), Zone: "UTC", Kind: "adult"}); err != nil {
			t.Fatal(err)
		}
	}
	directory := c.downtime()
	if directory != filepath.Join(c.Data, "downtime") {
		t.Fatal(directory)
	}
	for range 2 { // over the one before
		if err := n.writeSheets(ctx, directory); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(directory)
	if err != nil || len(entries) != 2 {
		t.Fatal(entries, err)
	}
	if info, err := os.Stat(directory); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	info, err := os.Stat(filepath.Join(directory, "w-a.html"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if body, err := os.ReadFile(filepath.Join(directory, "w-b.html")); err != nil || !strings.Contains(string(body), "Ward w-b") {
		t.Error(string(body), err)
	}
	count := func(action string) (n2 int) {
		all, err := n.store.Audit(ctx, store.Everything(n.site), store.AuditFilter{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range all {
			if one.Action == action && one.Who == "system" {
				n2++
			}
		}
		return n2
	}
	if got := count("downtime.export"); got != 2 {
		t.Errorf("%d exports noted, want one a refresh", got)
	}

	blocked := filepath.Join(c.Data, "blocked")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	failed := n.writeSheets(ctx, blocked)
	if failed == nil {
		t.Fatal("sheets were written into a file")
	}
	for i, err := range []error{nil, failed, failed, nil, nil} {
		if err := n.reportSheets(ctx, err); err != nil {
			t.Fatal(i, err)
		}
	}
	pending, err := n.store.PendingControls(ctx, n.site, 100)
	if err != nil {
		t.Fatal(err)
	}
	var stands []string
	for _, p := range pending {
		if p.Kind == store.ControlReport {
			stands = append(stands, string(p.Body))
		}
	}
	if len(stands) != 2 || count("downtime.report") != 2 || !strings.Contains(stands[0], `"downtime-sheet"`) || stands[0] == stands[1] {
		t.Errorf("%q", stands)
	}
}

// The time of the last whole writing stays while writing fails, so that a screen can say how old the sheets are.
func TestSheetsKeepTheirTimeWhileTheyFail(t *testing.T) {
	n := &node{config: config{Data: t.TempDir()}}
	if got := n.sheetsState(); got != (webd.Sheets{}) {
		t.Fatalf("before the first: %+v", got)
	}
	n.written.say(nil)
	first := n.sheetsState()
	if first.Written == 0 || first.Failing {
		t.Fatalf("written: %+v", first)
	}
	n.written.say(errors.New("full"))
	if got := n.sheetsState(); got.Written != first.Written || !got.Failing {
		t.Fatalf("failing: %+v after %+v", got, first)
	}
	n.written.say(nil)
	if got := n.sheetsState(); got.Failing || got.Written < first.Written {
		t.Fatalf("again: %+v", got)
	}
	n.config.Downtime = sheetsOff
	if got := n.sheetsState(); got != (webd.Sheets{Off: true}) {
		t.Fatalf("off: %+v", got)
	}
}
