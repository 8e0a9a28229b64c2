package webd

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// forgetBody says whom, twice, and why.
type forgetBody struct {
	Why     string       `json:"why"`
	Confirm confirmation `json:"confirm"`
}

// Forgotten answers that somebody was.
type Forgotten struct {
	Patient   vital.PatientID `json:"patient"`
	Forgotten vital.Instant   `json:"forgotten"`
}

// forgetPatient erases a patient for good: rows, and the keys of everything that
// was sealed, in the journal and in every backup.
func (s *Server) forgetPatient(c *call) error {
	var body forgetBody
	if err := c.body(&body); err != nil {
		return err
	}
	why := strings.TrimSpace(body.Why)
	if why == "" {
		return invalid("why", "why: say who asked for it: it is what remains")
	}
	if err := s.confirmed(c, c.patient(), body.Confirm); err != nil {
		return err
	}
	e := s.entry(c, "patient/"+string(c.patient()), why)
	if err := s.store.Forget(c.ctx(), e, c.patient()); err != nil {
		return err
	}
	if s.forgotten != nil {
		if err := s.forgotten(c.ctx()); err != nil {
			s.log.Error("who was forgotten could not be written beside the backups; the next backup does it", "error", err.Error())
		}
	}
	return c.json(Forgotten{c.patient(), e.At})
}

const recordFormat = "vigil record 1"

// record hands out everything that is kept of a patient and that the caller may
// see, as files that need no program of ours. docs/formats/record.md describes
// them.
func (s *Server) record(c *call) error {
	p, err := s.store.Patient(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	if err := s.store.AppendAudit(c.ctx(), exported(s, c)); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+string(c.patient())+`.zip"`)
	out := &recordWriter{s: s, c: c, zip: zip.NewWriter(c.w), control: http.NewResponseController(c.w)}
	if err := out.write(s.card(p, store.Admission{})); err != nil {
		if out.bytes == 0 {
			return err
		}
		panic(http.ErrAbortHandler) // half a record must not look like a whole one
	}
	return nil
}

