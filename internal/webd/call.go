package webd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// call is one request that was let in: who asks, and which rows it may see.
type call struct {
	w         http.ResponseWriter
	r         *http.Request
	principal auth.Principal
	rows      store.Rows
	action    auth.Action
	groups    []string        // the groups of metrics that a program was given; nil: all
	only      vital.PatientID // the one patient that it was given; "": as the person
}

func (c *call) ctx() context.Context { return c.r.Context() }

func (c *call) ward() vital.WardID       { return vital.WardID(c.r.PathValue("ward")) }
func (c *call) patient() vital.PatientID { return vital.PatientID(c.r.PathValue("patient")) }
func (c *call) device() vital.DeviceID   { return vital.DeviceID(c.r.PathValue("device")) }

// subjectOf reads from the path what the request is about.
func subjectOf(r *http.Request) auth.Subject {
	s := auth.Subject{
		Ward: vital.WardID(r.PathValue("ward")), Patient: vital.PatientID(r.PathValue("patient")), Device: vital.DeviceID(r.PathValue("device")),
	}
	for _, kind := range []string{"ward", "patient", "device", "user", "token", "alarm", "client"} {
		if id := r.PathValue(kind); id != "" {
			s.Kind, s.ID = kind, id
		}
	}
	return s
}

// serve is the way of every request of the API: who, may you, do, or say why not.
func (s *Server) serve(route *route, w http.ResponseWriter, r *http.Request) {
	if err := s.answersHere(route); err != nil {
		s.writeError(w, r, err)
		return
	}
	if route.door {
		if s.telemetry == nil {
			s.writeError(w, r, vital.Errorf(vital.NotFound, "this server takes no telemetry over HTTP"))
			return
		}
		if err := s.telemetry.Receive(w, r); err != nil {
			s.writeError(w, r, err)
		}
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	w.Header().Set("Cache-Control", "no-store")
	c, err := s.admit(route, w, r)
	if err == nil {
		err = route.do(s, c)
	}
	if err != nil {
		s.writeError(w, r, err)
	}
}

// admit asks who is calling and whether they may. Nothing else does.
func (s *Server) admit(route *route, w http.ResponseWriter, r *http.Request) (*call, error) {
	c := &call{w: w, r: r, action: route.action}
	if route.action == public {
		c.principal.Remote = remoteOf(r)
		return c, nil
	}
	p, err := s.caller(r)
	if err != nil {
		return nil, err
	}
	c.principal = p
	if err := s.welcomeHere(p); err != nil {
		return nil, err
	}
	if p.Half() && !route.half {
		return nil, vital.Errorf(vital.Unauthenticated, "%w", auth.ErrSecond)
	}
	if err := c.withinApp(route); err != nil {
		return nil, err
	}
	subject := subjectOf(r)
	if err := s.gate.Allow(r.Context(), p, route.action, subject); err != nil {
		return nil, err
	}
	c.rows = s.gate.RowsFor(p, route.action)
	if c.only != "" {
		c.rows = c.rows.OnlyOf(c.only)
	}
	if route.view {
		s.noteView(r.Context(), p, route.action, subject)
	}
	return c, nil
}

// purposeHeader says what data is looked at for, where it is not what the caller's
// roles are for.
const purposeHeader = "Vigil-Purpose"

// backgroundHeader marks a request that a page made by itself, which must not
// keep an empty chair signed in.
const backgroundHeader = "Vigil-Background"

// caller finds out who is calling and counts it as activity.
func (s *Server) caller(r *http.Request) (auth.Principal, error) {
	if r.Header.Get(backgroundHeader) != "" {
		return s.peek(r)
	}
	return s.identify(r, s.gate.Session)
}

// peek finds out who is calling without counting it as activity.
func (s *Server) peek(r *http.Request) (auth.Principal, error) { return s.identify(r, s.gate.Peek) }

func (s *Server) identify(r *http.Request, session func(context.Context, string) (auth.Principal, error)) (auth.Principal, error) {
	remote := remoteOf(r)
	if header := r.Header.Get("Authorization"); header != "" {
		token, ok := strings.CutPrefix(header, "Bearer ")
		if !ok {
			return auth.Principal{}, vital.Errorf(vital.Unauthenticated, "Authorization: want Bearer and a token")
		}
		return s.gate.Bearer(r.Context(), strings.TrimSpace(token), remote)
	}
	if secret := s.secretOf(r); secret != "" {
		p, err := session(r.Context(), secret)
		if err == nil || !s.demo || vital.KindOf(err) != vital.Unauthenticated {
			p.Remote = remote
			return p, err
		}
	}
	if s.demo {
		return s.gate.Visitor(r.Context(), remote)
	}
	return auth.Principal{}, vital.Errorf(vital.Unauthenticated, "sign in first")
}

// Caller finds out who is signed in to the browser that asks. It is for the doors
// beside this one.
func (s *Server) Caller(r *http.Request) (auth.Principal, error) {
	p, err := s.caller(r)
	if err == nil && p.Half() {
		err = vital.Errorf(vital.Unauthenticated, "%w", auth.ErrSecond)
	}
	return p, err
}

// sameRights reports whether a caller may still do what it might before.
func sameRights(a, b auth.Principal) bool {
	return a.Class == b.Class && a.ID == b.ID && a.AllWards == b.AllWards && slices.Equal(a.Roles, b.Roles) && slices.Equal(a.Wards, b.Wards)
}

// remoteOf is the caller's address without its port.
func remoteOf(r *http.Request) string {
	if i := strings.LastIndexByte(r.RemoteAddr, ':'); i > 0 {
		return strings.Trim(r.RemoteAddr[:i], "[]")
	}
	return r.RemoteAddr
}

// cookieName: a __Host- cookie is accepted over TLS only, for this host only.
func (s *Server) cookieName() string {
	if s.secure {
		return "__Host-vigil"
	}
	return "vigil"
}

// json answers with v.
func (c *call) json(v any) error { return c.jsonStatus(http.StatusOK, v) }

// created answers with what was made.
func (c *call) created(v any) error { return c.jsonStatus(http.StatusCreated, v) }

func (c *call) jsonStatus(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(status)
	c.w.Write(append(body, '\n'))
	return nil
}

// nothing answers that it is done.
func (c *call) nothing() error {
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// body reads the request's JSON into v. A field that does not exist is an error:
// a misspelt unit must not be taken for none.
func (c *call) body(v any) error {
	if kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";"); kind != "" && strings.TrimSpace(kind) != "application/json" {
		return vital.Errorf(vital.Invalid, "Content-Type %q: want application/json", kind)
	}
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			return vital.Errorf(vital.Invalid, "the body holds more than one JSON value")
		}
		return nil
	}
	var kind *json.UnmarshalTypeError
	var large *http.MaxBytesError
	var known *vital.Error
	switch {
	case errors.As(err, &large):
		return vital.Errorf(vital.TooMuch, "the body is larger than %d bytes", large.Limit)
	case errors.As(err, &kind):
		return invalid(kind.Field, "%s: a %s does not belong here", kind.Field, kind.Value)
	case errors.As(err, &known):
		return err
	case errors.Is(err, io.EOF):
		return vital.Errorf(vital.Invalid, "the body is empty: want JSON")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		field := strings.Trim(name, `"`)
		return invalid(field, "there is no field %s here", name)
	}
	return vital.Errorf(vital.Invalid, "the body is not the JSON that is wanted: %w", err)
}

