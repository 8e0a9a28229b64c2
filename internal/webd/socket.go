package webd

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Bounds of one socket. What a slow reader has not read is at most this much:
// of waves the oldest goes first; text is replaced by the newest of everything.
const (
	mostWaveBytes  = 1 << 20
	mostTextBytes  = 2 << 20
	mostAsked      = 64 << 10 // bytes of one message of a client
	mostSockets    = 2000
	socketsOfOne   = 64
	writeWithin    = 10 * time.Second
	pingEvery      = 20 * time.Second
	checkEvery     = time.Second // an ended session is out within 5 s: this and what the gate remembers
	watchesAtOnce  = 8           // new watches a client may ask for before it has to wait
	mostBedsWanted = 512
	mostWaveKinds  = 64
)

// Close codes of our own.
const (
	closedSignedOut websocket.StatusCode = 4401 // the session ended: sign in
	closedChanged   websocket.StatusCode = 4403 // what the caller may see has changed: connect again
)

// socket is one tab.
type socket struct {
	conn   *websocket.Conn
	group  *group        // under the hub's lock
	alarms *alarmGroup   // under the hub's lock
	rows   store.Rows    // for what group shows, under the hub's lock
	gone   chan struct{} // what it may see has changed: it is to connect again

	mu     sync.Mutex
	queue  []outgoing
	text   int // bytes of text in queue
	waves  int // bytes of waves in queue
	behind bool
	seen   uint64 // sequence of the last text message that was taken to be sent
	heard  uint64 // sequence up to which alarms were taken to be sent, 0: none were
	lost   uint64 // wave messages that were dropped
	ready  chan struct{}
}

type outgoing struct {
	data   []byte
	seq    uint64
	alarms uint64 // sequence up to which it brings alarms; 0: it brings none
	waves  bool
	firm   bool // it stays in the queue
}

// push queues text. When there is too much of it, all of it goes but what a
// reader needs to begin: catchUp will bring the newest of everything.
func (s *socket) push(data []byte, seq uint64) { s.pushText(outgoing{data: data, seq: seq}) }

// pushAlarms queues alarms up to a sequence.
func (s *socket) pushAlarms(data []byte, seq, upTo uint64) {
	s.pushText(outgoing{data: data, seq: seq, alarms: upTo})
}

// bring queues what a reader needs to begin or to be up to date, however much
// that is: dropped for its size it would only be asked for again.
func (s *socket) bring(o outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o.firm = true
	s.queue = append(s.queue, o)
	s.text += len(o.data)
	s.signal()
}

func (s *socket) pushText(o outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind {
		return
	}
	if s.text+len(o.data) > mostTextBytes && s.text > 0 {
		s.queue = slices.DeleteFunc(s.queue, func(o outgoing) bool { return !o.firm })
		s.text, s.waves, s.behind = 0, 0, true
		for _, kept := range s.queue {
			s.text += len(kept.data)
		}
	} else {
		s.queue = append(s.queue, o)
		s.text += len(o.data)
	}
	s.signal()
}

// alarmsFrom says up to where alarms have been seen: another subscription begins.
func (s *socket) alarmsFrom(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = seq
	s.queue = slices.DeleteFunc(s.queue, func(o outgoing) bool {
		if o.alarms > 0 {
			s.text -= len(o.data)
		}
		return o.alarms > 0
	})
}

func (s *socket) alarmsSeen() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// pushWaves queues a wave message and drops the oldest beyond the bound.
func (s *socket) pushWaves(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind {
		s.lost++
		return
	}
	s.queue = append(s.queue, outgoing{data: data, waves: true})
	s.waves += len(data)
	for i := 0; s.waves > mostWaveBytes && i < len(s.queue); {
		if !s.queue[i].waves {
			i++
			continue
		}
		s.waves -= len(s.queue[i].data)
		s.queue = append(s.queue[:i], s.queue[i+1:]...)
		s.lost++
	}
	s.signal()
}

func (s *socket) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// restart empties the queue: another watch begins, of which nothing after from
// has been seen.
func (s *socket) restart(from uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue, s.text, s.waves, s.behind, s.seen = nil, 0, 0, false, from
}

// resumeFrom ends being behind and says from where to bring what is newer.
func (s *socket) resumeFrom() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = false
	return s.seen
}

// next takes the oldest message. behind says that there is none left because too
// much had come.
func (s *socket) next() (data []byte, behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil
		return nil, s.behind
	}
	o := s.queue[0]
	s.queue[0] = outgoing{}
	s.queue = s.queue[1:]
	if o.waves {
		s.waves -= len(o.data)
	} else {
		s.text -= len(o.data)
		s.seen, s.heard = max(s.seen, o.seq), max(s.heard, o.alarms)
	}
	return o.data, false
}

