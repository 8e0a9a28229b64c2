package webd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// ids are the alarms of a message, in order.
func (h heard) ids() string {
	var ids []string
	for _, i := range h.items() {
		ids = append(ids, i["id"].(string))
	}
	return strings.Join(ids, " ")
}

// nextAlarms reads until alarms come, and wants them full or not.
func (c *tab) nextAlarms(full bool) heard {
	c.t.Helper()
	h := c.until("alarms")
	if h.json["full"] != full {
		c.t.Fatalf("full is %v, want %v: %v", h.json["full"], full, h.json)
	}
	return h
}

// Who asks for alarms gets every open one that may be seen, and every change from
// then on, whichever beds are watched.
func TestLiveAlarms(t *testing.T) {
	w := newWorld(t)
	now := vital.At(begun)
	house := w.find(disk(now))[0]
	a := w.find(low("p-a", now))[0]
	b := w.find(low("p-b", now))[0]
	time.Sleep(100 * time.Millisecond) // the hub has taken them
	c := w.open("nurse")
	c.say(`{"type":"alarms","ward":"*"}`)
	if h := c.nextAlarms(true); h.ids() != a.ID+" "+house.ID {
		t.Fatalf("open are %s, want that of the nurse's patient and, after it, that of the house", h.ids())
	}
	if r := w.ask("nurse", "POST", "/alarms/"+a.ID+"/accept", ""); r.status != 200 {
		t.Fatal(r.status)
	}
	h := c.nextAlarms(false)
	if h.ids() != a.ID {
		t.Fatalf("changed are %s", h.ids())
	}
	item := h.items()[0]
	if owner := item["owner"].(map[string]any); item["bed"] != "b-a1" || item["ward"] != "w-a" || owner["name"] != "The nurse" || item["sound"] != "acknowledged" {
		t.Errorf("accepted is %v", item)
	}
	gone := low("p-a", now+1000)
	gone.Stand = vital.Absent
	w.clock.pass(2 * time.Second)
	w.find(gone)
	if item := c.nextAlarms(false).items()[0]; item["closed"].(float64) == 0 || item["id"] != a.ID {
		t.Errorf("a closed alarm came as %v", item)
	}

	all := w.open("administrator")
	all.say(`{"type":"alarms","ward":"w-b"}`)
	if h := all.nextAlarms(true); h.ids() != b.ID+" "+house.ID {
		t.Errorf("of ward b: %s", h.ids())
	}
	c.say(`{"type":"alarms","ward":"w-b"}`)
	if e := c.until("error").json["error"].(map[string]any); e["kind"] != "not-found" || e["field"] != "ward" {
		t.Errorf("another ward: %v", e)
	}
	kiosk := w.open("kiosk")
	kiosk.say(`{"type":"alarms"}`)
	if h := kiosk.nextAlarms(true); h.ids() != house.ID {
		t.Errorf("a wall screen of ward a sees %s", h.ids())
	}
}

// A page that watches beds after it asked for alarms loses none of them, and the
// snapshot of a bed has its alarms.
func TestLiveAlarmsAndBeds(t *testing.T) {
	w := newWorld(t)
	a := w.find(low("p-a", vital.At(begun)))[0]
	time.Sleep(100 * time.Millisecond)
	c := w.open("nurse")
	c.say(`{"type":"alarms","ward":"*"}`)
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	full, snapshot := false, heard{}
	c.until("snapshot", func(h heard) {
		if h.json["type"] == "alarms" && h.json["full"] == true {
			full = h.ids() == a.ID
		}
		snapshot = h
	})
	bed := snapshot.json["beds"].([]any)[0].(map[string]any)
	if alarms := bed["alarms"].([]any); len(alarms) != 1 || alarms[0].(map[string]any)["id"] != a.ID || alarms[0].(map[string]any)["bed"] != "b-a1" {
		t.Errorf("the bed has %v", alarms)
	}
	if !full {
		if h := c.nextAlarms(true); h.ids() != a.ID {
			t.Errorf("the list of alarms went away with the watch before: %s", h.ids())
		}
	}
}

// Who moved takes the alarms along: one ward's screens lose them, the other's get
// them, at once.
func TestLiveAlarmsMove(t *testing.T) {
	w := newWorld(t)
	a := w.find(low("p-a", vital.At(begun)))[0]
	time.Sleep(100 * time.Millisecond)
	from, to := w.open("nurse"), w.open("administrator")
	from.say(`{"type":"alarms","ward":"*"}`)
	to.say(`{"type":"alarms","ward":"w-b"}`)
	if h := from.nextAlarms(true); h.ids() != a.ID {
		t.Fatalf("before: %s", h.ids())
	}
	if h := to.nextAlarms(true); h.ids() != "" {
		t.Fatalf("before, ward b: %s", h.ids())
	}
	if r := w.ask("administrator", "POST", "/patients/p-a/transfer", `{"bed":"b-b2"}`); r.status != 200 {
		t.Fatal(r.status)
	}
	if h := from.nextAlarms(true); h.ids() != "" {
		t.Errorf("the ward before still has %s", h.ids())
	}
	h := to.nextAlarms(true)
	if h.ids() != a.ID || h.items()[0]["bed"] != "b-b2" || h.items()[0]["ward"] != "w-b" {
		t.Errorf("the new ward has %v", h.json)
	}
}

