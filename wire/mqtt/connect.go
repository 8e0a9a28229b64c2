package mqtt

// Connect opens a session. Clean is "clean session" at level 4 and "clean start"
// at level 5.
type Connect struct {
	Level       Level
	Clean       bool
	KeepAlive   uint16 // s, 0: none
	ClientID    string
	Will        *Will
	HasUsername bool
	Username    string
	HasPassword bool
	Password    []byte
	Properties  *Properties
}

// Will is what the server publishes when the connection ends without a goodbye.
type Will struct {
	Topic      string
	Payload    []byte
	QoS        byte
	Retain     bool
	Properties *Properties
}

// DecodeConnect reads a CONNECT. A protocol level other than 4 and 5 is
// UnsupportedVersion; the level is then still returned.
func DecodeConnect(f Frame) (*Connect, error) {
	r := &reader{b: f.Body}
	name := string(r.text())
	level := Level(r.byte())
	if r.err != nil {
		return nil, r.err
	}
	if name != "MQTT" && !(name == "MQIsdp" && level == 3) {
		return nil, Errorf(UnsupportedVersion, "protocol name %q", name)
	}
	if level != Level4 && level != Level5 {
		return &Connect{Level: level}, Errorf(UnsupportedVersion, "protocol level %d; 4 (3.1.1) and 5 are spoken here", level)
	}
	flags := r.byte()
	if flags&1 != 0 {
		return nil, Errorf(MalformedPacket, "the reserved CONNECT flag is set")
	}
	c := &Connect{Level: level, Clean: flags&2 != 0, HasUsername: flags&0x80 != 0, HasPassword: flags&0x40 != 0}
	willQoS, willRetain := flags>>3&3, flags&0x20 != 0
	if willQoS == 3 || flags&4 == 0 && (willQoS != 0 || willRetain) {
		return nil, Errorf(MalformedPacket, "CONNECT flags %08b contradict each other", flags)
	}
	if level == Level4 && c.HasPassword && !c.HasUsername {
		return nil, Errorf(MalformedPacket, "a password without a user name")
	}
	c.KeepAlive = r.uint16()
	c.Properties = r.properties(place(TypeConnect), level)
	if p := c.Properties; p != nil && p.AuthMethod == "" && p.AuthData != nil {
		r.fail(ProtocolError, "authentication data without a method")
	}
	c.ClientID = r.string()
	if flags&4 != 0 {
		c.Will = &Will{QoS: willQoS, Retain: willRetain}
		c.Will.Properties = r.properties(placeWill, level)
		topic := r.text()
		if r.err == nil && !validTopicBytes(topic) {
			r.fail(TopicNameInvalid, "a will topic that cannot be published to")
		}
		c.Will.Topic = string(topic)
		c.Will.Payload = r.copied()
	}
	if c.HasUsername {
		c.Username = r.string()
	}
	if c.HasPassword {
		c.Password = r.copied()
	}
	if len(r.b) > 0 {
		r.fail(MalformedPacket, "%d bytes after the end of CONNECT", len(r.b))
	}
	if r.err != nil {
		return nil, r.err
	}
	return c, nil
}

// Append appends the CONNECT at its own level.
func (c *Connect) Append(dst []byte, _ Level) []byte {
	dst, start := begin(append(dst, byte(TypeConnect)<<4))
	dst = appendText(dst, "MQTT")
	dst = append(dst, byte(c.Level))
	var flags byte
	if c.Clean {
		flags |= 2
	}
	if w := c.Will; w != nil {
		flags |= 4 | w.QoS<<3
		if w.Retain {
			flags |= 0x20
		}
	}
	if c.HasPassword {
		flags |= 0x40
	}
	if c.HasUsername {
		flags |= 0x80
	}
	dst = append(dst, flags, byte(c.KeepAlive>>8), byte(c.KeepAlive))
	dst = appendProperties(dst, c.Properties, c.Level)
	dst = appendText(dst, c.ClientID)
	if w := c.Will; w != nil {
		dst = appendProperties(dst, w.Properties, c.Level)
		dst = appendText(appendText(dst, w.Topic), w.Payload)
	}
	if c.HasUsername {
		dst = appendText(dst, c.Username)
	}
	if c.HasPassword {
		dst = appendText(dst, c.Password)
	}
	return end(dst, start)
}

// Connack answers a CONNECT. At level 4 Code is a return code of table 3.1, at
// level 5 a Reason.
type Connack struct {
	SessionPresent bool
	Code           byte
	Properties     *Properties
}

// DecodeConnack reads a CONNACK.
func DecodeConnack(f Frame, level Level) (*Connack, error) {
	r := &reader{b: f.Body}
	flags := r.byte()
	if flags > 1 {
		r.fail(MalformedPacket, "CONNACK flags %08b", flags)
	}
	a := &Connack{SessionPresent: flags == 1, Code: r.byte()}
	a.Properties = r.properties(place(TypeConnack), level)
	if len(r.b) > 0 {
		r.fail(MalformedPacket, "%d bytes after the end of CONNACK", len(r.b))
	}
	if r.err != nil {
		return nil, r.err
	}
	return a, nil
}

// Append appends the CONNACK.
func (a *Connack) Append(dst []byte, level Level) []byte {
	dst, start := begin(append(dst, byte(TypeConnack)<<4))
	var flags byte
	if a.SessionPresent {
		flags = 1
	}
	dst = append(dst, flags, a.Code)
	return end(appendProperties(dst, a.Properties, level), start)
}
