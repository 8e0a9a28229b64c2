package store

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Notice tells a person what happened to the own account, until it was seen.
type Notice struct {
	Site vital.Site
	ID   string
	User vital.UserID
	At   vital.Instant
	Kind string
	By   string // who did it, an id
	From string // from which address
	Seen vital.Instant
}

func (t *tx) notice(site vital.Site, n Notice) error {
	_, err := t.exec("INSERT INTO account_notice (site, id, account, at, kind, by_whom, from_address, seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
		site, n.ID, n.User, n.At, n.Kind, n.By, n.From, n.Seen)
	return err
}

// PutNotice tells a person something that changed nothing by itself.
func (d *DB) PutNotice(ctx context.Context, e audit.Entry, n Notice) error {
	return d.change(ctx, e, "notice to "+string(n.User), func(t *tx) error { return t.notice(e.Site, n) })
}

// Notices lists what a person was told since then, newest first.
func (d *DB) Notices(ctx context.Context, site vital.Site, user vital.UserID, since vital.Instant) ([]Notice, error) {
	q := ask("SELECT site, id, account, at, kind, by_whom, from_address, seen FROM account_notice WHERE site = ? AND account = ? AND at >= ? ORDER BY at DESC, id DESC LIMIT 200", site, user, since)
	return collect(ctx, d.read, q, func(scan func(...any) error, n *Notice) error {
		return scan(&n.Site, &n.ID, &n.User, &n.At, &n.Kind, &n.By, &n.From, &n.Seen)
	})
}

// SeenNotices says that a person has seen all of them.
func (d *DB) SeenNotices(ctx context.Context, site vital.Site, user vital.UserID, at vital.Instant) error {
	return d.transact(ctx, func(t *tx) error {
		_, err := t.exec("UPDATE account_notice SET seen = $1 WHERE site = $2 AND account = $3 AND seen = 0", at, site, user)
		return err
	})
}
