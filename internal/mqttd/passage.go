package mqttd

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// passTime is how long telling of a passage may take: it waits only while the
// journal is behind, and then everything does.
const passTime = 5 * time.Second

// pass tells whoever wants to know that this client is here, or gone.
func (c *connection) pass(p Passage) {
	s := c.server
	if s.passed == nil {
		return
	}
	p.Principal, p.Client, p.At = c.principal, c.session.Load().client, s.now()
	ctx, stop := context.WithTimeout(context.WithoutCancel(c.ctx), passTime)
	defer stop()
	s.passed(ctx, p)
}

// why says in a word or two how the connection ended.
func (c *connection) why() string {
	switch {
	case c.cause == errGoodbye:
		return "goodbye"
	case c.cause == errTakenOver:
		return "taken over"
	case c.reason == mqtt.KeepAliveTimeout:
		return "keep-alive"
	case isProtocol(c.cause):
		return "protocol"
	case isNetwork(c.cause):
		return "network"
	}
	return "closed by the server"
}
