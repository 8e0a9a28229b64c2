package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// mostAnswer is how much of an answer is read, bytes.
const mostAnswer = 64 << 10

// post sends body behind the guard and returns the answer of a receiver that took
// it. What is wrong says whether it is worth while to try again.
func post(ctx context.Context, g Guard, client *http.Client, target string, header http.Header, body string) ([]byte, error) {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, vital.Errorf(vital.Invalid, "the address is no URL that begins with https://")
	}
	user := u.User
	u.User = nil
	if u.Scheme == "http" {
		if err := g.mayBePlain(ctx, u.Hostname()); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(body))
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "the address is no URL: %w", err)
	}
	r.Header = header.Clone()
	if user != nil {
		password, _ := user.Password()
		r.SetBasicAuth(user.Username(), password)
	}
	r.Header.Set("User-Agent", "Vigil")
	answer, err := client.Do(r)
	if err != nil {
		var guarded *vital.Error
		if errors.As(err, &guarded) && guarded.Kind == vital.Denied {
			return nil, guarded
		}
		return nil, vital.Errorf(vital.Unavailable, "%w", withoutURL(err))
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	switch s := answer.StatusCode; {
	case s >= 200 && s < 300:
		if err != nil {
			return nil, vital.Errorf(vital.Unavailable, "the answer broke off: %w", err)
		}
		return text, nil
	case s == http.StatusGone:
		return nil, vital.Errorf(vital.Gone, "%w", refusal(s))
	case s == http.StatusNotFound:
		return nil, vital.Errorf(vital.NotFound, "%w", refusal(s))
	case s == http.StatusTooManyRequests || s == http.StatusRequestTimeout || s >= 500:
		return nil, vital.Errorf(vital.Unavailable, "%w", refusal(s))
	default:
		return nil, vital.Errorf(vital.Invalid, "%w", refusal(s))
	}
}

// refusal is an answer that is not "taken".
type refusal int

func (r refusal) Error() string {
	if r >= 300 && r < 400 {
		return fmt.Sprintf("the receiver points elsewhere (%d %s), which is not followed", int(r), http.StatusText(int(r)))
	}
	return fmt.Sprintf("the receiver says %d %s", int(r), http.StatusText(int(r)))
}

// statusOf is what the receiver answered, 0: it was none of this kind.
func statusOf(err error) int {
	var r refusal
	if errors.As(err, &r) {
		return int(r)
	}
	return 0
}

// withoutURL takes the address out of an error: it may be a secret in itself.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
