package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// ledgerCommands are the subcommands of vigil ledger.
var ledgerCommands = []command{
	{"verify", "find what was deleted, altered, reordered, cut off or put back", runLedgerVerify},
	{"list", "show entries", runLedgerList},
	{"checkpoint", "print the newest signed checkpoint, to keep somewhere else", runLedgerCheckpoint},
	{"prove", "write the proof that an entry is in the ledger, or check one without a server", runLedgerProve},
	{"export", "write entries as FHIR AuditEvents, one a line", runLedgerExport},
	{"key", "print the public key of the ledger", runLedgerKey},
}

func runLedger(ctx context.Context, w world, args []string) error {
	if len(args) > 0 {
		for _, c := range ledgerCommands {
			if c.name == args[0] {
				return c.run(ctx, w, args[1:])
			}
		}
	}
	var names []string
	for _, c := range ledgerCommands {
		fmt.Fprintf(w.err, "  vigil ledger %-11s %s\n", c.name, c.short)
		names = append(names, c.name)
	}
	return vital.Errorf(vital.Invalid, "say which: %s", strings.Join(names, ", "))
}

// ledgerCall is what the subcommands share: flags, and the ledger of a data
// directory, beside a running server or without one. Nothing is written.
type ledgerCall struct {
	w        world
	config   config
	flags    *flag.FlagSet
	given    *string // --key
	complete func() error

	store  *store.DB
	site   vital.Site
	public string
	key    *audit.Key // nil: it is not here, or cannot be read
}

func newLedgerCall(name string, w world) *ledgerCall {
	l := &ledgerCall{w: w, config: defaults(), flags: flag.NewFlagSet("ledger "+name, flag.ContinueOnError)}
	l.flags.SetOutput(w.err)
	l.given = l.flags.String("key", "", "public key of the ledger, or a file with it; better one that was kept outside. Empty: that of the data directory")
	l.complete = l.config.bind(l.flags, w)
	return l
}

// parse reads the arguments and finds the public key.
func (l *ledgerCall) parse(args []string) (rest []string, err error) {
	if rest, err = parseAnywhere(l.flags, args); err != nil {
		return nil, err
	}
	if err := l.complete(); err != nil {
		return nil, err
	}
	l.site = vital.Site(l.config.Site)
	if l.public, err = publicKey(*l.given, l.config); err != nil {
		return nil, err
	}
	if _, err := audit.OpenCheckpoint("", l.public, l.site, "nowhere"); vital.KindOf(err) == vital.Invalid { // the key is none
		return nil, err
	}
	return rest, nil
}

// open opens the store; close it.
func (l *ledgerCall) open(ctx context.Context) error {
	if file, ok := strings.CutPrefix(l.config.dsn(), "sqlite:"); ok {
		if _, err := os.Stat(file); err != nil {
			return vital.Errorf(vital.NotFound, "the store: %w", err)
		}
	}
	o := store.Options{DSN: l.config.dsn(), Log: slog.New(slog.DiscardHandler)}
	steps, err := store.Plan(ctx, o)
	if err == nil && len(steps) > 0 {
		err = vital.Errorf(vital.Precondition, "the store has an older schema: run vigil migrate first")
	}
	if err != nil {
		return err
	}
	if l.key, err = l.readKey(ctx); err != nil {
		fmt.Fprintf(l.w.err, "The marks of the rows are not looked at: %v\n", err)
		l.key = nil
	}
	o.Ledger = l.key
	l.store, err = store.Open(ctx, o)
	return err
}

// openLedgerKey loads the key that signs the ledger and marks its rows; the first
// start makes it.
func openLedgerKey(ctx context.Context, c config, keeper *seal.Keeper) (*audit.Key, error) {
	return audit.LoadKey(ctx, c.ledgerKey(), vital.Site(c.Site), keeper)
}

// readKey reads that key and makes nothing.
func (l *ledgerCall) readKey(ctx context.Context) (*audit.Key, error) {
	if _, err := os.Stat(l.config.ledgerKey()); err != nil {
		return nil, err
	}
	keeper, err := openKeeper(ctx, l.config)
	if err != nil {
		return nil, err
	}
	return audit.ReadKey(ctx, l.config.ledgerKey(), l.site, keeper)
}

