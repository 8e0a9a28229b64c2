package webd_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/store"
)

// scenario is one request and what must come of it.
type scenario struct {
	name   string
	who    string // "" nobody, else a role or class
	method string
	path   string
	body   string
	status int
	want   []string // parts of the body
	not    []string // must not be in the body
	header []string
}

// scenarios run against one world each group, in order.
func run(t *testing.T, w *world, scenarios []scenario) {
	for _, s := range scenarios {
		name := s.name
		if name == "" {
			name = s.method + " " + s.path + " as " + s.who
		}
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			a := w.ask(s.who, s.method, s.path, s.body, s.header...)
			if a.status != s.status {
				t.Fatalf("status %d, want %d\n%s\n%s", a.status, s.status, a.body, w.log)
			}
			for _, part := range s.want {
				if !strings.Contains(string(a.body), part) {
					t.Errorf("body lacks %q\n%s", part, a.body)
				}
			}
			for _, part := range s.not {
				if strings.Contains(string(a.body), part) {
					t.Errorf("body holds %q\n%s", part, a.body)
				}
			}
		})
	}
}

func at(d time.Duration) string { return begun.Add(d).Format(time.RFC3339) }

func TestPlaces(t *testing.T) {
	run(t, newWorld(t), []scenario{
		{who: "administrator", method: "GET", path: "/wards", status: 200, want: []string{`"w-a"`, `"w-b"`, `"beds":2`, `"patients":1`}},
		{who: "nurse", method: "GET", path: "/wards", status: 200, want: []string{`"w-a"`}, not: []string{"w-b"}},
		{who: "nurse", method: "GET", path: "/wards/w-a", status: 200, want: []string{
			`"family":"Abel"`, `"value":"72"`, `"state":"watched"`, `"label":"Monitor a"`, `"limits":[]`, `"alarms":[]`, `"patient":null`, `"rooms":[{"id":"r-a"`,
		}, not: []string{"Baker"}},
		{who: "nurse", method: "GET", path: "/wards/w-b", status: 404, want: []string{`"kind":"not-found"`}, not: []string{"Baker"}},
		{who: "nurse", method: "GET", path: "/wards/w-none", status: 404},
		{who: "kiosk", method: "GET", path: "/wards/w-a", status: 200, want: []string{"Abel"}},
		{who: "kiosk", method: "GET", path: "/wards/w-b", status: 404},
		{who: "", method: "GET", path: "/wards", status: 401, want: []string{`"kind":"unauthenticated"`}},
		{who: "nurse", method: "POST", path: "/wards", body: `{"name":"X","zone":"UTC","kind":"adult"}`, status: 403, want: []string{`"kind":"denied"`}},
		{who: "administrator", method: "POST", path: "/wards", body: `{"name":"Night","zone":"Europe/Zurich","kind":"adult"}`, status: 201, want: []string{`"name":"Night"`}},
		{who: "administrator", method: "POST", path: "/wards", body: `{"name":"Night","zone":"Mars/Olympus","kind":"adult"}`, status: 400, want: []string{`"field":"zone"`}},
		{who: "administrator", method: "POST", path: "/wards", body: `{"name":"Night","zone":"UTC","knid":"adult"}`, status: 400, want: []string{`"field":"knid"`}},
		{who: "administrator", method: "POST", path: "/wards", body: `{"name":5}`, status: 400, want: []string{`"field":"name"`}},
		{who: "administrator", method: "POST", path: "/wards", body: `{"name":"a"}{}`, status: 400},
		{who: "administrator", method: "POST", path: "/wards", body: `{"name":"` + strings.Repeat("x", 2<<20) + `"}`, status: 429, want: []string{`"kind":"too-much"`}},
		{who: "administrator", method: "PUT", path: "/wards/w-a", body: `{"name":"Heart","zone":"UTC","kind":"high-dependency"}`, status: 200, want: []string{`"name":"Heart"`, `"beds":2`}},
		{who: "administrator", method: "PUT", path: "/wards/w-none", body: `{"name":"Heart","zone":"UTC","kind":"adult"}`, status: 404},
		{who: "administrator", method: "POST", path: "/wards/w-a/rooms", body: `{"name":"Isolation"}`, status: 201, want: []string{`"name":"Isolation"`}},
		{who: "administrator", method: "POST", path: "/wards/w-a/rooms", body: `{"name":" isolation "}`, status: 409, want: []string{`"field":"name"`}},
		{name: "another ward may have a room of that name", who: "administrator", method: "POST", path: "/wards/w-b/rooms", body: `{"name":"Isolation"}`, status: 201},
		{who: "administrator", method: "POST", path: "/wards/w-none/rooms", body: `{"name":"Isolation"}`, status: 404},
		{who: "nurse", method: "POST", path: "/wards/w-a/rooms", body: `{"name":"Kitchen"}`, status: 403},
		{who: "administrator", method: "POST", path: "/wards/w-a/beds", body: `{"label":"12","room":"r-a"}`, status: 201, want: []string{`"position":3`, `"room":"r-a"`}},
		{who: "administrator", method: "POST", path: "/wards/w-a/beds", body: `{"label":"13","room":"r-b"}`, status: 404, want: []string{`"field":"room"`}},
		{who: "administrator", method: "GET", path: "/no-such-thing", status: 404, want: []string{"openapi.json"}},
	})
}

