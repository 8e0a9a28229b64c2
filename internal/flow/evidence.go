package flow

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/trace"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// The evidence of an alarm is gathered when the waveform behind it is there. A
// server that was not running then gathers it later, from what is still kept.
const (
	gatherEvery = 10 * time.Second
	gatherAfter = trace.Around + 5_000     // ms
	gatherBack  = 24 * 3600 * 1000         // ms: older ones were left when nobody gathered
	ruleWindow  = 10 * 60 * 1000           // ms of the numbers that the rule reads
	widerWindow = trace.Around             // ms of all others
	mostPackets = 64                       // of one alarm
	vigilFile   = "part of the program"    // in place of a rule file
	noBlob      = "its body is kept apart" // why a packet has no bytes here
)

// gatherForever keeps what alarms rest on, before it expires.
func (f *Flow) gatherForever(ctx context.Context) error {
	again := time.NewTicker(gatherEvery)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
		now := f.now()
		due, err := f.db.WithoutEvidence(ctx, f.site, now-gatherBack, now-gatherAfter, 50)
		if err != nil {
			f.log.Error("alarms without evidence cannot be listed", "error", err.Error())
			continue
		}
		for _, a := range due {
			if err := f.gather(ctx, a); err != nil && ctx.Err() == nil {
				f.log.Error("what an alarm rests on could not be kept; it is tried again", "alarm", a.ID, "error", err.Error())
			}
		}
	}
}

func (f *Flow) gather(ctx context.Context, a store.AlarmRow) error {
	e, err := f.evidence(ctx, a.Alarm)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	if err := json.NewEncoder(z).Encode(e); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.db.PutEvidence(ctx, f.site, a.ID, a.Patient, e.Gathered, body.Bytes())
}

// evidence collects packets, readings, waveform and rule of an alarm.
func (f *Flow) evidence(ctx context.Context, a alarm.Alarm) (trace.Evidence, error) {
	e := trace.Evidence{Gathered: f.now(), From: a.Since - ruleWindow, To: a.Raised + trace.Around}
	metrics := f.judgedBy(a, &e)
	about, err := f.aboutNow(ctx, a.Patient)
	if err != nil {
		return e, err
	}
	e.About = trace.About{
		AgeYears: about.AgeYears, WardKind: about.WardKind, Zone: about.Zone, SpO2Scale: about.SpO2Scale,
		Conditions: about.Conditions, Demo: about.Demo,
	}
	for _, l := range about.Limits {
		if l.From <= a.Raised && (l.Until == 0 || l.Until > a.Raised) {
			e.About.Limits = append(e.About.Limits, trace.Limit{Metric: l.Metric, Unit: l.Unit, Low: l.Low, High: l.High})
		}
	}
	all := store.Everything(f.site)
	tracks, err := f.Samples(ctx, all, store.Query{Patient: a.Patient, From: e.From, To: e.To})
	if err != nil {
		return e, err
	}
	for _, t := range tracks {
		for _, s := range t.Samples {
			if s.Effective < a.Raised-widerWindow && !slices.Contains(metrics, t.Series.Metric) {
				continue
			}
			e.Readings = append(e.Readings, trace.Reading{
				Metric: t.Series.Metric, Value: s.Value.String(), Code: s.Value.IsCode(), Unit: t.Series.Unit,
				Effective: s.Effective, Device: s.Device, Received: s.Receive, OffsetMs: s.Offset, Quality: s.Quality,
				Sequence: s.Sequence, Source: t.Series.Device, Decoder: t.Series.Decoder,
			})
		}
	}
	slices.SortStableFunc(e.Readings, func(x, y trace.Reading) int { return int(x.Received - y.Received) })
	waves, err := f.Waves(ctx, all, store.Query{Patient: a.Patient, From: a.Raised - trace.Around, To: a.Raised + trace.Around})
	if err != nil {
		return e, err
	}
	for _, w := range waves {
		e.Waves = append(e.Waves, trace.Wave{
			Metric: w.Metric, Unit: w.Unit, Gain: w.Gain, Zero: w.Zero, MilliHz: w.MilliHz, StartUs: w.Start, Samples: w.Samples, Missing: w.Missing,
		})
	}
	f.packetsOf(ctx, a, &e)
	return e, nil
}

// judgedBy notes the rule and returns the metrics that it reads.
func (f *Flow) judgedBy(a alarm.Alarm, e *trace.Evidence) []string {
	set := f.Rules()
	e.RuleSet = set.Version()
	rules := set.Rules()
	i := slices.IndexFunc(rules, func(r rule.Rule) bool { return r.Name == a.Rule })
	if i < 0 {
		e.RuleFile = vigilFile
		return []string{a.Metric}
	}
	r := rules[i]
	e.RuleFile = r.File
	for _, file := range set.Files() {
		if file.Name == r.File {
			e.RuleText = file.Text
		}
	}
	if r.Version != a.Version {
		e.Missing = append(e.Missing, fmt.Sprintf("the rule was changed since: version %s is shown, %s judged", r.Version, a.Version))
	}
	return append(slices.Clone(r.Metrics), a.Metric)
}

// errFound ends the reading of a journal.
var errFound = errors.New("found")

