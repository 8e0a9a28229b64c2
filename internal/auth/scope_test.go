package auth_test

import (
	"slices"
	"testing"

	"github.com/vigilcare/vigil/internal/auth"
)

// TestScopes reads scopes as SMART App Launch 2 writes them.
// Covers: A3 O3
func TestScopes(t *testing.T) {
	good := map[string]auth.SmartScope{
		"patient/Observation.rs": {Context: "patient", Resource: "Observation", Rights: "rs"},
		"user/Patient.read":      {Context: "user", Resource: "Patient", Rights: "rs"},
		"system/*.cruds":         {Context: "system", Resource: "*", Rights: "cruds"},
		"user/Observation.*":     {Context: "user", Resource: "Observation", Rights: "cruds"},
	}
	for text, want := range good {
		got, err := auth.ParseSmartScope(text)
		if err != nil || got.Context != want.Context || got.Resource != want.Resource || got.Rights != want.Rights {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	s, err := auth.ParseSmartScope("patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs")
	if err != nil || !slices.Contains(s.Groups(), "vital") || slices.Contains(s.Groups(), "lab") {
		t.Errorf("a category: %v, %v", s.Groups(), err)
	}
	for _, text := range []string{
		"", "Observation.rs", "patient/Observation", "patient/Observation.", "patient/Observation.sr", "patient/Observation.rr",
		"patient/Observation.x", "patient/MedicationRequest.rs", "all/Observation.rs", "patient/Observation.rs?code=1",
		"patient/Patient.rs?category=vital-signs", "patient/Observation.rs?category=imaging", "patient/Device.rs", "patient/Observation.rs?%zz",
	} {
		if s, err := auth.ParseSmartScope(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

// TestAppNarrows shows that a program gets what its scopes say and no more.
// Covers: A3
func TestAppNarrows(t *testing.T) {
	scopes, err := auth.ParseSmartScopes("openid fhirUser launch/patient patient/Observation.rs?category=vital-signs patient/Patient.r")
	if err != nil {
		t.Fatal(err)
	}
	app := &auth.App{Name: "chart", Scopes: scopes, Patient: "p-1"}
	if got, err := app.Within("Observation", 's'); err != nil || !slices.Contains(got.Groups, "vital") || slices.Contains(got.Groups, "lab") || got.Patient != "p-1" {
		t.Errorf("observations: %+v, %v", got, err)
	}
	for _, ask := range []struct {
		resource string
		right    byte
	}{{"Observation", 'c'}, {"Patient", 's'}, {"Device", 'r'}, {"DetectedIssue", 's'}, {"Patient", 'u'}} {
		if _, err := app.Within(ask.resource, ask.right); err == nil {
			t.Errorf("%s.%c was given", ask.resource, ask.right)
		}
	}
	app.Patient = ""
	if _, err := app.Within("Observation", 's'); err == nil {
		t.Error("a patient's scope without a patient gave something")
	}
	all, err := auth.ParseSmartScopes("user/*.cruds")
	if err != nil {
		t.Fatal(err)
	}
	every := &auth.App{Name: "all", Scopes: all, Patient: "p-1"}
	if got, err := every.Within("Device", 's'); err != nil || got.Patient != "" || got.Groups != nil {
		t.Errorf("a user's scope: %+v, %v", got, err)
	}
	star, err := auth.ParseSmartScopes("patient/*.rs")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&auth.App{Name: "star", Scopes: star, Patient: "p-1"}).Within("Device", 's'); err == nil {
		t.Error("a patient's star gave every device")
	}
	if _, err := every.Within("Patient", 'd'); err == nil {
		t.Error("a star gave a right that nobody has")
	}
}

func FuzzScopes(f *testing.F) {
	f.Add("patient/Observation.rs?category=vital-signs user/*.cruds openid")
	f.Fuzz(func(t *testing.T, text string) {
		scopes, err := auth.ParseSmartScopes(text)
		if err != nil {
			return
		}
		for _, s := range scopes {
			if s.Rights == "" || s.Context == "" {
				t.Errorf("%q gave %+v", text, s)
			}
		}
	})
}
