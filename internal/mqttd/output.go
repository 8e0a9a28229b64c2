package mqttd

import (
	"context"
	"net"
	"runtime"
	"sync"
	"time"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// output is what waits to be written. Acknowledgements are appended by whoever has
// them; the writer takes them all at once.
type output struct {
	mu      sync.Mutex
	pending []byte
	spare   []byte
	hasty   bool // goodbye has begun
	ended   bool // nothing will be added
	signal  chan struct{}
	drained chan struct{} // somebody waits below the brim
}

func (o *output) init() {
	o.signal, o.drained = make(chan struct{}, 1), make(chan struct{}, 1)
}

func (o *output) poke() { poke(o.signal) }

// hasten lets what is left be written within goodbyeTime.
func (o *output) hasten(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hasty = true
	conn.SetWriteDeadline(time.Now().Add(goodbyeTime))
}

// allow gives the next write its time.
func (o *output) allow(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.hasty {
		conn.SetWriteDeadline(time.Now().Add(writeTime))
	}
}

func (o *output) end() {
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	o.poke()
}

// belowBrim waits until the client has taken enough of what was sent to it.
func (o *output) belowBrim(ctx context.Context) error {
	for {
		o.mu.Lock()
		full := len(o.pending) > outputBrim
		o.mu.Unlock()
		if !full {
			return nil
		}
		select {
		case <-o.drained:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// send appends one packet to the output.
func (c *connection) send(p mqtt.Packet) {
	o := &c.output
	o.mu.Lock()
	o.pending = p.Append(o.pending, c.level)
	o.mu.Unlock()
	o.poke()
}

func (c *connection) wake() { c.output.poke() }

// write sends the output and the session's deliveries until the connection ends.
func (c *connection) write() {
	o := &c.output
	for range o.signal {
		// Whoever woke the writer usually has more: a frame of the journal settles
		// hundreds of packets. Letting it go on first makes one write of them.
		runtime.Gosched()
		for {
			o.mu.Lock()
			out, ended := o.pending, o.ended
			o.pending, o.spare = o.spare[:0], nil
			o.mu.Unlock()
			poke(o.drained)
			if x := c.session.Load(); x != nil && !ended && c.ctx.Err() == nil {
				out = x.fill(c, out, mostPerWrite)
			}
			if len(out) == 0 {
				o.spare = out
				if ended {
					return
				}
				break
			}
			o.allow(c.conn)
			_, err := c.conn.Write(out)
			c.server.counts.bytesOut.Add(uint64(len(out)))
			if cap(out) <= keptBuffer {
				o.spare = out[:0]
			}
			if err != nil {
				c.kill(mqtt.UnspecifiedError, err)
				o.drop()
				return
			}
		}
	}
}

// drop throws away what nobody will read any more.
func (o *output) drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pending, o.spare = nil, nil
}
