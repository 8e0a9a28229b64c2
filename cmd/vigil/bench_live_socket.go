package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// watch opens the socket as a browser tab does and asks for every bed.
func (r *liveRun) watch(ctx context.Context) (*websocket.Conn, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+r.target.http+"/api/v1/live", &websocket.DialOptions{
		HTTPClient: &http.Client{Jar: r.client.Jar}, Subprotocols: []string{"vigil.live.1"},
	})
	if err != nil {
		return nil, fmt.Errorf("open the live socket: %w", err)
	}
	conn.SetReadLimit(16 << 20)
	ask, err := json.Marshal(map[string]any{"type": "watch", "beds": r.beds, "waves": []string{"ecg-ii"}})
	if err == nil {
		err = conn.Write(ctx, websocket.MessageText, ask)
	}
	if err != nil {
		conn.CloseNow()
		return nil, fmt.Errorf("watch %d beds: %w", len(r.beds), err)
	}
	return conn, nil
}

// listen notes when each value arrives, and how long waveforms pause.
func (r *liveRun) listen(ctx context.Context, conn *websocket.Conn) {
	for {
		_, body, err := conn.Read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		if len(body) < 2 {
			continue
		}
		if body[1] == 2 {
			r.sawWaves(now)
			continue
		}
		var message struct {
			Type  string
			Items []struct{ Device, Metric, Value string }
		}
		if json.Unmarshal(body[2:], &message) != nil || message.Type != "values" {
			continue
		}
		r.mutex.Lock()
		for _, v := range message.Items {
			r.saw(v.Device, v.Metric, v.Value, now)
		}
		r.mutex.Unlock()
	}
}

func (r *liveRun) sawWaves(now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.counting.Load() && !r.lastWave.IsZero() {
		r.gap = max(r.gap, now.Sub(r.lastWave))
	}
	r.lastWave = now
}

// saw finds the packet that a value came in by the value itself.
func (r *liveRun) saw(device, metric, value string, now time.Time) {
	d, err := strconv.Atoi(strings.TrimPrefix(device, "bench-"))
	_, fraction, found := strings.Cut(value, ".")
	step, err2 := strconv.Atoi(fraction)
	m, known := r.known[metric]
	if err != nil || err2 != nil || !found || !known || d >= len(r.devices) || step >= liveSteps {
		return
	}
	key := seenKey{d, m, step}
	if !r.devices[d].counted[step].Load() || r.seen[key] {
		return
	}
	r.seen[key] = true
	r.micros = append(r.micros, (now.UnixNano()-r.devices[d].sentAt[step].Load())/1000)
}

// stored reads everything back and counts the readings of the measured packets.
func (r *liveRun) stored(ctx context.Context) (count int, err error) {
	for _, d := range r.devices {
		request, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.target.http+"/api/v1/devices/"+d.account.device+"/readings", nil)
		if err != nil {
			return 0, err
		}
		response, err := r.client.Do(request)
		if err != nil {
			return 0, err
		}
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			var v struct {
				Metric string
				Value  json.Number
			}
			if json.Unmarshal(lines.Bytes(), &v) != nil {
				continue
			}
			_, fraction, _ := strings.Cut(v.Value.String(), ".")
			step, err := strconv.Atoi(fraction)
			if _, known := r.known[v.Metric]; known && err == nil && step < liveSteps && d.counted[step].Load() {
				count++
			}
		}
		response.Body.Close()
		if err := lines.Err(); err != nil {
			return 0, err
		}
	}
	return count, nil
}
