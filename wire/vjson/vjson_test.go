package vjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/vjson"
	"pgregory.net/rapid"
)

func TestDecodeOne(t *testing.T) {
	p, problems, err := vjson.Decode([]byte(`{"seq": 41, "time": "2026-11-22T09:30:00.250+01:00", "metric": "temperature", "value": 36.60, "unit": "Cel", "quality": ["manual"]}`))
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	at := vital.At(time.Date(2026, 11, 22, 8, 30, 0, 250e6, time.UTC))
	if p.Sequence != 41 || p.Time != at || p.ZoneMinutes != 60 || p.Quality != vital.Manual || len(p.Readings) != 1 {
		t.Fatalf("%+v", p)
	}
	if r := p.Readings[0]; r.Metric != "temperature" || r.Value.String() != "36.60" || r.Unit != "Cel" || r.Index != -1 {
		t.Errorf("%+v", r)
	}
}

// What is wrong with a whole packet is an error that names the byte or the field.
//
// Covers: A9 EN303645-5.13
func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct{ body, says string }{
		{``, "byte 0: want {"},
		{`[]`, "byte 0: want {"},
		{`{`, "byte 1: want a string"},
		{`{}`, "metric: missing"},
		{`{"seq":1}`, "metric: missing"},
		{`{"metric":"spo2","value":97,"unit":"%"} x`, "byte 40: something follows"},
		{`{"metric":"spo2","value":97,"unit":"%",}`, "byte 39: want a string"},
		{`{"metric":"spo2","value":97,"value":98,"unit":"%"}`, "value is there twice"},
		{`{"metric":"spo2","value":97}`, "unit: missing"},
		{`{"metric":"spo2","value":097,"unit":"%"}`, "number begins with 0"},
		{`{"metric":"spo2","value":"97","unit":"%"}`, "value: want a number"},
		{`{"metric":"spo2","value":null,"unit":"%"}`, "value: want a number"},
		{`{"metric":"spo2","value":NaN,"unit":"%"}`, "want a value"},
		{`{"metric":"spo2","value":1e999,"unit":"%"}`, "value: number"},
		{`{"metric":"spo2","value":97,"unit":"%","code":"A"}`, "not both"},
		{`{"metric":"spo2","unit":"%"}`, "value: missing"},
		{`{"metric":"consciousness","code":"A","unit":"1"}`, "unit: a code has no unit"},
		{`{"metric":"","value":97,"unit":"%"}`, "metric: want 1 to 64 bytes"},
		{`{"seq":0,"metric":"spo2","value":97,"unit":"%"}`, "seq: want a whole number from 1"},
		{`{"seq":-1,"metric":"spo2","value":97,"unit":"%"}`, "seq: want a whole number from 1"},
		{`{"seq":1.5,"metric":"spo2","value":97,"unit":"%"}`, "seq: want a whole number from 1"},
		{`{"seq":18446744073709551616,"metric":"spo2","value":97,"unit":"%"}`, "seq: want a whole number from 1"},
		{`{"time":"2026-11-22T09:30:00","metric":"spo2","value":97,"unit":"%"}`, "time: want RFC 3339 with an offset"},
		{`{"time":"2026-02-30T09:30:00Z","metric":"spo2","value":97,"unit":"%"}`, "time: want RFC 3339"},
		{`{"time":1795345800,"metric":"spo2","value":97,"unit":"%"}`, "time: want a string"},
		{`{"time":"1969-12-31T23:59:59Z","readings":[]}`, "time: want RFC 3339"},
		{`{"metric":"spo2","value":97,"unit":"%","readings":[]}`, "a packet is one reading"},
		{`{"metric":"spo2","value":97,"unit":"%","kind":"beat"}`, "a packet is one reading"},
		{`{"code":"A","readings":[]}`, "code: belongs to"},
		{`{"readings":[{"metric":"spo2"`, "byte 29: want , or }"},
		{"{\"metric\":\"a\xff\",\"value\":1,\"unit\":\"1\"}", "not UTF-8"},
		{"{\"metric\":\"a\nb\",\"value\":1,\"unit\":\"1\"}", "control character"},
		{`{"metric":"\ud800","value":1,"unit":"1"}`, "bad \\u escape"},
		{`{"metric":"\x","value":1,"unit":"1"}`, "unknown escape"},
		{`{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"readings":[]}`, "nested too deeply"},
		{`{"readings":[` + strings.Repeat(`{},`, 1000) + `{}]}`, "readings has more than 1000"},
		{strings.Repeat(" ", 1<<20+1), "packet of 1048577 bytes"},
	} {
		p, _, err := vjson.Decode([]byte(c.body))
		if err == nil || vital.KindOf(err) != vital.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80s: got %+v, error %v, want one that says %q", c.body, p, err, c.says)
		}
	}
}

