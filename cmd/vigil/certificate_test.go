package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// eventually waits until it is so.
func (h *house) eventually(what string, so func() bool) {
	h.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if so() {
			return
		}
	}
	h.t.Fatalf("waited 15 s in vain: %s", what)
}

func (h *house) view(p proof, id vital.DeviceID) (d webd.Device) {
	h.t.Helper()
	status, body, _ := h.ask(p, "GET", h.at.HTTP+"/api/v1/devices/"+string(id), nil, "")
	if status != 200 {
		h.t.Fatalf("%d %s", status, body)
	}
	h.ok(json.Unmarshal([]byte(body), &d))
	return d
}

// from opens an MQTT connection with a certificate from a network place.
func (h *house) from(place string, certificate *tls.Certificate, client string) (net.Conn, byte) {
	h.t.Helper()
	u, err := url.Parse(h.at.MQTT)
	h.ok(err)
	c, err := tls.DialWithDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(place)}, Timeout: 5 * time.Second}, "tcp", u.Host,
		&tls.Config{RootCAs: h.pool, ServerName: "127.0.0.1", Certificates: []tls.Certificate{*certificate}})
	h.ok(err)
	h.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(5 * time.Second))
	_, err = c.Write((&mqtt.Connect{Level: mqtt.Level4, ClientID: client, Clean: true, KeepAlive: 60}).Append(nil, mqtt.Level4))
	h.ok(err)
	answer := make([]byte, 4)
	if n, _ := c.Read(answer); n < 4 {
		return c, 255
	}
	return c, answer[3]
}

// misused reports whether the alarm stands that says a device was cut off.
func (h *house) misused(id vital.DeviceID) bool {
	for _, a := range h.node.flow.Alarms(h.t.Context(), store.Everything(vital.DefaultSite), nil) {
		if a.Rule == store.RuleMisused && a.Part == string(id) && a.Ended == 0 {
			return true
		}
	}
	return false
}

// A copy of a device's key is used from another place. Both are cut off within
// moments, an alarm says so, and neither comes back until somebody has looked.
//
// Covers: S2 D1 H7
func TestAClonedDeviceIsCutOff(t *testing.T) {
	h := openHouse(t, everyAddress)
	workshop := h.token("technician")
	h.device("monitor-1")
	key := h.certify("monitor-1")
	one, code := h.from("127.0.0.1", key, "monitor-1")
	if code != 0 {
		t.Fatalf("the device itself: %d", code)
	}
	if c := h.view(workshop, "monitor-1").Connection; c == nil || c.Door != "mqtt" || c.TLS != "TLS 1.3" || c.Group != "X25519MLKEM768" || !c.PostQuantum || c.Certificate != auth.SerialOf(key.Leaf) || c.Remote != "127.0.0.1" || c.Expires != vital.At(key.Leaf.NotAfter) {
		t.Errorf("its connection is shown as %+v", c)
	}
	var codes []byte
	for i := range 6 {
		_, code := h.from([]string{"127.0.0.2", "127.0.0.1"}[i%2], key, "monitor-1")
		codes = append(codes, code)
	}
	if slices.Index(codes, 5) != 2 && slices.Index(codes, 5) != 3 {
		t.Errorf("the answers to the fight were %v", codes)
	}
	d := h.view(workshop, "monitor-1")
	if d.State != auth.DeviceQuarantined || !strings.Contains(d.StateWhy, "127.0.0.2") {
		t.Errorf("it is %s: %s", d.State, d.StateWhy)
	}
	h.eventually("an alarm", func() bool { return h.misused("monitor-1") })
	h.eventually("no connection", func() bool { return len(h.node.mqtt.Clients()) == 0 })
	one.SetDeadline(time.Now().Add(3 * time.Second))
	if n, err := one.Read(make([]byte, 1)); err == nil {
		t.Errorf("the first connection still speaks: %d bytes", n)
	}
	for _, place := range []string{"127.0.0.1", "127.0.0.2"} {
		if _, code := h.from(place, key, "monitor-1"); code == 0 {
			t.Errorf("from %s it is let in again", place)
		}
	}
	status, body, _ := h.ask(proof{certificate: key}, "POST", h.at.Devices+"/api/v1/telemetry", []byte(`{"metric":"heart-rate","value":72,"unit":"/min"}`), "application/json")
	if status != 403 {
		t.Errorf("over HTTP: %d %s", status, body)
	}
	status, body, _ = h.ask(workshop, "POST", h.at.HTTP+"/api/v1/devices/monitor-1/state", []byte(`{"state":"active","why":"found the copy"}`), "application/json")
	if status != 200 {
		t.Fatalf("letting it in again: %d %s", status, body)
	}
	h.eventually("the alarm's end", func() bool { return !h.misused("monitor-1") })
	h.eventually("its way back", func() bool { _, code := h.from("127.0.0.1", key, "monitor-1"); return code == 0 })
}