// recordFile is one line of the manifest.
type recordFile struct {
	Name   string `json:"name"`
	Lines  int    `json:"lines"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// recordManifest is manifest.json, the last file.
type recordManifest struct {
	Format  string          `json:"format"`
	Site    vital.Site      `json:"site"`
	Patient vital.PatientID `json:"patient"`
	Made    vital.Instant   `json:"made"`
	By      string          `json:"by"`
	Build   string          `json:"build"`
	Without []string        `json:"without"` // what the caller may not see, or is kept no longer
	Files   []recordFile    `json:"files"`
}

type recordWriter struct {
	s       *Server
	c       *call
	zip     *zip.Writer
	control *http.ResponseController
	bytes   int64
	files   []recordFile
	without []string

	into  io.Writer
	sum   hash.Hash
	lines int
	size  int64
}

// Write counts and hashes what goes into the file that is open.
func (o *recordWriter) Write(b []byte) (int, error) {
	o.sum.Write(b)
	n, err := o.into.Write(b)
	o.size += int64(n)
	o.bytes += int64(n)
	return n, err
}

func (o *recordWriter) line(v any) error {
	if o.lines%1000 == 0 {
		_ = o.control.SetWriteDeadline(time.Now().Add(readWithin)) // a writer without deadlines needs none
	}
	o.lines++
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = o.Write(append(body, '\n'))
	return err
}

func (o *recordWriter) file(name string, fill func() error) error {
	var err error
	o.into, err = o.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: o.s.now()})
	if err != nil {
		return err
	}
	o.sum, o.lines, o.size = sha256.New(), 0, 0
	if err := fill(); err != nil {
		return err
	}
	if name != "manifest.json" {
		o.files = append(o.files, recordFile{name, o.lines, o.size, hex.EncodeToString(o.sum.Sum(nil))})
	}
	return nil
}

func linesOf[T any](o *recordWriter, items []T, err error) error {
	for _, item := range items {
		if err == nil {
			err = o.line(item)
		}
	}
	return err
}

func (o *recordWriter) write(card PatientCard) error {
	s, ctx, rows, id := o.s, o.c.ctx(), o.c.rows, o.c.patient()
	from, to, err := s.store.SpanOf(ctx, rows, id)
	if err != nil {
		return err
	}
	now := vital.At(s.now())
	if from == 0 {
		from = now
	}
	from, to = min(from, now.Add(-72*time.Hour)), max(to, now.Add(time.Hour))+1 // what is not in a chunk yet is of the last hours
	for _, f := range []struct {
		name string
		fill func() error
	}{
		{"README.txt", func() error { _, err := io.WriteString(o, recordReadme); return err }},
		{"person.json", func() error { return o.person(ctx, rows, id, card) }},
		{"stays.ndjson", func() error { v, err := s.store.Admissions(ctx, rows, id); return linesOf(o, v, err) }},
		{"bindings.ndjson", func() error {
			v, err := s.store.Bindings(ctx, rows, store.BindingFilter{Patient: id})
			return linesOf(o, v, err)
		}},
		{"observations.ndjson", func() error { v, err := s.store.Observations(ctx, rows, id, 0, 0); return linesOf(o, v, err) }},
		{"annotations.ndjson", func() error { v, err := s.store.Annotations(ctx, rows, id, 0, 0); return linesOf(o, v, err) }},
		{"limits.ndjson", func() error { v, err := s.store.LimitHistory(ctx, rows, id); return linesOf(o, v, err) }},
		{"care.ndjson", func() error { v, err := s.store.CareHistory(ctx, rows, id); return linesOf(o, v, err) }},
		{"consents.ndjson", func() error { v, err := s.store.ConsentHistory(ctx, rows, id); return linesOf(o, v, err) }},
		{"gaps.ndjson", func() error { v, err := s.store.Gaps(ctx, rows, id, 0, 0); return linesOf(o, v, err) }},
		{"alarms.ndjson", func() error { return o.alarms(ctx, rows, id) }},
		{"events.ndjson", func() error { return o.events(ctx, rows, id) }},
		{"readings.ndjson", func() error { return o.readings(ctx, rows, store.Query{Patient: id, From: from, To: to}) }},
		{"waveforms.ndjson", func() error { return o.waveforms(ctx, rows, store.Query{Patient: id, From: from, To: to}) }},
		{"looked.ndjson", func() error { return o.looked(ctx, id) }},
	} {
		if err := o.file(f.name, f.fill); err != nil {
			return err
		}
	}
	err = o.file("manifest.json", func() error {
		m := recordManifest{recordFormat, s.site, id, now, o.c.principal.Who(), s.version, slices.Clip(o.without), o.files}
		if m.Without == nil {
			m.Without = []string{}
		}
		body, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		_, err = o.Write(append(body, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	return o.zip.Close()
}

func (o *recordWriter) person(ctx context.Context, rows store.Rows, id vital.PatientID, card PatientCard) error {
	contact, err := o.s.store.ContactOf(ctx, rows, id)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	return o.line(map[string]any{
		"patient": id, "family": card.Family, "given": card.Given, "birth": card.Birth, "sex": card.Sex, "numbers": card.Numbers, "flags": card.Flags,
		"contact": map[string]any{"name": contact.Name, "relation": contact.Relation, "phone": contact.Phone, "email": contact.Email, "address": contact.Address, "mayBeTold": contact.Detail},
	})
}

func (o *recordWriter) alarms(ctx context.Context, rows store.Rows, id vital.PatientID) error {
	type told struct {
		Alarm any               `json:"alarm"`
		Deeds []store.AlarmDeed `json:"deeds"`
	}
	f := store.AlarmFilter{Patient: id, Limit: 200}
	for {
		page, err := o.s.store.Alarms(ctx, rows, f)
		if err != nil {
			return err
		}
		for _, a := range page {
			deeds, err := o.s.store.AlarmDeeds(ctx, rows, a.ID)
			if err != nil {
				return err
			}
			if err := o.line(told{a, deeds}); err != nil {
				return err
			}
			f.Before = store.AlarmMark{Raised: a.Raised, ID: a.ID}
		}
		if len(page) < f.Limit {
			return nil
		}
	}
}

func (o *recordWriter) events(ctx context.Context, rows store.Rows, id vital.PatientID) error {
	all, err := o.s.past().Events(ctx, rows, store.Query{Patient: id})
	for _, e := range all {
		if err == nil {
			err = o.line(map[string]any{
				"kind": e.Kind, "code": e.Code, "text": e.Text, "device": e.Device, "deviceTime": e.Clocks.Device, "receiveTime": e.Clocks.Receive,
				"effectiveTime": e.Clocks.Effective, "quality": e.Quality.String(), "sequence": e.Sequence, "decoder": e.Decoder, "source": e.Source,
			})
		}
	}
	return err
}

// recordReading is a line of readings.ndjson: the value with where it came from.
type recordReading struct {
	Effective   vital.Instant  `json:"effectiveTime"`
	DeviceTime  vital.Instant  `json:"deviceTime"`
	Receive     vital.Instant  `json:"receiveTime"`
	Uncertainty int32          `json:"uncertaintyMs"`
	Metric      string         `json:"metric"`
	Value       string         `json:"value"`
	Unit        string         `json:"unit"`
	Quality     string         `json:"quality"`
	Device      vital.DeviceID `json:"device"`
	Sequence    uint64         `json:"sequence"`
	Decoder     string         `json:"decoder"`
}

func (o *recordWriter) readings(ctx context.Context, rows store.Rows, q store.Query) error {
	var failed error
	err := o.s.readTracks(ctx, rows, q, func(t store.Track) {
		if t.Damaged > 0 {
			o.without = append(o.without, "a part of "+t.Series.Metric+" that the disk damaged")
		}
		for _, v := range t.Samples {
			if failed == nil {
				failed = o.line(recordReading{
					v.Effective, v.Device, v.Receive, v.Uncertainty, t.Series.Metric, v.Value.String(), t.Series.Unit, v.Quality.String(),
					t.Series.Device, v.Sequence, t.Series.Decoder,
				})
			}
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// recordWave is a line of waveforms.ndjson: value = (sample - zero) * gain.
type recordWave struct {
	Start    int64          `json:"startMicroseconds"` // since 1970
	MilliHz  uint32         `json:"milliHz"`
	Metric   string         `json:"metric"`
	Unit     string         `json:"unit"`
	Gain     string         `json:"gain"`
	Zero     int32          `json:"zero"`
	Quality  string         `json:"quality"`
	Device   vital.DeviceID `json:"device"`
	Sequence uint64         `json:"sequence"`
	Decoder  string         `json:"decoder"`
	Missing  []vital.Span   `json:"missing"` // [From, To) of samples that were not measured
	Samples  []int32        `json:"samples"`
}

// waveSpan is read at a time, so that memory does not grow with the record.
const waveSpan = 10 * time.Minute

func (o *recordWriter) waveforms(ctx context.Context, rows store.Rows, q store.Query) error {
	for end := q.To; q.From < end; q.From = q.To {
		q.To = min(end, q.From.Add(24*time.Hour))
		day := q
		metrics, err := o.s.store.WaveMetrics(ctx, rows, q.Patient)
		if err != nil || len(metrics) == 0 {
			return err
		}
		for ; day.From < q.To; day.From = day.To {
			day.To = min(q.To, day.From.Add(waveSpan))
			waves, err := o.s.past().Waves(ctx, rows, day)
			if err != nil {
				return err
			}
			for _, w := range waves {
				if w.Start < int64(day.From)*1000 || w.Start >= int64(day.To)*1000 {
					continue // it began in another piece and is written there
				}
				err := o.line(recordWave{
					w.Start, w.MilliHz, w.Metric, w.Unit, w.Gain.String(), w.Zero, w.Quality.String(), w.Device, w.Sequence, w.Decoder, w.Missing, w.Samples,
				})
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// looked is who looked at the data, for whom the policy lets see it.
func (o *recordWriter) looked(ctx context.Context, id vital.PatientID) error {
	if auth.ScopeOf(o.c.principal, auth.LookedRead) == auth.Nowhere {
		o.without = append(o.without, "who looked at the data: the patient and auditors see it")
		return nil
	}
	f := store.AuditFilter{Patient: id, Limit: 1000}
	for {
		page, err := o.s.store.Audit(ctx, store.Everything(o.s.site), f)
		if err != nil {
			return err
		}
		for _, e := range page {
			err := o.line(map[string]any{
				"n": e.N, "at": e.At, "who": e.Who, "role": e.Role, "action": e.Action, "subject": e.Subject, "outcome": e.Outcome, "purpose": e.Purpose, "why": e.Why,
			})
			if err != nil {
				return err
			}
			f.Before = e.N
		}
		if len(page) < f.Limit || f.Before == 0 {
			return nil
		}
	}
}

// past is where data is read: with what the flow still holds, or, when no flow
// runs, from the store alone.
func (s *Server) past() History {
	if s.history == nil {
		return s.store
	}
	return s.history
}

const recordReadme = `This is everything that Vigil keeps of one patient and that may be seen by who asked for it.

manifest.json   which files there are, how long they are, and their SHA-256; "without" says what is left out
person.json     who it is and whom to call
*.ndjson        one JSON object a line: stays, bindings (devices), observations (bed rounds), annotations (remarks),
                limits, care, consents, gaps, alarms with what happened to them, events, readings, waveforms, looked
                (who looked at the data)

Times are RFC 3339 in UTC. A reading has three: when it counts (effectiveTime), what the device's clock said
(deviceTime) and when it came (receiveTime). A value is text with the digits that the device sent. A waveform's sample is
value = (sample - zero) * gain, milliHz / 1000 a second, beginning at startMicroseconds since 1970.

docs/formats/record.md in Vigil's sources has a script that reads and checks it.
`
