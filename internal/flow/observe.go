package flow

import (
	"context"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/vjson"
)

// Observe sends values that a person entered the whole way of a reading: into
// the raw journal, decoded, recorded, watched. It returns when they are synced
// and shown.
func (f *Flow) Observe(ctx context.Context, p auth.Principal, patient vital.PatientID, readings []vital.Reading) (vital.Position, error) {
	packet := vjson.Packet{}
	for i, r := range readings {
		packet.Readings = append(packet.Readings, vjson.Reading{
			Time: r.Clocks.Device, Metric: r.Metric, Value: r.Value, Unit: r.Unit, Quality: r.Quality, Index: i,
		})
	}
	body, err := vjson.Encode(packet)
	if err != nil {
		return vital.Position{}, err
	}
	type answer struct {
		receipt ingest.Receipt
		err     error
	}
	synced := make(chan answer, 1)
	err = f.o.Door.Accept(ctx, ingest.Packet{
		Site: f.site, Credential: vital.CredentialID("person/" + p.ID), Device: vital.DeviceID(p.ID), Patient: patient,
		Door: "app", Format: "vigil-json", Received: f.now(), Body: body,
	}, func(r ingest.Receipt, err error) { synced <- answer{r, err} })
	if err != nil {
		return vital.Position{}, err
	}
	var got answer
	select {
	case got = <-synced:
	case <-ctx.Done():
		return vital.Position{}, vital.Errorf(vital.Unavailable, "save the entry: %w", ctx.Err())
	}
	if got.err != nil {
		return vital.Position{}, vital.Errorf(vital.Unavailable, "save the entry: %w", got.err)
	}
	info, err := f.Decoded(ctx, got.receipt.At)
	if err != nil {
		return got.receipt.At, err
	}
	if info.Result == ingest.Failed || info.Result == ingest.Partly {
		return got.receipt.At, vital.Errorf(vital.Invalid, "%s", info.Reason)
	}
	return got.receipt.At, nil
}
