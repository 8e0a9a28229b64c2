package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// DeviceLogin authenticates a device, a gateway or an integration by its user
// name and secret, or by its client certificate. clientID is what it calls
// itself in MQTT; "" (HTTP) asks for nothing. With a certificate the user name
// may be left out; another name than the certificate's is refused.
//
// A device's client id is its identity, letter for letter. A gateway's and an
// integration's begins with theirs, so that one can hold several connections.
func (g *Gate) DeviceLogin(ctx context.Context, clientID, username string, password []byte, cert *x509.Certificate, remote string) (Principal, error) {
	proof := "secret\x00" + string(HashSecret(string(password)))
	if cert != nil {
		proof = "certificate\x00" + ca.Fingerprint(cert)
	}
	key := proof + "\x00" + username + "\x00" + clientID
	if p, ok := g.recall(g.devices, key); ok {
		p.Remote = remote
		return p, nil
	}
	p, err := g.proveDevice(ctx, clientID, username, password, cert, remote)
	if err != nil {
		if k := vital.KindOf(err); k == vital.Unauthenticated || k == vital.Denied {
			who := firstOf(p.ID, username, clientID, "certificate") // whose it is, when that was proved
			g.refuse(ctx, audit.Entry{
				Site: g.site, Who: who, Role: "device", From: hostOf(remote),
				Action: "device.connect", Subject: "device/" + firstOf(clientID, username, p.ID, "unknown"),
			}, err.Error())
		}
		return Principal{}, err
	}
	g.remember(g.devices, key, p)
	p.Remote = remote
	return p, nil
}

// proveDevice finds out who is calling. With an error the principal has the id
// that was proved, if one was.
func (g *Gate) proveDevice(ctx context.Context, clientID, username string, password []byte, cert *x509.Certificate, remote string) (Principal, error) {
	credential, issued, err := g.credential(ctx, username, password, cert)
	if err != nil {
		return Principal{}, err
	}
	proved := Principal{ID: credential.Subject}
	if err := g.usable(credential); err != nil {
		return proved, err
	}
	p, err := g.devicePrincipal(ctx, credential)
	if err != nil {
		return proved, err
	}
	if cert != nil && username != "" && username != p.ID {
		g.claimed(ctx, p.ID, username)
		return proved, vital.Errorf(vital.Denied, "the certificate is of %s %q, and not of %.64q", p.Class, p.ID, username)
	}
	if clientID != "" {
		if err := AllowClient(p, clientID); err != nil {
			g.claimed(ctx, p.ID, clientID)
			return proved, err
		}
	}
	if issued != nil {
		err = g.seenInUse(ctx, *issued, remote)
	} else if now := vital.At(g.now()); now.Sub(credential.LastUsed) >= usedEvery {
		err = g.store.UsedCredential(ctx, g.site, credential.ID, now)
	}
	return p, err
}

// firstOf returns the first text that is not empty, cut to what a ledger line holds.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t[:min(len(t), 64)]
		}
	}
	return ""
}

// credential finds the row that the caller proved to hold. A certificate that
// Vigil issued has a row of its own beside it.
func (g *Gate) credential(ctx context.Context, username string, password []byte, cert *x509.Certificate) (store.Credential, *store.Certificate, error) {
	if cert == nil {
		c, err := g.secret(ctx, username, password)
		return c, nil, err
	}
	row, err := g.byCertificate(ctx, cert)
	if err == nil {
		return store.Credential{Site: g.site, ID: row.Credential, Subject: string(row.Device)}, &row, nil
	}
	if vital.KindOf(err) != vital.NotFound {
		return store.Credential{}, nil, err
	}
	c, err := g.store.CredentialByCert(ctx, g.site, ca.Fingerprint(cert)) // of another authority that is trusted
	if err != nil {
		return c, nil, unknown(err, vital.Errorf(vital.Unauthenticated, "the client certificate is not enrolled"))
	}
	return c, nil, nil
}

func (g *Gate) secret(ctx context.Context, username string, password []byte) (store.Credential, error) {
	wrong := vital.Errorf(vital.Unauthenticated, "wrong device name or secret")
	if username == "" || len(password) == 0 {
		return store.Credential{}, vital.Errorf(vital.Unauthenticated, "want a user name and a secret, or a client certificate")
	}
	c, err := g.store.CredentialByName(ctx, g.site, username)
	if err != nil {
		return c, unknown(err, wrong)
	}
	sum := sha256.Sum256(password)
	if len(c.Hash) == 0 || subtle.ConstantTimeCompare(sum[:], c.Hash) != 1 {
		return c, wrong
	}
	return c, nil
}

// unknown turns "no such row" into a refusal and leaves faults as they are.
func unknown(err, refusal error) error {
	if vital.KindOf(err) == vital.NotFound {
		return refusal
	}
	return err
}

// usable checks that the credential still counts.
func (g *Gate) usable(c store.Credential) error {
	now := vital.At(g.now())
	switch {
	case c.Revoked.Known():
		return vital.Errorf(vital.Denied, "the credential was revoked at %s", c.Revoked)
	case c.Expires.Known() && c.Expires <= now:
		return vital.Errorf(vital.Denied, "the credential expired at %s", c.Expires)
	}
	return nil
}

// States of a device.
const (
	DeviceActive      = "active"
	DeviceQuarantined = "quarantined" // suspected: cannot connect until somebody has looked
	DeviceRetired     = "retired"
)

func (g *Gate) devicePrincipal(ctx context.Context, c store.Credential) (Principal, error) {
	d, err := g.store.Device(ctx, store.Rows{Site: g.site, All: true}, vital.DeviceID(c.Subject))
	if err != nil {
		return Principal{}, unknown(err, vital.Errorf(vital.Unauthenticated, "device %s is not enrolled", c.Subject))
	}
	if c.Class == "" {
		c.Class = d.Class // a certificate is for whatever the device is
	}
	if d.Class != c.Class {
		return Principal{}, vital.Errorf(vital.Denied, "device %s is a %s, and its credential is for a %s", d.ID, d.Class, c.Class)
	}
	if d.State != DeviceActive {
		return Principal{}, vital.Errorf(vital.Denied, "device %s is %s", d.ID, d.State)
	}
	return Principal{
		Class: Class(c.Class), Site: g.site, ID: c.Subject, Name: d.Label,
		AllWards: d.AllWards, Wards: d.Wards, Namespaces: d.Namespaces, Credential: c.ID,
	}, nil
}

// NewCredential makes a secret for a device and ends the ones it had. The secret
// is returned once and never stored.
func (g *Gate) NewCredential(ctx context.Context, p Principal, d store.Device) (string, error) {
	entry := g.entry(p, "device.credential", "device/"+string(d.ID))
	old, err := g.store.CredentialsOf(ctx, g.site, string(d.ID))
	if err != nil {
		return "", err
	}
	now := vital.At(g.now())
	for _, c := range old {
		if c.Revoked.Known() || c.Username == "" {
			continue
		}
		if err := g.store.RevokeCredential(ctx, entry, c.ID, now); err != nil {
			return "", err
		}
	}
	secret := NewSecret()
	err = g.store.PutCredential(ctx, entry, store.Credential{
		Site: g.site, ID: vital.CredentialID(NewID("c-")), Class: d.Class, Subject: string(d.ID), Username: string(d.ID),
		Hash: HashSecret(secret), Created: now,
	})
	if err != nil {
		return "", err
	}
	g.Forget()
	return secret, nil
}
