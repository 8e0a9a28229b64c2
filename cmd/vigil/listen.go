package main

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// entrance is one address on which a server answers, and how.
type entrance struct {
	use     string // as the screens name it: "screens", "devices", "administration", "mqtt", "mqttLegacy"
	address string
	mqtt    bool
	devices bool // asks who comes for a certificate
	always  bool // TLS on loopback too
	legacy  bool // TLS 1.2 will do
}

// entrances lists the addresses that the configuration asks for.
func (c *config) entrances() []entrance {
	alone := c.HTTPDevices == ""
	var list []entrance
	for _, e := range []entrance{
		{use: "mqtt", address: c.MQTT, mqtt: true, devices: true},
		{use: "mqttLegacy", address: c.MQTTLegacy, mqtt: true, devices: true, always: true, legacy: true},
		{use: "screens", address: c.HTTP, devices: alone},
		{use: "devices", address: c.HTTPDevices, devices: true, always: true},
		{use: "administration", address: c.HTTPAdmin},
	} {
		if e.address != "" {
			list = append(list, e)
		}
	}
	return list
}

// listen opens a listener and returns its address as a URL: plain on loopback,
// unless TLS is asked for there too, and TLS anywhere else.
func (n *node) listen(e entrance) (net.Listener, string, error) {
	protocol := "http"
	if e.mqtt {
		protocol = "mqtt"
	}
	l, err := net.Listen("tcp", e.address)
	if err != nil {
		return nil, "", vital.Errorf(vital.Unavailable, "listen for %s on %s: %w", e.use, e.address, err)
	}
	address := l.Addr().String()
	if loopback(address) && n.config.TLSCert == "" && !n.config.TLS && !e.always {
		n.listeners = append(n.listeners, webd.Listener{For: e.use, Address: protocol + "://" + address})
		return l, protocol + "://" + address, nil
	}
	settings, err := n.tls(e)
	if err != nil {
		l.Close()
		return nil, "", err
	}
	n.listeners = append(n.listeners, webd.Listener{For: e.use, Address: protocol + "s://" + address, TLS: tls.VersionName(settings.MinVersion)})
	return tls.NewListener(l, settings), protocol + "s://" + address, nil
}

// legacySuites are those of TLS 1.2 that are still sound: forward secrecy and
// authenticated encryption.
var legacySuites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// tls returns the server's side of TLS 1.3, in which the keys are exchanged by
// X25519MLKEM768 with everybody who can. Devices may show a certificate; they
// need not, for a secret will do.
func (n *node) tls(e entrance) (*tls.Config, error) {
	if _, err := n.identity.get(); err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: n.identity.certificate}
	if e.legacy {
		c.MinVersion, c.CipherSuites = tls.VersionTLS12, legacySuites
	}
	if !e.mqtt {
		c.NextProtos = []string{"http/1.1"}
	}
	if !e.devices {
		return c, nil
	}
	c.ClientAuth, c.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	n.authority.Trust(c.ClientCAs)
	if n.config.DeviceCA != "" {
		body, err := os.ReadFile(n.config.DeviceCA)
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "device-ca: %w", err)
		}
		if !c.ClientCAs.AppendCertsFromPEM(body) {
			return nil, vital.Errorf(vital.Invalid, "device-ca %s: no certificate in it", n.config.DeviceCA)
		}
	}
	return c, nil
}
