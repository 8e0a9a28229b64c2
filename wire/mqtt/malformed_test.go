package mqtt_test

import (
	"strings"
	"testing"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// malformed are packets that a server has to refuse, with the reason.
var malformed = []struct {
	name   string
	bytes  string
	level  mqtt.Level
	reason mqtt.Reason
}{
	{"reserved type", "\x00\x00", 5, mqtt.MalformedPacket},
	{"QoS 3", "\x36\x05\x00\x01a\x00\x01", 4, mqtt.MalformedPacket},
	{"flags of PUBREL", "\x60\x02\x00\x01", 4, mqtt.MalformedPacket},
	{"flags of PINGREQ", "\xc1\x00", 4, mqtt.MalformedPacket},
	{"length of five bytes", "\x30\xff\xff\xff\xff\x01", 4, mqtt.MalformedPacket},
	{"length longer than needed", "\xc0\x80\x00", 4, mqtt.MalformedPacket},
	{"256 MB announced", "\x30\xff\xff\xff\x7f", 4, mqtt.PacketTooLarge},
	{"topic of length 0", "\x30\x02\x00\x00", 4, mqtt.TopicNameInvalid},
	{"topic of length 0, level 5", "\x30\x03\x00\x00\x00", 5, mqtt.TopicNameInvalid},
	{"topic alias 0", "\x30\x06\x00\x00\x03\x23\x00\x00", 5, mqtt.TopicAliasInvalid},
	{"topic with a wildcard", "\x30\x05\x00\x03a/+", 4, mqtt.TopicNameInvalid},
	{"topic with a null", "\x30\x04\x00\x02a\x00", 4, mqtt.MalformedPacket},
	{"topic that is not UTF-8", "\x30\x04\x00\x02\xc0\x80", 4, mqtt.MalformedPacket},
	{"topic with a surrogate", "\x30\x05\x00\x03\xed\xa0\x80", 4, mqtt.MalformedPacket},
	{"topic over the end", "\x30\x03\x00\x05a", 4, mqtt.MalformedPacket},
	{"duplicate with QoS 0", "\x38\x03\x00\x01a", 4, mqtt.MalformedPacket},
	{"packet id 0", "\x32\x05\x00\x01a\x00\x00", 4, mqtt.ProtocolError},
	{"PUBACK with id 0", "\x40\x02\x00\x00", 4, mqtt.ProtocolError},
	{"PUBACK too long", "\x40\x03\x00\x01\x00", 4, mqtt.MalformedPacket},
	{"property over the end", "\x30\x06\x00\x01a\x05\x02\x00", 5, mqtt.MalformedPacket},
	{"property twice", "\x30\x08\x00\x01a\x04\x01\x00\x01\x00", 5, mqtt.ProtocolError},
	{"property out of place", "\x30\x07\x00\x01a\x03\x21\x00\x01", 5, mqtt.ProtocolError},
	{"property unknown", "\x30\x06\x00\x01a\x02\x7e\x00", 5, mqtt.ProtocolError},
	{"property id of many bytes", "\x30\x08\x00\x01a\x04\xff\xff\xff\x7f", 5, mqtt.ProtocolError},
	{"payload format 2", "\x30\x06\x00\x01a\x02\x01\x02", 5, mqtt.ProtocolError},
	{"subscription identifier 0", "\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", 5, mqtt.ProtocolError},
	{"receive maximum 0", "\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x00", 5, mqtt.ProtocolError},
	{"response topic with a wildcard", "\x30\x08\x00\x01a\x04\x08\x00\x01#", 5, mqtt.ProtocolError},
	{"SUBSCRIBE of nothing", "\x82\x02\x00\x01", 4, mqtt.ProtocolError},
	{"SUBSCRIBE with QoS 3", "\x82\x06\x00\x01\x00\x01a\x03", 4, mqtt.MalformedPacket},
	{"SUBSCRIBE with level 5 options at level 4", "\x82\x06\x00\x01\x00\x01a\x04", 4, mqtt.MalformedPacket},
	{"SUBSCRIBE with retain handling 3", "\x82\x07\x00\x01\x00\x00\x01a\x30", 5, mqtt.MalformedPacket},
	{"UNSUBSCRIBE of nothing", "\xa2\x02\x00\x01", 4, mqtt.ProtocolError},
	{"CONNECT of MQTT 3.1", "\x10\x10\x00\x06MQIsdp\x03\x02\x00\x00\x00\x02id", 4, mqtt.UnsupportedVersion},
	{"CONNECT of level 6", "\x10\x0e\x00\x04MQTT\x06\x02\x00\x00\x00\x02id", 4, mqtt.UnsupportedVersion},
	{"CONNECT of something else", "\x10\x0c\x00\x04HTTP\x04\x02\x00\x00\x00\x00", 4, mqtt.UnsupportedVersion},
	{"CONNECT with the reserved flag", "\x10\x0c\x00\x04MQTT\x04\x03\x00\x00\x00\x00", 4, mqtt.MalformedPacket},
	{"CONNECT with will QoS and no will", "\x10\x0c\x00\x04MQTT\x04\x0a\x00\x00\x00\x00", 4, mqtt.MalformedPacket},
	{"CONNECT with a password only, level 4", "\x10\x0e\x00\x04MQTT\x04\x42\x00\x00\x00\x00\x00\x00", 4, mqtt.MalformedPacket},
	{"CONNECT with more behind", "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x00x", 4, mqtt.MalformedPacket},
	{"CONNECT with a will to a wildcard", "\x10\x11\x00\x04MQTT\x04\x06\x00\x00\x00\x00\x00\x01#\x00\x00", 4, mqtt.TopicNameInvalid},
	{"CONNECT with data and no method", "\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x04\x16\x00\x01x\x00\x00", 5, mqtt.ProtocolError},
	{"DISCONNECT with a reason at level 4", "\xe0\x01\x04", 4, mqtt.MalformedPacket},
	{"AUTH at level 4", "\xf0\x00", 4, mqtt.MalformedPacket},
	{"PINGREQ with a body", "\xc0\x01x", 4, mqtt.MalformedPacket},
}

// Covers: S6
func TestMalformedIsRefusedWithItsReason(t *testing.T) {
	for _, m := range malformed {
		f, n, err := mqtt.Next([]byte(m.bytes), 1<<20)
		if err == nil && n == 0 {
			t.Errorf("%s: Next waits for more", m.name)
			continue
		}
		if err == nil {
			_, err = mqtt.Decode(f, m.level)
		}
		if err == nil {
			t.Errorf("%s: accepted", m.name)
		} else if got := mqtt.ReasonOf(err); got != m.reason {
			t.Errorf("%s: %v (%v), want %v", m.name, got, err, m.reason)
		}
	}
}

func TestFilters(t *testing.T) {
	for _, ok := range []string{"a", "/", "#", "+", "a/#", "+/b/#", "a//b", "$share/g/a/#", "$share/g/+", "$SYS/#", strings.Repeat("a", 65535)} {
		if !mqtt.ValidFilter(ok) {
			t.Errorf("%.40q refused", ok)
		}
	}
	for _, bad := range []string{"", "a#", "#/a", "a+", "a/+b", "##", "a\x00", "\xff", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/g/a#",
		"$share/g/$share/h/a", strings.Repeat("a", 65536)} {
		if mqtt.ValidFilter(bad) {
			t.Errorf("%.40q accepted", bad)
		}
	}
	for _, bad := range []string{"", "a/+", "#", "a\x00b", "\xff"} {
		if mqtt.ValidTopic(bad) {
			t.Errorf("topic %q accepted", bad)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, m := range []struct {
		filter, topic string
		want          bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a", "a/b", false}, {"a/b", "a", false},
		{"#", "a", true}, {"#", "a/b/c", true}, {"a/#", "a", true}, {"a/#", "a/b/c", true}, {"a/#", "ab", false},
		{"+", "a", true}, {"+", "a/b", false}, {"+/+", "a/b", true}, {"+/+", "/a", true}, {"/+", "/a", true}, {"+", "/a", false},
		{"a/+/c", "a/b/c", true}, {"a/+/c", "a//c", true}, {"a/+", "a", false}, {"a/+/#", "a", false}, {"a/+/#", "a/b", true},
		{"#", "$SYS/x", false}, {"+/x", "$SYS/x", false}, {"$SYS/#", "$SYS/x", true},
	} {
		if got := mqtt.Match(m.filter, m.topic); got != m.want {
			t.Errorf("Match(%q, %q) = %v", m.filter, m.topic, got)
		}
	}
}
