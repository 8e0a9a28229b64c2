package mqtt

// Properties are what MQTT 5 adds to a packet. Nil means none. Where a property's
// absence differs from every value it can have, the field is a pointer; elsewhere
// zero or empty means absent. Source: MQTT 5.0, 2.2.2.
type Properties struct {
	PayloadFormat           byte // 1: UTF-8
	MessageExpiry           *uint32
	ContentType             string
	ResponseTopic           string
	CorrelationData         []byte
	SubscriptionIDs         []uint32
	SessionExpiry           *uint32
	AssignedClientID        string
	ServerKeepAlive         *uint16
	AuthMethod              string
	AuthData                []byte
	RequestProblem          *byte
	WillDelay               uint32
	RequestResponse         byte
	ResponseInformation     string
	ServerReference         string
	ReasonString            string
	ReceiveMaximum          uint16
	TopicAliasMaximum       uint16
	TopicAlias              uint16
	MaximumQoS              *byte
	RetainAvailable         *byte
	User                    []UserProperty
	MaximumPacketSize       uint32
	WildcardAvailable       *byte
	SubscriptionIDAvailable *byte
	SharedAvailable         *byte
}

// UserProperty is a name and a value that mean something to the applications.
type UserProperty struct{ Name, Value string }

const (
	propPayloadFormat           = 1
	propMessageExpiry           = 2
	propContentType             = 3
	propResponseTopic           = 8
	propCorrelationData         = 9
	propSubscriptionID          = 11
	propSessionExpiry           = 17
	propAssignedClientID        = 18
	propServerKeepAlive         = 19
	propAuthMethod              = 21
	propAuthData                = 22
	propRequestProblem          = 23
	propWillDelay               = 24
	propRequestResponse         = 25
	propResponseInformation     = 26
	propServerReference         = 28
	propReasonString            = 31
	propReceiveMaximum          = 33
	propTopicAliasMaximum       = 34
	propTopicAlias              = 35
	propMaximumQoS              = 36
	propRetainAvailable         = 37
	propUser                    = 38
	propMaximumPacketSize       = 39
	propWildcardAvailable       = 40
	propSubscriptionIDAvailable = 41
	propSharedAvailable         = 42
)

// place is where properties stand: a packet type, or the will inside a CONNECT.
type place byte

const placeWill place = 0

func bits(ids ...int) (m uint64) {
	for _, id := range ids {
		m |= 1 << id
	}
	return m
}

// allowed says which property may stand where. Source: MQTT 5.0, table 2-4.
var allowed = [16]uint64{
	placeWill: bits(propPayloadFormat, propMessageExpiry, propContentType, propResponseTopic, propCorrelationData, propWillDelay, propUser),
	TypeConnect: bits(propSessionExpiry, propAuthMethod, propAuthData, propRequestProblem, propRequestResponse,
		propReceiveMaximum, propTopicAliasMaximum, propUser, propMaximumPacketSize),
	TypeConnack: bits(propSessionExpiry, propAssignedClientID, propServerKeepAlive, propAuthMethod, propAuthData, propResponseInformation,
		propServerReference, propReasonString, propReceiveMaximum, propTopicAliasMaximum, propMaximumQoS, propRetainAvailable, propUser,
		propMaximumPacketSize, propWildcardAvailable, propSubscriptionIDAvailable, propSharedAvailable),
	TypePublish: bits(propPayloadFormat, propMessageExpiry, propContentType, propResponseTopic, propCorrelationData, propSubscriptionID,
		propTopicAlias, propUser),
	TypePuback:      bits(propReasonString, propUser),
	TypePubrec:      bits(propReasonString, propUser),
	TypePubrel:      bits(propReasonString, propUser),
	TypePubcomp:     bits(propReasonString, propUser),
	TypeSubscribe:   bits(propSubscriptionID, propUser),
	TypeSuback:      bits(propReasonString, propUser),
	TypeUnsubscribe: bits(propUser),
	TypeUnsuback:    bits(propReasonString, propUser),
	TypeDisconnect:  bits(propSessionExpiry, propServerReference, propReasonString, propUser),
	TypeAuth:        bits(propAuthMethod, propAuthData, propReasonString, propUser),
}

