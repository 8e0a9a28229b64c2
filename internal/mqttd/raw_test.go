package mqttd_test

import (
	"net"
	"os"
	"testing"
	"time"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// raw is a client that sends exactly what a test says and reads packet by packet.
type raw struct {
	t     testing.TB
	conn  net.Conn
	level mqtt.Level
	rest  []byte
}

func (h *house) raw(level mqtt.Level) *raw {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	return &raw{t: h.t, conn: conn, level: level}
}

// connected is a raw client that has been let in; change may alter its CONNECT.
func (h *house) connected(id string, level mqtt.Level, change func(*mqtt.Connect)) (*raw, *mqtt.Connack) {
	h.t.Helper()
	r := h.raw(level)
	p := &mqtt.Connect{Level: level, ClientID: id, Clean: true, KeepAlive: 60, HasUsername: true, Username: id, HasPassword: true, Password: reversed(id)}
	if change != nil {
		change(p)
	}
	r.send(p)
	a, ok := r.read().(*mqtt.Connack)
	if !ok || a.Code != 0 {
		h.t.Fatalf("CONNACK %+v", a)
	}
	return r, a
}

func (r *raw) send(packets ...mqtt.Packet) {
	r.t.Helper()
	var b []byte
	for _, p := range packets {
		b = p.Append(b, r.level)
	}
	r.write(b)
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	r.conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatalf("write: %v", err)
	}
}

// back puts a packet back, to be read next.
func (r *raw) back(p mqtt.Packet) { r.rest = append(p.Append(nil, r.level), r.rest...) }

// next returns the next packet, or nil and the reason why there is none.
func (r *raw) next(wait time.Duration) (mqtt.Packet, error) {
	r.conn.SetReadDeadline(time.Now().Add(wait))
	for {
		f, n, err := mqtt.Next(r.rest, mqtt.MaxLength)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			p, err := mqtt.Decode(f, r.level)
			r.rest = append([]byte(nil), r.rest[n:]...)
			return p, err
		}
		b := make([]byte, 4096)
		n, err = r.conn.Read(b)
		if n == 0 && err != nil {
			return nil, err
		}
		r.rest = append(r.rest, b[:n]...)
	}
}

func (r *raw) read() mqtt.Packet {
	r.t.Helper()
	p, err := r.next(5 * time.Second)
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return p
}

func (r *raw) publish() *mqtt.Publish {
	r.t.Helper()
	p := r.read()
	m, ok := p.(*mqtt.Publish)
	if !ok {
		r.t.Fatalf("got %T %+v, want a PUBLISH", p, p)
	}
	m.Payload = append([]byte(nil), m.Payload...)
	return m
}

func (r *raw) ack(want mqtt.Type) *mqtt.Ack {
	r.t.Helper()
	p := r.read()
	a, ok := p.(*mqtt.Ack)
	if !ok || a.Type != want {
		r.t.Fatalf("got %T %+v, want %v", p, p, want)
	}
	return a
}

// silent checks that nothing comes.
func (r *raw) silent(d time.Duration) {
	r.t.Helper()
	if p, err := r.next(d); !os.IsTimeout(err) {
		r.t.Fatalf("got %T %+v (%v), want silence", p, p, err)
	}
}

// closed checks that the server closes, and returns the reason it gave, if any.
func (r *raw) closed() mqtt.Reason {
	r.t.Helper()
	reason := mqtt.Success
	for {
		p, err := r.next(5 * time.Second)
		if os.IsTimeout(err) {
			r.t.Fatal("still open after 5 s")
		}
		if err != nil {
			return reason
		}
		if d, ok := p.(*mqtt.Disconnect); ok {
			reason = d.Reason
		}
	}
}

func (r *raw) subscribe(properties *mqtt.Properties, filters ...mqtt.Filter) []mqtt.Reason {
	r.t.Helper()
	r.send(&mqtt.Subscribe{ID: 77, Filters: filters, Properties: properties})
	s, ok := r.read().(*mqtt.Suback)
	if !ok {
		r.t.Fatal("no SUBACK")
	}
	return s.Codes
}
