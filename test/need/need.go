// Package need says what a test needs beyond Go: a recording, a program, a
// database. On a newcomer's machine a missing one skips the test and says so;
// under VIGIL_REQUIRE=all (make verify REQUIRE=all) it fails it, so that a green
// run can never be a run that skipped what it should have shown.
package need

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// all reports whether a skip is a failure.
func all() bool { return os.Getenv("VIGIL_REQUIRE") == "all" }

// Missing ends the test because something it needs is not there: it skips, or
// fails when everything is required.
func Missing(t testing.TB, format string, values ...any) {
	t.Helper()
	if all() {
		t.Fatalf("required: "+format, values...)
	}
	t.Skipf("skipped: "+format, values...)
}

// Root returns the folder of go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// Data returns the path of a recording, given below the data folder: VIGIL_DATA,
// or ../shared/data beside the clone. The recordings are not part of the
// project, so their absence is never a failure.
func Data(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("VIGIL_DATA")
	if dir == "" {
		dir = filepath.Join(Root(t), "..", "shared", "data")
	}
	p := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("skipped: no recording at %s (set VIGIL_DATA to the folder of recordings)", p)
	}
	return p
}

// Tool returns the path of a program.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if p := filepath.Join(dir, name); executable(p) {
			return p
		}
	}
	Missing(t, "the program %s is not installed (make deps)", name)
	return ""
}

// Superuser ends the test unless it runs as root, who alone may mount an image.
func Superuser(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "only root may mount an image")
	}
}

// Postgres returns the address of an empty database that lives as long as the
// test, on the server that VIGIL_TEST_POSTGRES names (scripts/postgres.sh starts
// a throw-away one).
func Postgres(t testing.TB) string {
	t.Helper()
	address := os.Getenv("VIGIL_TEST_POSTGRES")
	if address == "" {
		Missing(t, "no PostgreSQL: VIGIL_TEST_POSTGRES is not set (scripts/postgres.sh go test ./...)")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatalf("VIGIL_TEST_POSTGRES: %v", err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatalf("open PostgreSQL: %v", err)
	}
	name := "vigil_test_" + rand.Text()[:12]
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, `CREATE DATABASE "`+name+`"`); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec(`DROP DATABASE IF EXISTS "` + name + `" WITH (FORCE)`); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
		db.Close()
	})
	u.Path = "/" + name
	return u.String()
}

func executable(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}
