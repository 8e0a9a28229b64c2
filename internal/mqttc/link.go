package mqttc

import (
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// link is one network connection of a client.
type link struct {
	client  *Client
	conn    net.Conn
	level   mqtt.Level
	written chan struct{} // closed when the writer has ended

	keepAlive time.Duration // as the server decided
	aliases   map[uint16]string
	topics    mqtt.Topics
	rest      []byte
	buffer    []byte

	mu      sync.Mutex
	pending []byte
	spare   []byte
	ended   bool
	room    *sync.Cond
	signal  chan struct{}
}

// Sizes, bytes.
const (
	inputBuffer = 16 << 10
	brim        = 1 << 20 // QoS 0 waits while so much lies unsent
)

func newLink(c *Client, conn net.Conn) *link {
	l := &link{
		client: c, conn: conn, level: c.options.Level, written: make(chan struct{}), keepAlive: c.options.KeepAlive,
		aliases: make(map[uint16]string), buffer: make([]byte, inputBuffer), signal: make(chan struct{}, 1),
	}
	l.room = sync.NewCond(&l.mu)
	return l
}

// greet sends the CONNECT and waits for the answer.
func (l *link) greet(clean bool) (*mqtt.Connack, error) {
	o := &l.client.options
	p := mqtt.Connect{
		Level: o.Level, Clean: clean || o.Level < mqtt.Level5 && o.Clean, KeepAlive: uint16(min(o.KeepAlive/time.Second, 65535)), ClientID: o.ClientID, Will: o.Will,
		HasUsername: o.Username != "", Username: o.Username, HasPassword: o.Password != nil, Password: o.Password,
	}
	if o.Level >= mqtt.Level5 {
		p.Properties = &mqtt.Properties{TopicAliasMaximum: 16, ReceiveMaximum: o.TakeAtMost}
		if o.SessionExpiry > 0 {
			p.Properties.SessionExpiry = new(uint32(o.SessionExpiry / time.Second))
		}
	}
	if _, err := l.conn.Write(p.Append(nil, o.Level)); err != nil {
		return nil, vital.Errorf(vital.Unavailable, "send CONNECT to %s: %w", o.Address, err)
	}
	f, err := l.next()
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "wait for CONNACK from %s: %w", o.Address, err)
	}
	if f.Type != mqtt.TypeConnack {
		return nil, mqtt.Errorf(mqtt.ProtocolError, "%v from %s where CONNACK is due", f.Type, o.Address)
	}
	a, err := mqtt.DecodeConnack(f, o.Level)
	if err != nil {
		return nil, err
	}
	if a.Code != 0 {
		return nil, refused(a, o)
	}
	if q := a.Properties; q != nil && q.ServerKeepAlive != nil {
		l.keepAlive = time.Duration(*q.ServerKeepAlive) * time.Second
	}
	return a, l.conn.SetDeadline(time.Time{})
}

// returns names the CONNACK return codes of level 4. Source: MQTT 3.1.1, table 3.1.
var returns = map[byte]mqtt.Reason{
	1: mqtt.UnsupportedVersion, 2: mqtt.ClientIDNotValid, 3: mqtt.ServerUnavailable, 4: mqtt.BadUserNameOrPassword, 5: mqtt.NotAuthorized,
}

func refused(a *mqtt.Connack, o *Options) error {
	r := mqtt.Reason(a.Code)
	if o.Level < mqtt.Level5 {
		r = returns[a.Code]
	}
	kind := vital.Unavailable
	switch r {
	case mqtt.BadUserNameOrPassword:
		kind = vital.Unauthenticated
	case mqtt.NotAuthorized, mqtt.ClientIDNotValid, mqtt.Banned:
		kind = vital.Denied
	}
	return vital.Errorf(kind, "connect to %s as %q: %w", o.Address, o.ClientID, mqtt.Errorf(r, "%v", r))
}

// next returns the next packet; its body holds until the next call.
func (l *link) next() (mqtt.Frame, error) {
	for {
		f, n, err := mqtt.Next(l.rest, mqtt.MaxLength)
		if err != nil {
			return f, err
		}
		if n > 0 {
			l.rest = l.rest[n:]
			return f, nil
		}
		if len(l.rest) == cap(l.buffer) {
			l.buffer = make([]byte, 2*cap(l.buffer))
		}
		l.buffer = l.buffer[:cap(l.buffer)]
		filled := copy(l.buffer, l.rest)
		n, err = l.conn.Read(l.buffer[filled:])
		l.rest = l.buffer[:filled+n]
		if n == 0 && err != nil {
			return f, err
		}
	}
}

