package store_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// canaries are what must not be found anywhere.
var canaries = []string{"Quirrenbach", "Zebulonius", "1931-07-19", "MRN-774411", "whispered", "Eibenweg", "+41795550199", "canary@example.org", "hooked.example.org", "preview-canary", "retained-canary", "evidence-canary", "event-canary"}

var canary = person.Person{
	Patient: "p-canary", Family: "Quirrenbach", Given: "Zebulonius", Birth: "1931-07-19", Sex: "other",
	Numbers: []person.Number{{System: "hospital", Value: "MRN-774411"}}, Flags: []string{"allergy: whispered"},
}

// fill writes a canary wherever one could be written.
func fill(t *testing.T, d *store.DB) {
	t.Helper()
	ctx := context.Background()
	got(d.PutPatient(ctx, entry("patient.put"), canary))(t)
	must(t, d.PutContact(ctx, entry("contact.put"), person.Contact{Patient: canary.Patient, Name: "Zebulonius Quirrenbach", Phone: "+41795550199", Email: "canary@example.org", Address: "Eibenweg 4"}))
	got(d.Observe(ctx, entry("patient.observe"), store.Observation{ID: "o-1", Patient: canary.Patient, At: t0, Note: "whispered to Quirrenbach"}))(t)
	got(d.Annotate(ctx, entry("patient.annotate"), store.Annotation{ID: "n-1", Patient: canary.Patient, At: t0 + 1, Text: "he whispered again"}))(t)
	must(t, d.PutUser(ctx, entry("user.put"), store.User{ID: "u-1", Username: "ada", Roles: []string{"nurse"}}))
	got(d.SetChannels(ctx, entry("channels"), "u-1", []store.Channel{{Kind: "sms", Address: "+41795550199"}, {Kind: "webhook", Address: "https://hooked.example.org/x"}}))(t)
	must(t, d.PutEvidence(ctx, site, "a-1", canary.Patient, t0, []byte("evidence-canary of MRN-774411")))
	must(t, d.SaveMQTT(ctx, site, []store.MQTTSession{{Client: "c-1", Body: []byte("retained-canary")}}, nil, []store.Retained{{Topic: "x/y", Body: []byte("retained-canary")}}, nil))
	commit(t, d, store.Batch{Problems: []store.Problem{{Device: "m-1", At: t0, Reason: "x", Preview: "preview-canary MRN-774411"}},
		Events: []vital.Event{{Patient: canary.Patient, Device: "m-1", Kind: "button", Text: "event-canary", Clocks: vital.Clocks{Effective: t0 + 2}}}})
}

// readBack checks that all of it comes back.
func readBack(t *testing.T, d *store.DB) {
	t.Helper()
	ctx := context.Background()
	p := got(d.Patient(ctx, everything, canary.Patient))(t)
	if fmt.Sprint(p) != fmt.Sprint(canary) {
		t.Errorf("patient: %+v", p)
	}
	if c := got(d.ContactOf(ctx, everything, canary.Patient))(t); c.Name != "Zebulonius Quirrenbach" || c.Phone != "+41795550199" || c.Address != "Eibenweg 4" {
		t.Errorf("contact: %+v", c)
	}
	texts := map[string]string{}
	for _, m := range got(d.Timeline(ctx, everything, canary.Patient, 0, 0))(t) {
		texts[m.Kind] = m.Text
	}
	if texts["observation"] != "whispered to Quirrenbach" || texts["annotation"] != "he whispered again" {
		t.Errorf("timeline: %v", texts)
	}
	if e := got(d.Events(ctx, everything, store.Query{Patient: canary.Patient}))(t); len(e) != 1 || e[0].Text != "event-canary" || !strings.Contains(texts["event"], "event-canary") {
		t.Errorf("events: %+v", e)
	}
	if c := got(d.ChannelsOf(ctx, site, "u-1"))(t); len(c) != 2 || c[0].Address != "+41795550199" || !strings.HasPrefix(c[1].Secret, "whsec_") {
		t.Errorf("channels: %+v", c)
	}
	if b := got(d.EvidenceOf(ctx, everything, "a-1"))(t); string(b) != "evidence-canary of MRN-774411" {
		t.Errorf("evidence: %q", b)
	}
	if s := got(d.MQTTSessions(ctx, site))(t); len(s) != 1 || string(s[0].Body) != "retained-canary" {
		t.Errorf("sessions: %+v", s)
	}
	if r := got(d.RetainedAll(ctx, site))(t); len(r) != 1 || string(r[0].Body) != "retained-canary" {
		t.Errorf("retained: %+v", r)
	}
	if p := got(d.Problems(ctx, everything, 0))(t); len(p) != 1 || p[0].Preview != "preview-canary MRN-774411" {
		t.Errorf("problems: %+v", p)
	}
	controls := got(d.PendingControls(ctx, site, 0))(t)
	if len(controls) != 1 || !bytes.Contains(controls[0].Body, []byte("whispered")) {
		t.Errorf("decisions: %+v", controls)
	}
	for search, want := range map[string]int{"qu": 1, "quirrenbach": 1, "quirrenbacher": 0, "ZEBULON quir": 1, "mrn-7744": 1, "774411": 1, "mrn774411": 1, "7744119": 0, "irren": 0, "z": 1, "y": 0, "": 1, "qu x": 0} {
		if p := got(d.Patients(ctx, everything, search, ""))(t); len(p) != want {
			t.Errorf("search %q: %d, want %d", search, len(p), want)
		}
	}
	if b := got(d.BearingOf(ctx, site, canary.Patient, vital.Instant(1_795_000_000_000)))(t); b.AgeYears < 90 {
		t.Errorf("bearing: %+v", b)
	}
}

