package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite"

	"github.com/vigilcare/vigil/vital"
)

// This file kills the real program, and cuts the power of its disk, while
// patients become ill and nurses are told. The whole way is judged, from what a
// device was promised to what a nurse's webhook got: one episode is one alarm,
// one page, one delivery, and one Idempotency-Key.

// hall is a ward whose server is struck while alarms are raised.
type hall struct {
	ward
	cuts     bool // there is a disk whose power can be cut
	receiver *receiver
	bedsides []*bedside
	struck   []struck

	place   sync.Mutex
	address string // of the MQTT door; empty: there is none
}

const alarmPatients = 20

// alarms runs, prints and judges.
func (r *rig) alarms(ctx context.Context, seed uint64, kills, cuts int) error {
	result, err := r.runAlarms(ctx, seed, kills, cuts)
	if r.disk != nil {
		r.disk.close()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(result)
	}
	if err != nil {
		return fmt.Errorf("%w (what is left lies in %s)", err, r.dir)
	}
	if !result.kept() {
		return fmt.Errorf("a promise was broken (repeat with -seed %d; what is left lies in %s):\n  %s", seed, r.dir, strings.Join(result.wrong, "\n  "))
	}
	return os.RemoveAll(r.dir)
}

// runAlarms strikes kills and cuts, in an order of chance, under load.
func (r *rig) runAlarms(ctx context.Context, seed uint64, kills, cuts int) (result *alarmsResult, err error) {
	result = &alarmsResult{Kind: "alarms", Seed: seed}
	h := &hall{ward: ward{rig: r, data: filepath.Join(r.dir, "data")}, cuts: cuts > 0}
	if h.cuts {
		if r.disk, err = newDisk(r.dir, "2G"); err != nil {
			return nil, err
		}
		h.data = filepath.Join(r.disk.mount, "data")
	}
	if h.receiver, err = newReceiver(seed); err != nil {
		return nil, err
	}
	defer h.receiver.server.Close()
	r.flags = []string{"--notify-inside", "127.0.0.1/32"}
	token, err := r.call("token", "add", "--data", h.data, "--role", "administrator", "--name", "fault")
	if err != nil {
		return nil, err
	}
	r.token = strings.TrimSpace(string(token))
	if err := h.up(ctx); err != nil {
		return nil, err
	}
	defer func() { h.server.kill() }()
	if err := h.admit(ctx, seed); err != nil {
		return nil, err
	}
	stop := h.load(ctx)
	defer stop()
	for kills+cuts > 0 {
		cut := r.chance.IntN(kills+cuts) < cuts
		pause := 1500*time.Millisecond + time.Duration(r.chance.IntN(4000))*time.Millisecond
		if r.chance.IntN(4) == 0 {
			pause = time.Duration(r.chance.IntN(700)) * time.Millisecond // in the middle of its recovery
		}
		err := sleep(ctx, pause)
		if r.chance.IntN(2) == 0 {
			h.receiver.next(2 * time.Second) // while a nurse is being told
			sleep(ctx, time.Duration(r.chance.IntN(170))*time.Millisecond)
		}
		if err := errors.Join(err, h.strike(ctx, cut)); err != nil {
			return nil, fmt.Errorf("with %d kills and %d cuts to come: %w", kills, cuts, err)
		}
		if cut {
			cuts--
			result.Cuts++
		} else {
			kills--
			result.Kills++
		}
		say("alarms: %d kills and %d power cuts struck", result.Kills, result.Cuts)
	}
	if err := sleep(ctx, 3*time.Second); err != nil {
		return nil, err
	}
	stop()
	e, err := h.settle(ctx)
	if err != nil {
		return nil, err
	}
	e.judge(result)
	return result, nil
}

// up starts a server on what is there.
func (h *hall) up(ctx context.Context) (err error) {
	s, err := h.rig.start(ctx, h.data)
	if err != nil {
		return err
	}
	h.server = s
	h.place.Lock()
	defer h.place.Unlock()
	h.address = s.mqtt
	return nil
}

func (h *hall) door() string {
	h.place.Lock()
	defer h.place.Unlock()
	return h.address
}

