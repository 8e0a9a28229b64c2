package auth

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Options says how a gate is built. Store is required; the zero value of the
// rest is a sensible site.
type Options struct {
	Store *store.DB
	Site  vital.Site
	Now   func() time.Time
	Log   *slog.Logger

	Keys   Sealer   // seals the secrets of code generators; nil: there are no codes
	SignOn []SignOn // the hospital's own sign-ons

	Idle     time.Duration // a session without activity ends after this: 15 min
	Absolute time.Duration // and after this in any case: 12 h
	AtOnce   int           // password checks at the same time: 2, of 19 MiB each

	// Cut is told of a device that the gate has just quarantined, so that its
	// connections end and people are told. Nil: within seconds, by who looks.
	Cut func(ctx context.Context, device vital.DeviceID)
}

// Gate knows who is calling. It keeps short-lived copies of what it verified,
// so that ten thousand packets from one device cost one look at the store; a
// copy is at most fresh old, and Forget drops them all at once.
type Gate struct {
	store    *store.DB
	site     vital.Site
	now      func() time.Time
	log      *slog.Logger
	idle     time.Duration
	absolute time.Duration

	hasher   *hasher
	accounts *throttle // by account and address together
	places   *throttle // by address alone: many accounts from one place
	names    *throttle // by account alone: one account from many places
	codes    *throttle // by account: codes after a right password
	owners   owners    // where accounts were signed in to lately
	refusals refusals
	rights   rights
	misuses  misuses
	cut      func(ctx context.Context, device vital.DeviceID)

	mu       sync.Mutex
	sessions map[string]*session // by id
	cookies  map[string]string   // id of a session by hash of its cookie
	moved    map[string]known    // by hash of a cookie that a step-up has just replaced
	bearers  map[string]known    // by hash of the token
	operator []byte
	devices  map[string]known // by user name, hash of the secret and client id

	keys       Sealer
	party      *webauthn.WebAuthn // nil: there are no passkeys here
	ceremonies *ceremonies
	signOns    []*signOn
}

// fresh is how long a verified credential is believed without a look at the
// store. A revoked one must be out within 5 s.
const fresh = 3 * time.Second

// remembered bounds each of the gate's maps.
const remembered = 20_000

// known is a verified credential.
type known struct {
	principal Principal
	until     time.Time
}

// New returns a gate.
func New(o Options) *Gate {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Gate{
		store:    o.Store,
		site:     cmp.Or(o.Site, vital.DefaultSite),
		now:      now,
		log:      log,
		idle:     cmp.Or(o.Idle, 15*time.Minute),
		absolute: cmp.Or(o.Absolute, 12*time.Hour),
		hasher:   newHasher(cmp.Or(o.AtOnce, 2)),
		accounts: newThrottle(5, 2*time.Second, 15*time.Minute),
		places:   newThrottle(30, 2*time.Second, 15*time.Minute),
		names:    newThrottle(50, 2*time.Second, 30*time.Second),
		codes:    newThrottle(wrongCodes, 30*time.Second, 15*time.Minute),
		owners:   owners{at: make(map[string]time.Time)},
		refusals: refusals{lines: make(map[string]*refusal)},
		misuses:  newMisuses(),
		cut:      o.Cut,
		sessions: make(map[string]*session),
		cookies:  make(map[string]string),
		moved:    make(map[string]known),
		bearers:  make(map[string]known),
		devices:  make(map[string]known),

		keys:       o.Keys,
		ceremonies: newCeremonies(),
		signOns:    newSignOns(o.SignOn),
	}
}

// Forget drops every remembered credential: call it after a change of users,
// tokens, devices or credentials, so that the next call sees the change.
func (g *Gate) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.sessions)
	clear(g.cookies)
	clear(g.moved)
	clear(g.bearers)
	clear(g.devices)
}

func (g *Gate) recall(m map[string]known, key string) (Principal, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k, ok := m[key]
	if !ok || !g.now().Before(k.until) {
		return Principal{}, false
	}
	return k.principal, true
}

func (g *Gate) remember(m map[string]known, key string, p Principal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(m) >= remembered {
		clear(m)
	}
	m[key] = known{p, g.now().Add(fresh)}
}

// Rows is the principal's row filter as far as its wards and devices go.
func (g *Gate) Rows(p Principal) store.Rows {
	rows := store.Rows{Site: g.siteOf(p), All: p.AllWards, Wards: p.Wards}
	if p.Class == System {
		rows.All = true
	}
	if p.Class == Device {
		rows.Devices = []vital.DeviceID{vital.DeviceID(p.ID)}
	}
	return rows
}

