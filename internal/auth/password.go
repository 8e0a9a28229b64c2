package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"github.com/vigilcare/vigil/vital"
)

// Cost of one password check: argon2id with 19 MiB, two passes, one lane
// (OWASP Password Storage Cheat Sheet, first choice of the argon2id settings).
const (
	argonMemory = 19 * 1024 // KiB
	argonPasses = 2
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16
)

// A password is at least this long: length is what counts, so nothing else is asked.
const (
	passwordLeast = 12
	passwordMost  = 256
)

// hasher checks passwords, a few at a time, so that a burst of sign-ins cannot
// take all the memory: two at once are 38 MiB. Of those who come meanwhile some
// wait, and the rest are told to come again.
type hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
}

// mostWaiting is how many may wait for a place: about five seconds' worth.
const mostWaiting = 100

func newHasher(atOnce int) *hasher { return &hasher{slots: make(chan struct{}, atOnce)} }

func (h *hasher) enter(ctx context.Context) error {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > mostWaiting {
		return vital.Errorf(vital.Unavailable, "very many are signing in at this moment: try again in a few seconds")
	}
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return vital.Errorf(vital.Unavailable, "waiting for a place to check a password: %w", ctx.Err())
	}
}

// hash returns the encoded form of a password with a salt of its own.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer func() { <-h.slots }()
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKey)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		enc.EncodeToString(salt), enc.EncodeToString(key)), nil
}

// matches reports whether the password is the one that was hashed. An empty
// encoded form costs the same time and never matches, so that nobody can tell
// an account that does not exist from a wrong password.
func (h *hasher) matches(ctx context.Context, encoded, password string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer func() { <-h.slots }()
	salt, want, ok := decodeHash(encoded)
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKey)
	return subtle.ConstantTimeCompare(key, want) == 1 && ok, nil
}

func decodeHash(encoded string) (salt, key []byte, ok bool) {
	dummy := make([]byte, argonSalt)
	parts := strings.Split(encoded, "$")
	want := fmt.Sprintf("m=%d,t=%d,p=%d", argonMemory, argonPasses, argonLanes)
	if len(parts) != 6 || parts[1] != "argon2id" || parts[3] != want {
		return dummy, make([]byte, argonKey), false
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	key, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(key) != argonKey {
		return dummy, make([]byte, argonKey), false
	}
	return salt, key, true
}

// checkNewPassword says what is wrong with a password that somebody chose.
func checkNewPassword(password, username string) error {
	switch {
	case len(password) < passwordLeast:
		return vital.Errorf(vital.Invalid, "password: want at least %d characters", passwordLeast)
	case len(password) > passwordMost:
		return vital.Errorf(vital.Invalid, "password: want at most %d characters", passwordMost)
	case strings.EqualFold(password, username), strings.Count(password, password[:1]) == len(password):
		return vital.Errorf(vital.Invalid, "password: too easy to guess")
	}
	return nil
}

// NewSecret returns 256 random bits as 43 characters that are safe in URLs,
// shells and CSV files. None begins with a dash, which a command line would take
// for a flag.
func NewSecret() string {
	b := make([]byte, 32)
	for {
		rand.Read(b)
		if secret := base64.RawURLEncoding.EncodeToString(b); secret[0] != '-' {
			return secret
		}
	}
}

// HashSecret is what is stored of a random secret. A plain SHA-256 is enough:
// there are 256 bits to guess, so slowness would protect nothing.
func HashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// NewID returns prefix plus 40 random bits in hex, as ids of places and people are.
func NewID(prefix string) string {
	b := make([]byte, 5)
	rand.Read(b)
	return fmt.Sprintf("%s%x", prefix, b)
}
