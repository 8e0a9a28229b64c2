package mqttd

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

var (
	errSlow      = vital.Errorf(vital.TooMuch, "the client does not take its messages")
	errGoodbye   = errors.New("goodbye") // DISCONNECT: not a fault
	errTakenOver = vital.Errorf(vital.Conflict, "a second connection with this client id took over")
	errStopping  = vital.Errorf(vital.Unavailable, "the server stops")
)

// Sizes of a connection's buffers, bytes.
const (
	firstBuffer  = 4 << 10   // input, grown when a larger packet really arrives
	busyBuffer   = 32 << 10  // input of a client that always has more
	keptBuffer   = 64 << 10  // larger ones are given back when they are empty
	mostConnect  = 16 << 10  // of a CONNECT: nobody is known yet
	outputBrim   = 256 << 10 // the reader waits while so much lies unsent
	mostPerWrite = 64 << 10  // deliveries gathered for one write
)

// writeTime is how long one write may take before the client counts as gone,
// goodbyeTime how long what is left to say may take.
const (
	writeTime   = 30 * time.Second
	goodbyeTime = 2 * time.Second
)

// connection is one network connection.
type connection struct {
	server *Server
	conn   net.Conn
	remote string
	since  time.Time
	ctx    context.Context
	cancel context.CancelFunc

	// Set while connecting, then constant.
	level      mqtt.Level
	principal  auth.Principal
	keepAlive  time.Duration // 1.5 times what was agreed; 0: none
	window     int           // unacknowledged deliveries that the client takes
	mostPacket int           // bytes, that the client takes
	problems   bool          // the client wants reason strings
	secured    *Secured
	session    atomic.Pointer[session]

	// The reader's own.
	topics   mqtt.Topics
	aliases  []string // topic aliases that the client set
	limiter  *rate.Limiter
	refusals int
	will     *will
	expiry   time.Duration // of the session, as DISCONNECT may change it
	at       time.Time     // when the bytes now being handled were read
	busy     bool          // the last read filled the buffer
	received atomic.Uint64

	ring ring

	output output
	sender aliasTable // the writer's own

	closing sync.Once
	reason  mqtt.Reason // why; read after ctx is done
	cause   error
	gone    chan struct{} // closed when everything about the connection is over
}

func newConnection(s *Server, conn net.Conn) *connection {
	c := &connection{server: s, conn: conn, remote: conn.RemoteAddr().String(), since: s.now(), gone: make(chan struct{})}
	c.limiter = rate.NewLimiter(rate.Limit(s.limits.Messages), s.limits.Messages)
	c.output.init()
	c.ring.init()
	return c
}

// serve runs the connection to its end.
func (c *connection) serve(ctx context.Context) {
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	defer c.cancel()
	unhook := context.AfterFunc(ctx, func() { c.kill(mqtt.ServerShuttingDown, errStopping) })
	defer unhook()

	var writer sync.WaitGroup
	writer.Go(c.write)
	err := c.read()
	c.kill(reasonOf(err), err)
	c.finish()
	c.output.end()
	writer.Wait()
	c.part()
	c.server.leave(c)
	close(c.gone)
	c.hangUp()
}

// kill ends the connection: the reader stops, the client is told why if it can be.
// It may be called from anywhere, any number of times.
func (c *connection) kill(reason mqtt.Reason, cause error) {
	c.closing.Do(func() {
		c.reason, c.cause = reason, cause
		if c.cancel != nil {
			c.cancel()
		}
		c.conn.SetReadDeadline(time.Unix(1, 0))
		c.output.poke()
	})
}

