package main

import (
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

func runToken(ctx context.Context, w world, args []string) error {
	return runAction(ctx, w, "token", []action{
		{"add", "make a token for a program; prints the secret", addToken},
		{"list", "print the tokens in force as CSV", listTokens},
		{"revoke", "end tokens by their id", revokeTokens},
	}, args)
}

// addToken prints the secret alone, so that a script can take it; what else is
// to say goes to the error output.
func addToken(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("token add", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil token add [flags] [NAME]\n\nWithout --role the token reads; without --ward it does so everywhere.\n\n")
		flags.PrintDefaults()
	}
	name := flags.String("name", "", "which program it is for")
	var roles, wards several
	flags.Var(&roles, "role", "administrator, clinician, nurse, technician or auditor; may be repeated")
	flags.Var(&wards, "ward", "id of a ward that it may see; may be repeated")
	open := apiFlags(flags, w)
	words, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if *name == "" {
		*name = strings.Join(words, " ")
	}
	if *name == "" {
		*name = "command line"
	}
	return with(ctx, open, func(a *api) error {
		var made webd.Token
		err := a.call(ctx, "POST", "/tokens", map[string]any{"name": *name, "roles": roles, "wards": wards, "allWards": len(wards) == 0}, &made)
		if err != nil {
			return err
		}
		fmt.Fprintf(w.err, "Token %s for %s. The secret is shown this once.\n", made.ID, made.Name)
		fmt.Fprintln(w.out, made.Secret)
		return nil
	})
}

// with opens the API, calls f and closes it.
func with(ctx context.Context, open func(context.Context) (*api, error), f func(*api) error) (err error) {
	a, err := open(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closing := a.close(); err == nil {
			err = closing
		}
	}()
	return f(a)
}

func listTokens(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("token list", flag.ContinueOnError)
	flags.SetOutput(w.err)
	open := apiFlags(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	return with(ctx, open, func(a *api) error {
		var list webd.List[webd.Token]
		if err := a.call(ctx, "GET", "/tokens", nil, &list); err != nil {
			return err
		}
		out := csv.NewWriter(w.out)
		defer out.Flush()
		out.Write([]string{"token", "name", "class", "roles", "wards", "created"})
		for _, t := range list.Items {
			wards := "all"
			if !t.AllWards {
				names := make([]string, len(t.Wards))
				for i, ward := range t.Wards {
					names[i] = string(ward)
				}
				wards = strings.Join(names, " ")
			}
			out.Write([]string{t.ID, t.Name, t.Class, strings.Join(t.Roles, " "), wards, t.Created.String()})
		}
		return nil
	})
}

func revokeTokens(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("token revoke", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil token revoke [flags] ID...\n\n")
		flags.PrintDefaults()
	}
	open := apiFlags(flags, w)
	ids, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return vital.Errorf(vital.Invalid, "say which token: `vigil token list` shows their ids")
	}
	return with(ctx, open, func(a *api) error {
		for _, id := range ids {
			if err := a.call(ctx, "DELETE", "/tokens/"+id, nil, nil); err != nil {
				return err
			}
		}
		return nil
	})
}
