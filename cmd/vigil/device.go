package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

func runDevice(ctx context.Context, w world, args []string) error {
	return runAction(ctx, w, "device", []action{
		{"add", "enrol devices; prints device,username,password as CSV", addDevices},
		{"list", "print the devices as CSV", listDevices},
		{"enrol", "a one-time secret, as a script that gets a device its certificate", enrolDevice},
	}, args)
}

// addDevices enrols the devices named as arguments, one with the flags, or those
// of a CSV file. The passwords are printed this once.
func addDevices(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("device add", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil device add [flags] [ID...]\n       vigil device add --csv FILE     columns id,label,kind,model,udi; - reads the input\n\n")
		flags.PrintDefaults()
	}
	path := flags.String("csv", "", "file with one device a line")
	label := flags.String("label", "", "what people call it")
	kind := flags.String("kind", "monitor", "what it is: monitor, wearable, pump ...")
	class := flags.String("class", "device", "device, gateway or integration")
	model := flags.String("model", "", "maker and model")
	udi := flags.String("udi", "", "unique device identification")
	regulatory := flags.String("regulatory", "unknown", "medical, wellness or unknown")
	header := flags.Bool("header", true, "print the names of the columns first")
	open := apiFlags(flags, w)
	ids, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	return with(ctx, open, func(a *api) error {
		out := csv.NewWriter(w.out)
		defer out.Flush()
		if *header {
			out.Write([]string{"device", "username", "password"})
		}
		if *path != "" {
			return importDevices(ctx, w, a, *path, out)
		}
		if len(ids) == 0 {
			ids = []string{""} // the server makes an id
		}
		for _, id := range ids {
			var made webd.Enrolled
			err := a.call(ctx, "POST", "/devices", map[string]string{
				"id": id, "label": *label, "kind": *kind, "class": *class, "model": *model, "udi": *udi, "regulatory": *regulatory,
			}, &made)
			if err != nil {
				return err
			}
			out.Write([]string{string(made.Device.ID), made.Credential.Username, made.Credential.Password})
		}
		return nil
	})
}

func importDevices(ctx context.Context, w world, a *api, path string, out *csv.Writer) error {
	from := w.in
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return vital.Errorf(vital.Invalid, "read the list: %w", err)
		}
		defer file.Close()
		from = file
	}
	text, err := io.ReadAll(from)
	if err != nil {
		return vital.Errorf(vital.Invalid, "read the list: %w", err)
	}
	var done webd.Imported
	if err := a.call(ctx, "POST", "/devices/import", string(text), &done); err != nil {
		return err
	}
	for _, d := range done.Items {
		out.Write([]string{string(d.Device), d.Username, d.Password})
	}
	for _, p := range done.Problems {
		fmt.Fprintf(w.err, "line %d: %s\n", p.Line, p.Message)
	}
	if len(done.Problems) > 0 {
		return fmt.Errorf("%d of %d lines made no device", len(done.Problems), len(done.Problems)+len(done.Items))
	}
	return nil
}

func listDevices(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("device list", flag.ContinueOnError)
	flags.SetOutput(w.err)
	open := apiFlags(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	return with(ctx, open, func(a *api) error {
		var list webd.List[webd.Device]
		if err := a.call(ctx, "GET", "/devices", nil, &list); err != nil {
			return err
		}
		out := csv.NewWriter(w.out)
		defer out.Flush()
		out.Write([]string{"device", "label", "kind", "class", "state", "last seen", "patient", "room"})
		for _, d := range list.Items {
			patient, room := "", ""
			if d.Binding != nil {
				patient, room = string(d.Binding.Patient), string(d.Binding.Room)
			}
			out.Write([]string{string(d.ID), d.Label, d.Kind, d.Class, d.State, d.LastSeen.String(), patient, room})
		}
		return nil
	})
}