// One bad reading does not cost the others.
func TestProblems(t *testing.T) {
	p, problems, err := vjson.Decode([]byte(`{"seq":7,"rssi":-60,"x-mine":{"a":[1,2]},"readings":[
		{"metric":"spo2","value":97,"unit":"%"},
		{"metric":"spo2","value":97},
		3,
		{"metric":"heart-rate","value":72,"unit":"/min","quality":["suspicious","motion"]},
		{"metric":"heart-rate","value":72,"unit":"/min","time":"yesterday"},
		{"metric":"heart-rate","value":72,"unit":"/min","device":"other"},
		{"metric":"heart-rate","value":{"n":72},"unit":"/min"}],
		"events":[{"kind":"beat","code":"N"},{"code":"N"},{"kind":"beat","metric":"spo2"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Readings) != 3 || p.Readings[0].Index != 0 || p.Readings[1].Index != 3 || p.Readings[2].Index != 5 || len(p.Events) != 1 {
		t.Errorf("%+v", p)
	}
	if q := p.Readings[1].Quality; q != vital.Questionable|vital.Motion {
		t.Errorf("a remark that is not known must count as questionable, got %v", q)
	}
	var got []string
	for _, x := range problems {
		got = append(got, x.Where)
	}
	want := `readings[1].unit readings[2] readings[3].quality readings[4].time readings[5]."device" readings[6].value events[1].kind events[2].metric "rssi"`
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
}

func TestEscapes(t *testing.T) {
	p, _, err := vjson.Decode([]byte(`{"kind":"note","text":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00 é"}`))
	if err != nil || p.Events[0].Text != "a\"\\/\b\f\n\r\té😀 é" {
		t.Errorf("%+v, %v", p.Events, err)
	}
}

// Times agree with the standard library, whatever the form.
func TestTimes(t *testing.T) {
	forms := []string{time.RFC3339, time.RFC3339Nano, "2006-01-02T15:04:05.0Z07:00", "2006-01-02T15:04:05.000000Z07:00"}
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(1, 4102444800000).Draw(t, "ms") // to 2100
		zone := rapid.IntRange(-14*60, 14*60).Draw(t, "zone")
		text := time.UnixMilli(ms).In(time.FixedZone("", zone*60)).Format(rapid.SampledFrom(forms).Draw(t, "form"))
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		p, _, err := vjson.Decode([]byte(`{"time":"` + text + `","readings":[]}`))
		if want.UnixMilli() <= 0 {
			return
		}
		if err != nil || p.Time != vital.At(want) || p.ZoneMinutes != zone {
			t.Fatalf("%s: got %v %d, %v, want %v %d", text, p.Time, p.ZoneMinutes, err, vital.At(want), zone)
		}
	})
}

// What Encode writes, Decode reads back, and the standard library takes for JSON.
func TestRoundTrip(t *testing.T) {
	metrics := vital.Metrics
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.IntRange(-14*60, 14*60).Draw(t, "zone")
		instant := func(label string) vital.Instant {
			return vital.Instant(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(1e12, 2e12)).Draw(t, label))
		}
		sequence := func(label string) uint64 { return rapid.Uint64Range(0, 1<<62).Draw(t, label) }
		quality := func(label string) vital.Quality { return vital.Quality(rapid.Uint32Range(0, 1<<18-1).Draw(t, label)) }
		p := vjson.Packet{Sequence: sequence("seq"), Time: instant("time"), Quality: quality("quality")}
		if p.Time.Known() {
			p.ZoneMinutes = zone
		}
		one := rapid.Bool().Draw(t, "one")
		n := rapid.IntRange(1, 5).Draw(t, "n")
		if one {
			n = 1
		}
		for i := range n {
			m := rapid.SampledFrom(metrics).Draw(t, "metric")
			r := vjson.Reading{Metric: m.Name, Index: i}
			if !one {
				r.Sequence, r.Time, r.Quality = sequence("seq"), instant("time"), quality("quality")
			} else {
				r.Index = -1
			}
			if m.Unit == "" {
				r.Value = vital.Coded(rapid.StringMatching(`[A-Za-z0-9 "\\é]{1,10}`).Draw(t, "code"))
			} else {
				r.Unit = m.Unit
				r.Value = vital.Num(vital.Decimal{Mantissa: rapid.Int64().Draw(t, "m"), Exponent: rapid.Int8Range(-40, 0).Draw(t, "e")})
			}
			p.Readings = append(p.Readings, r)
		}
		if !one && rapid.Bool().Draw(t, "events") {
			p.Events = []vjson.Event{{Sequence: 3, Kind: "note", Code: "N", Text: rapid.StringMatching(`.{1,20}`).Draw(t, "text")}}
		}
		b, err := vjson.Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if !json.Valid(b) {
			t.Fatalf("not JSON: %s", b)
		}
		back, problems, err := vjson.Decode(b)
		if err != nil || len(problems) > 0 {
			t.Fatal(err, problems)
		}
		wantText, _ := json.Marshal(p)
		gotText, _ := json.Marshal(back)
		if string(wantText) != string(gotText) {
			t.Fatalf("got  %s\nwant %s\nfrom %s", gotText, wantText, b)
		}
	})
}

