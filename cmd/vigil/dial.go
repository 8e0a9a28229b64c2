package main

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/vigilcare/vigil/vital"
)

// dialBroker opens one MQTT connection. The error's kind says whether trying
// again can help: Unavailable does, Unauthenticated and Invalid do not.
func dialBroker(ctx context.Context, b broker) (connection, error) {
	server, err := brokerURL(b.Server)
	if err != nil {
		return nil, err
	}
	p := &pahoConnection{lost: make(chan struct{})}
	o := paho.NewClientOptions().AddBroker(server).SetClientID(b.ClientID).SetUsername(b.Username).SetPassword(b.Password).
		SetTLSConfig(b.TLS).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false).
		SetConnectTimeout(10 * time.Second).SetKeepAlive(30 * time.Second).SetMessageChannelDepth(0).
		SetConnectionLostHandler(func(paho.Client, error) { close(p.lost) })
	p.client = paho.NewClient(o)
	token := p.client.Connect()
	select {
	case <-ctx.Done():
		p.client.Disconnect(0)
		return nil, ctx.Err()
	case <-token.Done():
	}
	err = token.Error()
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return nil, vital.Errorf(vital.Unauthenticated, "connecting %s to %s: %w", b.ClientID, b.Server, err)
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return nil, vital.Errorf(vital.Denied, "connecting %s to %s: %w", b.ClientID, b.Server, err)
	}
	return nil, vital.Errorf(vital.Unavailable, "connecting %s to %s: %w", b.ClientID, b.Server, err)
}

// brokerURL checks the address and gives it the standard port where it has none.
func brokerURL(server string) (string, error) {
	if !strings.Contains(server, "://") {
		server = "mqtt://" + server
	}
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || (u.Scheme != "mqtt" && u.Scheme != "mqtts") {
		return "", vital.Errorf(vital.Invalid, "server %q: want mqtt://HOST:1883 or mqtts://HOST:8883", server)
	}
	if u.Port() == "" {
		u.Host += map[string]string{"mqtt": ":1883", "mqtts": ":8883"}[u.Scheme]
	}
	return u.String(), nil
}

type pahoConnection struct {
	client paho.Client
	lost   chan struct{}
}

func (p *pahoConnection) Publish(topic string, body []byte, done func(error)) error {
	token := p.client.Publish(topic, 1, false, body)
	go func() {
		<-token.Done()
		err := token.Error()
		if err != nil {
			err = vital.Errorf(vital.Unavailable, "publishing to %s: %w", topic, err)
		}
		done(err)
	}()
	return nil
}

func (p *pahoConnection) Lost() <-chan struct{} { return p.lost }
func (p *pahoConnection) Close()                { p.client.Disconnect(100) }
