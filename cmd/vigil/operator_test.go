package main

import (
	"bytes"
	"encoding/csv"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// console runs a command line and returns what it printed.
func console(t *testing.T, input string, args ...string) (out, problems string, status int) {
	t.Helper()
	var o, e bytes.Buffer
	w := world{in: strings.NewReader(input), out: &o, err: &e, getenv: func(string) string { return "" }}
	status = run(t.Context(), w, args)
	return o.String(), e.String(), status
}

func rowsOf(t *testing.T, text string) [][]string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return rows
}

// Without a server the commands work on the store itself.
func TestOperatorWithoutServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	out, problems, status := console(t, "", "device", "add", "scale-1", "--data", data, "scale-2", "--kind", "scale")
	rows := rowsOf(t, out)
	if status != 0 || len(rows) != 3 || rows[0][2] != "password" || rows[1][0] != "scale-1" || len(rows[2][2]) < 40 {
		t.Fatalf("%d %s%s", status, out, problems)
	}
	out, problems, status = console(t, "id,label,kind,model,udi\nring-1,Ring,ring,,\nscale-1,Again,scale,,\n", "device", "add", "--data", data, "--csv", "-", "--header=false")
	if rows := rowsOf(t, out); status != 1 || len(rows) != 1 || rows[0][0] != "ring-1" || !strings.Contains(problems, "line 3: device scale-1 is enrolled already") {
		t.Errorf("%d %s%s", status, out, problems)
	}
	out, _, _ = console(t, "", "device", "list", "--data", data)
	if rows := rowsOf(t, out); len(rows) != 4 || rows[2][0] != "scale-1" {
		t.Errorf("the list is %s", out)
	}
	secret, problems, status := console(t, "", "token", "add", "--data", data, "the lab")
	if status != 0 || strings.Count(secret, "\n") != 1 || strings.Contains(problems, strings.TrimSpace(secret)) {
		t.Errorf("%d %q %q", status, secret, problems)
	}
	out, _, _ = console(t, "", "token", "list", "--data", data)
	id := rowsOf(t, out)[1][0]
	if _, _, status := console(t, "", "token", "revoke", "--data", data, id); status != 0 {
		t.Error("the token could not be revoked")
	}
	if out, _, _ = console(t, "", "token", "list", "--data", data); len(rowsOf(t, out)) != 1 {
		t.Errorf("after revoking: %s", out)
	}
	if out, _, status := console(t, "", "user", "add", "--data", data, "--role", "nurse", "ann"); status != 0 || !strings.HasPrefix(out, "/sign-in#") {
		t.Errorf("%d %s", status, out)
	}
	for _, wrong := range [][]string{
		{"device"}, {"device", "steal"}, {"token", "revoke", "--data", data}, {"user", "add", "--data", data, "ben"}, {"device", "add", "--server", "http://127.0.0.1:1"},
	} {
		if _, _, status := console(t, "", wrong...); status != 2 {
			t.Errorf("%v ended with %d, want 2", wrong, status)
		}
	}
	if _, problems, status := console(t, "", "user", "add", "--data", data, "--role", "king", "ben"); status != 1 || !strings.Contains(problems, "king") {
		t.Errorf("%d %s", status, problems)
	}
}

