package store

import (
	"context"
	"fmt"

	"github.com/vigilcare/vigil/vital"
)

// Shut is who may not be connected any more.
type Shut struct {
	Credentials map[vital.CredentialID]bool // revoked or run out since the time that was asked for
	Devices     map[vital.DeviceID]bool     // quarantined or retired
}

// Shut returns whose connections must end: credentials that were revoked or ran
// out in (since, now], and devices that are not active.
func (d *DB) Shut(ctx context.Context, site vital.Site, since, now vital.Instant) (Shut, error) {
	s := Shut{Credentials: map[vital.CredentialID]bool{}, Devices: map[vital.DeviceID]bool{}}
	ended, err := collect(ctx, d.read, ask(`SELECT id FROM credential WHERE site = ? AND (revoked > ? OR expires > ? AND expires <= ?)`, site, since, since, now), scanInto[vital.CredentialID])
	if err != nil {
		return s, fmt.Errorf("credentials that ended: %w", err)
	}
	for _, id := range ended {
		s.Credentials[id] = true
	}
	devices, err := collect(ctx, d.read, ask("SELECT id FROM device WHERE site = ? AND state <> 'active'", site), scanInto[vital.DeviceID])
	if err != nil {
		return s, fmt.Errorf("devices that are not active: %w", err)
	}
	for _, id := range devices {
		s.Devices[id] = true
	}
	return s, nil
}
