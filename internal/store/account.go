package store

import (
	"context"
	"encoding/json"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// User is a person who may sign in.
type User struct {
	Site         vital.Site
	ID           vital.UserID
	Name         string
	Username     string
	Roles        []string
	Wards        []vital.WardID
	AllWards     bool
	State        string // "active", "blocked"
	PasswordHash string // empty: cannot sign in by password
	Created      vital.Instant
	Preferences  json.RawMessage
	Patient      vital.PatientID // the patient that an account of role patient is
}

const selectUsers = `SELECT site, id, name, username, roles, wards, all_wards, state, password_hash, created, preferences, patient
	FROM account WHERE site = ?`

func scanUser(scan func(...any) error, u *User) error {
	var preferences string
	err := scan(&u.Site, &u.ID, &u.Name, &u.Username, listOf[string]{&u.Roles}, listOf[vital.WardID]{&u.Wards}, &u.AllWards,
		&u.State, &u.PasswordHash, &u.Created, &preferences, &u.Patient)
	u.Preferences = json.RawMessage(preferences)
	return err
}

// PutUser makes or changes a user. A user name that is taken is a Conflict.
func (d *DB) PutUser(ctx context.Context, e audit.Entry, u User) error {
	return d.change(ctx, e, "put user "+string(u.ID), func(t *tx) error {
		if u.ID == "" || u.Username == "" {
			return vital.Errorf(vital.Invalid, "a user needs an id and a user name")
		}
		if u.State == "" {
			u.State = "active"
		}
		if len(u.Preferences) == 0 {
			u.Preferences = json.RawMessage("{}")
		}
		if u.Created == 0 {
			u.Created = now()
		}
		_, err := t.exec(`INSERT INTO account (site, id, name, username, roles, wards, all_wards, state, password_hash, created, preferences, patient)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (site, id) DO UPDATE SET name = excluded.name, username = excluded.username, roles = excluded.roles, wards = excluded.wards,
			all_wards = excluded.all_wards, state = excluded.state, password_hash = excluded.password_hash, preferences = excluded.preferences,
			patient = excluded.patient`,
			e.Site, u.ID, u.Name, u.Username, list(u.Roles), list(u.Wards), u.AllWards, u.State, u.PasswordHash, u.Created, string(u.Preferences), u.Patient)
		return err
	})
}

// SetPreferences keeps how a user wants to see things. It changes no health data
// and no right, so it needs no entry in the ledger.
func (d *DB) SetPreferences(ctx context.Context, site vital.Site, id vital.UserID, preferences json.RawMessage) error {
	if !json.Valid(preferences) {
		return vital.Errorf(vital.Invalid, "preferences of user %s: not JSON", id)
	}
	return d.transact(ctx, func(t *tx) error {
		n, err := t.exec("UPDATE account SET preferences = $1 WHERE site = $2 AND id = $3", string(preferences), site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "user %s: not found", id)
		}
		return err
	})
}

// UserByName returns the user who signs in by that name.
func (d *DB) UserByName(ctx context.Context, site vital.Site, username string) (User, error) {
	return one(ctx, d.read, ask(selectUsers, site).add(" AND username = ?", username), "user named "+username, scanUser)
}

// UserByID returns one user.
func (d *DB) UserByID(ctx context.Context, site vital.Site, id vital.UserID) (User, error) {
	return one(ctx, d.read, ask(selectUsers, site).add(" AND id = ?", id), "user "+string(id), scanUser)
}

// Users lists the users of a site by user name.
func (d *DB) Users(ctx context.Context, site vital.Site) ([]User, error) {
	return collect(ctx, d.read, ask(selectUsers, site).add(" ORDER BY username"), scanUser)
}

// Token lets a program or a wall screen in. Hash is of the secret.
type Token struct {
	Site     vital.Site
	ID       string
	Name     string
	Class    string // "integration", "kiosk"
	Hash     []byte
	Wards    []vital.WardID
	AllWards bool
	Roles    []string
	Created  vital.Instant
	LastUsed vital.Instant
	Expires  vital.Instant
}

const selectTokens = `SELECT site, id, name, class, hash, wards, all_wards, roles, created, last_used, expires
	FROM token WHERE site = ? AND revoked = 0`

func scanToken(scan func(...any) error, t *Token) error {
	return scan(&t.Site, &t.ID, &t.Name, &t.Class, &t.Hash, listOf[vital.WardID]{&t.Wards}, &t.AllWards, listOf[string]{&t.Roles}, &t.Created, &t.LastUsed, &t.Expires)
}

// PutToken keeps a new token.
func (d *DB) PutToken(ctx context.Context, e audit.Entry, v Token) error {
	return d.change(ctx, e, "put token "+v.ID, func(t *tx) error {
		if v.ID == "" || len(v.Hash) == 0 {
			return vital.Errorf(vital.Invalid, "a token needs an id and a hash")
		}
		_, err := t.exec(`INSERT INTO token (site, id, name, class, hash, wards, all_wards, roles, created, last_used, expires, revoked)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)`,
			e.Site, v.ID, v.Name, v.Class, v.Hash, list(v.Wards), v.AllWards, list(v.Roles), v.Created, v.LastUsed, v.Expires)
		return err
	})
}

// TokenByHash returns a token that was not revoked.
func (d *DB) TokenByHash(ctx context.Context, site vital.Site, hash []byte) (Token, error) {
	return one(ctx, d.read, ask(selectTokens, site).add(" AND hash = ?", hash), "token", scanToken)
}

// Tokens lists the tokens in force, newest first.
func (d *DB) Tokens(ctx context.Context, site vital.Site) ([]Token, error) {
	return collect(ctx, d.read, ask(selectTokens, site).add(" ORDER BY created DESC, id"), scanToken)
}

// UsedToken notes when a token was last used.
func (d *DB) UsedToken(ctx context.Context, site vital.Site, id string, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE token SET last_used = $1 WHERE site = $2 AND id = $3", at, site, id)
		return err
	})
}

// RevokeToken ends a token for good; its row stays.
func (d *DB) RevokeToken(ctx context.Context, e audit.Entry, id string) error {
	return d.change(ctx, e, "revoke token "+id, func(t *tx) error {
		n, err := t.exec("UPDATE token SET revoked = $1 WHERE site = $2 AND id = $3 AND revoked = 0", now(), e.Site, id)
		if err == nil && n == 0 {
			err = vital.Errorf(vital.NotFound, "token %s: not found", id)
		}
		return err
	})
}
