package webd

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Ledger is what the part of the server that keeps the ledger tells.
type Ledger interface {
	State(ctx context.Context) (LedgerState, error)
	Checkpoint(ctx context.Context) (note string, err error)
	Verify() // begins a verification now
}

// AuditLine is one line of the ledger.
type AuditLine struct {
	N       int64           `json:"n"`
	At      vital.Instant   `json:"at"`
	Who     string          `json:"who"`
	Name    string          `json:"name"`
	Role    string          `json:"role"`
	From    string          `json:"from"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Patient vital.PatientID `json:"patient"`
	Outcome string          `json:"outcome"`
	Why     string          `json:"why"`
	Purpose string          `json:"purpose"`
	Glass   string          `json:"glass"`  // the break-glass under which it happened
	Erased  bool            `json:"erased"` // the reason was erased afterwards
}

// AuditPage is what a search of the ledger found.
type AuditPage struct {
	Items []AuditLine `json:"items"`
	Next  string      `json:"next,omitempty"` // for before, when there are more
	Total int         `json:"total"`          // how many match, counted up to 10,000
	More  bool        `json:"more"`           // there are more than that
}

// AuditCount is how many entries share one value.
type AuditCount struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// LedgerState is what is known of the ledger and of the proof of it.
type LedgerState struct {
	Size       int64             `json:"size"`
	Key        string            `json:"key"` // public, of the checkpoints
	Checkpoint *LedgerCheckpoint `json:"checkpoint"`
	Witness    LedgerWitness     `json:"witness"`
	Verified   LedgerVerified    `json:"verified"`
}

// LedgerCheckpoint is the newest signed checkpoint.
type LedgerCheckpoint struct {
	Size int64         `json:"size"`
	At   vital.Instant `json:"at"`
	Root string        `json:"root"`
}

// LedgerWitness is the file outside to which checkpoints are appended.
type LedgerWitness struct {
	State   string        `json:"state"` // "none", "good", "failing"
	File    string        `json:"file"`
	At      vital.Instant `json:"at"`
	Size    int64         `json:"size"`
	Problem string        `json:"problem"`
}

// LedgerVerified is how the last verification ended.
type LedgerVerified struct {
	State    string        `json:"state"` // "never", "running", "good", "broken"
	At       vital.Instant `json:"at"`
	Size     int64         `json:"size"`
	Took     int64         `json:"took"`            // ms
	First    *int64        `json:"first,omitempty"` // number of the first bad entry
	Problems []string      `json:"problems"`
}

// auditQuery are the filters of a search.
var auditQuery = []parameter{
	{"patient", "only about this patient"}, {"who", "only by this one"}, {"action", "only this action, or those that begin so"},
	{"outcome", "done or refused"}, {"from", "only from then on"}, {"to", "only before"}, {"text", "words of the reason that must all occur"},
	{"purpose", "only for this purpose"}, {"glass", "true: only under a break-glass; false: only without"},
}

// auditFilter reads the filters of the query.
func auditFilter(c *call) (f store.AuditFilter, err error) {
	q := c.r.URL.Query()
	f = store.AuditFilter{
		Patient: vital.PatientID(q.Get("patient")), Who: q.Get("who"), Action: q.Get("action"), Outcome: q.Get("outcome"),
		Purpose: q.Get("purpose"), Text: q.Get("text"),
	}
	if o := f.Outcome; o != "" && o != "done" && o != "refused" {
		return f, invalid("outcome", "outcome %q: want done or refused", o)
	}
	if f.Glass, err = choiceOf(c.r, "glass"); err != nil {
		return f, err
	}
	if f.From, err = instantOf(c.r, "from", 0); err != nil {
		return f, err
	}
	f.To, err = instantOf(c.r, "to", 0)
	return f, err
}

func (s *Server) audit(c *call) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	if f.Limit, err = numberOf(c.r, "limit", 200, 1, 1000); err != nil {
		return err
	}
	if text := c.r.URL.Query().Get("before"); text != "" {
		if f.Before, err = strconv.ParseInt(text, 10, 64); err != nil || f.Before < 0 {
			return invalid("before", "before %q: want what next said", text)
		}
		if f.Before == 0 {
			return c.json(AuditPage{Items: []AuditLine{}})
		}
	}
	rows, err := s.store.Audit(c.ctx(), c.rows, f)
	if err != nil {
		return err
	}
	page := AuditPage{Items: make([]AuditLine, len(rows))}
	if page.Total, page.More, err = s.store.AuditCount(c.ctx(), c.rows, f); err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	for i, e := range rows {
		page.Items[i] = AuditLine{
			N: e.N, At: e.At, Who: e.Who, Name: names.of(e.Who), Role: e.Role, From: e.From, Action: e.Action, Subject: e.Subject,
			Patient: e.Patient, Outcome: e.Outcome, Why: e.Why, Purpose: e.Purpose, Glass: e.Glass, Erased: e.Erased,
		}
	}
	if len(rows) == f.Limit {
		page.Next = strconv.FormatInt(rows[len(rows)-1].N, 10)
	}
	return c.json(page)
}

func (s *Server) auditCounts(c *call) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	by := c.r.URL.Query().Get("by")
	counts, err := s.store.AuditCounts(c.ctx(), c.rows, f, by)
	if err != nil {
		return inField("by", err)
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]AuditCount, len(counts))
	for i, t := range counts {
		views[i] = AuditCount{Key: t.Key, Count: t.Count}
		switch by {
		case "who":
			views[i].Name = names.of(t.Key)
		case "day":
			if days, err := strconv.ParseInt(t.Key, 10, 64); err == nil {
				views[i].Key = time.Unix(days*86400, 0).UTC().Format(time.DateOnly)
			}
		}
	}
	return c.json(listOf(views))
}

// auditEvents streams the entries that match as FHIR AuditEvents, oldest first.
func (s *Server) auditEvents(c *call) error {
	f, err := auditFilter(c)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	// Noted before anything leaves, and part of what leaves.
	e := s.entry(c, "ledger", "")
	e.Patient = f.Patient
	if err := s.store.AppendAudit(c.ctx(), e); err != nil {
		return err
	}
	scheme := "http://"
	if s.secure {
		scheme = "https://"
	}
	o := audit.Observer{Site: s.site, Address: scheme + c.r.Host}
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("Content-Disposition", `attachment; filename="vigil-audit.ndjson"`)
	out := s.stream(c)
	const page = 500
	for from := int64(0); ; {
		rows, err := s.store.AuditRows(c.ctx(), c.rows, f, from, page)
		if err != nil {
			return out.end(err)
		}
		for _, r := range rows {
			body, err := audit.Event(r, names.of(r.Who), o)
			if err != nil {
				return out.end(err)
			}
			out.line(string(body) + "\n")
			from = r.N + 1
		}
		if len(rows) < page {
			return out.end(nil)
		}
	}
}

func (s *Server) kept() (Ledger, error) {
	if s.leaves == nil {
		return nil, vital.Errorf(vital.NotFound, "this server keeps no ledger")
	}
	return s.leaves, nil
}

func (s *Server) ledgerState(c *call) error {
	ledger, err := s.kept()
	if err != nil {
		return err
	}
	state, err := ledger.State(c.ctx())
	if err != nil {
		return err
	}
	return c.json(state)
}

func (s *Server) ledgerCheckpoint(c *call) error {
	ledger, err := s.kept()
	if err != nil {
		return err
	}
	note, err := ledger.Checkpoint(c.ctx())
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Content-Disposition", `attachment; filename="vigil-checkpoint.txt"`)
	c.w.WriteHeader(http.StatusOK)
	_, err = io.WriteString(c.w, note)
	return err
}

func (s *Server) verifyLedger(c *call) error {
	ledger, err := s.kept()
	if err != nil {
		return err
	}
	ledger.Verify()
	return s.ledgerState(c)
}
