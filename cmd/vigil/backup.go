package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vigilcare/vigil/internal/backup"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// newMaker makes the backups of a node.
func (n *node) newMaker() *backup.Maker {
	files, _ := n.journal.(*journal.Files) // nil: on a cluster
	return backup.New(backup.Options{
		Site: n.site, Build: version, Store: n.store, Keys: n.keeper, Journal: files, Blobs: filepath.Join(n.config.Data, "blobs"),
		Dir: n.config.BackupDir, Offsite: n.config.Offsite, Every: n.config.BackupEvery, Keep: n.config.BackupKeep, Now: time.Now, Log: n.log,
	})
}

// runBackup lets a running server make a backup and waits for it, or makes one of
// a stopped server.
func runBackup(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags := flag.NewFlagSet("backup", flag.ContinueOnError)
	flags.SetOutput(w.err)
	list := flags.Bool("list", false, "list the backups and make none")
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	if *list {
		return listBackups(w, c)
	}
	if a, err := findServer(ctx, c.Data); err != nil {
		return err
	} else if a != nil {
		defer a.close()
		return backupByServer(ctx, w, a)
	}
	return backupStopped(ctx, w, c)
}

func listBackups(w world, c config) error {
	if c.BackupDir == "" {
		return vital.Errorf(vital.Invalid, "say where the backups are: --backup-dir")
	}
	made, err := backup.List(c.BackupDir)
	if err != nil {
		return err
	}
	for _, m := range made {
		fmt.Fprintf(w.out, "%s  %11d bytes  %5.1f s  schema %d  %d people  %d entries  %d frames\n", m.Name, m.Bytes(), m.Took, m.Schema, m.Holds.People, m.Holds.Audit, m.Frames())
	}
	return nil
}

// backupByServer asks the server, which holds the journal.
func backupByServer(ctx context.Context, w world, a *api) error {
	var s webd.BackupState
	if err := a.call(ctx, "POST", "/backups", struct{}{}, &s); err != nil {
		return err
	}
	before := map[string]bool{}
	for _, b := range s.Backups {
		before[b.Name] = true
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
		if err := a.call(ctx, "GET", "/backups", nil, &s); err != nil {
			return err
		}
		if s.Running != nil {
			continue
		}
		if s.Problem != "" {
			return errors.New(s.Problem)
		}
		if len(s.Backups) > 0 && !before[s.Backups[0].Name] {
			b := s.Backups[0]
			fmt.Fprintf(w.out, "%s: %d bytes in %.1f s\n", filepath.Join(s.Dir, b.Name), b.Bytes, b.Took)
			return nil
		}
		return vital.Errorf(vital.Unavailable, "the server made no backup; its log says why")
	}
}

// backupStopped opens what a stopped server left, which its locks allow only then.
func backupStopped(ctx context.Context, w world, c config) error {
	log, err := newLog(c.LogLevel, w.err)
	if err != nil {
		return err
	}
	n, err := openNode(ctx, c, log)
	if err != nil {
		return errors.Join(err)
	}
	made, err := n.maker.Make(ctx, "operator")
	if err := errors.Join(err, n.close(ctx)); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%s: %d bytes in %.1f s\n", filepath.Join(c.BackupDir, made.Name), made.Bytes(), made.Took)
	return nil
}

