package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/person"
	"github.com/vigilcare/vigil/vital"
)

// The demonstration is the product itself: the same server, and simulated
// monitors that connect to its MQTT door with credentials of their own. Only the
// patients are made up, and the visitor need not sign in.
func runDemo(ctx context.Context, w world, args []string) error {
	c := defaults()
	c.Data = "./vigil-demo"
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(w.err)
	beds := flags.Int("beds", 16, "how many beds, each with a patient on a monitor (1 to 64)")
	last := flags.Duration("for", 0, "stop by itself after this time; 0: run until Ctrl-C")
	seed := flags.Uint64("seed", 1, "of the simulated physiology")
	c.LogLevel = "warn"
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	w.spread()
	if *beds < 1 || *beds > 64 {
		return vital.Errorf(vital.Invalid, "--beds %d: want 1 to 64", *beds)
	}
	if !loopback(c.HTTP) || !loopback(c.MQTT) {
		return vital.Errorf(vital.Invalid, "the demonstration signs its visitors in, so it listens on loopback only")
	}
	if *last > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, *last)
		defer stop()
	}
	log, err := newLog(c.LogLevel, w.err)
	if err != nil {
		return err
	}
	began := time.Now()
	return serve(ctx, c, log, serving{
		demo: true,
		run: func(ctx context.Context, n *node, at addresses) error {
			monitors, err := n.furnish(ctx, *beds)
			if err != nil {
				return vital.Errorf(vital.KindOf(err), "furnish the demonstration ward: %w", err)
			}
			fmt.Fprintf(w.out, "Vigil's demonstration: a ward with %d made-up patients, ready after %.1f s.\n\n  open    %s\n  devices %s\n  data    %s (kept: the next start shows the history)\n\nCtrl-C stops it.\n",
				*beds, time.Since(began).Seconds(), at.HTTP, at.MQTT, c.Data)
			return runMonitors(ctx, at.MQTT, monitors, *seed, log)
		},
	})
}

// monitor is one simulated bedside monitor and its secret of this run.
type monitor struct {
	ID       vital.DeviceID
	Username string
	Password string
	Age      int
}

const demoWard vital.WardID = "demo-ward"

// furnish makes the ward, its beds, patients and monitors where they are
// missing, and gives each monitor a new credential.
func (n *node) furnish(ctx context.Context, beds int) ([]monitor, error) {
	if _, err := n.store.Ward(ctx, store.Everything(n.site), demoWard); err != nil {
		if vital.KindOf(err) != vital.NotFound {
			return nil, err
		}
		if _, err := n.store.PutWard(ctx, n.demoEntry("ward.put"), store.Ward{ID: demoWard, Name: "Ward 3 East", Zone: demoZone, Kind: "adult"}); err != nil {
			return nil, err
		}
	}
	have, err := n.store.Beds(ctx, store.Everything(n.site), demoWard)
	if err != nil {
		return nil, err
	}
	known := map[vital.BedID]bool{}
	for _, b := range have {
		known[b.ID] = true
	}
	var monitors []monitor
	for i := range beds {
		p := demoPerson(i)
		id := vital.DeviceID(fmt.Sprintf("monitor-%02d", i+1))
		bed := vital.BedID(fmt.Sprintf("demo-bed-%02d", i+1))
		if !known[bed] {
			if err := n.furnishBed(ctx, i, bed, id, p); err != nil {
				return nil, vital.Errorf(vital.KindOf(err), "bed %d: %w", i+1, err)
			}
		}
		username, password, err := n.credential(ctx, id)
		if err != nil {
			return nil, err
		}
		born, err := time.Parse(time.DateOnly, p.Birth)
		if err != nil {
			return nil, err
		}
		age := int(time.Since(born).Hours() / 24 / 365.25)
		monitors = append(monitors, monitor{ID: id, Username: username, Password: password, Age: age})
	}
	if err := n.staff(ctx); err != nil {
		return nil, vital.Errorf(vital.KindOf(err), "put staff on duty: %w", err)
	}
	if err := n.flow.Changed(ctx); err != nil {
		return nil, err
	}
	if err := n.firstRounds(ctx); err != nil {
		return nil, err
	}
	return monitors, n.flow.Changed(ctx)
}

// demoZone is the zone of the demonstration ward, one with summer time.
const demoZone = "Europe/Zurich"

func (n *node) furnishBed(ctx context.Context, i int, bed vital.BedID, id vital.DeviceID, p person.Person) error {
	now := vitalNow()
	room := vital.RoomID(fmt.Sprintf("demo-room-%02d", i/2+1))
	if i%2 == 0 {
		if _, err := n.store.PutRoom(ctx, n.demoEntry("room.put"), store.Room{ID: room, Ward: demoWard, Name: fmt.Sprintf("Room %d", 301+i/2)}); err != nil {
			return err
		}
	}
	if _, err := n.store.PutBed(ctx, n.demoEntry("bed.put"), store.Bed{ID: bed, Ward: demoWard, Room: room, Label: fmt.Sprint(i + 1), Position: i + 1}); err != nil {
		return err
	}
	p, err := n.store.PutPatient(ctx, n.demoEntry("patient.put"), p)
	if err != nil {
		return err
	}
	if _, err := n.store.Admit(ctx, n.demoEntry("patient.admit"), p.Patient, bed, now); err != nil {
		return err
	}
	if err := n.store.PutDevice(ctx, n.demoEntry("device.put"), store.Device{
		ID: id, Label: "Monitor " + fmt.Sprint(i+1), Kind: "monitor", Class: string(auth.Device), Model: "Vigil simulated monitor",
		Regulatory: "unknown", State: "active", Demo: true,
	}); err != nil {
		return err
	}
	_, err = n.store.Bind(ctx, n.demoEntry("device.bind"), store.Binding{Device: id, Patient: p.Patient, From: now, By: "demo", Why: "demonstration"})
	return err
}

// credential gives a device a new secret and forgets the old ones.
func (n *node) credential(ctx context.Context, id vital.DeviceID) (username, password string, err error) {
	old, err := n.store.CredentialsOf(ctx, n.site, string(id))
	if err != nil {
		return "", "", err
	}
	for _, c := range old {
		if c.Revoked != 0 {
			continue
		}
		if err := n.store.RevokeCredential(ctx, n.demoEntry("credential.revoke"), c.ID, vitalNow()); err != nil {
			return "", "", err
		}
	}
	password = auth.NewSecret()
	c := store.Credential{
		ID: vital.CredentialID(auth.NewID("c")), Class: string(auth.Device), Subject: string(id), Username: string(id),
		Hash: auth.HashSecret(password), Created: vitalNow(),
	}
	return c.Username, password, n.store.PutCredential(ctx, n.demoEntry("credential.put"), c)
}

func (n *node) demoEntry(action string) audit.Entry {
	return audit.Entry{Site: n.site, At: vitalNow(), Who: "demo", Role: "system", Action: action, Outcome: "done", Why: "demonstration"}
}
