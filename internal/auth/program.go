package auth

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Kinds of program. A public one runs where a secret cannot be kept, a
// confidential one on a server of its own, and a backend acts without a person.
const (
	PublicProgram       = "public"
	ConfidentialProgram = "confidential"
	BackendProgram      = "backend"
)

// Program is what an administrator let in over OAuth, and what it may at most
// ask for. It cannot be changed, only ended: what people agreed to stays true.
type Program struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	Redirects []string        `json:"redirects,omitempty"`
	LaunchURL string          `json:"launchUrl,omitempty"` // where a launch from a patient's page goes
	Scopes    string          `json:"scopes"`
	Keys      json.RawMessage `json:"keys,omitempty"`    // JWKS
	KeysURL   string          `json:"keysUrl,omitempty"` // or where it is
	Hash      string          `json:"hash,omitempty"`    // of its secret, when it has one
	Wards     []vital.WardID  `json:"wards,omitempty"`   // a backend reads these
	AllWards  bool            `json:"allWards,omitempty"`
	Created   vital.Instant   `json:"-"`
	By        vital.UserID    `json:"-"`
	Revoked   vital.Instant   `json:"-"`
}

// Lets reports whether the program may ask for a scope.
func (p Program) Lets(scope string) bool { return slices.Contains(strings.Fields(p.Scopes), scope) }

const mostRedirects, mostScopes = 10, 60

// check says what is wrong with a program that is to be let in.
func (p Program) check() error {
	if strings.TrimSpace(p.Name) == "" || len(p.Name) > 120 {
		return vital.Errorf(vital.Invalid, "name: say which program it is, in at most 120 letters")
	}
	words := strings.Fields(p.Scopes)
	if len(words) == 0 || len(words) > mostScopes {
		return vital.Errorf(vital.Invalid, "scopes: say what it may ask for, at most %d", mostScopes)
	}
	parsed, err := ParseSmartScopes(p.Scopes)
	if err != nil {
		return err
	}
	for _, s := range parsed {
		if (s.Context == "system") != (p.Kind == BackendProgram) {
			return vital.Errorf(vital.Invalid, "scopes: system/ is for a backend, and a backend has nothing else")
		}
	}
	keyed := len(p.Keys) > 0 || p.KeysURL != ""
	if len(p.Keys) > 0 && p.KeysURL != "" {
		return vital.Errorf(vital.Invalid, "keys: give them or say where they are, not both")
	}
	if p.KeysURL != "" && !strings.HasPrefix(p.KeysURL, "https://") {
		return vital.Errorf(vital.Invalid, "keysUrl: want https")
	}
	switch p.Kind {
	case BackendProgram:
		if !keyed {
			return vital.Errorf(vital.Invalid, "keys: a backend proves itself by a key of its own (private_key_jwt)")
		}
		if len(p.Redirects) > 0 || p.LaunchURL != "" {
			return vital.Errorf(vital.Invalid, "redirects: no person comes back to a backend")
		}
		if !p.AllWards && len(p.Wards) == 0 {
			return vital.Errorf(vital.Invalid, "wards: say which wards it reads")
		}
		return nil
	case PublicProgram, ConfidentialProgram:
	default:
		return vital.Errorf(vital.Invalid, "kind %q: want public, confidential or backend", p.Kind)
	}
	if p.Kind == PublicProgram && keyed {
		return vital.Errorf(vital.Invalid, "keys: a public program keeps no secret")
	}
	if len(p.Redirects) == 0 || len(p.Redirects) > mostRedirects {
		return vital.Errorf(vital.Invalid, "redirects: want 1 to %d addresses to which people return", mostRedirects)
	}
	for _, r := range p.Redirects {
		if err := checkReturn(r); err != nil {
			return err
		}
	}
	if p.LaunchURL != "" {
		return checkReturn(p.LaunchURL)
	}
	return nil
}

// checkReturn takes https, loopback for programs under development, and an app's
// own scheme with a dot in it (RFC 8252).
func checkReturn(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Fragment != "" || u.User != nil || strings.Contains(text, "*"):
		return vital.Errorf(vital.Invalid, "address %.200q: want a plain one, without # and *", text)
	case u.Scheme == "https" && u.Host != "":
		return nil
	case u.Scheme == "http":
		if ip := net.ParseIP(u.Hostname()); u.Hostname() == "localhost" || ip != nil && ip.IsLoopback() {
			return nil
		}
	case strings.Contains(u.Scheme, "."):
		return nil
	}
	return vital.Errorf(vital.Invalid, "address %.200q: want https, or an app's own scheme like org.example.app:/", text)
}

