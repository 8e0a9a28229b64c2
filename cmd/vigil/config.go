package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// config is everything that can be set. No clinical threshold is here: those are
// rule files. A value comes from the default, the file, the environment
// (VIGIL_HTTP ...) or a flag, the later one wins; an unknown key is an error.
type config struct {
	Data         string
	HTTP         string
	MQTT         string
	Store        string
	NATS         string
	NATSMonitors string
	NATSSync     bool
	Replicas     int
	Site         string
	Partitions   int
	TLSCert      string
	TLSKey       string
	DeviceCA     string
	HTTPDevices  string
	HTTPAdmin    string
	MQTTLegacy   string
	TLS          bool
	Hosts        string
	Proxied      bool
	LogLevel     string
	KeepRaw      int
	KeepWaves    int
	Idle         time.Duration
	Clients      int
	Rate         float64
	Public       string
	SMTP         string
	SMSURL       string
	SMSBody      string
	SMSType      string
	SMSHeaders   string
	Inside       string
	Downtime     string
	Witness      string
	SSO          string
	RootKey      string
	Keys         string
	BackupDir    string
	BackupEvery  time.Duration
	BackupKeep   int
	Offsite      string
	Language     string
}

func defaults() config {
	return config{
		Data: "./data", HTTP: "127.0.0.1:8080", MQTT: "127.0.0.1:1883", Site: string(vital.DefaultSite), Partitions: 2, Replicas: 1,
		LogLevel: "info", Language: words.English, KeepRaw: 30, KeepWaves: 7, BackupEvery: 24 * time.Hour, BackupKeep: 7, Idle: 15 * time.Minute, Clients: 20_000, Rate: 20_000,
	}
}

// field is one key of the configuration.
type field struct {
	key, help string
	get       func() string
	set       func(string) error
}

func text(p *string) (func() string, func(string) error) {
	return func() string { return *p }, func(s string) error { *p = s; return nil }
}

func whole(p *int) (func() string, func(string) error) {
	return func() string { return strconv.Itoa(*p) }, func(s string) (err error) { *p, err = strconv.Atoi(s); return err }
}

