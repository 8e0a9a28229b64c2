// Package rule judges what is measured: it reads rules that people wrote as
// text, and says of each patient which of the conditions they name are there.
//
// It exists so that what a ward calls too low, for how long and for whom is not
// in the program: a rule can be read, argued about, changed and tested by the
// people who answer for it. Each rule names its sources and carries its own
// tests; one without a passing test does not load.
//
// What is not known is not normal. Every condition is true, false or unknown:
// a value that is missing, too old, doubted by its device or made for a
// demonstration is unknown, an unknown condition never begins a finding about
// the patient and never ends one. A rule that cannot be evaluated is a finding
// of its own.
//
// The language is described, with every example run by a test, in
// docs/formats/rules.md. Judging is incremental: State holds what has to be
// remembered of one patient, bounded by the rules and not by time, and the same
// readings give the same findings after any restart.
//
// To add a rule: a file in default, with source and test blocks.
package rule
