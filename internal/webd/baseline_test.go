package webd_test

import "testing"

// What is not known of a baseline is null.
func TestBaseline(t *testing.T) {
	w := newWorld(t)
	a := w.ask("nurse", "GET", "/patients/p-a/baseline", "")
	if a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	items := a.json(t)["items"].([]any)
	one, other := items[0].(map[string]any), items[1].(map[string]any)
	if one["ready"] != true || one["center"] != 70.0 || one["now"] != 80.0 || one["z"] != 5.0 || one["days"] != 15.0 || one["at"] != 1000.0 {
		t.Errorf("%v", one)
	}
	for _, field := range []string{"center", "spread", "now", "z"} {
		if v, there := other[field]; v != nil || !there {
			t.Errorf("%s of a baseline that is not ready: %v", field, v)
		}
	}
}
