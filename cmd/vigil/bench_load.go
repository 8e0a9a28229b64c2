package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// account is what one device signs in with.
type account struct{ device, username, password string }

// loadPlan is one run of the load generator: every account is one connection
// that publishes QoS 1 and counts what the server acknowledges.
//
// It speaks MQTT 3.1.1 by hand, because a client library would be the slowest
// part: packets are made once and patched, and the packets that one batch of
// acknowledgements sets free leave in one write.
type loadPlan struct {
	address  string
	accounts []account
	window   int           // publishes in flight on each connection; closed loop
	rate     float64       // messages per second over all connections, sent when due; 0: closed loop
	warm     time.Duration // run before counting
	measure  time.Duration
	kinds    int    // pairs of metrics that each device sends in turn, at most payloadKinds
	first    uint64 // sequence before the first message; a device never counts backwards
}

// loadResult counts acknowledgements inside the measured time only.
type loadResult struct {
	acks    int
	seconds float64
	micros  []uint32 // from the write, or from the time a message was due, to its PUBACK; sorted
}

func (r loadResult) perSecond() float64 { return float64(r.acks) / r.seconds }

// millis returns the latency at a quantile in milliseconds.
func (r loadResult) millis(quantile float64) float64 {
	if len(r.micros) == 0 {
		return 0
	}
	i := min(int(quantile*float64(len(r.micros))), len(r.micros)-1)
	return float64(r.micros[i]) / 1000
}

// payloadBytes is the length of every payload: two readings and padding. A
// device sends several pairs of metrics in turn, as a monitor does, because no
// sensor measures the same thing twice in a millisecond.
const (
	payloadBytes = 200
	payloadKinds = 16
)

// form is a whole PUBLISH, patched for each message.
type form struct {
	bytes  []byte
	values [2]int // offsets in the payload of three decimals that change
}

// inFlightLimit bounds the publishes that wait for an acknowledgement; a power of two.
const inFlightLimit = 1024

// publisher is one connection.
type publisher struct {
	plan   *loadPlan
	conn   net.Conn
	packet []form // sent in turn
	id     int    // offset of the packet identifier
	body   int    // offset of the payload
	count  uint64
	due    [inFlightLimit]int64 // by packet identifier: when latency began, Unix nanoseconds
	micros []uint32
	acks   int
}