// finish says goodbye. A stopping server first waits for syncs under way, so that
// what is durable is acknowledged.
func (c *connection) finish() {
	s := c.server
	if c.reason == mqtt.ServerShuttingDown {
		c.ring.drain(shutdownTime / 2)
	}
	c.output.hasten(c.conn)
	x := c.session.Load()
	if x == nil {
		s.log.Debug("mqtt: connection ended before it was welcome", "remote", c.remote, "error", c.cause)
		return
	}
	if c.cause != errGoodbye && !isNetwork(c.cause) && c.level >= mqtt.Level5 {
		d := mqtt.Disconnect{Type: mqtt.TypeDisconnect, Reason: c.reason}
		if c.problems && c.cause != nil {
			d.Properties = &mqtt.Properties{ReasonString: c.cause.Error()}
		}
		c.send(&d)
	}
	switch {
	case c.cause == errTakenOver: // logged by the one that took over
	case isProtocol(c.cause):
		s.counts.broken.Add(1)
		s.log.Warn("mqtt: connection closed", "client", x.client, "remote", c.remote, "reason", c.reason.String(), "error", c.cause)
	default:
		s.log.Debug("mqtt: connection closed", "client", x.client, "remote", c.remote, "reason", c.reason.String(), "error", c.cause)
	}
}

// lingerTime and lingerBytes bound how long a closed connection is still read.
const (
	lingerTime  = 200 * time.Millisecond
	lingerBytes = 1 << 20
)

// hangUp closes the socket. A socket that is closed with unread input resets the
// connection, and the reset can overtake what was written last: the reason, or
// acknowledgements. So what the client is still sending is read away for a moment.
func (c *connection) hangUp() {
	defer c.conn.Close()
	half, ok := c.conn.(interface{ CloseWrite() error })
	if !ok || isNetwork(c.cause) || half.CloseWrite() != nil {
		return
	}
	c.conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.Copy(io.Discard, io.LimitReader(c.conn, lingerBytes))
}

// part leaves the session, which goes on without the connection or ends, and sees
// to the will.
func (c *connection) part() {
	s, x := c.server, c.session.Load()
	if x == nil {
		return
	}
	now := s.now()
	w := c.will
	if c.cause == errGoodbye || c.reason == mqtt.ServerShuttingDown {
		w = nil
	}
	var later *will
	if w != nil && w.delay > 0 && c.expiry > 0 {
		w.at, later, w = now.Add(min(w.delay, c.expiry)), w, nil
	}
	s.mu.Lock()
	x.mu.Lock()
	x.expiry = c.expiry
	x.mu.Unlock()
	if x.detach(c, now, later) {
		s.remove(x.client, x)
		if later != nil {
			w = later
		}
	}
	s.mu.Unlock()
	if w != nil {
		s.publishWill(w)
	}
	if c.reason != mqtt.ServerShuttingDown { // then it is we who leave
		c.pass(Passage{Goodbye: c.cause == errGoodbye, Why: c.why()})
	}
}

// read cuts packets off the input and handles them, until the connection ends.
func (c *connection) read() error {
	s := c.server
	rest, buffer, err := c.open()
	if err != nil {
		return err
	}
	for {
		frame, n, err := mqtt.Next(rest, s.limits.Packet)
		if err != nil {
			return err
		}
		if n > 0 {
			rest = rest[n:]
			if err := c.handle(frame); err != nil {
				return err
			}
			if c.ctx.Err() != nil {
				return c.ctx.Err()
			}
			continue
		}
		if err := c.output.belowBrim(c.ctx); err != nil {
			return err
		}
		if rest, buffer, err = c.more(rest, buffer, c.readDeadline(len(rest))); err != nil {
			return err
		}
	}
}

// partTime is how long the rest of a packet may take once it has begun, when the
// keep-alive does not say less.
const partTime = time.Minute

func (c *connection) readDeadline(begun int) time.Time {
	switch {
	case c.keepAlive > 0:
		return time.Now().Add(c.keepAlive)
	case begun > 0:
		return time.Now().Add(partTime)
	}
	return time.Time{}
}