// fields lists every key of c, in the order of the struct.
func (c *config) fields() []field {
	list := []field{}
	add := func(key, help string, get func() string, set func(string) error) {
		list = append(list, field{key, help, get, set})
	}
	str := func(key, help string, p *string) { g, s := text(p); add(key, help, g, s) }
	truth := func(key, help string, p *bool) {
		add(key, help, func() string { return strconv.FormatBool(*p) }, func(s string) (err error) { *p, err = strconv.ParseBool(s); return err })
	}
	num := func(key, help string, p *int) { g, s := whole(p); add(key, help, g, s) }
	str("data", "directory of the journal, the store and the keys", &c.Data)
	str("http", "address of the screens and the API; TLS unless it is loopback; empty: none", &c.HTTP)
	str("mqtt", "address of the MQTT door; TLS unless it is loopback; empty: none", &c.MQTT)
	str("http-devices", "address of the devices' own HTTPS: telemetry and certificates, refused elsewhere then; empty: with the screens", &c.HTTPDevices)
	str("http-admin", "address of the administration's own HTTP: people, programs, rules, keys, refused elsewhere then; TLS unless it is loopback; empty: with the screens", &c.HTTPAdmin)
	str("mqtt-legacy", "address of an MQTT door for legacy devices that speak TLS 1.2 and no newer; empty: none, as it should be", &c.MQTTLegacy)
	truth("tls", "true: TLS on loopback too", &c.TLS)
	str("store", "postgres://... ; empty: SQLite in the data directory", &c.Store)
	str("nats", "nats://a,b,c ; empty: files in the data directory", &c.NATS)
	str("nats-monitors", "monitoring addresses of the NATS servers, with commas between (http://a:8222), to see that they sync always", &c.NATSMonitors)
	truth("nats-sync", "true when you know that the NATS servers sync always and they have no monitoring addresses", &c.NATSSync)
	num("replicas", "copies of each frame on a NATS cluster: 1, 3 or 5", &c.Replicas)
	str("site", "name of the organisation that every key carries", &c.Site)
	num("partitions", "partitions of each journal stream; fixed at the first start", &c.Partitions)
	str("tls-cert", "certificate file (PEM); empty: made at the first start", &c.TLSCert)
	str("tls-key", "key file (PEM) of tls-cert", &c.TLSKey)
	str("device-ca", "CA file (PEM) of device certificates that are another authority's; the site's own are always known", &c.DeviceCA)
	str("hosts", "names, with commas between, by which browsers may ask for this server; empty: this machine's own loopback names, any name under TLS", &c.Hosts)
	truth("proxied", "true when a proxy in front speaks TLS with the browsers", &c.Proxied)
	str("log-level", "debug, info, warn or error", &c.LogLevel)
	num("keep-raw-days", "days that raw packets are kept", &c.KeepRaw)
	num("keep-wave-days", "days that waveforms are kept", &c.KeepWaves)
	add("idle", "a signed-in person is signed out after this time without a request", func() string { return c.Idle.String() },
		func(s string) (err error) { c.Idle, err = time.ParseDuration(s); return err })
	num("clients", "most MQTT connections at once", &c.Clients)
	add("rate", "most packets a second of one MQTT connection", func() string { return strconv.FormatFloat(c.Rate, 'f', -1, 64) },
		func(s string) (err error) { c.Rate, err = strconv.ParseFloat(s, 64); return err })
	str("public", "address by which phones reach the screens, put into messages: https://vigil.example.org; empty: no links", &c.Public)
	str("smtp", "smtp://user:password@host:587?from=vigil@example.org for e-mail; better in the environment than in a flag; empty: none", &c.SMTP)
	str("sms-url", "address of an SMS gateway with {to} and {text} in it or in sms-body; empty: none", &c.SMSURL)
	str("sms-body", "what is posted to it; empty: nothing", &c.SMSBody)
	str("sms-type", "media type of sms-body", &c.SMSType)
	str("sms-headers", "headers for the gateway, Name: value, with commas between", &c.SMSHeaders)
	str("notify-inside", "addresses inside the house that webhooks, ntfy and gateways may have, with commas between: 10.1.0.0/16; others are refused", &c.Inside)
	str("sso", "file (YAML) of the hospital's own sign-ons, OpenID Connect; needs public; empty: none", &c.SSO)
	str("witness", "file outside of the data directory to which every signed checkpoint of the audit ledger is appended; empty: none", &c.Witness)
	str("downtime", "directory of the downtime sheets; empty: downtime in the data directory; off: none", &c.Downtime)
	str("root-key", "file of the key that wraps all others, or credential:NAME for one of systemd; empty: root.key in the data directory", &c.RootKey)
	str("keys", "folder of the keys, or postgres://... of a database that holds nothing else, for several nodes; empty: keys in the data directory", &c.Keys)
	str("backup-dir", "folder that backups are written to, better on another disk; empty: none", &c.BackupDir)
	add("backup-every", "time between two backups; 0s: only when asked for", func() string { return c.BackupEvery.String() },
		func(s string) (err error) { c.BackupEvery, err = time.ParseDuration(s); return err })
	num("backup-keep", "how many backups are kept", &c.BackupKeep)
	str("backup-offsite", "folder that each backup is copied to, on another machine; empty: none", &c.Offsite)
	str("language", "of the downtime sheets and of messages to people who have chosen none: en or de", &c.Language)
	return list
}

// bind registers every key as a flag and returns what completes the
// configuration after the flags are parsed.
func (c *config) bind(flags *flag.FlagSet, w world) (complete func() error) {
	given := map[string]string{}
	path := flags.String("config", "", "configuration file (YAML)")
	for _, f := range c.fields() {
		flags.Func(f.key, f.help+" (default "+strconv.Quote(f.get())+")", func(s string) error { given[f.key] = s; return nil })
	}
	return func() error {
		if *path != "" {
			if err := c.read(*path); err != nil {
				return err
			}
		}
		for _, f := range c.fields() {
			if v := w.getenv("VIGIL_" + strings.ToUpper(strings.ReplaceAll(f.key, "-", "_"))); v != "" {
				if err := f.set(v); err != nil {
					return vital.Errorf(vital.Invalid, "environment, %s: %q: %w", f.key, v, err)
				}
			}
			if v, ok := given[f.key]; ok {
				if err := f.set(v); err != nil {
					return vital.Errorf(vital.Invalid, "flag --%s: %q: %w", f.key, v, err)
				}
			}
		}
		return c.check()
	}
}

