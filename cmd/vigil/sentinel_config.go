package main

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/vigilcare/vigil/vital"
)

// sentinelConfig is the settings of a sentinel. They hold its secrets, so the
// file is for its owner's eyes only; nothing of it has a default that another
// installation shares.
type sentinelConfig struct {
	Name        string `yaml:"name"`
	Server      string `yaml:"server"`                // address of the screens
	MQTT        string `yaml:"mqtt"`                  // address of the door for devices
	Certificate string `yaml:"certificate,omitempty"` // SHA-256 of the server's, hex; empty: whom the system trusts
	Device      string `yaml:"device"`
	Username    string `yaml:"username"`
	Password    string `yaml:"password"`
	Token       string `yaml:"token"`

	Listen         string `yaml:"listen"` // where pages come in
	ListenCertFile string `yaml:"listen-certificate,omitempty"`
	ListenKeyFile  string `yaml:"listen-key,omitempty"`
	Secret         string `yaml:"secret"` // that pages are signed with

	Status   string       `yaml:"status,omitempty"` // loopback address of the status page
	Ping     string       `yaml:"ping,omitempty"`
	Stations string       `yaml:"stations,omitempty"` // "all" (left out) or "none": wards in which no screen can sound are told of
	Tell     tellConfig   `yaml:"tell"`
	Limits   limitsConfig `yaml:"limits,omitempty"`
}

// tellConfig is how the sentinel is heard.
type tellConfig struct {
	Exec    []string `yaml:"exec,omitempty"`
	SMTP    []string `yaml:"smtp,omitempty"`
	NTFY    []string `yaml:"ntfy,omitempty"`
	Webhook []string `yaml:"webhook,omitempty"`
	Sign    string   `yaml:"sign,omitempty"` // what its own webhooks are signed with
}

func (t *tellConfig) add(o tellConfig) {
	t.Exec, t.SMTP = append(t.Exec, o.Exec...), append(t.SMTP, o.SMTP...)
	t.NTFY, t.Webhook = append(t.NTFY, o.NTFY...), append(t.Webhook, o.Webhook...)
}

// limitsConfig is how long things may take; zero fields are the standard.
type limitsConfig struct {
	Every    time.Duration `yaml:"every,omitempty"`     // between two messages: 5 s
	Silence  time.Duration `yaml:"silence,omitempty"`   // without an acknowledgement: 15 s
	Answer   time.Duration `yaml:"answer,omitempty"`    // of the watchdog: 20 s without one
	Late     time.Duration `yaml:"late,omitempty"`      // an acknowledgement, three times in a row: 2 s
	Page     time.Duration `yaml:"page,omitempty"`      // from the message to the page: 9 s
	Unheard  time.Duration `yaml:"unheard,omitempty"`   // a page of high priority that no channel has taken: 60 s
	Open     time.Duration `yaml:"open,omitempty"`      // and that nobody has acknowledged: 10 min
	Stations time.Duration `yaml:"stations,omitempty"`  // a ward with patients and no screen that can sound: 60 s
	Repeat   time.Duration `yaml:"repeat,omitempty"`    // what is not acknowledged is said again: 2 min
	DiskFree uint64        `yaml:"disk-free,omitempty"` // bytes; less, or less than 5 % of the disk, is told: 256 MiB
}

func (l limitsConfig) orStandard() limitsConfig {
	return limitsConfig{
		Every: cmp.Or(l.Every, 5*time.Second), Silence: cmp.Or(l.Silence, 15*time.Second), Answer: cmp.Or(l.Answer, 20*time.Second),
		Late: cmp.Or(l.Late, 2*time.Second), Page: cmp.Or(l.Page, 9*time.Second), Unheard: cmp.Or(l.Unheard, time.Minute),
		Open: cmp.Or(l.Open, 10*time.Minute), Stations: cmp.Or(l.Stations, time.Minute), Repeat: cmp.Or(l.Repeat, 2*time.Minute),
		DiskFree: cmp.Or(l.DiskFree, 256<<20),
	}
}

