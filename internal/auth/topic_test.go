package auth_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

var (
	aDevice      = auth.Principal{Class: auth.Device, ID: "monitor-1"}
	aGateway     = auth.Principal{Class: auth.Gateway, ID: "gateway-1", Namespaces: []string{"v1/ward3-", "v1/ward4-bed1"}}
	anIntegrator = auth.Principal{Class: auth.Integration, ID: "lab"}
	aNurse       = auth.Principal{Class: auth.User, ID: "u-1", Roles: []auth.Role{auth.Nurse, auth.Administrator}}
	aKiosk       = auth.Principal{Class: auth.Kiosk, ID: "wall-1"}
	vigil        = auth.Principal{Class: auth.System}
)

// Covers: S1 S5
func TestTopics(t *testing.T) {
	p, s := auth.Publish, auth.Subscribe
	for _, c := range []struct {
		who    auth.Principal
		action auth.Action
		yes    []string
		no     []string
	}{
		{aDevice, p,
			[]string{"v1/monitor-1/telemetry", "v1/monitor-1/wave", "v1/monitor-1/event"},
			[]string{"v1/monitor-1/command", "v1/monitor-1/status", "v1/monitor-10/telemetry", "v1/monitor-2/telemetry", "v1/monitor-1/telemetry/x",
				"v1/monitor-1", "v1//telemetry", "v1/+/telemetry", "v1/monitor-1/#", "app/monitor-1/x", "$SYS/x", "$MQTT.x", "", "x"}},
		{aDevice, s,
			[]string{"v1/monitor-1/command", "v1/monitor-1/status"},
			[]string{"v1/monitor-1/telemetry", "v1/monitor-2/command", "v1/+/command", "v1/monitor-1/+", "v1/monitor-1/#", "#", "+/+", "+/monitor-1/command",
				"$SYS/#", "$share/g/v1/monitor-1/command", "$MQTT.>", "app/#"}},
		{aGateway, p,
			[]string{"v1/ward3-a/telemetry", "v1/ward3-b/wave", "v1/ward4-bed1/event", "v1/ward4-bed12/event"},
			[]string{"v1/ward30/telemetry", "v1/ward5-a/telemetry", "v1/ward3-a/command", "v1/ward3-+/telemetry", "v1/ward3-a/#", "v1/gateway-1/telemetry", "app/gateway-1/x"}},
		{aGateway, s,
			[]string{"v1/ward3-a/command", "v1/ward3-a/status"},
			[]string{"v1/+/command", "v1/ward3-+/command", "v1/#", "#", "v1/ward3-a/telemetry", "v1/ward5-a/command", "$share/g/v1/ward3-a/command"}},
		{anIntegrator, p,
			[]string{"app/lab/result", "app/lab/a/b/c"},
			[]string{"app/lab", "app/lab/", "app/lab2/x", "app/other/x", "app/lab/+", "v1/monitor-1/telemetry", "v1/monitor-1/command", "$SYS/x"}},
		{anIntegrator, s,
			[]string{"v1/+/telemetry", "v1/+/wave", "v1/+/event", "v1/+/status", "v1/monitor-1/telemetry", "app/#", "app/lab/#", "app/+/x",
				"$share/workers/v1/+/telemetry", "$share/workers/app/lab/#"},
			[]string{"#", "+/#", "+/+/telemetry", "v1/#", "v1/+/#", "v1/+/+", "v1/+/command", "v1/monitor-1/command", "v1/mon+/telemetry", "$SYS/#", "$share/g/#",
				"$share/g/v1/+/command", "$share//v1/+/telemetry", "$share/g/$SYS/#", "$share/g/$share/h/app/#", "app", "app/"}},
		{aNurse, s, nil, []string{"v1/+/telemetry", "app/#", "#"}},
		{aKiosk, s, nil, []string{"v1/+/telemetry"}},
		{vigil, p, []string{"v1/monitor-1/status", "v1/monitor-1/command"}, nil},
	} {
		for _, topic := range c.yes {
			if err := auth.AllowTopic(c.who, c.action, topic); err != nil {
				t.Errorf("%v", err)
			}
		}
		for _, topic := range c.no {
			if err := auth.AllowTopic(c.who, c.action, topic); vital.KindOf(err) != vital.Denied {
				t.Errorf("%s %q may %s %q (%v)", c.who.Class, c.who.ID, c.action, topic, err)
			}
		}
	}
}

// Covers: S5
func TestANamespaceNeverCoversEverything(t *testing.T) {
	for _, n := range []string{"", "v1/", "v1", "v"} {
		p := auth.Principal{Class: auth.Gateway, ID: "g", Namespaces: []string{n}}
		if auth.AllowTopic(p, auth.Publish, "v1/monitor-1/telemetry") == nil {
			t.Errorf("namespace %q covers every device", n)
		}
	}
}

// A filter that is allowed matches nothing that its reader may not have.
//
// Covers: S5
func TestAnAllowedFilterMatchesOnlyAllowedTopics(t *testing.T) {
	level := rapid.SampledFrom([]string{"v1", "app", "lab", "monitor-1", "monitor-2", "telemetry", "wave", "command", "status", "+", "#", "$SYS", "$share", "x", ""})
	rapid.Check(t, func(t *rapid.T) {
		filter := strings.Join(rapid.SliceOfN(level, 1, 5).Draw(t, "filter"), "/")
		topic := strings.Join(rapid.SliceOfN(level, 1, 5).Draw(t, "topic"), "/")
		if !mqtt.ValidFilter(filter) || !mqtt.ValidTopic(topic) {
			return
		}
		_, plain, _ := mqtt.SplitShare(filter)
		if !mqtt.Match(plain, topic) {
			return
		}
		device, kind, isDevice := auth.DeviceTopic(topic)
		if auth.AllowTopic(aDevice, auth.Subscribe, filter) == nil && !(device == "monitor-1" && (kind == "command" || kind == "status")) {
			t.Fatalf("the device's filter %q matches %q", filter, topic)
		}
		if auth.AllowTopic(anIntegrator, auth.Subscribe, filter) == nil && !strings.HasPrefix(topic, "app/") && (!isDevice || kind == "command") && topic != "app" {
			t.Fatalf("the program's filter %q matches %q", filter, topic)
		}
	})
}

// Covers: S1
func TestClientIDs(t *testing.T) {
	for _, c := range []struct {
		who auth.Principal
		id  string
		ok  bool
	}{
		{aDevice, "monitor-1", true}, {aDevice, "monitor-2", false}, {aDevice, "monitor-1-b", false}, {aDevice, "", false},
		{aGateway, "gateway-1", true}, {aGateway, "gateway-1-b", true}, {aGateway, "gateway-12", false}, {aGateway, "monitor-1", false},
		{anIntegrator, "lab", true}, {anIntegrator, "lab/worker", true}, {anIntegrator, "label", false},
		{auth.Principal{Class: auth.Gateway}, "-x", false}, {aNurse, "u-1", false}, {aKiosk, "wall-1", false},
	} {
		if err := auth.AllowClient(c.who, c.id); (err == nil) != c.ok {
			t.Errorf("%s %q as %q: %v", c.who.Class, c.who.ID, c.id, err)
		}
	}
}
