package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/report"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// sheetsOff in place of a directory: no downtime sheets.
const sheetsOff = "off"

// ruleSheet is the rule of the alarm that sheets cannot be written.
const ruleSheet = "downtime-sheet"

// failingSetting remembers that the alarm stands, so that a server that starts
// again can take it back.
const failingSetting = "downtime.failing"

// settleFor is when the sheets are written for the second time after a start.
const settleFor = time.Minute

// bedsides collects what is known this moment of some patients.
func (n *node) bedsides(ctx context.Context, patients []vital.PatientID) []report.Bedside {
	all := store.Everything(n.site)
	at := make(map[vital.PatientID]int, len(patients))
	list := make([]report.Bedside, len(patients))
	for i, id := range patients {
		at[id] = i
		list[i] = report.Bedside{Patient: id, Scores: n.flow.Scores(id), Limits: n.flow.Limits(id)}
	}
	for _, w := range n.flow.Watches(patients) {
		b := &list[at[w.Patient]]
		b.State, b.Since, b.Last, b.Cause = string(w.State), w.Since, w.Last, w.Cause
	}
	for _, v := range n.flow.Latest(all, patients) {
		b := &list[at[v.Patient]]
		b.Latest = append(b.Latest, v.Reading)
	}
	for _, a := range n.flow.Alarms(ctx, all, patients) {
		if i, ok := at[a.Patient]; ok {
			list[i].Alarms = append(list[i].Alarms, a)
		}
	}
	return list
}

func (n *node) newSheets() *report.Sheets {
	return report.New(report.Options{Store: n.store, Now: time.Now, Bedside: n.bedsides, Samples: n.flow.Samples, Language: n.config.Language, Rules: n.flow.Rules})
}

// sheet prints the downtime sheet of a ward.
func (n *node) sheet(ctx context.Context, rows store.Rows, ward vital.WardID) ([]byte, error) {
	s, err := n.sheets.Sheet(ctx, rows, ward)
	if err != nil {
		return nil, err
	}
	return s.HTML()
}

// sheetsKept is when the sheets on disk were last written, and whether they could be since.
type sheetsKept struct {
	mu      sync.Mutex
	at      vital.Instant
	failing bool
}

func (k *sheetsKept) say(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failing = err != nil; !k.failing {
		k.at = vitalNow()
	}
}

func (n *node) sheetsState() webd.Sheets {
	if n.config.Downtime == sheetsOff {
		return webd.Sheets{Off: true}
	}
	n.written.mu.Lock()
	defer n.written.mu.Unlock()
	return webd.Sheets{Written: n.written.at, Failing: n.written.failing}
}

// downtime writes the sheets of every ward at the start and every quarter of an
// hour. That they cannot be written is an alarm, and it is tried again.
func (n *node) downtime(ctx context.Context) error {
	if n.config.Downtime == sheetsOff {
		<-ctx.Done()
		return nil
	}
	for !n.flow.Begun() { // a sheet of what was known before the stop would say that it is of now
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(100 * time.Millisecond):
		}
	}
	again := time.NewTimer(settleFor) // devices come back after a start: soon once more
	defer again.Stop()
	for {
		err := n.writeSheets(ctx, n.config.downtime())
		if ctx.Err() != nil {
			return nil
		}
		n.written.say(err)
		if err != nil {
			n.log.Error("the downtime sheets could not be written; it is tried again in a quarter of an hour", "error", err.Error())
		}
		said := n.reportSheets(ctx, err)
		if said == nil {
			said = n.flow.Changed(ctx)
		}
		if said != nil && ctx.Err() == nil {
			n.log.Error("the state of the downtime sheets cannot be reported", "error", said.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		again.Reset(report.Every)
	}
}

// writeSheets writes one file per ward. A ward whose sheet fails does not keep
// the others from theirs.
func (n *node) writeSheets(ctx context.Context, directory string) error {
	if err := private(directory); err != nil {
		return vital.Errorf(vital.KindOf(err), "make the directory of the downtime sheets: %w", err)
	}
	all := store.Everything(n.site)
	wards, err := n.store.Wards(ctx, all)
	if err != nil || len(wards) == 0 {
		return err
	}
	// Names leave the store: noted before they do.
	err = n.store.AppendAudit(ctx, audit.Entry{
		Site: n.site, At: vitalNow(), Who: "system", Role: "system", Action: "downtime.export", Subject: "downtime/sheets", Outcome: "done",
		Why: fmt.Sprintf("%d wards, to %s", len(wards), directory),
	})
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "note that the downtime sheets are written: %w", err)
	}
	var failed error
	for _, w := range wards {
		body, err := n.sheet(ctx, all, w.ID)
		if err != nil {
			failed = errors.Join(failed, vital.Errorf(vital.KindOf(err), "print the downtime sheet of ward %s: %w", w.ID, err))
			continue
		}
		if err := journal.ReplaceFile(filepath.Join(directory, string(w.ID)+".html"), body); err != nil {
			failed = errors.Join(failed, vital.Errorf(vital.Unavailable, "write the downtime sheet of ward %s: %w", w.ID, err))
		}
	}
	return failed
}

// reportSheets raises the alarm that the sheets cannot be written, or takes it
// back.
func (n *node) reportSheets(ctx context.Context, failed error) error {
	return n.stand(ctx, standing{
		setting: failingSetting, action: "downtime.report", over: "the sheets are written again",
		finding: vital.Finding{
			Rule: ruleSheet, Title: "Downtime sheets are not written", Priority: vital.Medium,
			Text: "The downtime sheets are older than they say: they cannot be written",
		},
	}, failed != nil)
}