// maxRepeats bounds the properties that may stand any number of times: five bytes
// of input would else cost more than thirty of memory.
const maxRepeats = 256

// properties reads the property list that stands in w, or nothing before level 5.
func (r *reader) properties(w place, level Level) *Properties {
	if level < Level5 || r.err != nil {
		return nil
	}
	length := r.varint()
	if length == 0 {
		return nil
	}
	list := reader{b: r.take(length), err: r.err}
	var p Properties
	var seen uint64
	for len(list.b) > 0 && list.err == nil {
		id := list.varint()
		if id > 63 || allowed[w]&(1<<id) == 0 {
			list.fail(ProtocolError, "property %d does not belong here", id)
			break
		}
		repeats := id == propUser || id == propSubscriptionID && w == place(TypePublish)
		if seen&(1<<id) != 0 && !repeats {
			list.fail(ProtocolError, "property %d stands twice", id)
			break
		}
		seen |= 1 << id
		p.read(&list, id)
		if len(p.User) > maxRepeats || len(p.SubscriptionIDs) > maxRepeats {
			list.fail(ImplementationError, "more than %d user properties or identifiers in one packet", maxRepeats)
		}
	}
	if list.err != nil {
		r.err, r.b = firstError(r.err, list.err), nil
		return nil
	}
	return &p
}

func (p *Properties) read(r *reader, id int) {
	switch id {
	case propPayloadFormat:
		p.PayloadFormat = r.flag(id)
	case propMessageExpiry:
		p.MessageExpiry = new(r.uint32())
	case propContentType:
		p.ContentType = r.string()
	case propResponseTopic:
		b := r.text()
		if r.err == nil && !validTopicBytes(b) {
			r.fail(ProtocolError, "a response topic that cannot be published to")
		}
		p.ResponseTopic = string(b)
	case propCorrelationData:
		p.CorrelationData = r.copied()
	case propSubscriptionID:
		p.SubscriptionIDs = append(p.SubscriptionIDs, uint32(r.positive(id, r.varint())))
	case propSessionExpiry:
		p.SessionExpiry = new(r.uint32())
	case propAssignedClientID:
		p.AssignedClientID = r.string()
	case propServerKeepAlive:
		p.ServerKeepAlive = new(r.uint16())
	case propAuthMethod:
		p.AuthMethod = r.string()
	case propAuthData:
		p.AuthData = r.copied()
	case propRequestProblem:
		p.RequestProblem = new(r.flag(id))
	case propWillDelay:
		p.WillDelay = r.uint32()
	case propRequestResponse:
		p.RequestResponse = r.flag(id)
	case propResponseInformation:
		p.ResponseInformation = r.string()
	case propServerReference:
		p.ServerReference = r.string()
	case propReasonString:
		p.ReasonString = r.string()
	case propReceiveMaximum:
		p.ReceiveMaximum = uint16(r.positive(id, int(r.uint16())))
	case propTopicAliasMaximum:
		p.TopicAliasMaximum = r.uint16()
	case propTopicAlias:
		if p.TopicAlias = r.uint16(); p.TopicAlias == 0 {
			r.fail(TopicAliasInvalid, "topic alias 0")
		}
	case propMaximumQoS:
		p.MaximumQoS = new(r.flag(id))
	case propRetainAvailable:
		p.RetainAvailable = new(r.flag(id))
	case propUser:
		p.User = append(p.User, UserProperty{Name: r.string(), Value: r.string()})
	case propMaximumPacketSize:
		p.MaximumPacketSize = r.uint32()
		r.positive(id, int(min(p.MaximumPacketSize, 1)))
	case propWildcardAvailable:
		p.WildcardAvailable = new(r.flag(id))
	case propSubscriptionIDAvailable:
		p.SubscriptionIDAvailable = new(r.flag(id))
	case propSharedAvailable:
		p.SharedAvailable = new(r.flag(id))
	}
}

