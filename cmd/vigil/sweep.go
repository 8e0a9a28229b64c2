package main

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// sweepEvery bounds how long a connection outlives its permission.
const sweepEvery = 3 * time.Second

// sweep ends the MQTT connections of credentials that were revoked and of
// devices that were quarantined or retired.
func (n *node) sweep(ctx context.Context) error {
	since := vitalNow()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(sweepEvery):
		}
		now := vitalNow()
		shut, err := n.store.Shut(ctx, n.site, since-vital.Instant(sweepEvery.Milliseconds()), now)
		if err != nil {
			if ctx.Err() == nil {
				n.log.Error("could not look whose connections must end", "error", err.Error())
			}
			continue
		}
		since = now
		if len(shut.Credentials)+len(shut.Devices) == 0 {
			continue
		}
		n.gate.Forget()
		ended := n.mqtt.DisconnectWhere(func(p auth.Principal) bool {
			return shut.Credentials[p.Credential] || p.Class != auth.Integration && shut.Devices[vital.DeviceID(p.ID)]
		}, mqtt.NotAuthorized)
		if ended > 0 {
			n.log.Warn("connections ended: their permission did", "count", ended)
		}
	}
}
