package notify

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// keysSetting keeps the secrets of the notifier, sealed: 32 bytes by which links
// are made, then the private key of the push identity (P-256, 32 bytes).
const keysSetting = "notify.keys"

// keys are what only this installation has.
type keys struct {
	link []byte
	push *ecdsa.PrivateKey
}

// loadKeys reads the keys, or makes them at the first start.
func (w *Worker) loadKeys(ctx context.Context) error {
	sealed, err := w.store.Setting(ctx, w.site, keysSetting)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return fmt.Errorf("read the keys of the notifier: %w", err)
	}
	var body []byte
	if err == nil {
		if body, err = w.o.Unseal(sealed); err != nil {
			return fmt.Errorf("open the keys of the notifier: %w", err)
		}
	} else {
		push, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		private, err := push.ECDH()
		if err != nil {
			return err
		}
		body = make([]byte, 32)
		rand.Read(body)
		body = append(body, private.Bytes()...)
		if sealed, err = w.o.Seal(body); err != nil {
			return fmt.Errorf("seal the keys of the notifier: %w", err)
		}
		if err := w.store.PutSetting(ctx, w.site, keysSetting, sealed); err != nil {
			return fmt.Errorf("keep the keys of the notifier: %w", err)
		}
	}
	if len(body) != 64 {
		return vital.Errorf(vital.Internal, "the keys of the notifier are %d bytes, want 64", len(body))
	}
	push, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), body[32:])
	if err != nil {
		return fmt.Errorf("read the push identity: %w", err)
	}
	w.mutex.Lock()
	w.keys = keys{link: body[:32], push: push}
	w.mutex.Unlock()
	return nil
}

// PushKey is the public key that a browser needs to be reached by web push, in
// base64url; empty before Run.
func (w *Worker) PushKey() string {
	w.mutex.Lock()
	push := w.keys.push
	w.mutex.Unlock()
	if push == nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(uncompressed(&push.PublicKey))
}

func uncompressed(k *ecdsa.PublicKey) []byte {
	public, err := k.ECDH()
	if err != nil {
		panic(err) // a key on P-256 always has this form
	}
	return public.Bytes()
}

// token is what the link of a message carries: who holds it has seen the message
// and learns nothing else by it. It works once.
func (w *Worker) token(delivery string) string {
	mac := hmac.New(sha256.New, w.keys.link)
	mac.Write([]byte(delivery))
	return delivery + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

// Opened notes that the link of a message was followed and returns its alarm.
func (w *Worker) Opened(ctx context.Context, token, remote string) (alarm string, err error) {
	delivery, _, ok := strings.Cut(token, ".")
	w.mutex.Lock()
	ready := w.keys.link != nil
	w.mutex.Unlock()
	if !ready || !ok || !hmac.Equal([]byte(w.token(delivery)), []byte(token)) {
		return "", vital.Errorf(vital.NotFound, "there is no such message, or it was opened before")
	}
	return w.store.Opened(ctx, audit.Entry{
		Site: w.site, At: w.at(), Who: "link", From: remote, Action: "delivery.seen", Subject: "delivery/" + delivery,
	}, delivery)
}

// short is 24 hexadecimal digits that stand for a longer name.
func short(name string) string {
	h := sha256.Sum256([]byte(name))
	return hex.EncodeToString(h[:12])
}
