package mqtt_test

import (
	"bytes"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/wire/mqtt"
)

func text() *rapid.Generator[string] { return rapid.StringMatching(`[a-zäß€ ]{0,12}`) }

func topic() *rapid.Generator[string] {
	return rapid.StringMatching(`[a-z0-9]{1,6}(/[a-z0-9ü]{0,6}){0,3}`)
}

func blob() *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		b := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")
		if len(b) == 0 {
			return nil
		}
		return b
	})
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], name string) *T {
	if !rapid.Bool().Draw(t, "has "+name) {
		return nil
	}
	return new(g.Draw(t, name))
}

func flag() *rapid.Generator[byte] { return rapid.ByteRange(0, 1) }

// properties draws what may stand in a packet of the given kind.
func properties(t *rapid.T, kind string) *mqtt.Properties {
	p := new(mqtt.Properties)
	users := rapid.IntRange(0, 3).Draw(t, "user properties")
	for range users {
		p.User = append(p.User, mqtt.UserProperty{Name: text().Draw(t, "name"), Value: text().Draw(t, "value")})
	}
	switch kind {
	case "publish", "will":
		p.PayloadFormat = flag().Draw(t, "format")
		p.MessageExpiry = maybe(t, rapid.Uint32(), "expiry")
		p.ContentType = text().Draw(t, "content type")
		if rapid.Bool().Draw(t, "has response topic") {
			p.ResponseTopic = topic().Draw(t, "response topic")
		}
		p.CorrelationData = blob().Draw(t, "correlation")
		if kind == "will" {
			p.WillDelay = rapid.Uint32().Draw(t, "delay")
			break
		}
		p.TopicAlias = rapid.Uint16().Draw(t, "alias")
		p.SubscriptionIDs = nilIfEmpty(rapid.SliceOfN(rapid.Uint32Range(1, mqtt.MaxLength), 0, 3).Draw(t, "ids"))
	case "connect":
		p.SessionExpiry = maybe(t, rapid.Uint32(), "session expiry")
		p.ReceiveMaximum = rapid.Uint16().Draw(t, "receive maximum")
		p.MaximumPacketSize = rapid.Uint32().Draw(t, "packet size")
		p.TopicAliasMaximum = rapid.Uint16().Draw(t, "aliases")
		p.RequestProblem = maybe(t, flag(), "problem")
		p.RequestResponse = flag().Draw(t, "response")
		if p.AuthMethod = text().Draw(t, "method"); p.AuthMethod != "" {
			p.AuthData = blob().Draw(t, "data")
		}
	case "connack":
		p.SessionExpiry = maybe(t, rapid.Uint32(), "session expiry")
		p.ReceiveMaximum = rapid.Uint16().Draw(t, "receive maximum")
		p.MaximumQoS = maybe(t, flag(), "maximum QoS")
		p.RetainAvailable = maybe(t, flag(), "retain")
		p.MaximumPacketSize = rapid.Uint32().Draw(t, "packet size")
		p.AssignedClientID = text().Draw(t, "client id")
		p.TopicAliasMaximum = rapid.Uint16().Draw(t, "aliases")
		p.ReasonString = text().Draw(t, "reason")
		p.WildcardAvailable = maybe(t, flag(), "wildcard")
		p.SubscriptionIDAvailable = maybe(t, flag(), "ids")
		p.SharedAvailable = maybe(t, flag(), "shared")
		p.ServerKeepAlive = maybe(t, rapid.Uint16(), "keep-alive")
		p.ResponseInformation = text().Draw(t, "information")
		p.ServerReference = text().Draw(t, "reference")
	case "subscribe":
		if id := rapid.Uint32Range(0, mqtt.MaxLength).Draw(t, "id"); id > 0 {
			p.SubscriptionIDs = []uint32{id}
		}
	case "disconnect":
		p.SessionExpiry = maybe(t, rapid.Uint32(), "session expiry")
		p.ServerReference = text().Draw(t, "reference")
		p.ReasonString = text().Draw(t, "reason")
	case "ack":
		p.ReasonString = text().Draw(t, "reason")
	}
	if reflect.DeepEqual(*p, mqtt.Properties{}) {
		return nil // an empty list and none are the same
	}
	return p
}