// runRestore brings a backup back into an empty data directory, or, as a drill,
// into one that is thrown away.
func runRestore(ctx context.Context, w world, args []string) (err error) {
	c := defaults()
	flags := flag.NewFlagSet("restore", flag.ContinueOnError)
	flags.SetOutput(w.err)
	drill := flags.Bool("drill", false, "restore into a temporary folder, check, measure, and throw it away; --data gives the keys and is not changed")
	complete := c.bind(flags, w)
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if err := complete(); err != nil {
		return err
	}
	from, err := backupNamed(c, names, *drill)
	if err != nil {
		return err
	}
	began := time.Now()
	into, keyConfig := c.Data, c
	if *drill {
		if into, err = os.MkdirTemp("", "vigil-drill-*"); err != nil {
			return vital.Errorf(vital.Unavailable, "make a folder for the drill: %w", err)
		}
		defer os.RemoveAll(into)
		if keyConfig, err = drillKeys(c, into); err != nil {
			return err
		}
	} else if err := private(c.Data); err != nil {
		return err
	}
	if c.keyFolder() != "" {
		// A key that is made here would be the wrong one.
		if place, err := c.rootPlace(); err != nil {
			return err
		} else if _, err := os.Stat(place.Path()); err != nil {
			return vital.Errorf(vital.Precondition, "bring back the keys first: the root key %s is not there; keys are never in a backup", place.Path())
		}
	}
	keeper, err := openKeys(ctx, keyConfig)
	if err != nil {
		return err
	}
	r := backup.Restore{From: from, Into: into, Site: vital.Site(c.Site), Keys: keeper, Store: c.Store, Now: time.Now}
	if *drill {
		r.Store = ""
	}
	report, err := r.Run(ctx)
	if err != nil {
		return err
	}
	m := report.Manifest
	fmt.Fprintf(w.out, "%s of %s\n", m.Name, m.Created)
	fmt.Fprintf(w.out, "  %d files, %d bytes: every hash fits\n", len(m.Files), m.Bytes())
	fmt.Fprintf(w.out, "  store: schema %d, %d people, %d chunks, %d alarms\n", m.Schema, report.Holds.People, report.Holds.Chunks, report.Holds.Alarms)
	fmt.Fprintf(w.out, "  ledger: %d entries, every one holds\n", report.Ledger)
	fmt.Fprintf(w.out, "  journal: %d frames, %d records, %d of people who were forgotten; %d frames are still to be taken into the store\n", report.Frames, report.Records, report.Shredded, report.Behind)
	fmt.Fprintf(w.out, "  forgotten and still so: %d\n", report.Forgotten)
	fmt.Fprintf(w.out, "Restored and checked in %.1f s.\n", time.Since(began).Seconds())
	if *drill {
		fmt.Fprintln(w.out, "It was a drill: nothing of it is left.")
	}
	return nil
}

// backupNamed returns the backup that is meant; for a drill the newest will do.
func backupNamed(c config, names []string, drill bool) (string, error) {
	if len(names) == 1 {
		return names[0], nil
	}
	if len(names) > 1 || !drill || c.BackupDir == "" {
		return "", vital.Errorf(vital.Invalid, "say which backup: vigil restore FOLDER (for a drill --backup-dir will do)")
	}
	made, err := backup.List(c.BackupDir)
	if err != nil {
		return "", err
	}
	if len(made) == 0 {
		return "", vital.Errorf(vital.NotFound, "there is no backup in %s", c.BackupDir)
	}
	return filepath.Join(c.BackupDir, made[0].Name), nil
}

// drillKeys copies the keys into the folder of a drill, so that tombstones that
// are replayed there leave the real ones alone. Keys in a database are refused:
// a drill must not touch them.
func drillKeys(c config, into string) (config, error) {
	folder := c.keyFolder()
	if folder == "" {
		return c, vital.Errorf(vital.Precondition, "a drill wants its own copy of the keys: restore the copy of the key database beside it and name it with --keys")
	}
	place, err := c.rootPlace()
	if err != nil {
		return c, err
	}
	if err := copyKeys(folder, place.Path(), into); err != nil {
		return c, vital.Errorf(vital.Precondition, "copy the keys for the drill: %w", err)
	}
	c.Data, c.Keys, c.RootKey = into, "", ""
	return c, nil
}

// copyKeys copies the folder of the keys and the root key into a data directory,
// for its owner alone.
func copyKeys(folder, root, into string) error {
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		to := filepath.Join(into, "keys", name)
		if e.IsDir() {
			return os.MkdirAll(to, 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, b, 0o600)
	})
	if err != nil {
		return err
	}
	b, err := os.ReadFile(root)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(into, "root.key"), b, 0o600)
}
