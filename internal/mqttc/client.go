// Package mqttc is a small MQTT client for Vigil's own tools: the simulator, the
// player, the demonstration and the load generator. It exists beside the well-known
// clients because those tools need thousands of connections with many packets under
// way on one machine: here a connection is two goroutines, a packet under way is an
// entry of a slice, and whatever is due leaves in one write.
//
// It speaks 3.1.1 and 5, every QoS in both directions, and can reconnect by itself,
// sending again what was not acknowledged.
package mqttc

import (
	"cmp"
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// Options says whom to call and as whom. Address is required.
type Options struct {
	Address  string // host:port
	ClientID string
	Username string
	Password []byte
	TLS      *tls.Config   // nil: plain TCP
	Level    mqtt.Level    // default 5
	Timeout  time.Duration // for connecting, default 10 s

	KeepAlive     time.Duration // default 60 s
	Clean         bool          // begin with a new session
	SessionExpiry time.Duration // level 5: how long the session outlives the connection
	InFlight      int           // unacknowledged packets at the same time, default 1000; the server may allow fewer
	TakeAtMost    uint16        // level 5 receive maximum: deliveries that the server may have under way, 0: 65535
	Will          *mqtt.Will

	// Handlers are for filters that an earlier connection of the same session
	// subscribed to: their messages may come before anything can be said.
	Handlers map[string]func(topic string, payload []byte)
	// Reconnect is the longest pause between two attempts; 0: the client is over
	// when its connection is. What was not acknowledged is sent again.
	Reconnect time.Duration
	// Lost, if set, hears why each connection ended.
	Lost func(error)
}

// Message is what Send sends.
type Message struct {
	Topic      string
	Payload    []byte // not to be changed until done was called
	QoS        byte
	Retain     bool
	Properties *mqtt.Properties // level 5
}

// Client is a connected client. Its methods may be called from any goroutine.
type Client struct {
	options Options
	ctx     context.Context
	cancel  context.CancelFunc
	over    chan struct{} // closed when nothing runs any more

	mu            sync.Mutex
	link          *link // nil: not connected
	flight        []flight
	free          []uint16 // identifiers, the last is the next
	limit         int      // identifiers beyond it are held back by the server's receive maximum
	used          int
	room          *sync.Cond
	counter       uint64
	requests      map[uint16]*request
	lastRequest   uint16
	subscriptions []subscription
	received      map[uint16]struct{} // QoS 2 identifiers given to a handler and not yet released
	present       bool                // the server knew our session at the last connect
	err           error               // why the client is over
}

// flight is a packet under way; its identifier is its index.
type flight struct {
	used     bool
	released bool // QoS 2: PUBREC came
	order    uint64
	message  Message
	done     func(error)
}

type request struct {
	codes []mqtt.Reason
	err   error
	ready chan struct{}
}

type subscription struct {
	filter  mqtt.Filter
	handler func(topic string, payload []byte)
}

var errClosed = vital.Errorf(vital.Unavailable, "the MQTT client is closed")

// Dial connects. Ctx bounds the first connection only.
func Dial(ctx context.Context, o Options) (*Client, error) {
	o.Level = cmp.Or(o.Level, mqtt.Level5)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.KeepAlive = cmp.Or(o.KeepAlive, time.Minute)
	o.InFlight = min(cmp.Or(o.InFlight, 1000), 65535)
	c := &Client{
		options: o, over: make(chan struct{}), flight: make([]flight, o.InFlight+1), limit: o.InFlight,
		requests: make(map[uint16]*request), received: make(map[uint16]struct{}),
	}
	for id := o.InFlight; id > 0; id-- {
		c.free = append(c.free, uint16(id))
	}
	for filter, handler := range o.Handlers {
		c.subscriptions = append(c.subscriptions, subscription{mqtt.Filter{Filter: filter, QoS: 2}, handler})
	}
	c.room = sync.NewCond(&c.mu)
	c.ctx, c.cancel = context.WithCancel(context.WithoutCancel(ctx))
	l, err := c.connect(ctx, o.Clean)
	if err != nil {
		c.cancel()
		return nil, err
	}
	go c.run(l)
	return c, nil
}

// SessionPresent reports whether the server still had this client's session when
// it last connected.
func (c *Client) SessionPresent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present
}

// run keeps the client connected until it is closed.
func (c *Client) run(l *link) {
	defer close(c.over)
	for {
		err := l.run()
		c.mu.Lock()
		if c.link == l {
			c.link = nil
		}
		c.mu.Unlock()
		if c.options.Lost != nil && c.ctx.Err() == nil {
			c.options.Lost(err)
		}
		if c.ctx.Err() != nil || c.options.Reconnect == 0 {
			c.finish(err)
			return
		}
		if l = c.again(); l == nil {
			c.finish(errClosed)
			return
		}
	}
}

