package webd

import (
	"strings"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// LimitReview is a limit of a patient's own that was set before the shift began;
// reviewed is null until somebody has confirmed it in this shift. Times are ms
// since 1970.
type LimitReview struct {
	Patient  vital.PatientID `json:"patient"`
	Bed      vital.BedID     `json:"bed"`
	Label    string          `json:"label"`
	Metric   string          `json:"metric"`
	Unit     string          `json:"unit"`
	Own      *OwnLimit       `json:"own"`
	Shift    ReviewShift     `json:"shift"`
	Due      int64           `json:"due"` // from then on there is a notice
	Reviewed *Reviewed       `json:"reviewed"`
}

// ReviewShift is the shift that the review belongs to.
type ReviewShift struct {
	Name string `json:"name"`
	From int64  `json:"from"`
	To   int64  `json:"to"`
}

// Reviewed is who confirmed a limit.
type Reviewed struct {
	By   string `json:"by"`
	Name string `json:"name"`
	At   int64  `json:"at"`
	Why  string `json:"why"`
}

type reviewBody struct {
	Why string `json:"why,omitempty"`
}

func (s *Server) limitsToReview(c *call) error {
	all, err := s.store.LimitsToReview(c.ctx(), c.rows, c.ward(), vital.At(s.now()))
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]LimitReview, len(all))
	for i, l := range all {
		views[i] = LimitReview{
			Patient: l.Patient, Bed: l.Bed, Label: l.Label, Metric: l.Metric, Unit: l.Unit, Own: ownView(l.OwnLimit, names),
			Shift: ReviewShift{l.Shift.Name, int64(l.Shift.From), int64(l.Shift.To)}, Due: int64(l.Shift.From.Add(store.ReviewWithin)),
		}
		if v := l.Review; v != nil {
			views[i].Reviewed = &Reviewed{v.By, names.of(v.By), int64(v.At), v.Why}
		}
	}
	return c.json(listOf(views))
}

// reviewLimit confirms a limit as it is: it changes nothing, and says who looked.
func (s *Server) reviewLimit(c *call) error {
	var body reviewBody
	if err := c.body(&body); err != nil {
		return err
	}
	if body.Why = strings.TrimSpace(body.Why); len(body.Why) > mostReason {
		return invalid("why", "why: at most %d characters", mostReason)
	}
	err := s.store.ReviewLimit(c.ctx(), s.entry(c, "patient/"+string(c.patient()), body.Why), c.patient(), c.r.PathValue("metric"), c.principal.ID, body.Why)
	if err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return c.nothing()
}
