package notify

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// knownSetting keeps which findings hold, so that a worker that starts again can
// still take them back.
const knownSetting = "notify.findings"

func (w *Worker) recall(ctx context.Context) error {
	body, err := w.store.Setting(ctx, w.site, knownSetting)
	if vital.KindOf(err) == vital.NotFound && err != nil {
		return nil
	}
	if err != nil {
		return err
	}
	var list []string
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	for _, k := range list {
		w.known[k] = true
	}
	return nil
}

// report says that something is wrong with the paging itself. It holds until
// clear; saying it again changes nothing.
func (w *Worker) report(ctx context.Context, f vital.Finding) {
	f.Technical, f.Stand, f.Version, f.At = true, vital.Present, "vigil", w.at()
	w.say(ctx, f, true)
}

// clear takes a finding back.
func (w *Worker) clear(ctx context.Context, rule, part string) {
	w.say(ctx, vital.Finding{Rule: rule, Part: part, Technical: true, Version: "vigil", Stand: vital.Absent, At: w.at()}, false)
}

func (w *Worker) say(ctx context.Context, f vital.Finding, holds bool) {
	key := f.Rule + "/" + f.Part
	w.mutex.Lock()
	was := w.known[key]
	w.mutex.Unlock()
	if was == holds {
		return
	}
	e := w.entry("notifier.report")
	e.Subject, e.Why = "rule/"+f.Rule, f.Text
	if err := w.store.Report(ctx, e, f); err != nil {
		w.log.Error("a finding about the notifier cannot be reported", "rule", f.Rule, "part", f.Part, "error", err.Error())
		return // it is said again with the next page
	}
	w.mutex.Lock()
	if holds {
		w.known[key] = true
	} else {
		delete(w.known, key)
	}
	list, err := json.Marshal(slices.Sorted(maps.Keys(w.known)))
	w.mutex.Unlock()
	if err == nil {
		err = w.store.PutSetting(ctx, w.site, knownSetting, list)
	}
	if err != nil {
		w.log.Error("the findings about the notifier cannot be kept", "error", err.Error())
	}
	w.changed(ctx)
}

// changed lets the flow act on what was written.
func (w *Worker) changed(ctx context.Context) {
	if w.o.Changed == nil {
		return
	}
	if err := w.o.Changed(ctx); err != nil {
		w.log.Error("the flow was not told", "error", err.Error())
	}
}
