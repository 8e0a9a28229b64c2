package webd

import (
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/vital"
)

// Score is an early warning score with what it rests on. Only one whose status
// is "ok" is a score; "incomplete" is at least so many points, and of "refused"
// there are none. Its times are ms since 1970.
type Score struct {
	Name     string        `json:"name"`
	Title    string        `json:"title"`
	Version  string        `json:"version"`
	At       int64         `json:"at"`
	Status   score.Status  `json:"status"`
	Score    vital.Decimal `json:"score"`
	Band     string        `json:"band"`
	Risk     string        `json:"risk"`
	Response string        `json:"response"`
	Params   []ScorePart   `json:"params"`
	Missing  []string      `json:"missing"`
	Reason   string        `json:"reason"`
	Source   string        `json:"source"`
	Caveats  []string      `json:"caveats"`
	Repeat   int64         `json:"repeat"` // minutes until the next set is wanted; 0: not said
}

// ScorePart is what one parameter gave.
type ScorePart struct {
	Name    string `json:"name"`
	Label   string `json:"label"`
	Value   string `json:"value"`
	Unit    string `json:"unit"`
	At      int64  `json:"at"`
	Points  int    `json:"points"`
	Stale   bool   `json:"stale"`
	Missing bool   `json:"missing"`
	Why     string `json:"why"`
}

func (s *Server) scores(c *call) error {
	results := s.judged.Scores(c.patient())
	if sees, err := s.sees(c, vital.DataRisk); err != nil {
		return err
	} else if !sees {
		results = nil
	}
	views := make([]Score, len(results))
	for i, r := range results {
		views[i] = scoreView(r)
	}
	return c.json(listOf(views))
}

func scoreView(r score.Result) Score {
	v := Score{
		Name: r.Name, Title: r.Title, Version: r.Version, At: int64(r.At), Status: r.Status, Score: r.Score, Band: r.Band, Risk: r.Risk,
		Response: r.Response, Params: make([]ScorePart, len(r.Parts)), Missing: full(r.Missing), Reason: r.Reason, Source: r.Source,
		Caveats: full(r.Caveats), Repeat: int64(r.Repeat.Minutes()),
	}
	for i, p := range r.Parts {
		v.Params[i] = ScorePart{
			Name: p.Name, Label: p.Label, Value: p.Value, Unit: p.Unit, At: int64(p.At), Points: p.Points, Stale: p.Stale, Missing: p.Missing, Why: p.Why,
		}
	}
	return v
}
