package oauthd

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"

	"github.com/go-jose/go-jose/v4"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// keySetting is where the signing key lies, sealed.
const keySetting = "oauth-signing-key"

// keptKey is the signing key as it lies in the store.
type keptKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"` // PKCS #8
}

// signingKey reads the key that signs identity tokens, or draws one (P-256).
func (s *Server) signingKey(ctx context.Context) (jose.JSONWebKey, error) {
	sealed, err := s.store.Setting(ctx, s.site, keySetting)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return jose.JSONWebKey{}, err
	}
	if err != nil {
		if err := s.drawKey(ctx); err != nil {
			return jose.JSONWebKey{}, err
		}
		if sealed, err = s.store.Setting(ctx, s.site, keySetting); err != nil {
			return jose.JSONWebKey{}, err
		}
	}
	var kept keptKey
	if err := s.open(ctx, "setting/value/"+keySetting, sealed, &kept); err != nil {
		return jose.JSONWebKey{}, err
	}
	key, err := x509.ParsePKCS8PrivateKey(kept.Key)
	if err != nil {
		return jose.JSONWebKey{}, err
	}
	return jose.JSONWebKey{Key: key, KeyID: kept.ID, Algorithm: string(jose.ES256), Use: "sig"}, nil
}

func (s *Server) drawKey(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	body, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	sealed, err := s.seal(ctx, "setting/value/"+keySetting, keptKey{ID: auth.NewID("k-"), Key: body})
	if err != nil {
		return err
	}
	return s.store.PutSetting(ctx, s.site, keySetting, sealed)
}
