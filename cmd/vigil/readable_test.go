package main

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// Canaries: what identifies somebody, and what was measured.
var (
	identities = []string{"Quirrenbach", "quirrenbach", "Zebulonius", "1931-07-19", "MRN-774411", "mrn774411", "whispered", "Eibenweg", "+41795550199", "canary@example.org", "Wachholderin", "previewcanary"}
	measured   = []string{"36.173", "whispered", "Quirrenbach", "MRN-774411"}
)

// quiet is a log that many write.
type quiet struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (q *quiet) Write(b []byte) (int, error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.text.Write(b)
}

func (q *quiet) String() string {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.text.String()
}

// running serves a data directory until do returns.
func running(t *testing.T, c config, log *quiet, do func(ctx context.Context, n *node, at addresses, a *api)) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	l, err := newLog("debug", log)
	if err != nil {
		t.Fatal(err)
	}
	err = serve(ctx, c, l, serving{run: func(ctx context.Context, n *node, at addresses) error {
		defer stop()
		for {
			a, err := findServer(ctx, c.Data)
			if ctx.Err() != nil {
				t.Errorf("the server cannot be found: %v", err)
				return nil
			}
			if err == nil && a != nil { // its file may be half-written
				do(ctx, n, at, a)
				return nil
			}
			time.Sleep(20 * time.Millisecond)
		}
	}})
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
}

func sealedConfig(t *testing.T) config {
	c := defaults()
	c.Data, c.HTTP, c.MQTT = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	c.BackupDir, c.Offsite, c.BackupEvery = t.TempDir(), t.TempDir(), 0
	return c
}

// call is api.call that must succeed.
func (a *api) must(t *testing.T, method, path string, in, out any) {
	t.Helper()
	if err := a.call(t.Context(), method, path, in, out); err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
}

