package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// rootPlace is where the root key is, by the configuration.
func (c *config) rootPlace() (seal.Place, error) {
	return seal.PlaceOf(c.RootKey, c.Data, os.Getenv("CREDENTIALS_DIRECTORY"))
}

// keyTable is where the keys are: a folder of this machine, or a database that
// every node of a cluster reaches.
func (c *config) keyTable(ctx context.Context) (seal.Table, error) {
	if strings.Contains(c.Keys, "://") {
		if c.Keys == c.Store {
			return nil, vital.Errorf(vital.Invalid, "keys: it is the database of the data: a backup of the data would hold the keys to it")
		}
		return store.OpenKeys(ctx, c.Keys)
	}
	return seal.NewFiles(c.keyFolder()), nil
}

// keyFolder is where the keys are on this machine; empty: in a database.
func (c *config) keyFolder() string {
	switch {
	case c.Keys == "":
		return filepath.Join(c.Data, "keys")
	case strings.Contains(c.Keys, "://"):
		return ""
	}
	return c.Keys
}

// openKeeper opens the keys that the configuration points to. When there are none
// and the store was sealed with some, it refuses at once: whatever came next would
// make new ones.
func openKeeper(ctx context.Context, c config) (*seal.Keeper, error) {
	k, err := openKeys(ctx, c)
	if err != nil || k.ID() != "" {
		return k, err
	}
	id, err := store.KeyStoreOf(ctx, store.Options{DSN: c.dsn()})
	if err != nil {
		return nil, err
	}
	if id != "" {
		return nil, vital.Errorf(vital.Precondition, "the keys of this store, key store %s, are not there: put their copy back; without them nothing that is sealed can ever be read", id)
	}
	return k, nil
}

func openKeys(ctx context.Context, c config) (*seal.Keeper, error) {
	place, err := c.rootPlace()
	if err != nil {
		return nil, err
	}
	table, err := c.keyTable(ctx)
	if err != nil {
		return nil, err
	}
	return seal.Open(ctx, seal.Options{Table: table, Root: place, Now: vitalNow})
}

// openRing opens the journal's keys, which lie beside those of the store.
func openRing(ctx context.Context, c config, k *seal.Keeper) (*journal.Ring, error) {
	return journal.OpenKeptRing(ctx, store.JournalKeys{Keeper: k}, vital.Site(c.Site), vitalNow)
}

// keys is what the screens may know of the keys.
func (c *config) keys(k *seal.Keeper, ring *journal.Ring) webd.Keys {
	keys := webd.Keys{Keeper: k, Place: "files", Root: "file"}
	if c.keyFolder() == "" {
		keys.Place = "database"
	}
	if strings.HasPrefix(c.RootKey, "credential:") {
		keys.Root = "credential"
	}
	if ring != nil {
		keys.Journal = func(ctx context.Context, subject string) error {
			_, err := ring.Rotate(ctx, subject)
			return err
		}
	}
	return keys
}

// forgotten takes a forgetting over into what this process holds.
func (n *node) forgotten(ctx context.Context) error {
	if err := n.ring.Reload(ctx); err != nil {
		return err
	}
	if n.config.Downtime != sheetsOff {
		if err := n.writeSheets(ctx, n.config.downtime()); err != nil {
			return err
		}
	}
	return n.maker.Stones(ctx)
}

const (
	// keysEvery is how often the keys are looked for where a restart needs them.
	keysEvery   = 10 * time.Second
	ruleKeys    = "keys-unsafe"
	keysSetting = "keys.unsafe"
)

// watchKeys says loudly when the root key or the key store is not where a restart
// needs it. What is in memory goes on working: alarms do not wait for keys.
func (n *node) watchKeys(ctx context.Context) error {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	said := ""
	for {
		problem := n.keeper.Check(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if problem != nil && problem.Error() != said {
			n.log.Error("the keys are not safe: what is in memory goes on working, a restart would fail", "error", problem.Error())
		}
		said = ""
		if problem != nil {
			said = problem.Error()
		}
		if err := n.reportKeys(ctx, problem); err != nil && ctx.Err() == nil {
			n.log.Error("the state of the keys cannot be reported", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// reportKeys raises the alarm that the keys are not safe, or takes it back.
func (n *node) reportKeys(ctx context.Context, problem error) error {
	return n.stand(ctx, standing{
		setting: keysSetting, action: "keys.report", over: "the keys are there again",
		finding: vital.Finding{
			Rule: ruleKeys, Title: "Keys are not safe", Priority: vital.High,
			Text: "The keys are not where a restart needs them: put their copy back before anything is restarted",
		},
	}, problem != nil)
}

// runKey shows and rotates keys.
func runKey(ctx context.Context, w world, args []string) error {
	return runAction(ctx, w, "key", []action{
		{"list", "how the keys do; never a key", runKeyList},
		{"rotate", "wrap all keys by a new root key, or give the site or a patient a new key", runKeyRotate},
	}, args)
}

func runKeyList(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("key list", flag.ContinueOnError)
	flags.SetOutput(w.err)
	open := apiFlags(flags, w)
	if _, err := parseAnywhere(flags, args); err != nil {
		return err
	}
	a, err := open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	var s webd.KeyState
	if err := a.call(ctx, "GET", "/keys", nil, &s); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "key store %s, in %s, root key by %s, revision %d\n%d keys, %d destroyed; %d subjects have a key for rows\n", s.Store, s.Place, s.Root, s.Revision, s.Living, s.Destroyed, s.Subjects)
	if s.Problem != "" {
		fmt.Fprintln(w.out, "problem:", s.Problem)
	}
	return nil
}

func runKeyRotate(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("key rotate", flag.ContinueOnError)
	flags.SetOutput(w.err)
	into := flags.String("into", "", "file for the new root key, where systemd gives the old one: make it the credential before the next start")
	open := apiFlags(flags, w)
	names, err := parseAnywhere(flags, args)
	if err != nil {
		return err
	}
	if len(names) != 1 {
		return vital.Errorf(vital.Invalid, "want: vigil key rotate root, site or PATIENT")
	}
	body := map[string]string{"what": names[0]}
	if names[0] != "root" && names[0] != "site" {
		body = map[string]string{"what": "patient", "patient": names[0]}
	}
	if *into != "" {
		body["into"] = *into
	}
	a, err := open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	var r webd.Rotated
	if err := a.call(ctx, "POST", "/keys/rotation", body, &r); err != nil {
		return err
	}
	if body["what"] == "root" {
		fmt.Fprintf(w.out, "%d keys are wrapped by a new root key. Copy the key folder and the root key now: older copies of them fit each other and nothing newer.\n", r.Rotated)
		return nil
	}
	fmt.Fprintln(w.out, "What comes is sealed with a new key; the older ones go on opening what they sealed.")
	return nil
}
