package webd

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// describe writes the API's description from the table of routes and the Go
// types that travel, so that it cannot say anything else than what happens.
func describe(version string) ([]byte, error) {
	d := describer{schemas: map[string]any{}}
	d.schema(reflect.TypeFor[Failure]())
	paths := map[string]map[string]any{}
	for _, r := range routes {
		if paths[r.path] == nil {
			paths[r.path] = map[string]any{}
		}
		paths[r.path][strings.ToLower(r.method)] = d.operation(r)
	}
	return json.Marshal(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Vigil", "version": version,
			"description": "What the screens and programs use. Times are RFC 3339 in UTC; an id that you may not see is 404.",
		},
		"servers":  []any{map[string]any{"url": base}},
		"security": []any{map[string]any{"token": []any{}}, map[string]any{"cookie": []any{}}},
		"paths":    paths,
		"components": map[string]any{
			"schemas": d.schemas,
			"securitySchemes": map[string]any{
				"token":  map[string]any{"type": "http", "scheme": "bearer", "description": "vigil token add; for telemetry the secret of the device, or Basic with its user name"},
				"cookie": map[string]any{"type": "apiKey", "in": "cookie", "name": "__Host-vigil"},
			},
		},
	})
}

type describer struct{ schemas map[string]any }

func (d *describer) operation(r route) map[string]any {
	op := map[string]any{"summary": r.does, "operationId": operationName(r)}
	if r.action == public {
		op["security"] = []any{}
	} else {
		op["x-action"] = string(r.action)
	}
	var parameters []any
	for part := range strings.SplitSeq(r.path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			parameters = append(parameters, map[string]any{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
	}
	for _, q := range r.query {
		parameters = append(parameters, map[string]any{"name": q.name, "in": "query", "description": q.does, "schema": map[string]any{"type": "string"}})
	}
	if parameters != nil {
		op["parameters"] = parameters
	}
	if r.in != nil {
		op["requestBody"] = map[string]any{"required": true, "content": d.content(r.in, "")}
	}
	status, good := strconv.Itoa(r.status()), map[string]any{"description": "done"}
	switch {
	case r.out != nil:
		good["content"] = d.content(r.out, "")
	case r.kind != "" && r.kind != "websocket" && r.kind != "redirect":
		good["content"] = map[string]any{r.kind: map[string]any{"schema": map[string]any{"type": "string"}}}
	}
	op["responses"] = map[string]any{
		status:    good,
		"default": map[string]any{"description": "not done, and why", "content": map[string]any{"application/json": map[string]any{"schema": ref("Failure")}}},
	}
	return op
}

// status is the status of an answer that is what was asked for.
func (r route) status() int {
	switch {
	case r.kind == "websocket":
		return http.StatusSwitchingProtocols
	case r.kind == "redirect":
		return http.StatusSeeOther
	case r.made:
		return http.StatusCreated
	case r.out == nil && r.kind == "":
		return http.StatusNoContent
	}
	return http.StatusOK
}

// operationName is "getPatientsPatientSeries".
func operationName(r route) string {
	name := strings.ToLower(r.method)
	for part := range strings.FieldsFuncSeq(r.path, func(c rune) bool { return strings.ContainsRune("/{}.-", c) }) {
		name += strings.ToUpper(part[:1]) + part[1:]
	}
	return name
}

func (d *describer) content(v any, kind string) map[string]any {
	switch v.(type) {
	case csvBody:
		return map[string]any{"text/csv": map[string]any{"schema": map[string]any{"type": "string"}}}
	case anyBody:
		return map[string]any{"application/json": map[string]any{"schema": map[string]any{}}}
	}
	return map[string]any{"application/json": map[string]any{"schema": d.schema(reflect.TypeOf(v))}}
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/components/schemas/" + name} }

var (
	timeSchema   = map[string]any{"type": []any{"string", "null"}, "format": "date-time"}
	numberSchema = map[string]any{"type": "number"}
	pointSchema  = map[string]any{
		"type": []any{"array", "null"}, "description": "[t ms, value, low, high, quality bits, count]; null is a gap",
		"prefixItems": []any{
			map[string]any{"type": "integer"}, map[string]any{"type": []any{"number", "string"}}, map[string]any{"type": []any{"number", "string"}},
			map[string]any{"type": []any{"number", "string"}}, map[string]any{"type": "integer"}, map[string]any{"type": "integer"},
		},
		"minItems": 6, "maxItems": 6,
	}
	samplesSchema = map[string]any{"type": "array", "items": map[string]any{"type": []any{"integer", "null"}}}
	choices       = map[reflect.Type][]string{
		reflect.TypeFor[auth.Class](): {string(auth.User), string(auth.Device), string(auth.Gateway), string(auth.Integration), string(auth.Kiosk), string(auth.Sentinel), string(auth.System)},
		reflect.TypeFor[auth.Role]():  {string(auth.Administrator), string(auth.Clinician), string(auth.Nurse), string(auth.Technician), string(auth.Auditor)},
	}
)

// schema is the JSON Schema of a Go type; structs are named and stand once.
func (d *describer) schema(t reflect.Type) map[string]any {
	switch t {
	case reflect.TypeFor[vital.Instant]():
		return timeSchema
	case reflect.TypeFor[vital.Decimal]():
		return numberSchema
	case reflect.TypeFor[Point]():
		return pointSchema
	case reflect.TypeFor[Samples]():
		return samplesSchema
	case reflect.TypeFor[json.RawMessage]():
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{d.schema(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.String:
		if names := choices[t]; names != nil {
			return map[string]any{"type": "string", "enum": names}
		}
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return numberSchema
	case reflect.Struct:
		return d.object(t)
	}
	panic("webd: no schema for " + t.String()) // a route's type is one of the above
}

func (d *describer) object(t reflect.Type) map[string]any {
	name := schemaName(t)
	if d.schemas[name] != nil {
		return ref(name)
	}
	d.schemas[name] = map[string]any{} // a type that holds itself finds this
	properties, required := map[string]any{}, []string{}
	d.fields(t, properties, &required)
	slices.Sort(required)
	d.schemas[name] = map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	return ref(name)
}

func (d *describer) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			d.fields(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		properties[name] = d.schema(f.Type)
		if options == "" {
			*required = append(*required, name)
		}
	}
}

// schemaName is the type's name; List[Ward] is WardList.
func schemaName(t reflect.Type) string {
	name := t.Name()
	if inner, ok := strings.CutPrefix(name, "List["); ok {
		inner = strings.TrimSuffix(inner, "]")
		inner = inner[strings.LastIndexByte(inner, '.')+1:]
		return strings.ToUpper(inner[:1]) + inner[1:] + "List"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

func (s *Server) openAPI(c *call) error {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.Header().Set("Cache-Control", "no-cache")
	c.w.Write(s.described)
	return nil
}