// admitted makes a canary patient in a bed with a device that raised an alarm.
func admitted(t *testing.T, n *node, a *api) vital.PatientID {
	t.Helper()
	var ward, bed struct{ ID string }
	a.must(t, "POST", "/wards", map[string]any{"name": "Ward", "zone": "UTC", "kind": "adult"}, &ward)
	a.must(t, "POST", "/wards/"+ward.ID+"/beds", map[string]any{"label": "1"}, &bed)
	var p struct{ ID vital.PatientID }
	a.must(t, "POST", "/patients", map[string]any{
		"family": "Quirrenbach", "given": "Zebulonius", "birth": "1931-07-19", "sex": "male", "flags": []string{"whispered allergy"},
		"numbers": []map[string]string{{"system": "hospital", "value": "MRN-774411"}}, "bed": bed.ID,
	}, &p)
	at := "/patients/" + string(p.ID)
	a.must(t, "PUT", at+"/contact", map[string]any{"name": "Wachholderin Quirrenbach", "relation": "daughter", "phone": "+41795550199", "email": "canary@example.org", "address": "Eibenweg 4"}, nil)
	a.must(t, "POST", at+"/observations", map[string]any{"note": "Quirrenbach whispered", "items": []map[string]any{{"metric": "temperature", "value": 36.173, "unit": "Cel"}}}, nil)
	a.must(t, "POST", at+"/annotations", map[string]any{"text": "Zebulonius whispered again"}, nil)
	var found struct{ Items []webd.PatientCard }
	for _, search := range []string{"quirr", "Zebulonius", "MRN-774411", "mrn774411"} {
		a.must(t, "GET", "/patients?q="+search, nil, &found)
		if len(found.Items) != 1 || found.Items[0].Family != "Quirrenbach" {
			t.Errorf("search %q finds %+v", search, found.Items)
		}
	}
	var device webd.Enrolled
	a.must(t, "POST", "/devices", map[string]any{"id": "monitor-1", "label": "Monitor", "kind": "monitor"}, &device)
	a.must(t, "POST", "/devices/monitor-1/bind", map[string]any{"patient": p.ID, "confirm": map[string]string{"family": "Quirrenbach", "number": "MRN-774411"}}, nil)
	send := func(seq int, body string) {
		t.Helper()
		r, err := http.NewRequest("POST", a.base+"/api/v1/telemetry?wait=decoded", strings.NewReader(strings.Replace(body, "SEQ", fmt.Sprint(seq), 1)))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("monitor-1", device.Credential.Password)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
			t.Errorf("%s: %s %s", body, resp.Status, text)
		}
	}
	for i := range 4 { // a heart that beats so slowly raises an alarm, with its evidence
		send(i+1, `{"seq":SEQ,"x-patient":"Quirrenbach MRN-774411","readings":[{"metric":"heart-rate","value":20,"unit":"/min"},{"metric":"spo2","value":71,"unit":"%"},{"metric":"temperature","value":36.173,"unit":"Cel"}]}`)
	}
	send(8, `{"seq":SEQ,"kind":"button","text":"Quirrenbach whispered MRN-774411"}`)
	send(9, `{"seq":SEQ,"name":"previewcanary Quirrenbach MRN-774411","metric":"heart-rate","value":99}`)
	send(10, `previewcanary Quirrenbach MRN-774411 is no JSON`)
	e := audit.Entry{Site: n.site, Who: "u-test", Role: "administrator", Action: "channels"}
	if err := n.store.PutUser(t.Context(), e, store.User{ID: "u-test", Username: "test", Name: "Test", Roles: []string{"nurse"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.store.SetChannels(t.Context(), e, "u-test", []store.Channel{{Kind: "sms", Address: "+41795550199"}, {Kind: "email", Address: "canary@example.org"}}); err != nil {
		t.Fatal(err)
	}
	return p.ID
}

func scanFolder(t *testing.T, dir string, canaries []string, skip ...string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		for _, s := range skip {
			if name == s {
				return filepath.SkipDir
			}
		}
		if e.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		files++
		scanText(t, name, b, canaries)
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("scanned %d files of %s: %v", files, dir, err)
	}
}

func scanText(t *testing.T, what string, text []byte, canaries []string) {
	t.Helper()
	for _, c := range canaries {
		if i := bytes.Index(text, []byte(c)); i >= 0 {
			t.Errorf("%s can be read in %s: %q", c, what, text[max(0, i-60):min(len(text), i+60)])
		}
	}
}

// Identities go through the whole program (API, search, devices, what cannot be
// read, alarms, contacts, channels) and are readable nowhere on the disk but in
// the downtime sheets, which are for that. Nothing of health is in logs, metrics,
// the support bundle, or the trace of a crash.
//
// Covers: H4 O6 HIPAA-164.312(a)(2)(iv) ASVS-14.2.3 ASVS-16.2.5
func TestNothingIsReadable(t *testing.T) {
	c := sealedConfig(t)
	log := &quiet{}
	running(t, c, log, func(ctx context.Context, n *node, at addresses, a *api) {
		p := admitted(t, n, a)
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			var alarms struct{ Items []struct{ ID string } }
			a.must(t, "GET", "/alarms?patient="+string(p), nil, &alarms)
			if len(alarms.Items) > 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("no alarm was raised")
			}
		}
		if err := n.writeSheets(ctx, n.config.downtime()); err != nil {
			t.Fatal(err)
		}
		if _, err := n.maker.Make(ctx, "operator"); err != nil {
			t.Fatal(err)
		}
		var m http.Response
		if r, err := http.Get(a.base + "/metrics"); err == nil {
			m = *r
			text, _ := io.ReadAll(m.Body)
			m.Body.Close()
			scanText(t, "the metrics", text, measured)
		}
		trace := make([]byte, 4<<20)
		scanText(t, "the trace of a crash", trace[:runtime.Stack(trace, true)], measured)
		// While it runs: the write-ahead log is there.
		scanFolder(t, c.Data, identities, "downtime")
	})
	scanFolder(t, c.Data, identities, "downtime")
	scanFolder(t, c.BackupDir, identities)
	scanFolder(t, c.Offsite, identities)
	scanText(t, "the log", []byte(log.String()), measured)

	sheets, err := filepath.Glob(filepath.Join(c.Data, "downtime", "*.html"))
	if err != nil || len(sheets) == 0 {
		t.Fatalf("no downtime sheets: %v", err)
	}
	for _, s := range sheets {
		if b, err := os.ReadFile(s); err != nil || !bytes.Contains(b, []byte("Quirrenbach")) {
			t.Errorf("%s does not hold the name, so the scan would find nothing either: %v", s, err)
		}
		info, err := os.Stat(s)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", s, info.Mode(), err)
		}
	}
	bundle := filepath.Join(t.TempDir(), "support.zip")
	if out, problems, status := console(t, "", "support", "--data", c.Data, "--out", bundle); status != 0 {
		t.Fatalf("%s%s", out, problems)
	}
	z, err := zip.OpenReader(bundle)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		scanText(t, "the support bundle, "+f.Name, text, append(measured, identities...))
	}
}

