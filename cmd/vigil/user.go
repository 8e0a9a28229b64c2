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
		{"add", "make a user; prints the one-time link to sign in first", addUser},
		{"link", "recover an account: prints a one-time link; every other way into it ends when the link is used", linkUser},
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
		fmt.Fprintf(w.err, "%s may sign in once by this link, within a day, and enrol:\n", made.User.Username)
		fmt.Fprintln(w.out, a.public+made.Link)
		return nil
	})
}

// linkUser recovers an account. Who owns the data directory may, because who owns
// it could do worse; a program's token may not.
func linkUser(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("user link", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil user link [flags] USERNAME\n\nRun it where the server runs: the last administrator who cannot sign in comes back this way.\n\n")
		flags.PrintDefaults()
	}
	open := apiFlags(flags, w)
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return vital.Errorf(vital.Invalid, "want one user name")
	}
	return with(ctx, open, func(a *api) error {
		var users webd.List[webd.User]
		if err := a.call(ctx, "GET", "/users", nil, &users); err != nil {
			return err
		}
		for _, u := range users.Items {
			if u.Username != names[0] {
				continue
			}
			var made webd.LinkMade
			if err := a.call(ctx, "POST", "/users/"+string(u.ID)+"/link", nil, &made); err != nil {
				return err
			}
			fmt.Fprintf(w.err, "%s may sign in once by this link, within a day, and enrol anew. What let %s in before ends then, and %s is told:\n", u.Username, u.Username, u.Username)
			fmt.Fprintln(w.out, a.public+made.Link)
			return nil
		}
		return vital.Errorf(vital.NotFound, "user %s: not found", names[0])
	})
}
