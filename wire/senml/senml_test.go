package senml_test

import (
	"strings"
	"testing"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/senml"
)

const received vital.Instant = 1795345800020

// The examples of RFC 8428, section 5.1, as far as they are JSON with values of
// kinds that are kept.
func TestRFC8428(t *testing.T) {
	for _, c := range []struct {
		title, body string
		want        []string
	}{
		{"5.1.1 single data point", `[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]`,
			[]string{"10e2073a01080063 23.1 Cel unknown"}},
		{"5.1.2 multiple data points", `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},{"n":"current","u":"A","v":1.2}]`,
			[]string{"voltage 120.1 V unknown", "current 1.2 A unknown"}},
		{"5.1.2 with time", `[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]`,
			[]string{"voltage 120.1 V 2010-06-08T18:01:16.001Z", "current 1.2 A 2010-06-08T18:01:11.001Z", "current 1.3 A 2010-06-08T18:01:12.001Z"}},
		{"5.1.3 humidity and position", `[{"bn":"urn:dev:ow:10e2073a01080063","bt":1.320067464e+09,"bu":"%RH","v":20},{"u":"lon","v":24.30621},{"u":"lat","v":60.07965},{"t":60,"v":20.3}]`,
			[]string{"10e2073a01080063 20 % 2011-10-31T13:24:24.000Z", "10e2073a01080063 24.30621 deg 2011-10-31T13:24:24.000Z", "10e2073a01080063 60.07965 deg 2011-10-31T13:24:24.000Z", "10e2073a01080063 20.3 % 2011-10-31T13:25:24.000Z"}},
		{"5.1.6 text and truth", `[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},{"n":"label","vs":"Machine Room"},{"n":"open","vb":false}]`,
			[]string{"temp 23.1 Cel unknown", "label Machine Room  unknown", "open false  unknown"}},
		{"base value", `[{"bn":"x/","bv":20,"bu":"Cel","n":"t","v":3.25},{"n":"t","v":-0.5}]`,
			[]string{"t 23.25 Cel unknown", "t 19.5 Cel unknown"}},
		{"a time before 2^28 counts from now", `[{"n":"heart-rate","u":"beat/min","v":72,"t":-1.5}]`,
			[]string{"heart-rate 72 {beats}/min " + (received - 1500).String()}},
		{"secondary units", `[{"n":"rssi","u":"dBm","v":-67},{"n":"memory","u":"B","v":512},{"n":"charge","u":"%EL","v":80}]`,
			[]string{"rssi -97 dB[W] unknown", "memory 512 By unknown", "charge 80 % unknown"}},
	} {
		records, problems, err := senml.Decode([]byte(c.body), received)
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v %v", c.title, err, problems)
			continue
		}
		var got []string
		for _, r := range records {
			got = append(got, r.Metric+" "+r.Value.String()+" "+r.Unit+" "+r.Time.String())
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s: got\n%s\nwant\n%s", c.title, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ body, says string }{
		{``, "not a SenML list"}, {`{}`, "not a SenML list"}, {`[`, "byte 1"}, {`[1]`, "not a SenML list"}, {`[]`, "0 records"}, {`[{"bn":"x"}]`, "no record"},
		{`[{"bver":11,"n":"a","u":"1","v":1}]`, "[0].bver"},
		{`[{"n":"a","u":"1","v":1,"new_":true}]`, "[0].new_: must be understood"},
		{`[{"bt":"noon","n":"a","u":"1","v":1}]`, "[0].bt"},
		{`[{"bv":1e999,"n":"a","u":"1","v":1}]`, "[0].bv"},
		{`[{"bs":3}]`, "[0].bs"},
		{"[" + strings.Repeat(`{"n":"a","u":"1","v":1},`, 1000) + `{"n":"a","u":"1","v":1}]`, "1001 records"},
	} {
		r, _, err := senml.Decode([]byte(c.body), received)
		if err == nil || vital.KindOf(err) != vital.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.60s: got %v, error %v, want one that says %q", c.body, r, err, c.says)
		}
	}
}

func TestProblems(t *testing.T) {
	records, problems, err := senml.Decode([]byte(`[{"n":"ok","u":"V","v":1},{"n":"a","v":1},{"n":"b","u":"V"},{"n":"c","u":"V","v":1,"vs":"x"},{"n":"-d","u":"V","v":1},
		{"n":"e","vd":"AAAA"},{"n":"f","u":3,"v":1},{"n":"g","u":"V","v":"1"},{"n":"h","u":"V","v":1,"t":1e40},{"n":"i","vb":1},{"n":"j","u":"V","s":4},{"v":1,"u":"V"}]`), received)
	if err != nil || len(records) != 1 || records[0].Metric != "ok" {
		t.Fatal(records, err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.Where)
	}
	if want := "[1].u [2].v [3].vs [4].n [5].vd [6].u [7].v [8].t [9].vb [10].s [11].n"; strings.Join(got, " ") != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}
