package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// runMigrate brings the store to this version's schema, as a start would.
func runMigrate(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags := flag.NewFlagSet("migrate", flag.ContinueOnError)
	flags.SetOutput(w.err)
	dry := flags.Bool("dry-run", false, "say what would be done and do nothing")
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	o := store.Options{DSN: c.dsn(), Log: slog.New(slog.NewTextHandler(w.err, nil)), Backups: filepath.Join(c.Data, "backups")}
	steps, err := store.Plan(ctx, o)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "look at the store: %w", err)
	}
	if len(steps) == 0 {
		fmt.Fprintln(w.out, "Nothing to do: the store has this version's schema.")
		return nil
	}
	for _, s := range steps {
		fmt.Fprintf(w.out, "%d %s: %d statements. Before it: %s\n", s.Version, s.Name, s.Statements, s.Backup)
	}
	if *dry {
		return nil
	}
	if err := private(c.Data); err != nil {
		return err
	}
	if o.Keeper, err = openKeeper(ctx, c); err != nil {
		return vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	if o.Ledger, err = openLedgerKey(ctx, c, o.Keeper); err != nil {
		return vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	db, err := store.Open(ctx, o)
	if err != nil {
		return vital.Errorf(vital.KindOf(err), "migrate the store: %w", err)
	}
	fmt.Fprintln(w.out, "Done.")
	return db.Close()
}
