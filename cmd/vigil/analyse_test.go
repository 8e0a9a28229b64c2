package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/clinical/score"
	"pgregory.net/rapid"
)

// answer is a line of output as a stranger reads it.
type answer struct {
	ID      any            `json:"id"`
	Status  string         `json:"status"`
	Score   *float64       `json:"score"`
	Params  map[string]int `json:"params"`
	Risk    *string        `json:"risk"`
	Missing []string       `json:"missing"`
	AtLeast *struct {
		Score float64 `json:"score"`
		Risk  *string `json:"risk"`
	} `json:"at_least"`
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

func analyseText(t testing.TB, name, text string) (answers []answer, bad int) {
	t.Helper()
	s, ok := score.Find(name)
	if !ok {
		t.Fatal(name)
	}
	var out bytes.Buffer
	lines, bad, err := analyseLines(s, strings.NewReader(text), &out, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		if line == "" {
			continue
		}
		var a answer
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		answers = append(answers, a)
	}
	if len(answers) != lines {
		t.Fatalf("%d answers to %d lines", len(answers), lines)
	}
	return answers, bad
}

// set writes a whole NEWS2 set with some fields changed; "-" leaves one out.
func set(change map[string]string) string {
	fields := []string{"id", "resp_rate", "spo2", "spo2_scale", "on_oxygen", "sbp", "pulse", "acvpu", "temp_c", "age_years", "pregnant"}
	values := map[string]string{"id": `"x"`, "resp_rate": "16", "spo2": "97", "spo2_scale": "1", "on_oxygen": "false", "sbp": "120", "pulse": "70", "acvpu": `"A"`, "temp_c": "37.0", "age_years": "40", "pregnant": "false"}
	var parts []string
	for _, f := range fields {
		v := values[f]
		if c, ok := change[f]; ok {
			v = c
		}
		if v != "-" {
			parts = append(parts, fmt.Sprintf("%q: %s", f, v))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}\n"
}

func TestAnalyseNEWS2(t *testing.T) {
	for _, c := range []struct {
		change map[string]string
		status string
		score  float64 // of ok
		risk   string  // "" null
		says   string  // a field that missing or reason names
	}{
		{nil, "ok", 0, "low", ""},
		{map[string]string{"temp_c": "36.05"}, "ok", 0, "low", ""},
		{map[string]string{"temp_c": "36.04"}, "ok", 1, "low", ""},
		{map[string]string{"temp_c": "38.05"}, "ok", 1, "low", ""},
		{map[string]string{"temp_c": "35.05"}, "ok", 1, "low", ""},
		{map[string]string{"temp_c": "35.0"}, "ok", 3, "low-medium", ""},
		{map[string]string{"temp_c": "3.9e1"}, "ok", 1, "low", ""},
		{map[string]string{"spo2": "95.5"}, "ok", 0, "low", ""},
		{map[string]string{"spo2": "91.5"}, "ok", 2, "low", ""},
		{map[string]string{"resp_rate": "20.5"}, "ok", 2, "low", ""},
		{map[string]string{"resp_rate": "0"}, "ok", 3, "low-medium", ""},
		{map[string]string{"acvpu": `"c"`}, "ok", 3, "low-medium", ""},
		{map[string]string{"acvpu": `"U"`, "resp_rate": "21"}, "ok", 5, "medium", ""},
		{map[string]string{"acvpu": `"P"`, "resp_rate": "25", "pulse": "95"}, "ok", 7, "high", ""},
		{map[string]string{"spo2_scale": "2", "spo2": "93"}, "ok", 0, "low", ""},
		{map[string]string{"spo2_scale": "2.0", "spo2": "93", "on_oxygen": "true"}, "ok", 3, "low", ""}, // 1 + 2
		{map[string]string{"age_years": "16"}, "ok", 0, "low", ""},
		{map[string]string{"age_years": "15.99"}, "refused", 0, "", "16 years"},
		{map[string]string{"pregnant": "true"}, "refused", 0, "", "pregnancy"},
		{map[string]string{"pregnant": "null"}, "ok", 0, "low", ""},
		{map[string]string{"pregnant": "-"}, "ok", 0, "low", ""},
		{map[string]string{"age_years": "null"}, "incomplete", 0, "", "age_years"},
		{map[string]string{"spo2_scale": "null"}, "incomplete", 0, "", "spo2_scale"},
		{map[string]string{"spo2_scale": "-"}, "incomplete", 0, "", "spo2_scale"},
		{map[string]string{"spo2_scale": `"2"`}, "refused", 0, "", "spo2_scale"},
		{map[string]string{"spo2_scale": "3"}, "refused", 0, "", "spo2_scale"},
		{map[string]string{"spo2_scale": "1.5"}, "refused", 0, "", "spo2_scale"},
		{map[string]string{"on_oxygen": "-"}, "incomplete", 0, "", "on_oxygen"},
		{map[string]string{"on_oxygen": "null", "spo2_scale": "2"}, "refused", 0, "", "on_oxygen"},
		{map[string]string{"on_oxygen": "1"}, "refused", 0, "", "on_oxygen"},
		{map[string]string{"on_oxygen": `"yes"`}, "refused", 0, "", "on_oxygen"},
		{map[string]string{"resp_rate": "null"}, "incomplete", 0, "", "resp_rate"},
		{map[string]string{"acvpu": "null"}, "incomplete", 0, "", "acvpu"},
		{map[string]string{"acvpu": `"X"`}, "refused", 0, "", "acvpu"},
		{map[string]string{"acvpu": `""`}, "refused", 0, "", "acvpu"},
		{map[string]string{"acvpu": "3"}, "refused", 0, "", "acvpu"},
		{map[string]string{"resp_rate": `"16"`}, "refused", 0, "", "resp_rate"},
		{map[string]string{"resp_rate": "[16]"}, "refused", 0, "", "resp_rate"},
		{map[string]string{"resp_rate": "true"}, "refused", 0, "", "resp_rate"},
		{map[string]string{"spo2": "400"}, "refused", 0, "", "spo2"},
		{map[string]string{"spo2": "-1"}, "refused", 0, "", "spo2"},
		{map[string]string{"temp_c": "98.6"}, "refused", 0, "", "temp_c"},
		{map[string]string{"pulse": "1e400"}, "refused", 0, "", "pulse"},
		{map[string]string{"age_years": "-3"}, "refused", 0, "", "age_years"},
		{map[string]string{"age_years": `"old"`}, "refused", 0, "", "age_years"},
		{map[string]string{"pregnant": `"no"`}, "refused", 0, "", "pregnant"},
		{map[string]string{"pulse": `70, "pulse": 170`}, "refused", 0, "", "pulse"},
		{map[string]string{"id": "null"}, "ok", 0, "low", ""},
		{map[string]string{"id": `7, "nurse": {"name": "n"}`}, "ok", 0, "low", ""},
	} {
		answers, bad := analyseText(t, "news2", set(c.change))
		if len(answers) != 1 || bad != 0 {
			t.Fatalf("%v: %d answers, %d bad", c.change, len(answers), bad)
		}
		a := answers[0]
		if a.Status != c.status || (a.Score != nil) != (c.status == "ok") || a.Score != nil && *a.Score != c.score {
			t.Errorf("%v: %+v", c.change, a)
		}
		if (a.Risk == nil) != (c.risk == "") || a.Risk != nil && *a.Risk != c.risk {
			t.Errorf("%v: risk %v", c.change, a.Risk)
		}
		if c.says != "" && !slices.Contains(a.Missing, c.says) && !strings.Contains(a.Reason, c.says) {
			t.Errorf("%v: neither missing %v nor reason %q names %s", c.change, a.Missing, a.Reason, c.says)
		}
		if c.status == "ok" {
			sum := 0
			for _, n := range a.Params {
				sum += n
			}
			if len(a.Params) != 7 || float64(sum) != *a.Score || a.AtLeast != nil || a.Reason != "" {
				t.Errorf("%v: %+v", c.change, a)
			}
		}
	}
}

// A partial set says what it amounts to at least, and never "low".
func TestAnalysePartial(t *testing.T) {
	answers, _ := analyseText(t, "news2", set(map[string]string{"temp_c": "null", "resp_rate": "30", "pulse": "140"})+set(map[string]string{"temp_c": "null"}))
	if a := answers[0]; a.Status != "incomplete" || a.AtLeast.Score != 6 || *a.AtLeast.Risk != "medium" || a.Risk != nil || len(a.Params) != 6 {
		t.Errorf("%+v", a)
	}
	if a := answers[1]; a.AtLeast.Score != 0 || a.AtLeast.Risk != nil {
		t.Errorf("%+v", a)
	}
}

// Lines keep their order, broken ones too, whatever their ends are.
func TestAnalyseOrder(t *testing.T) {
	long := `{"id": "` + strings.Repeat("x", maxAnalyseLine) + `"}` + "\n"
	text := "\xef\xbb\xbf" + set(map[string]string{"id": "1"}) + "\r\n\n" + "{broken\n" + set(map[string]string{"id": "2"}) + long + "[]\n" + `{"id": 4} {}` + "\n" + strings.TrimSuffix(set(map[string]string{"id": "3"}), "\n")
	answers, bad := analyseText(t, "news2", text)
	var ids []string
	for _, a := range answers {
		ids = append(ids, fmt.Sprint(a.ID))
	}
	if got := strings.Join(ids, " "); got != "1 <nil> 2 <nil> <nil> 4 3" || bad != 4 {
		t.Errorf("%s, %d bad", got, bad)
	}
	for i, a := range answers {
		if (a.Error != "") != (i == 1 || i == 3 || i == 4 || i == 5) {
			t.Errorf("%d: %+v", i, a)
		}
	}
	if !strings.HasPrefix(answers[1].Error, "line 4:") {
		t.Error(answers[1].Error)
	}
}

// Scoring does not depend on what stands in other lines or in which order.
func TestAnalysePermutation(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var lines []string
		for i := range rapid.IntRange(1, 8).Draw(rt, "n") {
			lines = append(lines, set(map[string]string{"id": fmt.Sprint(i), "resp_rate": fmt.Sprint(rapid.IntRange(0, 120).Draw(rt, "rate")), "temp_c": rapid.SampledFrom([]string{"null", "36.05", "39.4", `"x"`}).Draw(rt, "temp")}))
		}
		straight, _ := analyseText(t, "news2", strings.Join(lines, ""))
		order := rapid.Permutation(lines).Draw(rt, "order")
		shuffled, _ := analyseText(t, "news2", strings.Join(order, ""))
		for _, a := range shuffled {
			if b := straight[int(a.ID.(float64))]; fmt.Sprintf("%v %v %v", a.Status, a.Params, a.Reason) != fmt.Sprintf("%v %v %v", b.Status, b.Params, b.Reason) {
				rt.Fatalf("%+v, %+v", a, b)
			}
		}
	})
}