func (c *config) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return vital.Errorf(vital.Invalid, "read the configuration: %w", err)
	}
	defer file.Close()
	values := map[string]string{}
	if err := yaml.NewDecoder(file).Decode(&values); err != nil && !errors.Is(err, io.EOF) {
		return vital.Errorf(vital.Invalid, "read the configuration %s: %w", path, err)
	}
	for _, f := range c.fields() {
		if v, ok := values[f.key]; ok {
			if err := f.set(v); err != nil {
				return vital.Errorf(vital.Invalid, "%s, %s: %q: %w", path, f.key, v, err)
			}
			delete(values, f.key)
		}
	}
	for k := range values {
		return vital.Errorf(vital.Invalid, "%s: there is no key %q; `vigil config` lists them", path, k)
	}
	return nil
}

func (c *config) check() error {
	if c.Partitions < 1 || c.Partitions > 64 {
		return vital.Errorf(vital.Invalid, "partitions: %d, want 1 to 64", c.Partitions)
	}
	for key, addr := range map[string]string{"http": c.HTTP, "mqtt": c.MQTT, "http-devices": c.HTTPDevices, "http-admin": c.HTTPAdmin, "mqtt-legacy": c.MQTTLegacy} {
		if addr == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return vital.Errorf(vital.Invalid, "%s: %q is not host:port: %w", key, addr, err)
		}
	}
	if c.Language != words.English && c.Language != words.German {
		return vital.Errorf(vital.Invalid, "language: %q, want en or de", c.Language)
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return vital.Errorf(vital.Invalid, "tls-cert and tls-key go together")
	}
	if c.KeepRaw < 1 || c.KeepWaves < 1 {
		return vital.Errorf(vital.Invalid, "keep-raw-days and keep-wave-days: want at least 1")
	}
	if c.BackupEvery < 0 || c.BackupEvery > 0 && c.BackupEvery < time.Minute || c.BackupKeep < 1 {
		return vital.Errorf(vital.Invalid, "backup-every: want 0s or at least 1m; backup-keep: want at least 1")
	}
	return nil
}

// hosts returns the names that the server answers to.
func (c *config) hosts() []string { return listed(strings.ToLower(c.Hosts)) }

// listed splits a list with commas.
func listed(s string) []string {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// downtime returns where the downtime sheets are.
func (c *config) downtime() string {
	if c.Downtime != "" {
		return c.Downtime
	}
	return filepath.Join(c.Data, "downtime")
}

// dsn returns where the store is.
func (c *config) dsn() string {
	if c.Store != "" {
		return c.Store
	}
	return "sqlite:" + filepath.Join(c.Data, "vigil.db")
}

// loopback reports whether an address can be reached from this machine only.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func runConfig(_ context.Context, w world, args []string) error {
	c := defaults()
	flags := flag.NewFlagSet("config", flag.ContinueOnError)
	flags.SetOutput(w.err)
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	return c.print(w.out)
}

// print writes the configuration as a file that can be read back, without secrets.
func (c *config) print(w io.Writer) error {
	for _, f := range c.fields() {
		v := f.get()
		help := f.help
		switch f.key {
		case "store", "nats", "smtp", "keys":
			v = hidePassword(v)
		case "sms-url", "sms-body", "sms-headers": // the key of a gateway may stand anywhere in them
			if v != "" {
				v, help = "", "set, not shown: "+help
			}
		}
		if _, err := fmt.Fprintf(w, "%-15s %-24s # %s\n", f.key+":", strconv.Quote(v), help); err != nil {
			return err
		}
	}
	return nil
}

// hidePassword takes the secret out of a URL.
func hidePassword(s string) string {
	at := strings.LastIndexByte(s, '@')
	start := strings.Index(s, "://")
	if at < 0 || start < 0 || at < start {
		return s
	}
	user, _, ok := strings.Cut(s[start+3:at], ":")
	if !ok {
		return s
	}
	return s[:start+3] + user + ":hidden" + s[at:]
}

// usageError marks an error of the flags as the caller's.
func usageError(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return vital.Errorf(vital.Invalid, "%w", err)
}

// private makes a directory that only we can read.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return vital.Errorf(vital.Unavailable, "make the data directory: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "look at the data directory: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
			return vital.Errorf(vital.Unavailable, "close the data directory to others: %w", err)
		}
	}
	return nil
}
