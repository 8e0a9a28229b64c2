package backup

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Options say what is backed up, and where to.
type Options struct {
	Site    vital.Site
	Build   string
	Store   *store.DB
	Keys    *seal.Keeper
	Journal *journal.Files // nil: it lies on a cluster, which has its own tool
	Blobs   string         // folder of the large bodies
	Dir     string         // where backups go
	Offsite string         // where each is copied to; empty: nowhere
	Every   time.Duration  // 0: only when asked for
	Keep    int
	Now     func() time.Time
	Log     *slog.Logger
}

// Maker makes backups, by its clock and when asked.
type Maker struct {
	o   Options
	ask chan string

	mutex   sync.Mutex
	running *Running
	problem string
}

// Running is a backup that is being made.
type Running struct {
	Since vital.Instant
	Phase string // store, journal, blobs, check, offsite
}

// Made is a backup that is there.
type Made struct {
	Manifest
	Offsite bool // a copy is off site
}

// State is what there is to know.
type State struct {
	Dir, Offsite string
	Every        time.Duration
	Keep         int
	Running      *Running
	Problem      string        // of the last attempt; empty: none
	Next         vital.Instant // 0: no schedule
	Backups      []Made        // newest first
}

// New returns a Maker. Run makes the backups.
func New(o Options) *Maker { return &Maker{o: o, ask: make(chan string, 1)} }

const partPrefix = ".part-"

// Start asks for a backup now and does not wait; who is written into the ledger.
// vital.Conflict: one is being made.
func (m *Maker) Start(who string) error {
	if m.o.Dir == "" {
		return vital.Errorf(vital.Precondition, "no folder for backups is configured: start the server with --backup-dir")
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.running == nil {
		select {
		case m.ask <- who:
			m.running = &Running{Since: vital.At(m.o.Now()), Phase: "store"}
			return nil
		default:
		}
	}
	return vital.Errorf(vital.Conflict, "a backup is being made already")
}

// Run makes backups until ctx ends.
func (m *Maker) Run(ctx context.Context) error {
	if m.o.Dir == "" {
		<-ctx.Done()
		return nil
	}
	if err := m.clear(); err != nil {
		m.o.Log.Warn("what a backup left behind that was cut short cannot be removed", "error", err.Error())
	}
	for {
		wait, scheduled := m.wait()
		who := "system"
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case who = <-m.ask:
			timer.Stop()
		case <-timer.C:
			if !scheduled {
				continue
			}
		}
		_, err := m.Make(ctx, who)
		if err != nil && ctx.Err() == nil {
			m.o.Log.Error("no backup could be made", "error", err.Error())
		}
	}
}

// retryAfter is how soon a backup that failed is tried again.
const retryAfter = 10 * time.Minute

// wait returns how long until the next backup by the clock.
func (m *Maker) wait() (time.Duration, bool) {
	if m.o.Every == 0 {
		return time.Hour, false
	}
	made, err := List(m.o.Dir)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.problem != "" {
		return min(retryAfter, m.o.Every), true
	}
	if err != nil || len(made) == 0 {
		return time.Minute, true // not in the first busy moments
	}
	return max(time.Minute, made[0].Created.Time().Add(m.o.Every).Sub(m.o.Now())), true
}

// State tells how the backups do.
func (m *Maker) State() State {
	s := State{Dir: m.o.Dir, Offsite: m.o.Offsite, Every: m.o.Every, Keep: m.o.Keep}
	m.mutex.Lock()
	s.Problem = m.problem
	if m.running != nil {
		r := *m.running
		s.Running = &r
	}
	m.mutex.Unlock()
	if m.o.Dir == "" {
		return s
	}
	made, err := List(m.o.Dir)
	if err != nil {
		s.Problem = err.Error()
	}
	for _, b := range made {
		one := Made{Manifest: b}
		if m.o.Offsite != "" {
			_, err := os.Stat(filepath.Join(m.o.Offsite, b.Name, manifestFile))
			one.Offsite = err == nil
		}
		s.Backups = append(s.Backups, one)
	}
	if m.o.Every > 0 {
		s.Next = vital.At(m.o.Now().Add(time.Minute))
		if len(made) > 0 {
			s.Next = max(s.Next, made[0].Created+vital.Instant(m.o.Every.Milliseconds()))
		}
	}
	return s
}