// entry is the ledger's line for a change by this caller.
func (s *Server) entry(c *call, subject, why string) audit.Entry {
	return audit.Entry{
		Site: s.site, At: vital.At(s.now()), Who: c.principal.Who(), Role: c.principal.Role(), From: c.principal.Remote,
		Action: string(c.action), Subject: subject, Patient: c.patient(), Outcome: "done", Why: why, Purpose: string(c.principal.LooksFor()),
	}
}

// changed lets the flow act on what a handler has just stored.
func (s *Server) changed(c *call) error { return s.commands.Changed(c.ctx()) }

// views remembers which looks were written to the ledger lately.
type views struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// viewEvery is how often the same look by the same caller is written.
const viewEvery = time.Minute

// noteView writes to the ledger that somebody looked. That it cannot be written
// does not hide the patient from who cares for them; it is an error in the log.
func (s *Server) noteView(ctx context.Context, p auth.Principal, a auth.Action, subject auth.Subject) {
	now := s.now()
	key := string(p.Credential) + "\x00" + p.ID + "\x00" + string(a) + "\x00" + subject.String()
	s.views.mu.Lock()
	last, ok := s.views.last[key]
	due := !ok || now.Sub(last) >= viewEvery
	if due {
		if len(s.views.last) > 50_000 {
			clear(s.views.last)
		}
		s.views.last[key] = now
	}
	s.views.mu.Unlock()
	if !due {
		return
	}
	err := s.store.AppendAudit(context.WithoutCancel(ctx), audit.Entry{
		Site: s.site, At: vital.At(now), Who: p.Who(), Role: p.Role(), From: p.Remote,
		Action: string(a), Subject: subject.String(), Patient: subject.Patient, Outcome: "done", Purpose: string(p.LooksFor()), Glass: s.glassOf(ctx, p, subject.Patient),
	})
	if err != nil {
		s.log.Error("writing a look to the ledger", "action", string(a), "error", err.Error())
	}
}