func nilIfEmpty[T any](s []T) []T {
	if len(s) == 0 {
		return nil
	}
	return s
}

func packet(t *rapid.T, level mqtt.Level) mqtt.Packet {
	with := func(kind string) *mqtt.Properties {
		if level < mqtt.Level5 {
			return nil
		}
		return properties(t, kind)
	}
	id := rapid.Uint16Range(1, 65535).Draw(t, "packet id")
	qos := rapid.ByteRange(0, 2)
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0:
		c := &mqtt.Connect{Level: level, Clean: rapid.Bool().Draw(t, "clean"), KeepAlive: rapid.Uint16().Draw(t, "keep-alive"),
			ClientID: text().Draw(t, "client"), HasUsername: rapid.Bool().Draw(t, "has user"), Properties: with("connect")}
		if c.HasUsername {
			c.Username = text().Draw(t, "user")
			c.HasPassword = rapid.Bool().Draw(t, "has password")
		}
		if c.HasPassword {
			c.Password = blob().Draw(t, "password")
		}
		if rapid.Bool().Draw(t, "will") {
			c.Will = &mqtt.Will{Topic: topic().Draw(t, "will topic"), Payload: blob().Draw(t, "will payload"), QoS: qos.Draw(t, "will QoS"),
				Retain: rapid.Bool().Draw(t, "will retain"), Properties: with("will")}
		}
		return c
	case 1:
		return &mqtt.Connack{SessionPresent: rapid.Bool().Draw(t, "present"), Code: rapid.Byte().Draw(t, "code"), Properties: with("connack")}
	case 2:
		p := &mqtt.Publish{Topic: topic().Draw(t, "topic"), Payload: blob().Draw(t, "payload"), QoS: qos.Draw(t, "QoS"),
			Retain: rapid.Bool().Draw(t, "retain"), Properties: with("publish")}
		if p.QoS > 0 {
			p.ID, p.Duplicate = id, rapid.Bool().Draw(t, "duplicate")
		}
		return p
	case 3:
		a := &mqtt.Ack{Type: mqtt.Type(rapid.IntRange(int(mqtt.TypePuback), int(mqtt.TypePubcomp)).Draw(t, "type")), ID: id, Properties: with("ack")}
		if level >= mqtt.Level5 {
			a.Reason = mqtt.Reason(rapid.Byte().Draw(t, "reason"))
		}
		return a
	case 4:
		s := &mqtt.Subscribe{ID: id, Properties: with("subscribe")}
		for range rapid.IntRange(1, 4).Draw(t, "filters") {
			f := mqtt.Filter{Filter: topic().Draw(t, "filter") + "/#", QoS: qos.Draw(t, "QoS")}
			if level >= mqtt.Level5 {
				f.NoLocal, f.KeepFlag = rapid.Bool().Draw(t, "no local"), rapid.Bool().Draw(t, "keep flag")
				f.Retained = mqtt.RetainHandling(rapid.ByteRange(0, 2).Draw(t, "handling"))
			}
			s.Filters = append(s.Filters, f)
		}
		return s
	case 5:
		s := &mqtt.Suback{Type: mqtt.TypeSuback, ID: id, Properties: with("ack")}
		if rapid.Bool().Draw(t, "unsuback") {
			s.Type = mqtt.TypeUnsuback
		}
		if s.Type == mqtt.TypeSuback || level >= mqtt.Level5 {
			for range rapid.IntRange(1, 4).Draw(t, "codes") {
				s.Codes = append(s.Codes, mqtt.Reason(rapid.Byte().Draw(t, "code")))
			}
		}
		return s
	case 6:
		u := &mqtt.Unsubscribe{ID: id, Filters: rapid.SliceOfN(topic(), 1, 4).Draw(t, "filters"), Properties: with("")}
		return u
	case 7:
		return mqtt.Ping{Type: rapid.SampledFrom([]mqtt.Type{mqtt.TypePingreq, mqtt.TypePingresp}).Draw(t, "ping")}
	}
	d := &mqtt.Disconnect{Type: mqtt.TypeDisconnect, Properties: with("disconnect")}
	if level >= mqtt.Level5 {
		d.Reason = mqtt.Reason(rapid.Byte().Draw(t, "reason"))
	}
	return d
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		level := rapid.SampledFrom([]mqtt.Level{mqtt.Level4, mqtt.Level5}).Draw(t, "level")
		want := packet(t, level)
		b := want.Append([]byte("before"), level)[6:]
		cut := rapid.IntRange(0, len(b)-1).Draw(t, "cut")
		if _, n, err := mqtt.Next(b[:cut], mqtt.MaxLength); n != 0 || err != nil {
			t.Fatalf("%d of %d bytes: Next took %d, %v", cut, len(b), n, err)
		}
		f, n, err := mqtt.Next(append(b, 0xC0, 0), mqtt.MaxLength)
		if err != nil || n != len(b) {
			t.Fatalf("Next took %d of %d bytes, %v", n, len(b), err)
		}
		got, err := mqtt.Decode(f, level)
		if err != nil {
			t.Fatalf("decode %x: %v", b, err)
		}
		if p, ok := got.(*mqtt.Publish); ok && len(p.Payload) == 0 {
			p.Payload = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got  %+v\nwant %+v\nfrom %x", got, want, b)
		}
		if _, _, err := mqtt.Next(b, len(b)-1); len(b) > 2 && mqtt.ReasonOf(err) != mqtt.PacketTooLarge {
			t.Fatalf("a packet of %d bytes under a limit of %d: %v", len(b), len(b)-1, err)
		}
	})
}

