package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// promises is what the server owes: by device, which sequences were
// acknowledged and up to which it was sent anything at all.
type promises struct {
	acknowledged map[string]map[uint64]bool
	sent         map[string]uint64
}

func newPromises() promises {
	return promises{map[string]map[uint64]bool{}, map[string]uint64{}}
}

func (p promises) acknowledge(device string, n uint64) {
	if p.acknowledged[device] == nil {
		p.acknowledged[device] = map[uint64]bool{}
	}
	p.acknowledged[device][n] = true
	p.sent[device] = max(p.sent[device], n)
}

func (p promises) count() (n int) {
	for _, s := range p.acknowledged {
		n += len(s)
	}
	return n
}

// readLedger adds a load's ledger. An acknowledgement seen after until (zero: no
// limit) counts as sent only: the fault may have come first.
func (p promises) readLedger(name string, until time.Time) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) != 4 {
			return fmt.Errorf("ledger %s: line %q", name, lines.Text())
		}
		n, err1 := strconv.ParseUint(f[2], 10, 64)
		at, err2 := strconv.ParseInt(f[3], 10, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("ledger %s: line %q", name, lines.Text())
		}
		switch {
		case f[0] == "refused":
			return fmt.Errorf("the server refused to connect %s", f[1])
		case f[0] == "ack" && (until.IsZero() || at <= until.UnixNano()):
			p.acknowledge(f[1], n)
		default:
			p.sent[f[1]] = max(p.sent[f[1]], n)
		}
	}
	return lines.Err()
}

// reading is what the comparison needs of one line of
// GET /api/v1/devices/{id}/readings.
type reading struct {
	Sequence uint64
	Metric   string
	Value    json.Number
	Unit     string
}

// finding is what one look at one device found.
type finding struct{ lost, duplicates, wrong int }

// compare holds what a device's stored readings are against what it was promised.
func compare(stored []reading, acknowledged map[uint64]bool, sent uint64) (f finding) {
	seen := make(map[uint64]int, len(stored))
	for _, r := range stored {
		want, _ := strconv.ParseFloat(valueOf(r.Sequence), 64)
		got, err := r.Value.Float64()
		if r.Sequence == 0 || r.Sequence > sent || r.Metric != "heart-rate" || r.Unit != "/min" || err != nil || got != want {
			f.wrong++
			continue
		}
		seen[r.Sequence]++
		if seen[r.Sequence] > 1 {
			f.duplicates++
		}
	}
	for n := range acknowledged {
		if seen[n] == 0 {
			f.lost++
		}
	}
	return f
}

// check reads everything back until nothing is missing or patience ends:
// decoding follows the acknowledgement, it does not come before it.
func (p promises) check(ctx context.Context, s *server, patience time.Duration) (all finding, err error) {
	for end := time.Now().Add(patience); ; time.Sleep(500 * time.Millisecond) {
		all = finding{}
		for device, sent := range p.sent {
			stored, err := s.readings(ctx, device)
			if err != nil {
				return all, err
			}
			f := compare(stored, p.acknowledged[device], sent)
			all.lost += f.lost
			all.duplicates += f.duplicates
			all.wrong += f.wrong
		}
		if all.lost == 0 || time.Now().After(end) || ctx.Err() != nil {
			return all, ctx.Err()
		}
	}
}

// readings streams what the server stores of one device.
func (s *server) readings(ctx context.Context, device string) ([]reading, error) {
	request, err := http.NewRequestWithContext(ctx, "GET", "http://"+s.http+"/api/v1/devices/"+device+"/readings", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("read %s back: %w", device, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read %s back: %s", device, response.Status)
	}
	var stored []reading
	for lines := json.NewDecoder(response.Body); lines.More(); {
		var r reading
		if err := lines.Decode(&r); err != nil {
			return nil, fmt.Errorf("read %s back: line %d: %w", device, len(stored)+1, err)
		}
		stored = append(stored, r)
	}
	return stored, nil
}
