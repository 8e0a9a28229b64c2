package auth

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// refusals keeps the ledger readable under attack: the first refusal of a kind
// is written at once, the same again within a minute is counted, and the next
// line says how many there were between.
type refusals struct {
	mu    sync.Mutex
	lines map[string]*refusal
}

type refusal struct {
	at     time.Time
	hidden int
}

const refusalEvery = time.Minute

// due counts a refusal and reports whether to write it, and how many were
// counted since the last one that was.
func (r *refusals) due(key string, now time.Time) (hidden int, write bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.lines[key]
	if last != nil && now.Sub(last.at) < refusalEvery {
		last.hidden++
		return 0, false
	}
	if last != nil {
		hidden = last.hidden
	}
	if len(r.lines) >= remembered {
		clear(r.lines)
	}
	r.lines[key] = &refusal{at: now}
	return hidden, true
}

// refuse writes an attempt that was refused to the ledger.
func (g *Gate) refuse(ctx context.Context, e audit.Entry, why string) {
	now := g.now()
	hidden, write := g.refusals.due(e.Who+"\x00"+e.From+"\x00"+e.Action+"\x00"+e.Subject, now)
	if !write {
		return
	}
	e.At, e.Outcome, e.Why = vital.At(now), "refused", why
	if hidden > 0 {
		e.Why += "; " + strconv.Itoa(hidden) + " more like it before"
	}
	// The refusal stands even when the caller hangs up.
	if err := g.store.AppendAudit(context.WithoutCancel(ctx), e); err != nil {
		g.log.Error("writing a refusal to the ledger", "action", e.Action, "error", err.Error())
	}
}
