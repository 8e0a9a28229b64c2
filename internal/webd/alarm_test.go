package webd_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

func TestAlarms(t *testing.T) {
	w := newWorld(t)
	now := vital.At(begun)
	a := w.find(low("p-a", now))[0]
	b := w.find(low("p-b", now))[0]
	house := w.find(disk(now))[0]
	one, other, site := "/alarms/"+a.ID, "/alarms/"+b.ID, "/alarms/"+house.ID
	w.do(w.store.PutUser(t.Context(), system, store.User{ID: "u-away", Name: "Away", Username: "away", Roles: []string{"nurse"}, Wards: []vital.WardID{"w-b"}, State: "active"}))
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/alarms", status: 200, want: []string{
			`"id":"` + a.ID + `"`, `"priority":"high"`, `"condition":"present"`, `"bed":"b-a1"`, `"ward":"w-a"`, `"text":"SpO2 84 % \u003c 90 %"`, `"sound":"on"`,
			`"acknowledged":null`, `"owner":null`, `"closed":0`, `"value":"84"`, `"source":{"partition":1,"frame":2,"index":3}`, house.ID,
		}, not: []string{b.ID}},
		{name: "the most urgent first", who: "administrator", method: "GET", path: "/alarms?state=open", status: 200, want: []string{a.ID, b.ID, house.ID}},
		{who: "kiosk", method: "GET", path: "/alarms?ward=w-a", status: 200, want: []string{a.ID}, not: []string{b.ID}},
		{who: "nurse", method: "GET", path: "/alarms?ward=w-b", status: 404, not: []string{b.ID}},
		{who: "nurse", method: "GET", path: "/alarms?patient=p-b", status: 404, not: []string{b.ID}},
		{who: "nurse", method: "GET", path: "/alarms?patient=p-a", status: 200, want: []string{a.ID}, not: []string{house.ID}},
		{who: "nurse", method: "GET", path: "/alarms?patient=site", status: 200, want: []string{house.ID}, not: []string{a.ID}},
		{who: "nurse", method: "GET", path: "/alarms?patient=site&state=all", status: 200, want: []string{house.ID}, not: []string{a.ID}},
		{who: "nurse", method: "GET", path: "/alarms?technical=true", status: 200, want: []string{house.ID}, not: []string{a.ID}},
		{who: "nurse", method: "GET", path: "/alarms?technical=false&state=all", status: 200, want: []string{a.ID}, not: []string{house.ID, b.ID}},
		{who: "nurse", method: "GET", path: "/alarms?state=closed", status: 200, want: []string{`"items":[]`}},
		{who: "nurse", method: "GET", path: "/alarms?state=none", status: 400, want: []string{`"field":"state"`}},
		{who: "nurse", method: "GET", path: "/alarms?technical=1", status: 400, want: []string{`"field":"technical"`}},
		{who: "nurse", method: "GET", path: "/alarms?before=yesterday", status: 400, want: []string{`"field":"before"`}},
		{who: "nurse", method: "GET", path: "/alarms?limit=0", status: 400},
		{who: "technician", method: "GET", path: "/alarms", status: 403},
		{who: "auditor", method: "GET", path: "/alarms", status: 403},
		{who: "", method: "GET", path: "/alarms", status: 401},

		{who: "nurse", method: "GET", path: one, status: 200, want: []string{`"deeds":[{`, `"kind":"raised"`, `"deliveries":[]`, `"alarm":{"id":"` + a.ID}},
		{who: "nurse", method: "GET", path: other, status: 404, want: []string{"alarm " + b.ID + ": not found"}, not: []string{"p-b", "Baker"}},
		{who: "nurse", method: "GET", path: "/alarms/a-none", status: 404, want: []string{"alarm a-none: not found"}},
		{who: "nurse", method: "GET", path: site, status: 200, want: []string{`"technical":true`, `"bed":""`}},

		{who: "kiosk", method: "POST", path: one + "/acknowledge", status: 403},
		{who: "integration", method: "POST", path: one + "/acknowledge", status: 403},
		{who: "nurse", method: "POST", path: other + "/acknowledge", status: 404},
		{who: "nurse", method: "POST", path: one + "/shout", status: 404},
		{who: "nurse", method: "POST", path: one + "/acknowledge", body: `{"minutes":5}`, status: 400, want: []string{`"field":"minutes"`}},
		{who: "nurse", method: "POST", path: one + "/acknowledge", body: `{"to":"u-clinician"}`, status: 400, want: []string{`"field":"to"`}},
		{who: "nurse", method: "POST", path: one + "/acknowledge", body: `{"wy":"x"}`, status: 400, want: []string{`"field":"wy"`}},
		{name: "a continuous measurement is not snoozed", who: "nurse", method: "POST", path: one + "/snooze", status: 412, want: []string{"measured all the time"}},
		{name: "without a body", who: "nurse", method: "POST", path: one + "/acknowledge", status: 200, want: []string{`"sound":"acknowledged"`, `"acknowledged":{"by":"u-nurse","name":"The nurse"`}},
		{who: "clinician", method: "POST", path: one + "/pause", body: `{"minutes":1}`, status: 412, want: []string{"it does not sound"}},
		{who: "clinician", method: "POST", path: one + "/accept", body: `{"why":"on my way"}`, status: 200, want: []string{`"owner":{"by":"u-clinician","name":"The clinician","from":""`, `"accepted":true`}},
		{name: "a refusal names people, not their ids", who: "nurse", method: "POST", path: one + "/decline", status: 412, want: []string{"The clinician takes care of it"}},
		{who: "clinician", method: "POST", path: one + "/hand-over", status: 400, want: []string{`"field":"to"`}},
		{who: "clinician", method: "POST", path: one + "/hand-over", body: `{"to":"u-none"}`, status: 404, want: []string{`"field":"to"`}},
		{who: "clinician", method: "POST", path: one + "/hand-over", body: `{"to":"u-technician"}`, status: 400, want: []string{"does not act on alarms"}},
		{who: "clinician", method: "POST", path: one + "/hand-over", body: `{"to":"u-away"}`, status: 400, want: []string{"does not work on the patient's ward"}},
		{who: "clinician", method: "POST", path: one + "/hand-over", body: `{"to":"u-nurse"}`, status: 200, want: []string{`"owner":{"by":"u-nurse","name":"The nurse","from":"u-clinician","fromName":"The clinician"`, `"accepted":false`, `"sound":"on"`}},
		{who: "nurse", method: "POST", path: one + "/escalate", body: `{"why":"I am alone"}`, status: 200, want: []string{`"level":1`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/alarms/pause", body: `{"minutes":2,"why":"suction"}`, status: 200, want: []string{`"sound":"paused"`, `"silenced":{"by":"u-nurse"`}},
		{who: "nurse", method: "POST", path: "/patients/p-b/alarms/pause", body: `{"minutes":2}`, status: 404},
		{who: "nurse", method: "POST", path: "/patients/p-a/alarms/resume", status: 200, want: []string{`"sound":"on"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/alarms/resume", status: 412, want: []string{"no sound is paused"}},
		{who: "nurse", method: "POST", path: one + "/off", body: `{"minutes":30}`, status: 400, want: []string{`"field":"why"`}},
		{who: "nurse", method: "POST", path: one + "/off", body: `{"why":"probe"}`, status: 400, want: []string{`"field":"minutes"`}},
		{who: "nurse", method: "POST", path: one + "/off", body: `{"why":"probe","minutes":99999}`, status: 400, want: []string{`"field":"minutes"`}},
		{who: "nurse", method: "POST", path: one + "/off", body: `{"why":"probe","minutes":30}`, status: 200, want: []string{`"sound":"off"`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/alarms/off", status: 200, want: []string{`"rule":"spo2-low"`, `"by":"u-nurse","name":"The nurse","why":"probe"`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/alarms/off", status: 404},
		{name: "the whole story", who: "nurse", method: "GET", path: one, status: 200, want: []string{
			`"kind":"done","verb":"acknowledge","by":"u-nurse","name":"The nurse"`, `"kind":"refused","verb":"decline"`, `"why":"The clinician takes care of it"`,
			`"verb":"hand-over","by":"u-clinician"`, `"to":"u-nurse","toName":"The nurse"`, `"verb":"off"`, `"why":"probe"`,
		}},
	})
	gone := low("p-a", now+2000)
	gone.Stand, gone.Evidence = vital.Absent, nil
	w.clock.pass(5 * time.Second)
	if closed := w.find(gone); len(closed) != 1 || closed[0].Closed == 0 {
		t.Fatalf("the condition ended and the alarm is %+v", closed)
	}
	run(t, w, []scenario{
		{who: "nurse", method: "POST", path: one + "/acknowledge", status: 409, want: []string{"the alarm is over since"}},
		{who: "nurse", method: "GET", path: "/alarms", status: 200, not: []string{a.ID}},
		{who: "nurse", method: "GET", path: "/alarms?state=closed", status: 200, want: []string{a.ID, `"why":"ended"`, `"bed":"b-a1"`}},
		{name: "what was switched off is on again", who: "nurse", method: "POST", path: one + "/on", status: 200, want: []string{`"closed":`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/alarms/off", status: 200, want: []string{`"items":[]`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/alarms/on", body: `{"rule":"spo2-low"}`, status: 412, want: []string{"it is not switched off"}},
		{who: "nurse", method: "POST", path: "/patients/p-a/alarms/on", body: `{}`, status: 400, want: []string{`"field":"rule"`}},
		{who: "administrator", method: "GET", path: "/alarms?state=all&limit=1", status: 200, want: []string{`"next":"`}},
		{who: "administrator", method: "GET", path: "/audit?patient=p-a&limit=500", status: 200, want: []string{`"action":"alarm.acknowledge"`, `"action":"alarm.off"`, `"why":"probe"`, `"subject":"alarm/` + a.ID}},
		{who: "administrator", method: "GET", path: "/audit?patient=p-b&limit=500", status: 200, want: []string{`"outcome":"refused"`, `"action":"alarm.act"`}},
	})
}

// Pages of the history hold every alarm once, though many were raised in the same
// millisecond.
func TestAlarmPages(t *testing.T) {
	w := newWorld(t)
	want := 0
	for i := range 7 {
		f := low("p-a", vital.At(begun))
		f.Part = string(rune('a' + i))
		want += len(w.find(f))
	}
	seen := map[string]int{}
	next := ""
	for range 10 {
		var page struct {
			Items []struct{ ID string }
			Next  string
		}
		w.do(json.Unmarshal(w.ask("nurse", "GET", "/alarms?state=all&limit=2&before="+next, "").body, &page))
		for _, a := range page.Items {
			seen[a.ID]++
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if len(seen) != want || next != "" {
		t.Errorf("the pages hold %v, want %d alarms", seen, want)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("alarm %s is on %d pages", id, n)
		}
	}
}

// A patient who moved takes the open alarm along: it is shown where the patient
// is, and no longer to the ward before, though that may still read the history.
func TestAlarmMoves(t *testing.T) {
	w := newWorld(t)
	a := w.find(low("p-a", vital.At(begun)))[0]
	if r := w.ask("administrator", "POST", "/patients/p-a/transfer", `{"bed":"b-b2"}`); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	run(t, w, []scenario{
		{who: "administrator", method: "GET", path: "/alarms?ward=w-b", status: 200, want: []string{a.ID, `"bed":"b-b2"`, `"ward":"w-b"`}},
		{who: "administrator", method: "GET", path: "/alarms?ward=w-a", status: 200, not: []string{a.ID}},
		{who: "nurse", method: "GET", path: "/alarms", status: 200, not: []string{a.ID}},
		{who: "nurse", method: "GET", path: "/alarms?patient=p-a", status: 200, want: []string{a.ID}},
		{who: "administrator", method: "GET", path: "/wards/w-b", status: 200, want: []string{a.ID}},
	})
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	d := func(s string) *vital.Decimal { v := must[vital.Decimal](t)(vital.ParseDecimal(s)); return &v }
	w.flow.judged.limits["p-a"] = []rule.Effective{
		{Metric: "spo2", Unit: "%", Low: d("90"), DefaultLow: d("90"), Rule: "spo2-low"},
		{Metric: "heart-rate", Unit: "/min", Low: d("50"), High: d("120"), DefaultLow: d("50"), DefaultHigh: d("120"), Rule: "heart-rate-high, heart-rate-low"},
	}
	path := "/patients/p-a/limits"
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: path, status: 200, want: []string{`{"metric":"spo2","unit":"%","low":90,"high":null,"defaultLow":90,"defaultHigh":null,"rule":"spo2-low","own":null}`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/limits", status: 404},
		{who: "integration", method: "GET", path: path, status: 200},
		{who: "kiosk", method: "GET", path: path, status: 403},
		{who: "nurse", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":88,"why":"COPD","minutes":60}`, status: 403},
		{who: "clinician", method: "PUT", path: "/patients/p-b/limits", body: `{"metric":"spo2","unit":"%","low":88,"why":"COPD"}`, status: 404},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":88,"why":"COPD","minutes":60}`, status: 200, want: []string{
			`"own":{"low":88,"high":null,"by":"u-clinician","name":"The clinician","why":"COPD"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"sp02","unit":"%","low":88,"why":"x"}`, status: 400, want: []string{`"field":"metric"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"consciousness","unit":"1","low":1,"why":"x"}`, status: 400, want: []string{`"field":"metric"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","low":88,"why":"x"}`, status: 400, want: []string{`"field":"unit"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"kg","low":88,"why":"x"}`, status: 400, want: []string{`"field":"unit"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":880,"why":"x"}`, status: 400, want: []string{`"field":"low"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":95,"high":90,"why":"x"}`, status: 400, want: []string{`"field":"low"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","why":"x"}`, status: 400, want: []string{`"field":"low"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":88,"why":" "}`, status: 400, want: []string{`"field":"why"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":88,"why":"x","minutes":-1}`, status: 400, want: []string{`"field":"minutes"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":88,"why":"x","until":"` + at(-time.Hour) + `"}`, status: 400, want: []string{`"field":"until"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"metric":"spo2","unit":"%","low":86,"why":"x","until":"` + at(time.Hour) + `"}`, status: 200, want: []string{`"own":{"low":86`}},
		{name: "a limit that no rule asks for is shown", who: "clinician", method: "PUT", path: path, body: `{"metric":"temperature","unit":"Cel","high":39,"why":"fever"}`, status: 200, want: []string{`{"metric":"temperature","unit":"Cel","low":null,"high":39,"defaultLow":null,"defaultHigh":null,"rule":""`}},
		{who: "nurse", method: "DELETE", path: path + "/spo2", body: `{"why":"over"}`, status: 403},
		{who: "clinician", method: "DELETE", path: path + "/spo2", body: `{"why":""}`, status: 400, want: []string{`"field":"why"`}},
		{who: "clinician", method: "DELETE", path: path + "/spo2", body: `{"why":"over"}`, status: 200, not: []string{`"low":86`}},
		{who: "clinician", method: "DELETE", path: path + "/spo2", body: `{"why":"over"}`, status: 409},
		{who: "nurse", method: "GET", path: path + "/history", status: 200, want: []string{`"endedBy":"u-clinician","endedName":"The clinician","endedWhy":"over"`, `"low":88`, `"low":86`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/limits/history", status: 404},
		{name: "limits stand beside the numbers", who: "nurse", method: "GET", path: "/wards/w-a", status: 200, want: []string{`"limits":[{"metric":"spo2","unit":"%","low":90,"high":null,"own":false}`}},
	})
}

func TestHowAPatientIsJudged(t *testing.T) {
	path := "/patients/p-a/care"
	run(t, newWorld(t), []scenario{
		{who: "nurse", method: "GET", path: path, status: 200, want: []string{`{"spo2Scale":0,"conditions":[],"by":"","name":"","why":"","at":0}`}},
		{who: "nurse", method: "PUT", path: path, body: `{"spo2Scale":2,"conditions":["copd"]}`, status: 403},
		{who: "clinician", method: "PUT", path: path, body: `{"spo2Scale":3,"conditions":[]}`, status: 400, want: []string{`"field":"spo2Scale"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"spo2Scale":2,"conditions":["copd",""]}`, status: 400, want: []string{`"field":"conditions[1]"`}},
		{who: "clinician", method: "PUT", path: path, body: `{"spo2Scale":2,"conditions":["copd"," copd "],"why":"known hypercapnia"}`, status: 200, want: []string{`"conditions":["copd"],"by":"u-clinician","name":"The clinician","why":"known hypercapnia"`}},
		{who: "clinician", method: "PUT", path: "/patients/p-b/care", body: `{"spo2Scale":2,"conditions":[]}`, status: 404},
		{who: "nurse", method: "GET", path: path, status: 200, want: []string{`"spo2Scale":2`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/care", status: 404},
	})
}

func TestScores(t *testing.T) {
	w := newWorld(t)
	w.flow.judged.scores["p-a"] = []score.Result{{
		Name: "news2", Title: "NEWS2", At: vital.At(begun), Status: score.Incomplete, Score: vital.Whole(3), Band: "at least 3",
		Parts:   []score.Part{{Name: "resp-rate", Label: "Respiration rate", Value: "22", Unit: "/min", At: vital.At(begun), Points: 2}, {Name: "spo2", Label: "Oxygen saturation", Missing: true}},
		Missing: []string{"spo2"}, Reason: "SpO2 is missing", Source: "RCP 2017",
	}}
	run(t, w, []scenario{
		{who: "nurse", method: "GET", path: "/patients/p-a/scores", status: 200, want: []string{`"status":"incomplete","score":3,"band":"at least 3"`, `"params":[{"name":"resp-rate","label":"Respiration rate","value":"22"`, `"missing":["spo2"]`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/scores", status: 404},
		{who: "kiosk", method: "GET", path: "/patients/p-a/scores", status: 403},
	})
}

const twoRules = `{"files":[{"name":"own.rule","text":%TEXT%}],"why":"trial","base":"%BASE%"}`

func TestRules(t *testing.T) {
	w := newWorld(t)
	own := ownRule(t)
	text, err := json.Marshal(own)
	w.do(err)
	files := `{"files":[{"name":"own.rule","text":` + string(text) + `}]}`
	put := func(base string) string {
		return strings.NewReplacer("%TEXT%", string(text), "%BASE%", base).Replace(twoRules)
	}
	standard := rule.Default().Version()
	run(t, w, []scenario{
		{who: "technician", method: "GET", path: "/rules", status: 200, want: []string{`"version":"` + standard + `"`, `"default":true`, `"at":null`, `"files":[{`, `"rules":[{`, `"sources":[`}},
		{who: "kiosk", method: "GET", path: "/rules", status: 403},
		{who: "nurse", method: "POST", path: "/rules/check", body: files, status: 200, want: []string{`"problems":[]`, `"rules":[{"name":"`, `"tests":`}, not: []string{`"tests":0}`}},
		{who: "nurse", method: "POST", path: "/rules/check", body: `{"files":[{"name":"own.rule","text":"rule"}]}`, status: 200, want: []string{`"file":"own.rule","line":1,"column":`, `"rules":[],"tests":0`}},
		{who: "nurse", method: "POST", path: "/rules/check", body: `{"files":[]}`, status: 400, want: []string{`"field":"files"`}},
		{who: "nurse", method: "POST", path: "/rules/check", body: `{"files":[{"name":"../own.rule","text":""}]}`, status: 400, want: []string{`"field":"files[0].name"`}},
		{who: "nurse", method: "POST", path: "/rules/check", body: `{"files":[{"name":"a.rule","text":""},{"name":"a.rule","text":""}]}`, status: 400, want: []string{`"field":"files[1].name"`}},
		{who: "nurse", method: "POST", path: "/rules/check", body: `{"files":[{"name":"a.rule","text":"` + strings.Repeat("#", 300_000) + `"}]}`, status: 429},
		{who: "nurse", method: "PUT", path: "/rules", body: put(standard), status: 403},
		{who: "administrator", method: "PUT", path: "/rules", body: `{"files":[{"name":"own.rule","text":"rule"}],"why":"trial","base":"` + standard + `"}`, status: 400, want: []string{`"field":"files"`, "own.rule:1:"}},
		{who: "administrator", method: "PUT", path: "/rules", body: strings.Replace(put(standard), "trial", " ", 1), status: 400, want: []string{`"field":"why"`}},
		{who: "administrator", method: "PUT", path: "/rules", body: put("0000"), status: 409},
		{who: "administrator", method: "PUT", path: "/rules", body: put(standard), status: 200, want: []string{`"author":"The administrator"`, `"why":"trial"`, `"default":false`}},
		{who: "administrator", method: "PUT", path: "/rules", body: put(standard), status: 409},
		{who: "auditor", method: "GET", path: "/rules/versions", status: 200, want: []string{`"active":true`, `"author":"The administrator"`, `"files":1`}},
		{who: "auditor", method: "GET", path: "/rules/versions/" + standard, status: 200, want: []string{`"default":true`}},
		{who: "auditor", method: "GET", path: "/rules/versions/none", status: 404},
		{who: "administrator", method: "GET", path: "/audit?limit=500", status: 200, want: []string{`"action":"rule.write"`, `"why":"trial"`}},
	})
	var now webd.RuleSet
	w.do(json.Unmarshal(w.ask("nurse", "GET", "/rules", "").body, &now))
	if len(now.Files) != 1 || now.Files[0].Text != own || now.Version == standard {
		t.Errorf("in force is %s with %d files", now.Version, len(now.Files))
	}
	a := w.ask("nurse", "GET", "/rules/versions/"+now.Version, "")
	if a.status != 200 || !strings.Contains(string(a.body), `"by":"u-administrator"`) {
		t.Errorf("its version: %d %s", a.status, a.body)
	}
}

// ownRule is one file of the rules that come with the program: it loads alone.
func ownRule(t *testing.T) string {
	t.Helper()
	for _, f := range rule.Default().Files() {
		if set, _ := rule.Load([]rule.File{f}); set != nil {
			return f.Text
		}
	}
	t.Fatal("no file of the default rules loads alone")
	return ""
}
