package main

// commands is every subcommand, in the order of the help. Each has a file of
// its own name.
var commands = []command{
	{"bench", "measure this machine: ingest, beside Mosquitto", runBench},
	{"play", "play recordings (WFDB, EDF, CSV) as devices over MQTT", runPlay},
	{"version", "print the version and what it was built from", runVersion},
}
