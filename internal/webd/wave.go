package webd

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// WaveView is a stretch of one waveform.
type WaveView struct {
	Blocks []WaveBlock `json:"blocks"`
}

// WaveBlock is evenly spaced samples; physical value in unit = (sample + zero) * gain.
type WaveBlock struct {
	Start   float64        `json:"start"` // ms since 1970
	MilliHz uint32         `json:"millihz"`
	Gain    vital.Decimal  `json:"gain"`
	Zero    int32          `json:"zero"`
	Unit    string         `json:"unit"`
	Device  vital.DeviceID `json:"device"`
	Quality vital.Quality  `json:"quality"`
	Samples Samples        `json:"samples"`
}

// Samples are steps; null where there was no measurement.
type Samples struct {
	values  []int32
	missing []vital.Span
}

// MarshalJSON writes the samples as an array.
func (s Samples) MarshalJSON() ([]byte, error) {
	b := make([]byte, 1, 6*len(s.values)+2)
	b[0] = '['
	gap := 0
	for i, v := range s.values {
		if i > 0 {
			b = append(b, ',')
		}
		for gap < len(s.missing) && uint32(i) >= s.missing[gap].To {
			gap++
		}
		if gap < len(s.missing) && uint32(i) >= s.missing[gap].From {
			b = append(b, "null"...)
			continue
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return append(b, ']'), nil
}

var _ json.Marshaler = Samples{}

const mostWaveSpan = 5 * time.Minute

func (s *Server) waveforms(c *call) error {
	from, to, err := s.period(c, 10*time.Second, mostWaveSpan)
	if err != nil {
		return err
	}
	metric := c.r.URL.Query().Get("metric")
	if metric == "" {
		return invalid("metric", "metric: name one waveform")
	}
	waves, err := s.history.Waves(c.ctx(), c.rows, store.Query{Patient: c.patient(), Metrics: []string{metric}, From: from, To: to})
	if err != nil {
		return err
	}
	view := WaveView{Blocks: make([]WaveBlock, len(waves))}
	for i, w := range waves {
		view.Blocks[i] = WaveBlock{
			Start: float64(w.Start) / 1000, MilliHz: w.MilliHz, Gain: w.Gain, Zero: w.Zero, Unit: w.Unit, Device: w.Device,
			Quality: w.Quality, Samples: Samples{w.Samples, w.Missing},
		}
	}
	return c.json(view)
}

func (s *Server) waveformMetrics(c *call) error {
	names, err := s.store.WaveMetrics(c.ctx(), c.rows, c.patient())
	if err != nil {
		return err
	}
	return c.json(listOf(names))
}

// Event is something that happened at one time.
type Event struct {
	At      vital.Instant  `json:"at"`
	Kind    string         `json:"kind"`
	Code    string         `json:"code"`
	Text    string         `json:"text"`
	Device  vital.DeviceID `json:"device"`
	Quality []string       `json:"quality"`
}

func (s *Server) events(c *call) error {
	from, to, err := s.period(c, time.Hour, 8*24*time.Hour)
	if err != nil {
		return err
	}
	events, err := s.history.Events(c.ctx(), c.rows, store.Query{Patient: c.patient(), From: from, To: to})
	if err != nil {
		return err
	}
	views := make([]Event, len(events))
	for i, e := range events {
		views[i] = Event{At: e.Clocks.Effective, Kind: e.Kind, Code: e.Code, Text: e.Text, Device: e.Device, Quality: full(e.Quality.Names())}
	}
	return c.json(listOf(views))
}

// exported is the ledger's line for data that was taken away.
func exported(s *Server, c *call) audit.Entry {
	e := s.entry(c, "patient/"+string(c.patient()), c.r.URL.RawQuery)
	e.Patient = c.patient()
	return e
}