// publicKey is the key itself, what a file holds, or what lies in the data directory.
func publicKey(given string, c config) (string, error) {
	path := given
	if given == "" {
		path = audit.PublicFile(c.ledgerKey())
	}
	if strings.Contains(given, "+") {
		return given, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", vital.Errorf(vital.NotFound, "the ledger's public key: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func runLedgerVerify(ctx context.Context, w world, args []string) error {
	l := newLedgerCall("verify", w)
	checkpoint := l.flags.String("checkpoint", "", "a signed checkpoint that was kept outside")
	asJSON := l.flags.Bool("json", false, "print what was found as JSON")
	if _, err := l.parse(args); err != nil {
		return err
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.store.Close()
	evidence, err := l.evidence(ctx, w.err, *checkpoint, l.config.Witness)
	if err != nil {
		return err
	}
	report, err := l.store.VerifyLedger(ctx, l.site, l.key, evidence, nil)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := printJSON(w.out, report); err != nil {
			return err
		}
	} else {
		printReport(w.out, report)
	}
	if !report.Good() {
		return vital.Errorf(vital.Internal, "the ledger is broken: the first bad entry is %s", report.Findings[0])
	}
	return nil
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func printReport(out io.Writer, r audit.Report) {
	fmt.Fprintf(out, "%d entries, held against %d signed checkpoints.\n", r.Size, r.Checkpoints)
	if r.Latest != nil {
		fmt.Fprintf(out, "The first %d are those that were signed at %s.\n", r.Latest.Size, r.Latest.At)
	}
	fmt.Fprintf(out, "root %s\n", r.Root)
	for _, f := range r.Findings {
		fmt.Fprintf(out, "%s: %s\n", f.Kind, f)
	}
	if r.More > 0 {
		fmt.Fprintf(out, "and %d more\n", r.More)
	}
	if r.Good() {
		fmt.Fprintln(out, "Nothing was deleted, altered, reordered or added.")
	}
}

// evidence is every checkpoint that there is: those of the store, those that were
// given.
func (l *ledgerCall) evidence(ctx context.Context, warn io.Writer, checkpoint, witness string) (all []audit.Checkpoint, err error) {
	notes, err := l.store.CheckpointNotes(ctx, l.site, mostNotes)
	if err != nil {
		return nil, err
	}
	for _, text := range notes {
		c, err := audit.OpenCheckpoint(text, l.public, l.site, "the store")
		if err != nil {
			fmt.Fprintln(warn, err)
			continue
		}
		all = append(all, c)
	}
	if checkpoint != "" {
		text, err := os.ReadFile(checkpoint)
		if err != nil {
			return nil, vital.Errorf(vital.NotFound, "%w", err)
		}
		c, err := audit.OpenCheckpoint(string(text), l.public, l.site, checkpoint)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if witness == "" {
		return all, nil
	}
	seen, unread, err := audit.ReadWitness(witness, l.public, l.site)
	if err != nil {
		return nil, err
	}
	if unread > 0 {
		fmt.Fprintf(warn, "%d checkpoints in %s cannot be read\n", unread, witness)
	}
	return append(all, seen...), nil
}

func runLedgerList(ctx context.Context, w world, args []string) error {
	l := newLedgerCall("list", w)
	from := l.flags.Int64("from", 0, "number of the first entry")
	limit := l.flags.Int("limit", 100, "most entries to show")
	if _, err := l.parse(args); err != nil {
		return err
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.store.Close()
	rows, err := l.store.LedgerRows(ctx, l.site, *from, *limit)
	if err != nil {
		return err
	}
	if err := l.note(ctx, "audit.read", fmt.Sprintf("from entry %d", *from)); err != nil {
		return err
	}
	table := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "n\tat\twho\trole\tfrom\taction\tsubject\tpatient\toutcome\twhy")
	for _, r := range rows {
		why := strconv.Quote(r.Why)
		if r.Erased != nil {
			why = "(erased)"
		} else if r.Why == "" {
			why = ""
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.N, r.At, r.Who, r.Role, r.From, r.Action, r.Subject, r.Patient, r.Outcome, why)
	}
	return table.Flush()
}

// newest is the newest checkpoint of the store.
func (l *ledgerCall) newest(ctx context.Context) (audit.Checkpoint, error) {
	notes, err := l.store.CheckpointNotes(ctx, l.site, 1)
	if err != nil {
		return audit.Checkpoint{}, err
	}
	if len(notes) == 0 {
		return audit.Checkpoint{}, vital.Errorf(vital.NotFound, "nothing has been signed yet: the server does so while it runs")
	}
	return audit.OpenCheckpoint(notes[0], l.public, l.site, "the store")
}

func runLedgerCheckpoint(ctx context.Context, w world, args []string) error {
	l := newLedgerCall("checkpoint", w)
	if _, err := l.parse(args); err != nil {
		return err
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.store.Close()
	c, err := l.newest(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w.out, c.Note)
	return err
}

func runLedgerProve(ctx context.Context, w world, args []string) error {
	l := newLedgerCall("prove", w)
	check := l.flags.String("check", "", "check this proof; only --key is needed beside it")
	rest, err := l.parse(args)
	if err != nil {
		return err
	}
	if *check != "" {
		return checkProof(w.out, *check, l.public)
	}
	if len(rest) != 1 {
		return vital.Errorf(vital.Invalid, "say the number of the entry")
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.store.Close()
	n, err := strconv.ParseInt(rest[0], 10, 64)
	if err != nil || n < 0 {
		return vital.Errorf(vital.Invalid, "%q is not the number of an entry", rest[0])
	}
	c, err := l.newest(ctx)
	if err != nil {
		return err
	}
	rows, err := l.store.LedgerRows(ctx, l.site, n, 1)
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].N != n {
		return vital.Errorf(vital.NotFound, "there is no entry %d", n)
	}
	p, err := audit.Prove(rows[0], c, audit.Tree(ctx, l.store.LedgerHashes(l.site)))
	if err != nil {
		return err
	}
	return printJSON(w.out, p)
}

func checkProof(out io.Writer, path, public string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return vital.Errorf(vital.NotFound, "%w", err)
	}
	r, signed, err := audit.CheckProof(body, public)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Proven: entry %d (%s, %s by %s, %s) is among the %d that were signed at %s.\n", r.N, r.At, r.Action, r.Who, r.Outcome, signed.Size, signed.At)
	return nil
}

func runLedgerKey(_ context.Context, w world, args []string) error {
	l := newLedgerCall("key", w)
	if _, err := l.parse(args); err != nil {
		return err
	}
	fmt.Fprintln(w.out, l.public)
	return nil
}

func runLedgerExport(ctx context.Context, w world, args []string) error {
	l := newLedgerCall("export", w)
	from := l.flags.Int64("from", 0, "number of the first entry")
	limit := l.flags.Int64("limit", 0, "most entries; 0: all")
	address := l.flags.String("address", "", "URL of the server, for the events; empty: the name of the site")
	if _, err := l.parse(args); err != nil {
		return err
	}
	if err := l.open(ctx); err != nil {
		return err
	}
	defer l.store.Close()
	if err := l.note(ctx, "audit.export", fmt.Sprintf("from entry %d", *from)); err != nil {
		return err
	}
	names, err := l.names(ctx)
	if err != nil {
		return err
	}
	o := audit.Observer{Site: l.site, Address: cmp.Or(*address, string(l.site))}
	out := bufio.NewWriter(w.out)
	written := int64(0)
	for n := *from; ; {
		rows, err := l.store.LedgerRows(ctx, l.site, n, 1000)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if *limit > 0 && written == *limit {
				return out.Flush()
			}
			body, err := audit.Event(r, names[r.Who], o)
			if err != nil {
				return err
			}
			out.Write(append(body, '\n'))
			n, written = r.N+1, written+1
		}
		if len(rows) < 1000 {
			return out.Flush()
		}
	}
}

// note writes into the ledger that it was read. From a copy, without the key,
// it cannot, and says so.
func (l *ledgerCall) note(ctx context.Context, action, why string) error {
	if l.key == nil {
		fmt.Fprintln(l.w.err, "That this ledger was read is not noted in it: its key is not here.")
		return nil
	}
	return l.store.AppendAudit(ctx, audit.Entry{Site: l.site, At: vitalNow(), Who: "operator", Role: "system", Action: action, Subject: "ledger", Outcome: "done", Why: why})
}

func (l *ledgerCall) names(ctx context.Context) (map[string]string, error) {
	users, err := l.store.Users(ctx, l.site)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, u := range users {
		names[string(u.ID)] = u.Name
	}
	return names, nil
}
