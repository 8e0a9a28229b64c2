package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// openNotifier builds what brings pages to people. It is woken by the flow: an
// alarm that was just committed need not wait for the next look.
func (n *node) openNotifier() error {
	allow, err := prefixes(n.config.Inside)
	if err != nil {
		return err
	}
	n.notifier, err = notify.New(notify.Options{
		Store: n.store, Site: n.site, Now: time.Now, Log: n.log, Seal: n.seal, Unseal: n.unseal, Changed: n.flow.Changed,
		Alone: n.config.NATS == "", Public: n.config.Public, Language: n.config.Language, Rules: n.flow.Rules, SMTP: n.config.SMTP, Allow: allow,
		SMS: notify.Gateway{
			URL: n.config.SMSURL, Body: n.config.SMSBody, Type: n.config.SMSType, Headers: listed(n.config.SMSHeaders),
		},
	})
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "open the notifier: %w", err)
	}
	n.flow.Attach(func(u *watch.Update) {
		if len(u.Alarms) > 0 {
			n.notifier.Wake()
		}
	})
	return nil
}

// prefixes reads "10.0.0.0/8, 192.168.1.7".
func prefixes(text string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, one := range listed(text) {
		if !strings.Contains(one, "/") {
			a, err := netip.ParseAddr(one)
			if err != nil {
				return nil, vital.Errorf(vital.Invalid, "notify-inside: %q is neither an address nor a network", one)
			}
			all = append(all, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "notify-inside: %q is neither an address nor a network", one)
		}
		all = append(all, p)
	}
	return all, nil
}

// notifierSubject is whose key seals the installation's own secrets: the
// notifier's, and the key that signs traces.
const notifierSubject = "vigil/notifier"

// seal and unseal keep small secrets at rest: the number of the key, a nonce, the
// sealed bytes.
func (n *node) seal(open []byte) ([]byte, error) {
	id, err := n.ring.For(context.Background(), notifierSubject)
	if err != nil {
		return nil, err
	}
	c, err := n.ring.Cipher(id)
	if err != nil {
		return nil, err
	}
	head := binary.BigEndian.AppendUint64(nil, uint64(id))
	nonce := make([]byte, c.NonceSize())
	rand.Read(nonce)
	return c.Seal(append(head, nonce...), nonce, open, head), nil
}

func (n *node) unseal(sealed []byte) ([]byte, error) {
	if len(sealed) < 8 {
		return nil, vital.Errorf(vital.Internal, "a sealed secret is too short")
	}
	head, rest := sealed[:8], sealed[8:]
	c, err := n.ring.Cipher(journal.KeyID(binary.BigEndian.Uint64(head)))
	if err != nil {
		return nil, err
	}
	if len(rest) < c.NonceSize() {
		return nil, vital.Errorf(vital.Internal, "a sealed secret is too short")
	}
	return c.Open(nil, rest[:c.NonceSize()], rest[c.NonceSize():], head)
}
