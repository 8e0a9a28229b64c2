package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// mqttGate lets the MQTT door ask the gate.
type mqttGate struct{ gate *auth.Gate }

func (g mqttGate) Login(ctx context.Context, l mqttd.Login) (auth.Principal, error) {
	return g.gate.DeviceLogin(ctx, l.ClientID, l.Username, l.Password, l.Certificate, l.Remote)
}

func (g mqttGate) Allow(ctx context.Context, p auth.Principal, a auth.Action, s auth.Subject) error {
	return g.gate.Allow(ctx, p, a, s)
}

// visible says whether an integration may read a device: its wards decide.
func (n *node) visible(p auth.Principal, id vital.DeviceID) bool {
	if p.AllWards {
		return true
	}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Second)
	defer stop()
	_, err := n.store.Device(ctx, n.gate.Rows(p), id)
	return err == nil
}

// passed tells the watch who connected and who left.
func (n *node) passed(ctx context.Context, p mqttd.Passage) {
	passage := flow.Passage{Credential: p.Principal.Credential, Up: p.Up, Goodbye: p.Goodbye, Why: p.Why, At: vital.At(p.At)}
	switch p.Principal.Class {
	case auth.Device:
		passage.Device = vital.DeviceID(p.Principal.ID)
	case auth.Gateway:
		passage.Gateway = p.Principal.ID
	default:
		return // a program: nobody is watched through it
	}
	if err := n.flow.Link(ctx, passage); err != nil {
		n.log.Warn("that a client came or went could not be journalled", "client", p.Client, "error", err.Error())
	}
}

// report tells a device what became of its packet, on v1/{device}/status. It is
// called by the flow and must not block.
func (n *node) report(i ingest.PacketInfo) {
	if n.gate != nil && !i.Gateway && i.Result != ingest.Failed {
		n.gate.Counted(i.Device, i.Sequence, i.Print, i.Received)
	}
	if n.mqtt == nil || i.Door != "mqtt" || i.Device == "" {
		return
	}
	topic := "v1/" + string(i.Device) + "/status"
	if !n.mqtt.Listened() {
		return
	}
	body, err := json.Marshal(struct {
		Sequence uint64        `json:"seq,omitempty"`
		Received vital.Instant `json:"received"`
		Result   ingest.Result `json:"result"`
		Reason   string        `json:"reason,omitempty"`
		Readings int           `json:"readings"`
	}{i.Sequence, i.Received, i.Result, i.Reason, i.Readings + i.Waves + i.Events})
	if err != nil {
		return
	}
	if err := n.mqtt.Publish(context.Background(), topic, body, 0, false, nil); err != nil {
		n.log.Debug("a status could not be published", "device", string(i.Device), "error", err.Error())
	}
}

// mqttSessions keeps the MQTT door's sessions in the store.
type mqttSessions struct {
	store *store.DB
	site  vital.Site
}

func (m mqttSessions) Load(ctx context.Context) ([]mqttd.Saved, []mqttd.Kept, error) {
	rows, err := m.store.MQTTSessions(ctx, m.site)
	if err != nil {
		return nil, nil, err
	}
	saved := make([]mqttd.Saved, 0, len(rows))
	for _, r := range rows {
		s := mqttd.Saved{Client: r.Client, Expires: r.Expires, Body: r.Body}
		if err := json.Unmarshal(r.Principal, &s.Principal); err != nil {
			return nil, nil, vital.Errorf(vital.Internal, "read the MQTT session of %q: %w", r.Client, err)
		}
		saved = append(saved, s)
	}
	retained, err := m.store.RetainedAll(ctx, m.site)
	if err != nil {
		return nil, nil, err
	}
	kept := make([]mqttd.Kept, 0, len(retained))
	for _, r := range retained {
		kept = append(kept, mqttd.Kept{Topic: r.Topic, QoS: r.QoS, Body: r.Body, At: r.At, Expires: r.Expires})
	}
	return saved, kept, nil
}

func (m mqttSessions) Save(ctx context.Context, c mqttd.Change) error {
	put := make([]store.MQTTSession, 0, len(c.Put))
	for _, s := range c.Put {
		principal, err := json.Marshal(s.Principal)
		if err != nil {
			return err
		}
		put = append(put, store.MQTTSession{Client: s.Client, Principal: principal, Expires: s.Expires, Body: s.Body})
	}
	retain := make([]store.Retained, 0, len(c.Retain))
	for _, k := range c.Retain {
		retain = append(retain, store.Retained{Topic: k.Topic, QoS: k.QoS, Body: k.Body, At: k.At, Expires: k.Expires})
	}
	return m.store.SaveMQTT(ctx, m.site, put, c.End, retain, c.Forget)
}