// scan looks for the canaries in every file below a folder.
func scan(t *testing.T, dir string) (found []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, c := range canaries {
			if bytes.Contains(b, []byte(c)) {
				found = append(found, fmt.Sprintf("%s in %s", c, filepath.Base(path)))
			}
		}
		return err
	}))
	return found
}

// dump reads every row of every table as text: what a thief of the database has.
func dump(t *testing.T, dsn string) string {
	t.Helper()
	driver, source, list := "pgx", dsn, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, source, list = "sqlite", path, "SELECT name FROM sqlite_master WHERE type = 'table'"
	}
	db, err := sql.Open(driver, source)
	must(t, err)
	defer db.Close()
	var text strings.Builder
	for _, table := range column(t, db, list) {
		rows, err := db.Query("SELECT * FROM " + table)
		must(t, err)
		names, err := rows.Columns()
		must(t, err)
		for rows.Next() {
			values := make([]any, len(names))
			for i := range values {
				values[i] = new(any)
			}
			must(t, rows.Scan(values...))
			for _, v := range values {
				switch v := (*v.(*any)).(type) {
				case []byte:
					text.Write(v)
				default:
					fmt.Fprint(&text, v)
				}
				text.WriteByte('\n')
			}
		}
		must(t, errors.Join(rows.Err(), rows.Close()))
	}
	return text.String()
}

func column(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var s string
		must(t, rows.Scan(&s))
		all = append(all, s)
	}
	return all
}

// What identifies a person is nowhere in the database, and can be read and found.
//
// Covers: H4 HIPAA-164.312(a)(2)(iv) ASVS-14.2.3
func TestSealedAtRest(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		d := open(t, dsn)
		fill(t, d)
		readBack(t, d)
		text := dump(t, dsn)
		for _, c := range canaries {
			if strings.Contains(text, c) {
				t.Errorf("%s can be read in the database", c)
			}
		}
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			copied := filepath.Join(filepath.Dir(path), "copy.db")
			must(t, d.Backup(context.Background(), copied))
			if found := scan(t, filepath.Dir(path)); len(found) > 0 {
				t.Errorf("readable: %v", found)
			}
		}
	})
}

// Other keys, or none, are refused at the door.
//
// Covers: K1 K2
func TestOtherKeysAreRefused(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		fill(t, d)
		must(t, d.Close())
		other := seal.Ephemeral()
		_, err := store.Open(ctx, store.Options{DSN: dsn, Keeper: other})
		kind(t, err, vital.Precondition)
		got(other.Found(ctx))(t)
		_, err = store.Open(ctx, store.Options{DSN: dsn, Keeper: other})
		kind(t, err, vital.Precondition)
		blind := got(store.Open(ctx, store.Options{DSN: dsn}))(t)
		defer blind.Close()
		_, err = blind.Patient(ctx, everything, canary.Patient)
		kind(t, err, vital.Precondition)
		_, err = blind.PutPatient(ctx, entry("patient.put"), person.Person{Family: "Plain"})
		kind(t, err, vital.Precondition)
		readBack(t, open(t, dsn))
	})
}

