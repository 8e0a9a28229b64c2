package store_test

import (
	"context"
	"testing"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// TestClientGrants shows the life of a program's rights: a refresh token that was
// replaced is known as used, and ending the program ends all of it.
// Covers: O3
func TestClientGrants(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		ctx := context.Background()
		at := vital.Instant(1_700_000_000_000)
		must(t, d.PutClient(ctx, entry("client.write"), store.Client{ID: "app", Name: "Growth chart", Kind: "public", Body: []byte("{}"), Created: at, By: "u-1"}))
		grant := store.ClientGrant{ID: "g-1", Client: "app", Account: "u-1", Patient: "p-1", Scopes: "patient/Observation.rs", Created: at, Code: []byte("code"), Refresh: []byte("one"), Body: []byte("sealed")}
		must(t, d.PutClientGrant(ctx, entry("client.grant"), grant))
		got, used, err := d.ClientGrantByRefresh(ctx, site, []byte("one"))
		must(t, err)
		if used || got.Patient != "p-1" || got.Scopes != grant.Scopes {
			t.Fatalf("the present token: used %v, %+v", used, got)
		}
		grant.Refresh = []byte("two")
		must(t, d.PutClientGrant(ctx, entry("client.grant"), grant))
		if _, used, err = d.ClientGrantByRefresh(ctx, site, []byte("one")); err != nil || !used {
			t.Fatalf("the token before: used %v, %v", used, err)
		}
		if _, _, err = d.ClientGrantByRefresh(ctx, site, []byte("none")); vital.KindOf(err) != vital.NotFound {
			t.Fatalf("no such token: %v", err)
		}
		// A change of something else keeps the token before.
		must(t, d.PutClientGrant(ctx, entry("client.grant"), grant))
		if _, used, err = d.ClientGrantByRefresh(ctx, site, []byte("one")); err != nil || !used {
			t.Fatalf("the token before, after another change: used %v, %v", used, err)
		}
		must(t, d.PutClientToken(ctx, store.ClientToken{Site: site, Hash: []byte("t"), Grant: "g-1", Scopes: grant.Scopes, Created: at, Expires: vital.Instant(1 << 60)}))
		must(t, d.RevokeClient(ctx, entry("client.write"), "app", at+1))
		if got, err := d.ClientGrantByID(ctx, site, "g-1"); err != nil || !got.Revoked.Known() {
			t.Fatalf("the program ended, its grant did not: %+v, %v", got, err)
		}
		kind(t, d.RevokeClient(ctx, entry("client.write"), "app", at+2), vital.NotFound)
	})
}

// TestClientWaitIsSpentOnce shows that what counts once counts once.
// Covers: O3
func TestClientWaitIsSpentOnce(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		ctx := context.Background()
		later := vital.Instant(1 << 60)
		w := store.ClientWait{Site: site, Hash: []byte("assertion-1"), Kind: "assertion", Expires: later}
		must(t, d.SpendClientWait(ctx, w))
		kind(t, d.SpendClientWait(ctx, w), vital.Conflict)
		w = store.ClientWait{Site: site, Hash: []byte("launch-1"), Kind: "launch", Expires: later, Body: []byte("b")}
		must(t, d.PutClientWait(ctx, w))
		if _, err := d.ClientWaitByHash(ctx, site, "request", w.Hash); vital.KindOf(err) != vital.NotFound {
			t.Fatalf("a launch passed for a request: %v", err)
		}
		got, err := d.TakeClientWait(ctx, site, "launch", w.Hash)
		must(t, err)
		if string(got.Body) != "b" {
			t.Fatalf("body %q", got.Body)
		}
		_, err = d.TakeClientWait(ctx, site, "launch", w.Hash)
		kind(t, err, vital.NotFound)
		w.Expires = 1
		must(t, d.PutClientWait(ctx, w))
		if _, err := d.ClientWaitByHash(ctx, site, "launch", w.Hash); vital.KindOf(err) != vital.NotFound {
			t.Fatalf("what has run out is still there: %v", err)
		}
	})
}
