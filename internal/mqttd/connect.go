package mqttd

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// open brings the connection from the TCP handshake to its CONNACK and returns what
// was read beyond the CONNECT. All of it has to happen within Limits.ConnectTime,
// however slowly the bytes arrive.
func (c *connection) open() (rest, buffer []byte, err error) {
	s := c.server
	ctx, cancel := context.WithTimeout(c.ctx, s.limits.ConnectTime)
	defer cancel()
	deadline := time.Now().Add(s.limits.ConnectTime)
	certificate, err := c.handshake(ctx)
	if err != nil {
		s.counts.refused.Add(1)
		return nil, nil, err
	}
	buffer = make([]byte, firstBuffer)
	for {
		frame, n, err := mqtt.Next(rest, mostConnect)
		if err == nil && n > 0 {
			err = c.connect(ctx, frame, certificate)
			if err != nil {
				s.counts.refused.Add(1)
			}
			return rest[n:], buffer, err
		}
		if err != nil {
			s.counts.refused.Add(1)
			return nil, nil, err
		}
		if rest, buffer, err = c.more(rest, buffer, deadline); err != nil {
			return nil, nil, err
		}
	}
}

// handshake completes TLS and returns the certificate that the client proved to
// hold, or nil.
func (c *connection) handshake(ctx context.Context) (*x509.Certificate, error) {
	t, ok := c.conn.(*tls.Conn)
	if !ok {
		return nil, nil
	}
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, vital.Errorf(vital.Unauthenticated, "TLS handshake with %s: %w", c.remote, err)
	}
	state := t.ConnectionState()
	c.secured = &Secured{Version: state.Version, Group: state.CurveID}
	if len(state.VerifiedChains) == 0 {
		return nil, nil
	}
	c.secured.Certificate = state.PeerCertificates[0]
	return state.PeerCertificates[0], nil
}

// connect answers the CONNECT.
func (c *connection) connect(ctx context.Context, f mqtt.Frame, certificate *x509.Certificate) error {
	if f.Type != mqtt.TypeConnect {
		return mqtt.Errorf(mqtt.ProtocolError, "%v before CONNECT", f.Type)
	}
	p, err := mqtt.DecodeConnect(f)
	if err != nil {
		if p != nil { // a level that is not spoken here
			c.level = min(p.Level, mqtt.Level5)
			return c.refuseConnect(mqtt.UnsupportedVersion, err)
		}
		return err
	}
	c.level = p.Level
	c.problems = p.Properties == nil || p.Properties.RequestProblem == nil || *p.Properties.RequestProblem == 1
	if q := p.Properties; q != nil && q.AuthMethod != "" {
		return c.refuseConnect(mqtt.BadAuthMethod, vital.Errorf(vital.Invalid, "authentication method %q", q.AuthMethod))
	}
	if len(p.ClientID) > maxClientID {
		return c.refuseConnect(mqtt.ClientIDNotValid, vital.Errorf(vital.Invalid, "a client identifier of %d bytes, at most %d", len(p.ClientID), maxClientID))
	}
	if p.ClientID == "" && p.Level < mqtt.Level5 && !p.Clean {
		return c.refuseConnect(mqtt.ClientIDNotValid, vital.Errorf(vital.Invalid, "a session to be kept needs a client identifier"))
	}
	c.principal, err = c.server.gate.Login(ctx, Login{
		ClientID: p.ClientID, Username: p.Username, Password: p.Password, Certificate: certificate, Remote: c.remote, Level: byte(p.Level),
	})
	if err != nil {
		return c.refuseConnect(loginReason(err), err)
	}
	client := p.ClientID
	if client == "" {
		client = givenID(c.principal)
	}
	if err := auth.AllowClient(c.principal, client); err != nil {
		return c.refuseConnect(mqtt.NotAuthorized, err)
	}
	if w := p.Will; w != nil {
		if len(w.Topic) > maxTopic {
			return c.refuseConnect(mqtt.TopicNameInvalid, vital.Errorf(vital.Invalid, "a will topic of %d bytes, at most %d", len(w.Topic), maxTopic))
		}
		if err := c.server.gate.Allow(ctx, c.principal, auth.Publish, auth.Subject{Kind: "topic", ID: w.Topic}); err != nil {
			return c.refuseConnect(mqtt.NotAuthorized, err)
		}
		c.will = newWill(w, c, client)
	}
	return c.agree(p, client)
}

// refuseConnect sends the CONNACK that says no.
func (c *connection) refuseConnect(r mqtt.Reason, cause error) error {
	c.server.log.Warn("mqtt: connection refused", "remote", c.remote, "reason", r.String(), "error", cause)
	a := mqtt.Connack{Code: byte(r)}
	if c.level < mqtt.Level5 {
		a.Code = r.Return()
	}
	c.send(&a)
	return cause
}

func loginReason(err error) mqtt.Reason {
	switch vital.KindOf(err) {
	case vital.Unauthenticated:
		return mqtt.BadUserNameOrPassword
	case vital.Denied:
		return mqtt.NotAuthorized
	case vital.TooMuch:
		return mqtt.ConnectionRateExceeded
	}
	return mqtt.ServerUnavailable
}

