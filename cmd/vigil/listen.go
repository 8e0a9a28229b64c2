package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// listen opens a listener: plain on loopback, TLS anywhere else.
func (n *node) listen(address, protocol string) (net.Listener, string, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", vital.Errorf(vital.Unavailable, "listen for %s on %s: %w", protocol, address, err)
	}
	if loopback(l.Addr().String()) && n.config.TLSCert == "" {
		return l, protocol, nil
	}
	settings, err := n.tls(protocol == "mqtt")
	if err != nil {
		l.Close()
		return nil, "", err
	}
	return tls.NewListener(l, settings), protocol + "s", nil
}

// tls returns the server's side of TLS 1.3. Devices may show a certificate when
// a CA for them is configured; they need not, for a token will do.
func (n *node) tls(devices bool) (*tls.Config, error) {
	certificate, err := n.certificate()
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}
	if !devices {
		c.NextProtos = []string{"http/1.1"}
	}
	if n.config.DeviceCA != "" {
		body, err := os.ReadFile(n.config.DeviceCA)
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "device-ca: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(body) {
			return nil, vital.Errorf(vital.Invalid, "device-ca %s: no certificate in it", n.config.DeviceCA)
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, nil
}

func (n *node) certificate() (tls.Certificate, error) {
	certFile, keyFile := n.config.TLSCert, n.config.TLSKey
	if certFile == "" {
		dir := filepath.Join(n.config.Data, "tls")
		certFile, keyFile = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
		if _, err := os.Stat(certFile); errors.Is(err, fs.ErrNotExist) {
			if err := selfSign(dir, certFile, keyFile); err != nil {
				return tls.Certificate{}, err
			}
		}
	}
	c, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return c, vital.Errorf(vital.Invalid, "load the TLS certificate %s: %w", certFile, err)
	}
	sum := sha256.Sum256(c.Certificate[0])
	n.log.Info("TLS certificate", "file", certFile, "sha256", hex.EncodeToString(sum[:]))
	return c, nil
}

// selfSign makes a key and a certificate of its own for a site that has brought
// none. Browsers warn about it: the fingerprint in the log is what to compare.
func selfSign(dir, certFile, keyFile string) error {
	if err := private(dir); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return vital.Errorf(vital.Internal, "make a TLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return vital.Errorf(vital.Internal, "make a serial number: %w", err)
	}
	host, _ := os.Hostname()
	template := x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Vigil " + host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host != "" {
		template.DNSNames = append(template.DNSNames, host)
	}
	own, err := net.InterfaceAddrs()
	if err == nil {
		for _, a := range own {
			if n, ok := a.(*net.IPNet); ok {
				template.IPAddresses = append(template.IPAddresses, n.IP)
			}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return vital.Errorf(vital.Internal, "make a TLS certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return vital.Errorf(vital.Internal, "write the TLS key: %w", err)
	}
	for path, block := range map[string]*pem.Block{keyFile: {Type: "PRIVATE KEY", Bytes: secret}, certFile: {Type: "CERTIFICATE", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return vital.Errorf(vital.Unavailable, "write %s: %w", path, err)
		}
	}
	return nil
}
