package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/oauthd"
	"github.com/vigilcare/vigil/vital"
)

// keyFetch bounds fetching the keys of a program.
const keyFetch = 10 * time.Second

// public is the address by which programs and people reach the screens.
func (c *config) public(at addresses) string {
	if c.Public != "" {
		return strings.TrimSuffix(c.Public, "/")
	}
	return strings.TrimSuffix(at.HTTP, "/")
}

// programs builds the door for programs: it asks the door for people who is
// signed in.
func (n *node) programs(at addresses, caller func(*http.Request) (auth.Principal, error)) (http.Handler, error) {
	allow, err := prefixes(n.config.Inside)
	if err != nil {
		return nil, err
	}
	client := notify.Guard{Allow: allow}.Client()
	client.Timeout = keyFetch
	door, err := oauthd.New(context.Background(), oauthd.Options{
		Gate: n.gate, Store: n.store, Site: n.site, Sealer: n.keeper, Issuer: n.config.public(at), API: "/api/v1", Caller: caller, HTTP: client, Log: n.log,
	})
	if err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "open the door for programs: %w", err)
	}
	return door.Handler(), nil
}
