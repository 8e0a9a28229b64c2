package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// tongue is how messages are worded in one language.
type tongue struct {
	language                string
	alarm, technical        string
	small, smallTechnical   string // within a sentence
	test, stop              string
	handed, worse           string
	again, escalated        string
	page, digest, more, bed string
	priority                [4]string

	emergency, help, born, home string
}

var tongues = map[string]*tongue{
	words.English: {
		language: words.English, alarm: "Alarm", technical: "Technical alarm", small: "alarm", smallTechnical: "technical alarm",
		test:   "Test page. Nobody is in danger. Open Vigil to confirm that it arrived.",
		stop:   "Taken care of: %s%s.",
		handed: " handed over to you", worse: ", worse", again: " again", escalated: " that nobody has answered",
		page: "%s%s, %s. Open Vigil.", digest: "%d alarms, %s, at most %s. Open Vigil.", more: " and %d more", bed: " bed ",
		priority:  [4]string{vital.Low: "low", vital.Medium: "medium", vital.High: "high"},
		emergency: "Emergency", help: "Emergency: help is needed for %s. Where: %s. %s: %s, since %s. Called by %s", born: ", born ", home: "; at home: ",
	},
	words.German: {
		language: words.German, alarm: "Alarm", technical: "Technischer Alarm", small: "Alarm", smallTechnical: "technischer Alarm",
		test:   "Probe. Niemand ist in Gefahr. Öffnen Sie Vigil, um zu bestätigen, dass sie angekommen ist.",
		stop:   "Erledigt: %s%s.",
		handed: ", Ihnen übergeben", worse: ", schlimmer", again: ", wieder", escalated: ", den niemand beantwortet hat",
		page: "%s%s, %s. Vigil öffnen.", digest: "%d Alarme, %s, höchstens %s. Vigil öffnen.", more: " und %d weitere", bed: " Bett ",
		priority:  [4]string{vital.Low: "tief", vital.Medium: "mittel", vital.High: "hoch"},
		emergency: "Notfall", help: "Notfall: Hilfe ist nötig für %s. Wo: %s. %s: %s, seit %s. Gerufen von %s", born: ", geboren ", home: "; zu Hause: ",
	},
}

// tongueOf is the language of who is told: a person's own, else that of the house.
func (w *Worker) tongueOf(ctx context.Context, person string) *tongue {
	language := w.o.Language
	if person != "" && person != Contact && !strings.Contains(person, "/") {
		var own struct {
			Language string `json:"language"`
		}
		u, err := w.store.UserByID(ctx, w.site, vital.UserID(person))
		if err == nil && json.Unmarshal(u.Preferences, &own) == nil && tongues[own.Language] != nil {
			language = own.Language
		}
	}
	if t := tongues[language]; t != nil {
		return t
	}
	return tongues[words.English]
}

// place is "Ward A bed 12", or nothing for what is of the installation.
func (t *tongue) place(before, ward, bed string) string {
	if ward == "" {
		return ""
	}
	if bed == "" {
		return before + ward
	}
	return before + ward + t.bed + bed
}

// kind is what a page is about, by itself and within a sentence.
func (t *tongue) kind(technical bool) (alone, within string) {
	if technical {
		return t.technical, t.smallTechnical
	}
	return t.alarm, t.small
}

// wording is what an alarm says in the language of who is told.
func (w *Worker) wording(t *tongue, rule, title, text string) (string, string) {
	if t.language == words.English {
		return title, text
	}
	if w.o.Rules != nil {
		if said, ok := w.o.Rules().In(rule, title, text)[t.language]; ok {
			return said.Title, said.Text
		}
	}
	return words.In(t.language, title), words.In(t.language, text)
}

func (t *tongue) others(n int) string { return fmt.Sprintf(t.more, n) }
