package words_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/words"
)

var update = flag.Bool("update", false, "write what the screens have of the sentences")

func TestFind(t *testing.T) {
	for _, c := range []struct{ sentence, code, german string }{
		{"the device is out of radio range", "cause.range", "das Gerät ist ausser Funkreichweite"},
		{"NOT watched: the device sends nothing", "text.not-watched", "NICHT überwacht: das Gerät sendet nichts"},
		{"Heart rate: the sensor is off the patient", "about", "Herzfrequenz: der Sensor ist nicht am Patienten"},
		{"spo2: not measured in time", "about", "Sauerstoffsättigung: nicht rechtzeitig gemessen"},
		{"spo2 missing the device sends nothing", "time.missing", "Sauerstoffsättigung fehlt: das Gerät sendet nichts"},
		{"it came, but the rule spo2-low cannot judge it", "cause.unjudged", "es kam, aber die Regel spo2-low kann es nicht beurteilen"},
		{"out of bed 12 discharged", "time.discharged", "aus Bett 12, entlassen"},
		{"Nora Klein takes care of it", "alarm.has", "Nora Klein kümmert sich darum"},
		{"readings[0].unit: missing", "packet.at", "readings[0].unit: fehlt"},
	} {
		said := words.Find(c.sentence)
		if said == nil || said.Code != c.code {
			t.Errorf("%q: %+v", c.sentence, said)
			continue
		}
		if got := said.In(words.English); strings.Replace(got, "Oxygen saturation (pulse oximetry)", "spo2", 1) != c.sentence {
			t.Errorf("%q in English again: %q", c.sentence, got)
		}
		if got := words.In(words.German, c.sentence); got != c.german {
			t.Errorf("%q: %q, want %q", c.sentence, got, c.german)
		}
	}
	// What a person wrote, or nobody knows, stays as it is.
	for _, s := range []string{"", "she walks to the bathroom", "NOT watched: by the moon", "constant: by the sea", "takes care of it"} {
		if said := words.Find(s); said != nil {
			t.Errorf("%q was taken for %+v", s, said)
		}
		if got := words.In(words.German, s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

var slots = regexp.MustCompile(`\{\w+\}`)

// TestEverySentence: each has its own code, another text in German with the same
// slots, and is found by its English.
func TestEverySentence(t *testing.T) {
	codes, texts := map[string]bool{}, map[string]bool{}
	for _, p := range words.Phrases {
		if codes[p.Code] || texts[p.English] {
			t.Errorf("%s stands twice", p.Code)
		}
		codes[p.Code], texts[p.English] = true, true
		a, b := slots.FindAllString(p.English, -1), slots.FindAllString(p.German, -1)
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: %v in English, %v in German", p.Code, a, b)
		}
		if p.German == p.English && len(slots.ReplaceAllString(p.English, "")) > 3 {
			t.Errorf("%s is not translated", p.Code)
		}
		filled := strings.NewReplacer("{of}", "spo2", "{then}", "the device sends nothing", "{1}", "eins", "{2}", "zwei", "{3}", "drei").Replace(p.English)
		if said := words.Find(filled); said == nil || said.Code != p.Code {
			t.Errorf("%q is found as %+v, want %s", filled, said, p.Code)
		}
	}
}

// TestScreensHaveThem: the screens say the same sentences by the same codes.
func TestScreensHaveThem(t *testing.T) {
	for _, f := range []struct {
		path, head, foot string
		text             func(words.Phrase) string
	}{
		{"../../web/src/words/en-server.ts", "// What the server says, by its code. Written by go test ./internal/words -update.\nexport const server = {\n", "} as const\n",
			func(p words.Phrase) string { return p.English }},
		{"../../web/src/words/de-server.ts", "// What the server says, by its code. Written by go test ./internal/words -update.\nimport type { Phrase } from '.'\nimport type { server as english } from './en-server'\n\nexport const serverDeutsch: Record<keyof typeof english, Phrase> = {\n", "}\n",
			func(p words.Phrase) string { return p.German }},
	} {
		var b strings.Builder
		b.WriteString(f.head)
		for _, p := range words.Phrases {
			if strings.HasPrefix(p.Code, "title.") {
				continue // a title comes with its alarm, in every language
			}
			text := strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(f.text(p))
			fmt.Fprintf(&b, "  'server.%s': '%s',\n", p.Code, text)
		}
		b.WriteString(f.foot)
		if *update {
			if err := os.WriteFile(f.path, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != b.String() {
			t.Errorf("%s is not what phrases.go has: go test ./internal/words -update", f.path)
		}
	}
}
