package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// sentry is a running sentinel: what it has seen, and those who try.
type sentry struct {
	c       sentinelConfig
	tell    *teller
	getenv  func(string) string
	log     *slog.Logger
	client  *http.Client
	quick   time.Duration // how long one try may take
	present heartbeat

	mu   sync.Mutex
	seen sighting
}

func newSentry(c sentinelConfig, tell *teller, getenv func(string) string, log *slog.Logger) *sentry {
	return &sentry{
		c: c, tell: tell, getenv: getenv, log: log, quick: min(4*time.Second, c.Limits.Silence/3),
		client: &http.Client{
			Transport:     &http.Transport{TLSClientConfig: c.tls(), DisableKeepAlives: true}, // each try is a connection of its own
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		seen: sighting{Began: time.Now(), Quiet: map[string]time.Time{}},
	}
}

// parts are what runs. Each tries one thing, so that one that hangs holds up no other.
func (s *sentry) parts() []part {
	all := []part{
		{"pages", s.takePages}, {"messages", s.send},
		{"readiness", s.repeat(s.askReady)}, {"watchdog", s.repeat(s.askWatchdog)},
		{"judge", s.watch},
	}
	if s.c.Status != "" {
		all = append(all, part{"status page", s.serveStatus})
	}
	if s.c.Ping != "" {
		all = append(all, part{"ping", s.ping})
	}
	return all
}

// note changes what was seen.
func (s *sentry) note(f func(*sighting)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.seen)
}

// watch judges every half second, until ctx ends.
func (s *sentry) watch(ctx context.Context) error {
	s.tell.say(telling{"start", "start", fmt.Sprintf("Sentinel %s begins to watch Vigil at %s", s.c.Name, s.c.host()), time.Now()})
	s.present.ready(s.getenv)
	look := time.NewTicker(500 * time.Millisecond)
	defer look.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			s.tell.say(telling{"stop", "stop", fmt.Sprintf("Sentinel %s no longer watches Vigil at %s", s.c.Name, s.c.host()), time.Now()})
			s.tell.sending.Wait()
			return nil
		case <-look.C:
		}
		now := time.Now()
		if now.Sub(last) > s.c.Limits.Silence/2 || now.Round(0).Sub(last.Round(0)) > s.c.Limits.Silence {
			// It was this process that stood still, or its machine: what it did not see
			// meanwhile says nothing about the server.
			s.log.Warn("the sentinel itself stood still", "for", now.Round(0).Sub(last.Round(0)).String())
			s.note(func(v *sighting) { v.Began, v.Raised = now, time.Time{} })
		}
		last = now
		s.mu.Lock()
		s.seen.miss(now, s.c.Limits)
		all := s.seen.judge(now, s.c.Limits, s.c.Stations != "none")
		s.mu.Unlock()
		s.tell.hear(now, all)
		s.present.beat()
	}
}

// repeat calls try at the pace of the sentinel.
func (s *sentry) repeat(try func(context.Context)) func(context.Context) error {
	return func(ctx context.Context) error {
		pace := time.NewTicker(s.c.Limits.Every)
		defer pace.Stop()
		for {
			once, stop := context.WithTimeout(ctx, s.quick)
			try(once)
			stop()
			select {
			case <-ctx.Done():
				return nil
			case <-pace.C:
			}
		}
	}
}

// steps is how the messages of a sentinel go round: two raise the alarm, two
// clear it.
var steps = []string{"clear", "clear", "raise", "raise"}

// send goes through the door for devices as a device does, until ctx ends.
func (s *sentry) send(ctx context.Context) error {
	var client *mqttc.Client
	defer func() {
		if client != nil {
			client.Close()
		}
	}()
	pace := time.NewTicker(s.c.Limits.Every)
	defer pace.Stop()
	raised := false
	for n := 0; ; n++ {
		code := steps[n%len(steps)]
		began := time.Now()
		once, stop := context.WithTimeout(ctx, s.quick)
		err := s.deliver(once, &client, code, began)
		stop()
		if ctx.Err() != nil {
			return nil
		}
		a := s.tried(ctx, brokerHost(s.c.MQTT), err, began)
		s.note(func(v *sighting) {
			v.Sent, v.MQTT = began, a
			if !a.OK {
				return
			}
			v.Acked, v.Acks = a.At, [3]time.Duration{a.Took, v.Acks[0], v.Acks[1]}
			if code == "raise" && !raised {
				v.Raised = began
			}
			raised = code == "raise"
		})
		if err != nil && client != nil {
			go client.Close() // it may wait for a server that does not answer
			client = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pace.C:
		}
	}
}

