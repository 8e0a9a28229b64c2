package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/web"
)

// addresses are where a running server listens.
type addresses struct {
	HTTP string `json:"http,omitempty"` // URL of the screens and the API
	MQTT string `json:"mqtt,omitempty"` // URL of the MQTT door
	Link string `json:"link,omitempty"` // one-time link of the first administrator

	Devices        string `json:"devices,omitempty"`        // URL of the devices' own HTTPS
	Administration string `json:"administration,omitempty"` // URL of the administration's own
	Legacy         string `json:"mqttLegacy,omitempty"`     // URL of the MQTT door with TLS 1.2

	PID int `json:"pid"`
}

func runServe(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(w.err)
	asJSON := flags.Bool("json", false, "print the addresses as one line of JSON")
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	w.spread()
	log, err := newLog(c.LogLevel, w.err)
	if err != nil {
		return err
	}
	return serve(ctx, c, log, serving{run: func(_ context.Context, _ *node, at addresses) error {
		if *asJSON {
			return json.NewEncoder(w.out).Encode(at)
		}
		fmt.Fprintf(w.out, "Vigil %s is ready.\n", version)
		if at.HTTP != "" {
			fmt.Fprintf(w.out, "  screens  %s\n", at.HTTP)
		}
		if at.MQTT != "" {
			fmt.Fprintf(w.out, "  devices  %s\n", at.MQTT)
		}
		for _, more := range []struct{ name, address string }{
			{"telemetry and certificates", at.Devices}, {"administration", at.Administration}, {"legacy devices, TLS 1.2", at.Legacy},
		} {
			if more.address != "" {
				fmt.Fprintf(w.out, "  %s  %s\n", more.name, more.address)
			}
		}
		if at.Link != "" {
			fmt.Fprintf(w.out, "\nNobody can sign in yet. Open this link once, within a day, to become the first administrator:\n  %s\n", at.Link)
		}
		return nil
	}})
}

// serving is what a command adds to a running server.
type serving struct {
	demo bool                                          // visitors are signed in
	run  func(context.Context, *node, addresses) error // called once everything listens; nil: nothing more
}

// collectAt is how far the heap may grow before it is collected, in percent of
// what is in use. That is little here (tens of megabytes), so that with Go's
// default of 100 the collector took a tenth of the time of a busy server.
const collectAt = 300

// serve opens a node and its doors and runs them until ctx ends.
func serve(ctx context.Context, c config, log *slog.Logger, s serving) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	n, err := openNode(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() {
		if closing := n.close(context.WithoutCancel(ctx)); err == nil {
			err = closing
		}
	}()
	at := addresses{PID: os.Getpid()}
	parts := []part{{"journal", n.guard}, {"flow", n.flow.Run}, {"notifier", n.notifier.Run}, {"ledger", n.ledger.run}, {"upkeep", n.upkeep}, {"backups", n.maker.Run}, {"keys", n.watchKeys}, {"downtime sheets", n.downtime}, {"limits to review", n.review}, {"counters", n.sample}, {"permissions", n.sweep}}
	doors, err := n.doors(s.demo, &at)
	if err != nil {
		return err
	}
	parts = append(parts, doors...)
	people, party := cmp.Or(at.Administration, at.HTTP), c.party(at.HTTP, at.Administration)
	if people != "" {
		if err := n.gate.Receive(party); err != nil {
			return err
		}
	}
	if people != "" && !s.demo {
		link, err := n.gate.FirstLink(ctx)
		if err != nil {
			return err
		}
		if link != "" {
			at.Link = linkBase(people, party) + auth.LinkPath(link)
		}
	}
	if people != "" {
		parts = append(parts, part{"operator", func(ctx context.Context) error { return n.operate(ctx, people) }})
	}
	parts = append(parts, part{"after the start", func(ctx context.Context) error {
		if err := s.run(ctx, n, at); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}})
	return runParts(ctx, parts)
}

// serveHTTP serves until ctx ends, then lets requests under way finish.
func serveHTTP(ctx context.Context, l net.Listener, s *http.Server) error {
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer stop()
	if err := s.Shutdown(end); err != nil {
		return s.Close()
	}
	return nil
}

// screens builds what answers at one address: the door for people, or a part of it.
func (n *node) screens(demo bool, at addresses, e webd.Entrance, address string) (*webd.Server, error) {
	o := webd.Options{
		Gate: n.gate, Store: n.store, Site: n.site, Live: n.flow, Judged: n.flow, Notifier: n.notifier, Ledger: n.ledger, Rules: n.flow.Rules, Trials: n.flow, Tracer: n, Sheet: n.sheet, Sheets: n.sheetsState, History: n.flow, Commands: n.flow, Packets: n.flow, System: n.system, Platform: n.platform, MQTT: at.MQTT,
		Telemetry: n.receiver, Metrics: n.metrics(), Assets: web.FS, Log: n.log, Now: time.Now, Version: version, Demo: demo, Ready: n.ready, Secure: n.config.Proxied || strings.HasPrefix(address, "https"), Hosts: n.config.hosts(),
		Backups: n.maker, Keys: n.config.keys(n.keeper, n.ring), Forgotten: n.forgotten,
		Entrance: e, EntranceKey: n.entranceKey, Elsewhere: webd.Elsewhere{Screens: at.HTTP, Devices: at.Devices, Administration: at.Administration},
		Authority: n.authority, EST: n.config.est(at), Connected: n.connected, EndCertificate: n.endCertificate,
	}
	if e == webd.Devices || at.Devices == "" && e != webd.Administration {
		o.Enrol = n.enrolling().Handler()
	}
	if e == webd.Administration {
		o.Telemetry = nil
	}
	var site *webd.Server
	if e == webd.Everybody || e == webd.Clinicians {
		var err error
		o.Public = n.config.public(at)
		if o.Programs, err = n.programs(at, func(r *http.Request) (auth.Principal, error) { return site.Caller(r) }); err != nil {
			return nil, err
		}
	}
	site, err := webd.New(o)
	return site, err
}