// RowsFor is the row filter for one action: which places, and by which relations
// which data of which patients, as the policy answers it.
func (g *Gate) RowsFor(p Principal, a Action) store.Rows {
	if p.Class == System {
		return store.Everything(g.siteOf(p))
	}
	r := reachOf(p, a)
	rows := store.Rows{Site: g.siteOf(p), For: g.viewer(p, r)}
	switch r.scope {
	case Anywhere:
		rows.All = true
	case Its:
		rows.All, rows.Wards = p.AllWards, p.Wards
	}
	if p.Class == Device && r.scope != Nowhere {
		rows.Devices = []vital.DeviceID{vital.DeviceID(p.ID)}
	}
	return rows
}

// viewer is on whose behalf rows are read.
func (g *Gate) viewer(p Principal, r *reach) *store.Viewer {
	return &store.Viewer{
		User: vital.UserID(p.ID), Patient: p.Patient, Roles: rolesOf(p), All: p.AllWards, Wards: p.Wards, Purpose: string(p.LooksFor()),
		At: vital.At(g.now()), Paths: r.paths,
	}
}

func (g *Gate) siteOf(p Principal) vital.Site { return cmp.Or(p.Site, g.site) }

// Allow answers the one question. nil means yes; vital.Denied, the caller's role
// may not; vital.NotFound, it may, but not to this one, and it must not learn
// whether there is such a one. A refusal is written to the ledger.
func (g *Gate) Allow(ctx context.Context, p Principal, a Action, s Subject) error {
	err := g.decide(ctx, p, a, s)
	if err == nil || (vital.KindOf(err) != vital.Denied && vital.KindOf(err) != vital.NotFound) {
		return err
	}
	g.refuse(ctx, audit.Entry{
		Site: g.siteOf(p), Who: p.Who(), Role: p.Role(), From: p.Remote, Action: string(a), Subject: s.String(), Patient: s.Patient,
	}, err.Error())
	g.spokeAs(ctx, p, s)
	return err
}

func (g *Gate) decide(ctx context.Context, p Principal, a Action, s Subject) error {
	if err := g.assured(p, a); err != nil {
		return err
	}
	scope := ScopeOf(p, a)
	if scope == Nowhere {
		return vital.Errorf(vital.Denied, "%s is not for %s", a, cmp.Or(p.Role(), "a caller without a role"))
	}
	if s.Kind == "topic" {
		return AllowTopic(p, a, s.ID)
	}
	if scope == Oneself && s.Device != "" && p.Class == Device && string(s.Device) != p.ID {
		return vital.Errorf(vital.NotFound, "device %s: no such device", s.Device)
	}
	if scope == Oneself && s.Device != "" && p.Class == Gateway && !p.speaksFor(s.Device) {
		return vital.Errorf(vital.NotFound, "device %s: no such device", s.Device)
	}
	rows := g.RowsFor(p, a)
	if s.Ward != "" && !rows.All && !slices.Contains(rows.Wards, s.Ward) {
		return vital.Errorf(vital.NotFound, "ward %s: no such ward", s.Ward)
	}
	if s.Patient != "" {
		seen, err := g.store.Sees(ctx, rows, []vital.PatientID{s.Patient})
		if err != nil {
			return err
		}
		if of := seen[s.Patient]; of == 0 || s.Data != "" && !of.Has(s.Data) {
			return vital.Errorf(vital.NotFound, "patient %s: not found", s.Patient)
		}
	}
	if s.Device != "" && (p.Class == User || p.Class == Integration) {
		if _, err := g.store.Device(ctx, rows, s.Device); err != nil {
			return err
		}
	}
	return nil
}

// speaksFor reports whether a gateway may send for the device: itself, or one in
// a namespace "v1/<beginning of the device id>".
func (p Principal) speaksFor(d vital.DeviceID) bool {
	return string(d) == p.ID || inNamespace(p.Namespaces, "v1/"+string(d))
}

// Who is how the ledger names the principal.
func (p Principal) Who() string {
	if p.Class == System {
		return "system"
	}
	return p.ID
}

// Role is how the ledger says what the principal was: its roles, or its class.
func (p Principal) Role() string {
	if len(p.Roles) == 0 {
		return string(p.Class)
	}
	names := make([]string, len(p.Roles))
	for i, r := range p.Roles {
		names[i] = string(r)
	}
	said := strings.Join(names, " ")
	if p.App != nil {
		said += " through " + p.App.Client
	}
	return said
}

// String names the subject for the ledger: "device/monitor-12".
func (s Subject) String() string {
	switch {
	case s.Kind != "" && s.ID != "":
		return s.Kind + "/" + s.ID
	case s.Device != "":
		return "device/" + string(s.Device)
	case s.Patient != "":
		return "patient/" + string(s.Patient)
	case s.Ward != "":
		return "ward/" + string(s.Ward)
	}
	return s.Kind
}
