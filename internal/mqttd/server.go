package mqttd

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// Server is the MQTT door. One server serves any number of listeners.
type Server struct {
	site     vital.Site
	gate     Gate
	door     Door
	log      *slog.Logger
	limits   Limits
	now      func() time.Time
	visible  func(auth.Principal, vital.DeviceID) bool
	passed   func(context.Context, Passage)
	taken    func(ctx context.Context, p auth.Principal, client, from, to string) error
	saver    *saver
	accepts  *rate.Limiter
	tree     tree
	retained retained
	counts   counts
	loose    atomic.Int64 // QoS 0 packets inside the Door
	inside   atomic.Int64 // packets inside the Door

	mu          sync.Mutex
	sessions    map[string]*session
	connections map[*connection]struct{}
	loaded      bool
	serving     int
	stop        context.CancelFunc // of the background work
	stopped     chan struct{}
}

// New returns a server that serves nobody yet.
func New(o Options) *Server {
	limits := o.Limits.withDefaults()
	s := &Server{
		site:        cmp.Or(o.Site, vital.DefaultSite),
		gate:        o.Gate,
		door:        o.Door,
		log:         o.Log,
		limits:      limits,
		now:         o.Now,
		visible:     o.Visible,
		passed:      o.Passed,
		taken:       o.TakenOver,
		accepts:     rate.NewLimiter(rate.Limit(limits.ConnectsPerSecond), limits.ConnectsPerSecond),
		sessions:    make(map[string]*session),
		connections: make(map[*connection]struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.saver = newSaver(o.Sessions, s.log, s.now)
	s.tree.root = newNode()
	s.retained.byTopic = make(map[string]*message)
	return s
}

// shutdownTime is how long a stopping server waits for syncs under way, so that
// their senders are still told.
const shutdownTime = 5 * time.Second

// Serve accepts connections until ctx ends, then says goodbye to them. The first
// Serve loads the saved sessions; the last to return saves them.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	if err := s.begin(ctx); err != nil {
		l.Close()
		return err
	}
	defer s.finish()
	unhook := context.AfterFunc(ctx, func() { l.Close() })
	defer unhook()
	var open sync.WaitGroup
	err := s.accept(ctx, l, &open)
	open.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) accept(ctx context.Context, l net.Listener, open *sync.WaitGroup) error {
	for {
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			var temporary interface{ Temporary() bool }
			if errors.As(err, &temporary) && temporary.Temporary() { // out of file descriptors: others will close
				s.log.Warn("mqtt: accept", "error", err)
				time.Sleep(50 * time.Millisecond)
				continue
			}
			return vital.Errorf(vital.Unavailable, "accept on %s: %w", l.Addr(), err)
		}
		c := newConnection(s, conn)
		if !s.enter(c) {
			s.counts.crowded.Add(1)
			conn.Close()
			continue
		}
		open.Go(func() { c.serve(ctx) })
		if err := s.accepts.Wait(ctx); err != nil {
			return nil
		}
	}
}

func (s *Server) enter(c *connection) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.connections) >= s.limits.Connections {
		return false
	}
	s.connections[c] = struct{}{}
	return true
}

func (s *Server) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
}

// load brings the saved sessions back, once. The caller holds s.mu.
func (s *Server) load(ctx context.Context) error {
	if s.loaded {
		return nil
	}
	saved, kept, err := s.saver.load(ctx)
	if err != nil {
		return fmt.Errorf("load the MQTT sessions: %w", err)
	}
	for _, k := range kept {
		if err := s.retained.restore(k); err != nil {
			s.log.Warn("mqtt: a retained message could not be read and is left out", "topic", k.Topic, "error", err)
		}
	}
	for _, v := range saved {
		x, err := restore(s, v)
		if err != nil {
			s.log.Warn("mqtt: a session could not be read and begins anew", "client", v.Client, "error", err)
			continue
		}
		s.sessions[x.client] = x
		for _, sub := range x.subscriptions {
			s.tree.add(sub)
		}
	}
	s.loaded = true
	return nil
}

func (s *Server) begin(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(ctx); err != nil {
		return err
	}
	s.serving++
	if s.serving > 1 {
		return nil
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.stopped = stop, make(chan struct{})
	go func(done chan struct{}) {
		defer close(done)
		var work sync.WaitGroup
		work.Go(func() { s.saver.run(background) })
		work.Go(func() { s.upkeep(background) })
		work.Wait()
	}(s.stopped)
	return nil
}

func (s *Server) finish() {
	s.mu.Lock()
	s.serving--
	last := s.serving == 0
	stop, stopped := s.stop, s.stopped
	s.mu.Unlock()
	if !last {
		return
	}
	for deadline := time.Now().Add(shutdownTime); s.inside.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	<-stopped
}

// upkeep publishes wills whose delay is over and ends sessions whose time is.
func (s *Server) upkeep(ctx context.Context) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.due(s.now())
		}
	}
}