// loadSentinel reads the settings. A file that others can read is refused: it
// holds what one needs to play the sentinel.
func loadSentinel(path string) (sentinelConfig, error) {
	var c sentinelConfig
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, vital.Errorf(vital.Invalid, "config %s: not found; `vigil sentinel enrol` writes one", path)
	}
	if err != nil {
		return c, vital.Errorf(vital.Invalid, "config: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return c, vital.Errorf(vital.Denied, "config %s can be read by others: chmod 600 it", path)
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return c, vital.Errorf(vital.Invalid, "config: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(body))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return c, vital.Errorf(vital.Invalid, "config %s: %w", path, err)
	}
	return c, nil
}

// check refuses what could not work, and whatever would carry a secret in the
// clear off this machine.
func (c *sentinelConfig) check() error {
	c.Limits = c.Limits.orStandard()
	for name, value := range map[string]string{
		"server": c.Server, "mqtt": c.MQTT, "device": c.Device, "username": c.Username, "password": c.Password, "token": c.Token, "listen": c.Listen, "secret": c.Secret,
	} {
		if value == "" {
			return vital.Errorf(vital.Invalid, "config: %s is missing", name)
		}
	}
	if pin, err := hex.DecodeString(c.Certificate); err != nil || len(pin) != 0 && len(pin) != 32 {
		return vital.Errorf(vital.Invalid, "config: certificate: want the SHA-256 of a certificate, 64 hexadecimal digits")
	}
	if c.Limits.Every < time.Second || c.Limits.Page >= 2*c.Limits.Every {
		return vital.Errorf(vital.Invalid, "config: limits: every is at least 1s, and page less than twice as long")
	}
	if _, _, err := brokerAddress(c.MQTT); err != nil {
		return err
	}
	for _, a := range append([]string{c.Server, c.MQTT, c.Ping}, append(c.Tell.NTFY, c.Tell.Webhook...)...) {
		if err := sealedOrHere(a); err != nil {
			return err
		}
	}
	if !loopback(c.Listen) && c.ListenCertFile == "" {
		return vital.Errorf(vital.Invalid, "config: listen %s is not this machine's loopback: name a listen-certificate and a listen-key", c.Listen)
	}
	if c.Status != "" && !loopback(c.Status) {
		return vital.Errorf(vital.Invalid, "config: status %s: want an address of this machine's loopback", c.Status)
	}
	if c.Stations != "" && c.Stations != "all" && c.Stations != "none" {
		return vital.Errorf(vital.Invalid, "config: stations %q: want all or none", c.Stations)
	}
	return nil
}

// sealedOrHere refuses an address off this machine that is spoken to in the clear.
func sealedOrHere(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return vital.Errorf(vital.Invalid, "config: an address is no URL") // it may be a secret in itself
	}
	switch u.Scheme {
	case "https", "mqtts":
		return nil
	case "http", "mqtt":
		if u.Hostname() == "localhost" || loopback(net.JoinHostPort(u.Hostname(), "1")) {
			return nil
		}
		return vital.Errorf(vital.Invalid, "config: %s://%s would be spoken to in the clear: want %ss", u.Scheme, u.Host, u.Scheme)
	}
	return vital.Errorf(vital.Invalid, "config: %s: a URL of this kind is not known here", u.Scheme)
}

// host is how the server is named in what is told.
func (c *sentinelConfig) host() string {
	u, err := url.Parse(c.Server)
	if err != nil {
		return c.Server
	}
	return u.Host
}

// tls trusts exactly the pinned certificate, or whom the system trusts.
func (c *sentinelConfig) tls() *tls.Config {
	if c.Certificate == "" {
		return &tls.Config{MinVersion: tls.VersionTLS13}
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, VerifyPeerCertificate: pinned(strings.ToLower(c.Certificate))}
}

// save writes the settings for their owner alone.
func (c *sentinelConfig) save(path string) error {
	body, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return vital.Errorf(vital.Conflict, "write the settings: %w", err)
	}
	_, err = f.Write(append([]byte("# Settings of a sentinel. They hold its secrets: keep them to yourself.\n"), body...))
	return errors.Join(err, f.Sync(), f.Close())
}