func TestAnalyseOthers(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"mews", `{"id":1,"resp_rate":14,"sbp":120,"pulse":40,"acvpu":"A","temp_c":37,"age_years":60}`, `{"id":1,"status":"ok","score":2,"params":{"acvpu":0,"pulse":2,"resp_rate":0,"sbp":0,"temp_c":0},"risk":"low","missing":[]}`},
		{"mews", `{"id":1,"resp_rate":30,"sbp":70,"pulse":140,"acvpu":"C","temp_c":37,"age_years":60}`, `{"id":1,"status":"incomplete","score":null,"params":{"pulse":3,"resp_rate":3,"sbp":3,"temp_c":0},"risk":null,"missing":["acvpu"],"at_least":{"score":9,"risk":"high"},"reason":"Consciousness C has no row in MEWS"}`},
		{"qsofa", `{"id":1,"resp_rate":22,"sbp":100,"gcs":15,"age_years":60}`, `{"id":1,"status":"ok","score":2,"params":{"gcs":0,"resp_rate":1,"sbp":1},"risk":"high","missing":[]}`},
		{"qsofa", `{"id":1,"resp_rate":22,"sbp":101,"acvpu":"V","age_years":60}`, `{"id":1,"status":"ok","score":2,"params":{"acvpu":1,"resp_rate":1,"sbp":0},"risk":"high","missing":[]}`},
		{"shock-index", `{"id":1,"pulse":100,"sbp":90,"age_years":60}`, `{"id":1,"status":"ok","score":1.11,"params":{},"risk":"raised","missing":[]}`},
		{"shock-index", `{"id":1,"pulse":100,"age_years":60}`, `{"id":1,"status":"incomplete","score":null,"params":{},"risk":null,"missing":["sbp"],"reason":"Systolic blood pressure is missing"}`},
		{"pews", `{"id":1,"age_years":0.5,"resp_rate":65,"work_of_breathing":"moderate","spo2":93,"oxygen_device":"nasal-cannula","oxygen_flow":1,"pulse":155,"sbp":80,"capillary_refill":2,"acvpu":"A","carer_concern":"same"}`, `{"id":1,"status":"ok","score":7,"params":{"acvpu":0,"capillary_refill":0,"on_oxygen":1,"pulse":1,"resp_rate":2,"sbp":0,"spo2":1,"work_of_breathing":2},"risk":"medium","missing":[]}`},
		{"pews", `{"id":1,"age_years":40}`, `{"id":1,"status":"refused","score":null,"params":{},"risk":null,"missing":["resp_rate","work_of_breathing","spo2","on_oxygen","pulse","sbp","capillary_refill","acvpu"],"reason":"National PEWS is for people below 19 years, the patient is 40"}`},
		{"meows", `{"id":1,"resp_rate":18,"spo2":98,"temp_c":37,"sbp":155,"dbp":95,"pulse":90,"acvpu":"A","pregnant":true}`, `{"id":1,"status":"ok","score":2,"params":{"acvpu":0,"dbp":1,"pulse":0,"resp_rate":0,"sbp":1,"spo2":0,"temp_c":0},"risk":"trigger","missing":[]}`},
	} {
		s, _ := score.Find(c.name)
		var out bytes.Buffer
		if _, _, err := analyseLines(s, strings.NewReader(c.line), &out, false); err != nil || strings.TrimSpace(out.String()) != c.want {
			t.Errorf("%s: got  %s\nwant %s (%v)", c.name, out.String(), c.want, err)
		}
	}
	for _, s := range score.Catalogue {
		if len(analyseReads[s.Name]) == 0 {
			t.Errorf("%s has no fields", s.Name)
		}
	}
}

