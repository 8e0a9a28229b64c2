package person_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		family, number, says, saysNumber string
		want                             bool
	}{
		{"Müller", "12-345", "müller", "12345", true},
		{"Müller", "12345", "MULLER", "12 345", true},
		{"Müller", "12345", "Mueller", "12345", true},
		{"Mueller", "12345", "Müller", "12345", true},
		{"Mu\u0308ller", "12345", "Müller", "12345", true}, // letter and mark apart
		{"Mueller", "12345", "Muller", "12345", false},
		{"O’Brien", "A7", "OBrien", "a7", true},
		{"García-Núñez", "A7", "garcia nunez", "A7", true},
		{"Łukasiewicz", "A7", "Lukasiewicz", "A7", true},
		{"Strauß", "A7", "STRAUSS", "A7", true},
		{"Nguyễn", "A7", "Nguyen", "A7", true},
		{"Øster", "A7", "Oester", "A7", true},
		{"Παπάς", "A7", "ΠΑΠΑΣ", "A7", true},
		{"Иванов", "A7", "ИВАНОВ", "A7", true},
		{"Müller", "12345", "Müller", "12346", false},
		{"Müller", "12345", "Miller", "12345", false},
		{"Müller", "012345", "Müller", "12345", false}, // a leading zero is a digit
		{"Müller", "12345", "Mül", "12345", false},
		{"Müller", "12345", "", "12345", false},
		{"Müller", "12345", "Müller", "", false},
		{"Müller", "12345", "Müller", "--", false},
		{"", "12345", "", "12345", false},
		{"-", "12345", "'", "12345", false},
	} {
		p := person.Person{Family: c.family, Numbers: []person.Number{{System: "mrn", Value: "zz"}, {System: "mrn", Value: c.number}}}
		if got := p.Matches(c.says, c.saysNumber); got != c.want {
			t.Errorf("%s %s confirmed by %s %s: %v, want %v", c.family, c.number, c.says, c.saysNumber, got, c.want)
		}
	}
	if (person.Person{Family: "Müller"}).Matches("Müller", "1") {
		t.Error("somebody without a record number was confirmed")
	}
}

func TestAge(t *testing.T) {
	for _, c := range []struct {
		birth, on, text string
		years           int
	}{
		{"1961-04-30", "2026-04-29", "64 y", 64},
		{"1961-04-30", "2026-04-30", "65 y", 65},
		{"2000-02-29", "2023-02-28", "22 y", 22},
		{"2000-02-29", "2023-03-01", "23 y", 23},
		{"2026-11-22", "2026-11-22", "0 d", 0},
		{"2026-10-26", "2026-11-22", "27 d", 0},
		{"2026-10-25", "2026-11-22", "0 mo", 0},
		{"2026-01-31", "2026-11-22", "9 mo", 0},
		{"2024-11-23", "2026-11-22", "23 mo", 1},
		{"2024-11-22", "2026-11-22", "2 y", 2},
	} {
		on, err := time.Parse(time.DateOnly, c.on)
		if err != nil {
			t.Fatal(err)
		}
		a, err := person.AgeOn(c.birth, on)
		if err != nil || a.Years != c.years || a.String() != c.text {
			t.Errorf("born %s, on %s: %+v %s, %v, want %s", c.birth, c.on, a, a, err, c.text)
		}
	}
	// The day is that of the ward, not of Greenwich.
	auckland := time.FixedZone("NZDT", 13*3600)
	if a, err := person.AgeOn("1961-04-30", time.Date(2026, 4, 30, 1, 0, 0, 0, auckland)); err != nil || a.Years != 65 {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestCheck(t *testing.T) {
	today := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	good := person.Person{Family: "Müller", Given: "Anna Maria", Birth: "1961-04-30", Sex: "female", Numbers: []person.Number{{System: "mrn", Value: "12345"}, {System: "ahv", Value: "12345"}}}
	if err := good.Check(today); err != nil {
		t.Error(err)
	}
	if err := (person.Person{Family: "Unknown 7"}).Check(today); err != nil {
		t.Errorf("somebody of whom nothing is known: %v", err)
	}
	for field, change := range map[string]func(*person.Person){
		"family: missing":        func(p *person.Person) { p.Family = " " },
		"family: longer":         func(p *person.Person) { p.Family = strings.Repeat("a", 201) },
		"given: holds a control": func(p *person.Person) { p.Given = "A\u202eB" },
		"given: not UTF-8":       func(p *person.Person) { p.Given = "\xff" },
		"sex:":                   func(p *person.Person) { p.Sex = "F" },
		"birth: \"30.4.1961\"":   func(p *person.Person) { p.Birth = "30.4.1961" },
		"birth: \"2023-02-29\"":  func(p *person.Person) { p.Birth = "2023-02-29" },
		"birth: 2026-11-23 has":  func(p *person.Person) { p.Birth = "2026-11-23" },
		"birth: 1861-04-30 is":   func(p *person.Person) { p.Birth = "1861-04-30" },
		"numbers[0].value":       func(p *person.Person) { p.Numbers[0].Value = " - " },
		"numbers[0].system":      func(p *person.Person) { p.Numbers[0].System = "" },
		"numbers[1]: there":      func(p *person.Person) { p.Numbers[1] = person.Number{System: "mrn", Value: "12 345"} },
		"numbers: 21":            func(p *person.Person) { p.Numbers = make([]person.Number, 21) },
	} {
		p := good
		p.Numbers = append([]person.Number(nil), good.Numbers...)
		change(&p)
		if err := p.Check(today); err == nil || vital.KindOf(err) != vital.Invalid || !strings.HasPrefix(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestInitials(t *testing.T) {
	for _, c := range []struct{ given, family, want string }{{"Anna", "Müller", "AM"}, {"", "Müller", "M"}, {"élodie", "d'Arc", "ÉD"}, {"", "", ""}, {"7", "?", ""}} {
		if got := (person.Person{Given: c.given, Family: c.family}).Initials(); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.given, c.family, got, c.want)
		}
	}
}