// write sends until ctx ends or the reader does not take a message in time.
func (s *socket) write(ctx context.Context, h *hub) error {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		data, behind := s.next()
		switch {
		case behind:
			h.catchUp(s)
			continue
		case data != nil:
			if err := s.send(ctx, data); err != nil {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ready:
		case <-ping.C:
			within, cancel := context.WithTimeout(ctx, writeWithin)
			err := s.conn.Ping(within)
			cancel()
			if err != nil {
				return err
			}
		}
	}
}

func (s *socket) send(ctx context.Context, data []byte) error {
	within, cancel := context.WithTimeout(ctx, writeWithin)
	defer cancel()
	return s.conn.Write(within, websocket.MessageBinary, data)
}

// asked is what a client says.
type asked struct {
	Type    string          `json:"type"`
	Ward    vital.WardID    `json:"ward"` // of alarms; "*": every ward of the caller
	Beds    []vital.BedID   `json:"beds"`
	Patient vital.PatientID `json:"patient"`
	Waves   []string        `json:"waves"`
	Resume  uint64          `json:"resume"`
}

// openLive upgrades the request and serves the socket until either side ends it.
func (s *Server) openLive(c *call) error {
	if !websocketAsked(c.r) {
		return vital.Errorf(vital.Invalid, "this address is a WebSocket: see docs/formats/live.md")
	}
	who := string(c.principal.Class) + "/" + c.principal.ID
	if err := s.sockets.enter(who); err != nil {
		return err
	}
	defer s.sockets.leave(who)
	conn, err := websocket.Accept(c.w, c.r, &websocket.AcceptOptions{
		Subprotocols: []string{liveProtocol}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil // Accept has answered
	}
	defer conn.CloseNow()
	conn.SetReadLimit(mostAsked)
	one := &socket{conn: conn, ready: make(chan struct{}, 1), gone: make(chan struct{}, 1)}
	s.hub.hello(one, s.demo)
	ctx, cancel := context.WithCancel(c.r.Context())
	ended := make(chan error, 4)
	stop := context.AfterFunc(s.closing, func() { ended <- errGoingAway })
	defer stop()
	var parts sync.WaitGroup
	for _, part := range []func() error{
		func() error { return one.write(ctx, s.hub) },
		func() error { return s.watchSession(ctx, c, one) },
		func() error { return s.listen(ctx, c, one) },
	} {
		parts.Go(func() { ended <- part() })
	}
	code, reason := closing(<-ended)
	conn.Close(code, reason) // before cancel, which would cut the line without a word
	cancel()
	conn.CloseNow()
	parts.Wait()
	s.hub.leave(one)
	return nil
}

var (
	errGoingAway = errors.New("the server stops")
	errChanged   = errors.New("what you may see has changed")
)

// closing says to the client why the socket ends.
func closing(cause error) (websocket.StatusCode, string) {
	switch {
	case errors.Is(cause, errGoingAway):
		return websocket.StatusGoingAway, cause.Error()
	case errors.Is(cause, errChanged):
		return closedChanged, cause.Error()
	case vital.KindOf(cause) == vital.Unauthenticated:
		return closedSignedOut, "the session has ended: sign in again"
	case vital.KindOf(cause) == vital.Invalid:
		return websocket.StatusPolicyViolation, truncate(cause.Error(), 100)
	}
	return websocket.StatusNormalClosure, ""
}

func truncate(s string, n int) string { return s[:min(len(s), n)] }

// watchSession returns when the caller is no longer who it was.
func (s *Server) watchSession(ctx context.Context, c *call, one *socket) error {
	check := time.NewTicker(checkEvery)
	defer check.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-one.gone:
			return errChanged
		case <-check.C:
		}
		p, err := s.still(ctx, c)
		if vital.KindOf(err) == vital.Unauthenticated && err != nil {
			return err
		}
		if err == nil && !sameRights(p, c.principal) {
			return errChanged
		}
	}
}

// still finds out who the caller is now. A browser's session is followed by its
// id, because a step-up gives it another cookie.
func (s *Server) still(ctx context.Context, c *call) (auth.Principal, error) {
	if c.principal.Session != "" {
		return s.gate.Follow(ctx, c.principal)
	}
	return s.peek(c.r)
}

// listen takes what the client says.
func (s *Server) listen(ctx context.Context, c *call, one *socket) error {
	var burst int
	var last time.Time
	for {
		_, data, err := one.conn.Read(ctx)
		if err != nil {
			return err
		}
		var a asked
		if err := json.Unmarshal(data, &a); err != nil {
			return vital.Errorf(vital.Invalid, "message is not the JSON of docs/formats/live.md: %w", err)
		}
		do := map[string]func(context.Context, *call, *socket, asked) error{"watch": s.watch, "alarms": s.watchAlarms}[a.Type]
		if do == nil {
			return vital.Errorf(vital.Invalid, "type %.40q: want watch or alarms", a.Type)
		}
		if burst = max(0, burst-int(time.Since(last)/time.Second)) + 1; burst > watchesAtOnce {
			time.Sleep(500 * time.Millisecond)
		}
		last = time.Now()
		if err := do(ctx, c, one, a); err != nil {
			return err
		}
	}
}

