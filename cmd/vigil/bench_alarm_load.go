package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// alarmLoad lets oximeters send, and knows which of their readings have to become
// an alarm: every episode is made, not found.
type alarmLoad struct {
	address string
	rate    float64 // readings a second of all devices; 0: as fast as acknowledgements return
	window  int     // closed loop: publishes in flight on each connection
	measure time.Duration
	warm    time.Duration
	devices []*alarmDevice
	sent    atomic.Int64 // inside the measured time
	low     atomic.Int64 // of those, in an episode
	took    time.Duration
}

// episode is one fall of the saturation. Times are those at which a reading left.
type episode struct {
	onset   int64 // ms since 1970, as the device says it
	decided time.Time
	alarms  int
	first   time.Time // its alarm on the socket
}

// alarmDevice is one oximeter. Of its own goroutine until the run is over.
type alarmDevice struct {
	account  account
	conn     net.Conn
	flight   chan struct{} // one token for each publish that is not acknowledged
	count    uint64
	stamp    int64 // of the newest reading, ms since 1970
	episodes []*episode
	now      *episode // under way
	next     time.Time
}

func newAlarmLoad(address string, accounts []account, rate float64, measure, warm time.Duration, window int) *alarmLoad {
	l := &alarmLoad{address: address, rate: rate, window: window, measure: measure, warm: max(warm, 2*time.Second)}
	if rate > 0 {
		l.window = inFlightLimit - 1
	}
	for _, a := range accounts {
		l.devices = append(l.devices, &alarmDevice{account: a, flight: make(chan struct{}, l.window)})
	}
	return l
}

