package mqtt

// Subscribe asks for the messages of some filters.
type Subscribe struct {
	ID         uint16
	Filters    []Filter
	Properties *Properties
}

// Filter is one subscription. The last three mean something at level 5 only.
type Filter struct {
	Filter   string
	QoS      byte
	NoLocal  bool           // do not send me what I published
	KeepFlag bool           // retain as published: leave the retain flag as the publisher set it
	Retained RetainHandling // whether to send retained messages now
}

// RetainHandling says when a subscription brings retained messages.
type RetainHandling byte

const (
	RetainedAlways RetainHandling = 0
	RetainedIfNew  RetainHandling = 1 // only when the subscription did not exist
	RetainedNever  RetainHandling = 2
)

// DecodeSubscribe reads a SUBSCRIBE. A filter that breaks the rules of filters is
// left for the caller to refuse by itself (ValidFilter); the rest stands.
func DecodeSubscribe(f Frame, level Level) (*Subscribe, error) {
	r := &reader{b: f.Body}
	s := &Subscribe{ID: r.id()}
	s.Properties = r.properties(place(TypeSubscribe), level)
	for len(r.b) > 0 {
		x := Filter{Filter: r.string()}
		o := r.byte()
		x.QoS = o & 3
		reserved := byte(0xFC)
		if level >= Level5 {
			reserved = 0xC0
			x.NoLocal, x.KeepFlag, x.Retained = o&4 != 0, o&8 != 0, RetainHandling(o>>4&3)
		}
		if x.QoS == 3 || o&reserved != 0 || x.Retained == 3 {
			r.fail(MalformedPacket, "subscription options %08b", o)
		}
		s.Filters = append(s.Filters, x)
	}
	if len(s.Filters) == 0 {
		r.fail(ProtocolError, "a SUBSCRIBE without a filter")
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// Append appends the SUBSCRIBE.
func (s *Subscribe) Append(dst []byte, level Level) []byte {
	dst, start := begin(append(dst, byte(TypeSubscribe)<<4|2))
	dst = append(dst, byte(s.ID>>8), byte(s.ID))
	dst = appendProperties(dst, s.Properties, level)
	for _, x := range s.Filters {
		o := x.QoS
		if level >= Level5 {
			o |= byte(x.Retained) << 4
			if x.NoLocal {
				o |= 4
			}
			if x.KeepFlag {
				o |= 8
			}
		}
		dst = append(appendText(dst, x.Filter), o)
	}
	return end(dst, start)
}

// Suback is a SUBACK or an UNSUBACK: one code for each filter, in order.
type Suback struct {
	Type       Type
	ID         uint16
	Codes      []Reason // granted QoS or failure; an UNSUBACK at level 4 has none
	Properties *Properties
}

// DecodeSuback reads a SUBACK or an UNSUBACK.
func DecodeSuback(f Frame, level Level) (*Suback, error) {
	r := &reader{b: f.Body}
	s := &Suback{Type: f.Type, ID: r.id()}
	s.Properties = r.properties(place(f.Type), level)
	if f.Type == TypeUnsuback && level < Level5 && len(r.b) > 0 {
		r.fail(MalformedPacket, "an UNSUBACK with codes")
	}
	for _, b := range r.b {
		s.Codes = append(s.Codes, Reason(b))
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

// Append appends the SUBACK or UNSUBACK.
func (s *Suback) Append(dst []byte, level Level) []byte {
	dst, start := begin(append(dst, byte(s.Type)<<4))
	dst = append(dst, byte(s.ID>>8), byte(s.ID))
	dst = appendProperties(dst, s.Properties, level)
	if s.Type == TypeSuback || level >= Level5 {
		for _, c := range s.Codes {
			dst = append(dst, byte(c))
		}
	}
	return end(dst, start)
}

// Unsubscribe ends some subscriptions.
type Unsubscribe struct {
	ID         uint16
	Filters    []string
	Properties *Properties
}

// DecodeUnsubscribe reads an UNSUBSCRIBE.
func DecodeUnsubscribe(f Frame, level Level) (*Unsubscribe, error) {
	r := &reader{b: f.Body}
	u := &Unsubscribe{ID: r.id()}
	u.Properties = r.properties(place(TypeUnsubscribe), level)
	for len(r.b) > 0 {
		u.Filters = append(u.Filters, r.string())
	}
	if len(u.Filters) == 0 {
		r.fail(ProtocolError, "an UNSUBSCRIBE without a filter")
	}
	if r.err != nil {
		return nil, r.err
	}
	return u, nil
}

// Append appends the UNSUBSCRIBE.
func (u *Unsubscribe) Append(dst []byte, level Level) []byte {
	dst, start := begin(append(dst, byte(TypeUnsubscribe)<<4|2))
	dst = append(dst, byte(u.ID>>8), byte(u.ID))
	dst = appendProperties(dst, u.Properties, level)
	for _, f := range u.Filters {
		dst = appendText(dst, f)
	}
	return end(dst, start)
}

// Disconnect is a DISCONNECT, or at level 5 an AUTH.
type Disconnect struct {
	Type       Type
	Reason     Reason
	Properties *Properties
}

// DecodeDisconnect reads a DISCONNECT or an AUTH.
func DecodeDisconnect(f Frame, level Level) (*Disconnect, error) {
	d := &Disconnect{Type: f.Type}
	if level < Level5 {
		if f.Type == TypeAuth || len(f.Body) > 0 {
			return nil, Errorf(MalformedPacket, "a %v that level 4 does not know", f.Type)
		}
		return d, nil
	}
	if len(f.Body) == 0 {
		return d, nil
	}
	r := &reader{b: f.Body}
	d.Reason = Reason(r.byte())
	if len(r.b) > 0 {
		d.Properties = r.properties(place(f.Type), level)
	}
	if len(r.b) > 0 {
		r.fail(MalformedPacket, "%d bytes after the end of %v", len(r.b), f.Type)
	}
	if r.err != nil {
		return nil, r.err
	}
	return d, nil
}

// Append appends the DISCONNECT or AUTH in its shortest form.
func (d *Disconnect) Append(dst []byte, level Level) []byte {
	dst = append(dst, byte(d.Type)<<4)
	if level < Level5 || d.Reason == Success && d.Properties == nil {
		return append(dst, 0)
	}
	dst, start := begin(dst)
	dst = append(dst, byte(d.Reason))
	if d.Properties != nil {
		dst = appendProperties(dst, d.Properties, level)
	}
	return end(dst, start)
}
