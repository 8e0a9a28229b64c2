package mqttd

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// will is what a client wants said when it is gone without a goodbye.
type will struct {
	message *message
	delay   time.Duration
	at      time.Time // when the delay is over
}

func newWill(w *mqtt.Will, c *connection, client string) *will {
	p := mqtt.Publish{Topic: w.Topic, Payload: w.Payload, QoS: w.QoS, Retain: w.Retain, Properties: w.Properties}
	v := &will{message: newMessage(&p, c.server.now())}
	v.message.from, v.message.client = c.principal, client
	if w.Properties != nil {
		v.delay = time.Duration(w.Properties.WillDelay) * time.Second
		if e := w.Properties.MessageExpiry; e != nil {
			v.message.expires = time.Time{} // it counts from the publication
		}
	}
	return v
}

// publishWill publishes w as if its client sent it now: a device's will is a packet
// like any other, in the journal before it is with anybody.
func (s *Server) publishWill(w *will) {
	m := *w.message
	m.at = s.now()
	if m.device == "" {
		s.route(&m)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	s.inside.Add(1)
	err := s.door.Accept(ctx, s.packet(&m), func(_ ingest.Receipt, err error) {
		s.inside.Add(-1)
		if err != nil {
			s.log.Warn("mqtt: a will was not accepted", "client", m.client, "topic", m.topic, "error", err)
			return
		}
		s.route(&m)
	})
	if err != nil {
		s.inside.Add(-1)
		s.log.Warn("mqtt: a will was not accepted", "client", m.client, "topic", m.topic, "error", err)
	}
}
