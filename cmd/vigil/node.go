package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/backup"
	"github.com/vigilcare/vigil/internal/ca"
	"github.com/vigilcare/vigil/internal/deviced"
	"github.com/vigilcare/vigil/internal/flow"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/report"
	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// node is everything of one process below the doors, opened bottom-up: keys,
// store, journal, door, flow, gate.
type node struct {
	config  config
	site    vital.Site
	log     *slog.Logger
	store   *store.DB
	journal heldLog
	frames  journal.Log // journal, with a clock beside it
	syncs   ingest.Latency
	blobs   *journal.Blobs
	keeper  *seal.Keeper
	maker   *backup.Maker
	ring    *journal.Ring
	writers []*journal.Writer
	door    *ingest.Door
	flow    *flow.Flow
	gate    *auth.Gate
	mqtt    *mqttd.Server

	authority *ca.Authority
	identity  *identity // of the listeners
	receiver  *deviced.Door
	listeners []webd.Listener

	entranceKey []byte // of the cookies of each address

	notifier *notify.Worker
	sheets   *report.Sheets
	written  sheetsKept
	traceKey ed25519.PrivateKey

	ledgerKey *audit.Key
	ledger    *ledgerKeeper
	began     time.Time
	gauge     gauge
}

func vitalNow() vital.Instant { return vital.At(time.Now()) }

// openNode opens everything; close undoes it.
func openNode(ctx context.Context, c config, log *slog.Logger) (n *node, err error) {
	n = &node{config: c, site: vital.Site(c.Site), log: log, began: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.close(context.WithoutCancel(ctx)))
		}
	}()
	if err := private(c.Data); err != nil {
		return n, err
	}
	n.keeper, err = openKeeper(ctx, c)
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	if n.ledgerKey, err = openLedgerKey(ctx, c, n.keeper); err != nil {
		return n, err
	}
	n.store, err = store.Open(ctx, store.Options{DSN: c.dsn(), Log: log, Ledger: n.ledgerKey, Backups: filepath.Join(c.Data, "backups"), Keeper: n.keeper})
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the store: %w", err)
	}
	n.ring, err = openRing(ctx, c, n.keeper)
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the keys: %w", err)
	}
	quarantine, err := journal.OpenQuarantine(filepath.Join(c.Data, "quarantine"))
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the quarantine: %w", err)
	}
	n.journal, err = openLog(ctx, c, quarantine, log)
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the journal: %w", err)
	}
	n.frames = timedLog{n.journal, &n.syncs}
	n.blobs, err = journal.OpenBlobs(filepath.Join(c.Data, "blobs"), n.ring)
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the large bodies: %w", err)
	}
	registry := &ingest.Registry{}
	for i := range c.Partitions {
		w, err := journal.OpenWriter(ctx, journal.WriterOptions{
			Log: n.frames, Keys: n.ring, Site: n.site, Stream: journal.Raw, Partition: uint16(i), Epoch: 1,
		})
		if err != nil {
			return n, vital.Errorf(vital.KindOf(err), "open the writer of raw %d: %w", i, err)
		}
		n.writers = append(n.writers, w)
	}
	n.door = ingest.NewDoor(n.writers, n.ring, registry, n.blobs)
	n.flow, err = flow.New(ctx, flow.Options{
		Site: n.site, Store: n.store, Log: n.frames, Keys: n.ring, Registry: registry, Blobs: n.blobs, Door: n.door,
		Raw: c.Partitions, Readings: c.Partitions, Now: time.Now, Logger: log, Quarantine: quarantine,
		Packet: n.report,
	})
	if err != nil {
		return n, vital.Errorf(vital.KindOf(err), "open the flow: %w", err)
	}
	if err := n.openAuthority(ctx); err != nil {
		return n, err
	}
	n.maker = n.newMaker()
	n.sheets = n.newSheets()
	if err := n.openNotifier(); err != nil {
		return n, err
	}
	if err := n.openLedger(); err != nil {
		return n, err
	}
	if err := n.openTraceKey(ctx); err != nil {
		return n, err
	}
	n.door.Watch(func() uint64 { return n.flow.Totals().Packets })
	signOns, err := c.signOns()
	if err != nil {
		return n, err
	}
	n.gate = auth.New(auth.Options{Store: n.store, Site: n.site, Now: time.Now, Log: log, Idle: c.Idle, Keys: n.keeper, SignOn: signOns, Cut: n.cut})
	n.receiver = deviced.New(deviced.Options{Gate: n.gate, Journal: n.door, Decoded: n.flow.Decoded, Site: n.site, Now: time.Now, Log: log})
	n.mqtt = mqttd.New(mqttd.Options{
		Site: n.site, Gate: mqttGate{n.gate}, Door: n.door, Sessions: mqttSessions{n.store, n.site}, Log: log, Now: time.Now,
		Visible: n.visible, Passed: n.passed, TakenOver: n.gate.TakenOver,
		Limits: mqttd.Limits{Connections: c.Clients, Messages: int(c.Rate)},
	})
	return n, nil
}

