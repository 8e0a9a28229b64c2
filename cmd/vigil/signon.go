package main

import (
	"bytes"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// party says under which name passkeys are made here: the one that people reach
// the screens by, else the first of hosts, else localhost. A browser makes none
// for an address of numbers.
func (c *config) party(addresses ...string) auth.Party {
	p := auth.Party{ID: "localhost", Name: "Vigil"}
	names := c.hosts()
	public, err := url.Parse(c.Public)
	if err != nil || !isName(public.Hostname()) {
		public = nil
	}
	switch {
	case public != nil:
		p.ID = strings.ToLower(public.Hostname())
		p.Origins = append(p.Origins, strings.ToLower(public.Scheme+"://"+public.Host))
	case len(names) > 0 && isName(names[0]):
		p.ID = names[0]
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			continue
		}
		for _, name := range append([]string{p.ID}, names...) {
			if name != p.ID && !strings.HasSuffix(name, "."+p.ID) {
				continue
			}
			origin := u.Scheme + "://" + net.JoinHostPort(name, u.Port())
			if c.Proxied { // the browser sees what is in front of us
				origin = "https://" + name
			}
			if !slices.Contains(p.Origins, origin) {
				p.Origins = append(p.Origins, origin)
			}
		}
	}
	return p
}

// isName reports whether a host is a name and not a number.
func isName(host string) bool { return host != "" && net.ParseIP(host) == nil }

// linkBase is where a person begins to sign in: where passkeys work, when that is
// the same machine.
func linkBase(address string, p auth.Party) string {
	u, err := url.Parse(address)
	if err != nil || p.ID != "localhost" || !loopback(u.Host) {
		return address
	}
	return u.Scheme + "://" + net.JoinHostPort(p.ID, u.Port())
}

// signOnEntry is one hospital's sign-on in the file that `sso` names.
type signOnEntry struct {
	Name       string   `yaml:"name"`
	Title      string   `yaml:"title"`
	Issuer     string   `yaml:"issuer"`
	ClientID   string   `yaml:"client-id"`
	Secret     string   `yaml:"client-secret"`
	SecretFile string   `yaml:"client-secret-file"`
	Username   string   `yaml:"username-claim"`
	Scopes     []string `yaml:"scopes"`
	AMR        []string `yaml:"amr"`
	ACR        []string `yaml:"acr"`
}

// signOns reads the hospital's sign-ons.
func (c *config) signOns() ([]auth.SignOn, error) {
	if c.SSO == "" {
		return nil, nil
	}
	if c.Public == "" {
		return nil, vital.Errorf(vital.Invalid, "sso needs public: the address that the sign-on sends people back to")
	}
	text, err := os.ReadFile(c.SSO)
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "read the sign-ons: %w", err)
	}
	var entries []signOnEntry
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&entries); err != nil {
		return nil, vital.Errorf(vital.Invalid, "read the sign-ons %s: %w", c.SSO, err)
	}
	var list []auth.SignOn
	for i, e := range entries {
		s, err := e.signOn(strings.TrimRight(c.Public, "/"))
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "%s, sign-on %d: %w", c.SSO, i+1, err)
		}
		if slices.ContainsFunc(list, func(o auth.SignOn) bool { return o.Name == s.Name || o.Issuer == s.Issuer }) {
			return nil, vital.Errorf(vital.Invalid, "%s, sign-on %d: its name or issuer is there already", c.SSO, i+1)
		}
		list = append(list, s)
	}
	return list, nil
}

func (e signOnEntry) signOn(public string) (auth.SignOn, error) {
	issuer, err := url.Parse(e.Issuer)
	plain := strings.Trim(e.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	switch {
	case e.Name == "" || !plain:
		return auth.SignOn{}, vital.Errorf(vital.Invalid, "name %q: want small letters, digits and dashes", e.Name)
	case err != nil || issuer.Host == "" || issuer.Scheme != "https" && !(issuer.Scheme == "http" && loopback(issuer.Host)):
		return auth.SignOn{}, vital.Errorf(vital.Invalid, "issuer %q: want an https address", e.Issuer)
	case e.ClientID == "":
		return auth.SignOn{}, vital.Errorf(vital.Invalid, "client-id is missing")
	case e.Secret != "" && e.SecretFile != "":
		return auth.SignOn{}, vital.Errorf(vital.Invalid, "client-secret or client-secret-file, not both")
	}
	if e.SecretFile != "" {
		text, err := os.ReadFile(e.SecretFile)
		if err != nil {
			return auth.SignOn{}, vital.Errorf(vital.Invalid, "client-secret-file: %w", err)
		}
		e.Secret = strings.TrimSpace(string(text))
	}
	return auth.SignOn{
		Name: e.Name, Title: e.Title, Issuer: e.Issuer, Client: e.ClientID, Secret: e.Secret, Back: public + "/api/v1/session/sso/" + e.Name + "/callback",
		Username: e.Username, Scopes: e.Scopes, AMR: e.AMR, ACR: e.ACR,
	}, nil
}