// givenID is the client identifier of a client that brought none.
func givenID(p auth.Principal) string {
	if p.Class == auth.Device {
		return p.ID
	}
	var b [6]byte
	rand.Read(b[:])
	return p.ID + "-" + hex.EncodeToString(b[:])
}

// expiry is the life of a session without its client, as far as it is granted.
func (s *Server) expiry(asked uint32) time.Duration {
	return min(time.Duration(asked)*time.Second, s.limits.SessionExpiry)
}

// agree settles the numbers of the connection, takes the session and says yes.
func (c *connection) agree(p *mqtt.Connect, client string) error {
	limits := c.server.limits
	q := p.Properties
	if q == nil {
		q = new(mqtt.Properties)
	}
	answer := mqtt.Connack{Properties: &mqtt.Properties{
		ReceiveMaximum: uint16(limits.InFlight), MaximumPacketSize: uint32(limits.Packet), TopicAliasMaximum: uint16(limits.Aliases),
	}}
	keepAlive := time.Duration(p.KeepAlive) * time.Second
	c.window = limits.Window
	if c.level >= mqtt.Level5 {
		if keepAlive == 0 || keepAlive > limits.KeepAlive {
			keepAlive = limits.KeepAlive
			answer.Properties.ServerKeepAlive = new(uint16(min(keepAlive/time.Second, 65535)))
		}
		if q.SessionExpiry != nil {
			c.expiry = c.server.expiry(*q.SessionExpiry)
			if granted := uint32(c.expiry / time.Second); granted != *q.SessionExpiry {
				answer.Properties.SessionExpiry = new(granted)
			}
		}
		if q.ReceiveMaximum != 0 {
			c.window = min(c.window, int(q.ReceiveMaximum))
		}
		c.mostPacket = int(q.MaximumPacketSize)
		c.sender.most = min(int(q.TopicAliasMaximum), limits.Aliases)
		if p.ClientID == "" {
			answer.Properties.AssignedClientID = client
		}
	} else if !p.Clean {
		c.expiry = limits.SessionExpiry
	}
	c.keepAlive = keepAlive * 3 / 2
	err := c.server.join(c, client, p.Clean, func(present bool) {
		answer.SessionPresent = present
		c.send(&answer)
	})
	if err == nil {
		c.pass(Passage{Up: true})
	}
	return err
}

// leaveTime is how long an earlier connection may take to end by itself: a client
// that said goodbye and at once comes back takes nothing over, and what it sent
// last is still being handled.
const leaveTime = 50 * time.Millisecond

// endEarlier returns when the earlier connection of the same client is over.
func (s *Server) endEarlier(earlier, c *connection, client string) error {
	select {
	case <-earlier.gone:
		return nil
	case <-time.After(leaveTime):
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	s.counts.takenOver.Add(1)
	s.log.Warn("mqtt: a second connection takes over", "client", client, "earlier", earlier.remote, "remote", c.remote)
	earlier.kill(mqtt.SessionTakenOver, errTakenOver)
	select {
	case <-earlier.gone:
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
	if s.taken == nil {
		return nil
	}
	if err := s.taken(c.ctx, c.principal, client, earlier.remote, c.remote); err != nil {
		return c.refuseConnect(mqtt.NotAuthorized, err)
	}
	return nil
}

// crowd counts the sessions of a principal that may have several. The caller holds
// s.mu.
func (s *Server) crowd(p auth.Principal) int {
	if p.Class == auth.Device {
		return 0
	}
	n := 0
	for _, x := range s.sessions {
		if x.owner == p.ID {
			n++
		}
	}
	return n
}

// join gives c its session, after an earlier connection of the same client has
// ended: there are never two. welcome sends the CONNACK before anything is
// delivered.
func (s *Server) join(c *connection, client string, clean bool, welcome func(present bool)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		x := s.sessions[client]
		if x == nil {
			break
		}
		x.mu.Lock()
		earlier, owner := x.connection, x.principal
		x.mu.Unlock()
		if owner.Class != c.principal.Class || owner.ID != c.principal.ID {
			err := vital.Errorf(vital.Denied, "client id %q belongs to %s %q", client, owner.Class, owner.ID)
			return c.refuseConnect(mqtt.ClientIDNotValid, err)
		}
		if earlier == nil {
			break
		}
		s.mu.Unlock()
		err := s.endEarlier(earlier, c, client)
		s.mu.Lock()
		if err != nil {
			return err
		}
	}
	x, present := s.sessions[client], true
	if x != nil {
		if clean || !x.lasts() {
			s.remove(client, x)
			x = nil
		}
	}
	if x == nil && s.crowd(c.principal) >= s.limits.Sessions {
		return c.refuseConnect(mqtt.QuotaExceeded, vital.Errorf(vital.TooMuch, "%s %q has %d sessions", c.principal.Class, c.principal.ID, s.limits.Sessions))
	}
	if x == nil {
		x, present = newSession(s, client, c.principal), false
		s.sessions[client] = x
	}
	welcome(present)
	c.session.Store(x)
	x.attach(c, c.expiry)
	s.counts.connects.Add(1)
	s.log.Debug("mqtt: connected", "client", client, "remote", c.remote, "level", int(c.level), "resumed", present)
	c.wake()
	return nil
}