// glassOf names the emergency look under which a patient is seen; empty: none is open.
func (s *Server) glassOf(ctx context.Context, p auth.Principal, patient vital.PatientID) string {
	if patient == "" || auth.ScopeOf(p, auth.GlassOpen) == auth.Nowhere {
		return ""
	}
	open, err := s.store.Glasses(ctx, s.site, store.GlassFilter{User: vital.UserID(p.ID), Patient: patient, OpenAt: vital.At(s.now())})
	if err != nil {
		s.log.Error("reading which emergency look is open", "error", err.Error())
	}
	for _, g := range open {
		return g.ID
	}
	return ""
}

// period reads from and to of the query; to defaults to now, from to span before.
func (s *Server) period(c *call, span, most time.Duration) (from, to vital.Instant, err error) {
	to = vital.At(s.now())
	if to, err = instantOf(c.r, "to", to); err != nil {
		return 0, 0, err
	}
	if from, err = instantOf(c.r, "from", to.Add(-span)); err != nil {
		return 0, 0, err
	}
	switch {
	case to <= from:
		return 0, 0, invalid("to", "to: %s is not after from, %s", to, from)
	case most > 0 && to.Sub(from) > most:
		return 0, 0, invalid("from", "from: at most %s at a time", most)
	}
	return from, to, nil
}

// instantOf reads a time of the query, RFC 3339 or ms since 1970.
func instantOf(r *http.Request, name string, standard vital.Instant) (vital.Instant, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return standard, nil
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return vital.Instant(ms), nil
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+")) // a plus sign in a query is a blank
	if err != nil {
		return 0, invalid(name, "%s: want a time like 2026-11-22T09:30:00Z", name)
	}
	return vital.At(t), nil
}

// numberOf reads a whole number of the query.
func numberOf(r *http.Request, name string, standard, least, most int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return standard, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, invalid(name, "%s: want a whole number from %d to %d", name, least, most)
	}
	return n, nil
}

// choiceOf reads true or false of the query; nil when neither is asked for.
func choiceOf(r *http.Request, name string) (*bool, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return nil, nil
	}
	choice := text == "true"
	if !choice && text != "false" {
		return nil, invalid(name, "%s %q: want true or false", name, text)
	}
	return &choice, nil
}
