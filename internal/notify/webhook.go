package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
)

// webhook hands messages to a program of the hospital, as JSON. The signature is
// HMAC-SHA256 under the secret of the channel, over the time in seconds, a full
// stop and the body, so that nobody else can send one and an old one cannot be
// sent again; Idempotency-Key is the same for every repeat.
type webhook struct {
	guard  Guard
	client *http.Client
	now    func() time.Time
}

// SignatureHeader carries "t=1700000000,v1=<hex>".
const SignatureHeader = "Vigil-Signature"

// Send hands the message over.
func (h webhook) Send(ctx context.Context, to Recipient, m Message) (Receipt, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return Receipt{}, err
	}
	header := http.Header{
		"Content-Type":    {"application/json"},
		"Idempotency-Key": {m.ID},
		SignatureHeader:   {Sign(to.Secret, h.now(), body)},
	}
	if _, err := post(ctx, h.guard, h.client, to.Address, header, string(body)); err != nil {
		return Receipt{}, err
	}
	return Receipt{State: store.HandedOver, Replaces: true}, nil // a program knows by the tag and kind what to do
}

// Sign is the value of SignatureHeader.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// signedAge is how old a signed message may be: what was overheard cannot be sent
// again later, and clocks may be a little apart.
const signedAge = 5 * time.Minute

// Signed reports whether a value of SignatureHeader is what a holder of secret
// wrote under body, not long before now.
func Signed(secret, header string, now time.Time, body []byte) bool {
	stamp, _, ok := strings.Cut(strings.TrimPrefix(header, "t="), ",")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if !ok || err != nil || secret == "" {
		return false
	}
	at := time.Unix(seconds, 0)
	return now.Sub(at).Abs() <= signedAge && hmac.Equal([]byte(Sign(secret, at, body)), []byte(header))
}
