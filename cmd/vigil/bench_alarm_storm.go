package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/watch"
)

// stormSpread is the time over which the devices of a storm send: nothing on a
// network happens in one instant.
const stormSpread = 200 * time.Millisecond

// stormGrid is how often the server's clock ticks.
const stormGrid = time.Duration(watch.TickEvery) * time.Millisecond

// storm lets every device fall into its alarm at once while one patient's heart
// stops, and measures how long that one alarm takes to a screen.
func (b bench) storm(ctx context.Context, f *alarmFigures) error {
	n := b.alarms.storm
	template := filepath.Join(b.dir, "storm-template")
	accounts, patients, err := b.populate(ctx, template, n)
	if err != nil {
		return err
	}
	dir := filepath.Join(b.dir, "storm")
	t, err := fresh(dir, template, func() (target, error) { return startVigil(ctx, dir) })
	if err != nil {
		return err
	}
	defer t.stop()
	w, err := b.attend(ctx, t)
	if err != nil {
		return err
	}
	defer w.close()
	l := newAlarmLoad(t.mqtt, accounts, 1, 0, 0, b.window)
	began := time.Now()
	if err := l.connect(ctx); err != nil {
		return err
	}
	defer l.close()
	for _, d := range l.devices {
		d.conn.SetDeadline(time.Now().Add(5 * time.Minute))
		go d.acknowledge()
	}
	b.say("storm: %d connections in %.1f s", n, time.Since(began).Seconds())
	// Everybody is well, and has been seen, before anything happens.
	if err := l.wave(false, 5*time.Second); err != nil {
		return err
	}
	if err := l.quiet(ctx, 4*time.Minute); err != nil {
		return err
	}
	time.Sleep(5 * time.Second)
	// Begin right after a tick of the server's clock: the next must not decide
	// before the readings do.
	time.Sleep(time.Until(time.Now().Truncate(stormGrid).Add(stormGrid + stormGrid/10)))
	if err := l.wave(true, stormSpread); err != nil {
		return err
	}
	time.Sleep(alarmLowFor)
	// The second low reading of everybody decides; the heart stops among them.
	victim := l.devices[n/2]
	stopped := make(chan time.Time, 1)
	failed := make(chan error, 1)
	fell := time.Now()
	time.AfterFunc(stormSpread, func() {
		victim.count++
		now := time.Now()
		body := fmt.Appendf(nil, `{"seq":%d,"time":%q,"events":[{"kind":"rhythm","code":"ASYSTOLE"}]}`, victim.count, now.UTC().Format("2006-01-02T15:04:05.000Z"))
		_, err := victim.conn.Write(victim.send(nil, "/event", body))
		failed <- err
		stopped <- now
	})
	if err := l.wave(true, stormSpread); err != nil {
		return err
	}
	if err := <-failed; err != nil {
		return err
	}
	at := <-stopped
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if w.count(alarmRule) >= n && w.count("asystole") > 0 {
			break
		}
	}
	time.Sleep(2 * time.Second) // what comes twice comes now
	first := map[string]time.Time{}
	last, twice := fell, 0
	for _, a := range w.raised(alarmRule) {
		if before, known := first[a.owner]; known {
			twice++
			if before.Before(a.at) {
				continue
			}
		}
		first[a.owner] = a.at
	}
	for _, at := range first {
		if at.After(last) {
			last = at
		}
	}
	count, missed := len(first), n-len(first)
	took := float64(last.Sub(fell).Microseconds()) / 1000
	f.Storm, f.StormRaised, f.StormMissed, f.StormTwice, f.StormMillis = n, &count, &missed, &twice, &took
	f.StormHow = fmt.Sprintf("%d connections, each of one device, within %v", n, stormSpread)
	for _, a := range w.raised("asystole") {
		if a.owner == patients[n/2] {
			delay := float64(a.at.Sub(at).Microseconds()) / 1000
			f.Arrest = &delay
			b.say("storm: %d of %d alarms within %.0f ms, %d twice, the arrest after %.0f ms", count, n, took, twice, delay)
			return nil
		}
	}
	return fmt.Errorf("the arrest never came to the screen; of %d alarms %d did", n, count)
}

// quiet waits until everything that was sent has been acknowledged.
func (l *alarmLoad) quiet(ctx context.Context, patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		waiting := 0
		for _, d := range l.devices {
			waiting += len(d.flight)
		}
		if waiting == 0 {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("%d readings are not acknowledged after %v", waiting, patience)
		}
	}
}

// wave lets every device send one reading, spread over a time.
func (l *alarmLoad) wave(low bool, spread time.Duration) error {
	const senders = 8
	var group sync.WaitGroup
	errs := make(chan error, senders)
	start := time.Now()
	n := len(l.devices)
	for s := range senders {
		group.Go(func() {
			for i := s; i < n; i += senders {
				d := l.devices[i]
				time.Sleep(time.Until(start.Add(spread * time.Duration(i) / time.Duration(n))))
				d.flight <- struct{}{}
				d.stamp = max(time.Now().UnixMilli(), d.stamp+1)
				if _, err := d.conn.Write(d.publish(nil, low)); err != nil {
					errs <- fmt.Errorf("send as %s: %w", d.account.device, err)
					return
				}
			}
		})
	}
	group.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}
