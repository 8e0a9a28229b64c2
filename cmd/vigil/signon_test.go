package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Passkeys belong to the name that people know the server by.
func TestPartyOfPasskeys(t *testing.T) {
	for name, c := range map[string]struct {
		config    config
		addresses []string
		id        string
		origins   []string
	}{
		"at first":            {config{}, []string{"http://127.0.0.1:8080"}, "localhost", []string{"http://localhost:8080"}},
		"two addresses":       {config{}, []string{"https://10.1.2.3:8443", "https://127.0.0.1:9443"}, "localhost", []string{"https://localhost:8443", "https://localhost:9443"}},
		"hosts":               {config{Hosts: "vigil.example.org, ward.vigil.example.org, other.example.org"}, []string{"https://[::]:8443"}, "vigil.example.org", []string{"https://vigil.example.org:8443", "https://ward.vigil.example.org:8443"}},
		"public":              {config{Public: "https://Vigil.example.org", Hosts: "intern.example.org"}, []string{"https://0.0.0.0:8443"}, "vigil.example.org", []string{"https://vigil.example.org", "https://vigil.example.org:8443"}},
		"public is a number":  {config{Public: "https://10.1.2.3"}, []string{"https://10.1.2.3:443"}, "localhost", []string{"https://localhost:443"}},
		"a proxy in front":    {config{Hosts: "vigil.example.org", Proxied: true}, []string{"http://127.0.0.1:8080"}, "vigil.example.org", []string{"https://vigil.example.org"}},
		"nothing for screens": {config{}, []string{""}, "localhost", nil},
	} {
		p := c.config.party(c.addresses...)
		if p.ID != c.id || !slices.Equal(p.Origins, c.origins) {
			t.Errorf("%s: %s %q, want %s %q", name, p.ID, p.Origins, c.id, c.origins)
		}
	}
	local := (&config{}).party("http://127.0.0.1:8080")
	if got := linkBase("http://127.0.0.1:8080", local); got != "http://localhost:8080" {
		t.Errorf("the first link is at %s, where no passkey can be made", got)
	}
	if got := linkBase("https://10.1.2.3:8443", local); got != "https://10.1.2.3:8443" {
		t.Errorf("the first link is at %s, which is another machine", got)
	}
}

func TestSignOnsAreConfigured(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := "- name: house\n  title: St. Elsewhere\n  issuer: https://login.example\n  client-id: vigil\n  client-secret-file: " + secret + "\n  amr: [mfa]\n"
	for name, c := range map[string]struct{ text, public, problem string }{
		"good":                {good, "https://vigil.example.org/", ""},
		"no public":           {good, "", "public"},
		"misspelt":            {strings.Replace(good, "amr", "arm", 1), "https://v.example", "arm"},
		"plain http":          {strings.Replace(good, "https://login", "http://login", 1), "https://v.example", "https address"},
		"a name for a path":   {strings.Replace(good, "name: house", "name: ../x", 1), "https://v.example", "small letters"},
		"twice":               {good + good, "https://v.example", "there already"},
		"two secrets":         {good + "  client-secret: x\n", "https://v.example", "not both"},
		"a secret that is no": {strings.Replace(good, secret, secret+"x", 1), "https://v.example", "client-secret-file"},
	} {
		file := filepath.Join(dir, "sso.yaml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := (&config{SSO: file, Public: c.public}).signOns()
		switch {
		case c.problem == "" && err != nil, c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem)):
			t.Errorf("%s: %v, want %q", name, err, c.problem)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: the secret is told", name)
		case c.problem == "" && (len(list) != 1 || list[0].Secret != "hush" || list[0].Back != "https://vigil.example.org/api/v1/session/sso/house/callback"):
			t.Errorf("%s: %+v", name, list)
		}
	}
	if list, err := (&config{}).signOns(); err != nil || list != nil {
		t.Errorf("none: %v %v", list, err)
	}
}
