package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// seenAlarm is an alarm when it was first seen.
type seenAlarm struct {
	rule  string
	owner string // the patient, or the peer's device
	since int64  // ms since 1970, on the device's clock
	at    time.Time
}

// alarmWatch is a screen: a live socket that asked for every alarm.
type alarmWatch struct {
	conn  *websocket.Conn
	quit  context.CancelFunc
	ended chan struct{}

	mutex  sync.Mutex
	alarms map[string]seenAlarm // by id
	ruled  map[string]int       // alarms by rule
}

func newAlarmWatch(ctx context.Context, r *liveRun) (*alarmWatch, error) {
	conn, _, err := websocket.Dial(ctx, "ws://"+r.target.http+"/api/v1/live", &websocket.DialOptions{
		HTTPClient: &http.Client{Jar: r.client.Jar}, Subprotocols: []string{"vigil.live.1"},
	})
	if err != nil {
		return nil, fmt.Errorf("open the live socket: %w", err)
	}
	conn.SetReadLimit(256 << 20)
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"type":"alarms","ward":"*"}`)); err != nil {
		conn.CloseNow()
		return nil, fmt.Errorf("ask for alarms: %w", err)
	}
	listening, quit := context.WithCancel(ctx)
	w := &alarmWatch{conn: conn, quit: quit, ended: make(chan struct{}), alarms: map[string]seenAlarm{}, ruled: map[string]int{}}
	go w.listen(listening)
	return w, nil
}

func (w *alarmWatch) close() {
	w.quit()
	w.conn.CloseNow()
	<-w.ended
}

// listen notes when each alarm is first seen.
func (w *alarmWatch) listen(ctx context.Context) {
	defer close(w.ended)
	for {
		_, body, err := w.conn.Read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		if len(body) < 2 || body[1] != 1 {
			continue
		}
		var message struct {
			Type  string
			Items []struct {
				ID, Patient, Rule string
				Since             int64
			}
		}
		if json.Unmarshal(body[2:], &message) != nil || message.Type != "alarms" {
			continue
		}
		w.mutex.Lock()
		for _, a := range message.Items {
			if _, known := w.alarms[a.ID]; !known {
				w.alarms[a.ID] = seenAlarm{a.Rule, a.Patient, a.Since, now}
				w.ruled[a.Rule]++
			}
		}
		w.mutex.Unlock()
	}
}

// settle waits until that many alarms of the measured rule have come.
func (w *alarmWatch) settle(ctx context.Context, want int, patience time.Duration) {
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if w.count(alarmRule) >= want {
			time.Sleep(500 * time.Millisecond) // what comes twice comes now
			return
		}
	}
}

func (w *alarmWatch) count(rule string) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.ruled[rule]
}

// raised returns the alarms of a rule.
func (w *alarmWatch) raised(rule string) []seenAlarm {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var found []seenAlarm
	for _, a := range w.alarms {
		if a.rule == rule {
			found = append(found, a)
		}
	}
	return found
}
