package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

const journalUsage = `usage: vigil journal verify [--file FILE]   check every frame, its place in the chain, its seals
       vigil journal list [flags]           show what lies in one partition
       vigil journal export FILE            copy all frames, still sealed, into one file

The server must be stopped (a cluster's journal can be read at any time). Flags as of vigil serve; -h lists them.
`

func runJournal(ctx context.Context, w world, args []string) error {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		fmt.Fprint(w.out, journalUsage)
		return nil
	}
	switch args[0] {
	case "verify":
		return runJournalVerify(ctx, w, args[1:])
	case "list":
		return runJournalList(ctx, w, args[1:])
	case "export":
		return runJournalExport(ctx, w, args[1:])
	}
	return vital.Errorf(vital.Invalid, "there is no %q; it is verify, list or export", args[0])
}

// heldLog is a journal at rest: what is there is opened and nothing is made.
type heldLog interface {
	journal.Log
	Lines() []journal.Line
	Close() error
}

// openHeldLog finds out which kind of log the configuration points to.
func openHeldLog(ctx context.Context, c config) (heldLog, error) {
	dir := filepath.Join(c.Data, "journal")
	_, err := os.Stat(filepath.Join(dir, "jetstream"))
	var o journal.JetStreamOptions
	switch {
	case c.NATS != "":
		// Reading promises nothing, so it need not know whether the servers sync.
		o = journal.JetStreamOptions{URL: c.NATS, SyncAssured: true}
	case err == nil:
		o = journal.JetStreamOptions{Dir: dir}
	default:
		l, err := journal.OpenFiles(ctx, journal.FilesOptions{Dir: dir})
		if err != nil {
			return nil, err // not l: a nil in an interface is not nil
		}
		return l, nil
	}
	l, err := journal.OpenJetStream(ctx, o)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// heldJournal is a journal at rest with its keys.
type heldJournal struct {
	log   heldLog
	store *store.DB
	ring  *journal.Ring // nil: there is no root key, and nothing can be opened
}

// openHeld opens a stopped server's journal and, when the root key is there, its
// keys. The journal comes first: its lock keeps a running server away.
func openHeld(ctx context.Context, w world, c config) (h heldJournal, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	h.log, err = openHeldLog(ctx, c)
	if vital.KindOf(err) == vital.Conflict && err != nil {
		return h, vital.Errorf(vital.Conflict, "stop the server first: %w", err)
	}
	if err != nil {
		return h, err
	}
	place, err := c.rootPlace()
	if err != nil {
		return h, err
	}
	if _, err := os.Stat(place.Path()); errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	keeper, err := openKeeper(ctx, c)
	if err != nil {
		return h, err
	}
	ledger, err := openLedgerKey(ctx, c, keeper)
	if err != nil {
		return h, err
	}
	if file, ok := strings.CutPrefix(c.dsn(), "sqlite:"); ok {
		if _, err := os.Stat(file); err != nil {
			return h, vital.Errorf(vital.Precondition, "the store: %w", err)
		}
	}
	h.store, err = store.Open(ctx, store.Options{DSN: c.dsn(), Log: slog.New(slog.NewTextHandler(w.err, nil)), Backups: filepath.Join(c.Data, "backups"), Keeper: keeper, Ledger: ledger})
	if err != nil {
		return h, vital.Errorf(vital.KindOf(err), "open the store: %w", err)
	}
	h.ring, err = openRing(ctx, c, keeper)
	return h, err
}

func (h heldJournal) close() error {
	var err error
	if h.log != nil {
		err = h.log.Close()
	}
	if h.store != nil {
		err = errors.Join(err, h.store.Close())
	}
	return err
}

// journalFlags begins the flags of one subcommand; --dir says --data.
func journalFlags(name string, w world, c *config) (*flag.FlagSet, func(args []string) error) {
	flags := flag.NewFlagSet("journal "+name, flag.ContinueOnError)
	flags.SetOutput(w.err)
	dir := flags.String("dir", "", "the same as --data")
	complete := c.bind(flags, w)
	return flags, func(args []string) error {
		if err := flags.Parse(args); err != nil {
			return usageError(err)
		}
		if err := complete(); err != nil {
			return err
		}
		if *dir != "" {
			c.Data = *dir
		}
		return nil
	}
}

func runJournalVerify(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags, parse := journalFlags("verify", w, &c)
	file := flags.String("file", "", "check an exported file instead")
	if err := parse(args); err != nil {
		return err
	}
	if *file != "" {
		return verifyExported(ctx, w, *file)
	}
	h, err := openHeld(ctx, w, c)
	if err != nil {
		return err
	}
	broken, err := verifyLines(ctx, w.out, h.log, h.keys(), vital.Site(c.Site), h.log.Lines())
	if err == nil {
		var n int
		n, err = verifyBeside(w.out, c)
		broken += n
	}
	if err := errors.Join(err, h.close()); err != nil {
		return err
	}
	return verdict(broken)
}

func verdict(broken int) error {
	if broken > 0 {
		return vital.Errorf(vital.Internal, "the journal does not hold together in %d places", broken)
	}
	return nil
}

// keys returns nil, not a nil ring, when there are none.
func (h heldJournal) keys() journal.Keys {
	if h.ring == nil {
		return nil
	}
	return h.ring
}

// verifyLines checks each line and prints a table and then every break.
func verifyLines(ctx context.Context, out io.Writer, source journal.Source, keys journal.Keys, site vital.Site, lines []journal.Line) (int, error) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "partition\tframes\tgood\trecords\tshredded\tbytes\twriters\tfrom\tto\tbreaks")
	var breaks []journal.Break
	for _, l := range lines {
		v, err := journal.Verify(ctx, source, keys, site, l)
		if err != nil {
			return 0, errors.Join(err, table.Flush())
		}
		span := "none"
		if v.Last > 0 {
			span = fmt.Sprintf("%d-%d", v.First, v.Last)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%d\n", l, span, v.Frames, v.Records, v.Shredded, v.Bytes, v.Writers, v.From, v.To, len(v.Breaks))
		breaks = append(breaks, v.Breaks...)
	}
	if err := table.Flush(); err != nil {
		return 0, err
	}
	if keys == nil {
		fmt.Fprintln(out, "Without the keys the seals were not checked.")
	}
	for _, b := range breaks {
		fmt.Fprintln(out, "broken:", b)
	}
	return len(breaks), nil
}

