package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/vigilcare/vigil/vital"
)

// load completes a configuration from a file, an environment and arguments.
func load(t *testing.T, file string, env map[string]string, args ...string) (config, error) {
	t.Helper()
	c := defaults()
	flags := flag.NewFlagSet("test", flag.ContinueOnError)
	complete := c.bind(flags, world{getenv: func(k string) string { return env[k] }})
	if file != "" {
		path := filepath.Join(t.TempDir(), "vigil.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", path}, args...)
	}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	err := complete()
	return c, err
}

func TestConfigLaterSourcesWin(t *testing.T) {
	file := "http: \"127.0.0.1:1\"\nmqtt: \"127.0.0.1:2\"\nsite: from-file\n"
	env := map[string]string{"VIGIL_MQTT": "127.0.0.1:3", "VIGIL_SITE": "from-env"}
	c, err := load(t, file, env, "--site", "from-flag")
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTP != "127.0.0.1:1" || c.MQTT != "127.0.0.1:3" || c.Site != "from-flag" || c.Data != "./data" {
		t.Errorf("configuration = %+v: want the file's http, the environment's mqtt, the flag's site, the default data", c)
	}
}

func TestConfigRefuses(t *testing.T) {
	tests := []struct {
		name, file string
		env        map[string]string
		args       []string
	}{
		{name: "an unknown key", file: "htpp: \"127.0.0.1:1\"\n"},
		{name: "not a map", file: "- a\n"},
		{name: "a bad address", args: []string{"--http", "nowhere"}},
		{name: "a bad number", env: map[string]string{"VIGIL_PARTITIONS": "two"}},
		{name: "no partition", args: []string{"--partitions", "0"}},
		{name: "half a certificate", args: []string{"--tls-cert", "a.pem"}},
		{name: "retention of nothing", args: []string{"--keep-raw-days", "0"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := load(t, tt.file, tt.env, tt.args...); vital.KindOf(err) != vital.Invalid || err == nil {
				t.Errorf("error = %v, want one of kind invalid", err)
			}
		})
	}
}

// What `vigil config` prints can be read back, and shows no secret.
func TestConfigPrints(t *testing.T) {
	c := defaults()
	c.Store = "postgres://vigil:hunter2@db/vigil"
	c.SMTP, c.SMSURL = "smtp://vigil:hunter2@mail.example.org?from=vigil@example.org", "https://sms.example.org/{to}/{text}?key=hunter2"
	c.SMSBody, c.SMSHeaders = "key=hunter2", "X-Key: hunter2"
	c.Hosts, c.Proxied = "a.example, B.example", true
	var out bytes.Buffer
	if err := c.print(&out); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(out.Bytes(), []byte("hunter2")) {
		t.Errorf("the password is printed:\n%s", &out)
	}
	back, err := load(t, out.String(), nil)
	if err != nil {
		t.Fatalf("what was printed cannot be read back: %v\n%s", err, &out)
	}
	back.Store, back.SMTP, back.SMSURL, back.SMSBody, back.SMSHeaders = c.Store, c.SMTP, c.SMSURL, c.SMSBody, c.SMSHeaders
	if back != c {
		t.Errorf("read back %+v, want %+v", back, c)
	}
	if got := back.hosts(); len(got) != 2 || got[1] != "b.example" {
		t.Errorf("hosts = %q", got)
	}
}

func TestLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.9.9.9:80": true, "[::1]:80": true, "localhost:80": true,
		"0.0.0.0:80": false, ":80": false, "10.0.0.1:80": false, "example.org:80": false, "nonsense": false,
	} {
		if loopback(address) != want {
			t.Errorf("loopback(%q) = %v, want %v: plain text must never leave the machine", address, !want, want)
		}
	}
}
