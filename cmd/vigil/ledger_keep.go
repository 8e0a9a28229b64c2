package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

const (
	// checkpointEvery is how often a ledger that grew is signed.
	checkpointEvery = time.Second
	// verifyEvery is how often the whole ledger is read again.
	verifyEvery = 6 * time.Hour
	// verifyPause lies between two pages of a thousand entries, so that reading
	// millions takes minutes and no alarm waits for it.
	verifyPause = 20 * time.Millisecond

	brokenSetting = "ledger.broken" // whether the notice stands
	brokenRule    = "ledger-broken"
	mostNotes     = 200_000 // signed checkpoints of the store that a verification reads
)

// ledgerKey is where the key lies that signs the ledger.
func (c config) ledgerKey() string {
	return filepath.Join(cmp.Or(c.keyFolder(), filepath.Join(c.Data, "keys")), "ledger.key")
}

// ledgerKeeper signs the ledger while it grows, tells the witness, and reads it
// all again from time to time. What contradicts an earlier promise is not signed
// before it has been read, told and noted.
type ledgerKeeper struct {
	node    *node
	key     *audit.Key
	witness *audit.Witness // nil: none
	again   chan struct{}

	mu       sync.Mutex
	last     *audit.Checkpoint
	verified webd.LedgerVerified
	contrary string // why nothing more is signed
}

// openLedger begins to keep the ledger: the witness file must be writable.
func (n *node) openLedger() error {
	k := &ledgerKeeper{node: n, key: n.ledgerKey, again: make(chan struct{}, 1), verified: webd.LedgerVerified{State: "never", Problems: []string{}}}
	if n.config.Witness != "" {
		w, err := audit.OpenWitness(n.config.Witness, k.key.Public(), n.site)
		if err != nil {
			return err
		}
		k.witness = w
	}
	n.ledger = k
	return nil
}

// run keeps the ledger until ctx ends; then it signs once more.
func (k *ledgerKeeper) run(ctx context.Context) error {
	if err := k.recall(ctx); err != nil {
		return err
	}
	var both sync.WaitGroup
	both.Go(func() { k.verifyForever(ctx) })
	defer both.Wait()
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			last, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer stop()
			k.signAndLog(last)
			return nil
		case <-tick.C:
			k.signAndLog(ctx)
		}
	}
}

// recall reads the newest promise there is: of the store, or, where that is
// longer, of the witness.
func (k *ledgerKeeper) recall(ctx context.Context) error {
	notes, err := k.node.store.CheckpointNotes(ctx, k.node.site, 1)
	if err != nil {
		return err
	}
	for _, text := range notes {
		c, err := audit.OpenCheckpoint(text, k.key.Public(), k.node.site, "the store")
		if err != nil {
			k.node.log.Error("the newest checkpoint of the ledger cannot be used", "error", err.Error())
			continue
		}
		k.last = &c
	}
	if k.witness != nil {
		if _, seen, _ := k.witness.State(); seen.Size > 0 && (k.last == nil || seen.Size > k.last.Size) {
			seen.Source = "the witness"
			k.last = &seen
		}
	}
	return nil
}

func (k *ledgerKeeper) signAndLog(ctx context.Context) {
	if err := k.sign(ctx); err != nil && ctx.Err() == nil {
		k.node.log.Error("the ledger cannot be signed", "error", err.Error())
	}
}

// sign makes a checkpoint when the ledger has grown.
func (k *ledgerKeeper) sign(ctx context.Context) error {
	k.mu.Lock()
	last, contrary := k.last, k.contrary
	k.mu.Unlock()
	if contrary != "" {
		return nil
	}
	size, err := k.node.store.LedgerSize(ctx, k.node.site)
	if err != nil || size == 0 || last != nil && size == last.Size {
		return err
	}
	tree := audit.Tree(ctx, k.node.store.LedgerHashes(k.node.site))
	if last != nil {
		if size < last.Size {
			return k.refuse(fmt.Sprintf("%d entries are there and %s saw %d at %s", size, last.Source, last.Size, last.At))
		}
		before, err := tlog.TreeHash(last.Size, tree)
		if err != nil {
			return k.refuse("entries are missing: " + err.Error())
		}
		if before != last.Root {
			return k.refuse(fmt.Sprintf("the first %d entries are not those that %s saw at %s", last.Size, last.Source, last.At))
		}
	}
	root, err := tlog.TreeHash(size, tree)
	if err != nil {
		return k.refuse("entries are missing: " + err.Error())
	}
	c, err := k.key.Sign(k.node.site, size, root, vitalNow())
	if err != nil {
		return err
	}
	c.Source = "the server"
	if err := k.node.store.PutCheckpoint(ctx, c); err != nil {
		return err
	}
	k.mu.Lock()
	k.last = &c
	k.mu.Unlock()
	if k.witness != nil {
		return k.witness.Add(c)
	}
	return nil
}

// refuse stops the signing and has everything read.
func (k *ledgerKeeper) refuse(why string) error {
	k.mu.Lock()
	k.contrary = why
	k.mu.Unlock()
	k.Verify()
	return vital.Errorf(vital.Internal, "it contradicts what was signed: %s", why)
}

// Verify begins a verification now.
func (k *ledgerKeeper) Verify() {
	k.mu.Lock()
	k.verified.State = "running"
	k.mu.Unlock()
	select {
	case k.again <- struct{}{}:
	default:
	}
}