// verifyBeside checks the large bodies and counts what is in quarantine.
func verifyBeside(out io.Writer, c config) (int, error) {
	damaged, count := 0, 0
	dir := filepath.Join(c.Data, "blobs")
	if _, err := os.Stat(dir); err == nil {
		blobs, err := journal.OpenBlobs(dir, nil)
		if err != nil {
			return 0, err
		}
		err = blobs.Names(func(name journal.BlobName, _ fs.FileInfo) error {
			count++
			if err := blobs.Check(name); err != nil {
				damaged++
				fmt.Fprintln(out, "broken:", err)
			}
			return nil
		})
		if err != nil {
			return damaged, err
		}
	}
	quarantine := filepath.Join(c.Data, "quarantine")
	var kept []journal.Quarantined
	if _, err := os.Stat(quarantine); err == nil {
		q, err := journal.OpenQuarantine(quarantine)
		if err != nil {
			return damaged, err
		}
		if kept, err = q.List(); err != nil {
			return damaged, err
		}
	}
	fmt.Fprintf(out, "%d large bodies, %d of them damaged; %d in quarantine\n", count, damaged, len(kept))
	for _, k := range kept {
		fmt.Fprintf(out, "quarantine: %s: %s/%d frame %d: %s\n", k.Name, k.Stream, k.Partition, k.From, k.Reason)
	}
	return damaged, nil
}

func verifyExported(ctx context.Context, w world, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return vital.Errorf(vital.NotFound, "%w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return vital.Errorf(vital.Internal, "%w", err)
	}
	x, err := journal.OpenExported(f, info.Size())
	if err != nil {
		return vital.Errorf(vital.Precondition, "%w", err)
	}
	fmt.Fprintf(w.out, "Exported from site %s at %s by vigil %s.\n", x.Site, x.Created, x.Build)
	broken, err := verifyLines(ctx, w.out, x, nil, x.Site, x.Lines)
	if err != nil {
		return err
	}
	if x.Damage != nil {
		fmt.Fprintln(w.out, "broken:", x.Damage)
		broken++
	}
	return verdict(broken)
}

func runJournalExport(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags, parse := journalFlags("export", w, &c)
	if err := parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return vital.Errorf(vital.Invalid, "say into which file, after the flags")
	}
	path := flags.Arg(0)
	log, err := openHeldLog(ctx, c)
	if err != nil {
		return err
	}
	frames, err := exportTo(ctx, path, c, log)
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "%d frames are in %s. Their bodies are sealed: without the keys nobody can read them.\n", frames, path)
	return nil
}

// exportTo writes beside path and takes its name at the end, so that a file of
// that name is always whole.
func exportTo(ctx context.Context, path string, c config, log heldLog) (uint64, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".export-*")
	if err != nil {
		return 0, vital.Errorf(vital.Unavailable, "%w", err)
	}
	defer os.Remove(f.Name())
	frames, err := journal.Export(ctx, log, f, vital.Site(c.Site), version, vitalNow(), log.Lines())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return frames, err
	}
	return frames, os.Rename(f.Name(), path)
}