// again connects anew, waiting longer after each failure, with some chance in it so
// that a ward's devices do not all come at once.
func (c *Client) again() *link {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, c.options.Reconnect) {
		wait := min(pause, c.options.Reconnect)
		select {
		case <-time.After(wait/2 + rand.N(wait/2+1)):
		case <-c.ctx.Done():
			return nil
		}
		l, err := c.connect(c.ctx, false)
		if err == nil {
			return l
		}
		if c.options.Lost != nil && c.ctx.Err() == nil {
			c.options.Lost(err)
		}
	}
}

// connect opens a connection and makes it the client's.
func (c *Client) connect(ctx context.Context, clean bool) (*link, error) {
	o := &c.options
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	var conn net.Conn
	var err error
	if o.TLS != nil {
		conn, err = (&tls.Dialer{Config: o.TLS}).DialContext(ctx, "tcp", o.Address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", o.Address)
	}
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "connect to %s: %w", o.Address, err)
	}
	unhook := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	l := newLink(c, conn)
	ack, err := l.greet(clean)
	if !unhook() && err == nil {
		err = vital.Errorf(vital.Unavailable, "connect to %s: %w", o.Address, context.Cause(ctx))
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	c.adopt(l, ack)
	return l, nil
}

// adopt makes l the connection in use and puts into its output what an earlier
// connection left unfinished, in the order in which it was first sent.
func (c *Client) adopt(l *link, ack *mqtt.Connack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present = ack.SessionPresent
	c.limit = c.options.InFlight
	if p := ack.Properties; p != nil && p.ReceiveMaximum != 0 {
		c.limit = min(c.limit, int(p.ReceiveMaximum))
	}
	if !c.present {
		clear(c.received)
	}
	c.link = l
	for _, id := range c.unfinished() {
		f := &c.flight[id]
		if f.released {
			l.send(&mqtt.Ack{Type: mqtt.TypePubrel, ID: id})
			continue
		}
		p := mqtt.Publish{Topic: f.message.Topic, Payload: f.message.Payload, ID: id, QoS: f.message.QoS,
			Retain: f.message.Retain, Properties: f.message.Properties, Duplicate: c.present}
		l.send(&p)
	}
	if !c.present && len(c.subscriptions) > 0 { // the server has forgotten them, or never knew
		s := mqtt.Subscribe{ID: c.requestID()}
		for _, sub := range c.subscriptions {
			s.Filters = append(s.Filters, sub.filter)
		}
		l.send(&s)
	}
	c.room.Broadcast()
}

func (c *Client) unfinished() []uint16 {
	var ids []uint16
	for id := range c.flight {
		if c.flight[id].used {
			ids = append(ids, uint16(id))
		}
	}
	sortBy(ids, func(id uint16) uint64 { return c.flight[id].order })
	return ids
}

// requestID is an identifier for a SUBSCRIBE or UNSUBSCRIBE. They come from above
// those of PUBLISH packets, so that the two never meet.
func (c *Client) requestID() uint16 {
	first := uint16(min(c.options.InFlight+1, 65535))
	for {
		c.lastRequest = max(c.lastRequest+1, first)
		if c.requests[c.lastRequest] == nil {
			return c.lastRequest
		}
	}
}

// finish ends everything that still waits.
func (c *Client) finish(err error) {
	c.cancel()
	c.mu.Lock()
	if c.err == nil {
		c.err = cmp.Or(err, errClosed)
	}
	err = c.err
	var done []func(error)
	for _, id := range c.unfinished() {
		if f := &c.flight[id]; f.done != nil {
			done = append(done, f.done)
		}
		c.flight[id] = flight{}
	}
	for id, r := range c.requests {
		r.err = err
		close(r.ready)
		delete(c.requests, id)
	}
	c.room.Broadcast()
	c.mu.Unlock()
	for _, f := range done {
		f(err)
	}
}

// Close says goodbye and waits until the client is over. What was not acknowledged
// is reported as failed.
func (c *Client) Close() error {
	c.mu.Lock()
	if c.err == nil {
		c.err = errClosed
	}
	l := c.link
	c.room.Broadcast()
	c.mu.Unlock()
	if l != nil {
		l.send(&mqtt.Disconnect{Type: mqtt.TypeDisconnect})
		l.end()
		select {
		case <-l.written:
		case <-time.After(time.Second):
		}
	}
	c.cancel()
	if l != nil {
		l.conn.Close()
	}
	<-c.over
	return nil
}
