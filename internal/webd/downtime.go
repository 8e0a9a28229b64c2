package webd

import (
	"net/http"

	"github.com/vigilcare/vigil/internal/report"
	"github.com/vigilcare/vigil/vital"
)

// Sheets is how the downtime sheets do that lie ready on disk for when this
// server does not answer.
type Sheets struct {
	Written vital.Instant `json:"written"`           // of every ward, without a failure; null: not since the start
	Failing bool          `json:"failing,omitempty"` // they could not be written the last time
	Off     bool          `json:"off,omitempty"`     // this installation writes none
}

func (s *Server) sheetsState() Sheets {
	if s.sheets == nil {
		return Sheets{Off: true}
	}
	return s.sheets()
}

// downtime answers the downtime sheet of a ward as it is now.
func (s *Server) downtime(c *call) error {
	if s.sheet == nil {
		return vital.Errorf(vital.Precondition, "this server prints no downtime sheets")
	}
	page, err := s.sheet(c.ctx(), c.rows, c.ward())
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", report.Policy()+"; frame-ancestors 'none'")
	c.w.WriteHeader(http.StatusOK)
	_, err = c.w.Write(page)
	return err
}