// strike ends the server at this instant and starts the next one.
func (h *hall) strike(ctx context.Context, cut bool) error {
	h.place.Lock()
	h.address = ""
	h.place.Unlock()
	x := struck{from: time.Now(), cut: cut}
	var clone string
	var err error
	if cut {
		clone, x.from, err = h.rig.disk.cut()
	}
	h.server.kill()
	x.until = time.Now()
	h.struck = append(h.struck, x)
	if err != nil {
		return err
	}
	if cut {
		for _, b := range h.bedsides {
			b.rollBack(x.from)
		}
		if err := h.rig.disk.becomes(clone); err != nil {
			return fmt.Errorf("mount what the power cut left: %w", err)
		}
		h.data = filepath.Join(h.rig.disk.mount, "data")
	}
	if err := h.up(ctx); err != nil {
		return fmt.Errorf("start on what is left: %w", err)
	}
	return nil
}

// load lets every device measure and send; what it returns lets them come to an
// end and waits for it.
func (h *hall) load(ctx context.Context) (stop func()) {
	measuring, calm := context.WithCancel(ctx)
	sending, quit := context.WithTimeout(ctx, time.Hour)
	var busy sync.WaitGroup
	for _, b := range h.bedsides {
		busy.Go(func() { b.measure(measuring) })
		busy.Go(func() { b.send(sending, h.door) })
	}
	return func() {
		calm()
		late := time.AfterFunc(30*time.Second, quit) // what is not sent by then is found to be missing
		busy.Wait()
		late.Stop()
		quit()
	}
}

// admit makes a ward with patients, devices, and a nurse with a webhook for each.
func (h *hall) admit(ctx context.Context, seed uint64) error {
	type identified struct{ ID string }
	var made identified
	if err := h.call(ctx, "POST", "/wards", object{"name": "Fault", "zone": "UTC", "kind": "adult"}, &made); err != nil {
		return err
	}
	wardID := made.ID
	var covered []object
	for i := range alarmPatients {
		b := &bedside{
			device: fmt.Sprintf("alarm-%02d", i), family: fmt.Sprintf("Fault%02d", i), nurse: fmt.Sprintf("nurse%02d", i),
			remembers: i%4 != 3, chance: rand.New(rand.NewPCG(seed, uint64(i))),
		}
		var bed, patient, user identified
		if err := h.call(ctx, "POST", "/wards/"+wardID+"/beds", object{"label": b.family, "position": i}, &bed); err != nil {
			return err
		}
		number := fmt.Sprintf("A%05d", i)
		err := h.call(ctx, "POST", "/patients", object{
			"family": b.family, "given": "X", "birth": "1960-01-01", "sex": "female", "bed": bed.ID,
			"numbers": []object{{"system": "MRN", "value": number}},
		}, &patient)
		if err != nil {
			return err
		}
		b.patient = patient.ID
		var device struct {
			Credential struct{ Username, Password string }
		}
		if err := h.call(ctx, "POST", "/devices", object{"id": b.device, "label": b.device, "kind": "monitor", "class": "device"}, &device); err != nil {
			return err
		}
		b.username, b.password = device.Credential.Username, device.Credential.Password
		err = h.call(ctx, "POST", "/devices/"+b.device+"/bind", object{"patient": b.patient, "confirm": object{"family": b.family, "number": number}}, nil)
		if err != nil {
			return err
		}
		if user.ID, err = h.engage(ctx, b.nurse, wardID); err != nil {
			return err
		}
		covered = append(covered, object{"bed": bed.ID, "user": user.ID})
		h.bedsides = append(h.bedsides, b)
	}
	from := vital.At(time.Now())
	shift := object{"shift": "all day", "from": from.Add(-time.Hour), "to": from.Add(24 * time.Hour), "items": covered}
	if err := h.call(ctx, "PUT", "/wards/"+wardID+"/assignments", shift, nil); err != nil {
		return err
	}
	var rules struct{ Version string }
	if err := h.call(ctx, "GET", "/rules", nil, &rules); err != nil {
		return err
	}
	return h.call(ctx, "PUT", "/rules", object{"files": []object{{"name": "fault.rule", "text": alarmRules}}, "why": "faults", "base": rules.Version}, nil)
}

