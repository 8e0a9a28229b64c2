package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/estd"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// openAuthority opens the site's authority for certificates, or makes it.
func (n *node) openAuthority(ctx context.Context) (err error) {
	n.authority, err = openAuthority(ctx, n.config, n.keeper)
	if err != nil {
		return err
	}
	if n.entranceKey, err = openEntranceKey(filepath.Join(n.config.secrets(), "entrances.key")); err != nil {
		return err
	}
	n.identity = &identity{config: n.config, authority: n.authority, log: n.log, now: time.Now}
	return nil
}

func openAuthority(ctx context.Context, c config, sealer ca.Sealer) (*ca.Authority, error) {
	a, err := ca.Open(ctx, ca.Options{Dir: filepath.Join(c.secrets(), "ca"), Site: vital.Site(c.Site), Sealer: sealer, Now: time.Now})
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "open the authority for certificates: %w", err)
	}
	return a, nil
}

// secrets is the folder beside the keys, so that one copy holds both. Where the
// keys are in a database, it is this machine's own.
func (c *config) secrets() string {
	if folder := c.keyFolder(); folder != "" {
		return folder
	}
	return filepath.Join(c.Data, "keys")
}

// openEntranceKey reads the key by which each address knows the cookies that it
// gave, or makes it.
func openEntranceKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil && len(key) == sha256.Size {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, vital.Errorf(vital.Unavailable, "read the key of the cookies: %w", err)
	}
	key = make([]byte, sha256.Size)
	rand.Read(key)
	if err := journal.ReplaceFile(path, key); err != nil {
		return nil, vital.Errorf(vital.Unavailable, "write the key of the cookies: %w", err)
	}
	return key, nil
}

// identity is the certificate by which this server shows who it is: the one that
// was configured, or one of the site's own authority. It is looked at again now
// and then, so that a new one counts without a restart.
type identity struct {
	config    config
	authority *ca.Authority
	log       *slog.Logger
	now       func() time.Time

	mu     sync.Mutex
	held   *tls.Certificate
	looked time.Time
}

// lookEvery is how often the certificate is looked at.
const lookEvery = time.Minute

func (i *identity) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.get() }

// get returns the certificate in force. One that cannot be renewed goes on as
// long as it lasts.
func (i *identity) get() (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.now()
	if i.held != nil && now.Sub(i.looked) < lookEvery {
		return i.held, nil
	}
	i.looked = now
	c, err := i.load()
	if err != nil {
		if i.held != nil {
			i.log.Error("the TLS certificate could not be looked at; the one in force goes on", "error", err.Error())
			return i.held, nil
		}
		return nil, err
	}
	if i.held == nil || ca.Fingerprint(i.held.Leaf) != ca.Fingerprint(c.Leaf) {
		i.log.Info("TLS certificate", "sha256", ca.Fingerprint(c.Leaf), "expires", c.Leaf.NotAfter)
	}
	i.held = &c
	return i.held, nil
}

func (i *identity) load() (tls.Certificate, error) {
	if i.config.TLSCert != "" {
		c, err := tls.LoadX509KeyPair(i.config.TLSCert, i.config.TLSKey)
		if err != nil {
			return c, vital.Errorf(vital.Invalid, "load the TLS certificate %s: %w", i.config.TLSCert, err)
		}
		return c, nil
	}
	dir := filepath.Join(i.config.Data, "tls")
	certFile, keyFile := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	names := i.config.names()
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err == nil && i.authority.Issued(c.Leaf) && !ca.Due(c.Leaf, i.now()) && covers(c.Leaf, names) {
		return c, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		i.log.Warn("the TLS certificate cannot be read and is made anew", "file", certFile, "error", err.Error())
	}
	if c, err = i.authority.Server(names); err != nil {
		return c, err
	}
	if err := private(dir); err != nil {
		return c, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return c, vital.Errorf(vital.Internal, "write the TLS key: %w", err)
	}
	var chain []byte
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	// The key first: a certificate with another one's key is made anew.
	if err := journal.ReplaceFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})); err != nil {
		return c, vital.Errorf(vital.Unavailable, "write the TLS key: %w", err)
	}
	if err := journal.ReplaceFile(certFile, chain); err != nil {
		return c, vital.Errorf(vital.Unavailable, "write the TLS certificate: %w", err)
	}
	return c, nil
}

