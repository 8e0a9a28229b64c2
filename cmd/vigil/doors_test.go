package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// house is a whole server with every address that there can be.
type house struct {
	t    *testing.T
	node *node
	at   addresses
	pool *x509.CertPool
}

func openHouse(t *testing.T, change func(*config)) *house {
	t.Helper()
	c := defaults()
	c.Data, c.HTTP, c.MQTT = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0"
	change(&c)
	h := &house{t: t, pool: x509.NewCertPool()}
	ctx, stop := context.WithCancel(context.Background())
	began, ended := make(chan struct{}), make(chan error, 1)
	log := &bytes.Buffer{}
	go func() {
		ended <- serve(ctx, c, slog.New(slog.NewTextHandler(log, nil)), serving{run: func(_ context.Context, n *node, at addresses) error {
			h.node, h.at = n, at
			close(began)
			return nil
		}})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-began:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the server ended: %v\n%s", err, log)
	case <-time.After(60 * time.Second):
		t.Fatal("the server does not start")
	}
	h.pool.AddCert(h.node.authority.Root())
	return h
}

func everyAddress(c *config) {
	c.TLS, c.HTTPDevices, c.HTTPAdmin, c.MQTTLegacy = true, "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// proof is what somebody shows.
type proof struct {
	bearer, user, secret, cookie string
	certificate                  *tls.Certificate
}

// ask sends one request and returns the answer's status and body.
func (h *house) ask(p proof, method, address string, body []byte, kind string) (int, string, http.Header) {
	h.t.Helper()
	settings := &tls.Config{RootCAs: h.pool}
	if p.certificate != nil {
		settings.Certificates = []tls.Certificate{*p.certificate}
	}
	r, err := http.NewRequestWithContext(h.t.Context(), method, address, bytes.NewReader(body))
	h.ok(err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if p.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	if p.user != "" {
		r.SetBasicAuth(p.user, p.secret)
	}
	if p.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "__Host-vigil", Value: p.cookie})
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Do(r)
	h.ok(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	h.ok(err)
	return resp.StatusCode, string(text), resp.Header
}

var furnishing = audit.Entry{Site: vital.DefaultSite, Who: "test", Action: "test.furnish"}

// device enrols a device and returns its secret.
func (h *house) device(id vital.DeviceID) proof {
	h.t.Helper()
	d := store.Device{ID: id, Label: string(id), Class: "device", Kind: "monitor", State: auth.DeviceActive}
	h.ok(h.node.store.PutDevice(h.t.Context(), furnishing, d))
	secret, err := h.node.gate.NewCredential(h.t.Context(), auth.Principal{Class: auth.System}, d)
	h.ok(err)
	return proof{user: string(id), secret: secret}
}

// certify gets a device, which is known, a certificate through the door for them.
func (h *house) certify(id vital.DeviceID) *tls.Certificate {
	h.t.Helper()
	d, err := h.node.store.Device(h.t.Context(), store.Everything(vital.DefaultSite), id)
	h.ok(err)
	secret, _, err := h.node.gate.NewEnrolment(h.t.Context(), auth.Principal{Class: auth.System}, d, time.Hour)
	h.ok(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	h.ok(err)
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	h.ok(err)
	status, body, _ := h.ask(proof{user: string(id), secret: secret}, "POST", h.node.config.est(h.at)+"/simpleenroll", request, "application/pkcs10")
	if status != 200 {
		h.t.Fatalf("enrolling %s: %d %s", id, status, body)
	}
	der, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
	h.ok(err)
	message, err := pkcs7.Parse(der)
	h.ok(err)
	return &tls.Certificate{Certificate: [][]byte{message.Certificates[0].Raw}, PrivateKey: key, Leaf: message.Certificates[0]}
}

// signIn signs a user in at an address by a link and returns the cookie.
func (h *house) signIn(address string, link string) proof {
	h.t.Helper()
	body, _ := json.Marshal(map[string]string{"token": link})
	status, text, header := h.ask(proof{}, "POST", address+"/api/v1/session/link", body, "application/json")
	cookies := (&http.Response{Header: header}).Cookies()
	if status != 200 || len(cookies) != 1 {
		h.t.Fatalf("signing in at %s: %d %s", address, status, text)
	}
	return proof{cookie: cookies[0].Value}
}

func (h *house) token(roles ...string) proof {
	h.t.Helper()
	_, secret, err := h.node.gate.NewToken(h.t.Context(), auth.Principal{Class: auth.System}, store.Token{Name: "program", Class: "integration", Roles: roles, AllWards: true})
	h.ok(err)
	return proof{bearer: secret}
}

// Each address is shown every kind of proof. Only its own opens it.
//
// Covers: H7 H8 S1 D1 EN303645-5.6
func TestEachAddressRefusesTheOthersProofs(t *testing.T) {
	h := openHouse(t, everyAddress)
	ctx := t.Context()
	h.ok(h.node.store.PutUser(ctx, furnishing, store.User{ID: "u-c", Name: "Clara", Username: "clara", Roles: []string{"clinician"}, AllWards: true, State: auth.UserActive}))
	link, err := h.node.gate.Link(ctx, auth.Principal{Class: auth.System}, "u-c")
	h.ok(err)
	_, first, _ := strings.Cut(h.at.Link, "#")
	secret := h.device("monitor-1")
	proofs := map[string]proof{
		"nobody":               {},
		"device's secret":      secret,
		"device's certificate": {certificate: h.certify("monitor-1")},
		"clinician's session":  h.signIn(h.at.HTTP, link),
		"administration's":     h.signIn(h.at.Administration, first),
		"technician's program": h.token("technician"),
		"program of a ward":    h.token(),
	}
	type ask struct{ method, path string }
	me, users, telemetry, wards, renew := ask{"GET", "/api/v1/me"}, ask{"GET", "/api/v1/users"}, ask{"POST", "/api/v1/telemetry"}, ask{"GET", "/api/v1/wards"}, ask{"POST", "/.well-known/est/simplereenroll"}
	reading := []byte(`{"metric":"heart-rate","value":72,"unit":"/min"}`)
	for name, c := range map[string]struct {
		who  string
		at   string
		ask  ask
		want int
	}{
		"a session where it began":                     {"clinician's session", h.at.HTTP, me, 200},
		"a session of the screens at the admin's":      {"clinician's session", h.at.Administration, me, 401},
		"a session of the screens at the devices'":     {"clinician's session", h.at.Devices, me, 403},
		"a session sends telemetry":                    {"clinician's session", h.at.Devices, telemetry, 401},
		"a session gets a certificate":                 {"clinician's session", h.at.Devices, renew, 403},
		"the admin's session where it began":           {"administration's", h.at.Administration, me, 200},
		"the admin's session at the screens":           {"administration's", h.at.HTTP, me, 401},
		"the admin's session at the devices'":          {"administration's", h.at.Devices, users, 403},
		"a program at the screens":                     {"program of a ward", h.at.HTTP, wards, 200},
		"a program of no administrator at the admin's": {"program of a ward", h.at.Administration, wards, 403},
		"a program at the devices'":                    {"program of a ward", h.at.Devices, wards, 403},
		"a program sends telemetry":                    {"program of a ward", h.at.Devices, telemetry, 401},
		"a program gets a certificate":                 {"technician's program", h.at.Devices, renew, 403},
		"a technician's program at the admin's":        {"technician's program", h.at.Administration, wards, 200},
		"administration at the screens":                {"technician's program", h.at.HTTP, users, 403},
		"a device's secret at its address":             {"device's secret", h.at.Devices, telemetry, 200},
		"a device's secret at the screens":             {"device's secret", h.at.HTTP, telemetry, 403},
		"a device's secret at the admin's":             {"device's secret", h.at.Administration, telemetry, 403},
		"a device's secret reads":                      {"device's secret", h.at.HTTP, wards, 401},
		"a certificate at its address":                 {"device's certificate", h.at.Devices, telemetry, 200},
		"a certificate at the screens":                 {"device's certificate", h.at.HTTP, telemetry, 403},
		"a certificate at the admin's":                 {"device's certificate", h.at.Administration, telemetry, 403},
		"a certificate reads at the screens":           {"device's certificate", h.at.HTTP, wards, 401},
		"a certificate reads at the admin's":           {"device's certificate", h.at.Administration, wards, 401},
		"a certificate reads at its own":               {"device's certificate", h.at.Devices, wards, 403},
		"a certificate is renewed at the screens":      {"device's certificate", h.at.HTTP, renew, 404},
		"nobody at the screens":                        {"nobody", h.at.HTTP, me, 401},
		"nobody at the admin's":                        {"nobody", h.at.Administration, users, 401},
		"nobody at the devices'":                       {"nobody", h.at.Devices, telemetry, 401},
	} {
		kind := "application/json"
		if c.ask == renew {
			kind = "application/pkcs10"
		}
		status, body, _ := h.ask(proofs[c.who], c.ask.method, c.at+c.ask.path, map[bool][]byte{true: reading}[c.ask.method == "POST"], kind)
		if status != c.want {
			t.Errorf("%s: %d, want %d: %s", name, status, c.want, body)
		}
	}
	for _, address := range []string{h.at.MQTT, h.at.Legacy} {
		for name, c := range map[string]struct {
			proof
			in bool
		}{
			"a device's secret":      {secret, true},
			"a device's certificate": {proof{certificate: proofs["device's certificate"].certificate}, true},
			"a program's token":      {proof{user: "program", secret: proofs["technician's program"].bearer}, false},
			"the token as the name":  {proof{user: proofs["technician's program"].bearer, secret: "x"}, false},
			"a person's session":     {proof{user: "clara", secret: proofs["clinician's session"].cookie}, false},
			"nobody":                 {proof{}, false},
		} {
			err := h.connect(address, c.proof, "monitor-1")
			if (err == nil) != c.in {
				t.Errorf("%s at %s: %v", name, address, err)
			}
		}
	}
}

// connect opens an MQTT connection and closes it.
func (h *house) connect(address string, p proof, client string) error {
	c, err := h.dial(address, p, client)
	if err == nil {
		c.Close()
	}
	return err
}

func (h *house) dial(address string, p proof, client string) (*mqttc.Client, error) {
	u, err := url.Parse(address)
	h.ok(err)
	o := mqttc.Options{Address: u.Host, ClientID: client, Username: p.user, Password: []byte(p.secret), Level: mqtt.Level5, Clean: true, TLS: &tls.Config{RootCAs: h.pool, ServerName: "127.0.0.1"}}
	if p.certificate != nil {
		o.TLS.Certificates = []tls.Certificate{*p.certificate}
	}
	ctx, stop := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer stop()
	return mqttc.Dial(ctx, o)
}

// Every port of the process is probed: none answers in the clear, each takes
// TLS 1.3 with an exchange of keys that outlives a quantum computer, only the
// legacy door takes 1.2, none takes less; and there is no port that was not asked
// for.
//
// Covers: H6 H8 O5 D1 S6 HIPAA-164.312(e)(1)
func TestEveryPortIsProbed(t *testing.T) {
	before := listening(t)
	h := openHouse(t, everyAddress)
	secret := h.device("monitor-1")
	connect := (&mqtt.Connect{Level: mqtt.Level4, ClientID: "monitor-1", Clean: true, HasUsername: true, Username: secret.user, HasPassword: true, Password: []byte(secret.secret)}).Append(nil, mqtt.Level4)
	basic := base64.StdEncoding.EncodeToString([]byte(secret.user + ":" + secret.secret))
	clear := map[string][]byte{
		"a page":         []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"the API":        []byte("GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"telemetry":      []byte("POST /api/v1/telemetry HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic " + basic + "\r\nContent-Length: 2\r\n\r\n{}"),
		"a certificate":  []byte("GET /.well-known/est/cacerts HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"an MQTT client": connect,
		"a ping":         {0xc0, 0x00},
	}
	asked := map[string]string{"mqtt": h.at.MQTT, "legacy": h.at.Legacy, "screens": h.at.HTTP, "devices": h.at.Devices, "administration": h.at.Administration}
	var hosts []string
	for name, address := range asked {
		u, err := url.Parse(address)
		h.ok(err)
		hosts = append(hosts, u.Port())
		if u.Scheme != "https" && u.Scheme != "mqtts" {
			t.Errorf("%s: %s is not TLS", name, address)
		}
		for what, bytes := range clear {
			if answer := h.clear(u.Host, bytes); strings.Contains(answer, " 200 ") || strings.HasPrefix(answer, "\x20") || strings.HasPrefix(answer, "\xd0") {
				t.Errorf("%s answers %s in the clear: %.60q", name, what, answer)
			}
		}
		state, err := handshake(u.Host, &tls.Config{RootCAs: h.pool, ServerName: "localhost"})
		if err != nil || state.Version != tls.VersionTLS13 || state.CurveID != tls.X25519MLKEM768 {
			t.Errorf("%s: %s with %v, %v", name, tls.VersionName(state.Version), state.CurveID, err)
		}
		_, err = handshake(u.Host, &tls.Config{RootCAs: h.pool, ServerName: "localhost", MaxVersion: tls.VersionTLS12})
		if (err == nil) != (name == "legacy") {
			t.Errorf("%s with TLS 1.2: %v", name, err)
		}
		if _, err = handshake(u.Host, &tls.Config{RootCAs: h.pool, ServerName: "localhost", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
			t.Errorf("%s takes TLS 1.1", name)
		}
		if _, err = handshake(u.Host, &tls.Config{RootCAs: h.pool, ServerName: "localhost", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}); err == nil {
			t.Errorf("%s takes a cipher that is not authenticated", name)
		}
		if _, err = handshake(u.Host, &tls.Config{ServerName: "localhost"}); err == nil {
			t.Errorf("%s: a client that does not know the authority believes it", name)
		}
	}
	if runtime.GOOS != "linux" {
		return
	}
	after := listening(t)
	maps.DeleteFunc(after, func(port string, _ bool) bool { return before[port] })
	slices.Sort(hosts)
	if got := slices.Sorted(maps.Keys(after)); !slices.Equal(got, hosts) {
		t.Errorf("the process listens on %v, asked for were %v", got, hosts)
	}
}

// clear sends bytes without TLS and returns what comes back.
func (h *house) clear(address string, send []byte) string {
	h.t.Helper()
	c, err := net.Dial("tcp", address)
	h.ok(err)
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	c.Write(send)
	answer, _ := io.ReadAll(io.LimitReader(c, 4096)) // a reset says no, too
	return string(answer)
}

func handshake(address string, settings *tls.Config) (tls.ConnectionState, error) {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", address, settings)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.ConnectionState(), nil
}

// listening returns the TCP ports on which this process listens.
func listening(t *testing.T) map[string]bool {
	t.Helper()
	own := map[string]bool{}
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		if name, err := os.Readlink(fd); err == nil {
			if inode, ok := strings.CutPrefix(name, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	ports := map[string]bool{}
	for _, table := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		file, err := os.Open(table)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(file); lines.Scan(); {
			f := strings.Fields(lines.Text())
			if len(f) > 9 && f[3] == "0A" && own[f[9]] {
				var port int
				if _, err := fmt.Sscanf(f[1][strings.LastIndexByte(f[1], ':')+1:], "%X", &port); err == nil {
					ports[fmt.Sprint(port)] = true
				}
			}
		}
		file.Close()
	}
	return ports
}

// What somebody tries first works without any of this: one address for people,
// one for devices, both on this machine only.
func TestFirstUseIsPlainOnLoopback(t *testing.T) {
	h := openHouse(t, func(*config) {})
	if !strings.HasPrefix(h.at.HTTP, "http://127.0.0.1:") || !strings.HasPrefix(h.at.MQTT, "mqtt://127.0.0.1:") || h.at.Devices+h.at.Administration+h.at.Legacy != "" {
		t.Errorf("%+v", h.at)
	}
	secret := h.device("monitor-1")
	if status, body, _ := h.ask(secret, "POST", h.at.HTTP+"/api/v1/telemetry", []byte(`{"metric":"heart-rate","value":72,"unit":"/min"}`), "application/json"); status != 200 {
		t.Errorf("telemetry: %d %s", status, body)
	}
	if status, _, _ := h.ask(proof{}, "GET", h.at.HTTP+"/.well-known/est/cacerts", nil, ""); status != 403 {
		t.Errorf("certificates in the clear: %d", status)
	}
	for _, plan := range []string{"0.0.0.0:1", "10.0.0.7:8080", "[::]:8080", "vigil.example.org:443"} {
		if loopback(plan) {
			t.Errorf("%s counts as this machine only: it would be plain", plan)
		}
	}
}
