package ca

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// leastRSA is the smallest RSA key that is signed, in bits.
const leastRSA = 2048

// ReadRequest reads a request for a certificate (PKCS #10, DER) and checks that
// who made it holds the key and that the key is a good one.
func ReadRequest(der []byte) (*x509.CertificateRequest, error) {
	r, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "the request is not PKCS #10: %w", err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, vital.Errorf(vital.Invalid, "the request is not signed by its own key: %w", err)
	}
	switch key := r.PublicKey.(type) {
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() && key.Curve != elliptic.P384() {
			return nil, vital.Errorf(vital.Invalid, "a key on %s: want P-256 or P-384", key.Curve.Params().Name)
		}
	case ed25519.PublicKey:
	case *rsa.PublicKey:
		if key.N.BitLen() < leastRSA {
			return nil, vital.Errorf(vital.Invalid, "an RSA key of %d bits: want at least %d, or a key on P-256", key.N.BitLen(), leastRSA)
		}
	default:
		return nil, vital.Errorf(vital.Invalid, "a key of a kind that is not signed here: want one on P-256")
	}
	return r, nil
}

// MayAsk checks that a request asks for no other name than the device's. What it
// leaves out is filled in; what else it asks for is not given.
func MayAsk(r *x509.CertificateRequest, site vital.Site, device vital.DeviceID) error {
	name, err := Name(site, device)
	if err != nil {
		return err
	}
	if cn := r.Subject.CommonName; cn != "" && cn != string(device) {
		return vital.Errorf(vital.Denied, "device %s may not ask for a certificate of %.64q", device, cn)
	}
	for _, u := range r.URIs {
		if u.String() != name.String() {
			return vital.Errorf(vital.Denied, "device %s may not ask for a certificate of %.100q", device, u.String())
		}
	}
	return nil
}

// Device makes the certificate of a device from its request, which must have
// been checked by ReadRequest.
func (a *Authority) Device(r *x509.CertificateRequest, device vital.DeviceID) (*x509.Certificate, error) {
	if err := MayAsk(r, a.o.Site, device); err != nil {
		return nil, err
	}
	name, err := Name(a.o.Site, device)
	if err != nil {
		return nil, err
	}
	from, by := a.now().Add(-backdate), a.signer()
	usage := x509.KeyUsageDigitalSignature
	return sign(&x509.Certificate{
		Subject:   pkix.Name{CommonName: string(device)},
		NotBefore: from, NotAfter: from.Add(DeviceLife),
		KeyUsage: usage, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true, URIs: []*url.URL{name},
	}, by.certificate, r.PublicKey, by.key)
}

// Server makes a certificate for the listeners of this installation, with a new
// key. Names are host names and addresses.
func (a *Authority) Server(names []string) (tls.Certificate, error) {
	key, err := newKey()
	if err != nil {
		return tls.Certificate{}, err
	}
	by := a.signer()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "Vigil " + string(a.o.Site)},
		NotBefore: a.now().Add(-backdate), NotAfter: a.now().Add(ServerLife - backdate),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if n != "" && !slices.Contains(template.DNSNames, n) {
			template.DNSNames = append(template.DNSNames, n)
		}
	}
	made, err := sign(template, by.certificate, key.Public(), by.key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{made.Raw, by.certificate.Raw, a.root.certificate.Raw}, PrivateKey: key, Leaf: made}, nil
}

// Due reports whether a certificate should be replaced now: a third of its life
// is left.
func Due(c *x509.Certificate, now time.Time) bool {
	return c.NotAfter.Sub(now) < c.NotAfter.Sub(c.NotBefore)/3
}

// DeviceOf returns which device of the site a certificate names.
func DeviceOf(c *x509.Certificate, site vital.Site) (vital.DeviceID, error) {
	if len(c.URIs) != 1 {
		return "", vital.Errorf(vital.Denied, "the certificate names %d devices: want one spiffe:// name", len(c.URIs))
	}
	given := c.URIs[0]
	const before = "/device/"
	if len(given.Path) > len(before) {
		device := vital.DeviceID(given.Path[len(before):])
		if name, err := Name(site, device); err == nil && given.String() == name.String() {
			return device, nil
		}
	}
	return "", vital.Errorf(vital.Denied, "the certificate is of %.100q: that is no device of this site", given.String())
}