// One damaged identity does not hide the others, and is not taken for anybody's.
//
// Covers: H6 R6
func TestADamagedIdentity(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vigil.db")
	d := open(t, "sqlite:"+path)
	ward(t, d, "a", 2)
	raw := rawDB(t, path)
	_, err := raw.Exec("UPDATE person SET body = (SELECT body FROM person WHERE patient = 'p-a2') WHERE patient = 'p-a1'")
	must(t, errors.Join(err, raw.Close()))
	p := got(d.Patients(ctx, everything, "", ""))(t)
	if len(p) != 2 || p[0].Patient != "p-a1" || p[0].Family != "?" || len(p[0].Numbers) != 0 || p[1].Family != "Müllera2" {
		t.Errorf("people: %+v", p)
	}
	if p := got(d.Patients(ctx, everything, "mrna2", ""))(t); len(p) != 1 || p[0].Patient != "p-a2" {
		t.Errorf("a search: %+v", p)
	}
}

// Forgetting takes the rows and the keys; a copy from before brings nobody back.
//
// Covers: K2 H4
func TestForget(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		fill(t, d)
		ward(t, d, "a", 1)
		s := series(t, d, string(canary.Patient), "m-a1", "heart-rate")
		commit(t, d, store.Batch{Chunks: []store.Chunk{chunkOf(s, run(0, 10)...)}})
		ring := got(journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: keeperOf(dsn)}, site, func() vital.Instant { return t0 }))(t)
		key := got(ring.For(ctx, seal.Patient(canary.Patient)))(t)
		why := entry("patient.forget")
		kind(t, d.Forget(ctx, why, canary.Patient), vital.Invalid)
		why.Why = "asked for it"
		kind(t, d.Forget(ctx, why, "p-a1"), vital.Precondition)
		kind(t, d.Forget(ctx, why, "p-none"), vital.NotFound)
		var before string
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			before = path + ".before"
			must(t, d.Backup(ctx, before))
		}
		must(t, d.Forget(ctx, why, canary.Patient))
		_, err := d.Patient(ctx, everything, canary.Patient)
		kind(t, err, vital.NotFound)
		for _, search := range []string{"quir", "774411", ""} {
			for _, p := range got(d.Patients(ctx, everything, search, ""))(t) {
				if p.Patient == canary.Patient {
					t.Errorf("search %q finds who was forgotten", search)
				}
			}
		}
		if tr := got(d.Samples(ctx, everything, store.Query{Patient: canary.Patient, From: 0, To: t0 * 2}))(t); len(tr) != 0 {
			t.Errorf("readings of who was forgotten: %+v", tr)
		}
		must(t, ring.Reload(ctx))
		if _, err := ring.Cipher(key); vital.KindOf(err) != vital.Gone {
			t.Errorf("the journal's key: %v", err)
		}
		e := got(d.Audit(ctx, everything, store.AuditFilter{Action: "patient.forget"}))(t)
		if len(e) != 1 || e[0].Patient != canary.Patient || e[0].Why != "asked for it" {
			t.Errorf("ledger: %+v", e)
		}
		_, err = d.PutPatient(ctx, entry("patient.put"), canary)
		kind(t, err, vital.Gone)
		if before == "" {
			return
		}
		old := got(store.Open(ctx, store.Options{DSN: "sqlite:" + before, Keeper: keeperOf(dsn)}))(t)
		defer old.Close()
		if p := got(old.Patients(ctx, everything, "quir", ""))(t); len(p) != 0 {
			t.Errorf("a copy from before brings back %+v", p)
		}
		if e := got(old.Audit(ctx, everything, audit0(canary.Patient)))(t); len(e) == 0 || e[0].Action != "patient.forget" {
			t.Errorf("the ledger of the copy: %+v", e)
		}
	})
}

func audit0(p vital.PatientID) store.AuditFilter { return store.AuditFilter{Patient: p, Limit: 1} }