// Whatever comes in, each line that is not blank has one line of output, and
// only a whole set has a score.
func FuzzAnalyse(f *testing.F) {
	f.Add("news2", set(nil))
	f.Add("pews", `{"id":[1],"age_years":0.5,"fio2":21,"oxygen_flow":1e9}`+"\n{}\n[")
	f.Add("shock-index", `{"pulse":1e18,"sbp":0.000000000000000001,"age_years":130}`)
	f.Add("qsofa", "\xef\xbb\xbf{\"gcs\":15.0000,\"gcs\":3}\r\n\x00")
	f.Fuzz(func(t *testing.T, name, text string) {
		if _, ok := score.Find(name); !ok {
			name = "news2"
		}
		answers, bad := analyseText(t, name, text)
		broken := 0
		for _, a := range answers {
			if a.Error != "" {
				broken++
			}
			if (a.Score != nil) != (a.Status == "ok") || a.Status != "ok" && (a.Reason == "" || a.Risk != nil) || a.Params == nil || a.Missing == nil {
				t.Fatalf("%+v", a)
			}
			if a.Score != nil && (math.IsNaN(*a.Score) || *a.Score < 0 || *a.Score > 350) {
				t.Fatalf("%+v", a)
			}
		}
		if broken != bad {
			t.Fatalf("%d broken, %d counted", broken, bad)
		}
	})
}
