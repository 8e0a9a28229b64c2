package device

import (
	"strconv"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/senml"
)

// decodeSenML reads SenML JSON. SenML has no sequence: the transport's counts.
func decodeSenML(p Packet) (Result, error) {
	records, problems, err := senml.Decode(p.Body, p.Received)
	if err != nil {
		return Result{}, err
	}
	out := Result{Problems: problems}
	for _, r := range records {
		value, unit := r.Value, r.Unit
		if m := vital.LookMetric(r.Metric); m != nil && m.Unit == "%" && r.Ratio && value.Number.Exponent < 100 {
			// RFC 8428 writes a percentage as a ratio: 0.97 is 97 %, digit by digit.
			value.Number.Exponent += 2
			unit = "%"
		}
		name, where, why := accept(r.Metric, value, unit)
		if why != "" {
			if where == "metric" {
				where = "n"
			}
			out.Problems = append(out.Problems, Problem{Where: "[" + strconv.Itoa(r.Index) + "]." + where, Reason: why})
			continue
		}
		out.Readings = append(out.Readings, vital.Reading{
			Device: p.Device, Metric: name, Value: value, Unit: unit,
			Clocks: vital.Clocks{Device: r.Time, Receive: p.Received},
		})
	}
	return out, nil
}

var examplesSenML = []Example{
	{Title: "two records of one device", Packet: Packet{Topic: "v1/patch-7/telemetry", Device: "patch-7", Received: 1795345800020,
		Body: []byte(`[{"bn":"urn:dev:mac:0024befffe804ff1:","bt":1795345800,"n":"heart-rate","u":"beat/min","v":72},{"n":"temperature","u":"Cel","v":36.60}]`)}, Readings: 2},
	{Title: "a ratio, and a record without a unit", Packet: Packet{Topic: "v1/patch-7/telemetry", Device: "patch-7", Received: 1795345800020,
		Body: []byte(`[{"n":"spo2","u":"/","v":0.97,"t":-5},{"n":"heart-rate","v":72}]`)}, Readings: 1, Problems: 1},
}
