package mqtt

// Publish carries a message. Topic is empty only when a topic alias stands for it.
type Publish struct {
	Topic      string
	Payload    []byte
	ID         uint16 // with QoS 1 and 2
	QoS        byte
	Retain     bool
	Duplicate  bool
	Properties *Properties
}

// Topics remembers the topics of one connection, so that each is checked and
// copied once and not with every message. The zero value is ready.
type Topics struct{ known map[string]string }

// maxTopics and maxTopicLength bound what one connection can make the server
// remember: 64 KiB.
const (
	maxTopics      = 256
	maxTopicLength = 256
)

func (t *Topics) intern(b []byte) string {
	if t == nil || len(b) > maxTopicLength {
		return string(b)
	}
	if s, ok := t.known[string(b)]; ok {
		return s
	}
	if t.known == nil || len(t.known) >= maxTopics {
		t.known = make(map[string]string)
	}
	s := string(b)
	t.known[s] = s
	return s
}

// DecodePublish reads a PUBLISH; its Payload points into f.Body. Topics may be nil.
func DecodePublish(f Frame, level Level, topics *Topics) (Publish, error) {
	r := reader{b: f.Body}
	p := Publish{QoS: f.Flags >> 1 & 3, Retain: f.Flags&1 != 0, Duplicate: f.Flags&8 != 0}
	if p.QoS == 0 && p.Duplicate {
		return p, Errorf(MalformedPacket, "a duplicate with QoS 0")
	}
	topic := r.text()
	if p.QoS > 0 {
		p.ID = r.id()
	}
	p.Properties = r.properties(place(TypePublish), level)
	if r.err != nil {
		return p, r.err
	}
	if len(topic) == 0 {
		if p.Properties == nil || p.Properties.TopicAlias == 0 {
			return p, Errorf(TopicNameInvalid, "a PUBLISH without a topic")
		}
	} else if !validTopicBytes(topic) {
		return p, Errorf(TopicNameInvalid, "a topic with a wildcard")
	}
	p.Topic = topics.intern(topic)
	p.Payload = r.b
	return p, nil
}

// Append appends the PUBLISH.
func (p *Publish) Append(dst []byte, level Level) []byte {
	flags := byte(TypePublish)<<4 | p.QoS<<1
	if p.Retain {
		flags |= 1
	}
	if p.Duplicate {
		flags |= 8
	}
	if level < Level5 || p.Properties == nil {
		return p.appendPlain(append(dst, flags), level)
	}
	dst, start := begin(append(dst, flags))
	dst = appendText(dst, p.Topic)
	if p.QoS > 0 {
		dst = append(dst, byte(p.ID>>8), byte(p.ID))
	}
	dst = appendProperties(dst, p.Properties, level)
	return end(append(dst, p.Payload...), start)
}

// appendPlain writes a PUBLISH whose length is known beforehand: most of them.
func (p *Publish) appendPlain(dst []byte, level Level) []byte {
	length := 2 + min(len(p.Topic), maxText) + len(p.Payload)
	if p.QoS > 0 {
		length += 2
	}
	if level >= Level5 {
		length++
	}
	dst = appendText(appendVarint(dst, length), p.Topic)
	if p.QoS > 0 {
		dst = append(dst, byte(p.ID>>8), byte(p.ID))
	}
	if level >= Level5 {
		dst = append(dst, 0)
	}
	return append(dst, p.Payload...)
}

// Ack is a PUBACK, PUBREC, PUBREL or PUBCOMP.
type Ack struct {
	Type       Type
	ID         uint16
	Reason     Reason // level 5
	Properties *Properties
}

// DecodeAck reads one of the four.
func DecodeAck(f Frame, level Level) (Ack, error) {
	a := Ack{Type: f.Type}
	r := reader{b: f.Body}
	a.ID = r.id()
	if level >= Level5 && len(r.b) > 0 {
		a.Reason = Reason(r.byte())
		if len(r.b) > 0 {
			a.Properties = r.properties(place(f.Type), level)
		}
	}
	if len(r.b) > 0 {
		r.fail(MalformedPacket, "%d bytes after the end of %v", len(r.b), f.Type)
	}
	return a, r.err
}

// Append appends the acknowledgement in its shortest form.
func (a *Ack) Append(dst []byte, level Level) []byte {
	head := byte(a.Type) << 4
	if a.Type == TypePubrel {
		head |= 2
	}
	if level < Level5 || a.Reason == Success && a.Properties == nil {
		return append(dst, head, 2, byte(a.ID>>8), byte(a.ID))
	}
	if a.Properties == nil {
		return append(dst, head, 3, byte(a.ID>>8), byte(a.ID), byte(a.Reason))
	}
	dst, start := begin(append(dst, head))
	dst = append(dst, byte(a.ID>>8), byte(a.ID), byte(a.Reason))
	return end(appendProperties(dst, a.Properties, level), start)
}
