package store_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

func TestRetain(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		ecg, hr := series(t, d, "p-a1", "m-a1", "ecg-ii"), series(t, d, "p-a1", "m-a1", "heart-rate")
		h := store.NewWaveHead(ecg)
		h.Append(wave(int64(t0)*1000, 250))
		old := h.Seal()
		h.Append(wave(int64(t0+6*86400_000)*1000, 250))
		commit(t, d, store.Batch{Waves: []store.WaveBlock{old, h.Seal()}, Chunks: []store.Chunk{chunkOf(hr, run(0, 10)...)},
			Problems: []store.Problem{{Device: "m-a1", At: t0, Reason: "x"}}})
		must(t, d.PutRetention(ctx, entry("retention.put"), store.KeepProblems, 5))
		kind(t, d.PutRetention(ctx, entry("retention.put"), "audit", 5), vital.Invalid)
		removed := map[string]int64{}
		for _, r := range got(d.Retain(ctx, site, t0+8*86400_000))(t) {
			removed[r.What] = r.Removed
		}
		if removed[store.KeepWaveforms] != 1 || removed[store.KeepProblems] != 1 {
			t.Errorf("removed %v", removed)
		}
		if n := len(got(d.Waves(ctx, everything, store.Query{Patient: "p-a1", From: t0, To: t0 + 5000}))(t)); n != 0 {
			t.Errorf("%d packets of last week, want none", n)
		}
		if n := len(got(d.Waves(ctx, everything, store.Query{Patient: "p-a1", From: t0 + 6*86400_000, To: t0 + 7*86400_000}))(t)); n != 1 {
			t.Errorf("%d packets of the last week, want 1", n)
		}
		if n := len(samplesOf(t, d, everything, "p-a1")); n != 10 {
			t.Errorf("vitals are kept: %d of 10", n)
		}
		if e := got(d.Audit(ctx, everything, store.AuditFilter{Action: "store.retain"}))(t); len(e) == 0 || e[0].Who != "system" {
			t.Errorf("the job is not in the ledger: %+v", e)
		}
		must(t, d.Removed(ctx, entry("journal.expire"), store.KeepRaw, 77))
		for _, r := range got(d.Retentions(ctx, site))(t) {
			if r.What == store.KeepRaw && (r.Days != 30 || r.Removed != 77) || r.What == store.KeepProblems && r.Days != 5 {
				t.Errorf("policy: %+v", r)
			}
		}
	})
}

// A damaged chunk is flagged, told and kept; what is beside it is still read.
func TestQuarantine(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "vigil.db")
	d := open(t, "sqlite:"+path)
	ward(t, d, "a", 1)
	s := series(t, d, "p-a1", "m-a1", "heart-rate")
	commit(t, d, store.Batch{Chunks: []store.Chunk{chunkOf(s, run(0, 50)...), chunkOf(s, run(50, 100)...)}})
	raw, err := sql.Open("sqlite", path)
	must(t, err)
	defer raw.Close()
	_, err = raw.Exec("UPDATE chunk SET body = X'0102030405060708' WHERE from_ms = (SELECT MIN(from_ms) FROM chunk)")
	must(t, err)
	for range 2 {
		tr := got(d.Samples(ctx, everything, store.Query{Patient: "p-a1", From: t0, To: t0 + 1e9}))(t)
		if len(tr) != 1 || len(tr[0].Samples) != 50 || tr[0].Damaged != 1 {
			t.Fatalf("beside a damaged chunk: %d samples, damaged %d", len(tr[0].Samples), tr[0].Damaged)
		}
	}
	if st := got(d.Stats(ctx))(t); st.Damaged != 1 || st.Chunks != 2 {
		t.Errorf("stats: %+v", st)
	}
	if e := got(d.Audit(ctx, everything, store.AuditFilter{Action: "store.quarantine"}))(t); len(e) != 1 || e[0].Patient != "p-a1" {
		t.Errorf("ledger: %+v", e)
	}
}

