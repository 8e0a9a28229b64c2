package auth

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// What a person is told about the own account. Whoever talked somebody into
// recovering it cannot hide that from its person.
const (
	NoticeLinkMade         = "link-made"
	NoticeLinkUsed         = "link-used"
	NoticePassword         = "password-changed"
	NoticePasskeyAdded     = "passkey-added"
	NoticePasskeyRemoved   = "passkey-removed"
	NoticePasskeySuspended = "passkey-suspended"
	NoticeCodeAdded        = "code-added"
	NoticeCodeRemoved      = "code-removed"
	NoticeWrongCodes       = "wrong-codes" // somebody knows the password
	NoticeSignOnLinked     = "sso-linked"
	NoticeSignOnUnlinked   = "sso-unlinked"
)

// noticeKept is how long a notice is listed.
const noticeKept = 90 * 24 * time.Hour

func (g *Gate) notice(by Principal, user vital.UserID, kind string) store.Notice {
	return store.Notice{Site: g.site, ID: NewID("n-"), User: user, At: vital.At(g.now()), Kind: kind, By: by.Who(), From: by.Remote}
}

// Notices lists what the caller was told about the own account.
func (g *Gate) Notices(ctx context.Context, p Principal) ([]store.Notice, error) {
	if p.Class != User {
		return nil, nil
	}
	return g.store.Notices(ctx, g.site, vital.UserID(p.ID), vital.At(g.now().Add(-noticeKept)))
}

// SeenNotices says that the caller has seen them.
func (g *Gate) SeenNotices(ctx context.Context, p Principal) error {
	if p.Class != User {
		return nil
	}
	return g.store.SeenNotices(ctx, g.site, vital.UserID(p.ID), vital.At(g.now()))
}