// RegisterProgram lets a program in. A confidential one without keys gets a
// secret, which is returned once.
func (g *Gate) RegisterProgram(ctx context.Context, by Principal, p Program) (Program, string, error) {
	p.ID, p.Hash, p.Name = NewID("app-"), "", strings.TrimSpace(p.Name)
	p.Created, p.By = vital.At(g.now()), vital.UserID(by.ID)
	if err := p.check(); err != nil {
		return p, "", err
	}
	secret := ""
	if p.Kind == ConfidentialProgram && len(p.Keys) == 0 && p.KeysURL == "" {
		secret = NewSecret()
		p.Hash = hex.EncodeToString(HashSecret(secret))
	}
	body, err := json.Marshal(p)
	if err != nil {
		return p, "", err
	}
	err = g.store.PutClient(ctx, g.entry(by, "client.write", "client/"+p.ID), store.Client{
		Site: g.site, ID: p.ID, Name: p.Name, Kind: p.Kind, Body: body, Created: p.Created, By: p.By,
	})
	return p, secret, err
}

// EndProgram ends a program and everything that it was granted.
func (g *Gate) EndProgram(ctx context.Context, by Principal, id string) error {
	err := g.store.RevokeClient(ctx, g.entry(by, "client.write", "client/"+id), id, vital.At(g.now()))
	g.Forget()
	return err
}

// Programs lists the programs, ended ones too.
func (g *Gate) Programs(ctx context.Context) ([]Program, error) {
	rows, err := g.store.Clients(ctx, g.site)
	if err != nil {
		return nil, err
	}
	programs := make([]Program, len(rows))
	for i, row := range rows {
		if programs[i], err = programOf(row); err != nil {
			return nil, err
		}
	}
	return programs, nil
}

// Program returns a program that has not ended.
func (g *Gate) Program(ctx context.Context, id string) (Program, error) {
	row, err := g.store.ClientByID(ctx, g.site, id)
	if err != nil {
		return Program{}, err
	}
	if row.Revoked.Known() {
		return Program{}, vital.Errorf(vital.NotFound, "program %s was ended at %s", id, row.Revoked)
	}
	return programOf(row)
}

func programOf(row store.Client) (Program, error) {
	var p Program
	if err := json.Unmarshal(row.Body, &p); err != nil {
		return p, vital.Errorf(vital.Internal, "read program %s: %w", row.ID, err)
	}
	p.Created, p.By, p.Revoked = row.Created, row.By, row.Revoked
	return p, nil
}

// ProgramToken begins every access token of a program.
const ProgramToken = "va."

// program returns who acts through a program: the person, as far as the person's
// rights and the program's scopes both go.
func (g *Gate) program(ctx context.Context, hash []byte) (Principal, error) {
	refusal := vital.Errorf(vital.Unauthenticated, "the access token is not known, has run out or was taken back")
	token, err := g.store.ClientTokenByHash(ctx, g.site, hash)
	if err != nil {
		return Principal{}, unknown(err, refusal)
	}
	if token.Revoked.Known() || token.Expires <= vital.At(g.now()) {
		return Principal{}, refusal
	}
	grant, err := g.store.ClientGrantByID(ctx, g.site, token.Grant)
	if err != nil {
		return Principal{}, unknown(err, refusal)
	}
	if grant.Revoked.Known() {
		return Principal{}, refusal
	}
	program, err := g.Program(ctx, grant.Client)
	if err != nil {
		return Principal{}, unknown(err, refusal)
	}
	scopes, err := ParseSmartScopes(token.Scopes)
	if err != nil {
		return Principal{}, err
	}
	app := &App{Client: program.ID, Name: program.Name, Grant: grant.ID, Scopes: scopes, Patient: grant.Patient}
	if grant.Account == "" {
		return Principal{
			Class: Integration, Site: g.site, ID: program.ID, Name: program.Name, AllWards: program.AllWards, Wards: program.Wards,
			Credential: vital.CredentialID(grant.ID), App: app,
		}, nil
	}
	user, err := g.store.UserByID(ctx, g.site, grant.Account)
	if err != nil {
		return Principal{}, unknown(err, refusal)
	}
	if user.State != UserActive {
		return Principal{}, refusal
	}
	p := g.principalOf(user, "")
	p.Credential, p.App = vital.CredentialID(grant.ID), app
	return p, nil
}

// launchLife is how long a launch from a patient's page waits for its program.
const launchLife = 5 * time.Minute

// launch is what a launch stands for.
type launch struct {
	Client  string          `json:"client"`
	Account vital.UserID    `json:"account"`
	Patient vital.PatientID `json:"patient"`
}

// Launch opens a program for a patient on whose page the caller is, and returns
// the secret that the program shows when it asks for access.
func (g *Gate) Launch(ctx context.Context, p Principal, client string, patient vital.PatientID) (Program, string, error) {
	program, err := g.Program(ctx, client)
	if err != nil {
		return program, "", err
	}
	if program.LaunchURL == "" || p.Class != User || p.App != nil {
		return program, "", vital.Errorf(vital.Precondition, "%s cannot be opened from a patient's page", program.Name)
	}
	secret := NewSecret()
	body, err := json.Marshal(launch{client, vital.UserID(p.ID), patient})
	if err != nil {
		return program, "", err
	}
	err = g.store.PutClientWait(ctx, store.ClientWait{
		Site: g.site, Hash: HashSecret(secret), Kind: "launch", Expires: vital.At(g.now().Add(launchLife)), Body: body,
	})
	return program, secret, err
}

