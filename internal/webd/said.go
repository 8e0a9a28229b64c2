package webd

import (
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/rule"
)

// This file adds to what the server says in English the words of other languages:
// of a rule, from the rule itself; of all else, a code that the screens know.

// Words are a title and a text by language.
type Words map[string]rule.Wording

// wordsOf says in other languages what an alarm says; nil when it is in nobody's
// words but English ones.
func wordsOf(set *rule.Set, name, title, text string) Words {
	if said := set.In(name, title, text); said != nil {
		return said
	}
	said := rule.Wording{Title: words.In(words.German, title), Text: words.In(words.German, text)}
	if said.Title == title && said.Text == text {
		return nil
	}
	return Words{words.German: said}
}

// titlesOf is the title of an alarm condition by language.
func titlesOf(set *rule.Set, name, title string) map[string]string {
	all := map[string]string{}
	for language, said := range wordsOf(set, name, title, "") {
		all[language] = said.Title
	}
	return all
}

func (r Replay) titled(set *rule.Set) Replay {
	for _, t := range []*Tally{&r.Before, &r.After} {
		for i := range t.ByRule {
			t.ByRule[i].Titles = titlesOf(set, t.ByRule[i].Rule, t.ByRule[i].Title)
		}
	}
	for i := range r.Changes {
		c := &r.Changes[i]
		c.Titles = titlesOf(set, c.Rule, c.Title)
		for _, a := range []*ReplayAlarm{c.Was, c.Is} {
			if a != nil {
				a.Words = wordsOf(set, c.Rule, c.Title, a.Text)
			}
		}
	}
	return r
}

// saidOf is the code of a line of the timeline that no person wrote.
func saidOf(m store.Moment) *words.Said {
	switch m.Kind {
	case "observation", "annotation", "standby", "event":
		return nil
	}
	return words.Find(m.Text)
}
