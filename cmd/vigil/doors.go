package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/vigilcare/vigil/internal/webd"
)

// doors opens every address that the configuration asks for, notes them in at,
// and returns the parts that answer there.
func (n *node) doors(demo bool, at *addresses) ([]part, error) {
	type opened struct {
		entrance
		listener net.Listener
		address  string
	}
	var all []opened
	fail := func(err error) ([]part, error) {
		for _, o := range all {
			o.listener.Close()
		}
		return nil, err
	}
	for _, e := range n.config.entrances() {
		l, address, err := n.listen(e)
		if err != nil {
			return fail(err)
		}
		all = append(all, opened{e, l, address})
		*map[string]*string{
			"mqtt": &at.MQTT, "mqttLegacy": &at.Legacy, "screens": &at.HTTP, "devices": &at.Devices, "administration": &at.Administration,
		}[e.use] = address
	}
	var parts []part
	for _, o := range all {
		if o.mqtt {
			parts = append(parts, part{o.use, func(ctx context.Context) error { return n.mqtt.Serve(ctx, o.listener) }})
			continue
		}
		use := webd.Entrance(o.use)
		if use == webd.Clinicians && at.Devices == "" && at.Administration == "" {
			use = webd.Everybody
		}
		site, err := n.screens(demo, *at, use, o.address)
		if err != nil {
			return fail(err)
		}
		if use != webd.Devices {
			parts = append(parts, part{o.use + ", live", site.Run})
		}
		parts = append(parts, part{o.use, func(ctx context.Context) error { return serveHTTP(ctx, o.listener, site.HTTP()) }})
	}
	return parts, nil
}

// est is where devices get their certificates; empty: nowhere, for want of TLS.
func (c *config) est(at addresses) string {
	address := at.Devices
	if address == "" {
		address = at.HTTP
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" {
		return ""
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() { // on every address: by which name?
		name, _ := os.Hostname()
		if public, err := url.Parse(c.Public); err == nil && public.Hostname() != "" {
			name = public.Hostname()
		}
		u.Host = net.JoinHostPort(name, u.Port())
	}
	return strings.TrimSuffix(u.String(), "/") + "/.well-known/est"
}

// pin is the fingerprint by which a program knows this server again: of the
// site's authority, or of a certificate that was configured.
func (i *identity) pin() (string, error) {
	if i.config.TLSCert == "" {
		return i.authority.Fingerprint(), nil
	}
	c, err := i.get()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(c.Certificate[0])
	return hex.EncodeToString(sum[:]), nil
}