func TestEncodeRefuses(t *testing.T) {
	for _, p := range []vjson.Packet{
		{},
		{Readings: []vjson.Reading{{Metric: "spo2", Value: vital.Num(vital.Whole(97))}}},
		{Readings: []vjson.Reading{{Metric: "", Unit: "%"}}},
		{Readings: make([]vjson.Reading, 1001)},
	} {
		if b, err := vjson.Encode(p); err == nil {
			t.Errorf("%+v became %s", p, b)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(`{"seq":41,"time":"2026-11-22T09:30:00.000+01:00","metric":"heart-rate","value":72.5,"unit":"/min"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := vjson.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTimeForms(t *testing.T) {
	for text, want := range map[string]string{
		"2026-01-31T23:59:59.999Z": "2026-01-31T23:59:59.999Z", "2024-02-29T00:00:00Z": "2024-02-29T00:00:00.000Z", "2026-11-22T09:30:00.123456789+14:00": "2026-11-21T19:30:00.123Z",
		"2026-11-22t09:30:00z": "", "2026-11-22 09:30:00Z": "", "2026-11-22T24:00:00Z": "", "2026-11-22T09:60:00Z": "", "2026-13-01T00:00:00Z": "", "2025-02-29T00:00:00Z": "",
		"2026-11-22T09:30:00+24:00": "", "2026-11-22T09:30:00+0100": "", "2026-11-22T09:30:00.Z": "", "2026-11-22T09:30Z": "", "20-11-22T09:30:00Z": "", "9999-12-31T23:59:59-00:01": "", "2026-11-22T9:30:00Z": "", "2026-11-22T09:30:00,5Z": "", "2026-1x-22T09:30:00Z": "", "1970-01-01T00:00:00Z": "",
	} {
		p, _, err := vjson.Decode([]byte(`{"time":"` + text + `","readings":[]}`))
		if (err == nil) != (want != "") || err == nil && p.Time.String() != want {
			t.Errorf("%s: got %v, %v, want %q", text, p.Time, err, want)
		}
	}
}

func TestHexEscapes(t *testing.T) {
	for text, want := range map[string]string{`\u00E9`: "é", `\uABCD`: "\uabcd", `\uD83D\uDE00`: "😀", `\uD83D`: "", `\uD83Dx`: "", `\uDE00\uD83D`: "", `\u12`: "", `\u12G4`: "", `\`: ""} {
		p, _, err := vjson.Decode([]byte(`{"kind":"note","text":"` + text + `"}`))
		if (err == nil) != (want != "") || err == nil && p.Events[0].Text != want {
			t.Errorf("%s: %+v %v", text, p.Events, err)
		}
	}
}