// When the keys vanish while Vigil runs, alarms go on and somebody is told; a
// restart refuses and says why; with the copy back everything is there.
//
// Covers: K1
func TestKeysVanish(t *testing.T) {
	c := sealedConfig(t)
	log := &quiet{}
	kept := filepath.Join(t.TempDir(), "keys")
	var p vital.PatientID
	running(t, c, log, func(ctx context.Context, n *node, at addresses, a *api) {
		p = admitted(t, n, a)
		if err := os.CopyFS(kept, os.DirFS(c.keyFolder())); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(c.keyFolder(), "keys.jsonl")); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(200 * time.Millisecond) {
			var alarms struct {
				Items []struct{ Rule string }
			}
			a.must(t, "GET", "/alarms", nil, &alarms)
			told, patients := false, false
			for _, x := range alarms.Items {
				told, patients = told || x.Rule == ruleKeys, patients || x.Rule != ruleKeys
			}
			if told && patients {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("alarms without keys: %+v", alarms.Items)
			}
		}
		a.must(t, "POST", "/patients/"+string(p)+"/annotations", map[string]any{"text": "whispered without keys"}, nil)
		err := a.call(ctx, "POST", "/patients", map[string]any{"family": "Nobody", "numbers": []any{}}, nil)
		if err == nil || !strings.Contains(err.Error(), "key store") {
			t.Errorf("a new patient without keys: %v", err)
		}
	})
	if !strings.Contains(log.String(), "the keys are not safe") {
		t.Error("the log does not say so")
	}
	scanFolder(t, c.Data, identities, "downtime")
	_, err := openNode(t.Context(), c, mustLog(t, log))
	if vital.KindOf(err) != vital.Precondition || err == nil || !strings.Contains(err.Error(), "put their copy back") {
		t.Errorf("a start without keys: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(kept, "keys.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.keyFolder(), "keys.jsonl"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	running(t, c, log, func(_ context.Context, _ *node, _ addresses, a *api) {
		var card webd.PatientCard
		a.must(t, "GET", "/patients/"+string(p), nil, &card)
		if card.Family != "Quirrenbach" {
			t.Errorf("after the copy came back: %+v", card)
		}
	})
}

// A record is taken away, a person forgotten; the journal and a backup from before
// hold nothing of them that opens.
//
// Covers: K2 GDPR-17 GDPR-20
func TestExportAndForget(t *testing.T) {
	c := sealedConfig(t)
	log := &quiet{}
	var p vital.PatientID
	var made string
	record := filepath.Join(t.TempDir(), "record.zip")
	running(t, c, log, func(ctx context.Context, n *node, at addresses, a *api) {
		p = admitted(t, n, a)
		m, err := n.maker.Make(ctx, "operator")
		if err != nil {
			t.Fatal(err)
		}
		made = filepath.Join(c.BackupDir, m.Name)
		f, err := os.Create(record)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.fetch(ctx, "/patients/"+string(p)+"/record.zip", f); err != nil {
			t.Fatal(err)
		}
		f.Close()
		at1 := "/patients/" + string(p)
		body := map[string]any{"why": "asked for it", "confirm": map[string]string{"family": "Quirrenbach", "number": "MRN-774411"}}
		if err := a.call(ctx, "DELETE", at1+"/record", body, nil); err == nil || !strings.Contains(err.Error(), "bed") {
			t.Errorf("forgetting somebody in a bed: %v", err)
		}
		a.must(t, "POST", at1+"/discharge", map[string]any{"why": "home"}, nil)
		wrong := map[string]any{"why": "asked for it", "confirm": map[string]string{"family": "Quirrenbach", "number": "MRN-1"}}
		if err := a.call(ctx, "DELETE", at1+"/record", wrong, nil); err == nil || !strings.Contains(err.Error(), "number") {
			t.Errorf("forgetting with a wrong number: %v", err)
		}
		a.must(t, "DELETE", at1+"/record", body, nil)
		if err := a.call(ctx, "GET", at1, nil, nil); err == nil {
			t.Error("who was forgotten can still be asked for")
		}
	})
	z, err := zip.OpenReader(record)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	for name, part := range map[string]string{"person.json": "Quirrenbach", "observations.ndjson": "whispered", "annotations.ndjson": "whispered again", "readings.ndjson": `"36.173"`, "stays.ndjson": string(p), "manifest.json": "readings.ndjson"} {
		if !strings.Contains(files[name], part) {
			t.Errorf("%s lacks %s: %.200s", name, part, files[name])
		}
	}
	// The keys of now and the backup of before: who was forgotten stays so.
	into := t.TempDir()
	if err := copyKeys(c.keyFolder(), filepath.Join(c.Data, "root.key"), into); err != nil {
		t.Fatal(err)
	}
	out, problems, status := console(t, "", "restore", "--data", into, made)
	if status != 0 || !strings.Contains(out, "forgotten and still so: 1") {
		t.Fatalf("%d %s%s", status, out, problems)
	}
	c.Data = into
	running(t, c, log, func(_ context.Context, _ *node, _ addresses, a *api) {
		var found struct{ Items []webd.PatientCard }
		a.must(t, "GET", "/patients?q=quirr", nil, &found)
		if len(found.Items) != 0 {
			t.Errorf("a backup from before brings back %+v", found.Items)
		}
	})
}

func mustLog(t *testing.T, w io.Writer) *slog.Logger {
	t.Helper()
	l, err := newLog("info", w)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
