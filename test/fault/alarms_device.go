package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vigilcare/vigil/vital"
)

// alarmRules are what the alarms of the run are raised by. The number of an
// episode stands in its values, so that the text of an alarm says which it is.
const alarmRules = `
rule fault-heart
  title "Fast heart"
  source "one"
  source "two"
  when heart-rate > 120 /min for 0 s priority high text "HR {heart-rate}"
  fresh 45 s
  test "one value is enough"
    at 00:00 heart-rate 150.01 /min
    at 00:01 heart-rate 70 /min
    expect 00:00 high "HR 150.01 /min"
    expect 00:01 nothing

rule fault-oxygen
  title "Low oxygen"
  source "one"
  source "two"
  when spo2 < 85 % for 1 s priority high text "SpO2 {spo2}"
  fresh 45 s
  test "lasts for a second"
    from 00:00 to 00:01 every 500 ms spo2 50.01 %
    at 00:02 spo2 97 %
    from 00:10 to 00:11 every 1 s spo2 97 %
    expect 00:00 nothing
    expect 00:01 high "SpO2 50.01 %"
    expect 00:02 nothing
`

// sampleEvery is how often a device measures.
const sampleEvery = 500 * time.Millisecond

// condition is one of the two things that may be wrong with a patient.
type condition int

const (
	fastHeart condition = iota
	lowOxygen
)

func (c condition) rule() string { return [...]string{"fault-heart", "fault-oxygen"}[c] }

// from is the value of episode 0; each further one is a hundredth above it.
func (c condition) from() int { return [...]int{150, 50}[c] }

// measured is one sample with what became of it. An episode of 0 is none.
type measured struct {
	at           vital.Instant
	episode      [2]int // by condition
	sent         bool
	acknowledged time.Time // zero: not, or the power was cut before
}

func (m measured) payload(sequence int) []byte {
	heart, oxygen := "70", "97"
	if n := m.episode[fastHeart]; n > 0 {
		heart = fmt.Sprintf("%d.%02d", fastHeart.from()+n/100, n%100)
	}
	if n := m.episode[lowOxygen]; n > 0 {
		oxygen = fmt.Sprintf("%d.%02d", lowOxygen.from()+n/100, n%100)
	}
	return fmt.Appendf(nil, `{"seq":%d,"time":%q,"readings":[{"metric":"heart-rate","value":%s,"unit":"/min"},{"metric":"spo2","value":%s,"unit":"%%"}]}`,
		sequence, m.at.String(), heart, oxygen)
}

// bedside is a patient with a device, and the nurse who is told.
type bedside struct {
	device, username, password string
	patient, family, nurse     string
	// remembers: what was not acknowledged is kept and sent again, with a little
	// of what was. A device that does not loses what it measures meanwhile.
	remembers bool
	chance    *rand.Rand

	mu         sync.Mutex
	samples    []measured
	next       int // to be sent
	generation int // of acknowledgements that count
	resent     int
	ended      bool // nothing more is measured
}

// measure makes samples until ctx ends: calm, an episode, calm, another one. It
// ends calm.
func (b *bedside) measure(ctx context.Context) {
	var number [2]int
	start := time.Now()
	begin := vital.At(start)
	left, calm, kind := 3+b.chance.IntN(8), true, fastHeart
	one := func() {
		m := measured{at: begin.Add(time.Duration(len(b.samples)) * sampleEvery)}
		if !calm {
			m.episode[kind] = number[kind]
		}
		b.mu.Lock()
		b.samples = append(b.samples, m)
		b.mu.Unlock()
	}
	for ctx.Err() == nil {
		one()
		if left--; left == 0 {
			if calm = !calm; calm {
				left, kind = 3+b.chance.IntN(5), 1-kind
			} else {
				number[kind]++
				left = 1 + b.chance.IntN(8)
			}
		}
		sleep(ctx, time.Until(start.Add(time.Duration(len(b.samples))*sampleEvery)))
	}
	calm = true
	for range 6 {
		time.Sleep(time.Until(start.Add(time.Duration(len(b.samples)) * sampleEvery)))
		one()
	}
	b.mu.Lock()
	b.ended = true
	b.mu.Unlock()
}

// send keeps sending to the server that is there, until everything is sent.
func (b *bedside) send(ctx context.Context, server func() string) {
	for ctx.Err() == nil && !b.done() {
		if address := server(); address != "" {
			b.session(ctx, address)
		}
		sleep(ctx, 50*time.Millisecond)
	}
}

func (b *bedside) done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ended && (!b.remembers && b.next == len(b.samples) || b.firstOwed() == len(b.samples))
}

func (b *bedside) firstOwed() int {
	for i, m := range b.samples {
		if m.acknowledged.IsZero() {
			return i
		}
	}
	return len(b.samples)
}

// again is how many samples a device sends once more although they were
// acknowledged: the answer got lost on its way to it.
const again = 5

func (b *bedside) session(ctx context.Context, address string) {
	lost := make(chan struct{})
	var once sync.Once
	o := paho.NewClientOptions().AddBroker("tcp://" + address).SetClientID(b.device).SetUsername(b.username).SetPassword(b.password).
		SetCleanSession(true).SetAutoReconnect(false).SetConnectTimeout(3 * time.Second).SetKeepAlive(10 * time.Second).SetOrderMatters(false).
		SetConnectionLostHandler(func(paho.Client, error) { once.Do(func() { close(lost) }) })
	b.mu.Lock()
	generation := b.generation
	b.mu.Unlock()
	client := paho.NewClient(o)
	if t := client.Connect(); !t.WaitTimeout(4*time.Second) || t.Error() != nil {
		return
	}
	defer client.Disconnect(0)
	b.mu.Lock()
	if b.remembers {
		b.next = max(0, b.firstOwed()-again)
	} else if b.next > 0 {
		b.next = len(b.samples)
	}
	b.mu.Unlock()
	free := make(chan struct{}, window)
	for ctx.Err() == nil {
		i, m, ok := b.take()
		if !ok {
			if b.done() {
				return
			}
			select {
			case <-lost:
				return
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
			continue
		}
		select {
		case free <- struct{}{}:
		case <-lost:
			return
		case <-ctx.Done():
			return
		}
		token := client.Publish("v1/"+b.device+"/telemetry", 1, false, m.payload(i+1))
		go func() {
			select {
			case <-token.Done():
				if token.Error() == nil {
					b.acknowledge(i, generation)
				}
				<-free
			case <-lost:
			}
		}()
	}
}

// take is the next sample to be sent.
func (b *bedside) take() (int, measured, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next >= len(b.samples) {
		return 0, measured{}, false
	}
	i := b.next
	b.next++
	if b.samples[i].sent {
		b.resent++
	}
	b.samples[i].sent = true
	return i, b.samples[i], true
}

func (b *bedside) acknowledge(i, generation int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if generation == b.generation && b.samples[i].acknowledged.IsZero() {
		b.samples[i].acknowledged = time.Now()
	}
}

// rollBack takes back what was acknowledged after the power was cut: the server
// that said so never was.
func (b *bedside) rollBack(cut time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.generation++
	for i := range b.samples {
		if b.samples[i].acknowledged.After(cut) {
			b.samples[i].acknowledged = time.Time{}
		}
	}
}