// A page that comes back gets what changed meanwhile; where that cannot be said
// any more, everything.
func TestLiveAlarmsResume(t *testing.T) {
	w := newWorld(t)
	now := vital.At(begun)
	first := w.find(low("p-a", now))[0]
	time.Sleep(100 * time.Millisecond)
	c := w.open("nurse")
	c.say(`{"type":"alarms","ward":"*"}`)
	last := c.nextAlarms(true).seq
	c.conn.CloseNow()
	again := low("p-a", now)
	again.Part = "b"
	second := w.find(again)[0]
	w.find(func() vital.Finding { f := low("p-b", now); return f }())
	time.Sleep(100 * time.Millisecond)
	c = w.open("nurse")
	c.say(fmt.Sprintf(`{"type":"alarms","ward":"*","resume":%d}`, last))
	if h := c.nextAlarms(false); h.ids() != second.ID {
		t.Errorf("resumed with %s, want what is newer alone", h.ids())
	}
	for _, stranger := range []uint64{12, last << 8} {
		c = w.open("nurse")
		c.say(fmt.Sprintf(`{"type":"alarms","ward":"*","resume":%d}`, stranger))
		if h := c.nextAlarms(true); !strings.Contains(h.ids(), first.ID) || !strings.Contains(h.ids(), second.ID) {
			t.Errorf("a number of another life brought %s", h.ids())
		}
	}
}

// A reader that does not keep up loses no change of an alarm.
func TestLiveAlarmsSlowReader(t *testing.T) {
	w := newWorld(t)
	time.Sleep(100 * time.Millisecond) // the hub knows who lies where
	c := w.open("nurse")
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	c.until("snapshot")
	c.say(`{"type":"alarms","ward":"*"}`)
	c.nextAlarms(true)
	const rounds = 300
	now := vital.At(begun)
	for i := range rounds {
		var values []watch.Value
		for m := range 200 {
			v := reading("p-a", fmt.Sprintf("x:metric-%03d", m), int64(i))
			v.Device = vital.DeviceID(strings.Repeat("d", 200))
			values = append(values, v)
		}
		a := alarm.Alarm{ID: fmt.Sprintf("a-%03d", i), Patient: "p-a", Rule: "x", Priority: vital.High, Peak: vital.High, Condition: alarm.Present, Raised: now, Sound: alarm.On}
		over := a
		over.Closed, over.Condition = now+1, alarm.Ended
		// Each is raised and over within a moment, beside far more than the line takes.
		w.flow.publish(&watch.Update{Values: values, Alarms: []alarm.Alarm{a, over}})
		time.Sleep(2 * time.Millisecond)
	}
	time.Sleep(300 * time.Millisecond)
	raised, closed := map[string]bool{}, map[string]bool{}
	for len(closed) < rounds {
		h, err := c.hear()
		if err != nil {
			t.Fatalf("%v; %d raised, %d closed", err, len(raised), len(closed))
		}
		if h.json["type"] != "alarms" {
			continue
		}
		for _, i := range h.items() {
			id := i["id"].(string)
			switch {
			case i["closed"].(float64) > 0 && !raised[id]:
				t.Errorf("%s was over before it was raised", id)
			case i["closed"].(float64) > 0:
				closed[id] = true
			default:
				raised[id] = true
			}
		}
	}
	if len(raised) != rounds {
		t.Errorf("%d of %d were seen when they were raised", len(raised), rounds)
	}
}

// Only the words of an alarm changed, many times in a moment: the newest is sent.
func TestLiveAlarmsWords(t *testing.T) {
	w := newWorld(t)
	time.Sleep(100 * time.Millisecond) // the hub knows who lies where
	c := w.open("nurse")
	c.say(`{"type":"alarms","ward":"*"}`)
	c.nextAlarms(true)
	u := &watch.Update{}
	for i := range 20 {
		u.Alarms = append(u.Alarms, alarm.Alarm{ID: "a-1", Patient: "p-a", Text: fmt.Sprintf("SpO2 %d %%", 89-i), Priority: vital.High, Condition: alarm.Present, Sound: alarm.On})
	}
	worse := u.Alarms[19]
	worse.Level = 1
	u.Alarms = append(u.Alarms, worse)
	w.flow.publish(u)
	items := c.nextAlarms(false).items()
	if len(items) != 2 || items[0]["text"] != "SpO2 70 %" || items[0]["level"] != 0.0 || items[1]["level"] != 1.0 {
		t.Errorf("%d came: %v", len(items), items)
	}
}

// More alarms are open than a slow reader's queue may hold: they come all the same.
func TestLiveAlarmsMany(t *testing.T) {
	w := newWorld(t)
	time.Sleep(100 * time.Millisecond) // the hub knows who lies where
	const many = 6000
	u := &watch.Update{}
	for i := range many {
		u.Alarms = append(u.Alarms, alarm.Alarm{ID: fmt.Sprintf("a-%04d", i), Patient: "p-a", Text: strings.Repeat("x", 500), Priority: vital.High, Condition: alarm.Present, Sound: alarm.On})
	}
	w.flow.publish(u)
	time.Sleep(500 * time.Millisecond)
	c := w.open("nurse")
	c.say(`{"type":"alarms","ward":"*"}`)
	c.say(`{"type":"watch","beds":["b-a1"],"waves":[]}`)
	// While both lists are on their way, more comes than fits beside them.
	for range 30 {
		time.Sleep(10 * time.Millisecond)
		w.flow.publish(&watch.Update{Values: []watch.Value{reading("p-a", "heart-rate", 80)}, Changed: true})
	}
	most, beds := 0, 0
	for most < many || beds == 0 {
		h, err := c.hear()
		if err != nil {
			t.Fatalf("%v; %d alarms, %d snapshots", err, most, beds)
		}
		switch h.json["type"] {
		case "alarms":
			most = max(most, len(h.items()))
		case "snapshot":
			beds++
		}
	}
}
