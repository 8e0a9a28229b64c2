package mqtt_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	five "github.com/eclipse/paho.golang/paho"
	"github.com/eclipse/paho.golang/paho/session"
	three "github.com/eclipse/paho.mqtt.golang"
)

// collect gathers messages until there are enough.
type collect struct {
	mu     sync.Mutex
	bodies []string
	want   int
	full   chan struct{}
}

func newCollect(want int) *collect { return &collect{want: want, full: make(chan struct{})} }

func (c *collect) take(body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, string(body))
	if len(c.bodies) == c.want {
		close(c.full)
	}
}

func (c *collect) wait(t *testing.T) []string {
	t.Helper()
	if c.want > 0 {
		select {
		case <-c.full:
			time.Sleep(50 * time.Millisecond) // let the last acknowledgement go
		case <-time.After(20 * time.Second):
			t.Error("waited 20 s for messages")
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bodies
}

// --- 3.1.1

func dialThree(t *testing.T, s *site, c call, take func(body []byte)) three.Client {
	t.Helper()
	o := three.NewClientOptions().AddBroker("tcp://" + s.address).SetClientID(c.id).SetUsername(c.user).SetPassword("secret").
		SetCleanSession(!c.keep).SetProtocolVersion(4).SetOrderMatters(true).SetConnectRetryInterval(50 * time.Millisecond).
		SetMaxReconnectInterval(50 * time.Millisecond).SetAutoReconnect(true)
	o.SetStore(three.NewOrderedMemoryStore()) // the plain one sends again in any order, which is no fault of ours
	if take != nil {
		o.SetDefaultPublishHandler(func(_ three.Client, m three.Message) { take(m.Payload()) })
	}
	client := three.NewClient(o)
	finished(t, client.Connect())
	return client
}

func finished(t *testing.T, token three.Token) {
	t.Helper()
	if !token.WaitTimeout(30 * time.Second) {
		t.Fatal("no answer within 30 s")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

var pahoThree = foreign{"paho.mqtt.golang",
	func(t *testing.T, s *site, c call) {
		client := dialThree(t, s, c, nil)
		var tokens []three.Token
		for _, n := range numbers(c.count) {
			tokens = append(tokens, client.Publish(c.topic, c.qos, false, n))
		}
		for _, token := range tokens {
			finished(t, token)
		}
		client.Disconnect(100)
	},
	func(t *testing.T, s *site, c call) []string {
		got := newCollect(c.count)
		client := dialThree(t, s, c, got.take)
		finished(t, client.Subscribe(c.topic, c.qos, nil))
		defer client.Disconnect(100)
		return got.wait(t)
	},
	func(t *testing.T, s *site, c call) {
		client := dialThree(t, s, c, nil)
		for _, n := range numbers(c.count) {
			token := client.Publish(c.topic, c.qos, false, n)
			if !token.WaitTimeout(30 * time.Second) {
				t.Fatal("no answer within 30 s")
			}
			if token.Error() != nil { // the write failed: it is in Paho's store and is sent again when connected
				s.until("it was sent again", func() bool { return slices.Contains(s.journal.all(), n) })
			}
		}
		client.Disconnect(100)
	},
}

// --- 5

func dialFive(t *testing.T, s *site, c call, take func(*five.Publish)) *autopaho.ConnectionManager {
	t.Helper()
	u, err := url.Parse("mqtt://" + s.address)
	if err != nil {
		t.Fatal(err)
	}
	o := autopaho.ClientConfig{
		ServerUrls: []*url.URL{u}, KeepAlive: 30, CleanStartOnInitialConnection: !c.keep, ConnectUsername: c.user, ConnectPassword: []byte("secret"),
		ReconnectBackoff: func(int) time.Duration { return 50 * time.Millisecond },
		ClientConfig:     five.ClientConfig{ClientID: c.id},
	}
	if c.keep {
		o.SessionExpiryInterval = 3600
	}
	if take != nil {
		o.OnPublishReceived = []func(five.PublishReceived) (bool, error){func(p five.PublishReceived) (bool, error) {
			take(p.Packet)
			return true, nil
		}}
	}
	manager, err := autopaho.NewConnection(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := manager.AwaitConnection(ctx); err != nil {
		t.Fatal(err)
	}
	return manager
}

func leaveFive(t *testing.T, m *autopaho.ConnectionManager) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := m.Disconnect(ctx); err != nil {
		t.Error(err)
	}
}

func subscribeFive(t *testing.T, m *autopaho.ConnectionManager, topic string, qos byte) {
	t.Helper()
	if _, err := m.Subscribe(t.Context(), &five.Subscribe{Subscriptions: []five.SubscribeOptions{{Topic: topic, QoS: qos}}}); err != nil {
		t.Fatal(err)
	}
}

var pahoFive = foreign{"paho.golang",
	func(t *testing.T, s *site, c call) {
		m := dialFive(t, s, c, nil)
		defer leaveFive(t, m)
		for _, n := range numbers(c.count) {
			if _, err := m.Publish(t.Context(), &five.Publish{Topic: c.topic, QoS: c.qos, Payload: []byte(n)}); err != nil {
				t.Fatal(err)
			}
		}
	},
	func(t *testing.T, s *site, c call) []string {
		got := newCollect(c.count)
		m := dialFive(t, s, c, func(p *five.Publish) { got.take(p.Payload) })
		defer leaveFive(t, m)
		subscribeFive(t, m, c.topic, c.qos)
		return got.wait(t)
	},
	func(t *testing.T, s *site, c call) {
		m := dialFive(t, s, c, nil)
		defer leaveFive(t, m)
		for _, n := range numbers(c.count) {
			// A publication that was under way when the connection ended goes on in the
			// session; only one that never began is to be begun again.
			for {
				if err := m.AwaitConnection(t.Context()); err != nil {
					t.Error(err)
					return
				}
				_, err := m.Publish(t.Context(), &five.Publish{Topic: c.topic, QoS: c.qos, Payload: []byte(n)})
				if err == nil {
					break
				}
				if !errors.Is(err, autopaho.ConnectionDownError) && !errors.Is(err, session.ErrNoConnection) {
					t.Error(err)
					return
				}
			}
		}
	},
}

// answer starts a client that answers every request in capital letters, where and
// with the correlation data that the request says.
func answer(t *testing.T, s *site) {
	t.Helper()
	requests := make(chan *five.Publish, 10)
	m := dialFive(t, s, call{id: "lab-responder", user: "lab"}, func(p *five.Publish) { requests <- p })
	subscribeFive(t, m, "app/lab/question", 2)
	go func() {
		for p := range requests {
			reply := &five.Publish{Topic: p.Properties.ResponseTopic, QoS: p.QoS, Payload: bytes.ToUpper(p.Payload),
				Properties: &five.PublishProperties{CorrelationData: p.Properties.CorrelationData}}
			if _, err := m.Publish(context.Background(), reply); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() { leaveFive(t, m); close(requests) })
}
