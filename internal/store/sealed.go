package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

// subjectOf says whose key seals what is about a patient; what is about nobody,
// or the installation itself, is under the site's.
func subjectOf(patient vital.PatientID) string {
	if patient == "" || patient == vital.PatientID(seal.Site) {
		return seal.Site
	}
	return seal.Patient(patient)
}

// seal seals one value for its place. Nothing stays nothing: that a note is empty
// is no secret.
func (d *DB) seal(ctx context.Context, site vital.Site, patient vital.PatientID, place string, plain []byte) ([]byte, error) {
	if len(plain) == 0 {
		return nil, nil
	}
	if d.keeper == nil {
		return nil, vital.Errorf(vital.Precondition, "seal %s: the store was opened without its keys", place)
	}
	return d.keeper.Seal(ctx, string(site), subjectOf(patient), place, plain)
}

// sealLate is seal for what the flow brings: of somebody who was forgotten since,
// nothing is kept, and the flow goes on.
func (d *DB) sealLate(ctx context.Context, site vital.Site, patient vital.PatientID, place string, plain []byte) ([]byte, error) {
	sealed, err := d.seal(ctx, site, patient, place, plain)
	if err != nil && vital.KindOf(err) == vital.Gone {
		return nil, nil
	}
	return sealed, err
}

// unseal opens what seal returned; of a patient who was forgotten nothing is there.
func (d *DB) unseal(ctx context.Context, site vital.Site, patient vital.PatientID, place string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	if d.keeper == nil {
		return nil, vital.Errorf(vital.Precondition, "open %s: the store was opened without its keys", place)
	}
	plain, err := d.keeper.Open(ctx, string(site), subjectOf(patient), place, sealed)
	if err != nil && vital.KindOf(err) == vital.Gone {
		return nil, nil
	}
	return plain, err
}

func (d *DB) sealJSON(ctx context.Context, site vital.Site, patient vital.PatientID, place string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", place, err)
	}
	return d.seal(ctx, site, patient, place, body)
}

// unsealJSON returns false when nothing is there any more.
func (d *DB) unsealJSON(ctx context.Context, site vital.Site, patient vital.PatientID, place string, sealed []byte, into any) (bool, error) {
	body, err := d.unseal(ctx, site, patient, place, sealed)
	if err != nil || body == nil {
		return false, err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return false, fmt.Errorf("open %s: %w", place, err)
	}
	return true, nil
}

// unsealText is unseal into a string.
func (d *DB) unsealText(ctx context.Context, site vital.Site, patient vital.PatientID, place string, sealed []byte, into *string) error {
	plain, err := d.unseal(ctx, site, patient, place, sealed)
	*into = string(plain)
	return err
}

// Places, as associated data: table, column, row.
func personPlace(id vital.PatientID) string  { return "person/body/" + string(id) }
func contactPlace(id vital.PatientID) string { return "person_contact/body/" + string(id) }
func notePlace(id string) string             { return "observation/note/" + id }
func remarkPlace(id string) string           { return "annotation/text/" + id }
func channelPlace(id string) string          { return "channel/body/" + id }
func evidencePlace(alarm string) string      { return "alarm_evidence/body/" + alarm }
func sessionPlace(client string) string      { return "mqtt_session/body/" + client }
func retainedPlace(topic string) string      { return "mqtt_retained/body/" + topic }

// Rows with a number of their own are inserted before they have it: their place
// is the table.
const (
	controlPlace = "control/body"
	previewPlace = "problem/preview"
	eventPlace   = "event/text"
)

// claim notes which key store seals this database, and refuses any other: what
// is sealed could not be read, and what came next would be sealed with keys that
// belong elsewhere.
func (d *DB) claim(ctx context.Context) error {
	if d.keeper == nil {
		return nil
	}
	known, err := collect(ctx, d.read, ask("SELECT id FROM key_store"), scanInto[string])
	if err != nil {
		return err
	}
	have := d.keeper.ID()
	switch {
	case len(known) == 0:
		if have, err = d.keeper.Found(ctx); err != nil {
			return err
		}
		return d.transact(ctx, func(t *tx) error {
			if _, err := t.exec("INSERT INTO key_store (id, since) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", have, now()); err != nil {
				return err
			}
			var n int
			if err := t.row("SELECT COUNT(*) FROM key_store").Scan(&n); err != nil {
				return err
			}
			if n != 1 {
				return vital.Errorf(vital.Precondition, "another process has just claimed the database with other keys")
			}
			return nil
		})
	case have == "":
		return vital.Errorf(vital.Precondition, "the keys of this database, key store %s, are not there: put their copy back; without them nothing that is sealed can ever be read", known[0])
	case have != known[0]:
		return vital.Errorf(vital.Precondition, "the keys that are there are key store %s, and the database was sealed with %s: put those back", have, known[0])
	}
	return nil
}

// KeyStoreOf returns which key store sealed a database, without opening it for
// use; empty: none yet.
func KeyStoreOf(ctx context.Context, o Options) (id string, err error) {
	kind, err := dialectOf(o)
	if err != nil || kind.fresh() {
		return "", err
	}
	d, err := connect(ctx, o)
	if err != nil {
		return "", err
	}
	defer d.Close()
	there, err := kind.exists(ctx, d.read, "key_store")
	if err != nil || !there {
		return "", err
	}
	known, err := collect(ctx, d.read, ask("SELECT id FROM key_store"), scanInto[string])
	if err != nil || len(known) == 0 {
		return "", err
	}
	return known[0], nil
}
