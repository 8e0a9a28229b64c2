package store

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// A name is sealed and has to be found all the same. So the beginnings of its
// words, and of record numbers, are kept as keyed hashes: whoever has the database
// and not the key cannot tell a name from them, though they show which people
// share a beginning.

// wordPlace binds the hashes to their table.
const wordPlace = "person_word/word"

const (
	shortestWord = 2  // characters: below that the whole list is as good
	longestWord  = 12 // what is longer is told apart after it is opened
)

// wordsOf lists what a person can be found by, in lower case: words as they are
// written, their parts around hyphens, numbers with and without separators.
func wordsOf(p person.Person) []string {
	texts := []string{p.Family, p.Given}
	for _, n := range p.Numbers {
		texts = append(texts, n.Value)
	}
	var words []string
	for _, text := range texts {
		for _, word := range strings.Fields(strings.ToLower(text)) {
			parts := strings.FieldsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) })
			words = append(append(words, word, strings.Join(parts, "")), parts...)
		}
	}
	slices.Sort(words)
	return slices.DeleteFunc(slices.Compact(words), func(w string) bool { return w == "" })
}

// named reports whether every wanted word begins one of the person's.
func named(p person.Person, wanted []string) bool {
	words := wordsOf(p)
	for _, want := range wanted {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, want) }) {
			return false
		}
	}
	return true
}

// beginnings returns those of a word that are kept.
func beginnings(word string) []string {
	var all []string
	letters := []rune(word)
	for n := shortestWord; n <= min(len(letters), longestWord); n++ {
		all = append(all, string(letters[:n]))
	}
	return all
}

// putWords replaces what a person can be found by.
func (t *tx) putWords(site vital.Site, p person.Person) error {
	if _, err := t.exec("DELETE FROM person_word WHERE site = $1 AND patient = $2", site, p.Patient); err != nil {
		return err
	}
	var all []string
	for _, word := range wordsOf(p) {
		all = append(all, beginnings(word)...)
	}
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) == 0 {
		return nil
	}
	if t.d.keeper == nil {
		return vital.Errorf(vital.Precondition, "the store was opened without its keys")
	}
	hashes, err := t.d.keeper.Hash(t.ctx, string(site), wordPlace, all...)
	if err != nil {
		return err
	}
	in := t.insert("INSERT INTO person_word (site, patient, word)", 3, " ON CONFLICT (site, word, patient) DO NOTHING")
	for _, h := range hashes {
		in.add(site, p.Patient, h)
	}
	return in.done("words")
}

// begins narrows a query on persons p to those whom the words may mean.
func (d *DB) begins(ctx context.Context, q *query, site vital.Site, wanted []string) error {
	var known []string
	for _, want := range wanted {
		letters := []rune(want)
		if len(letters) >= shortestWord {
			known = append(known, string(letters[:min(len(letters), longestWord)]))
		}
	}
	if len(known) == 0 {
		return nil
	}
	if d.keeper == nil {
		return vital.Errorf(vital.Precondition, "find patients: the store was opened without its keys")
	}
	hashes, err := d.keeper.Hash(ctx, string(site), wordPlace, known...)
	if err != nil {
		return err
	}
	for _, h := range hashes {
		q.add(" AND EXISTS (SELECT 1 FROM person_word w WHERE w.site = p.site AND w.patient = p.patient AND w.word = ?)", h)
	}
	return nil
}
