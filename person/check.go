package person

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vigilcare/vigil/vital"
)

// Sexes are the values of Person.Sex, those of HL7 FHIR's administrative gender.
var Sexes = []string{"female", "male", "other", "unknown"}

const (
	maxName    = 200
	maxNumbers = 20
	maxAge     = 150 // years: an older birth date is a slip of the hand
)

// Check returns nil if p may be stored on that day. The error, of kind Invalid,
// begins with the field.
func (p Person) Check(today time.Time) error {
	if strings.TrimSpace(p.Family) == "" {
		return vital.Errorf(vital.Invalid, "family: missing: a patient whose name is not known still needs one to be called by")
	}
	for _, x := range [...]struct{ field, text string }{{"family", p.Family}, {"given", p.Given}} {
		if why := badText(x.text, maxName); why != "" {
			return vital.Errorf(vital.Invalid, "%s: %s", x.field, why)
		}
	}
	if p.Sex != "" && !within(Sexes, p.Sex) {
		return vital.Errorf(vital.Invalid, "sex: %.20q is not one of %s", p.Sex, strings.Join(Sexes, ", "))
	}
	if p.Birth != "" {
		age, err := AgeOn(p.Birth, today)
		if err != nil {
			return err
		}
		if age.Years > maxAge {
			return vital.Errorf(vital.Invalid, "birth: %s is more than %d years ago", p.Birth, maxAge)
		}
	}
	return checkNumbers(p.Numbers)
}

func checkNumbers(numbers []Number) error {
	if len(numbers) > maxNumbers {
		return vital.Errorf(vital.Invalid, "numbers: %d: at most %d", len(numbers), maxNumbers)
	}
	seen := map[Number]bool{}
	for i, n := range numbers {
		field := fmt.Sprintf("numbers[%d]", i)
		for _, x := range [...]struct{ part, text string }{{"system", n.System}, {"value", n.Value}} {
			if bare(x.text) == "" {
				return vital.Errorf(vital.Invalid, "%s.%s: missing", field, x.part)
			}
			if why := badText(x.text, maxName); why != "" {
				return vital.Errorf(vital.Invalid, "%s.%s: %s", field, x.part, why)
			}
		}
		key := Number{n.System, bare(n.Value)}
		if seen[key] {
			return vital.Errorf(vital.Invalid, "%s: there twice", field)
		}
		seen[key] = true
	}
	return nil
}

func badText(text string, limit int) string {
	if len(text) > limit {
		return fmt.Sprintf("longer than %d bytes", limit)
	}
	if !utf8.ValidString(text) {
		return "not UTF-8"
	}
	for _, r := range text {
		// Format characters turn text around and hide in it.
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return "holds a control character"
		}
	}
	return ""
}

func within(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// Age is how old somebody is, in whole units.
type Age struct {
	Years  int
	Months int // after the last birthday
	Days   int // since birth
}

// AgeOn returns the age on a day, of somebody born on the day birth (YYYY-MM-DD).
// Only the date of day counts, in the zone it carries: pass the ward's. Born on
// 29 February, one turns older on 1 March in other years.
func AgeOn(birth string, day time.Time) (Age, error) {
	b, err := time.Parse(time.DateOnly, birth)
	if err != nil {
		return Age{}, vital.Errorf(vital.Invalid, "birth: %.20q is not a date like 1961-04-30", birth)
	}
	y, m, d := day.Date()
	on := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if on.Before(b) {
		return Age{}, vital.Errorf(vital.Invalid, "birth: %s has not come yet", birth)
	}
	months := (y-b.Year())*12 + int(m) - int(b.Month())
	if d < b.Day() {
		months--
	}
	return Age{Years: months / 12, Months: months % 12, Days: int(on.Sub(b).Hours() / 24)}, nil
}

// String prints the age as charts do: days below four weeks, months below two
// years, then years.
func (a Age) String() string {
	switch {
	case a.Days < 28:
		return fmt.Sprintf("%d d", a.Days)
	case a.Years < 2:
		return fmt.Sprintf("%d mo", a.Years*12+a.Months)
	}
	return fmt.Sprintf("%d y", a.Years)
}

// Initials are what the ward shows when names are hidden: the first letters of
// the given and the family name.
func (p Person) Initials() string {
	return initial(p.Given) + initial(p.Family)
}

func initial(name string) string {
	for _, r := range name {
		if unicode.IsLetter(r) {
			return strings.ToUpper(string(r))
		}
	}
	return ""
}
