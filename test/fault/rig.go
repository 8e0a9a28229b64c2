package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// rig runs rounds and keeps the promises of all of them: a reading acknowledged
// in the first round must still be there after the last.
type rig struct {
	dir      string
	self     string        // this command, for the load's process
	program  []string      // the server's command
	flags    []string      // of serve, more than it always gets
	patience time.Duration // for a recovered server to decode what it holds
	devices  int
	rate     int
	chance   *rand.Rand
	disk     *disk
	token    string
	senders  []sender
	base     time.Time
	promises promises
	result   result
}

const window = 16 // publishes in flight of each device

func (r *rig) run(ctx context.Context, rounds int) (err error) {
	data := filepath.Join(r.dir, "data")
	switch r.result.Kind {
	case "powercut":
		r.disk, err = newDisk(r.dir, "4G")
	case "full":
		r.disk, err = newDisk(r.dir, "1G")
	case "kill":
	default:
		err = fmt.Errorf("there is no fault %q: powercut, kill or full", r.result.Kind)
	}
	if err != nil {
		return err
	}
	if r.disk != nil {
		data = filepath.Join(r.disk.mount, "data")
	}
	if r.senders, r.token, err = r.enrol(data); err != nil {
		return err
	}
	r.base, r.promises = time.Now(), newPromises()
	for round := 1; round <= rounds; round++ {
		before := r.result
		switch r.result.Kind {
		case "powercut":
			err = r.powercut(ctx, round)
		case "kill":
			err = r.kill(ctx, data, round)
		case "full":
			err = r.full(ctx, data, round)
		}
		if err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		r.result.Rounds, r.result.Acknowledged = round, r.promises.count()
		say("round %d: acknowledged %d in all, lost %d, duplicates %d, wrong %d", round, r.result.Acknowledged,
			r.result.Lost-before.Lost, r.result.Duplicates-before.Duplicates, r.result.Wrong-before.Wrong)
	}
	return nil
}

// instant waits for a random time while the load runs.
func (r *rig) instant(ctx context.Context) error {
	return sleep(ctx, 1500*time.Millisecond+time.Duration(r.chance.IntN(4000))*time.Millisecond)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *rig) powercut(ctx context.Context, round int) error {
	s, err := r.start(ctx, filepath.Join(r.disk.mount, "data"))
	if err != nil {
		return err
	}
	l, err := r.load(s, round, r.senders)
	if err != nil {
		s.kill()
		return err
	}
	err = r.instant(ctx)
	clone, before, cutErr := r.disk.cut()
	s.kill()
	if err := errors.Join(err, cutErr, l.end()); err != nil {
		return err
	}
	if err := r.promises.readLedger(l.ledger, before); err != nil {
		return err
	}
	if err := r.disk.becomes(clone); err != nil {
		return fmt.Errorf("mount what the power cut left: %w", err)
	}
	return r.recover(ctx, filepath.Join(r.disk.mount, "data"), round)
}

func (r *rig) kill(ctx context.Context, data string, round int) error {
	s, err := r.start(ctx, data)
	if err != nil {
		return err
	}
	l, err := r.load(s, round, r.senders)
	if err != nil {
		s.kill()
		return err
	}
	err = r.instant(ctx)
	s.kill()
	if err := errors.Join(err, l.end()); err != nil {
		return err
	}
	if err := r.promises.readLedger(l.ledger, time.Time{}); err != nil {
		return err
	}
	return r.recover(ctx, data, round)
}

// full fills the disk under a running server, frees it again, and sees whether
// the server goes on by itself; if it does not, a new one is started.
func (r *rig) full(ctx context.Context, data string, round int) error {
	s, err := r.start(ctx, data)
	if err != nil {
		return err
	}
	defer func() { s.kill() }()
	l, err := r.load(s, round, r.senders)
	if err != nil {
		return err
	}
	err = r.instant(ctx)
	ballast := filepath.Join(r.disk.mount, "ballast")
	fillErr := fill(ballast)
	err = errors.Join(err, fillErr, sleep(ctx, 5*time.Second))
	os.Remove(ballast)
	if err := errors.Join(err, sleep(ctx, 10*time.Second), l.end()); err != nil {
		return err
	}
	if err := r.promises.readLedger(l.ledger, time.Time{}); err != nil {
		return err
	}
	resumed := r.alive(ctx, s)
	r.result.Resumed = &resumed
	s.kill()
	return r.recover(ctx, data, round)
}