// Ask is a program's wish, waiting for a person's answer.
type Ask struct {
	Client   string          `json:"client"`
	Scopes   string          `json:"scopes"`
	Patient  vital.PatientID `json:"patient"` // it was opened for this one; "": to be chosen, if Choose
	Choose   bool            `json:"choose"`
	Account  vital.UserID    `json:"account"` // who opened it; "": whoever answers
	Answer   *Answer         `json:"answer"`
	Expires  vital.Instant   `json:"expires"`
	Redirect string          `json:"redirect"` // the host to which the person goes back
}

// Answer is what a person let the program do.
type Answer struct {
	Account vital.UserID    `json:"account"`
	Scopes  string          `json:"scopes"` // "": nothing
	Patient vital.PatientID `json:"patient"`
	At      vital.Instant   `json:"at"`
}

// askLife is how long a person has to answer.
const askLife = 10 * time.Minute

// Asking keeps a program's wish under the id of its request. launched is the
// secret of a launch; "": it was opened by itself.
func (g *Gate) Asking(ctx context.Context, id, launched string, a Ask) error {
	if launched != "" {
		w, err := g.store.TakeClientWait(ctx, g.site, "launch", HashSecret(launched))
		if err != nil {
			return unknown(err, vital.Errorf(vital.Invalid, "launch: it is not known, was used or is too old"))
		}
		var l launch
		if err := json.Unmarshal(w.Body, &l); err != nil {
			return vital.Errorf(vital.Internal, "read a launch: %w", err)
		}
		if l.Client != a.Client {
			return vital.Errorf(vital.Invalid, "launch: it is another program's")
		}
		a.Patient, a.Account, a.Choose = l.Patient, l.Account, false
	}
	a.Expires = vital.At(g.now().Add(askLife))
	return g.putAsk(ctx, id, a)
}

func (g *Gate) putAsk(ctx context.Context, id string, a Ask) error {
	body, err := json.Marshal(a)
	if err != nil {
		return err
	}
	return g.store.PutClientWait(ctx, store.ClientWait{Site: g.site, Hash: HashSecret("ask " + id), Kind: "ask", Expires: a.Expires, Body: body})
}

// Asked returns the wish that waits for the caller's answer.
func (g *Gate) Asked(ctx context.Context, p Principal, id string) (Ask, Program, error) {
	w, err := g.store.ClientWaitByHash(ctx, g.site, "ask", HashSecret("ask "+id))
	if err != nil {
		return Ask{}, Program{}, unknown(err, vital.Errorf(vital.NotFound, "this request is not known or is too old: start again in the program"))
	}
	var a Ask
	if err := json.Unmarshal(w.Body, &a); err != nil {
		return a, Program{}, vital.Errorf(vital.Internal, "read a request: %w", err)
	}
	if p.Class != User || p.App != nil || a.Account != "" && a.Account != vital.UserID(p.ID) {
		return Ask{}, Program{}, vital.Errorf(vital.Denied, "somebody else is to answer this request")
	}
	program, err := g.Program(ctx, a.Client)
	return a, program, err
}

// AnswerAsk keeps what the caller lets the program do: no more than it asked
// for, and about a patient whom the caller may see.
func (g *Gate) AnswerAsk(ctx context.Context, p Principal, id string, scopes string, patient vital.PatientID) error {
	a, program, err := g.Asked(ctx, p, id)
	if err != nil {
		return err
	}
	wanted := strings.Fields(a.Scopes)
	for _, s := range strings.Fields(scopes) {
		if !slices.Contains(wanted, s) || !program.Lets(s) {
			return vital.Errorf(vital.Invalid, "scopes: the program did not ask for %.120q", s)
		}
	}
	if a.Patient != "" && patient != "" && patient != a.Patient {
		return vital.Errorf(vital.Invalid, "patient: the program was opened for another one")
	}
	patient = cmp.Or(a.Patient, patient)
	if !a.Choose && a.Patient == "" {
		patient = ""
	}
	if scopes != "" && a.Choose && patient == "" {
		return vital.Errorf(vital.Invalid, "patient: say about whom")
	}
	if patient != "" {
		if err := g.Allow(ctx, p, PatientRead, Subject{Kind: "patient", ID: string(patient), Patient: patient}); err != nil {
			return err
		}
	}
	a.Answer = &Answer{Account: vital.UserID(p.ID), Scopes: scopes, Patient: patient, At: vital.At(g.now())}
	return g.putAsk(ctx, id, a)
}

// Answered returns the caller's answer and forgets the wish; nil: none yet.
func (g *Gate) Answered(ctx context.Context, p Principal, id string) (*Answer, error) {
	a, _, err := g.Asked(ctx, p, id)
	if err != nil || a.Answer == nil {
		return nil, err
	}
	if a.Answer.Account != vital.UserID(p.ID) {
		return nil, vital.Errorf(vital.Denied, "somebody else answered this request")
	}
	_, err = g.store.TakeClientWait(ctx, g.site, "ask", HashSecret("ask "+id))
	return a.Answer, err
}
