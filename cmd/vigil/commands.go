package main

// commands is every subcommand, in the order of the help. Each has a file of
// its own name.
var commands = []command{
	{"demo", "run a ward with simulated patients, nothing to set up", runDemo},
	{"serve", "run the server", runServe},
	{"device", "enrol devices, list them", runDevice},
	{"token", "let a program in, or out again", runToken},
	{"user", "let a person in", runUser},
	{"sentinel", "watch a server from outside, and say so when it is dead", runSentinel},
	{"play", "play recordings (WFDB, EDF, CSV) as devices over MQTT", runPlay},
	{"sim", "simulate patients whose devices send to any server", runSim},
	{"check", "read alarm rules and run their tests, or say what is wrong with them", runCheck},
	{"replay", "what other rules or limits would have alarmed, over what was measured", runReplay},
	{"trace", "the signed black box of an alarm: get it, check it without a server", runTrace},
	{"journal", "verify, list or export the journal of a stopped server", runJournal},
	{"ledger", "the audit ledger: verify, list, prove, export, without a server", runLedger},
	{"backup", "copy the site, checked: store, journal and large bodies, never the keys", runBackup},
	{"restore", "bring a backup back from nothing, or try it out (--drill)", runRestore},
	{"key", "how the keys do, and new ones", runKey},
	{"export", "everything that is kept of one patient, as files", runExport},
	{"forget", "forget a patient for good: rows and keys, in the journal and in every backup", runForget},
	{"migrate", "bring the store to this version's schema, or say what that would do", runMigrate},
	{"config", "print the configuration that would be used", runConfig},
	{"analyse", "score sets of vital signs: NEWS2 and its kin, JSON lines in and out", runAnalyse},
	{"doctor", "look at what a server needs on this machine", runDoctor},
	{"support", "write a bundle for somebody who helps, free of health data", runSupport},
	{"bench", "measure this machine: ingest beside Mosquitto, store, live, alarm", runBench},
	{"version", "print the version and what it was built from", runVersion},
}
