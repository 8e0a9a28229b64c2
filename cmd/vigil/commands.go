package main

// commands is every subcommand, in the order of the help. Each has a file of
// its own name.
var commands = []command{
	{"bench", "measure this machine: ingest beside Mosquitto, store, live", runBench},
	{"play", "play recordings (WFDB, EDF, CSV) as devices over MQTT", runPlay},
	{"serve", "run the server", runServe},
	{"demo", "run a ward with simulated patients, nothing to set up", runDemo},
	{"device", "enrol devices, list them", runDevice},
	{"token", "let a program in, or out again", runToken},
	{"user", "let a person in", runUser},
	{"config", "print the configuration that would be used", runConfig},
	{"journal", "verify, list or export the journal of a stopped server", runJournal},
	{"doctor", "look at what a server needs on this machine", runDoctor},
	{"migrate", "bring the store to this version's schema, or say what that would do", runMigrate},
	{"sim", "simulate patients whose devices send to any server", runSim},
	{"version", "print the version and what it was built from", runVersion},
}