// FuzzDecode: whatever the bytes, no panic; and what is accepted is written again
// as bytes that read and write as themselves.
//
// Covers: S6 EN303645-5.13 IEC81001-5.7.3
func FuzzDecode(f *testing.F) {
	for _, s := range malformed {
		f.Add(byte(4), []byte(s.bytes))
		f.Add(byte(5), []byte(s.bytes))
	}
	f.Add(byte(5), (&mqtt.Connect{Level: 5, ClientID: "a", Will: &mqtt.Will{Topic: "b", Properties: &mqtt.Properties{WillDelay: 3}},
		Properties: &mqtt.Properties{ReceiveMaximum: 3, User: []mqtt.UserProperty{{Name: "k", Value: "v"}}}}).Append(nil, 5))
	f.Add(byte(5), (&mqtt.Publish{Topic: "a", QoS: 1, ID: 9, Properties: &mqtt.Properties{TopicAlias: 2, SubscriptionIDs: []uint32{1, 200}}}).Append(nil, 5))
	f.Add(byte(4), (&mqtt.Subscribe{ID: 1, Filters: []mqtt.Filter{{Filter: "a/#", QoS: 1}}}).Append(nil, 4))
	f.Fuzz(func(t *testing.T, level byte, b []byte) {
		at := mqtt.Level4
		if level%2 == 1 {
			at = mqtt.Level5
		}
		frame, n, err := mqtt.Next(b, 1<<20)
		if err != nil || n == 0 {
			return
		}
		p, err := mqtt.Decode(frame, at)
		if err != nil {
			if mqtt.ReasonOf(err) == mqtt.UnspecifiedError {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		if c, ok := p.(*mqtt.Connect); ok {
			at = c.Level
		}
		again := p.Append(nil, at)
		frame, n, err = mqtt.Next(again, mqtt.MaxLength)
		if err != nil || n != len(again) {
			t.Fatalf("%x became %x: Next took %d, %v", b, again, n, err)
		}
		q, err := mqtt.Decode(frame, at)
		if err != nil {
			t.Fatalf("%x became %x: %v", b, again, err)
		}
		if third := q.Append(nil, at); !bytes.Equal(third, again) {
			t.Fatalf("%x became %x and then %x", b, again, third)
		}
	})
}