func TestRooms(t *testing.T) {
	w := newWorld(t)
	must[store.Room](t)(w.store.PutRoom(t.Context(), system, store.Room{ID: "r-ä", Ward: "w-b", Name: "Überwachung 12"}))
	run(t, w, []scenario{
		{who: "administrator", method: "GET", path: "/rooms", status: 200, want: []string{`{"id":"r-a","name":"Room a","ward":"w-a","wardName":"Ward a"}`, `"r-b"`}},
		{name: "by the ward's name and the room's", who: "administrator", method: "GET", path: "/rooms?q=WARD+b+room", status: 200, want: []string{`"r-b"`}, not: []string{`"r-a"`, `"r-ä"`}},
		{name: "letters beyond ASCII", who: "administrator", method: "GET", path: "/rooms?q=%C3%BCber", status: 200, want: []string{`"r-ä"`}, not: []string{`"r-b"`}},
		{who: "administrator", method: "GET", path: "/rooms?q=%25", status: 200, want: []string{`"items":[]`}},
		{who: "nurse", method: "GET", path: "/rooms", status: 200, want: []string{`"r-a"`}, not: []string{"r-b", "Ward b", "berwachung"}},
		{name: "a search tells nothing of another ward", who: "nurse", method: "GET", path: "/rooms?q=ward+b", status: 200, want: []string{`{"items":[]}`}},
		{who: "technician", method: "GET", path: "/rooms", status: 200, want: []string{`"r-a"`}, not: []string{"r-b"}},
		{who: "", method: "GET", path: "/rooms", status: 401},
	})
}

// A device that stands in a room is shown with the room's name, to those who may
// see the room.
func TestRoomBinding(t *testing.T) {
	run(t, newWorld(t), []scenario{
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-none"}`, status: 404, want: []string{`"field":"room"`}},
		{name: "a room of another ward is as one that is not there", who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-b"}`, status: 404, want: []string{`"field":"room"`}, not: []string{"Room b"}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{}`, status: 400, want: []string{`"field":"patient"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-a","patient":"p-a"}`, status: 400},
		{who: "technician", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-a"}`, status: 403},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-a"}`, status: 201, want: []string{`"room":"r-a","roomName":"Room a","wardName":"Ward a"`}},
		{who: "nurse", method: "GET", path: "/devices?q=pump", status: 200, want: []string{`"roomName":"Room a"`}},
		{who: "technician", method: "GET", path: "/devices/pump-1", status: 200, want: []string{`"roomName":"Room a"`, `"patient":""`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/unbind", body: `{"why":"moved"}`, status: 200, want: []string{`"roomName":"Room a"`, `"to":"`}},
		{who: "nurse", method: "GET", path: "/devices/pump-1", status: 200, want: []string{`"binding":null`}},
		{who: "administrator", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-b"}`, status: 201, want: []string{`"wardName":"Ward b"`}},
		{name: "newest first", who: "administrator", method: "GET", path: "/devices/pump-1/bindings", status: 200, want: []string{`{"items":[{"id":"`, `"roomName":"Room b"`, `"roomName":"Room a"`}},
		{name: "what is in another ward now is not told", who: "nurse", method: "GET", path: "/devices/pump-1/bindings", status: 200, want: []string{`"roomName":"Room a"`}, not: []string{"r-b", "Room b", "Ward b"}},
		{who: "nurse", method: "GET", path: "/devices/monitor-b/bindings", status: 404},
	})
}