func (s *Server) due(now time.Time) {
	var wills []*will
	s.mu.Lock()
	for client, x := range s.sessions {
		w, over := x.due(now)
		if w != nil {
			wills = append(wills, w)
		}
		if over {
			s.remove(client, x)
		}
	}
	s.mu.Unlock()
	for _, w := range wills {
		s.publishWill(w)
	}
	s.retained.expire(now, s.saver)
}

// remove ends a session for good. The caller holds s.mu.
func (s *Server) remove(client string, x *session) {
	if s.sessions[client] == x {
		delete(s.sessions, client)
	}
	for _, sub := range x.take() {
		s.tree.remove(sub)
	}
	s.saver.end(x)
}

// Client is one connected client, for the screens.
type Client struct {
	ID            string
	Principal     auth.Principal
	Remote        string
	Level         byte
	Since         time.Time
	Persistent    bool
	Subscriptions int
	Waiting       int // deliveries queued or unacknowledged
	Received      uint64
	TLS           *Secured // nil: plain
}

// Secured is what a client and the server agreed on.
type Secured struct {
	Version     uint16      // tls.VersionTLS13
	Group       tls.CurveID // of the key exchange: tls.X25519MLKEM768
	Certificate *x509.Certificate
}

// Clients returns the connected clients, by id.
func (s *Server) Clients() []Client {
	s.mu.Lock()
	open := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		open = append(open, c)
	}
	s.mu.Unlock()
	var clients []Client
	for _, c := range open {
		x := c.session.Load()
		if x == nil {
			continue
		}
		x.mu.Lock()
		clients = append(clients, Client{
			ID: x.client, Principal: x.principal, Remote: c.remote, Level: byte(c.level), Since: c.since,
			Persistent: x.expiry > 0, Subscriptions: len(x.subscriptions), Waiting: x.waiting(), Received: c.received.Load(), TLS: c.secured,
		})
		x.mu.Unlock()
	}
	slices.SortFunc(clients, func(a, b Client) int { return strings.Compare(a.ID, b.ID) })
	return clients
}

// Disconnect closes a client's connection; its session stays. vital.NotFound when
// it is not connected.
func (s *Server) Disconnect(_ context.Context, clientID string, reason mqtt.Reason) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.connections {
		if x := c.session.Load(); x != nil && x.client == clientID {
			c.kill(reason, vital.Errorf(vital.Gone, "disconnected by the administration: %v", reason))
			return nil
		}
	}
	return vital.Errorf(vital.NotFound, "client %q is not connected", clientID)
}

// DisconnectWhere closes the connection of every principal for whom match says so
// (a revoked credential, a retired device) and returns how many there were.
func (s *Server) DisconnectWhere(match func(auth.Principal) bool, reason mqtt.Reason) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.connections {
		if x := c.session.Load(); x != nil && match(c.principal) {
			c.kill(reason, vital.Errorf(vital.Gone, "disconnected by the administration: %v", reason))
			n++
		}
	}
	return n
}

// DisconnectCertificate closes the connections that were opened with a
// certificate for which match says so, and returns how many there were.
func (s *Server) DisconnectCertificate(match func(*x509.Certificate) bool, reason mqtt.Reason) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for c := range s.connections {
		if x := c.session.Load(); x != nil && c.secured != nil && c.secured.Certificate != nil && match(c.secured.Certificate) {
			c.kill(reason, vital.Errorf(vital.Gone, "disconnected by the administration: %v", reason))
			n++
		}
	}
	return n
}

// Publish gives a message of Vigil's own to the subscribers of topic: a device's
// status, a command. With QoS 1 and 2 it returns when the message is saved in the
// sessions that outlive their connections. Properties may be nil.
func (s *Server) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool, properties *mqtt.Properties) error {
	if !mqtt.ValidTopic(topic) || qos > 2 {
		return vital.Errorf(vital.Invalid, "publish to %q with QoS %d", topic, qos)
	}
	s.mu.Lock()
	err := s.load(ctx)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	m := newMessage(&mqtt.Publish{Topic: topic, Payload: slices.Clone(payload), QoS: qos, Retain: retain, Properties: properties}, s.now())
	m.from = auth.Principal{Class: auth.System, AllWards: true}
	if !s.route(m) || qos == 0 {
		return nil
	}
	saved := make(chan error, 1)
	s.saver.after(func(err error) { saved <- err })
	select {
	case err := <-saved:
		return err
	case <-ctx.Done():
		return vital.Errorf(vital.Unavailable, "publish to %q: waiting for the sessions to be saved: %w", topic, ctx.Err())
	}
}
