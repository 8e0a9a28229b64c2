package main

import (
	"fmt"

	"github.com/vigilcare/vigil/person"
)

// The people of the demonstration are made up: any likeness is chance.
var (
	demoFamilies = []string{
		"Keller", "Okafor", "Lindqvist", "Moreau", "Tanaka", "Rossi", "Novak", "Silva", "Haddad", "Petrov", "Brunner", "Kowalski",
		"Nguyen", "Fernández", "Andersen", "Meier", "Costa", "Yilmaz", "Dubois", "Schmid", "Ivanova", "Bianchi", "Larsen", "Mensah",
		"Horvat", "Sato", "Weber", "Popescu", "Janssen", "Marti", "Adeyemi", "Virtanen",
	}
	demoWomen = []string{"Anna", "Grace", "Ingrid", "Claire", "Yuki", "Giulia", "Jana", "Beatriz", "Leila", "Olga", "Ruth", "Ewa", "Linh", "Carmen", "Sofie", "Verena"}
	demoMen   = []string{"Hans", "Chidi", "Erik", "Luc", "Kenji", "Marco", "Petr", "João", "Karim", "Dmitri", "Urs", "Jan", "Minh", "Diego", "Lars", "Beat"}
)

// demoPerson returns the made-up patient of bed i.
func demoPerson(i int) person.Person {
	p := person.Person{
		Family: demoFamilies[i*7%len(demoFamilies)],
		Birth:  fmt.Sprintf("%d-%02d-%02d", 1936+(i*13)%62, 1+(i*5)%12, 1+(i*11)%28),
		Demo:   true,
	}
	if i%2 == 0 {
		p.Sex, p.Given = "female", demoWomen[i/2%len(demoWomen)]
	} else {
		p.Sex, p.Given = "male", demoMen[i/2%len(demoMen)]
	}
	p.Numbers = []person.Number{{System: "MRN", Value: fmt.Sprintf("D%06d", 104200+i*37)}}
	return p
}
