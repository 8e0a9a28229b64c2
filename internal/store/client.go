package store

import (
	"context"
	"encoding/json"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Client is a program that an administrator let in over OAuth. Body is what the
// authorization server must know of it; it holds the hash of a secret at most.
type Client struct {
	Site    vital.Site
	ID      string
	Name    string
	Kind    string // "public", "confidential" or "backend"
	Body    json.RawMessage
	Created vital.Instant
	By      vital.UserID
	Revoked vital.Instant
}

const selectClients = "SELECT site, id, name, kind, body, created, by_whom, revoked FROM client WHERE site = ?"

func scanClient(scan func(...any) error, c *Client) error {
	var body string
	err := scan(&c.Site, &c.ID, &c.Name, &c.Kind, &body, &c.Created, &c.By, &c.Revoked)
	c.Body = json.RawMessage(body)
	return err
}

// PutClient lets a program in. There is no method that changes one: what people
// agreed to must stay what it was.
func (d *DB) PutClient(ctx context.Context, e audit.Entry, c Client) error {
	return d.change(ctx, e, "put client "+c.ID, func(t *tx) error {
		_, err := t.exec("INSERT INTO client (site, id, name, kind, body, created, by_whom, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
			e.Site, c.ID, c.Name, c.Kind, string(c.Body), c.Created, c.By)
		return err
	})
}

// Clients lists the programs of a site, by name.
func (d *DB) Clients(ctx context.Context, site vital.Site) ([]Client, error) {
	return collect(ctx, d.read, ask(selectClients, site).add(" ORDER BY name, id"), scanClient)
}

// ClientByID returns one program, revoked or not.
func (d *DB) ClientByID(ctx context.Context, site vital.Site, id string) (Client, error) {
	return one(ctx, d.read, ask(selectClients, site).add(" AND id = ?", id), "client "+id, scanClient)
}

// RevokeClient ends a program, everything it was granted and every token it holds.
func (d *DB) RevokeClient(ctx context.Context, e audit.Entry, id string, at vital.Instant) error {
	return d.change(ctx, e, "revoke client "+id, func(t *tx) error {
		n, err := t.exec("UPDATE client SET revoked = $1 WHERE site = $2 AND id = $3 AND revoked = 0", at, e.Site, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return vital.Errorf(vital.NotFound, "client %s: there is no such program, or it was ended before", id)
		}
		_, err = t.exec("UPDATE client_grant SET revoked = $1 WHERE site = $2 AND client = $3 AND revoked = 0", at, e.Site, id)
		return err
	})
}

// ClientGrant is what a person, or an administrator for a program of its own,
// let a program do.
type ClientGrant struct {
	Site    vital.Site
	ID      string
	Client  string
	Account vital.UserID    // "": the program acts for itself
	Patient vital.PatientID // "": no one patient
	Scopes  string
	Created vital.Instant
	Expires vital.Instant // of the refresh token, 0: none
	Revoked vital.Instant
	Code    []byte // hash of the code by which it is fetched
	Refresh []byte // hash of the refresh token
	Body    []byte // sealed
}

const selectGrants = `SELECT site, id, client, account, patient, scopes, created, expires, revoked, code, refresh, body
	FROM client_grant WHERE site = ?`

func scanGrant(scan func(...any) error, g *ClientGrant) error {
	return scan(&g.Site, &g.ID, &g.Client, &g.Account, &g.Patient, &g.Scopes, &g.Created, &g.Expires, &g.Revoked, &g.Code, &g.Refresh, &g.Body)
}

// PutClientGrant makes or changes a grant. A refresh token that is replaced is
// remembered as the one before.
func (d *DB) PutClientGrant(ctx context.Context, e audit.Entry, g ClientGrant) error {
	return d.change(ctx, e, "put the grant of client "+g.Client, func(t *tx) error {
		_, err := t.exec(`INSERT INTO client_grant (site, id, client, account, patient, scopes, created, expires, revoked, code, refresh, earlier, body)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
			ON CONFLICT (site, id) DO UPDATE SET expires = excluded.expires, revoked = excluded.revoked, code = excluded.code,
			earlier = CASE WHEN client_grant.refresh = excluded.refresh THEN client_grant.earlier ELSE client_grant.refresh END,
			refresh = excluded.refresh, body = excluded.body`,
			e.Site, g.ID, g.Client, g.Account, g.Patient, g.Scopes, g.Created, g.Expires, g.Revoked, bytesOf(g.Code), bytesOf(g.Refresh), []byte{}, bytesOf(g.Body))
		return err
	})
}

func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// ClientGrantByID returns one grant.
func (d *DB) ClientGrantByID(ctx context.Context, site vital.Site, id string) (ClientGrant, error) {
	return one(ctx, d.read, ask(selectGrants, site).add(" AND id = ?", id), "grant "+id, scanGrant)
}

// ClientGrantByCode returns the grant that a code fetches.
func (d *DB) ClientGrantByCode(ctx context.Context, site vital.Site, hash []byte) (ClientGrant, error) {
	return one(ctx, d.read, ask(selectGrants, site).add(" AND code = ?", hash), "grant of a code", scanGrant)
}

// ClientGrantByRefresh returns the grant of a refresh token. used is true when
// the token is the one before the present one.
func (d *DB) ClientGrantByRefresh(ctx context.Context, site vital.Site, hash []byte) (g ClientGrant, used bool, err error) {
	g, err = one(ctx, d.read, ask(selectGrants, site).add(" AND refresh = ?", hash), "grant of a refresh token", scanGrant)
	if err != nil && vital.KindOf(err) == vital.NotFound {
		g, err = one(ctx, d.read, ask(selectGrants, site).add(" AND earlier = ?", hash), "grant of a refresh token", scanGrant)
		return g, err == nil, err
	}
	return g, false, err
}

// ClientGrantsOf lists what a person let programs do and did not take back.
func (d *DB) ClientGrantsOf(ctx context.Context, site vital.Site, account vital.UserID) ([]ClientGrant, error) {
	return collect(ctx, d.read, ask(selectGrants, site).add(" AND account = ? AND revoked = 0 ORDER BY created DESC", account), scanGrant)
}

// RevokeClientGrant ends a grant and with it every token of it.
func (d *DB) RevokeClientGrant(ctx context.Context, e audit.Entry, id string, at vital.Instant) error {
	return d.change(ctx, e, "revoke grant "+id, func(t *tx) error {
		n, err := t.exec("UPDATE client_grant SET revoked = $1 WHERE site = $2 AND id = $3 AND revoked = 0", at, e.Site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "grant %s: there is none, or it was ended before", id)
		}
		return err
	})
}