// run connects everybody, loads the server and returns what it acknowledged.
func (p loadPlan) run(ctx context.Context) (loadResult, error) {
	publishers := make([]*publisher, len(p.accounts))
	defer func() {
		for _, c := range publishers {
			if c != nil {
				c.conn.Close()
			}
		}
	}()
	for i, a := range p.accounts {
		c, err := p.connect(ctx, a)
		if err != nil {
			return loadResult{}, fmt.Errorf("connect %s to %s: %w", a.device, p.address, err)
		}
		publishers[i] = c
	}
	var (
		start    = time.Now()
		from     = start.Add(p.warm)
		to       = from.Add(p.measure)
		group    sync.WaitGroup
		failed   atomic.Pointer[error]
		interval time.Duration
	)
	if p.rate > 0 {
		interval = time.Duration(float64(len(publishers)) / p.rate * float64(time.Second))
	}
	for i, c := range publishers {
		c.conn.SetDeadline(to.Add(10 * time.Second))
		group.Go(func() {
			var err error
			if p.rate > 0 {
				err = c.open(start.Add(interval*time.Duration(i)/time.Duration(len(publishers))), interval, from, to)
			} else {
				err = c.closed(from, to)
			}
			if err != nil {
				err = fmt.Errorf("publish as %s: %w", p.accounts[i].device, err)
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	group.Wait()
	result := loadResult{seconds: p.measure.Seconds()}
	for _, c := range publishers {
		result.acks += c.acks
		result.micros = append(result.micros, c.micros...)
	}
	slices.Sort(result.micros)
	if err := failed.Load(); err != nil {
		return result, *err
	}
	return result, ctx.Err()
}

// connect opens a clean session and makes the packet that will be patched.
func (p *loadPlan) connect(ctx context.Context, a account) (*publisher, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	hello := []byte{0, 4, 'M', 'Q', 'T', 'T', 4, 0xC2, 0, 120}
	for _, s := range []string{a.device, a.username, a.password} {
		hello = appendText(hello, s)
	}
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	answer := make([]byte, 4)
	if _, err := conn.Write(append(appendLength([]byte{0x10}, len(hello)), hello...)); err != nil {
		conn.Close()
		return nil, err
	}
	if err := readFull(conn, answer); err != nil {
		conn.Close()
		return nil, err
	}
	if answer[0] != 0x20 || answer[3] != 0 {
		conn.Close()
		return nil, fmt.Errorf("refused with CONNACK % x", answer)
	}
	topic := "v1/" + a.device + "/telemetry"
	c := &publisher{plan: p, conn: conn, count: p.first}
	head := appendText(appendLength([]byte{0x32}, 2+len(topic)+2+payloadBytes), topic)
	c.id, c.body = len(head), len(head)+2
	for _, f := range benchForms(max(p.kinds, 1)) {
		f.bytes = slices.Concat(head, []byte{0, 0}, f.bytes)
		c.packet = append(c.packet, f)
	}
	return c, nil
}

// Offsets of what changes in the payload.
const (
	payloadSequence = len(`{"seq":`)
	payloadTime     = payloadSequence + 10 + len(`,"time":"`)
)

// benchForms returns the payloads without their packets.
func benchForms(kinds int) []form {
	forms := make([]form, min(kinds, payloadKinds))
	metrics := numericMetrics(2 * len(forms))
	for i := range forms {
		text := `{"seq":0         ,"time":"2006-01-02T15:04:05.000Z","readings":[`
		for j := range 2 {
			m := metrics[2*i+j]
			text += fmt.Sprintf(`{"metric":%q,"value":%d.`, m.Name, int((m.Low.Float()+m.High.Float())/2))
			forms[i].values[j] = len(text)
			text += fmt.Sprintf(`000,"unit":%q},`, m.Unit)
		}
		text = strings.TrimSuffix(text, ",") + "]"
		forms[i].bytes = []byte(text + strings.Repeat(" ", max(0, payloadBytes-1-len(text))) + "}")
	}
	return forms
}

// next appends the next PUBLISH to buffer and notes when its latency begins.
func (c *publisher) next(buffer []byte, due, now time.Time) []byte {
	c.count++
	f := &c.packet[c.count%uint64(len(c.packet))]
	id := uint16((c.count-1)%65535 + 1)
	binary.BigEndian.PutUint16(f.bytes[c.id:], id)
	c.due[id%inFlightLimit] = due.UnixNano()
	body := f.bytes[c.body:]
	digits := strconv.AppendUint(body[payloadSequence:payloadSequence], c.count, 10)
	for i := len(digits); i < 10; i++ {
		body[payloadSequence+i] = ' '
	}
	var text [40]byte // AppendFormat writes past what it returns
	copy(body[payloadTime:], now.UTC().AppendFormat(text[:0], "2006-01-02T15:04:05.000Z"))
	v := c.count / uint64(len(c.packet)) % 1000
	for _, at := range f.values {
		body[at], body[at+1], body[at+2] = '0'+byte(v/100), '0'+byte(v/10%10), '0'+byte(v%10)
	}
	return append(buffer, f.bytes...)
}

// acknowledged reads PUBACKs, calling each for every packet identifier, until
// stop says that it has had enough.
func (c *publisher) acknowledged(buffer []byte, read func([]byte) (int, error), each func(id uint16) error) error {
	held := 0
	for {
		n, err := read(buffer[held:])
		if err != nil {
			return err
		}
		n += held
		i := 0
		for ; i+4 <= n; i += 4 {
			if buffer[i]&0xF0 != 0x40 || buffer[i+1] != 2 {
				return fmt.Errorf("want PUBACK, got % x", buffer[i:i+4])
			}
			if err := each(binary.BigEndian.Uint16(buffer[i+2:])); err != nil {
				return err
			}
		}
		held = copy(buffer, buffer[i:n])
		if err := each(0); err != nil {
			return err
		}
	}
}

// errDone ends a connection that has measured long enough.
var errDone = fmt.Errorf("measured")

// closed keeps window publishes in flight.
func (c *publisher) closed(from, to time.Time) error {
	out := make([]byte, 0, c.plan.window*len(c.packet[0].bytes))
	now := time.Now()
	for range c.plan.window {
		out = c.next(out, now, now)
	}
	if _, err := c.conn.Write(out); err != nil {
		return err
	}
	free := 0
	err := c.acknowledged(make([]byte, 4*inFlightLimit), func(b []byte) (int, error) {
		n, err := c.conn.Read(b)
		now = time.Now()
		return n, err
	}, func(id uint16) error {
		if id != 0 {
			free++
			c.count1(id, now, now, from, to)
			return nil
		}
		if now.After(to) {
			return errDone
		}
		out = out[:0]
		for ; free > 0; free-- {
			out = c.next(out, now, now)
		}
		_, err := c.conn.Write(out)
		return err
	})
	if err == errDone {
		return nil
	}
	return err
}

// count1 counts one acknowledgement whose time lies inside the measured time.
func (c *publisher) count1(id uint16, now, inside, from, to time.Time) {
	if inside.Before(from) || inside.After(to) {
		return
	}
	c.acks++
	c.micros = append(c.micros, uint32((now.UnixNano()-c.due[id%inFlightLimit])/1000))
}

// open publishes one message each interval, whatever the server does: a server
// that stalls is charged for every message that fell due meanwhile. What fell
// due inside the measured time counts, however late its acknowledgement.
func (c *publisher) open(first time.Time, interval time.Duration, from, to time.Time) error {
	total := uint64(to.Sub(first)/interval) + 1
	done := make(chan error, 1)
	var received atomic.Uint64
	var mutex sync.Mutex // guards due between the two directions
	go func() {
		var now time.Time
		done <- c.acknowledged(make([]byte, 4*inFlightLimit), func(b []byte) (int, error) {
			n, err := c.conn.Read(b)
			now = time.Now()
			return n, err
		}, func(id uint16) error {
			if id != 0 {
				mutex.Lock()
				c.count1(id, now, time.Unix(0, c.due[id%inFlightLimit]), from, to)
				mutex.Unlock()
				received.Add(1)
			} else if received.Load() == total {
				return errDone
			}
			return nil
		})
	}()
	var out []byte
	for i := range total {
		due := first.Add(time.Duration(i) * interval)
		time.Sleep(time.Until(due))
		if i-received.Load() >= inFlightLimit {
			return fmt.Errorf("%d messages wait for an acknowledgement", inFlightLimit)
		}
		mutex.Lock()
		out = c.next(out[:0], due, time.Now())
		mutex.Unlock()
		if _, err := c.conn.Write(out); err != nil {
			return err
		}
	}
	if err := <-done; err != errDone {
		return err
	}
	return nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// appendLength appends an MQTT remaining length.
func appendLength(b []byte, n int) []byte {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

func readFull(conn net.Conn, b []byte) error {
	for n := 0; n < len(b); {
		m, err := conn.Read(b[n:])
		if err != nil {
			return err
		}
		n += m
	}
	return nil
}
