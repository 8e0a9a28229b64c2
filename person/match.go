package person

import (
	"strings"
	"unicode"
)

// Matches reports whether two identifiers, read off a wristband or a chart, name
// this person: the family name and one of the record numbers. Case, accents,
// blanks, hyphens and apostrophes do not matter; everything else does. An empty
// identifier never matches: confirming with nothing is not confirming.
func (p Person) Matches(family, number string) bool {
	return sameName(p.Family, family) && p.hasNumber(number)
}

func sameName(a, b string) bool {
	return shared(foldings(a), foldings(b))
}

func (p Person) hasNumber(number string) bool {
	number = bare(number)
	if number == "" {
		return false
	}
	for _, n := range p.Numbers {
		if bare(n.Value) == number {
			return true
		}
	}
	return false
}

// bare is a record number without what people add when they write it down.
func bare(number string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '-' || r == '.' || r == '/' {
			return -1
		}
		return unicode.ToUpper(r)
	}, number)
}

// foldings are the ways in which a name may be written without accents: Müller
// as Muller, and as Mueller. A name is never folded further than its spelling
// allows: Mueller is not Muller.
func foldings(name string) [2]string {
	var plain, spelled strings.Builder
	for _, r := range name {
		r = unicode.ToLower(r)
		if unicode.IsSpace(r) || unicode.Is(unicode.Mn, r) || strings.ContainsRune("-'’ʼ`´.", r) {
			// A combining mark after its letter is the same as the letter with it,
			// but U+0308 can also be spelled out.
			if r == '\u0308' {
				spelled.WriteString("e")
			}
			continue
		}
		folded, ok := letters[r]
		if !ok {
			folded = string(r)
		}
		plain.WriteString(folded)
		if long, ok := spelledOut[r]; ok {
			folded = long
		}
		spelled.WriteString(folded)
	}
	return [2]string{plain.String(), spelled.String()}
}

func shared(a, b [2]string) bool {
	for _, x := range a {
		for _, y := range b {
			if x != "" && x == y {
				return true
			}
		}
	}
	return false
}

// spelledOut are letters that are written as two where a keyboard lacks them.
var spelledOut = map[rune]string{'ä': "ae", 'ö': "oe", 'ü': "ue", 'ø': "oe", 'å': "aa"}

// letters are the accented Latin and Greek letters of Europe without accents.
// The standard library has no decomposition table, and names need no more.
var letters = func() map[rune]string {
	table := map[rune]string{'ß': "ss", 'æ': "ae", 'œ': "oe", 'þ': "th", 'ς': "σ"}
	for plain, accented := range map[string]string{
		"a": "àáâãäåāăąǎȁȃạảấầẩẫậắằẳẵặ", "c": "çćĉċč", "d": "ďđð", "e": "èéêëēĕėęěȅȇẹẻẽếềểễệ", "g": "ĝğġģ", "h": "ĥħ",
		"i": "ìíîïĩīĭįıǐȉȋịỉ", "j": "ĵ", "k": "ķ", "l": "ĺļľŀł", "n": "ñńņňŋ", "o": "òóôõöøōŏőǒơȍȏọỏốồổỗộớờởỡợ", "r": "ŕŗř",
		"s": "śŝşšș", "t": "ţťŧț", "u": "ùúûüũūŭůűųǔưȕȗụủứừửữự", "w": "ŵ", "y": "ýÿŷỳỵỷỹ", "z": "źżž",
		"α": "ά", "ε": "έ", "η": "ή", "ι": "ίϊΐ", "ο": "ό", "υ": "ύϋΰ", "ω": "ώ",
	} {
		for _, r := range accented {
			table[r] = plain
		}
	}
	return table
}()
