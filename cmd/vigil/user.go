package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

func runUser(ctx context.Context, w world, args []string) error {
	return runAction(ctx, w, "user", []action{
		{"add", "make a user; prints the one-time link to choose a password", addUser},
	}, args)
}

func addUser(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("user add", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil user add [flags] USERNAME\n\nWithout --ward the user sees every ward.\n\n")
		flags.PrintDefaults()
	}
	name := flags.String("name", "", "what people call the user")
	var roles, wards several
	flags.Var(&roles, "role", "administrator, clinician, nurse, technician or auditor; may be repeated")
	flags.Var(&wards, "ward", "id of a ward that the user may see; may be repeated")
	open := apiFlags(flags, w)
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 || len(roles) == 0 {
		return vital.Errorf(vital.Invalid, "want one user name and at least one --role")
	}
	username := names[0]
	if *name == "" {
		*name = username
	}
	return with(ctx, open, func(a *api) error {
		var made webd.Invited
		err := a.call(ctx, "POST", "/users", map[string]any{
			"name": *name, "username": username, "roles": roles, "wards": wards, "allWards": len(wards) == 0,
		}, &made)
		if err != nil {
			return err
		}
		fmt.Fprintf(w.err, "%s may sign in once by this link, within a day, and choose a password:\n", made.User.Username)
		fmt.Fprintln(w.out, a.public+made.Link)
		return nil
	})
}
