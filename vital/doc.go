// Package vital holds the words that every other part of Vigil speaks:
// Reading, Waveform, Event, Finding, the clocks, quality bits, exact decimals,
// the table of metrics, units and the kinds of error.
//
// Why first: a number that travels without its unit, its time or its source
// cannot be traced, so the type that carries it refuses to be without them.
// Units are UCUM and conversion is exact (Convert; Metric.Convert also knows
// molar mass and charge), so that a value shown in °F or mmol/L is the value
// that was measured. The package imports nothing of ours and never reads the
// clock.
//
// To add a vital: a row in metrics.go.
package vital
