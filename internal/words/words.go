// Package words has every sentence that Vigil itself says, with a code and in
// each language of the screens.
//
// It exists because a nurse reads "the device is out of radio range" at three in
// the morning, in her own language or not at all. What is judged, kept, signed
// and hashed stays one English sentence, the same for everybody; it is told
// anew where somebody reads it: on a screen by its code, on paper and in a
// message here. A sentence that is not found, because a person wrote it or an
// older Vigil did, stays as it is.
//
// To add a sentence: a line in phrases.go, then go test ./internal/words -update,
// which writes what the screens have of it.
package words

import (
	"strings"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Phrase is a sentence. {1} and {2} stand for words of somebody else: a name, a
// number. {of} is a metric, by its name or its label, {then} another sentence.
type Phrase struct {
	Code, English, German string
}

// Said is a sentence that was found.
type Said struct {
	Code string   `json:"code"`
	With []string `json:"with,omitempty"`
	Of   string   `json:"of,omitempty"` // a metric
	Then *Said    `json:"then,omitempty"`
}

// piece is a part of a phrase: words, or what stands between them.
type piece struct{ words, slot string }

type known struct {
	code   string
	pieces []piece
}

type index struct {
	exact    map[string]string // code, by sentence
	patterns []known
	german   map[string][]piece // by code
	english  map[string][]piece
	metrics  map[string]string // name, by name and label
}

var look = sync.OnceValue(func() *index {
	x := &index{exact: map[string]string{}, german: map[string][]piece{}, english: map[string][]piece{}, metrics: map[string]string{}}
	for _, p := range Phrases {
		pieces := cut(p.English)
		x.english[p.Code], x.german[p.Code] = pieces, cut(p.German)
		if len(pieces) == 1 && pieces[0].slot == "" {
			x.exact[p.English] = p.Code
		} else {
			x.patterns = append(x.patterns, known{p.Code, pieces})
		}
	}
	for i := range vital.Metrics {
		x.metrics[vital.Metrics[i].Label] = vital.Metrics[i].Name
	}
	for i := range vital.Metrics {
		x.metrics[vital.Metrics[i].Name] = vital.Metrics[i].Name
	}
	return x
})

func cut(template string) (list []piece) {
	for template != "" {
		words, after, found := strings.Cut(template, "{")
		if words != "" {
			list = append(list, piece{words: words})
		}
		slot, rest, _ := strings.Cut(after, "}")
		if found {
			list = append(list, piece{slot: slot})
		}
		template = rest
	}
	return list
}

// Find returns the sentence with its code; nil when it is none of ours.
func Find(sentence string) *Said {
	if sentence == "" {
		return nil
	}
	x := look()
	if code, ok := x.exact[sentence]; ok {
		return &Said{Code: code}
	}
	for _, k := range x.patterns {
		said := &Said{Code: k.code}
		if x.match(k.pieces, sentence, said) {
			return said
		}
	}
	return nil
}

// match reads what stands in the slots: each ends where the next words begin.
func (x *index) match(pieces []piece, rest string, said *Said) bool {
	for i, p := range pieces {
		if p.slot == "" {
			if !strings.HasPrefix(rest, p.words) {
				return false
			}
			rest = rest[len(p.words):]
			continue
		}
		end := len(rest)
		if i+1 < len(pieces) {
			end = strings.Index(rest, pieces[i+1].words)
		}
		if end <= 0 {
			return false
		}
		value := rest[:end]
		switch p.slot {
		case "of":
			if said.Of = x.metrics[value]; said.Of == "" {
				return false
			}
		case "then":
			if said.Then = Find(value); said.Then == nil {
				return false
			}
		default:
			said.With = append(said.With, value)
		}
		rest = rest[end:]
	}
	return rest == ""
}

// In says it in a language; in one that is not known, in English.
func (s *Said) In(language string) string {
	x := look()
	pieces := x.english[s.Code]
	if language == German {
		pieces = x.german[s.Code]
	}
	var b strings.Builder
	for _, p := range pieces {
		switch {
		case p.slot == "":
			b.WriteString(p.words)
		case p.slot == "of":
			b.WriteString(Metric(language, s.Of))
		case p.slot == "then" && s.Then != nil:
			b.WriteString(s.Then.In(language))
		case len(p.slot) == 1 && p.slot[0] >= '1' && int(p.slot[0]-'1') < len(s.With):
			b.WriteString(s.With[p.slot[0]-'1'])
		}
	}
	return b.String()
}

// The languages of the screens.
const (
	English = "en"
	German  = "de"
)

// In says a sentence of ours in another language; any other stays as it is.
func In(language, sentence string) string {
	if language != German {
		return sentence
	}
	if said := Find(sentence); said != nil {
		return said.In(language)
	}
	return sentence
}

// Metric is the name of a metric as people say it.
func Metric(language, name string) string {
	if language == German {
		if own := metrics[name]; own != "" {
			return own
		}
	}
	if m := vital.LookMetric(name); m != nil {
		return m.Label
	}
	return name
}
