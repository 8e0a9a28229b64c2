// Package vital holds the words that every other part of Vigil speaks:
// Reading, Waveform, Event, Finding, the clocks, quality bits, exact decimals,
// the table of metrics and the kinds of error.
//
// Why first: a number that travels without its unit, its time or its source
// cannot be traced, so the type that carries it refuses to be without them.
// The package imports nothing of ours and never reads the clock.
package vital
