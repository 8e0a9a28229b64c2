package vital

import (
	"errors"
	"fmt"
)

// Kind says what the caller can do about an error. One function in webd maps a
// kind to an HTTP status; nothing else does.
type Kind uint8

const (
	Internal        Kind = iota // a fault of ours: report it
	Invalid                     // the request can never succeed as it stands: correct it
	Unauthenticated             // say who you are
	Denied                      // you are known and may not
	NotFound                    // no such thing, or none that you may see
	Gone                        // it was here and has been erased or retired
	Conflict                    // it contradicts what is there: read again, then decide
	Precondition                // something else must be done first
	TooMuch                     // a limit was reached: slow down or send less
	Unavailable                 // not now: try again later
)

var kindNames = [...]string{"internal", "invalid", "unauthenticated", "denied", "not-found", "gone", "conflict", "precondition", "too-much", "unavailable"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Error is an error of a known kind. Wrap it with what was being done to what.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an error of kind k; %w wraps as in fmt.
func Errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// KindOf returns the kind of the outermost Error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
