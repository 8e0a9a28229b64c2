package webd

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// seriesCSV writes every value of a period, one a row.
func (s *Server) seriesCSV(c *call) error {
	from, to, err := s.period(c, 24*time.Hour, mostSpan)
	if err != nil {
		return err
	}
	query := store.Query{Patient: c.patient(), Metrics: metricsOf(c.r.URL.Query().Get("metrics")), From: from, To: to}
	if len(query.Metrics) > mostMetrics {
		return invalid("metrics", "metrics: at most %d", mostMetrics)
	}
	// Always noted: this leaves the house.
	if err := s.store.AppendAudit(c.ctx(), exported(s, c)); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+string(c.patient())+`.csv"`)
	out := s.stream(c)
	out.line("time,metric,value,unit,quality,device,sequence\r\n")
	err = s.readTracks(c.ctx(), c.rows, query, func(t store.Track) {
		for i := range t.Samples {
			sample := &t.Samples[i]
			value := sample.Value.String()
			if sample.Value.IsCode() {
				value = cell(value)
			}
			out.line(sample.Effective.String() + "," + cell(t.Series.Metric) + "," + value + "," + cell(t.Series.Unit) + "," +
				cell(sample.Quality.String()) + "," + cell(string(t.Series.Device)) + "," + strconv.FormatUint(sample.Sequence, 10) + "\r\n")
		}
	})
	return out.end(err)
}

// cell writes text for CSV. What a spreadsheet would take for a formula gets an
// apostrophe before it; what holds a separator gets quotes around it.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		text = "'" + text
	}
	if strings.ContainsAny(text, ",\"\r\n") {
		return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
	}
	return text
}

// storedReading is one line of GET /devices/{d}/readings.
type storedReading struct {
	Sequence  uint64          `json:"sequence"`
	Device    vital.Instant   `json:"deviceTime"`
	Receive   vital.Instant   `json:"receiveTime"`
	Effective vital.Instant   `json:"effectiveTime"`
	Metric    string          `json:"metric"`
	Value     json.RawMessage `json:"value"` // a number with its digits, or a code as text
	Unit      string          `json:"unit"`
	Quality   []string        `json:"quality"`
}

// Effective times of what is stored lie between these; a device's clock may be
// years off.
const (
	earliest vital.Instant = 1
	latest   vital.Instant = 253402300800000 // 10000-01-01
)

// deviceReadings streams everything stored of a device, in order of its time.
func (s *Server) deviceReadings(c *call) error {
	from, err := instantOf(c.r, "from", earliest)
	if err != nil {
		return err
	}
	to, err := instantOf(c.r, "to", latest)
	if err != nil {
		return err
	}
	d, err := s.store.Device(c.ctx(), c.rows, c.device())
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	out := s.stream(c)
	// Nearly all lies between enrolment and now: that is read in pieces. What a
	// wrong clock put elsewhere is little, and is read at once.
	edges := []vital.Instant{from}
	for at := d.Created.Add(-31 * 24 * time.Hour); at < vital.At(s.now()).Add(readSpan); at = at.Add(readSpan) {
		if at > from && at < to {
			edges = append(edges, at)
		}
	}
	edges = append(edges, to)
	for i := 1; i < len(edges) && err == nil; i++ {
		var tracks []store.Track
		tracks, err = s.history.Samples(c.ctx(), c.rows, store.Query{Device: c.device(), From: edges[i-1], To: edges[i]})
		if err == nil {
			err = writeReadings(out, tracks)
		}
	}
	return out.end(err)
}

func writeReadings(out *stream, tracks []store.Track) error {
	type place struct{ track, sample int }
	var order []place
	for t := range tracks {
		for i := range tracks[t].Samples {
			order = append(order, place{t, i})
		}
	}
	at := func(p place) *store.Sample { return &tracks[p.track].Samples[p.sample] }
	slices.SortStableFunc(order, func(a, b place) int {
		x, y := at(a), at(b)
		if x.Effective != y.Effective {
			return int(min(1, max(-1, x.Effective-y.Effective)))
		}
		return int(int64(x.Sequence) - int64(y.Sequence))
	})
	for _, p := range order {
		sample, series := at(p), tracks[p.track].Series
		r := storedReading{
			Sequence: sample.Sequence, Device: sample.Device, Receive: sample.Receive, Effective: sample.Effective,
			Metric: series.Metric, Unit: series.Unit, Quality: full(sample.Quality.Names()),
		}
		if sample.Value.IsCode() {
			r.Value, _ = json.Marshal(sample.Value.Code) // a string cannot fail
		} else {
			r.Value = []byte(sample.Value.Number.String())
		}
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		out.line(string(line) + "\n")
	}
	return nil
}

// stream writes a long answer. Each piece gets its own time to be read, and an
// error in the middle cuts the connection: a short answer must not look whole.
type stream struct {
	c       *call
	buffer  *bufio.Writer
	control *http.ResponseController
	written int
	err     error
}

// readWithin is how long a reader may take for 64 KiB.
const readWithin = 30 * time.Second

func (s *Server) stream(c *call) *stream {
	return &stream{c: c, buffer: bufio.NewWriterSize(c.w, 64<<10), control: http.NewResponseController(c.w)}
}

func (o *stream) line(text string) {
	if o.err != nil {
		return
	}
	if o.written += len(text); o.written >= 32<<10 {
		o.written = 0
		o.more()
	}
	_, o.err = o.buffer.WriteString(text)
}

// more gives the reader time again; a writer without deadlines needs none.
func (o *stream) more() { _ = o.control.SetWriteDeadline(time.Now().Add(readWithin)) }

func (o *stream) end(err error) error {
	if o.err != nil {
		return nil // the reader has gone
	}
	if err != nil {
		if o.buffer.Buffered() == 0 && o.written == 0 {
			return err
		}
		panic(http.ErrAbortHandler)
	}
	o.more()
	o.buffer.Flush()
	return nil
}