// more reads what has arrived behind rest, and goes on reading until the packet
// that rest begins could be whole or the deadline is over: a client that sends a
// byte at a time gains nothing by it.
func (c *connection) more(rest, buffer []byte, deadline time.Time) ([]byte, []byte, error) {
	buffer = c.room(rest, buffer)
	filled := copy(buffer, rest)
	for {
		if err := c.conn.SetReadDeadline(deadline); err != nil {
			return nil, nil, err
		}
		if c.ctx.Err() != nil { // killed before the new deadline was set
			return nil, nil, c.ctx.Err()
		}
		n, err := c.conn.Read(buffer[filled:])
		filled += n
		c.server.counts.bytesIn.Add(uint64(n))
		c.busy = filled == len(buffer)
		if n > 0 {
			c.at = c.server.now()
			if _, whole, bad := mqtt.Next(buffer[:filled], c.server.limits.Packet); whole > 0 || bad != nil || c.busy {
				return buffer[:filled], buffer, nil
			}
		}
		switch {
		case err == nil:
		case c.ctx.Err() != nil:
			return nil, nil, c.ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, nil, mqtt.Errorf(mqtt.KeepAliveTimeout, "nothing whole arrived in time")
		default:
			return nil, nil, err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(partTime)
		}
	}
}

// room returns a buffer with space behind rest: larger when a packet needs it or
// the client keeps filling it, small again when a large one is empty.
func (c *connection) room(rest, buffer []byte) []byte {
	size := cap(buffer)
	switch {
	case len(rest) == size:
		size = min(2*size, c.server.limits.Packet+firstBuffer)
	case len(rest) == 0 && size > keptBuffer:
		size = firstBuffer
	case c.busy && size < busyBuffer:
		size *= 2
	}
	if size == cap(buffer) {
		return buffer[:size]
	}
	return make([]byte, size)
}

// handle does what one packet asks for.
func (c *connection) handle(f mqtt.Frame) error {
	switch f.Type {
	case mqtt.TypePublish:
		return c.publish(f)
	case mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubcomp, mqtt.TypePubrel:
		a, err := mqtt.DecodeAck(f, c.level)
		if err != nil {
			return err
		}
		if f.Type == mqtt.TypePubrel {
			c.release(a)
			return nil
		}
		answer, err := c.session.Load().acknowledged(a)
		if answer != nil {
			c.send(answer)
		}
		return err
	case mqtt.TypeSubscribe:
		return c.subscribe(f)
	case mqtt.TypeUnsubscribe:
		return c.unsubscribe(f)
	case mqtt.TypePingreq:
		if _, err := mqtt.Decode(f, c.level); err != nil {
			return err
		}
		c.send(mqtt.Ping{Type: mqtt.TypePingresp})
		return nil
	case mqtt.TypeDisconnect:
		return c.goodbye(f)
	}
	return mqtt.Errorf(mqtt.ProtocolError, "a client may not send %v now", f.Type)
}

func (c *connection) goodbye(f mqtt.Frame) error {
	d, err := mqtt.DecodeDisconnect(f, c.level)
	if err != nil {
		return err
	}
	if d.Properties != nil && d.Properties.SessionExpiry != nil {
		if c.expiry == 0 && *d.Properties.SessionExpiry != 0 {
			return mqtt.Errorf(mqtt.ProtocolError, "a session that was to end cannot be kept at DISCONNECT")
		}
		c.expiry = c.server.expiry(*d.Properties.SessionExpiry)
	}
	if d.Reason == mqtt.DisconnectWithWill {
		return vital.Errorf(vital.Gone, "the client left and wants its will published")
	}
	c.will = nil
	return errGoodbye
}

// reasonOf is what a client is told about err.
func reasonOf(err error) mqtt.Reason {
	var e *mqtt.Error
	switch {
	case err == errGoodbye:
		return mqtt.Success
	case errors.As(err, &e):
		return e.Reason
	}
	switch vital.KindOf(err) {
	case vital.TooMuch:
		return mqtt.QuotaExceeded
	case vital.Unavailable:
		return mqtt.ServerBusy
	case vital.Denied, vital.Unauthenticated:
		return mqtt.NotAuthorized
	case vital.Invalid:
		return mqtt.ImplementationError
	}
	return mqtt.UnspecifiedError
}

func isProtocol(err error) bool {
	var e *mqtt.Error
	return errors.As(err, &e)
}

// isNetwork reports whether the other side can no longer hear us.
func isNetwork(err error) bool {
	var n *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &n)
}
