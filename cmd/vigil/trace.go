package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/trace"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

func runTrace(ctx context.Context, w world, args []string) error {
	return runAction(ctx, w, "trace", []action{
		{"get", "print the signed trace of an alarm by its id", getTrace},
		{"verify", "check a trace without a server: signature, packets, and the rule once more", verifyTrace},
	}, args)
}

// traceKeySetting is where the key that signs traces lies, sealed.
const traceKeySetting = "trace-key"

// openTraceKey loads the key that signs traces, or makes it at the first start.
func (n *node) openTraceKey(ctx context.Context) error {
	sealed, err := n.store.Setting(ctx, n.site, traceKeySetting)
	switch {
	case err == nil:
		seed, err := n.unseal(sealed)
		if err != nil || len(seed) != ed25519.SeedSize {
			return vital.Errorf(vital.Internal, "open the key that signs traces: %w", err)
		}
		n.traceKey = ed25519.NewKeyFromSeed(seed)
		return nil
	case vital.KindOf(err) != vital.NotFound:
		return err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	if sealed, err = n.seal(key.Seed()); err != nil {
		return err
	}
	n.traceKey = key
	return n.store.PutSetting(ctx, n.site, traceKeySetting, sealed)
}

// Trace answers the signed black box of an alarm.
func (n *node) Trace(ctx context.Context, rows store.Rows, alarm string) ([]byte, error) {
	t, err := n.flow.Trace(ctx, rows, alarm, "vigil "+version)
	if err != nil {
		return nil, err
	}
	return trace.Sign(t, n.traceKey)
}

func getTrace(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("trace get", flag.ContinueOnError)
	flags.SetOutput(w.err)
	open := apiFlags(flags, w)
	words, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(words) != 1 {
		return vital.Errorf(vital.Invalid, "trace get: want the id of one alarm")
	}
	return with(ctx, open, func(a *api) error {
		var file json.RawMessage
		if err := a.call(ctx, "GET", "/alarms/"+url.PathEscape(words[0])+"/trace", nil, &file); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w.out, "%s\n", file)
		return err
	})
}

func verifyTrace(_ context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("trace verify", flag.ContinueOnError)
	flags.SetOutput(w.err)
	want := flags.String("key", "", "key that must have signed it, in hex, as it stands in a trace that you fetched from the server yourself")
	files, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return vital.Errorf(vital.Invalid, "trace verify: want one file")
	}
	file, err := os.ReadFile(files[0])
	if err != nil {
		return vital.Errorf(vital.Invalid, "trace verify: %w", err)
	}
	t, key, err := trace.Open(file)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "%s: %w", files[0], err)
	}
	if *want != "" && *want != key {
		return vital.Errorf(vital.Denied, "%s: signed with key %s, not with %s", files[0], key, *want)
	}
	a := t.Alarm
	fmt.Fprintf(w.out, "alarm      %s, %s: %s\n", a.ID, a.Title, a.Text)
	fmt.Fprintf(w.out, "raised     %s, highest priority %s\n", a.Raised, a.Peak)
	fmt.Fprintf(w.out, "signature  fits key %s\n", key)
	if *want == "" {
		fmt.Fprintf(w.out, "           (compare the key with that of a trace you fetched yourself, or give --key)\n")
	}
	faults := t.Check()
	for _, f := range faults {
		fmt.Fprintf(w.out, "fault      %s\n", f)
	}
	fmt.Fprintf(w.out, "evidence   %d packets, %d readings, %d pieces of waveform\n", len(t.Evidence.Packets), len(t.Evidence.Readings), len(t.Evidence.Waves))
	for _, m := range t.Evidence.Missing {
		fmt.Fprintf(w.out, "missing    %s\n", m)
	}
	fmt.Fprintf(w.out, "rule       %s\n", recompute(t))
	l := t.Latency
	fmt.Fprintf(w.out, "latency    sample to received %s, received to raised %s, raised to first channel %s, raised to acknowledged %s\n",
		ms(l.SampleToReceived), ms(l.ReceivedToRaised), ms(l.RaisedToSent), ms(l.RaisedToSeen))
	for _, d := range t.Deeds {
		fmt.Fprintf(w.out, "  %s  %s %s %s %s\n", d.At, d.Kind, d.Verb, d.By, d.Why)
	}
	for _, d := range t.Deliveries {
		fmt.Fprintf(w.out, "  %s  told %s by %s: %s %s\n", d.At, d.Person, d.Channel, d.State, d.Reason)
	}
	if len(faults) > 0 {
		return vital.Errorf(vital.Invalid, "%s contradicts itself in %d places", files[0], len(faults))
	}
	return nil
}

func ms(n int64) string {
	if n < 0 {
		return "not known"
	}
	return fmt.Sprintf("%d ms", n)
}

// recomputedWithin is how far the alarm may come out from when it was raised, ms:
// the readings between two ticks of the clock decide, and a second for their way.
const recomputedWithin = watch.TickEvery + 1_000

// recompute judges the readings of a trace once more by the rule in it, and says
// whether the alarm comes out again.
func recompute(t trace.Trace) string {
	e := t.Evidence
	if e.RuleText == "" {
		return "is part of Vigil itself: nothing to recompute"
	}
	set, problems := rule.Load([]rule.File{{Name: e.RuleFile, Text: e.RuleText}})
	if set == nil {
		return fmt.Sprintf("cannot be loaded by this program: %s", problems[0].Message)
	}
	about := watch.About{
		AgeYears: e.About.AgeYears, WardKind: e.About.WardKind, Zone: e.About.Zone, SpO2Scale: e.About.SpO2Scale, Conditions: e.About.Conditions, Demo: e.About.Demo,
	}
	for _, l := range e.About.Limits {
		about.Limits = append(about.Limits, watch.Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High, From: e.From})
	}
	trial := watch.NewTrial(set, about, t.Alarm.Patient, e.From)
	for _, r := range e.Readings {
		if r.Source == "vigil" {
			continue // computed: it is computed again
		}
		value := vital.Coded(r.Value)
		if !r.Code {
			d, err := vital.ParseDecimal(r.Value)
			if err != nil {
				return fmt.Sprintf("cannot be recomputed: %s %q is no number", r.Metric, r.Value)
			}
			value = vital.Num(d)
		}
		trial.Reading(vital.Reading{
			Site: t.Site, Device: r.Source, Metric: r.Metric, Unit: r.Unit, Value: value, Quality: r.Quality, Sequence: r.Sequence, Decoder: r.Decoder,
			Clocks: vital.Clocks{Device: r.Device, Receive: r.Received, Effective: r.Effective, Offset: r.OffsetMs},
		})
	}
	nearest := vital.Instant(0)
	for _, x := range trial.End(e.To) {
		if x.Rule != t.Alarm.Rule || x.Part != t.Alarm.Part {
			continue
		}
		if nearest == 0 || abs(x.Raised-t.Alarm.Raised) < abs(nearest-t.Alarm.Raised) {
			nearest = x.Raised
		}
	}
	switch {
	case nearest == 0:
		return fmt.Sprintf("%s does not raise it again from these readings: it may look further back, or at events, than the trace holds", e.RuleFile)
	case abs(nearest-t.Alarm.Raised) > recomputedWithin:
		return fmt.Sprintf("%s raises it at %s, %d ms apart", e.RuleFile, nearest, abs(nearest-t.Alarm.Raised))
	}
	return fmt.Sprintf("%s raises it again from these readings, %d ms apart", e.RuleFile, abs(nearest-t.Alarm.Raised))
}

func abs(d vital.Instant) vital.Instant { return max(d, -d) }
