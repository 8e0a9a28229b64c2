package webd_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

var principal = auth.Principal{Class: auth.System}

// description is the part of openapi.json that the tests read.
type description struct {
	Paths map[string]map[string]struct {
		Action      string `json:"x-action"`
		Security    *[]any
		RequestBody *struct{ Content map[string]any }
		Responses   map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
	Components struct{ Schemas map[string]map[string]any }
}

func (w *world) described() description {
	w.t.Helper()
	var d description
	w.do(json.Unmarshal(w.ask("", "GET", "/openapi.json", "").body, &d))
	return d
}

// callers are everybody who may ask over HTTP, with nobody.
var callers = []string{"", "administrator", "administrator-only", "clinician", "nurse", "technician", "auditor", "patient", "family", "integration", "kiosk"}

// Every route is asked by every kind of caller, about the caller's own ward and
// about another one. What the policy says is what happens.
//
// Covers: O2 ASVS-8.2.2 HIPAA-164.312(a)(1)
func TestEveryRouteForEveryRole(t *testing.T) {
	w := newWorld(t)
	d := w.described()
	mine, other := w.find(low("p-a", vital.At(begun)))[0], w.find(low("p-b", vital.At(begun)))[0]
	own := strings.NewReplacer("{ward}", "w-a", "{patient}", "p-a", "{device}", "monitor-a", "{alarm}", mine.ID, "{verb}", "acknowledge", "{user}", "u-none", "{token}", "t-none")
	foreign := strings.NewReplacer("{ward}", "w-b", "{patient}", "p-b", "{device}", "monitor-b", "{alarm}", other.ID, "{verb}", "acknowledge", "{user}", "u-none", "{token}", "t-none")
	asked, refused := 0, 0
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, op := range d.Paths[path] {
			if op.Action == "" || strings.HasPrefix(path, "/telemetry") || path == "/session" {
				continue
			}
			for _, who := range callers {
				scope := auth.ScopeOf(principalOf(who), auth.Action(op.Action))
				for other, concrete := range map[bool]string{false: own.Replace(path), true: foreign.Replace(path)} {
					a := w.ask(who, strings.ToUpper(method), concrete, "")
					asked++
					switch {
					case who == "":
						if a.status != 401 {
							t.Errorf("nobody may %s %s, and got %d", method, concrete, a.status)
						}
					case scope == auth.Nowhere:
						refused++
						if a.status != 403 {
							t.Errorf("%s may not %s, and %s %s got %d", who, op.Action, method, concrete, a.status)
						}
					case scope != auth.Anywhere && scope != auth.Oneself && who != "administrator" && other && concrete != path && strings.Contains(path, "{"):
						if a.status != 404 {
							t.Errorf("%s %s of another ward by %s got %d, want 404: %s", method, concrete, who, a.status, a.body)
						}
						if strings.Contains(string(a.body), "Baker") {
							t.Errorf("%s %s told %s a name of another ward", method, concrete, who)
						}
					case a.status == 401 || a.status == 403 || a.status >= 500:
						t.Errorf("%s may %s, and %s %s got %d: %s", who, op.Action, method, concrete, a.status, a.body)
					}
				}
			}
		}
	}
	if asked < 1500 || refused < 500 {
		t.Errorf("%d asked, %d refused: the matrix is not whole", asked, refused)
	}
}

func principalOf(who string) auth.Principal {
	switch who {
	case "integration", "kiosk":
		return auth.Principal{Class: auth.Class(who)}
	}
	var roles []auth.Role
	for _, r := range rolesOf(who) {
		roles = append(roles, auth.Role(r))
	}
	return auth.Principal{Class: auth.User, Roles: roles}
}

