package webd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// statuses maps the kind of an error to the status of the answer. Nothing else does.
var statuses = map[vital.Kind]int{
	vital.Internal:        http.StatusInternalServerError,
	vital.Invalid:         http.StatusBadRequest,
	vital.Unauthenticated: http.StatusUnauthorized,
	vital.Denied:          http.StatusForbidden,
	vital.NotFound:        http.StatusNotFound,
	vital.Gone:            http.StatusGone,
	vital.Conflict:        http.StatusConflict,
	vital.Precondition:    http.StatusPreconditionFailed,
	vital.TooMuch:         http.StatusTooManyRequests,
	vital.Unavailable:     http.StatusServiceUnavailable,
}

// Failure is the body of an answer that is not what was asked for.
type Failure struct {
	Error  FailureDetail `json:"error"`
	Step   bool          `json:"step,omitempty"`   // show once more who you are, then ask again
	Second bool          `json:"second,omitempty"` // the sign-in lacks its second step
}

// FailureDetail says what went wrong and where.
type FailureDetail struct {
	Kind    string      `json:"kind"`
	Message string      `json:"message"`
	Field   string      `json:"field,omitempty"`
	Said    *words.Said `json:"said,omitempty"` // the message by its code, where it has one
}

// fieldError names the part of the request that an error is about.
type fieldError struct {
	field string
	err   error
}

func (e *fieldError) Error() string { return e.err.Error() }
func (e *fieldError) Unwrap() error { return e.err }

// invalid is an error about one field of the request.
func invalid(field, format string, args ...any) error {
	return &fieldError{field, vital.Errorf(vital.Invalid, format, args...)}
}

// inField says which field an error of somebody else is about.
func inField(field string, err error) error {
	if err == nil {
		return nil
	}
	return &fieldError{field, err}
}

// writeError answers with the error. The inner words of a fault of ours stay in
// the log, under a reference that the answer gives.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	kind := vital.KindOf(err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the caller has gone: nobody reads an answer
	}
	detail := FailureDetail{Kind: kind.String(), Message: err.Error()}
	detail.Said = words.Find(detail.Message)
	var field *fieldError
	if errors.As(err, &field) {
		detail.Field = field.field
	}
	if kind == vital.Internal {
		reference := rand.Text()[:8]
		s.log.Error("request failed", "reference", reference, "method", r.Method, "path", r.URL.Path, "error", err.Error())
		detail.Message = fmt.Sprintf("This did not work, and the fault is ours. The server's log has it under %s.", reference)
	}
	h := w.Header()
	var wait *auth.Wait
	switch {
	case errors.As(err, &wait):
		h.Set("Retry-After", strconv.Itoa(int(wait.For.Seconds()+0.999)))
	case kind == vital.TooMuch || kind == vital.Unavailable:
		h.Set("Retry-After", "1")
	case kind == vital.Unauthenticated:
		h.Set("WWW-Authenticate", `Bearer realm="vigil"`)
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Disposition")
	w.WriteHeader(statuses[kind])
	json.NewEncoder(w).Encode(Failure{Error: detail, Step: errors.Is(err, auth.ErrStep), Second: errors.Is(err, auth.ErrSecond)})
}