// packetsOf reads the packets of the evidence out of the raw journal.
func (f *Flow) packetsOf(ctx context.Context, a alarm.Alarm, e *trace.Evidence) {
	seen := map[vital.Position]bool{}
	for _, x := range a.Evidence {
		at := x.Source
		if at.Frame == 0 || seen[at] || len(seen) >= mostPackets {
			continue
		}
		seen[at] = true
		p, err := f.packet(ctx, at)
		if err != nil {
			e.Missing = append(e.Missing, fmt.Sprintf("packet %d/%d/%d: %v", at.Partition, at.Frame, at.Index, err))
			continue
		}
		e.Packets = append(e.Packets, p)
	}
}

func (f *Flow) packet(ctx context.Context, at vital.Position) (trace.Packet, error) {
	if int(at.Partition) >= f.o.Raw {
		return trace.Packet{}, vital.Errorf(vital.NotFound, "there is no such partition")
	}
	first, last, err := f.o.Log.Bounds(ctx, journal.Raw, at.Partition)
	if err != nil {
		return trace.Packet{}, err
	}
	if at.Frame < first || at.Frame > last {
		return trace.Packet{}, vital.Errorf(vital.Gone, "its frame is no longer kept")
	}
	reader, err := f.reader(journal.Raw, at.Partition)
	if err != nil {
		return trace.Packet{}, err
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	var frame journal.Frame
	err = reader.Follow(ctx, at.Frame, func(x journal.Frame) error {
		frame = x
		return errFound
	})
	if !errors.Is(err, errFound) {
		return trace.Packet{}, err
	}
	if frame.Seq != at.Frame || int(at.Index) >= len(frame.Records) {
		return trace.Packet{}, vital.Errorf(vital.NotFound, "its frame is damaged")
	}
	rec := frame.Records[at.Index]
	if rec.Shredded {
		return trace.Packet{}, vital.Errorf(vital.Gone, "it was shredded")
	}
	p, err := ingest.DecodePacket(rec.Body)
	if err != nil {
		return trace.Packet{}, err
	}
	if p.Blob != "" {
		return trace.Packet{}, vital.Errorf(vital.TooMuch, noBlob)
	}
	body := bytes.Clone(p.Body)
	return trace.Packet{
		At: at, Frame: fmt.Sprintf("writer %016x, number %d, sealed %s", frame.Writer, frame.Number, frame.Sealed),
		Received: p.Received, Device: p.Device, Door: p.Door, Topic: p.Topic, Format: p.Format, SHA256: trace.Sum(body), Body: body,
	}, nil
}

// Trace puts together the black box of an alarm as it is now, unsigned.
func (f *Flow) Trace(ctx context.Context, rows store.Rows, id, by string) (trace.Trace, error) {
	a, err := f.db.Alarm(ctx, rows, id)
	if err != nil {
		return trace.Trace{}, err
	}
	t := trace.Trace{Version: trace.Version, Site: f.site, Made: f.now(), By: by, Alarm: a.Alarm, Ward: a.Ward, Bed: a.Bed}
	if t.Evidence, err = f.evidenceOf(ctx, rows, a.Alarm); err != nil {
		return t, err
	}
	deeds, err := f.db.AlarmDeeds(ctx, rows, id)
	if err != nil {
		return t, err
	}
	for _, d := range deeds {
		t.Deeds = append(t.Deeds, trace.Deed{
			At: d.At, Kind: string(d.Kind), Verb: string(d.Verb), By: d.By, Why: d.Why, Text: d.Text, Level: d.Level, Priority: d.Priority.String(),
		})
	}
	deliveries, err := f.db.DeliveriesOf(ctx, rows, id)
	if err != nil {
		return t, err
	}
	for _, d := range deliveries {
		t.Deliveries = append(t.Deliveries, trace.Delivery{
			Page: d.Page, Person: d.Person, Channel: d.Kind, State: d.State, Attempts: d.Attempts, At: d.At, Changed: d.Changed, Reason: d.Reason,
		})
	}
	t.Measure()
	return t, nil
}

// evidenceOf returns what was gathered, or for a young alarm what is there.
func (f *Flow) evidenceOf(ctx context.Context, rows store.Rows, a alarm.Alarm) (trace.Evidence, error) {
	body, err := f.db.EvidenceOf(ctx, rows, a.ID)
	if vital.KindOf(err) == vital.NotFound && err != nil {
		if a.Patient == store.SitePatient {
			return trace.Evidence{Gathered: f.now(), RuleFile: vigilFile}, nil
		}
		return f.evidence(ctx, a)
	}
	if err != nil {
		return trace.Evidence{}, err
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return trace.Evidence{}, vital.Errorf(vital.Internal, "read what alarm %s rests on: %w", a.ID, err)
	}
	text, err := io.ReadAll(io.LimitReader(z, 64<<20))
	if err != nil {
		return trace.Evidence{}, vital.Errorf(vital.Internal, "read what alarm %s rests on: %w", a.ID, err)
	}
	var e trace.Evidence
	if err := json.Unmarshal(text, &e); err != nil {
		return e, vital.Errorf(vital.Internal, "read what alarm %s rests on: %w", a.ID, err)
	}
	return e, nil
}