// The description lists every route, says who may, and every answer fits it.
func TestDescription(t *testing.T) {
	w := newWorld(t)
	trend(w)
	d := w.described()
	raised := w.find(low("p-a", vital.At(begun)))[0]
	actions := auth.Actions()
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.Security == nil && !slices.Contains(actions, auth.Action(op.Action)) {
				t.Errorf("%s %s asks for %q, which the policy does not know", method, path, op.Action)
			}
			if (method == "post" || method == "put") && op.RequestBody == nil && !strings.Contains(path, "credential") && !strings.Contains(path, "link") {
				t.Errorf("%s %s does not say what to send", method, path)
			}
			if op.Responses["default"].Content == nil {
				t.Errorf("%s %s does not say what a refusal looks like", method, path)
			}
		}
	}
	concrete := strings.NewReplacer("{ward}", "w-a", "{patient}", "p-a", "{device}", "monitor-a", "{alarm}", raised.ID, "{version}", rule.Default().Version(), "{user}", "u-nurse")
	absent := []string{"/let-in/{request}", "/ledger", "/keys"} // nothing of the kind is in this world
	query := map[string]string{"/audit/counts": "?by=who", "/patients/{patient}/series": "?metrics=heart-rate,consciousness", "/patients/{patient}/waveforms": "?metric=ecg-ii"}
	only := map[string]string{"/patients/{patient}/looked": "patient", "/me/patient": "patient"}
	w.flow.waves = append(w.flow.waves, wave("p-a", "ecg-ii", 1, 2))
	checked := 0
	for path, methods := range d.Paths {
		op, ok := methods["get"]
		answer := op.Responses["200"].Content["application/json"]
		if !ok || answer.Schema == nil || path == "/openapi.json" || slices.Contains(absent, path) {
			continue
		}
		who := cmp.Or(only[path], "administrator")
		a := w.ask(who, "GET", concrete.Replace(path)+query[path], "")
		if a.status != 200 {
			t.Errorf("GET %s: %d %s", path, a.status, a.body)
			continue
		}
		var v any
		w.do(json.Unmarshal(a.body, &v))
		for _, problem := range fits(d.Components.Schemas, answer.Schema, v, path) {
			t.Error(problem)
		}
		checked++
	}
	if checked < 20 {
		t.Errorf("%d answers were compared with their schema", checked)
	}
	refusal := w.ask("nurse", "GET", "/users", "").json(t)
	for _, problem := range fits(d.Components.Schemas, map[string]any{"$ref": "#/components/schemas/Failure"}, refusal, "refusal") {
		t.Error(problem)
	}
}

// fits checks a value against the part of JSON Schema that the description uses.
func fits(schemas map[string]map[string]any, schema map[string]any, v any, where string) (problems []string) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		if schema == nil {
			return []string{where + ": " + ref + " is not described"}
		}
	}
	if either, ok := schema["anyOf"].([]any); ok {
		for _, s := range either {
			if problems = fits(schemas, s.(map[string]any), v, where); len(problems) == 0 {
				return nil
			}
		}
		return problems
	}
	if !ofType(schema["type"], v) {
		return []string{fmt.Sprintf("%s: %v is not %v", where, v, schema["type"])}
	}
	if names, ok := schema["enum"].([]any); ok && !slices.Contains(names, v) {
		return []string{where + ": is none of those allowed"}
	}
	if len(schema) == 0 {
		return nil // anything: another page describes it
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				problems = append(problems, where+": lacks "+name.(string))
			}
		}
		for name, part := range v {
			s, known := properties[name].(map[string]any)
			if !known {
				s, known = schema["additionalProperties"].(map[string]any)
			}
			if !known {
				problems = append(problems, where+": "+name+" is not described")
				continue
			}
			problems = append(problems, fits(schemas, s, part, where+"."+name)...)
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		prefix, _ := schema["prefixItems"].([]any)
		for i, part := range v {
			s := items
			if i < len(prefix) {
				s = prefix[i].(map[string]any)
			}
			problems = append(problems, fits(schemas, s, part, where+"[]")...)
		}
	}
	return problems
}

func ofType(want any, v any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case []any:
		return slices.ContainsFunc(want, func(w any) bool { return ofType(w, v) })
	case string:
		switch v := v.(type) {
		case nil:
			return want == "null"
		case bool:
			return want == "boolean"
		case string:
			return want == "string"
		case float64:
			return want == "number" || want == "integer" && v == float64(int64(v))
		case []any:
			return want == "array"
		case map[string]any:
			return want == "object"
		}
	}
	return false
}