func (r *reader) flag(id int) byte {
	b := r.byte()
	if b > 1 {
		r.fail(ProtocolError, "property %d is %d, want 0 or 1", id, b)
	}
	return b
}

func (r *reader) positive(id, v int) int {
	if v == 0 {
		r.fail(ProtocolError, "property %d is 0", id)
	}
	return v
}

// appendProperties writes the length and the list; level 4 has neither.
func appendProperties(dst []byte, p *Properties, level Level) []byte {
	if level < Level5 {
		return dst
	}
	if p == nil {
		return append(dst, 0)
	}
	dst, start := begin(dst)
	dst = appendByte(dst, propPayloadFormat, p.PayloadFormat)
	dst = appendUint32(dst, propMessageExpiry, p.MessageExpiry)
	dst = appendString(dst, propContentType, p.ContentType)
	dst = appendString(dst, propResponseTopic, p.ResponseTopic)
	dst = appendString(dst, propCorrelationData, p.CorrelationData)
	for _, id := range p.SubscriptionIDs {
		dst = appendVarint(append(dst, propSubscriptionID), int(id))
	}
	dst = appendUint32(dst, propSessionExpiry, p.SessionExpiry)
	dst = appendString(dst, propAssignedClientID, p.AssignedClientID)
	if p.ServerKeepAlive != nil {
		dst = append(dst, propServerKeepAlive, byte(*p.ServerKeepAlive>>8), byte(*p.ServerKeepAlive))
	}
	dst = appendString(dst, propAuthMethod, p.AuthMethod)
	dst = appendString(dst, propAuthData, p.AuthData)
	dst = appendFlag(dst, propRequestProblem, p.RequestProblem)
	if p.WillDelay != 0 {
		dst = appendUint32(dst, propWillDelay, &p.WillDelay)
	}
	dst = appendByte(dst, propRequestResponse, p.RequestResponse)
	dst = appendString(dst, propResponseInformation, p.ResponseInformation)
	dst = appendString(dst, propServerReference, p.ServerReference)
	dst = appendString(dst, propReasonString, p.ReasonString)
	dst = appendUint16(dst, propReceiveMaximum, p.ReceiveMaximum)
	dst = appendUint16(dst, propTopicAliasMaximum, p.TopicAliasMaximum)
	dst = appendUint16(dst, propTopicAlias, p.TopicAlias)
	dst = appendFlag(dst, propMaximumQoS, p.MaximumQoS)
	dst = appendFlag(dst, propRetainAvailable, p.RetainAvailable)
	for _, u := range p.User {
		dst = appendText(appendText(append(dst, propUser), u.Name), u.Value)
	}
	if p.MaximumPacketSize != 0 {
		dst = appendUint32(dst, propMaximumPacketSize, &p.MaximumPacketSize)
	}
	dst = appendFlag(dst, propWildcardAvailable, p.WildcardAvailable)
	dst = appendFlag(dst, propSubscriptionIDAvailable, p.SubscriptionIDAvailable)
	dst = appendFlag(dst, propSharedAvailable, p.SharedAvailable)
	return end(dst, start)
}

func appendByte(dst []byte, id, v byte) []byte {
	if v == 0 {
		return dst
	}
	return append(dst, id, v)
}

func appendFlag(dst []byte, id byte, v *byte) []byte {
	if v == nil {
		return dst
	}
	return append(dst, id, *v)
}

func appendUint16(dst []byte, id byte, v uint16) []byte {
	if v == 0 {
		return dst
	}
	return append(dst, id, byte(v>>8), byte(v))
}

func appendUint32(dst []byte, id byte, v *uint32) []byte {
	if v == nil {
		return dst
	}
	return append(dst, id, byte(*v>>24), byte(*v>>16), byte(*v>>8), byte(*v))
}

func appendString[T string | []byte](dst []byte, id byte, v T) []byte {
	if len(v) == 0 {
		return dst
	}
	return appendText(append(dst, id), v)
}
