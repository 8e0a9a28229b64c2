// Package authenticator is a passkey in software: it answers a WebAuthn ceremony
// as a phone does, so that tests can sign in by a real signature. It can also do
// what no honest phone does: skip the person's verification, answer for another
// page, or be a copy.
package authenticator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
)

// Authenticator holds keys. The zero value of Silent and Unverified is an honest
// one: present, and verified by a finger.
type Authenticator struct {
	Ed25519    bool   // make Ed25519 keys in place of P-256 ones
	P384       bool   // make keys that nobody asked for
	Unverified bool   // the person was there, and was not verified
	Silent     bool   // nobody was there
	Synced     bool   // keys are copied between devices, and count nothing
	Count      uint32 // signatures so far
	RPID       string // answer for this name in place of the one that was asked for

	keys map[string]key // by credential id
}

type key struct {
	private crypto.Signer
	user    []byte
	party   string
}

// New returns an empty authenticator.
func New() *Authenticator { return &Authenticator{keys: make(map[string]key)} }

// Copy is a clone with the same keys and the same count.
func (a *Authenticator) Copy() *Authenticator {
	c := *a
	c.keys = maps.Clone(a.keys)
	return &c
}

// Len is how many keys it holds.
func (a *Authenticator) Len() int { return len(a.keys) }

const (
	userPresent     = 0x01
	userVerified    = 0x04
	backupEligible  = 0x08
	backupState     = 0x10
	attestedKey     = 0x40
	algorithmES256  = -7
	algorithmES384  = -35
	algorithmEdDSA  = -8
	lengthOfID      = 16
	lengthOfAAGUID  = 16
	typeOfPublicKey = "public-key"
)

var encoding = base64.RawURLEncoding

// options is what a page hands to the browser, of both ceremonies.
type options struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	RP        struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Allowed []struct {
		ID string `json:"id"`
	} `json:"allowCredentials"`
	Excluded []struct {
		ID string `json:"id"`
	} `json:"excludeCredentials"`
	UserVerification string `json:"userVerification"`
	Selection        struct {
		UserVerification string `json:"userVerification"`
		ResidentKey      string `json:"residentKey"`
	} `json:"authenticatorSelection"`
}

// ErrExcluded says that it has a key of this account already.
var ErrExcluded = errors.New("authenticator: it is enrolled already")

// ErrNone says that it has no key for this page.
var ErrNone = errors.New("authenticator: no key for this page")

// Make answers a request to enrol, as the page at origin would get it.
func (a *Authenticator) Make(request []byte, origin string) ([]byte, error) {
	var o options
	if err := json.Unmarshal(request, &o); err != nil {
		return nil, err
	}
	for _, e := range o.Excluded {
		id, _ := encoding.DecodeString(e.ID)
		if _, ok := a.keys[string(id)]; ok {
			return nil, ErrExcluded
		}
	}
	user, err := encoding.DecodeString(o.User.ID)
	if err != nil {
		return nil, err
	}
	id := make([]byte, lengthOfID)
	rand.Read(id)
	private, public, err := a.generate()
	if err != nil {
		return nil, err
	}
	a.keys[string(id)] = key{private, user, o.RP.ID}
	data := a.data(o.RP.ID, attestedKey)
	data = append(data, make([]byte, lengthOfAAGUID)...)
	data = binary.BigEndian.AppendUint16(data, lengthOfID)
	data = append(append(data, id...), public...)
	object := head(nil, 5, 3)
	object = text(text(object, "fmt"), "none")
	object = head(text(object, "attStmt"), 5, 0)
	object = octets(text(object, "authData"), data)
	client := clientData("webauthn.create", o.Challenge, origin)
	return answer(id, map[string]string{"clientDataJSON": encoding.EncodeToString(client), "attestationObject": encoding.EncodeToString(object)})
}