// A database from before is sealed when it is first opened, whatever stops it.
//
// Covers: H4 R7
func TestOldRowsAreSealed(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		root := [32]byte{}
		dir := t.TempDir()
		place := got(seal.PlaceOf("", dir, ""))(t)
		must(t, os.WriteFile(place.Path(), []byte(strings.Repeat("00", 32)), 0o600))
		keeper := func() *seal.Keeper {
			return got(seal.Open(ctx, seal.Options{Table: seal.NewFiles(filepath.Join(dir, "keys")), Root: place, Now: func() vital.Instant { return t0 }}))(t)
		}
		oldRows(t, dsn, root)
		at := sealAt(t)
		for _, v := range []int{at, at + 1} { // stopped before the rows are sealed, and right after
			_, err := store.OpenTraced(ctx, store.Options{DSN: dsn, Backups: t.TempDir(), Keeper: keeper()}, stopAt(v, 0, nil))
			if !errors.Is(err, errStop) {
				t.Fatal(err)
			}
		}
		d := got(store.Open(ctx, store.Options{DSN: dsn, Backups: t.TempDir(), Keeper: keeper()}))(t)
		defer d.Close()
		readBack(t, d)
		text := dump(t, dsn)
		for _, c := range canaries {
			if strings.Contains(text, c) {
				t.Errorf("%s can be read after the migration", c)
			}
		}
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			if found := scan(t, filepath.Dir(path)); len(found) > 0 {
				t.Errorf("left in the file: %v", found)
			}
		}
		ring := got(journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: keeper()}, site, func() vital.Instant { return t0 }))(t)
		if id := got(ring.For(ctx, "device/m-1"))(t); id != 77 {
			t.Errorf("the journal's key is %d, want the old one", id)
		}
		if _, err := ring.Cipher(78); vital.KindOf(err) != vital.Gone {
			t.Errorf("a key that was destroyed before: %v", err)
		}
	})
}

// A crash in the middle of sealing the rows leaves all of them as they were.
//
// Covers: K1 R7
func TestSealingIsAllOrNothing(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	path := filepath.Join(dir, "db", "vigil.db")
	dsn := "sqlite:" + path
	oldRows(t, dsn, [32]byte{})
	place := got(seal.PlaceOf("", dir, ""))(t)
	must(t, os.WriteFile(place.Path(), []byte(strings.Repeat("00", 32)), 0o600))
	table := &failing{Table: seal.NewFiles(filepath.Join(dir, "keys"))}
	for n := range 10 { // each attempt gets one key further than the one before
		table.left = min(n, 1)
		k := got(seal.Open(ctx, seal.Options{Table: table, Root: place, Now: func() vital.Instant { return t0 }}))(t)
		d, err := store.Open(ctx, store.Options{DSN: dsn, Backups: t.TempDir(), Keeper: k})
		if err == nil {
			defer d.Close()
			readBack(t, d)
			if n < 4 {
				t.Errorf("sealed after %d attempts: the rows need more keys than that", n)
			}
			return
		}
		if !errors.Is(err, errStop) {
			t.Fatalf("attempt %d: %v", n, err)
		}
		raw := rawDB(t, path)
		var family string
		must(t, raw.QueryRow("SELECT family FROM person").Scan(&family))
		must(t, raw.Close())
		if family != canary.Family {
			t.Fatalf("after attempt %d the row is %q", n, family)
		}
	}
	t.Fatal("the sealing never ends")
}

// failing is a key store whose disk fills up.
type failing struct {
	seal.Table
	left int
}

func (f *failing) Put(ctx context.Context, k seal.Key) error {
	if f.left == 0 {
		return errStop
	}
	f.left--
	return f.Table.Put(ctx, k)
}

func (f *failing) Swap(ctx context.Context, root string, keys []seal.Key) error {
	if f.left == 0 {
		return errStop
	}
	f.left--
	return f.Table.Swap(ctx, root, keys)
}

// sealAt is the number of the migration that seals.
func sealAt(t *testing.T) int {
	t.Helper()
	return got(store.MigrationNamed("seal"))(t)
}