// Two senders count with one identity and never meet: over HTTP no connection is
// taken over. Their counter tells.
//
// Covers: S2
func TestAForkedCounterIsCutOff(t *testing.T) {
	h := openHouse(t, everyAddress)
	secret := h.device("monitor-1")
	refused := 0
	for seq := range 40 {
		for _, value := range []int{70, 80} { // the device, and the copy
			body := fmt.Sprintf(`{"seq":%d,"metric":"heart-rate","value":%d,"unit":"/min"}`, seq+1, value)
			status, _, _ := h.ask(secret, "POST", h.at.Devices+"/api/v1/telemetry?wait=decoded", []byte(body), "application/json")
			if status == 403 {
				refused++
			}
		}
		if refused > 0 {
			break
		}
	}
	if refused == 0 {
		t.Error("both send on")
	}
	d := h.view(h.token("technician"), "monitor-1")
	if d.State != auth.DeviceQuarantined || !strings.Contains(d.StateWhy, "counter") {
		t.Errorf("it is %s: %s", d.State, d.StateWhy)
	}
	h.eventually("an alarm", func() bool { return h.misused("monitor-1") })
}

// A certificate that is revoked ends its connection at once, and no other one.
//
// Covers: S1 H7
func TestARevokedCertificateEndsItsConnection(t *testing.T) {
	h := openHouse(t, everyAddress)
	workshop := h.token("technician")
	h.device("monitor-1")
	h.device("monitor-2")
	first, second := h.certify("monitor-1"), h.certify("monitor-2")
	c, code := h.from("127.0.0.1", first, "monitor-1")
	_, other := h.from("127.0.0.1", second, "monitor-2")
	if code != 0 || other != 0 {
		t.Fatalf("%d %d", code, other)
	}
	status, body, _ := h.ask(workshop, "DELETE", h.at.HTTP+"/api/v1/devices/monitor-1/certificates/"+auth.SerialOf(first.Leaf), []byte(`{"why":"lost"}`), "application/json")
	if status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		t.Error("the connection goes on")
	}
	if _, code := h.from("127.0.0.1", first, "monitor-1"); code == 0 {
		t.Error("it is let in again")
	}
	if open := h.node.mqtt.Clients(); len(open) != 1 || open[0].ID != "monitor-2" {
		t.Errorf("connected are %+v", open)
	}
	_, list, _ := h.ask(workshop, "GET", h.at.HTTP+"/api/v1/certificates", nil, "")
	if strings.Contains(list, "monitor-1") || !strings.Contains(list, `"state":"inUse"`) || !strings.Contains(list, `"current":true`) {
		t.Errorf("the list of what counts: %s", list)
	}
}

// What one installation's authority signed opens no other installation.
//
// Covers: S1 D1
func TestAnotherInstallationsCertificate(t *testing.T) {
	ours, theirs := openHouse(t, everyAddress), openHouse(t, everyAddress)
	ours.device("monitor-1")
	theirs.device("monitor-1")
	foreign := theirs.certify("monitor-1")
	if err := ours.connect(ours.at.MQTT, proof{certificate: foreign}, "monitor-1"); err == nil {
		t.Error("it is let in")
	}
	if ours.node.authority.Fingerprint() == theirs.node.authority.Fingerprint() {
		t.Error("two installations have one authority")
	}
	// The names that a server is asked by are in its certificate.
	c := defaults()
	c.Hosts, c.Public, c.HTTP = "vigil.example.org", "https://ward.example.org:8443", "0.0.0.0:1"
	made, err := ours.node.authority.Server(c.names())
	ours.ok(err)
	for _, name := range []string{"localhost", "127.0.0.1", "vigil.example.org", "ward.example.org"} {
		if err := made.Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if !covers(made.Leaf, c.names()) || covers(made.Leaf, []string{"elsewhere"}) {
		t.Error("which names it covers is told wrong")
	}
}