func TestBackup(t *testing.T) {
	ctx := context.Background()
	dsn := "sqlite:" + filepath.Join(t.TempDir(), "vigil.db")
	d := open(t, dsn)
	ward(t, d, "a", 1)
	copy := filepath.Join(t.TempDir(), "deep", "copy.db")
	must(t, d.Backup(ctx, copy))
	kind(t, d.Backup(ctx, copy), vital.Conflict)
	keepers.Store("sqlite:"+copy, keeperOf(dsn))
	c := open(t, "sqlite:"+copy)
	if p := got(c.Patients(ctx, everything, "", ""))(t); len(p) != 1 {
		t.Errorf("the copy has %d patients", len(p))
	}
}

func TestAccess(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		must(t, d.PutUser(ctx, entry("user.put"), store.User{ID: "u-1", Username: "ada", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-a"}}))
		kind(t, d.PutUser(ctx, entry("user.put"), store.User{ID: "u-2", Username: "ada"}), vital.Conflict)
		must(t, d.SetPreferences(ctx, site, "u-1", []byte(`{"theme":"dark"}`)))
		u := got(d.UserByName(ctx, site, "ada"))(t)
		if u.ID != "u-1" || u.Roles[0] != "nurse" || u.Wards[0] != "w-a" || u.AllWards || string(u.Preferences) != `{"theme":"dark"}` {
			t.Errorf("user: %+v", u)
		}
		_, err := d.UserByName(ctx, "elsewhere", "ada")
		kind(t, err, vital.NotFound)
		must(t, d.PutCredential(ctx, entry("credential.put"), store.Credential{ID: "c-1", Class: "device", Subject: "m-1", Username: "m-1", Hash: []byte{1}}))
		kind(t, d.PutCredential(ctx, entry("credential.put"), store.Credential{ID: "c-2", Class: "device", Subject: "m-1", Username: "m-1"}), vital.Conflict)
		must(t, d.RevokeCredential(ctx, entry("credential.revoke"), "c-1", t0))
		must(t, d.PutCredential(ctx, entry("credential.put"), store.Credential{ID: "c-2", Class: "device", Subject: "m-1", Username: "m-1", CertFingerprint: "ab"}))
		if c := got(d.CredentialByName(ctx, site, "m-1"))(t); c.ID != "c-2" {
			t.Errorf("credential in force: %+v", c)
		}
		if c := got(d.CredentialByCert(ctx, site, "ab"))(t); c.ID != "c-2" {
			t.Errorf("credential by certificate: %+v", c)
		}
		_, err = d.CredentialByCert(ctx, site, "")
		kind(t, err, vital.NotFound)
		must(t, d.PutLink(ctx, entry("user.link"), store.Link{Hash: []byte("l"), User: "u-1", Expires: t0 + 9}, store.Notice{}))
		taken := func(l store.Link) (audit.Entry, store.Notice) { return entry("user.link-used"), store.Notice{} }
		if l := got(d.TakeLink(ctx, site, []byte("l"), t0, taken))(t); l.User != "u-1" {
			t.Errorf("link: %+v", l)
		}
		_, err = d.TakeLink(ctx, site, []byte("l"), t0, taken)
		kind(t, err, vital.NotFound)
		must(t, d.PutToken(ctx, entry("token.put"), store.Token{ID: "t-1", Class: "kiosk", Hash: []byte("t"), Wards: []vital.WardID{"w-a"}}))
		got(d.TokenByHash(ctx, site, []byte("t")))(t)
		must(t, d.RevokeToken(ctx, entry("token.revoke"), "t-1"))
		_, err = d.TokenByHash(ctx, site, []byte("t"))
		kind(t, err, vital.NotFound)
		s := store.Session{Site: site, ID: "s-1", Hash: []byte("s"), User: "u-1", Created: t0, LastSeen: t0, Expires: t0 + 9}
		must(t, d.PutSession(ctx, s))
		must(t, d.SeenSession(ctx, site, s.Hash, t0+1))
		if got := got(d.SessionByHash(ctx, site, s.Hash))(t); got.LastSeen != t0+1 {
			t.Errorf("session: %+v", got)
		}
		must(t, d.EndSessionsOf(ctx, entry("user.sessions"), "u-1", ""))
		_, err = d.SessionByHash(ctx, site, s.Hash)
		kind(t, err, vital.NotFound)
		must(t, d.PutSetting(ctx, site, "root", []byte{0, 1}))
		if v := got(d.Setting(ctx, site, "root"))(t); len(v) != 2 {
			t.Errorf("setting: %v", v)
		}
		must(t, d.SaveMQTT(ctx, site, []store.MQTTSession{{Client: "m-1", Principal: []byte(`{}`), Body: []byte{7}}, {Client: "m-2", Principal: []byte(`{}`)}}, nil,
			[]store.Retained{{Topic: "v1/m-1/status", QoS: 1, Body: []byte("on"), At: t0}}, nil))
		must(t, d.SaveMQTT(ctx, site, nil, []string{"m-2"}, []store.Retained{{Topic: "v1/m-1/status", QoS: 1, Body: []byte("off"), At: t0}}, nil))
		if m := got(d.MQTTSessions(ctx, site))(t); len(m) != 1 || m[0].Body[0] != 7 {
			t.Errorf("MQTT sessions: %+v", m)
		}
		if r := got(d.RetainedAll(ctx, site))(t); len(r) != 1 || string(r[0].Body) != "off" {
			t.Errorf("retained: %+v", r)
		}
		must(t, d.SaveMQTT(ctx, site, nil, nil, nil, []string{"v1/m-1/status"}))
		if r := got(d.RetainedAll(ctx, site))(t); len(r) != 0 {
			t.Errorf("retained: %+v", r)
		}
	})
}

func TestCare(t *testing.T) {
	both(t, func(t *testing.T, dsn string) {
		ctx := context.Background()
		d := open(t, dsn)
		ward(t, d, "a", 1)
		at := vital.At(time.Now())
		s := got(d.SetStandby(ctx, entry("patient.standby"), store.Standby{Patient: "p-a1", Reason: "theatre", From: at - 1000, Until: at + 60_000}))(t)
		if now, ok, err := d.StandbyOf(ctx, everything, "p-a1"); err != nil || !ok || now != s || s.By != "u-1" {
			t.Errorf("standby %+v %t %v", now, ok, err)
		}
		if all := got(d.Standbys(ctx, everything, at+60_000))(t); len(all) != 0 {
			t.Errorf("a standby ends by itself: %+v", all)
		}
		must(t, d.EndStandby(ctx, entry("patient.standby"), "p-a1", at))
		kind(t, d.EndStandby(ctx, entry("patient.standby"), "p-a1", at), vital.Conflict)
		if _, ok, _ := d.StandbyOf(ctx, everything, "p-a1"); ok {
			t.Error("the standby goes on after its end")
		}
		plan := []store.PlanItem{{Metric: "heart-rate", Kind: "continuous", Every: 10}, {Metric: "temperature", Kind: "spot", Every: 14400}}
		must(t, d.SetPlan(ctx, entry("patient.plan"), "p-a1", plan))
		if p := got(d.Plans(ctx, site))(t); len(p["p-a1"]) != 2 || p["p-a1"][1] != plan[1] {
			t.Errorf("plans: %+v", p)
		}
		v := vital.Decimal{Mantissa: 160, Exponent: -1}
		o := got(d.Observe(ctx, entry("patient.observe"), store.Observation{Patient: "p-a1", At: at, Note: "quiet night",
			Items: []store.ObservedItem{{Metric: "resp-rate", Value: &v, Unit: "/min"}, {Metric: "consciousness", Code: "A"}}}))(t)
		back := got(d.Observations(ctx, everything, "p-a1", at, at+1))(t)
		if len(back) != 1 || back[0].ID != o.ID || *back[0].Items[0].Value != v || back[0].Items[1].Code != "A" {
			t.Errorf("observations: %+v", back)
		}
		_, err := d.Observe(ctx, entry("patient.observe"), store.Observation{Patient: "p-a1", At: at, Items: []store.ObservedItem{{Metric: "resp-rate", Value: &v}}})
		kind(t, err, vital.Invalid) // a number without its unit
		got(d.Annotate(ctx, entry("patient.annotate"), store.Annotation{Patient: "p-a1", At: at + 1, Text: "walked"}))(t)
		kinds := map[string]int{}
		for _, m := range got(d.Timeline(ctx, everything, "p-a1", 0, 0))(t) {
			kinds[m.Kind]++
		}
		if kinds["observation"] != 1 || kinds["annotation"] != 1 || kinds["binding"] != 1 || kinds["admission"] != 1 || kinds["standby"] != 1 {
			t.Errorf("timeline: %v", kinds)
		}
	})
}