// With a server that runs on the data the commands go through it, and what they
// change counts at once.
func TestOperatorWithServer(t *testing.T) {
	data := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "elsewhere.db"), Keeper: seal.Ephemeral()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	gate := auth.New(auth.Options{Store: db})
	s, err := webd.New(webd.Options{Gate: gate, Store: db, Commands: stillness{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	withdraw, err := offerOperator(data, server.URL, "", gate)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(data, operatorFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the operator's file is %v, %v", info.Mode(), err)
	}
	out, problems, status := console(t, "", "device", "add", "--data", data, "scale-1")
	if status != 0 {
		t.Fatalf("%s%s", out, problems)
	}
	secret := rowsOf(t, out)[1][2]
	if p, err := gate.DeviceLogin(t.Context(), "scale-1", "scale-1", []byte(secret), nil, ""); err != nil || p.ID != "scale-1" {
		t.Errorf("the running server does not know the device: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, "vigil.db")); err == nil {
		t.Error("a store was made beside the running server's")
	}
	token, _, _ := console(t, "", "token", "add", "--data", data, "--role", "technician", "enrolment")
	if out, problems, status := console(t, "", "device", "add", "--server", server.URL, "--token", strings.TrimSpace(token), "scale-2"); status != 0 {
		t.Errorf("from afar: %s%s", out, problems)
	}
	if _, problems, status := console(t, "", "device", "add", "--server", server.URL, "--token", "guess", "scale-3"); status != 1 || !strings.Contains(problems, "token") {
		t.Errorf("a wrong token: %d %s", status, problems)
	}
	if out, _, _ := console(t, "", "user", "add", "ann", "--data", data, "--role", "nurse"); !strings.HasPrefix(out, server.URL+"/sign-in#") {
		t.Errorf("the link is %s", out)
	}
	withdraw()
	if out, _, _ := console(t, "", "device", "list", "--data", data); strings.Contains(out, "scale-1") {
		t.Error("the server has stopped, and its data still came")
	}
	if d, err := db.Device(t.Context(), store.Everything(vital.DefaultSite), "scale-2"); err != nil || d.Class != "device" {
		t.Errorf("%+v %v", d, err)
	}
}

// The last administrator comes back at the server, and nowhere else.
//
// Covers: A10 ASVS-6.4.4
func TestTheLastAdministratorComesBack(t *testing.T) {
	data := t.TempDir()
	db, err := store.Open(t.Context(), store.Options{DSN: "sqlite:" + filepath.Join(t.TempDir(), "elsewhere.db"), Keeper: seal.Ephemeral()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	gate := auth.New(auth.Options{Store: db})
	s, err := webd.New(webd.Options{Gate: gate, Store: db, Commands: stillness{}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	withdraw, err := offerOperator(data, server.URL, "", gate)
	if err != nil {
		t.Fatal(err)
	}
	defer withdraw()
	entry := audit.Entry{Site: vital.DefaultSite, Who: "test", Action: "test.furnish"}
	boss := store.User{ID: "u-boss", Name: "Boss", Username: "boss", Roles: []string{"administrator"}, AllWards: true, State: "active", PasswordHash: "$argon2id$"}
	if err := db.PutUser(t.Context(), entry, boss); err != nil {
		t.Fatal(err)
	}
	token, _, _ := console(t, "", "token", "add", "--data", data, "--role", "administrator", "sync")
	if _, problems, status := console(t, "", "user", "link", "--server", server.URL, "--token", strings.TrimSpace(token), "boss"); status == 0 {
		t.Errorf("a program from afar recovered an account: %s", problems)
	}
	out, problems, status := console(t, "", "user", "link", "--data", data, "boss")
	if status != 0 || !strings.HasPrefix(out, server.URL+"/sign-in#") {
		t.Fatalf("%d %s %s", status, out, problems)
	}
	if _, _, status := console(t, "", "user", "link", "--data", data, "nobody"); status != 1 {
		t.Errorf("nobody: %d", status)
	}
	_, secret, _ := strings.Cut(strings.TrimSpace(out), "#")
	p, _, err := gate.UseLink(t.Context(), secret, auth.From{Remote: "127.0.0.1"})
	if err != nil || p.ID != "u-boss" || !p.Half() {
		t.Errorf("%+v %v", p, err)
	}
	if w, err := gate.Ways(t.Context(), "u-boss"); err != nil || w.Password {
		t.Errorf("what let the boss in before: %+v %v", w, err)
	}
	notices, err := db.Notices(t.Context(), vital.DefaultSite, "u-boss", 0)
	if err != nil || len(notices) != 2 {
		t.Errorf("told: %+v %v", notices, err)
	}
}