// List reads the manifests in a folder of backups, newest first.
func List(dir string) ([]Manifest, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "look at the backups: %w", err)
	}
	var all []Manifest
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if m, _, err := Read(filepath.Join(dir, e.Name())); err == nil {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Manifest) int {
		return cmp.Or(cmp.Compare(b.Created, a.Created), strings.Compare(b.Name, a.Name))
	})
	return all, nil
}

func (m *Maker) phase(p string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.running == nil {
		m.running = &Running{Since: vital.At(m.o.Now())}
	}
	m.running.Phase = p
}

// Make makes one backup and waits for it.
func (m *Maker) Make(ctx context.Context, who string) (Manifest, error) {
	m.phase("store")
	made, err := m.make(ctx)
	e := audit.Entry{Site: m.o.Site, At: vital.At(m.o.Now()), Who: who, Role: "system", Action: "backup.make", Subject: "backup/" + made.Name, Outcome: "done"}
	if err != nil {
		e.Outcome, e.Why = "refused", "it failed; the log says why"
	}
	if failed := m.o.Store.AppendAudit(context.WithoutCancel(ctx), e); err == nil {
		err = failed
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.running, m.problem = nil, ""
	if err != nil {
		m.problem = err.Error()
	}
	return made, err
}

func (m *Maker) make(ctx context.Context) (Manifest, error) {
	began := m.o.Now()
	man := Manifest{Format: format, Site: m.o.Site, Created: vital.At(began), Build: m.o.Build, Name: began.UTC().Format("20060102T150405.000Z")}
	if m.o.Dir == "" {
		return man, vital.Errorf(vital.Precondition, "no folder for backups is configured")
	}
	part := filepath.Join(m.o.Dir, partPrefix+man.Name)
	defer os.RemoveAll(part)
	if err := os.MkdirAll(part, 0o700); err != nil {
		return man, vital.Errorf(vital.Unavailable, "make a backup: %w", err)
	}
	if err := m.copy(ctx, part, &man); err != nil {
		return man, fmt.Errorf("make a backup: %w", err)
	}
	man.KeyStore, man.Keys = m.o.Keys.ID(), m.o.Keys.Revision()
	m.phase("check")
	if err := describe(ctx, part, &man); err != nil {
		return man, fmt.Errorf("check the backup: %w", err)
	}
	if man.Dialect == "" { // the database is backed up by its own tool
		if err := describeStore(ctx, m.o.Store, &man); err != nil {
			return man, fmt.Errorf("check the backup: %w", err)
		}
	}
	if err := fits(man); err != nil {
		return man, fmt.Errorf("check the backup: %w", err)
	}
	man.Took = m.o.Now().Sub(began).Seconds()
	if err := man.write(ctx, part, m.o.Keys); err != nil {
		return man, fmt.Errorf("make a backup: %w", err)
	}
	if err := errors.Join(syncTree(part), os.Rename(part, filepath.Join(m.o.Dir, man.Name)), syncDirectory(m.o.Dir)); err != nil {
		return man, vital.Errorf(vital.Unavailable, "make a backup: %w", err)
	}
	if err := m.Stones(ctx); err != nil {
		return man, err
	}
	if err := m.away(ctx, man); err != nil {
		return man, err
	}
	return man, m.prune()
}

// copy takes the store first and the journal after it, so that no mark of the
// store lies beyond the journal.
func (m *Maker) copy(ctx context.Context, part string, man *Manifest) error {
	size, err := m.o.Store.Size(ctx)
	if err != nil {
		return err
	}
	if size.Dialect == "sqlite" {
		if err := m.o.Store.Backup(ctx, filepath.Join(part, storeFile)); err != nil {
			return err
		}
	}
	m.phase("journal")
	if m.o.Journal == nil {
		return vital.Errorf(vital.Precondition, "the journal lies on a cluster: back it up there (nats stream backup), after the store")
	}
	if err := m.o.Journal.CopyTo(filepath.Join(part, journalDir)); err != nil {
		return err
	}
	m.phase("blobs")
	if _, err := os.Stat(m.o.Blobs); err != nil {
		return nil // none was ever kept
	}
	return copyTree(ctx, m.o.Blobs, filepath.Join(part, blobDir))
}

// away copies a backup off site, checked.
func (m *Maker) away(ctx context.Context, man Manifest) error {
	if m.o.Offsite == "" {
		return nil
	}
	m.phase("offsite")
	part, to := filepath.Join(m.o.Offsite, partPrefix+man.Name), filepath.Join(m.o.Offsite, man.Name)
	defer os.RemoveAll(part)
	if err := copyTree(ctx, filepath.Join(m.o.Dir, man.Name), part); err != nil {
		return vital.Errorf(vital.Unavailable, "copy the backup off site: %w", err)
	}
	if err := checkFiles(ctx, part, man); err != nil {
		return fmt.Errorf("copy the backup off site: %w", err)
	}
	if err := errors.Join(os.Rename(part, to), syncDirectory(m.o.Offsite)); err != nil {
		return vital.Errorf(vital.Unavailable, "copy the backup off site: %w", err)
	}
	return nil
}

// prune removes the oldest backups beyond those that are kept.
func (m *Maker) prune() error {
	for _, dir := range []string{m.o.Dir, m.o.Offsite} {
		if dir == "" {
			continue
		}
		made, err := List(dir)
		if err != nil {
			return err
		}
		for i := max(m.o.Keep, 1); i < len(made); i++ {
			if made[i].Site != m.o.Site || made[i].Name == "" || made[i].Name != filepath.Base(made[i].Name) {
				continue // another site's, or a manifest that was meddled with
			}
			if err := os.RemoveAll(filepath.Join(dir, made[i].Name)); err != nil {
				return vital.Errorf(vital.Unavailable, "remove an old backup: %w", err)
			}
		}
	}
	return nil
}

func (m *Maker) clear() error {
	left, err := filepath.Glob(filepath.Join(m.o.Dir, partPrefix+"*"))
	for _, part := range left {
		err = errors.Join(err, os.RemoveAll(part))
	}
	return err
}

// stones are the tombstones that lie beside backups: who was forgotten, with
// when, by site. An old backup with an old copy of the keys brings nobody back.
type stones map[vital.Site]map[vital.PatientID]vital.Instant

// Stones writes down who was forgotten beside the backups, here and off site. It
// is called whenever somebody is.
func (m *Maker) Stones(ctx context.Context) error {
	if m.o.Dir == "" {
		return nil
	}
	gone, err := m.o.Store.Forgotten(ctx, m.o.Site)
	if err != nil {
		return err
	}
	for _, dir := range []string{m.o.Dir, m.o.Offsite} {
		if dir == "" {
			continue
		}
		all, err := readStones(dir)
		if err != nil {
			return err
		}
		if all[m.o.Site] == nil {
			all[m.o.Site] = map[vital.PatientID]vital.Instant{}
		}
		for p, at := range gone {
			all[m.o.Site][p] = at
		}
		body, err := json.Marshal(all)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return vital.Errorf(vital.Unavailable, "write down who was forgotten: %w", err)
		}
		if err := journal.ReplaceFile(filepath.Join(dir, stoneFile), append(body, '\n')); err != nil {
			return vital.Errorf(vital.Unavailable, "write down who was forgotten: %w", err)
		}
	}
	return nil
}

func readStones(dir string) (stones, error) {
	body, err := os.ReadFile(filepath.Join(dir, stoneFile))
	if errors.Is(err, fs.ErrNotExist) {
		return stones{}, nil
	}
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "read who was forgotten: %w", err)
	}
	all := stones{}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, vital.Errorf(vital.Precondition, "%s cannot be read: it says who was forgotten: %w", filepath.Join(dir, stoneFile), err)
	}
	return all, nil
}