// names are those by which this server is asked for: the machine's own, and what
// the configuration adds.
func (c *config) names() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && host != "" {
		names = append(names, host)
	}
	if own, err := net.InterfaceAddrs(); err == nil {
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
				names = append(names, n.IP.String())
			}
		}
	}
	names = append(names, c.hosts()...)
	for _, e := range c.entrances() {
		if host, _, err := net.SplitHostPort(e.address); err == nil && host != "" {
			names = append(names, host)
		}
	}
	if u, err := url.Parse(c.Public); err == nil && u.Hostname() != "" {
		names = append(names, u.Hostname())
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(s string) bool {
		ip := net.ParseIP(s)
		return ip != nil && ip.IsUnspecified()
	})
}

// covers reports whether a certificate is good for all the names.
func covers(c *x509.Certificate, names []string) bool {
	for _, n := range names {
		ip := net.ParseIP(n)
		if ip == nil && !slices.Contains(c.DNSNames, n) || ip != nil && !slices.ContainsFunc(c.IPAddresses, ip.Equal) {
			return false
		}
	}
	return true
}

// enrolling builds the door where devices get their certificates.
func (n *node) enrolling() *estd.Door {
	return estd.New(estd.Options{Gate: n.gate, Authority: n.authority, Site: n.site, Log: n.log})
}

// cut ends the connections of a device that was just quarantined, and lets the
// flow raise the notice that says so.
func (n *node) cut(ctx context.Context, device vital.DeviceID) {
	n.mqtt.DisconnectWhere(func(p auth.Principal) bool { return p.ID == string(device) }, mqtt.NotAuthorized)
	go func() {
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer stop()
		if err := n.flow.Changed(ctx); err != nil {
			n.log.Error("that a device was cut off is told late", "device", string(device), "error", err.Error())
		}
	}()
}

// endCertificate ends the connections that were opened with it.
func (n *node) endCertificate(serial string) {
	n.mqtt.DisconnectCertificate(func(c *x509.Certificate) bool { return auth.SerialOf(c) == serial }, mqtt.NotAuthorized)
}

// postQuantum are the exchanges of keys that a quantum computer of tomorrow does
// not read what is recorded today with.
var postQuantum = []tls.CurveID{tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024}

func secured(c *webd.Connection, version uint16, group tls.CurveID, certificate *x509.Certificate) {
	if version != 0 {
		c.TLS, c.Group, c.PostQuantum = tls.VersionName(version), group.String(), slices.Contains(postQuantum, group)
	}
	if certificate != nil {
		c.Certificate, c.Expires = auth.SerialOf(certificate), vital.At(certificate.NotAfter)
	}
}

// connected is how the devices last reached us: by MQTT now, or with their last
// request. A gateway with several connections shows the newest.
func (n *node) connected() map[vital.DeviceID]webd.Connection {
	open := map[vital.DeviceID]webd.Connection{}
	for id, s := range n.receiver.Senders() {
		c := webd.Connection{Door: "http", Remote: s.Remote, Since: vital.At(s.At)}
		secured(&c, s.Version, s.Group, s.Certificate)
		open[id] = c
	}
	for _, k := range n.mqtt.Clients() {
		c := webd.Connection{Door: "mqtt", Remote: k.Remote, Since: vital.At(k.Since)}
		if host, _, err := net.SplitHostPort(k.Remote); err == nil {
			c.Remote = host
		}
		if k.TLS != nil {
			secured(&c, k.TLS.Version, k.TLS.Group, k.TLS.Certificate)
		}
		id := vital.DeviceID(k.Principal.ID)
		if had, ok := open[id]; !ok || had.Door == "http" || had.Since < c.Since {
			open[id] = c
		}
	}
	return open
}

// links counts the MQTT connections by what they agreed on.
func links(clients []mqttd.Client) []webd.Link {
	count := map[webd.Link]int{}
	for _, k := range clients {
		l := webd.Link{}
		if k.TLS != nil {
			l.TLS, l.Group = tls.VersionName(k.TLS.Version), k.TLS.Group.String()
		}
		count[l]++
	}
	list := []webd.Link{}
	for l, many := range count {
		l.Count = many
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b webd.Link) int { return strings.Compare(a.TLS+a.Group, b.TLS+b.Group) })
	return list
}

// openDoors says where the server listens, and until when its certificate lasts.
func (n *node) openDoors() []webd.Listener {
	list := slices.Clone(n.listeners)
	for i := range list {
		if list[i].TLS == "" {
			continue
		}
		if c, err := n.identity.get(); err == nil {
			list[i].Expires = vital.At(c.Leaf.NotAfter)
		}
	}
	return list
}
