package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// A sentinel is a dead man's switch: a small process of its own, best on another
// machine, that trusts nothing of the server which it can try itself. It exists
// because nobody hears the silence of a platform that is dead. Every few seconds
// it goes the way of a real alarm, from a device's message to a receiver's page,
// and when that way breaks it says so by channels of its own.
func runSentinel(ctx context.Context, w world, args []string) error {
	return runAction(ctx, w, "sentinel", []action{
		{"enrol", "make what a sentinel needs on the server; writes its settings", enrolSentinel},
		{"run", "watch the server until stopped", watchSentinel},
		{"test", "send a test by every channel of the sentinel", testSentinel},
	}, args)
}

// sentinelFlags are the settings of the file that may be given at each start.
func sentinelFlags(flags *flag.FlagSet) (load func() (sentinelConfig, error)) {
	path := flags.String("config", "sentinel.yaml", "`file` of settings, as vigil sentinel enrol writes it")
	var given tellConfig
	flags.Var((*several)(&given.Exec), "exec", "program that is run with the words as its one argument; may be repeated")
	flags.Var((*several)(&given.SMTP), "smtp", "smtp://user:password@host:587?from=...&to=...; may be repeated")
	flags.Var((*several)(&given.NTFY), "ntfy", "address of an ntfy topic; may be repeated")
	flags.Var((*several)(&given.Webhook), "webhook", "address that takes signed JSON; may be repeated")
	status := flags.String("http", "", "loopback address of a status page, such as 127.0.0.1:8788")
	ping := flags.String("ping", "", "address that is asked every minute while the sentinel lives, so that its own end is seen")
	return func() (sentinelConfig, error) {
		c, err := loadSentinel(*path)
		if err != nil {
			return c, err
		}
		c.Tell.add(given)
		if *status != "" {
			c.Status = *status
		}
		if *ping != "" {
			c.Ping = *ping
		}
		return c, c.check()
	}
}

func watchSentinel(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("sentinel run", flag.ContinueOnError)
	flags.SetOutput(w.err)
	load := sentinelFlags(flags)
	level := flags.String("log-level", "info", "debug, info, warn or error")
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	c, err := load()
	if err != nil {
		return err
	}
	log, err := newLog(*level, w.err)
	if err != nil {
		return err
	}
	tell, err := newTeller(c, w.out, log)
	if err != nil {
		return err
	}
	return runParts(ctx, newSentry(c, tell, w.getenv, log).parts())
}

func testSentinel(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("sentinel test", flag.ContinueOnError)
	flags.SetOutput(w.err)
	load := sentinelFlags(flags)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	c, err := load()
	if err != nil {
		return err
	}
	log, err := newLog("warn", w.err)
	if err != nil {
		return err
	}
	tell, err := newTeller(c, w.out, log)
	if err != nil {
		return err
	}
	host, _ := os.Hostname()
	failed := 0
	for _, o := range tell.outlets {
		began := time.Now()
		err := o.send(ctx, telling{State: "test", Text: fmt.Sprintf("Test by sentinel %s on %s. Nothing is wrong with Vigil at %s.", c.Name, host, c.host()), At: began})
		if err != nil {
			failed++
			fmt.Fprintf(w.out, "%-8s %v\n", o.kind, err)
			continue
		}
		fmt.Fprintf(w.out, "%-8s sent in %.1f s\n", o.kind, time.Since(began).Seconds())
	}
	switch {
	case len(tell.outlets) == 0:
		return vital.Errorf(vital.Precondition, "the sentinel has no channel: nobody would hear it. Name one under tell in its settings")
	case failed > 0:
		return vital.Errorf(vital.Unavailable, "%d of %d channels do not work", failed, len(tell.outlets))
	}
	return nil
}