// ClientToken is an access token of a grant. Hash is of the token.
type ClientToken struct {
	Site    vital.Site
	Hash    []byte
	Grant   string
	Scopes  string
	Created vital.Instant
	Expires vital.Instant
	Revoked vital.Instant
}

// PutClientToken keeps a token, or that it was revoked. Tokens that ran out a day
// ago are forgotten on the way.
func (d *DB) PutClientToken(ctx context.Context, k ClientToken) error {
	return d.transact(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM client_token WHERE site = $1 AND expires < $2", k.Site, now()-vital.Instant(24*3600*1000)); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO client_token (hash, site, granted, scopes, created, expires, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (hash) DO UPDATE SET revoked = excluded.revoked`, k.Hash, k.Site, k.Grant, k.Scopes, k.Created, k.Expires, k.Revoked)
		return err
	})
}

// ClientTokenByHash returns a token; whether it still counts is for the caller.
func (d *DB) ClientTokenByHash(ctx context.Context, site vital.Site, hash []byte) (ClientToken, error) {
	q := ask("SELECT site, hash, granted, scopes, created, expires, revoked FROM client_token WHERE site = ? AND hash = ?", site, hash)
	return one(ctx, d.read, q, "access token", func(scan func(...any) error, k *ClientToken) error {
		return scan(&k.Site, &k.Hash, &k.Grant, &k.Scopes, &k.Created, &k.Expires, &k.Revoked)
	})
}

// ClientWait is something of a program that lasts minutes.
type ClientWait struct {
	Site    vital.Site
	Hash    []byte // of its secret
	Kind    string // "request", "launch", "assertion"
	Expires vital.Instant
	Body    []byte // sealed
}

// PutClientWait keeps or changes it; what has run out is forgotten on the way.
func (d *DB) PutClientWait(ctx context.Context, w ClientWait) error {
	return d.transact(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM client_wait WHERE site = $1 AND expires < $2", w.Site, now()); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO client_wait (hash, site, kind, expires, body) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (hash) DO UPDATE SET expires = excluded.expires, body = excluded.body`, w.Hash, w.Site, w.Kind, w.Expires, bytesOf(w.Body))
		return err
	})
}

// SpendClientWait keeps that something was used, and refuses the second time.
func (d *DB) SpendClientWait(ctx context.Context, w ClientWait) error {
	return d.transact(ctx, func(t *tx) error {
		if _, err := t.exec("DELETE FROM client_wait WHERE site = $1 AND expires < $2", w.Site, now()); err != nil {
			return err
		}
		n, err := t.exec("INSERT INTO client_wait (hash, site, kind, expires, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (hash) DO NOTHING",
			w.Hash, w.Site, w.Kind, w.Expires, []byte{})
		if err == nil && n == 0 {
			err = vital.Errorf(vital.Conflict, "%s: it was used before", w.Kind)
		}
		return err
	})
}

// ClientWaitByHash returns what has not run out.
func (d *DB) ClientWaitByHash(ctx context.Context, site vital.Site, kind string, hash []byte) (ClientWait, error) {
	q := ask("SELECT site, hash, kind, expires, body FROM client_wait WHERE site = ? AND kind = ? AND hash = ? AND expires >= ?", site, kind, hash, now())
	return one(ctx, d.read, q, kind, func(scan func(...any) error, w *ClientWait) error {
		return scan(&w.Site, &w.Hash, &w.Kind, &w.Expires, &w.Body)
	})
}

// TakeClientWait returns it and forgets it: it counts once.
func (d *DB) TakeClientWait(ctx context.Context, site vital.Site, kind string, hash []byte) (ClientWait, error) {
	w, err := d.ClientWaitByHash(ctx, site, kind, hash)
	if err != nil {
		return w, err
	}
	err = d.transact(ctx, func(t *tx) error {
		n, err := t.exec("DELETE FROM client_wait WHERE site = $1 AND kind = $2 AND hash = $3", site, kind, hash)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "%s: not found", kind)
		}
		return err
	})
	return w, err
}
