package webd

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Tracer makes the signed black box of an alarm.
type Tracer interface {
	Trace(ctx context.Context, rows store.Rows, alarm string) ([]byte, error)
}

// SignedTrace is the file: the signature is over the payload without white space.
type SignedTrace struct {
	Payload   json.RawMessage `json:"payload"` // docs/formats/trace.md
	Key       string          `json:"key"`
	Signature string          `json:"signature"`
}

// trace answers the file as it was signed: what is checked is its bytes.
func (s *Server) trace(c *call) error {
	a, err := s.alarmOf(c)
	if err != nil {
		return err
	}
	s.noteView(c.ctx(), c.principal, c.action, auth.Subject{Kind: "alarm", ID: a.ID, Patient: ofPatient(a.Patient)})
	if s.tracer == nil {
		return vital.Errorf(vital.Precondition, "this server signs no traces")
	}
	file, err := s.tracer.Trace(c.ctx(), c.rows, a.ID)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Content-Disposition", `attachment; filename="alarm-`+a.ID+`.trace.json"`)
	c.w.WriteHeader(http.StatusOK)
	_, err = c.w.Write(file)
	return err
}