// alive reports whether the server still answers.
func (r *rig) alive(ctx context.Context, s *server) bool {
	select {
	case <-s.ended:
		return false
	default:
	}
	_, err := s.readings(ctx, r.senders[0].Device)
	return err == nil
}

// fill writes until the disk takes no more.
func fill(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			block = block[:len(block)/2]
		} else if err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// recover starts a server on what is left, compares it with the ledger, and then
// does what devices do: send again what was not acknowledged, and also a little
// that was, because its answer got lost on the way.
func (r *rig) recover(ctx context.Context, data string, round int) error {
	s, err := r.start(ctx, data)
	if err != nil {
		return fmt.Errorf("start on what is left: %w", err)
	}
	defer func() { s.kill() }()
	f, err := r.promises.check(ctx, s, r.patience)
	if err != nil {
		return err
	}
	r.result.Lost += f.lost
	again := make([]sender, 0, len(r.senders))
	for i, one := range r.senders {
		done, sent := r.promises.acknowledged[one.Device], r.promises.sent[one.Device]
		first := uint64(1)
		for done[first] {
			first++
		}
		one.From, one.To = max(1, min(first, sent+1)-min(first-1, 50)), sent
		for n := one.From; n <= sent; n++ {
			if done[n] {
				r.result.Resent++
			} else {
				r.result.Limbo++
			}
		}
		r.senders[i].From = sent + 1
		if sent > 0 {
			again = append(again, one)
		}
	}
	l, err := r.load(s, round, again)
	if err != nil {
		return err
	}
	if err := l.wait(60 * time.Second); err != nil {
		return err
	}
	if err := r.promises.readLedger(l.ledger, time.Time{}); err != nil {
		return err
	}
	for _, one := range again {
		for n := one.From; n <= one.To; n++ {
			if !r.promises.acknowledged[one.Device][n] {
				return fmt.Errorf("%s: sequence %d, sent again, was not acknowledged", one.Device, n)
			}
		}
	}
	again2, err := r.promises.check(ctx, s, r.patience)
	if err != nil {
		return err
	}
	r.result.Lost += max(0, again2.lost-f.lost)
	r.result.Duplicates += again2.duplicates
	r.result.Wrong += again2.wrong
	return nil
}

// load is the process that sends and keeps the ledger.
type load struct {
	run    *exec.Cmd
	in     io.WriteCloser
	ledger string
	out    bytes.Buffer
}

func (r *rig) load(s *server, round int, senders []sender) (*load, error) {
	l := &load{run: exec.Command(r.self, "load")}
	ledger, err := os.CreateTemp(r.dir, fmt.Sprintf("ledger-%d-", round))
	if err != nil {
		return nil, err
	}
	ledger.Close()
	l.ledger = ledger.Name()
	if l.in, err = l.run.StdinPipe(); err != nil {
		return nil, err
	}
	l.run.Stderr = &l.out
	if err := l.run.Start(); err != nil {
		return nil, err
	}
	return l, json.NewEncoder(l.in).Encode(loadPlan{
		MQTT: s.mqtt, Ledger: l.ledger, Senders: senders, Window: window,
		Every: int64(r.devices) * 1_000_000 / int64(r.rate), Base: r.base.UnixMilli(),
	})
}

// end tells the load that it has sent enough and waits for its ledger.
func (l *load) end() error {
	l.in.Close()
	return l.wait(40 * time.Second)
}

func (l *load) wait(limit time.Duration) error {
	ended := make(chan error, 1)
	go func() { ended <- l.run.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("the load: %w: %s", err, tail(l.out.Bytes()))
		}
		return nil
	case <-time.After(limit):
		l.run.Process.Kill()
		<-ended
		return fmt.Errorf("the load did not end in %v", limit)
	}
}

// close unmounts, and removes what no one needs to look at.
func (r *rig) close(err error) {
	if r.disk != nil {
		r.disk.close()
	}
	if err == nil && r.result.kept() {
		os.RemoveAll(r.dir)
	} else {
		say("what is left lies in %s", r.dir)
	}
}
