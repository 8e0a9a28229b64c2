package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// listing says which records are shown and how.
type listing struct {
	device vital.DeviceID // empty: all
	bodies bool
	limit  int
	last   uint64 // frame
	shown  int
}

var errListed = errors.New("listed")

func runJournalList(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags, parse := journalFlags("list", w, &c)
	stream := flags.String("stream", "raw", "raw or readings")
	partition := flags.Uint("partition", 0, "number of the partition")
	from := flags.Uint64("from", 0, "first frame; 0: from the beginning")
	limit := flags.Int("limit", 100, "most records to show")
	device := flags.String("device", "", "only what came from this device")
	bodies := flags.Bool("bodies", false, "show the bodies too: health data")
	if err := parse(args); err != nil {
		return err
	}
	h, err := openHeld(ctx, w, c)
	if err != nil {
		return err
	}
	l := journal.Line{Stream: journal.Stream(*stream), Partition: uint16(*partition)}
	err = h.list(ctx, w, vital.Site(c.Site), l, *from, &listing{device: vital.DeviceID(*device), bodies: *bodies, limit: *limit})
	return errors.Join(err, h.close())
}

func (h heldJournal) list(ctx context.Context, w world, site vital.Site, l journal.Line, from uint64, show *listing) error {
	if h.ring == nil {
		return vital.Errorf(vital.Precondition, "the root key is not there: the journal can be verified and not read")
	}
	var err error
	if _, show.last, err = h.log.Bounds(ctx, l.Stream, l.Partition); err != nil {
		return err
	}
	if show.last == 0 || show.limit < 1 {
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r, err := journal.OpenReader(journal.ReaderOptions{Log: h.log, Keys: h.ring, Site: site, Stream: l.Stream, Partition: l.Partition,
		Broken: func(b journal.Break) {
			fmt.Fprintln(w.out, "broken:", b)
			if b.To >= show.last {
				stop()
			}
		}})
	if err != nil {
		return err
	}
	err = r.Follow(ctx, from, func(f journal.Frame) error { return show.frame(w.out, h.ring, f) })
	if errors.Is(err, errListed) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// frame prints the records of one frame.
func (s *listing) frame(out io.Writer, ring *journal.Ring, f journal.Frame) error {
	for i, r := range f.Records {
		about, body, device := describeRecord(r)
		if s.device != "" && s.device != device {
			continue
		}
		subject, err := ring.Subject(r.Key)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s/%d %d.%d  %s  %s  key of %s  %s\n", f.Stream, f.Partition, f.Seq, i, f.Sealed, kindName(r.Kind), subject, about)
		if s.bodies && !r.Shredded {
			fmt.Fprintf(out, "    %s\n", printable(body))
		}
		if s.shown++; s.shown == s.limit {
			return errListed
		}
	}
	if f.Seq >= s.last {
		return errListed
	}
	return nil
}

// describeRecord says what a record is without saying what it holds, and returns
// the part of it that is health data and the device that it came from.
func describeRecord(r journal.Record) (about string, body []byte, device vital.DeviceID) {
	switch {
	case r.Shredded:
		return "shredded", nil, ""
	case r.Kind == journal.KindPacket:
		p, err := ingest.DecodePacket(r.Body)
		if err != nil {
			return err.Error(), r.Body, ""
		}
		size := fmt.Sprintf("%d bytes", len(p.Body))
		if p.Blob != "" {
			size = "large body " + p.Blob
		}
		return fmt.Sprintf("from %s by %s %s, credential %s, received %s, %s", p.Device, p.Door, p.Topic, p.Credential, p.Received, size), p.Body, p.Device
	case r.Kind == journal.KindReading:
		t, err := ingest.DecodeBatch(r.Body)
		if err != nil {
			return err.Error(), r.Body, ""
		}
		about := fmt.Sprintf("from %s, of raw/%d %d.%d, decoded by %s: %d readings, %d waveforms, %d events",
			t.Device, t.Source.Partition, t.Source.Frame, t.Source.Index, t.Decoder, len(t.Readings), len(t.Waveforms), len(t.Events))
		return about, describeBatch(t), t.Device
	}
	return fmt.Sprintf("%d bytes", len(r.Body)), r.Body, ""
}

func describeBatch(t ingest.Batch) []byte {
	var b []byte
	for _, r := range t.Readings {
		b = fmt.Appendf(b, "%s %s %s at %s  ", r.Metric, r.Value, r.Unit, r.Clocks.Effective)
	}
	for _, v := range t.Waveforms {
		b = fmt.Appendf(b, "%s %d samples at %s  ", v.Metric, len(v.Samples), v.Clocks.Effective)
	}
	for _, e := range t.Events {
		b = fmt.Appendf(b, "%s %s %s at %s  ", e.Kind, e.Code, e.Text, e.Clocks.Effective)
	}
	return b
}

var recordKinds = map[journal.Kind]string{
	journal.KindPacket: "packet", journal.KindReading: "reading", journal.KindWaveform: "waveform", journal.KindEvent: "event",
	journal.KindProblem: "problem", journal.KindControl: "control", journal.KindTick: "tick", journal.KindLink: "link",
}

func kindName(k journal.Kind) string {
	if name, ok := recordKinds[k]; ok {
		return name
	}
	return fmt.Sprintf("kind-%d", k)
}

// printable returns text as it is, when it can do nothing to a terminal, and
// everything else in base 64.
func printable(b []byte) string {
	if utf8.Valid(b) {
		for _, r := range string(b) {
			if !unicode.IsPrint(r) && r != '\n' && r != '\t' {
				return base64.StdEncoding.EncodeToString(b)
			}
		}
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}
