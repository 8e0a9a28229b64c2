package webd

import "github.com/vigilcare/vigil/vital"

// Baseline is a vital sign against what is usual for the person at this time of
// day. What is not known is null and not zero. At is ms since 1970.
type Baseline struct {
	Metric string   `json:"metric"`
	Unit   string   `json:"unit"`
	Ready  bool     `json:"ready"`
	Days   int      `json:"days"`
	Center *float64 `json:"center"`
	Spread *float64 `json:"spread"`
	Now    *float64 `json:"now"`
	Z      *float64 `json:"z"`
	At     int64    `json:"at"`
}

func (s *Server) baseline(c *call) error {
	found := s.judged.Baselines(c.patient())
	if sees, err := s.sees(c, vital.DataRisk); err != nil {
		return err
	} else if !sees {
		found = nil
	}
	views := make([]Baseline, len(found))
	for i, b := range found {
		v := Baseline{Metric: b.Metric, Unit: b.Unit, Ready: b.Ready, Days: b.Days, At: int64(b.At)}
		if b.Ready {
			v.Center, v.Spread = &b.Center, &b.Spread
		}
		if b.Current {
			v.Now = &b.Now
		}
		if b.Ready && b.Current {
			v.Z = &b.Z
		}
		views[i] = v
	}
	return c.json(listOf(views))
}