// watch begins to send what the client asked for, as far as it may see it.
func (s *Server) watch(ctx context.Context, c *call, one *socket, a asked) error {
	if len(a.Beds) > mostBedsWanted || len(a.Waves) > mostWaveKinds {
		return vital.Errorf(vital.Invalid, "at most %d beds and %d kinds of waves", mostBedsWanted, mostWaveKinds)
	}
	w := wanted{waves: a.Waves}
	rows := s.gate.RowsFor(c.principal, auth.LiveRead)
	views, err := s.bedsOf(ctx, rows, a.Beds, a.Patient)
	if err != nil {
		return err
	}
	asked := make(map[vital.BedID]bool, len(a.Beds))
	for _, b := range a.Beds {
		asked[b] = true
	}
	seen := make(map[vital.WardID]bool)
	for _, b := range views {
		if !asked[b.ID] {
			continue
		}
		w.beds = append(w.beds, b.ID)
		if !seen[b.Ward] {
			seen[b.Ward] = true
			s.noteView(ctx, c.principal, auth.LiveRead, auth.Subject{Kind: "ward", ID: string(b.Ward), Ward: b.Ward})
		}
	}
	var refused []byte
	if a.Patient != "" {
		subject := auth.Subject{Kind: "patient", ID: string(a.Patient), Patient: a.Patient}
		if err := s.gate.Allow(ctx, c.principal, auth.PatientRead, subject); err != nil {
			if k := vital.KindOf(err); k != vital.Denied && k != vital.NotFound {
				return err
			}
			refused = refusedMessage(FailureDetail{Kind: vital.KindOf(err).String(), Message: err.Error(), Field: "patient"})
		} else {
			w.patient = a.Patient
			s.noteView(ctx, c.principal, auth.PatientRead, subject)
		}
	}
	// What was read for a patient that may not be seen stays here.
	kept := views[:0]
	for _, b := range views {
		if asked[b.ID] || w.patient != "" {
			kept = append(kept, b)
		}
	}
	patients := s.hub.patientsIn(w)
	for _, b := range kept {
		if b.Patient != nil {
			patients = append(patients, b.Patient.ID)
		}
	}
	shown, err := s.liveSeen(ctx, rows, s.hub.placed(), patients)
	if err != nil {
		return err
	}
	onlySeen(kept, shown)
	s.hub.join(one, w, a.Resume, kept, rows, shown)
	if refused != nil {
		one.push(refused, 0)
	}
	return nil
}

// watchAlarms begins to send the alarms of a ward, or of every ward of the caller.
func (s *Server) watchAlarms(ctx context.Context, c *call, one *socket, a asked) error {
	subject := auth.Subject{Kind: "alarms"}
	var ward vital.WardID
	if a.Ward != "" && a.Ward != "*" {
		ward, subject = a.Ward, auth.Subject{Kind: "ward", ID: string(a.Ward), Ward: a.Ward}
	}
	if err := s.gate.Allow(ctx, c.principal, auth.AlarmRead, subject); err != nil {
		if k := vital.KindOf(err); k != vital.Denied && k != vital.NotFound {
			return err
		}
		one.push(refusedMessage(FailureDetail{Kind: vital.KindOf(err).String(), Message: err.Error(), Field: "ward"}), 0)
		return nil
	}
	v, err := s.sightOf(ctx, s.gate.RowsFor(c.principal, auth.AlarmRead), ward, s.hub.placed())
	if err != nil {
		return err
	}
	s.noteView(ctx, c.principal, auth.AlarmRead, subject)
	s.hub.askAlarms(one, v, a.Resume)
	return nil
}

// hello is the first message.
func (h *hub) hello(s *socket, demo bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s.push(message(struct {
		Type string `json:"type"`
		Seq  uint64 `json:"seq"`
		Now  int64  `json:"now"`
		Demo bool   `json:"demo"`
	}{"hello", h.seq, h.now().UnixMilli(), demo}), 0)
}

// doorkeeper counts sockets, so that one caller cannot take them all.
type doorkeeper struct {
	mu   sync.Mutex
	all  int
	each map[string]int
}

func (d *doorkeeper) enter(who string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all >= mostSockets || d.each[who] >= socketsOfOne {
		return vital.Errorf(vital.TooMuch, "too many live sockets are open (%d of yours): close some", d.each[who])
	}
	d.all++
	d.each[who]++
	return nil
}

func (d *doorkeeper) leave(who string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all--
	if d.each[who]--; d.each[who] == 0 {
		delete(d.each, who)
	}
}

func websocketAsked(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" && r.Header.Get("Sec-WebSocket-Key") != ""
}