// oldRows makes a database of the schema before, with canaries in its clear.
func oldRows(t *testing.T, dsn string, root [32]byte) {
	t.Helper()
	ctx := context.Background()
	_, err := store.OpenTraced(ctx, store.Options{DSN: dsn}, stopAt(sealAt(t), 0, nil))
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	driver, source := "pgx", dsn
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	must(t, err)
	defer db.Close()
	wrapped := wrappedKey(t, root)
	for _, s := range []struct {
		text string
		args []any
	}{
		{"INSERT INTO patient (site, id, demo, created) VALUES ('main', 'p-canary', FALSE, 1)", nil},
		{"INSERT INTO person (site, patient, family, given, birth, sex, flags, search) VALUES ('main', 'p-canary', 'Quirrenbach', 'Zebulonius', '1931-07-19', 'other', '[\"allergy: whispered\"]', 'quirrenbach zebulonius mrn-774411')", nil},
		{"INSERT INTO person_number (site, patient, ordinal, system, value) VALUES ('main', 'p-canary', 0, 'hospital', 'MRN-774411')", nil},
		{"INSERT INTO person_contact (site, patient, name, relation, phone, email, address, detail, by_whom, at) VALUES ('main', 'p-canary', 'Zebulonius Quirrenbach', '', '+41795550199', 'canary@example.org', 'Eibenweg 4', FALSE, 'u-1', 1)", nil},
		{"INSERT INTO observation (site, id, patient, at, by_whom, items, note) VALUES ('main', 'o-1', 'p-canary', 1795000000000, 'u-1', '[]', 'whispered to Quirrenbach')", nil},
		{"INSERT INTO annotation (site, id, patient, at, by_whom, kind, text) VALUES ('main', 'n-1', 'p-canary', 1795000000001, 'u-1', '', 'he whispered again')", nil},
		{"INSERT INTO channel (site, id, account, kind, address, secret, position, quiet_from, quiet_to, state, verified, created, removed) VALUES ('main', 'ch-1', 'u-1', 'sms', '+41795550199', '', 0, -1, -1, 'active', 0, 1, 0), ('main', 'ch-2', 'u-1', 'webhook', 'https://hooked.example.org/x', 'whsec_x', 1, -1, -1, 'active', 0, 1, 0)", nil},
		{"INSERT INTO alarm_evidence (site, alarm, patient, at, body) VALUES ('main', 'a-1', 'p-canary', 1, $1)", []any{[]byte("evidence-canary of MRN-774411")}},
		{"INSERT INTO mqtt_session (site, client, principal, expires, body) VALUES ('main', 'c-1', '{}', 0, $1)", []any{[]byte("retained-canary")}},
		{"INSERT INTO mqtt_retained (site, topic, qos, body, at, expires) VALUES ('main', 'x/y', 0, $1, 1, 0)", []any{[]byte("retained-canary")}},
		{"INSERT INTO problem (site, device, credential, at, part, frame, idx, format, reason, preview) VALUES ('main', 'm-1', '', 1, 0, 0, 0, '', 'x', 'preview-canary MRN-774411')", nil},
		{"INSERT INTO event (site, patient, device, kind, code, text, device_ms, receive_ms, effective_ms, offset_ms, uncertainty_ms, quality, sequence, part, frame, idx, decoder, made_by, superseded) VALUES ('main', 'p-canary', 'm-1', 'button', '', 'event-canary', 0, 0, 1795000000002, 0, 0, 0, 1, 0, 0, 0, 'x', 0, 0)", nil},
		{"INSERT INTO control (site, at, kind, body, journalled) VALUES ('main', 1, 'observe', '{\"patient\":\"p-canary\",\"note\":\"whispered to Quirrenbach\"}', FALSE)", nil},
		{"INSERT INTO sealing_key (site, id, subject, wrapped, created, destroyed) VALUES ('main', 77, 'device/m-1', $1, 5, 0), ('main', 78, 'device/m-0', NULL, 6, 7)", []any{wrapped}},
	} {
		if _, err := db.Exec(s.text, s.args...); err != nil {
			t.Fatalf("%s: %v", s.text, err)
		}
	}
}

// wrappedKey is the journal's key 77 as an older program kept it.
func wrappedKey(t *testing.T, root [32]byte) []byte {
	t.Helper()
	block := got(aes.NewCipher(root[:]))(t)
	wrap := got(cipher.NewGCM(block))(t)
	bound := append(binary.LittleEndian.AppendUint64(nil, 77), append([]byte{4}, "maindevice/m-1"...)...)
	nonce := make([]byte, 12)
	return wrap.Seal(nonce, nonce, make([]byte, 32), bound)
}