// openLog opens the frames: in files on one machine, in JetStream on a cluster
// or where an embedded server kept them before.
func openLog(ctx context.Context, c config, quarantine *journal.Quarantine, log *slog.Logger) (heldLog, error) {
	dir := filepath.Join(c.Data, "journal")
	partitions := map[journal.Stream]int{journal.Raw: c.Partitions, journal.Readings: c.Partitions}
	_, err := os.Stat(filepath.Join(dir, "jetstream"))
	if c.NATS == "" && err != nil {
		files, err := journal.OpenFiles(ctx, journal.FilesOptions{Dir: dir, Partitions: partitions, Quarantine: quarantine, Torn: func(b journal.Break) {
			log.Warn("the last frame was half-written when the machine stopped; it was never acknowledged and is set aside", "where", b.String())
		}})
		if err != nil {
			return nil, err // not files: a nil pointer in an interface is not nil
		}
		return files, nil
	}
	stream, err := journal.OpenJetStream(ctx, journal.JetStreamOptions{
		Dir: dir, URL: c.NATS, Logger: log, Partitions: partitions, Replicas: c.Replicas, SyncAssured: c.NATSSync, Monitors: listed(c.NATSMonitors),
	})
	if err != nil {
		return nil, err
	}
	return stream, nil
}

// close stops what openNode opened, top-down.
func (n *node) close(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	var err error
	for _, w := range n.writers {
		err = errors.Join(err, w.Close(ctx))
	}
	if n.journal != nil {
		err = errors.Join(err, n.journal.Close())
	}
	if n.store != nil {
		err = errors.Join(err, n.store.Close())
	}
	return err
}

// part is something that runs until its context ends.
type part struct {
	name string
	run  func(context.Context) error
}

// runParts starts the parts in their order and, when ctx ends or one of them
// fails, stops them in the opposite order, each waited for before the next.
func runParts(ctx context.Context, parts []part) error {
	failed := make(chan error, len(parts))
	type running struct {
		cancel context.CancelFunc
		done   chan struct{}
	}
	var started []running
	for _, p := range parts {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := running{cancel, make(chan struct{})}
		started = append(started, r)
		go func() {
			defer close(r.done)
			if err := p.run(own); err != nil && !errors.Is(err, context.Canceled) {
				failed <- vital.Errorf(vital.KindOf(err), "%s: %w", p.name, err)
			} else if own.Err() == nil {
				failed <- nil
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	var once sync.Once
	for i := len(started) - 1; i >= 0; i-- {
		started[i].cancel()
		select {
		case <-started[i].done:
		case <-time.After(20 * time.Second):
			once.Do(func() { err = errors.Join(err, vital.Errorf(vital.Internal, "%s does not stop", parts[i].name)) })
		}
	}
	return err
}

// guard ends when the journal can no longer promise anything: an error of the
// disk is final, and a process that went on would acknowledge what it cannot keep.
func (n *node) guard(ctx context.Context) error {
	fatal := make(chan error, 1)
	for _, w := range n.writers {
		go func() {
			select {
			case err := <-w.Fatal():
				select {
				case fatal <- err:
				default:
				}
			case <-ctx.Done():
			}
		}()
	}
	select {
	case err := <-fatal:
		return vital.Errorf(vital.Unavailable, "the journal cannot be written any more: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// ready says whether packets can be made durable and are worked off.
func (n *node) ready(context.Context) error {
	for _, w := range n.writers {
		if err := w.Err(); err != nil {
			return vital.Errorf(vital.Unavailable, "the journal cannot be written: %w", err)
		}
	}
	if !n.flow.Begun() {
		return vital.Errorf(vital.Unavailable, "what the journal holds is still being worked off")
	}
	return nil
}

func newLog(level string, w io.Writer) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, vital.Errorf(vital.Invalid, "log-level %q: want debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l})), nil
}
