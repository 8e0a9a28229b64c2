package store_test

import (
	"context"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// What proves a person is kept with its notice, spent once, and ends whole when
// the account is recovered.
func TestProofs(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		for _, u := range []vital.UserID{"u-1", "u-2"} {
			must(t, d.PutUser(ctx, entry("user.put"), store.User{ID: u, Username: string(u), State: "active", PasswordHash: "x"}))
		}
		tell := func(id, kind string) store.Notice {
			return store.Notice{ID: id, User: "u-1", At: t0, Kind: kind, By: "u-2", From: "10.0.0.1"}
		}
		key := store.Passkey{ID: "k-1", User: "u-1", Name: "phone", Credential: []byte("count 1"), Created: t0}
		must(t, d.PutPasskey(ctx, entry("passkey.add"), key, tell("n-1", "passkey-added")))
		kind(t, d.PutPasskey(ctx, entry("passkey.add"), store.Passkey{ID: "k-1", User: "u-2", Credential: []byte("x")}, tell("n-2", "passkey-added")), vital.Conflict)
		must(t, d.UsedPasskey(ctx, site, "k-1", []byte("count 1"), []byte("count 2"), t0+1))
		kind(t, d.UsedPasskey(ctx, site, "k-1", []byte("count 1"), []byte("count 2"), t0+1), vital.Conflict)
		must(t, d.NamePasskey(ctx, entry("passkey.name"), "u-1", "k-1", "old phone"))
		kind(t, d.NamePasskey(ctx, entry("passkey.name"), "u-2", "k-1", "mine"), vital.NotFound)
		kind(t, d.RemovePasskey(ctx, entry("passkey.remove"), "u-2", "k-1", tell("n-3", "passkey-removed")), vital.NotFound)
		if k := got(d.Passkeys(ctx, site, "u-1"))(t); len(k) != 1 || k[0].Name != "old phone" || string(k[0].Credential) != "count 2" || k[0].LastUsed != t0+1 || k[0].Suspended {
			t.Errorf("passkeys: %+v", k)
		}
		must(t, d.SuspendPasskey(ctx, entry("passkey.suspend"), "k-1", tell("n-4", "passkey-suspended")))
		kind(t, d.UsedPasskey(ctx, site, "k-1", []byte("count 2"), []byte("count 3"), t0+2), vital.Conflict)

		must(t, d.PutCodeGenerator(ctx, entry("code.begin"), store.CodeGenerator{User: "u-1", Secret: []byte("one"), Created: t0}))
		must(t, d.PutCodeGenerator(ctx, entry("code.begin"), store.CodeGenerator{User: "u-1", Secret: []byte("two"), Created: t0}))
		kind(t, d.UseCodeStep(ctx, site, "u-1", 5), vital.Conflict)
		must(t, d.ConfirmCodeGenerator(ctx, entry("code.add"), "u-1", 10, tell("n-5", "code-added")))
		kind(t, d.PutCodeGenerator(ctx, entry("code.begin"), store.CodeGenerator{User: "u-1", Secret: []byte("three")}), vital.Conflict)
		for step, want := range map[int64]bool{10: false, 9: false} {
			if err := d.UseCodeStep(ctx, site, "u-1", step); (err == nil) != want {
				t.Errorf("step %d: %v", step, err)
			}
		}
		must(t, d.UseCodeStep(ctx, site, "u-1", 11))
		kind(t, d.UseCodeStep(ctx, site, "u-1", 11), vital.Conflict)
		if c := got(d.CodeGeneratorOf(ctx, site, "u-1"))(t); string(c.Secret) != "two" || !c.Confirmed || c.LastStep != 11 {
			t.Errorf("code generator: %+v", c)
		}

		i := store.Identity{ID: "i-1", User: "u-1", Provider: "house", Issuer: "https://login", Subject: "s", Created: t0, By: "u-2"}
		must(t, d.PutIdentity(ctx, entry("identity.link"), i, tell("n-6", "sso-linked")))
		i.ID, i.User = "i-2", "u-2"
		kind(t, d.PutIdentity(ctx, entry("identity.link"), i, tell("n-7", "sso-linked")), vital.Conflict)
		if i := got(d.IdentityOf(ctx, site, "https://login", "s"))(t); i.User != "u-1" {
			t.Errorf("identity: %+v", i)
		}

		first := store.Session{Site: site, ID: "s-1", Hash: []byte("a"), User: "u-1", Factors: []string{"password"}, Created: t0, LastSeen: t0, Expires: t0 + 99}
		must(t, d.PutSession(ctx, first))
		next := first
		next.Hash, next.Factors, next.Fresh = []byte("b"), []string{"password", "code"}, t0+3
		must(t, d.ReplaceSession(ctx, entry("session.prove"), first.Hash, next))
		kind(t, d.ReplaceSession(ctx, entry("session.prove"), first.Hash, next), vital.NotFound)
		if s := got(d.SessionByID(ctx, site, "s-1"))(t); string(s.Hash) != "b" || len(s.Factors) != 2 || s.Fresh != t0+3 {
			t.Errorf("session: %+v", s)
		}
		kind(t, d.EndSessionOf(ctx, entry("session.end"), "u-2", "s-1"), vital.NotFound)
		if s := got(d.SessionsOf(ctx, site, "u-1", t0+98))(t); len(s) != 1 {
			t.Errorf("sessions: %+v", s)
		}
		if s := got(d.SessionsOf(ctx, site, "u-1", t0+99))(t); len(s) != 0 {
			t.Errorf("sessions that have run out: %+v", s)
		}

		must(t, d.PutLink(ctx, entry("user.link"), store.Link{Hash: []byte("old"), User: "u-1", Expires: t0 + 9}, tell("n-8", "link-made")))
		must(t, d.PutLink(ctx, entry("user.link"), store.Link{Hash: []byte("new"), User: "u-1", Expires: t0 + 9}, store.Notice{}))
		took := func(store.Link) (audit.Entry, store.Notice) { return entry("user.link-used"), tell("n-9", "link-used") }
		_, err := d.TakeLink(ctx, site, []byte("old"), t0, took)
		kind(t, err, vital.NotFound)
		got(d.TakeLink(ctx, site, []byte("new"), t0, took))(t)
		if k := got(d.Passkeys(ctx, site, "u-1"))(t); len(k) != 0 {
			t.Errorf("passkeys after a recovery: %+v", k)
		}
		_, err = d.CodeGeneratorOf(ctx, site, "u-1")
		kind(t, err, vital.NotFound)
		_, err = d.IdentityOf(ctx, site, "https://login", "s")
		kind(t, err, vital.NotFound)
		_, err = d.SessionByID(ctx, site, "s-1")
		kind(t, err, vital.NotFound)
		if u := got(d.UserByID(ctx, site, "u-1"))(t); u.PasswordHash != "" {
			t.Error("the password outlived a recovery")
		}
		if u := got(d.UserByID(ctx, site, "u-2"))(t); u.PasswordHash == "" {
			t.Error("a recovery ended somebody else's password")
		}
		n := got(d.Notices(ctx, site, "u-1", t0))(t)
		if len(n) != 6 || n[0].Seen.Known() {
			t.Errorf("%d notices: %+v", len(n), n)
		}
		must(t, d.SeenNotices(ctx, site, "u-1", t0+5))
		if n := got(d.Notices(ctx, site, "u-1", t0))(t); n[0].Seen != t0+5 || n[0].From != "10.0.0.1" {
			t.Errorf("seen: %+v", n[0])
		}
		if n := got(d.Notices(ctx, site, "u-2", 0))(t); len(n) != 0 {
			t.Errorf("somebody else was told: %+v", n)
		}
	})
}
