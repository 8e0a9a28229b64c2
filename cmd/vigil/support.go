package main

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// runSupport writes what somebody who helps needs to see, and nothing about any
// patient: versions, the configuration without its secrets, what doctor says,
// the sizes of things.
func runSupport(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags := flag.NewFlagSet("support", flag.ContinueOnError)
	flags.SetOutput(w.err)
	out := flags.String("out", "vigil-support.zip", "file to write")
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	pages := []struct {
		name  string
		write func(io.Writer) error
	}{
		{"version.txt", func(o io.Writer) error { return runVersion(ctx, world{out: o, err: w.err, getenv: w.getenv}, nil) }},
		{"configuration.txt", func(o io.Writer) error { return c.print(o) }},
		{"doctor.txt", func(o io.Writer) error { printFindings(o, examine(ctx, c)); return nil }},
		{"files.txt", func(o io.Writer) error { return listFiles(o, c.Data) }},
		{"store.txt", func(o io.Writer) error { return describeStore(ctx, o, c) }},
	}
	file, err := os.OpenFile(*out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return vital.Errorf(vital.Invalid, "write the bundle: %w", err)
	}
	defer file.Close()
	z := zip.NewWriter(file)
	for _, p := range pages {
		entry, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: time.Now()})
		if err != nil {
			return vital.Errorf(vital.Unavailable, "write %s into the bundle: %w", p.name, err)
		}
		var page bytes.Buffer
		if err := p.write(&page); err != nil {
			fmt.Fprintf(&page, "\nthis page is not whole: %v\n", err)
		}
		if _, err := entry.Write(page.Bytes()); err != nil {
			return vital.Errorf(vital.Unavailable, "write %s into the bundle: %w", p.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return vital.Errorf(vital.Unavailable, "finish the bundle: %w", err)
	}
	fmt.Fprintf(w.out, "Wrote %s. It holds no patient's data; look into it before you send it.\n", *out)
	return nil
}

func listFiles(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			fmt.Fprintf(w, "%s: %v\n", path, err)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			fmt.Fprintf(w, "%s: %v\n", path, err)
			return nil
		}
		fmt.Fprintf(w, "%v %12d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), path)
		return nil
	})
}

// describeStore prints sizes and versions. The store may be in use: it is opened
// only when no migration waits, so that looking changes nothing.
func describeStore(ctx context.Context, w io.Writer, c config) error {
	if _, err := os.Stat(filepath.Join(c.Data, "vigil.db")); err != nil && c.Store == "" {
		return err
	}
	steps, err := store.Plan(ctx, store.Options{DSN: c.dsn()})
	if err != nil {
		return err
	}
	if len(steps) > 0 {
		fmt.Fprintf(w, "%d migrations wait\n", len(steps))
		return nil
	}
	db, err := store.Open(ctx, store.Options{DSN: c.dsn()})
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := db.Stats(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %s, schema %d, %d bytes\nseries %d\nchunks %d with %d samples\nwaveform blocks %d\ndamaged rows %d\n",
		s.Dialect, s.Version, s.Schema, s.Bytes, s.Series, s.Chunks, s.Samples, s.Waves, s.Damaged)
	return nil
}
