package webd

import (
	"cmp"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// Gap is a time in which expected data did not come, came late, was not expected
// by order (standby), or came and could not be judged (got, with a kind).
type Gap struct {
	Metric string        `json:"metric"`
	From   vital.Instant `json:"from"`
	To     vital.Instant `json:"to"` // 0: it lasts
	State  string        `json:"state"`
	Kind   string        `json:"kind"`
	Cause  string        `json:"cause"`
	Said   *words.Said   `json:"causeSaid,omitempty"`
}

// StreamLedger is one expected stream over the time asked for. The shares are of
// the time in which it was expected and not on standby, in percent; times in ms.
type StreamLedger struct {
	Metric    string     `json:"metric"`
	Kind      string     `json:"kind"`
	Every     int64      `json:"every"`
	Expected  int64      `json:"expected"`
	Got       float64    `json:"got"`
	Late      float64    `json:"late"`
	Missing   float64    `json:"missing"`
	Standby   int64      `json:"standby"`
	Unjudged  int64      `json:"unjudged"`
	Longest   int64      `json:"longest"` // missing interval
	Intervals []Interval `json:"intervals"`
}

// Interval is one piece of a StreamLedger.
type Interval struct {
	From  vital.Instant `json:"from"`
	To    vital.Instant `json:"to"`
	State string        `json:"state"`
	Kind  string        `json:"kind"`
	Cause string        `json:"cause"`
	Said  *words.Said   `json:"causeSaid,omitempty"`
}

// GapLedger is what was expected of a patient and what came of it.
type GapLedger struct {
	From    vital.Instant  `json:"from"`
	To      vital.Instant  `json:"to"`
	Items   []Gap          `json:"items"`
	Streams []StreamLedger `json:"streams"`
}

// WardGap is the ledger of one patient's stay in one bed of a ward.
type WardGap struct {
	Bed     vital.BedID     `json:"bed"`
	Patient vital.PatientID `json:"patient"`
	GapLedger
}

// WardGaps is the ledger of a ward.
type WardGaps struct {
	From  vital.Instant `json:"from"`
	To    vital.Instant `json:"to"`
	Items []WardGap     `json:"items"`
}

// mostWardGaps is how much of a whole ward's ledger is made at once.
const mostWardGaps = 7 * 24 * time.Hour

func (s *Server) gaps(c *call) error {
	from, to, err := s.period(c, 24*time.Hour, mostLookBack)
	if err != nil {
		return err
	}
	view, err := s.ledger(c, c.patient(), from, to)
	if err != nil {
		return err
	}
	return c.json(view)
}

func (s *Server) wardGaps(c *call) error {
	from, to, err := s.period(c, 24*time.Hour, mostWardGaps)
	if err != nil {
		return err
	}
	if _, err := s.store.Ward(c.ctx(), c.rows, c.ward()); err != nil {
		return err
	}
	stays, err := s.store.StaysIn(c.ctx(), c.rows, c.ward(), from, to)
	if err != nil {
		return err
	}
	view := WardGaps{From: from, To: to, Items: make([]WardGap, 0, len(stays))}
	for _, a := range stays {
		end := to
		if a.To != 0 {
			end = min(a.To, to)
		}
		one, err := s.ledger(c, a.Patient, max(a.From, from), end)
		if err != nil {
			return err
		}
		view.Items = append(view.Items, WardGap{Bed: a.Bed, Patient: a.Patient, GapLedger: one})
	}
	return c.json(view)
}

// ledger makes the ledger of a patient for [from, to).
func (s *Server) ledger(c *call, patient vital.PatientID, from, to vital.Instant) (GapLedger, error) {
	view := GapLedger{From: from, To: to, Items: []Gap{}, Streams: []StreamLedger{}}
	rows, err := s.store.Gaps(c.ctx(), c.rows, patient, from, to)
	if err != nil {
		return view, err
	}
	expected, err := s.store.Spans(c.ctx(), c.rows, patient, from, to)
	if err != nil {
		return view, err
	}
	gaps, spans := map[string][]watch.Gap{}, map[string][]watch.Span{}
	for _, g := range rows {
		gaps[g.Metric] = append(gaps[g.Metric], watch.Gap{
			Patient: g.Patient, Metric: g.Metric, From: g.From, To: g.To, State: watch.StreamState(g.State), Kind: watch.CauseKind(g.Kind), Cause: g.Cause,
		})
	}
	var metrics []string
	for _, x := range expected {
		if len(spans[x.Metric]) == 0 {
			metrics = append(metrics, x.Metric)
		}
		spans[x.Metric] = append(spans[x.Metric], watch.Span{
			Patient: x.Patient, Metric: x.Metric, Kind: watch.StreamKind(x.Kind), Every: x.Every, From: x.From, To: x.To, Ended: watch.CauseKind(x.Ended),
		})
	}
	now := vital.At(s.now())
	for _, metric := range metrics {
		came, err := s.cameLate(c, patient, metric, gaps[metric], from, min(to, now))
		if err != nil {
			return view, err
		}
		page := watch.Ledger(metric, spans[metric], gaps[metric], came, from, to, now)
		view.Streams = append(view.Streams, streamLedger(page))
		view.Items = append(view.Items, items(page)...)
	}
	for _, g := range rows {
		if len(spans[g.Metric]) == 0 { // from before it was kept what is expected
			view.Items = append(view.Items, Gap{Metric: g.Metric, From: g.From, To: g.To, State: g.State, Kind: g.Kind, Cause: g.Cause, Said: words.Find(g.Cause)})
		}
	}
	slices.SortStableFunc(view.Items, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	return view, nil
}

// mostLookUps is from how many gaps on one question is asked for all of them.
const mostLookUps = 20

// cameLate returns when the values were measured that lie in gaps and came after
// them.
func (s *Server) cameLate(c *call, patient vital.PatientID, metric string, gaps []watch.Gap, from, to vital.Instant) ([]vital.Instant, error) {
	var ask []watch.Gap
	for _, g := range gaps {
		g.From = max(g.From, from)
		if g.To == 0 || g.To > to {
			g.To = to
		}
		if g.State == watch.Missing && g.From < g.To {
			ask = append(ask, g)
		}
	}
	if len(ask) > mostLookUps {
		ask = []watch.Gap{{From: ask[0].From, To: to}}
	}
	var came []vital.Instant
	for _, g := range ask {
		tracks, err := s.history.Samples(c.ctx(), c.rows, store.Query{Patient: patient, Metrics: []string{metric}, From: g.From, To: g.To})
		if err != nil {
			return nil, err
		}
		for _, t := range tracks {
			for _, x := range t.Samples {
				if watch.Usable(x.Quality) && watch.Fills(x.Effective, x.Receive) {
					came = append(came, x.Effective)
				}
			}
		}
	}
	return came, nil
}

func streamLedger(p watch.Page) StreamLedger {
	k := p.Coverage
	due := float64(max(k.Expected-k.Standby, 1))
	share := func(ms int64) float64 { return float64(int64(float64(ms)/due*100_000+0.5)) / 1000 }
	out := StreamLedger{
		Metric: p.Metric, Kind: string(p.Kind), Every: p.Every, Expected: k.Expected, Got: share(k.Got), Late: share(k.Late), Missing: share(k.Missing),
		Standby: k.Standby, Unjudged: k.Unjudged, Longest: k.Longest, Intervals: make([]Interval, len(p.Intervals)),
	}
	for i, x := range p.Intervals {
		out.Intervals[i] = Interval{From: x.From, To: x.To, State: string(x.State), Kind: string(x.Kind), Cause: x.Cause, Said: words.Find(x.Cause)}
	}
	return out
}

// items are the intervals of a page that were not simply got.
func items(p watch.Page) []Gap {
	var list []Gap
	for _, of := range [][]watch.Interval{p.Intervals, p.Unjudged} {
		for _, x := range of {
			if x.State != watch.Got || x.Kind != "" {
				list = append(list, Gap{Metric: p.Metric, From: x.From, To: x.To, State: string(x.State), Kind: string(x.Kind), Cause: x.Cause, Said: words.Find(x.Cause)})
			}
		}
	}
	return list
}
