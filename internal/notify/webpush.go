package notify

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// webPush hands messages to the push service of a browser, which brings them to
// a phone or desk though no page is open. The text is encrypted for the browser
// (RFC 8291), so that the service in between reads nothing, and the request is
// signed by the identity of this installation (RFC 8292). Topic makes a waiting
// message give way to a later one of the same alarm (RFC 8030, 5.4); the worker
// of the page does the same with one that is shown, by its tag.
type webPush struct {
	guard   Guard
	client  *http.Client
	now     func() time.Time
	key     func() *ecdsa.PrivateKey
	subject string // whom the push service may write to: "https://vigil.example.org" or "mailto:..."
}

// subscription is what the browser gives: PushSubscription.toJSON().
type subscription struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		P256dh string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

func readSubscription(address string) (s subscription, err error) {
	if err := json.Unmarshal([]byte(address), &s); err != nil {
		return s, vital.Errorf(vital.Invalid, "the subscription cannot be read")
	}
	return s, nil
}

// pushLife is how long a push service keeps a message for a phone that is off, s.
// A page of yesterday helps nobody.
const pushLife = 15 * 60

// Send hands the message over.
func (p webPush) Send(ctx context.Context, to Recipient, m Message) (Receipt, error) {
	s, err := readSubscription(to.Address)
	if err != nil {
		return Receipt{}, err
	}
	payload, err := json.Marshal(pushPayload(m))
	if err != nil {
		return Receipt{}, err
	}
	salt, own := make([]byte, 16), (*ecdh.PrivateKey)(nil)
	rand.Read(salt)
	if own, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		return Receipt{}, err
	}
	body, err := encryptPush(payload, s, own, salt)
	if err != nil {
		return Receipt{}, err
	}
	authorization, err := p.authorize(s.Endpoint)
	if err != nil {
		return Receipt{}, err
	}
	urgency := "normal"
	if m.Priority == vital.High {
		urgency = "high"
	}
	header := http.Header{
		"Content-Type": {"application/octet-stream"}, "Content-Encoding": {"aes128gcm"}, "Ttl": {strconv.Itoa(pushLife)},
		"Urgency": {urgency}, "Topic": {m.Tag}, "Authorization": {authorization},
	}
	if _, err := post(ctx, p.guard, p.client, s.Endpoint, header, string(body)); err != nil {
		if statusOf(err) == http.StatusNotFound { // RFC 8030, 7.3: the subscription has ended
			return Receipt{}, vital.Errorf(vital.Gone, "%w", err)
		}
		return Receipt{}, err
	}
	return Receipt{State: store.HandedOver, Replaces: true}, nil
}

// pushPayload is everything that leaves the house by push.
func pushPayload(m Message) map[string]any {
	return map[string]any{"title": m.Title, "body": m.Text, "tag": m.Tag, "kind": m.Kind, "priority": m.Priority.String(), "url": m.Link, "id": m.ID, "silent": m.Stop()}
}

// encryptPush is RFC 8291 with one record of RFC 8188.
func encryptPush(text []byte, s subscription, own *ecdh.PrivateKey, salt []byte) ([]byte, error) {
	theirs, err := fromBase64(s.Keys.P256dh)
	if err != nil {
		return nil, err
	}
	auth, err := fromBase64(s.Keys.Auth)
	if err != nil {
		return nil, err
	}
	public, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil || len(auth) < 16 {
		return nil, vital.Errorf(vital.Invalid, "the keys of the subscription are not of this kind")
	}
	shared, err := own.ECDH(public)
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "the keys of the subscription do not fit: %w", err)
	}
	info := "WebPush: info\x00" + string(theirs) + string(own.PublicKey().Bytes())
	secret, err := hkdf.Key(sha256.New, shared, auth, info, 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, secret, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	const record = 4096
	if len(text) > record-17 {
		return nil, vital.Errorf(vital.Invalid, "a push message has at most %d bytes", record-17)
	}
	out := append([]byte{}, salt...)
	out = binary.BigEndian.AppendUint32(out, record)
	out = append(out, byte(len(own.PublicKey().Bytes())))
	out = append(out, own.PublicKey().Bytes()...)
	return seal.Seal(out, nonce, append(append([]byte{}, text...), 2), nil), nil // 2 ends the last record
}

// authorize is RFC 8292: a token for the origin of the push service, signed.
func (p webPush) authorize(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return "", vital.Errorf(vital.Invalid, "the endpoint is no URL")
	}
	key := p.key()
	claims, err := json.Marshal(map[string]any{"aud": u.Scheme + "://" + u.Host, "exp": p.now().Add(time.Hour).Unix(), "sub": p.subject})
	if err != nil {
		return "", err
	}
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(token))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return "vapid t=" + token + "." + base64.RawURLEncoding.EncodeToString(signature) + ", k=" + base64.RawURLEncoding.EncodeToString(uncompressed(&key.PublicKey)), nil
}

// fromBase64 reads either alphabet, with or without padding: browsers differ.
func fromBase64(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(s), "="))
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "the keys of the subscription are not base64")
	}
	return b, nil
}
