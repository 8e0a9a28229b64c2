package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/vital"
)

// takePages listens for the pages that the server's notifier sends to the
// sentinel. Who does not hold the secret of the channel is not believed.
func (s *sentry) takePages(ctx context.Context) error {
	l, err := net.Listen("tcp", s.c.Listen)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "listen for pages on %s: %w", s.c.Listen, err)
	}
	if s.c.ListenCertFile != "" {
		certificate, err := tls.LoadX509KeyPair(s.c.ListenCertFile, s.c.ListenKeyFile)
		if err != nil {
			l.Close()
			return vital.Errorf(vital.Invalid, "listen-certificate: %w", err)
		}
		l = tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}})
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /page", s.takePage)
	return serveHTTP(ctx, l, &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10})
}

func (s *sentry) takePage(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	now := time.Now()
	if err != nil || !notify.Signed(s.c.Secret, r.Header.Get(notify.SignatureHeader), now, body) {
		http.Error(w, "not signed by the server", http.StatusForbidden)
		s.log.Warn("a page that the server did not sign was refused", "from", r.RemoteAddr)
		return
	}
	var m notify.Message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "not a message", http.StatusBadRequest)
		return
	}
	if !m.Stop() && m.Kind != "test" {
		s.note(func(v *sighting) { v.page(now) })
	}
	w.WriteHeader(http.StatusNoContent)
}

// statusView is what the status page shows.
type statusView struct {
	Name     string            `json:"name"`
	Server   string            `json:"server"`
	Now      time.Time         `json:"now"`
	Began    time.Time         `json:"began"`
	Acked    time.Time         `json:"acknowledged"` // newest message
	Ack      string            `json:"acknowledgementTook"`
	Paged    time.Time         `json:"paged"` // newest page
	Latency  string            `json:"pageTook"`
	Answered time.Time         `json:"answered"` // newest answer of the watchdog
	Troubles []standingTrouble `json:"troubles"`
}

func (s *sentry) status() statusView {
	s.mu.Lock()
	v := statusView{
		Name: s.c.Name, Server: s.c.host(), Now: time.Now(), Began: s.seen.Began, Acked: s.seen.Acked, Ack: s.seen.Acks[0].Round(time.Millisecond).String(),
		Paged: s.seen.Paged, Latency: s.seen.Latency.Round(time.Millisecond).String(), Answered: s.seen.DogOK,
	}
	s.mu.Unlock()
	v.Troubles = s.tell.troubles()
	return v
}

var statusPage = template.Must(template.New("status").Parse(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sentinel {{.Name}}</title>
<meta http-equiv="refresh" content="5"></head><body style="font-family:sans-serif;max-width:50em;margin:2em auto">
<h1>Sentinel {{.Name}}</h1><p>Watches Vigil at {{.Server}} since {{.Began.Format "2006-01-02 15:04:05"}}. It is {{.Now.Format "15:04:05"}}.</p>
{{if .Troubles}}<h2>&#9888; Something is wrong</h2><ul>{{range .Troubles}}<li><b>{{.Kind}}</b> since {{.Since.Format "15:04:05"}}: {{.Text}}{{if .Acknowledged}} (acknowledged){{end}}</li>{{end}}</ul>
<form method="post" action="/acknowledge"><button>Acknowledge: say it no more until it is over</button></form>
{{else}}<h2>&#10003; All is well</h2>{{end}}
<table><tr><td>Newest message acknowledged</td><td>{{.Acked.Format "15:04:05"}}, took {{.Ack}}</td></tr>
<tr><td>Newest page received</td><td>{{.Paged.Format "15:04:05"}}, took {{.Latency}}</td></tr>
<tr><td>Newest answer of the watchdog</td><td>{{.Answered.Format "15:04:05"}}</td></tr></table></body></html>
`))

// serveStatus shows on this machine's loopback how the sentinel does, and takes an
// acknowledgement.
func (s *sentry) serveStatus(ctx context.Context) error {
	l, err := net.Listen("tcp", s.c.Status)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "listen for the status page on %s: %w", s.c.Status, err)
	}
	return serveHTTP(ctx, l, &http.Server{Handler: s.statusHandler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second})
}

func (s *sentry) statusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
		if err := statusPage.Execute(w, s.status()); err != nil {
			s.log.Debug("the status page could not be sent", "error", err.Error())
		}
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(s.status()) // who does not wait for it does not need it
	})
	mux.HandleFunc("POST /acknowledge", func(w http.ResponseWriter, r *http.Request) {
		n := s.tell.acknowledge()
		s.log.Info("acknowledged at the status page", "troubles", n)
		if r.Header.Get("Accept") == "application/json" {
			fmt.Fprintf(w, "{\"acknowledged\":%d}\n", n)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	own := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !loopback(net.JoinHostPort(host, "1")) {
			http.Error(w, "this page is for this machine", http.StatusForbidden) // a name that somebody pointed here
			return
		}
		own.ServeHTTP(w, r)
	})
}
