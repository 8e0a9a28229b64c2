package webd_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"testing"
)

// A record is whole, says what is left out, proves itself, and goes only to whom
// the patient's data may go; that it was taken is in the ledger.
//
// Covers: H5 GDPR-20
func TestRecord(t *testing.T) {
	w := newWorld(t)
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/patients/p-a/record.zip", status: 403},
		{who: "administrator-only", method: "GET", path: "/patients/p-a/record.zip", status: 403},
		{who: "clinician", method: "GET", path: "/patients/p-b/record.zip", status: 404},
	})
	a := w.ask("clinician", "GET", "/patients/p-a/record.zip", "")
	if a.status != 200 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	z, err := zip.NewReader(bytes.NewReader(a.body), int64(len(a.body)))
	w.do(err)
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		w.do(err)
		files[f.Name], err = io.ReadAll(r)
		w.do(err)
	}
	var m struct {
		Without []string
		Files   []struct {
			Name, SHA256 string
			Lines        int
		}
	}
	w.do(json.Unmarshal(files["manifest.json"], &m))
	if len(m.Files) != len(files)-1 || len(m.Without) != 1 || !strings.Contains(m.Without[0], "looked") {
		t.Errorf("manifest: %+v", m)
	}
	for _, f := range m.Files {
		sum := sha256.Sum256(files[f.Name])
		if hex.EncodeToString(sum[:]) != f.SHA256 || strings.HasSuffix(f.Name, ".ndjson") && bytes.Count(files[f.Name], []byte("\n")) != f.Lines {
			t.Errorf("%s is not what the manifest says", f.Name)
		}
	}
	if !bytes.Contains(files["person.json"], []byte(`"Abel"`)) || bytes.Contains(a.body, []byte("Baker")) {
		t.Errorf("person: %s", files["person.json"])
	}
	if entries := string(w.ask("auditor", "GET", "/audit?patient=p-a&action=patient.export", "").body); !strings.Contains(entries, "patient.export") {
		t.Errorf("the ledger does not say that the record was taken: %s", entries)
	}
}

// Covers: K2
func TestForgettingAsksTwice(t *testing.T) {
	run(t, newWorld(t), []scenario{
		{who: "clinician", method: "DELETE", path: "/patients/p-a/record", body: `{"why":"x","confirm":{"family":"Abel","number":"100a"}}`, status: 403},
		{who: "administrator", method: "DELETE", path: "/patients/p-a/record", body: `{"why":"","confirm":{"family":"Abel","number":"100a"}}`, status: 400},
		{who: "administrator", method: "DELETE", path: "/patients/p-a/record", body: `{"why":"x","confirm":{"family":"Baker","number":"100a"}}`, status: 412, want: []string{"confirm.family"}},
		{who: "administrator", method: "DELETE", path: "/patients/p-a/record", body: `{"why":"x","confirm":{"family":"Abel","number":"100b"}}`, status: 412, want: []string{"confirm.number"}},
		{who: "administrator", method: "DELETE", path: "/patients/p-a/record", body: `{"why":"x","confirm":{"family":"Abel","number":"100a"}}`, status: 412, want: []string{"bed"}},
		{who: "administrator", method: "GET", path: "/backups", status: 200, want: []string{`"dir":""`, `"backups":[]`}},
		{who: "administrator", method: "POST", path: "/backups", body: `{}`, status: 412},
		{who: "nurse", method: "GET", path: "/backups", status: 403},
		{who: "nurse", method: "GET", path: "/keys", status: 403},
		{who: "administrator", method: "POST", path: "/keys/rotation", body: `{"what":"everything"}`, status: 412},
	})
}