// run reads until the connection ends.
func (l *link) run() error {
	go l.write()
	defer func() {
		l.end()
		l.conn.Close()
		<-l.written
	}()
	for {
		// The server answers pings: silence for two keep-alives means that it is gone.
		if l.keepAlive > 0 && len(l.rest) == 0 {
			if err := l.conn.SetReadDeadline(time.Now().Add(2 * l.keepAlive)); err != nil {
				return err
			}
		}
		f, err := l.next()
		if err != nil {
			return vital.Errorf(vital.Unavailable, "read from %s: %w", l.client.options.Address, err)
		}
		if err := l.handle(f); err != nil {
			return err
		}
	}
}

func (l *link) handle(f mqtt.Frame) error {
	c := l.client
	switch f.Type {
	case mqtt.TypePuback, mqtt.TypePubrec, mqtt.TypePubcomp:
		a, err := mqtt.DecodeAck(f, l.level)
		if err != nil {
			return err
		}
		return c.acknowledged(l, a)
	case mqtt.TypePubrel:
		a, err := mqtt.DecodeAck(f, l.level)
		if err != nil {
			return err
		}
		c.releasedByServer(a.ID)
		l.send(&mqtt.Ack{Type: mqtt.TypePubcomp, ID: a.ID})
	case mqtt.TypePublish:
		return l.delivered(f)
	case mqtt.TypeSuback, mqtt.TypeUnsuback:
		s, err := mqtt.DecodeSuback(f, l.level)
		if err != nil {
			return err
		}
		c.answered(s)
	case mqtt.TypePingresp:
	case mqtt.TypeDisconnect:
		d, err := mqtt.DecodeDisconnect(f, l.level)
		if err != nil {
			return err
		}
		return vital.Errorf(vital.Unavailable, "disconnected by the server: %w", mqtt.Errorf(d.Reason, "%v", d.Reason))
	default:
		return mqtt.Errorf(mqtt.ProtocolError, "a server may not send %v", f.Type)
	}
	return nil
}

func (l *link) delivered(f mqtt.Frame) error {
	p, err := mqtt.DecodePublish(f, l.level, &l.topics)
	if err != nil {
		return err
	}
	if p.Properties != nil && p.Properties.TopicAlias != 0 {
		if p.Topic == "" {
			p.Topic = l.aliases[p.Properties.TopicAlias]
		} else {
			l.aliases[p.Properties.TopicAlias] = p.Topic
		}
	}
	p.Payload = append([]byte(nil), p.Payload...)
	l.client.deliver(&p)
	switch p.QoS {
	case 1:
		l.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: p.ID})
	case 2:
		l.send(&mqtt.Ack{Type: mqtt.TypePubrec, ID: p.ID})
	}
	return nil
}

// send appends a packet to the output.
func (l *link) send(p mqtt.Packet) {
	l.mu.Lock()
	if !l.ended {
		l.pending = p.Append(l.pending, l.level)
	}
	l.mu.Unlock()
	l.poke()
}

// sendBounded is send for what nobody acknowledges: it waits for the network.
func (l *link) sendBounded(p mqtt.Packet) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) > brim && !l.ended {
		l.room.Wait()
	}
	if l.ended {
		return vital.Errorf(vital.Unavailable, "the connection has ended")
	}
	l.pending = p.Append(l.pending, l.level)
	l.poke()
	return nil
}

func (l *link) poke() {
	select {
	case l.signal <- struct{}{}:
	default:
	}
}

// end lets the writer send what is there and stop.
func (l *link) end() {
	l.mu.Lock()
	l.ended = true
	l.room.Broadcast()
	l.mu.Unlock()
	l.poke()
}

// write sends the output, and a ping when there has been nothing to send.
func (l *link) write() {
	defer close(l.written)
	var ping <-chan time.Time
	if l.keepAlive > 0 {
		t := time.NewTicker(l.keepAlive / 2)
		defer t.Stop()
		ping = t.C
	}
	quiet := true
	for {
		select {
		case <-l.signal:
			runtime.Gosched() // let whoever woke us add what else it has
		case <-ping:
			if quiet {
				l.send(mqtt.Ping{Type: mqtt.TypePingreq})
			}
			quiet = true
		}
		l.mu.Lock()
		out, ended := l.pending, l.ended
		l.pending = l.spare[:0]
		l.room.Broadcast()
		l.mu.Unlock()
		if len(out) > 0 {
			quiet = false
			if _, err := l.conn.Write(out); err != nil {
				l.end()
				l.conn.Close() // the reader sees it and says why
				return
			}
		}
		l.spare = out[:0]
		if ended {
			return
		}
	}
}