func TestPatients(t *testing.T) {
	run(t, newWorld(t), []scenario{
		{who: "nurse", method: "GET", path: "/patients?q=ab", status: 200, want: []string{"Abel"}, not: []string{"Baker"}},
		{who: "nurse", method: "GET", path: "/patients?q=baker", status: 200, want: []string{`"items":[]`}},
		{who: "administrator", method: "GET", path: "/patients?ward=w-b", status: 200, want: []string{"Baker", `"bed":"b-b1"`}, not: []string{"Abel"}},
		{who: "kiosk", method: "GET", path: "/patients", status: 403},
		{who: "technician", method: "GET", path: "/patients/p-a", status: 403, not: []string{"Abel"}},
		{who: "nurse", method: "GET", path: "/patients/p-a", status: 200, want: []string{
			`"family":"Abel"`, `"bed":"b-a1"`, `"admissions":[{`, `"bindings":[{`, `"device":"monitor-a"`, `"standby":null`, `"plan":[]`, `"numbers":[{"system":"mrn","value":"100a"}]`,
		}},
		{who: "nurse", method: "GET", path: "/patients/p-b", status: 404, not: []string{"Baker"}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"Cole","given":"Eve","birth":"2001-02-03","sex":"female","numbers":[]}`, status: 412, want: []string{`"field":"bed"`}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"Cole","given":"Eve","birth":"2001-02-03","sex":"female","numbers":[{"system":"mrn","value":"7"}],"bed":"b-a2"}`, status: 201, want: []string{`"family":"Cole"`, `"bed":"b-a2"`}},
		{name: "a taken bed leaves no patient behind", who: "nurse", method: "POST", path: "/patients", body: `{"family":"Dunn","given":"Eve","birth":"","sex":"","numbers":[],"bed":"b-a2"}`, status: 409, want: []string{`"field":"bed"`}},
		{who: "administrator", method: "GET", path: "/patients?q=dunn", status: 200, want: []string{`"items":[]`}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"Dunn","given":"Eve","birth":"","sex":"","numbers":[],"bed":"b-b2"}`, status: 404, want: []string{`"field":"bed"`}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"","given":"","birth":"","sex":"","numbers":[]}`, status: 400, want: []string{`"field":"family"`}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"X","given":"","birth":"3001-01-01","sex":"","numbers":[]}`, status: 400, want: []string{`"field":"birth"`}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"X","given":"","birth":"","sex":"f","numbers":[]}`, status: 400, want: []string{`"field":"sex"`}},
		{who: "nurse", method: "POST", path: "/patients", body: `{"family":"X","given":"","birth":"","sex":"","numbers":[{"system":"mrn","value":" "}]}`, status: 400, want: []string{`"field":"numbers[0].value"`}},
		{who: "nurse", method: "PUT", path: "/patients/p-a", body: `{"family":"Abel","given":"Ida","birth":"1950-05-17","sex":"female","numbers":[{"system":"mrn","value":"100a"}],"flags":["latex"]}`, status: 200, want: []string{`"flags":["latex"]`}},
		{who: "nurse", method: "PUT", path: "/patients/p-b", body: `{"family":"Abel","given":"","birth":"","sex":"","numbers":[]}`, status: 404},
	})
}

