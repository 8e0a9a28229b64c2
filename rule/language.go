package rule

import (
	"slices"
	"strings"
	"unicode"
)

// A rule says its title and its texts in English, and may say them in other
// languages beside that. What is judged, kept and hashed is English alone: the
// other languages are put in its place where somebody reads, also of an alarm
// that was raised years ago. So a better translation is no new version of a rule.

// languages are those that a rule may add to its own.
var languages = []string{"de"}

// other is a text in another language.
type other struct {
	language token
	text     string
	at       token
}

// others takes de "..." after a text, on the same line or the next.
func (p *parser) others(d *draft) []other {
	var list []other
	for !p.bad {
		from := p.at
		at := p.at
		for p.tokens[min(at, len(p.tokens)-1)].kind == tokenBreak {
			at++
		}
		if at+1 >= len(p.tokens) {
			return list
		}
		t, text := p.tokens[at], p.tokens[at+1]
		if t.kind != tokenWord || text.kind != tokenText || len(t.text) != 2 {
			return list
		}
		p.at = at + 2
		d.beside = append(d.beside, [2]int{from, p.at})
		switch {
		case !slices.Contains(languages, t.text):
			p.fail(t, "%q is no language that the screens have: %s", t.text, strings.Join(languages, ", "))
		case slices.ContainsFunc(list, func(o other) bool { return o.language.text == t.text }):
			p.fail(t, "%s stands twice", t.text)
		}
		list = append(list, other{language: t, text: text.text, at: text})
	}
	return list
}

// isBeside reports whether a token is no part of the rule's version.
func (d *draft) isBeside(at int) bool {
	return slices.ContainsFunc(d.beside, func(span [2]int) bool { return at >= span[0] && at < span[1] })
}

// languages takes the titles. A language in which anything of the rule is said
// has its title.
func (c *compiler) languages() {
	d := c.draft
	c.out.titles = map[string]string{}
	for _, o := range d.titles {
		if strings.TrimSpace(o.text) == "" {
			c.fail(o.at, "the title in %s is empty", o.language.text)
		}
		c.out.titles[o.language.text] = o.text
	}
	for _, w := range d.whens {
		for _, o := range w.others {
			if c.out.titles[o.language.text] == "" {
				c.fail(o.language, "rule %s has a text in %s, but no title in it", d.name, o.language.text)
			}
		}
	}
}

// translated reads the text of a level in the languages of the rule. A text of
// short names and values needs no words of its own; any other does.
func (c *compiler) translated(message []piece, w whenLine) map[string][]piece {
	all := map[string][]piece{}
	for _, o := range w.others {
		at := w
		at.at = o.at
		list := c.message(o.text, at)
		if !c.sound() {
			return nil
		}
		if want, got := values(message), values(list); !slices.Equal(want, got) {
			c.fail(o.at, "the text in %s prints %s, the English one %s", o.language.text, braced(got), braced(want))
		}
		all[o.language.text] = list
	}
	for language := range c.out.titles {
		if all[language] != nil || len(message) == 0 {
			continue
		}
		list, missing := shortened(language, message, c.draft.title, c.out.titles[language])
		if missing != "" {
			at := w.at
			if at.line == 0 {
				at = w.token
			}
			c.fail(at, "rule %s has a title in %s; its text needs one too, because of %q: write %s \"...\" after it", c.draft.name, language, missing, language)
			return nil
		}
		all[language] = list
	}
	return all
}

// values are the expressions of a message, in order of their text.
func values(list []piece) []string {
	var names []string
	for _, p := range list {
		if p.as != "" {
			names = append(names, strings.TrimSpace(p.as))
		}
	}
	slices.Sort(names)
	return names
}

func braced(names []string) string {
	if len(names) == 0 {
		return "no value"
	}
	return "{" + strings.Join(names, "}, {") + "}"
}

// shortIn are the short names that differ between languages.
var shortIn = map[string]map[string]string{
	"de": {
		"HR": "HF", "PR": "PF", "RR": "AF", "awRR": "AF (Atemweg)", "SBP": "BD syst.", "DBP": "BD diast.", "MAP": "MAD", "ABP sys": "ABD syst.",
		"ABP mean": "ABD mittel", "SpO2": "SpO2", "Temp": "Temp", "NEWS2": "NEWS2", "Glucose": "Glukose", "etCO2": "etCO2", "Battery": "Batterie",
		"min": "min", "mmHg": "mmHg", "mg": "mg", "dL": "dL", "h": "h", "s": "s",
	},
}