func (k *ledgerKeeper) verifyForever(ctx context.Context) {
	next := time.NewTimer(time.Minute) // not in the first busy moments
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-k.again:
		}
		err := k.verify(ctx)
		if err == nil {
			err = k.node.flow.Changed(ctx)
		}
		if err != nil && ctx.Err() == nil {
			k.node.log.Error("the ledger cannot be verified", "error", err.Error())
		}
		if err := k.node.store.ThinCheckpoints(ctx, k.node.site, vitalNow().Add(-24*time.Hour)); err != nil && ctx.Err() == nil {
			k.node.log.Error("the checkpoints of the ledger cannot be thinned out", "error", err.Error())
		}
		next.Reset(verifyEvery)
	}
}

// verify reads the whole ledger and says what it found: here, and as a notice.
func (k *ledgerKeeper) verify(ctx context.Context) error {
	began := time.Now()
	evidence, problems, err := k.evidence(ctx)
	if err != nil {
		return err
	}
	report, err := k.node.store.VerifyLedger(ctx, k.node.site, k.key, evidence, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(verifyPause):
			return nil
		}
	})
	if err != nil {
		return err
	}
	v := webd.LedgerVerified{State: "good", At: vitalNow(), Size: report.Size, Took: time.Since(began).Milliseconds(), Problems: problems}
	if !report.Good() {
		first := report.Findings[0].From
		v.State, v.First = "broken", &first
		for i, f := range report.Findings {
			if i == 20 {
				v.Problems = append(v.Problems, fmt.Sprintf("and %d more", len(report.Findings)-i+report.More))
				break
			}
			v.Problems = append(v.Problems, f.String())
		}
		k.node.log.Error("the ledger is broken", "first", first, "problem", report.Findings[0].String(), "problems", len(report.Findings)+report.More)
	}
	k.mu.Lock()
	k.verified = v
	k.mu.Unlock()
	if err := k.notice(ctx, v); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.contrary != "" { // it is told, and in the ledger itself: what comes after is signed again
		k.contrary, k.last = "", nil
	}
	return nil
}

// evidence is every checkpoint that was kept, and what of them cannot be read.
func (k *ledgerKeeper) evidence(ctx context.Context) (all []audit.Checkpoint, problems []string, err error) {
	problems = []string{}
	notes, err := k.node.store.CheckpointNotes(ctx, k.node.site, mostNotes)
	if err != nil {
		return nil, nil, err
	}
	unread := 0
	for _, text := range notes {
		c, err := audit.OpenCheckpoint(text, k.key.Public(), k.node.site, "the store")
		if err != nil {
			unread++
			continue
		}
		all = append(all, c)
	}
	if unread > 0 {
		problems = append(problems, fmt.Sprintf("%d checkpoints in the store are not signed by the ledger's key", unread))
	}
	if k.witness == nil {
		return all, problems, nil
	}
	path, _, _ := k.witness.State()
	seen, unread, err := audit.ReadWitness(path, k.key.Public(), k.node.site)
	if err != nil {
		problems = append(problems, "the witness cannot be read: "+err.Error())
	} else if unread > 0 {
		problems = append(problems, fmt.Sprintf("%d checkpoints of the witness cannot be read", unread))
	}
	return append(all, seen...), problems, nil
}

// notice raises the alarm that the ledger is broken, or takes it back.
func (k *ledgerKeeper) notice(ctx context.Context, v webd.LedgerVerified) error {
	f := vital.Finding{Rule: brokenRule, Title: "The audit ledger was tampered with", Priority: vital.Medium}
	broken := v.State == "broken"
	if broken {
		f.Text = v.Problems[len(v.Problems)-1]
	}
	if broken && v.First != nil {
		f.Text = fmt.Sprintf("The first bad entry is number %d. What is on the Audit page cannot be relied on from there on.", *v.First)
	}
	return k.node.stand(ctx, standing{setting: brokenSetting, action: "ledger.report", finding: f, over: "the ledger holds again"}, broken)
}

// State is what is known of the ledger.
func (k *ledgerKeeper) State(ctx context.Context) (webd.LedgerState, error) {
	size, err := k.node.store.LedgerSize(ctx, k.node.site)
	if err != nil {
		return webd.LedgerState{}, err
	}
	s := webd.LedgerState{Size: size, Key: k.key.Public(), Witness: webd.LedgerWitness{State: "none"}}
	k.mu.Lock()
	s.Verified = k.verified
	if c := k.last; c != nil {
		s.Checkpoint = &webd.LedgerCheckpoint{Size: c.Size, At: c.At, Root: base64.StdEncoding.EncodeToString(c.Root[:])}
	}
	k.mu.Unlock()
	if k.witness != nil {
		path, seen, err := k.witness.State()
		s.Witness = webd.LedgerWitness{State: "good", File: path, At: seen.At, Size: seen.Size}
		if err != nil {
			s.Witness.State, s.Witness.Problem = "failing", err.Error()
		}
	}
	return s, nil
}

// Checkpoint is the newest signed checkpoint.
func (k *ledgerKeeper) Checkpoint(context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.last == nil {
		return "", vital.Errorf(vital.NotFound, "nothing has been signed yet")
	}
	return k.last.Note, nil
}