// connect signs every device in, a few at a time.
func (l *alarmLoad) connect(ctx context.Context) error {
	var group sync.WaitGroup
	errs := make(chan error, len(l.devices))
	turns := make(chan struct{}, 32)
	plan := loadPlan{address: l.address}
	for _, d := range l.devices {
		turns <- struct{}{}
		group.Go(func() {
			defer func() { <-turns }()
			c, err := plan.connect(ctx, d.account)
			if err != nil {
				errs <- fmt.Errorf("connect %s: %w", d.account.device, err)
				return
			}
			d.conn = c.conn
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		l.close()
		return err
	default:
		return nil
	}
}

func (l *alarmLoad) close() {
	for _, d := range l.devices {
		if d.conn != nil {
			d.conn.Close()
		}
	}
}

// run sends until the time is over and every episode that began has ended.
func (l *alarmLoad) run(ctx context.Context) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	defer l.close()
	n := len(l.devices)
	interval := time.Duration(0)
	if l.rate > 0 {
		interval = time.Duration(float64(n) / l.rate * float64(time.Second))
	}
	start := time.Now()
	from := start.Add(l.warm)
	to := from.Add(l.measure)
	var group sync.WaitGroup
	errs := make(chan error, 2*n)
	for i, d := range l.devices {
		d.next = from.Add(alarmEvery * time.Duration(i) / time.Duration(n))
		d.conn.SetDeadline(to.Add(time.Minute))
		go d.acknowledge()
		group.Go(func() {
			if err := l.device(ctx, d, start.Add(interval*time.Duration(i)/time.Duration(n)), interval, from, to); err != nil {
				errs <- fmt.Errorf("send as %s: %w", d.account.device, err)
			}
		})
	}
	group.Wait()
	l.took = time.Since(from)
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

// acknowledge gives back a token for every PUBACK.
func (d *alarmDevice) acknowledge() {
	buffer, held := make([]byte, 1024), 0
	for {
		n, err := d.conn.Read(buffer[held:])
		if err != nil {
			return
		}
		n += held
		i := 0
		for ; i+4 <= n; i += 4 {
			if buffer[i]&0xF0 == 0x40 {
				<-d.flight
			}
		}
		held = copy(buffer, buffer[i:n])
	}
}

func (l *alarmLoad) device(ctx context.Context, d *alarmDevice, due time.Time, interval time.Duration, from, to time.Time) error {
	var out []byte
	for ctx.Err() == nil {
		if interval > 0 {
			time.Sleep(time.Until(due))
			due = due.Add(interval)
		}
		out = out[:0]
		for len(out) == 0 || interval == 0 {
			if ahead := d.stamp - time.Now().UnixMilli(); ahead >= 0 {
				if len(out) > 0 {
					break
				}
				time.Sleep(time.Duration(ahead+1) * time.Millisecond)
			}
			if len(out) == 0 {
				d.flight <- struct{}{} // a server that is behind makes its devices wait
			} else {
				select {
				case d.flight <- struct{}{}:
				default:
					goto full
				}
			}
			now := time.Now()
			if !now.Before(to) && d.now == nil {
				return nil
			}
			low := d.saturation(now, to)
			if !now.Before(from) && now.Before(to) {
				l.sent.Add(1)
				if low {
					l.low.Add(1)
				}
			}
			out = d.publish(out, low)
			if low {
				d.decide(now)
			}
		}
	full:
		if _, err := d.conn.Write(out); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// saturation says whether the next reading is low, and moves the stamp on: no
// sensor measures twice in a millisecond.
func (d *alarmDevice) saturation(now, to time.Time) (low bool) {
	d.stamp = max(now.UnixMilli(), d.stamp+1)
	switch {
	case d.now != nil && !d.now.decided.IsZero() && d.stamp >= d.now.onset+alarmLowFor.Milliseconds():
		d.now, d.next = nil, d.next.Add(alarmEvery)
	case d.now == nil && !now.Before(d.next) && now.Before(to.Add(-alarmLowFor)):
		d.now = &episode{onset: d.stamp}
		d.episodes = append(d.episodes, d.now)
	}
	return d.now != nil
}

// decide notes when the reading leaves that makes the episode long enough.
func (d *alarmDevice) decide(now time.Time) {
	if d.now.decided.IsZero() && d.stamp >= d.now.onset+alarmDecides.Milliseconds() {
		d.now.decided = now
	}
}

// publish appends a PUBLISH of QoS 1 with one reading.
func (d *alarmDevice) publish(out []byte, low bool) []byte {
	d.count++
	value := 96 + d.count/8%2
	if low {
		value = 84 + d.count/4%3
	}
	var text [160]byte
	body := append(text[:0], `{"seq":`...)
	body = strconv.AppendUint(body, d.count, 10)
	body = append(body, `,"time":"`...)
	body = time.UnixMilli(d.stamp).UTC().AppendFormat(body, "2006-01-02T15:04:05.000Z")
	body = append(body, `","readings":[{"metric":"spo2","value":`...)
	body = strconv.AppendUint(body, value, 10)
	body = append(body, `,"unit":"%"}]}`...)
	return d.send(out, "/telemetry", body)
}

func (d *alarmDevice) send(out []byte, topic string, body []byte) []byte {
	topic = "v1/" + d.account.device + topic
	out = append(out, 0x32)
	out = appendLength(out, 2+len(topic)+2+len(body))
	out = appendText(out, topic)
	out = binary.BigEndian.AppendUint16(out, uint16(d.count%65535+1))
	return append(out, body...)
}

// expected is how many alarms have to come.
func (l *alarmLoad) expected() (n int) {
	for _, d := range l.devices {
		n += len(d.episodes)
	}
	return n
}

// alarmResult is one run.
type alarmResult struct {
	rate, share                               float64
	expected, raised, missed, late, duplicate int
	p50, p99                                  float64 // ms
}

func (r alarmResult) String() string {
	return fmt.Sprintf("%.0f readings/s, %.1f %% in episodes; %d alarms expected, %d raised, %d missed, %d late, %d duplicate; p50 %.1f ms, p99 %.1f ms",
		r.rate, 100*r.share, r.expected, r.raised, r.missed, r.late, r.duplicate, r.p50, r.p99)
}

// judge gives every alarm to the episode in which it began. An alarm beyond the
// first of an episode, and one of no episode, is a duplicate.
func (l *alarmLoad) judge(alarms []seenAlarm, device map[string]int) alarmResult {
	r := alarmResult{raised: len(alarms), expected: l.expected()}
	if sent := l.sent.Load(); sent > 0 {
		r.rate, r.share = float64(sent)/l.measure.Seconds(), float64(l.low.Load())/float64(sent)
	}
	slices.SortFunc(alarms, func(x, y seenAlarm) int { return x.at.Compare(y.at) })
	for _, a := range alarms {
		var of *episode
		if i, known := device[a.owner]; known {
			of = l.devices[i].episodeAt(a.since)
		}
		if of == nil {
			r.duplicate++
			continue
		}
		if of.alarms++; of.alarms > 1 {
			r.duplicate++
			continue
		}
		of.first = a.at
	}
	var millis []float64
	for _, d := range l.devices {
		for _, e := range d.episodes {
			if e.alarms == 0 {
				r.missed++
				continue
			}
			took := e.first.Sub(e.decided)
			if took > alarmLate {
				r.late++
			}
			millis = append(millis, float64(took.Microseconds())/1000)
		}
	}
	slices.Sort(millis)
	if len(millis) > 0 {
		r.p50, r.p99 = millis[len(millis)/2], millis[len(millis)*99/100]
	}
	return r
}

// clockSlack is how far a server may move a device's time, ms.
const clockSlack = 500

// episodeAt is the episode in which a time lies: from its onset to the next.
func (d *alarmDevice) episodeAt(since int64) (found *episode) {
	for _, e := range d.episodes {
		if since >= e.onset-clockSlack {
			found = e
		}
	}
	return found
}

// alarmTally adds up runs.
type alarmTally struct {
	rates, shares, p50, p99                   []float64
	expected, raised, missed, late, duplicate int
}

func (t *alarmTally) add(r alarmResult) {
	t.rates, t.shares, t.p50, t.p99 = append(t.rates, r.rate), append(t.shares, r.share), append(t.p50, r.p50), append(t.p99, r.p99)
	t.expected, t.raised, t.missed = t.expected+r.expected, t.raised+r.raised, t.missed+r.missed
	t.late, t.duplicate = t.late+r.late, t.duplicate+r.duplicate
}