// engage makes a nurse who signs in once, and names a webhook.
func (h *hall) engage(ctx context.Context, name, wardID string) (string, error) {
	var invited struct {
		User struct{ ID string }
		Link string
	}
	body := object{"name": name, "username": name, "roles": []string{"nurse"}, "wards": []string{wardID}}
	if err := h.call(ctx, "POST", "/users", body, &invited); err != nil {
		return "", err
	}
	_, secret, _ := strings.Cut(invited.Link, "#")
	browser, err := signIn(ctx, "http://"+h.server.http, secret)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	for _, step := range []struct {
		method, path string
		body         any
	}{
		{"PUT", "/me/channels", object{"items": []object{{"kind": "webhook", "address": h.receiver.address + "/nurse/" + name}}}},
	} {
		text, err := json.Marshal(step.body)
		if err != nil {
			return "", err
		}
		request, err := http.NewRequestWithContext(ctx, step.method, "http://"+h.server.http+"/api/v1"+step.path, bytes.NewReader(text))
		if err != nil {
			return "", err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := browser.Do(request)
		if err != nil {
			return "", err
		}
		response.Body.Close()
		if response.StatusCode >= 300 {
			return "", fmt.Errorf("%s: %s %s: %s", name, step.method, step.path, response.Status)
		}
	}
	return invited.User.ID, nil
}

// settle waits until every alarm is over and every message gone, and gathers
// what there is to judge.
func (h *hall) settle(ctx context.Context) (*evidence, error) {
	e := &evidence{beds: h.bedsides, struck: h.struck}
	store, err := sql.Open("sqlite", "file:"+filepath.Join(h.data, "vigil.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, err
	}
	defer store.Close()
	const waiting = `SELECT (SELECT count(*) FROM alarm WHERE closed = 0 AND NOT technical)
		+ (SELECT count(*) FROM page WHERE settled = 0 AND NOT technical)
		+ (SELECT count(*) FROM delivery d JOIN page p ON p.site = d.site AND p.id = d.page WHERE d.state IN ('queued', 'handing-over') AND NOT p.technical)`
	quiet := 0
	for end := time.Now().Add(h.rig.patience); quiet < 4 && time.Now().Before(end); {
		var n int
		if err := store.QueryRowContext(ctx, waiting).Scan(&n); err != nil {
			return nil, err
		}
		if quiet++; n > 0 {
			quiet = 0
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return nil, err
		}
	}
	for before := ""; ; {
		var page struct {
			Items []raised
			Next  string
		}
		if err := h.call(ctx, "GET", "/alarms?state=all&limit=1000&before="+url.QueryEscape(before), nil, &page); err != nil {
			return nil, err
		}
		e.alarms = append(e.alarms, page.Items...)
		if before = page.Next; before == "" {
			break
		}
	}
	h.server.kill()
	if err := e.read(ctx, store); err != nil {
		return nil, err
	}
	h.receiver.mu.Lock()
	defer h.receiver.mu.Unlock()
	e.messages = h.receiver.messages
	return e, nil
}

// read takes pages, deliveries and deeds from the store.
func (e *evidence) read(ctx context.Context, store *sql.DB) error {
	each := func(query string, row func(*sql.Rows) error) error {
		rows, err := store.QueryContext(ctx, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	}
	e.deeds = map[string]int{}
	return errors.Join(
		each("SELECT p.id, p.alarm, p.kind, p.technical, p.settled, COALESCE(a.closed, 0) FROM page p LEFT JOIN alarm a ON a.site = p.site AND a.id = p.alarm", func(rows *sql.Rows) error {
			var p paged
			err := rows.Scan(&p.id, &p.alarm, &p.kind, &p.technical, &p.settled, &p.closed)
			e.pages = append(e.pages, p)
			return err
		}),
		each("SELECT d.id, d.page, d.person, d.channel, d.state FROM delivery d JOIN page p ON p.site = d.site AND p.id = d.page WHERE NOT p.technical", func(rows *sql.Rows) error {
			var d delivered
			err := rows.Scan(&d.id, &d.page, &d.person, &d.channel, &d.state)
			e.deliveries = append(e.deliveries, d)
			return err
		}),
		each("SELECT alarm, count(*) FROM alarm_deed WHERE kind = 'raised' GROUP BY alarm", func(rows *sql.Rows) error {
			var alarm string
			var n int
			err := rows.Scan(&alarm, &n)
			e.deeds[alarm] = n
			return err
		}),
	)
}