func TestStays(t *testing.T) {
	run(t, newWorld(t), []scenario{
		{who: "nurse", method: "POST", path: "/patients/p-a/admit", body: `{"bed":"b-a2"}`, status: 409},
		{who: "nurse", method: "POST", path: "/patients/p-a/transfer", body: `{"bed":"b-b2"}`, status: 404, want: []string{`"field":"bed"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/transfer", body: `{"bed":"b-a2","at":"` + at(time.Hour) + `"}`, status: 400, want: []string{`"field":"at"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/transfer", body: `{"bed":"b-a2"}`, status: 200, want: []string{`"bed":"b-a2"`, `"to":null`}},
		{who: "nurse", method: "POST", path: "/patients/p-b/transfer", body: `{"bed":"b-a1"}`, status: 404},
		{who: "technician", method: "POST", path: "/patients/p-a/transfer", body: `{"bed":"b-a1"}`, status: 403},
		{who: "nurse", method: "POST", path: "/beds/swap", body: `{"a":"b-a1","b":"b-a2"}`, status: 204},
		{who: "nurse", method: "GET", path: "/patients/p-a", status: 200, want: []string{`"bed":"b-a1"`}},
		{who: "nurse", method: "POST", path: "/beds/swap", body: `{"a":"b-a1","b":"b-b1"}`, status: 404, want: []string{`"field":"b"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/discharge", body: `{"why":"home"}`, status: 204},
		{name: "discharge has closed the binding", who: "administrator", method: "GET", path: "/devices/monitor-a", status: 200, want: []string{`"binding":null`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/discharge", body: `{"why":"home"}`, status: 409},
		{who: "nurse", method: "POST", path: "/patients/p-a/admit", body: `{"bed":"b-a1"}`, status: 201, want: []string{`"bed":"b-a1"`}},
	})
}

func TestCare(t *testing.T) {
	w := newWorld(t)
	run(t, w, []scenario{
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"resp-rate","value":18,"unit":"/min"},{"metric":"temperature","value":36.60,"unit":"Cel"}],"note":"calm"}`, status: 201, want: []string{`"value":36.60`, `"by":"The nurse"`, `"note":"calm"`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/observations", status: 200, want: []string{`"value":36.60`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"resp-rate","value":180,"unit":"/min"}]}`, status: 400, want: []string{`"field":"items[0].value"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"resp-rate","value":18}]}`, status: 400, want: []string{`"field":"items[0].unit"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"resp-rate","value":18,"unit":"kg"}]}`, status: 400, want: []string{`"field":"items[0].unit"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"resp-rate","code":"A"}]}`, status: 400, want: []string{`"field":"items[0].code"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"mood","value":1,"unit":"1"}]}`, status: 400, want: []string{`"field":"items[0].metric"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/observations", body: `{"items":[]}`, status: 400, want: []string{`"field":"items"`}},
		{who: "nurse", method: "POST", path: "/patients/p-b/observations", body: `{"items":[{"metric":"resp-rate","value":18,"unit":"/min"}]}`, status: 404},
		{who: "kiosk", method: "POST", path: "/patients/p-a/observations", body: `{"items":[{"metric":"resp-rate","value":18,"unit":"/min"}]}`, status: 403},
		{who: "nurse", method: "POST", path: "/patients/p-a/annotations", body: `{"text":"<b>walked</b>","kind":"note"}`, status: 201, want: []string{`walked`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/annotations", body: `{"text":"  "}`, status: 400, want: []string{`"field":"text"`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/annotations", status: 200, want: []string{"walked"}},
		{who: "nurse", method: "GET", path: "/patients/p-a/timeline", status: 200, want: []string{`"kind":"observation"`, `"kind":"annotation"`, `"kind":"admission"`, `"kind":"binding"`, `"by":"The nurse"`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/timeline", status: 404},
		{who: "nurse", method: "POST", path: "/patients/p-a/standby", body: `{"reason":"theatre","minutes":30}`, status: 201, want: []string{`"reason":"theatre"`, `"by":"The nurse"`}},
		{who: "nurse", method: "POST", path: "/patients/p-a/standby", body: `{"reason":"theatre","minutes":0}`, status: 400, want: []string{`"field":"minutes"`}},
		{who: "nurse", method: "GET", path: "/patients/p-a", status: 200, want: []string{`"standby":{"reason":"theatre","by":"The nurse"`}},
		{who: "nurse", method: "DELETE", path: "/patients/p-a/standby", status: 204},
		{who: "nurse", method: "DELETE", path: "/patients/p-a/standby", status: 409},
		{who: "nurse", method: "PUT", path: "/patients/p-a/plan", body: `{"items":[]}`, status: 403},
		{who: "clinician", method: "PUT", path: "/patients/p-a/plan", body: `{"items":[{"metric":"heart-rate","kind":"continuous","every":10}]}`, status: 200, want: []string{`"every":10`}},
		{who: "clinician", method: "PUT", path: "/patients/p-a/plan", body: `{"items":[{"metric":"heart-rate","kind":"often","every":10}]}`, status: 400, want: []string{`"field":"items[0].kind"`}},
		{who: "nurse", method: "GET", path: "/patients/p-a/gaps", status: 200, want: []string{`"items":[]`}},
		{who: "nurse", method: "GET", path: "/patients/p-b/gaps", status: 404},
		{who: "nurse", method: "GET", path: "/wards/w-a/gaps", status: 200, want: []string{`"patient":"p-a"`, `"streams":[]`}, not: []string{"p-b"}},
		{who: "nurse", method: "GET", path: "/wards/w-b/gaps", status: 404},
		{who: "nurse", method: "GET", path: "/patients/p-a/gaps?from=now", status: 400, want: []string{`"field":"from"`}},
	})
	if len(w.flow.observed) != 2 || !w.flow.observed[0].Quality.Has(1<<6) {
		t.Errorf("the flow got %v, want two manual readings", w.flow.observed)
	}
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	run(t, w, []scenario{
		{who: "technician", method: "GET", path: "/devices?q=monitor", status: 200, want: []string{"monitor-a", "monitor-b", `"clockOffsetMs":null`}, not: []string{"pump-1", "Abel"}},
		{who: "nurse", method: "GET", path: "/devices", status: 200, want: []string{"monitor-a", "pump-1"}, not: []string{"monitor-b"}},
		{who: "nurse", method: "GET", path: "/devices/monitor-b", status: 404},
		{who: "technician", method: "POST", path: "/devices", body: `{"id":"scale-1","label":"Scale","kind":"scale","regulatory":"medical"}`, status: 201, want: []string{`"username":"scale-1"`, `"password":"`, `"topic":"v1/scale-1/telemetry"`}},
		{who: "technician", method: "POST", path: "/devices", body: `{"id":"scale-1","label":"Scale","kind":"scale"}`, status: 409, want: []string{`"field":"id"`}},
		{who: "technician", method: "POST", path: "/devices", body: `{"id":"a/b","label":"Scale","kind":"scale"}`, status: 400, want: []string{`"field":"id"`}},
		{who: "technician", method: "POST", path: "/devices", body: `{"id":"gw-1","class":"gateway","label":"Hub","kind":"hub"}`, status: 201, want: []string{`"namespaces":["v1/gw-1-"]`}},
		{who: "nurse", method: "POST", path: "/devices", body: `{"id":"scale-2","label":"Scale","kind":"scale"}`, status: 403},
		{who: "technician", method: "POST", path: "/devices/import", body: "id,label,kind,model,udi\nring-1,Ring,wearable,R1,\nscale-1,Scale,scale,,\nbad id,x,y,,\n", header: []string{"Content-Type", "text/csv"}, status: 200, want: []string{`"device":"ring-1"`, `"line":3`, `"line":4`}},
		{who: "technician", method: "POST", path: "/devices/import", body: "name\nx\n", header: []string{"Content-Type", "text/csv"}, status: 400},
		{who: "technician", method: "PUT", path: "/devices/scale-1", body: `{"label":"Scale 2","kind":"scale"}`, status: 200, want: []string{`"label":"Scale 2"`}},
		{who: "technician", method: "POST", path: "/devices/scale-1/credential", status: 201, want: []string{`"password":"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"patient":"p-a","confirm":{"family":"Baker","number":"100a"}}`, status: 412, want: []string{`"field":"confirm.family"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"patient":"p-a","confirm":{"family":"Abel","number":"100b"}}`, status: 412, want: []string{`"field":"confirm.number"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"patient":"p-a"}`, status: 412},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"patient":"p-b","confirm":{"family":"Baker","number":"100b"}}`, status: 404, want: []string{`"field":"patient"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"patient":"p-a","confirm":{"family":" abel ","number":"100A"}}`, status: 201, want: []string{`"patient":"p-a"`, `"by":"The nurse"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-a"}`, status: 409},
		{who: "nurse", method: "POST", path: "/devices/pump-1/unbind", body: `{"why":"empty"}`, status: 200, want: []string{`"to":"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-b"}`, status: 404, want: []string{`"field":"room"`}},
		{who: "nurse", method: "POST", path: "/devices/pump-1/bind", body: `{"room":"r-a"}`, status: 201, want: []string{`"room":"r-a"`}},
		{who: "nurse", method: "POST", path: "/devices/monitor-a/reassign", body: `{}`, status: 403},
		{who: "clinician", method: "POST", path: "/devices/monitor-a/reassign", body: `{"patient":"p-a","from":"` + at(-time.Hour) + `","to":"` + at(0) + `","why":"","confirm":{"family":"Abel","number":"100a"}}`, status: 400, want: []string{`"field":"why"`}},
		{who: "administrator", method: "POST", path: "/devices/monitor-a/reassign", body: `{"patient":"p-b","from":"` + at(-time.Hour) + `","to":"` + at(0) + `","why":"worn by the neighbour","confirm":{"family":"Baker","number":"100b"}}`, status: 204},
		{who: "technician", method: "POST", path: "/devices/scale-1/state", body: `{"state":"retired","why":"broken"}`, status: 200, want: []string{`"state":"retired"`}},
		{who: "technician", method: "POST", path: "/devices/scale-1/state", body: `{"state":"lost","why":"broken"}`, status: 400, want: []string{`"field":"state"`}},
		{who: "technician", method: "POST", path: "/devices/scale-1/credential", status: 410},
		{who: "nurse", method: "GET", path: "/devices/monitor-a/packets?limit=1", status: 200, want: []string{`"result":"decoded"`, `"next":"`}},
		{who: "nurse", method: "GET", path: "/devices/monitor-a/packets?limit=0", status: 400},
		{who: "nurse", method: "GET", path: "/devices/monitor-a/qr.svg", status: 200, want: []string{"<svg", "<path"}, not: []string{"script"}},
		{who: "technician", method: "GET", path: "/problems", status: 200, want: []string{`"result":"failed"`, "readings[0].unit"}},
		{who: "nurse", method: "GET", path: "/problems", status: 403},
	})
}

func TestHouse(t *testing.T) {
	w := newWorld(t)
	run(t, w, []scenario{
		{who: "technician", method: "GET", path: "/system", status: 200, want: []string{`"stream":"raw"`, `"retention":[]`}},
		{who: "nurse", method: "GET", path: "/system", status: 403},
		{who: "administrator", method: "GET", path: "/users", status: 200, want: []string{`"username":"nurse"`}, not: []string{"argon2", "hash"}},
		{who: "nurse", method: "GET", path: "/users", status: 403},
		{who: "administrator", method: "POST", path: "/users", body: `{"name":"Ann Lee","username":"Ann","roles":["nurse"],"wards":["w-a"]}`, status: 201, want: []string{`"username":"ann"`, `"link":"/sign-in#`}},
		{who: "administrator", method: "POST", path: "/users", body: `{"name":"Ann Lee","username":"ann","roles":["nurse"]}`, status: 409, want: []string{`"field":"username"`}},
		{who: "administrator", method: "POST", path: "/users", body: `{"name":"B","username":"b","roles":["king"]}`, status: 400, want: []string{`"field":"roles[0]"`}},
		{who: "administrator", method: "POST", path: "/users", body: `{"name":"B","username":"b","roles":["nurse"],"wards":["w-x"]}`, status: 404, want: []string{`"field":"wards[0]"`}},
		{who: "administrator", method: "PUT", path: "/users/u-administrator", body: `{"name":"The administrator","roles":["nurse"]}`, status: 409},
		{who: "administrator", method: "POST", path: "/tokens", body: `{"name":"lab","wards":["w-a"]}`, status: 201, want: []string{`"secret":"`, `"class":"integration"`}},
		{who: "administrator", method: "POST", path: "/tokens", body: `{"name":""}`, status: 400},
		{who: "administrator", method: "GET", path: "/tokens", status: 200, want: []string{`"name":"lab"`}, not: []string{"secret"}},
		{who: "administrator", method: "POST", path: "/kiosks", body: `{"ward":"w-a"}`, status: 201, want: []string{`/sign-in#`}},
		{who: "administrator", method: "POST", path: "/kiosks", body: `{"ward":"w-x"}`, status: 404},
		{who: "administrator", method: "DELETE", path: "/tokens/t-none", status: 404},
		{who: "auditor", method: "GET", path: "/audit?limit=500", status: 200, want: []string{`"action":"token.make"`, `"outcome":"refused"`, `"name":"The administrator"`}},
		{who: "nurse", method: "GET", path: "/audit", status: 403},
		{who: "nurse", method: "GET", path: "/metrics-table", status: 200, want: []string{`"name":"heart-rate"`, `"units":["/min"`}},
		{who: "kiosk", method: "GET", path: "/me", status: 200, want: []string{`"class":"kiosk"`, `"wards":["w-a"]`}},
		{who: "integration", method: "GET", path: "/me", status: 200, want: []string{`"class":"integration"`}},
		{who: "nurse", method: "PUT", path: "/me/preferences", body: `{"language":"de","theme":"light","units":{"glucose":"mmol/L"},"privacy":true}`, status: 200},
		{who: "nurse", method: "PUT", path: "/me/preferences", body: `{"units":{"glucose":"kg"}}`, status: 400, want: []string{`"field":"units.glucose"`}},
		{who: "nurse", method: "GET", path: "/me", status: 200, want: []string{`"theme":"light"`, `"glucose":"mmol/L"`, `"privacy":true`, `"demo":false`}},
		{who: "nurse", method: "POST", path: "/telemetry", body: `{}`, status: 200, want: []string{"door"}},
		{who: "nurse", method: "GET", path: "/live", status: 400},
		{who: "", method: "GET", path: "!/healthz", status: 200, want: []string{"ok"}},
		{who: "", method: "GET", path: "!/readyz", status: 200},
	})
}

// A user's sessions end when its rights change, and a revoked token is out at once.
//
// Covers: A4 ASVS-8.3.2
func TestRevocation(t *testing.T) {
	w := newWorld(t)
	w.ask("administrator", "PUT", "/users/u-nurse", `{"name":"The nurse","roles":["auditor"]}`)
	if a := w.ask("nurse", "GET", "/me", ""); a.status != 401 {
		t.Errorf("a user whose roles changed got %d, want 401", a.status)
	}
	var made struct{ ID, Secret string }
	a := w.ask("administrator", "POST", "/tokens", `{"name":"x","allWards":true}`)
	w.do(json.Unmarshal(a.body, &made))
	w.tokens["x"] = made.Secret
	if a := w.ask("x", "GET", "/wards/w-b", ""); a.status != 200 {
		t.Fatalf("a token for all wards got %d: %s", a.status, a.body)
	}
	w.ask("administrator", "DELETE", "/tokens/"+made.ID, "")
	if a := w.ask("x", "GET", "/wards/w-b", ""); a.status != 401 {
		t.Errorf("a revoked token got %d, want 401", a.status)
	}
}

// Looking is written to the ledger, once a minute however often a page asks.
//
// Covers: HIPAA-164.312(b) O6
func TestLooking(t *testing.T) {
	w := newWorld(t)
	count := func() (n int) {
		entries := w.ask("auditor", "GET", "/audit?patient=p-a&limit=1000", "").json(t)["items"].([]any)
		for _, e := range entries {
			line := e.(map[string]any)
			if line["action"] == "patient.read" && line["who"] == "u-nurse" {
				n++
			}
		}
		return n
	}
	for range 5 {
		w.ask("nurse", "GET", "/patients/p-a", "")
	}
	if n := count(); n != 1 {
		t.Errorf("five looks within a minute made %d entries, want 1", n)
	}
	w.clock.pass(61 * time.Second)
	w.ask("nurse", "GET", "/patients/p-a", "")
	if n := count(); n != 2 {
		t.Errorf("a look after a minute made %d entries in all, want 2", n)
	}
	if a := w.ask("nurse", "GET", "/patients/p-b", ""); a.status != 404 {
		t.Fatal(fmt.Sprint(a.status))
	}
	refused := w.ask("auditor", "GET", "/audit?patient=p-b", "")
	if !strings.Contains(string(refused.body), `"outcome":"refused"`) {
		t.Errorf("a look that was refused is not in the ledger: %s", refused.body)
	}
}