func brokerHost(server string) string {
	address, _, err := brokerAddress(server)
	if err != nil {
		return ""
	}
	return address
}

// deliver sends one message, marked as a test, and waits for its acknowledgement.
func (s *sentry) deliver(ctx context.Context, client **mqttc.Client, code string, at time.Time) error {
	if *client == nil {
		address, secure, err := brokerAddress(s.c.MQTT)
		if err != nil {
			return err
		}
		o := mqttc.Options{
			Address: address, ClientID: s.c.Device, Username: s.c.Username, Password: []byte(s.c.Password), Clean: true, Timeout: s.quick, KeepAlive: 30 * time.Second,
		}
		if secure {
			o.TLS = s.c.tls()
		}
		if *client, err = mqttc.Dial(ctx, o); err != nil {
			*client = nil
			return err
		}
	}
	body, err := json.Marshal(map[string]any{
		"seq": at.UnixMilli(), "time": at.Format(time.RFC3339Nano), "quality": []string{"test"},
		"readings": []any{map[string]any{"metric": "sentinel", "value": 1, "unit": "1"}},
		"events":   []any{map[string]string{"kind": "sentinel", "code": code}},
	})
	if err != nil {
		return err
	}
	return (*client).Publish(ctx, "v1/"+s.c.Device+"/telemetry", body, 1)
}

// tried says how a try ended. What a time-out means is found out by knocking once
// more: whether anybody opens the door at all.
func (s *sentry) tried(ctx context.Context, address string, err error, began time.Time) attempt {
	now := time.Now()
	a := attempt{At: now, OK: err == nil, Took: now.Sub(began)}
	if err == nil {
		return a
	}
	a.Why = err.Error()
	switch kind := vital.KindOf(err); {
	case kind == vital.Unauthenticated || kind == vital.Denied:
		a.How = notLetIn
		return a
	case errors.Is(err, syscall.ECONNREFUSED):
		a.How = nobodyThere
		return a
	}
	dialer := net.Dialer{Timeout: 1500 * time.Millisecond}
	conn, knock := dialer.DialContext(ctx, "tcp", address)
	switch {
	case knock == nil:
		conn.Close()
		a.How = noAnswer
	case errors.Is(knock, syscall.ECONNREFUSED):
		a.How, a.Why = nobodyThere, "nobody listens there"
	default:
		a.How, a.Why = noWay, knock.Error()
	}
	return a
}

// refusedBy is an answer that is not 200.
type refusedBy struct {
	status int
	said   string
}

func (r refusedBy) Error() string {
	return fmt.Sprintf("it answers %d %s: %s", r.status, http.StatusText(r.status), r.said)
}

func (s *sentry) get(ctx context.Context, path string, out any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(s.c.Server, "/")+path, nil)
	if err != nil {
		return err
	}
	if out != nil {
		r.Header.Set("Authorization", "Bearer "+s.c.Token)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case answer.StatusCode != http.StatusOK:
		return refusedBy{answer.StatusCode, strings.TrimSpace(string(text[:min(len(text), 200)]))}
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}

// httpAddress is host:port of the screens.
func (s *sentry) httpAddress() string {
	host := s.c.host()
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(map[bool]int{true: 443, false: 80}[strings.HasPrefix(s.c.Server, "https:")]))
}

func (s *sentry) askReady(ctx context.Context) {
	began := time.Now()
	err := s.get(ctx, "/readyz", nil)
	a := s.tried(ctx, s.httpAddress(), err, began)
	var said refusedBy
	if errors.As(err, &said) && a.How == noAnswer {
		a.Why = said.said // it answers, and says why it is not ready
	}
	s.note(func(v *sighting) { v.Ready = a })
}

func (s *sentry) askWatchdog(ctx context.Context) {
	began := time.Now()
	var answer webd.Watchdog
	err := s.get(ctx, "/api/v1/watchdog", &answer)
	a := s.tried(ctx, s.httpAddress(), err, began)
	s.note(func(v *sighting) {
		v.Dog = a
		if err == nil {
			v.heed(a.At, answer)
		}
	})
}

// pingEvery is how often somebody else is told that the sentinel lives.
const pingEvery = time.Minute

// ping asks an address that somebody else watches, so that the sentinel's own end
// is seen.
func (s *sentry) ping(ctx context.Context) error {
	client := &http.Client{Timeout: 10 * time.Second}
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.c.Ping, nil)
		if err != nil {
			return vital.Errorf(vital.Invalid, "ping: not a URL")
		}
		if answer, err := client.Do(r); err != nil {
			if ctx.Err() == nil {
				s.log.Warn("nobody could be told that the sentinel lives")
			}
		} else {
			answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pingEvery):
		}
	}
}