// Assert answers a request to prove.
func (a *Authenticator) Assert(request []byte, origin string) ([]byte, error) {
	var o options
	if err := json.Unmarshal(request, &o); err != nil {
		return nil, err
	}
	var id string
	for candidate, k := range a.keys {
		if k.party != o.RPID {
			continue
		}
		if len(o.Allowed) == 0 {
			id = candidate
		}
		for _, allowed := range o.Allowed {
			if raw, _ := encoding.DecodeString(allowed.ID); string(raw) == candidate {
				id = candidate
			}
		}
	}
	k, ok := a.keys[id]
	if !ok {
		return nil, ErrNone
	}
	if !a.Synced {
		a.Count++
	}
	party := o.RPID
	if a.RPID != "" {
		party = a.RPID
	}
	data := a.data(party, 0)
	client := clientData("webauthn.get", o.Challenge, origin)
	sum := sha256.Sum256(client)
	signature, err := sign(k.private, append(append([]byte{}, data...), sum[:]...))
	if err != nil {
		return nil, err
	}
	return answer([]byte(id), map[string]string{
		"clientDataJSON": encoding.EncodeToString(client), "authenticatorData": encoding.EncodeToString(data),
		"signature": encoding.EncodeToString(signature), "userHandle": encoding.EncodeToString(k.user),
	})
}

func (a *Authenticator) generate() (crypto.Signer, []byte, error) {
	if a.Ed25519 {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		cose := head(nil, 5, 4)
		cose = integer(integer(cose, 1), 1)
		cose = integer(integer(cose, 3), algorithmEdDSA)
		cose = integer(integer(cose, -1), 6)
		return private, octets(integer(cose, -2), public), err
	}
	curve, algorithm, name := elliptic.P256(), algorithmES256, 1
	if a.P384 {
		curve, algorithm, name = elliptic.P384(), algorithmES384, 2
	}
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	point, err := private.PublicKey.Bytes() // 4, x, y
	if err != nil {
		return nil, nil, err
	}
	x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
	cose := head(nil, 5, 5)
	cose = integer(integer(cose, 1), 2)
	cose = integer(integer(cose, 3), algorithm)
	cose = integer(integer(cose, -1), name)
	return private, octets(integer(octets(integer(cose, -2), x), -3), y), nil
}

func sign(private crypto.Signer, message []byte) ([]byte, error) {
	if _, ok := private.(ed25519.PrivateKey); ok {
		return private.Sign(rand.Reader, message, crypto.Hash(0))
	}
	sum := sha256.Sum256(message)
	return private.Sign(rand.Reader, sum[:], crypto.SHA256)
}

// data is the authenticator's own account of the ceremony.
func (a *Authenticator) data(party string, flags byte) []byte {
	if !a.Silent {
		flags |= userPresent
	}
	if !a.Unverified {
		flags |= userVerified
	}
	if a.Synced {
		flags |= backupEligible | backupState
	}
	sum := sha256.Sum256([]byte(party))
	return binary.BigEndian.AppendUint32(append(sum[:], flags), a.Count)
}

func clientData(kind, challenge, origin string) []byte {
	body, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
	return body
}

func answer(id []byte, response map[string]string) ([]byte, error) {
	name := encoding.EncodeToString(id)
	return json.Marshal(map[string]any{
		"id": name, "rawId": name, "type": typeOfPublicKey, "response": response, "clientExtensionResults": map[string]any{},
	})
}

// head writes the head of a CBOR item (RFC 8949).
func head(to []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(to, major<<5|byte(n))
	case n < 256:
		return append(to, major<<5|24, byte(n))
	}
	return append(to, major<<5|25, byte(n>>8), byte(n))
}

func text(to []byte, s string) []byte   { return append(head(to, 3, len(s)), s...) }
func octets(to []byte, b []byte) []byte { return append(head(to, 2, len(b)), b...) }

func integer(to []byte, n int) []byte {
	if n < 0 {
		return head(to, 1, -n-1)
	}
	return head(to, 0, n)
}
