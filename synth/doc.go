// Package synth makes patients who do not exist: heart, breath, blood pressure,
// oxygen, temperature, glucose and movement that belong together, from a seed.
//
// Why one model and not a noise source per number: an alarm is judged on how
// vital signs move together. Here a scenario changes only causes (an infection,
// an opioid, lost blood, insulin, exertion) and the body answers: lost blood
// lowers stroke volume, the heart goes faster, the pulse gets smaller and later;
// an opioid slows breathing, carbon dioxide rises, oxygen falls, and only then
// does the saturation that a monitor shows.
//
// How: a Patient is stepped through simulated time by the caller and returns what
// devices on the body would have measured since the step before. There is no
// clock and no global randomness: the same seed, profile and scenarios give the
// same bytes, however the time is cut into steps.
//
// Each part names its source. The parameters are of a plausible adult, not of
// any real person, and nothing here predicts what a real body would do.
package synth
