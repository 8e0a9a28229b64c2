package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Gateway is how an SMS gateway of any make is spoken to: templates in which
// {to}, {text} and {id} stand for the number, the words and the id of the message.
// What is put in is escaped for its place, so that no text can become a part of
// the request.
type Gateway struct {
	URL     string   // in it the parts are escaped as in a query
	Body    string   // empty: the URL says everything
	Type    string   // Content-Type of Body: application/json or application/x-www-form-urlencoded, else plain
	Headers []string // "Name: value"; no part is put in
}

// Check says what is wrong with a gateway before it is relied on.
func (g Gateway) Check() error {
	if g.URL == "" {
		return nil
	}
	u, err := url.Parse(fill(g.URL, url.QueryEscape, "1", "x", "y"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Contains(strings.SplitN(g.URL, "/", 4)[2], "{") {
		return vital.Errorf(vital.Invalid, "sms-url: want a URL that begins with https://, with {to} and {text} behind the host")
	}
	if all := g.URL + g.Body; !strings.Contains(all, "{to}") || !strings.Contains(all, "{text}") {
		return vital.Errorf(vital.Invalid, "sms-url and sms-body: {to} and {text} must stand in one of them")
	}
	if g.Type == "application/json" && g.Body != "" && !json.Valid([]byte(fill(g.Body, insideJSON, "1", "x", "y"))) {
		return vital.Errorf(vital.Invalid, "sms-body: not JSON once filled in")
	}
	for _, h := range g.Headers {
		if name, _, ok := strings.Cut(h, ":"); !ok || strings.TrimSpace(name) == "" || strings.ContainsAny(h, "\r\n") {
			return vital.Errorf(vital.Invalid, "sms-headers: want Name: value")
		}
	}
	return nil
}

// sms hands messages to the gateway.
type sms struct {
	gateway Gateway
	guard   Guard
	client  *http.Client
}

// Send hands the message over.
func (s sms) Send(ctx context.Context, to Recipient, m Message) (Receipt, error) {
	escape := func(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }
	switch kind := s.gateway.Type; {
	case strings.HasSuffix(kind, "json"):
		escape = insideJSON
	case kind == "application/x-www-form-urlencoded":
		escape = url.QueryEscape
	}
	text := "Vigil: " + m.Text
	if m.Link != "" && m.Kind != "emergency" {
		text += " " + m.Link
	}
	header := http.Header{"Idempotency-Key": {m.ID}}
	for _, h := range s.gateway.Headers {
		name, value, _ := strings.Cut(h, ":")
		header.Set(textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value))
	}
	if s.gateway.Type != "" {
		header.Set("Content-Type", s.gateway.Type)
	}
	target := fill(s.gateway.URL, url.QueryEscape, to.Address, text, m.ID)
	if _, err := post(ctx, s.guard, s.client, target, header, fill(s.gateway.Body, escape, to.Address, text, m.ID)); err != nil {
		// Only 400 and 422 are about the number; the rest is the gateway's affair,
		// or how it was set up, and concerns everybody.
		if status := statusOf(err); status != 0 && status != http.StatusBadRequest && status != http.StatusUnprocessableEntity {
			return Receipt{}, vital.Errorf(vital.Unavailable, "the gateway: %w", err)
		}
		return Receipt{}, err
	}
	return Receipt{State: store.HandedOver}, nil
}

// fill puts the parts into a template, each escaped, in one go: a text that holds
// {to} stays as it is.
func fill(template string, escape func(string) string, to, text, id string) string {
	return strings.NewReplacer("{to}", escape(to), "{text}", escape(text), "{id}", escape(id)).Replace(template)
}

// insideJSON is a string without its quotes.
func insideJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b[1 : len(b)-1])
}