// shortened puts short names of another language into a message that has no
// other words; else it returns the first other word.
func shortened(language string, message []piece, title, translatedTitle string) (list []piece, missing string) {
	if len(message) == 1 && message[0].words == title {
		return []piece{{words: translatedTitle}}, ""
	}
	known := shortIn[language]
	list = slices.Clone(message)
	for i, p := range list {
		if p.value != nil || p.as != "" {
			continue
		}
		// A short name of two words stands alone between two values.
		if name := strings.TrimSpace(p.words); known[name] != "" {
			list[i].words = strings.Replace(p.words, name, known[name], 1)
			continue
		}
		words := strings.FieldsFunc(p.words, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		for _, word := range words {
			if strings.IndexFunc(word, unicode.IsLetter) < 0 {
				continue
			}
			if known[word] == "" {
				return nil, word
			}
			list[i].words = strings.Replace(list[i].words, word, known[word], 1)
		}
	}
	return list, ""
}

// Wording is what a finding says, in one language.
type Wording struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// In returns what one of the set's rules said, in each other language that the
// rule has. A text that the rule no longer says so stays as it is: what was said
// is a fact, and half a translation of it none.
func (s *Set) In(rule, title, text string) map[string]Wording {
	if s == nil {
		return nil
	}
	i, ok := s.ruleAt[rule]
	if !ok || len(s.rules[i].titles) == 0 {
		return nil
	}
	c := s.rules[i]
	all := make(map[string]Wording, len(c.titles))
	for language, own := range c.titles {
		said := Wording{Title: title, Text: text}
		if title == c.title {
			said.Title = own
		}
		if told, ok := c.told(language, text); ok {
			said.Text = told
		}
		all[language] = said
	}
	return all
}

// told finds the level whose English words a text has, and says it anew.
func (c *compiled) told(language, text string) (string, bool) {
	if text == c.title {
		return c.titles[language], true
	}
	told, most := "", -1
	for i := range c.levels {
		l := &c.levels[i]
		values, ok := match(l.message, text)
		if n := wordsIn(l.message); ok && l.others[language] != nil && n > most { // the one that says the most of it itself
			told, most = fill(language, l.others[language], values), n
		}
	}
	switch {
	case most >= 0:
		return told, true
	case c.clear == nil:
		return "", false
	}
	if now, ok := strings.CutSuffix(text, ", over once "+c.clear.text); ok {
		if now == c.title {
			now = c.titles[language]
		} else {
			name := shortName(c.marks)
			if own := shortIn[language][name]; own != "" {
				now = own + decimalMark(language, strings.TrimPrefix(now, name))
			}
		}
		return now + overOnce[language] + conditionIn(language, c.clear.text), true
	}
	return "", false
}

var overOnce = map[string]string{"de": ", vorbei, sobald "}

// conditionWords are the words of a condition as it is written.
var conditionWords = map[string]map[string]string{
	"de": {"and": "und", "or": "oder", "not": "nicht", "for": "während", "within": "innert", "limit": "Grenze", "between": "zwischen", "event": "Ereignis", "low": "untere", "high": "obere", "missing": "fehlt"},
}

func conditionIn(language, condition string) string {
	fields := strings.Split(condition, " ")
	for i, f := range fields {
		bare := strings.Trim(f, "(),")
		if own := conditionWords[language][bare]; own != "" {
			fields[i] = strings.Replace(f, bare, own, 1)
			continue
		}
		if name, ok := short[bare]; ok {
			if own := shortIn[language][name]; own != "" {
				name = own
			}
			fields[i] = strings.Replace(f, bare, name, 1)
		}
	}
	return decimalMark(language, strings.Join(fields, " "))
}

func wordsIn(message []piece) (n int) {
	for _, p := range message {
		n += len(p.words)
	}
	return n
}

// match reads the values out of a text: the words between them decide where each
// ends.
func match(message []piece, text string) (map[string]string, bool) {
	found := map[string]string{}
	rest := text
	for i, p := range message {
		if p.value == nil {
			if !strings.HasPrefix(rest, p.words) {
				return nil, false
			}
			rest = rest[len(p.words):]
			continue
		}
		end := len(rest)
		if i+1 < len(message) && message[i+1].value == nil {
			if end = strings.Index(rest, message[i+1].words); end < 0 {
				return nil, false
			}
		}
		if end == 0 {
			return nil, false
		}
		found[strings.TrimSpace(p.as)] = rest[:end]
		rest = rest[end:]
	}
	return found, rest == ""
}

func fill(language string, message []piece, values map[string]string) string {
	var b strings.Builder
	for _, p := range message {
		if p.value == nil {
			b.WriteString(p.words)
			continue
		}
		b.WriteString(decimalMark(language, values[strings.TrimSpace(p.as)]))
	}
	return b.String()
}

// decimalMark puts the language's mark between digits.
func decimalMark(language, text string) string {
	if language != "de" {
		return text
	}
	b := []byte(text)
	for i := 1; i+1 < len(b); i++ {
		if b[i] == '.' && isDigit(b[i-1]) && isDigit(b[i+1]) {
			b[i] = ','
		}
	}
	return string(b)
}
