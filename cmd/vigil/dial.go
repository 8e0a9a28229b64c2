package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/vital"
)

// broker is where a device sends to, and as whom.
type broker struct {
	Server   string      // mqtt://host:port or mqtts://host:port
	TLS      *tls.Config // for mqtts; nil trusts the system's authorities
	ClientID string
	Username string
	Password string
}

// connection is one MQTT connection of one device.
type connection struct {
	client *mqttc.Client
	lost   chan struct{} // closed when it is over
}

// dialBroker opens one MQTT connection. The error's kind says whether trying
// again can help: Unavailable does, Unauthenticated, Denied and Invalid do not.
func dialBroker(ctx context.Context, b broker) (*connection, error) {
	address, secure, err := brokerAddress(b.Server)
	if err != nil {
		return nil, err
	}
	c := &connection{lost: make(chan struct{})}
	// The transmitter keeps what is not acknowledged and connects again itself.
	o := mqttc.Options{
		Address: address, ClientID: b.ClientID, Username: b.Username, Password: []byte(b.Password), KeepAlive: 30 * time.Second,
		Clean: true, InFlight: inFlight, TakeAtMost: 20, Lost: func(error) { close(c.lost) },
	}
	if secure {
		if o.TLS = b.TLS; o.TLS == nil {
			o.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	c.client, err = mqttc.Dial(ctx, o)
	if err != nil {
		return nil, err // says whom it could not reach, as whom
	}
	return c, nil
}

// publish sends with QoS 1. done is called once: with nil when the server has
// acknowledged, with Unavailable when the connection ended first.
func (c *connection) publish(topic string, body []byte, done func(error)) error {
	return c.client.PublishAsync(topic, body, 1, func(err error) {
		select {
		case <-c.lost:
			if err != nil {
				err = vital.Errorf(vital.Unavailable, "publishing to %s: %w", topic, err)
			}
		default:
		}
		done(err)
	})
}

func (c *connection) close() { _ = c.client.Close() } // nothing is left to be done about an error here

// brokerAddress checks the address and gives it the standard port where it has none.
func brokerAddress(server string) (address string, secure bool, err error) {
	if !strings.Contains(server, "://") {
		server = "mqtt://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || (u.Scheme != "mqtt" && u.Scheme != "mqtts") {
		return "", false, vital.Errorf(vital.Invalid, "server %q: want mqtt://HOST:1883 or mqtts://HOST:8883", server)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"mqtt": "1883", "mqtts": "8883"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), u.Scheme == "mqtts", nil
}
