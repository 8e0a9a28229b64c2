package webd

import (
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// need is the right of a program that a route asks for.
type need struct {
	resource string
	right    byte
	narrows  bool // the answer heeds the categories that a scope is narrowed to
}

// scoped is everything that a program may ask for on behalf of a person or for
// itself. A route that is not here is not for programs.
var scoped = map[string]need{
	"GET /me":                                  {resource: "Practitioner", right: 'r'},
	"GET /metrics-table":                       {},
	"GET /patients":                            {resource: "Patient", right: 's'},
	"GET /patients/{patient}":                  {resource: "Patient", right: 'r'},
	"GET /patients/{patient}/series":           {resource: "Observation", right: 's', narrows: true},
	"GET /patients/{patient}/observations":     {resource: "Observation", right: 's', narrows: true},
	"GET /patients/{patient}/waveforms":        {resource: "Observation", right: 's'},
	"GET /patients/{patient}/waveform-metrics": {resource: "Observation", right: 's'},
	"GET /patients/{patient}/events":           {resource: "Observation", right: 's'},
	"GET /patients/{patient}/scores":           {resource: "Observation", right: 's'},
	"GET /patients/{patient}/baseline":         {resource: "Observation", right: 's'},
	"POST /patients/{patient}/observations":    {resource: "Observation", right: 'c'},
	"GET /alarms":                              {resource: "DetectedIssue", right: 's'},
	"GET /alarms/{alarm}":                      {resource: "DetectedIssue", right: 'r'},
	"GET /devices":                             {resource: "Device", right: 's'},
	"GET /devices/{device}":                    {resource: "Device", right: 'r'},
}

// withinApp asks whether the program through which the caller came may use the
// route, and keeps what its scopes are narrowed to.
func (c *call) withinApp(r *route) error {
	app := c.principal.App
	if app == nil {
		return nil
	}
	n, ok := scoped[r.method+" "+r.path]
	if !ok {
		return vital.Errorf(vital.Denied, "%s %s is not for programs", r.method, r.path)
	}
	if n.resource == "" || n.resource == "Practitioner" {
		return nil // who it acts for, which its token says anyway; and a table without anybody in it
	}
	granted, err := app.Within(n.resource, n.right)
	if err != nil {
		return err
	}
	if granted.Groups != nil && !n.narrows {
		return vital.Errorf(vital.Denied, "the program %s was given some categories only, and %s %s cannot be cut down to them", app.Name, r.method, r.path)
	}
	if asked := c.patient(); granted.Patient != "" && asked != "" && asked != granted.Patient {
		return vital.Errorf(vital.NotFound, "patient %s: not found", asked)
	}
	c.groups, c.only = granted.Groups, granted.Patient
	return nil
}

// ofGroups reports whether a metric is among what the program was given.
func (c *call) ofGroups(metric string) bool {
	if c.groups == nil {
		return true
	}
	m := vital.LookMetric(metric)
	return m != nil && slices.Contains(c.groups, m.Group)
}
