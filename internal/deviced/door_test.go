package deviced_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/deviced"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
)

// gate lets in monitor-1 with "secret" and the gateway gw-1 with "hub".
type gate struct{}

func (gate) DeviceLogin(_ context.Context, _, username string, password []byte, _ *x509.Certificate, remote string) (auth.Principal, error) {
	switch username + ":" + string(password) {
	case "monitor-1:secret":
		return auth.Principal{Class: auth.Device, ID: "monitor-1", Credential: "c-1", Remote: remote}, nil
	case "gw-1:hub":
		return auth.Principal{Class: auth.Gateway, ID: "gw-1", Namespaces: []string{"v1/gw-1-"}, Credential: "c-2"}, nil
	}
	return auth.Principal{}, vital.Errorf(vital.Unauthenticated, "wrong device name or secret")
}

func (gate) Allow(_ context.Context, p auth.Principal, a auth.Action, s auth.Subject) error {
	if a != auth.TelemetrySend || string(s.Device) != p.ID && !strings.HasPrefix(string(s.Device), p.ID+"-") {
		return vital.Errorf(vital.NotFound, "device %s: no such device", s.Device)
	}
	return nil
}

// journal keeps packets; what fail says is not kept.
type journal struct {
	mu      sync.Mutex
	packets []ingest.Packet
	synced  int
	fail    func(n int) error
	delay   time.Duration
}

func (j *journal) Accept(_ context.Context, p ingest.Packet, done func(ingest.Receipt, error)) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := len(j.packets)
	j.packets = append(j.packets, p)
	var err error
	if j.fail != nil {
		err = j.fail(n)
	}
	go func() {
		time.Sleep(j.delay)
		j.mu.Lock()
		if err == nil {
			j.synced++
		}
		j.mu.Unlock()
		done(ingest.Receipt{At: vital.Position{Frame: uint64(n + 1)}}, err)
	}()
	return nil
}

func decoded(_ context.Context, at vital.Position) (ingest.PacketInfo, error) {
	if at.Frame == 1 {
		return ingest.PacketInfo{At: at, Result: ingest.Decoded, Readings: 2, Sequence: 41, Decoder: "vigil-json@1"}, nil
	}
	return ingest.PacketInfo{At: at, Result: ingest.Failed, Reason: "readings[0].unit: missing"}, nil
}

// answer is what came of one request.
type answer struct {
	status  int
	err     error
	journal *journal
	body    map[string]any
}

func send(t *testing.T, j *journal, change func(o *deviced.Options), r *http.Request) answer {
	t.Helper()
	o := deviced.Options{Gate: gate{}, Journal: j, Decoded: decoded}
	if change != nil {
		change(&o)
	}
	a := answer{journal: j}
	door := deviced.New(o)
	mux := http.NewServeMux()
	receive := func(w http.ResponseWriter, r *http.Request) { a.err = door.Receive(w, r) }
	mux.HandleFunc("POST /telemetry", receive)
	mux.HandleFunc("POST /telemetry/{device}", receive)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	a.status = w.Code
	if a.err == nil {
		if err := json.Unmarshal(w.Body.Bytes(), &a.body); err != nil {
			t.Fatalf("%v: %s", err, w.Body)
		}
	}
	return a
}

func request(path, kind, body string, header ...string) *http.Request {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.SetBasicAuth("monitor-1", "secret")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

const one = `{"seq":41,"metric":"heart-rate","value":72,"unit":"/min"}`

func TestOnePacket(t *testing.T) {
	for name, r := range map[string]*http.Request{
		"basic":               request("/telemetry", "application/json", one),
		"bearer":              request("/telemetry", "application/json", one, "Authorization", "Bearer monitor-1:secret"),
		"bearer, named path":  request("/telemetry/monitor-1", "application/json", one, "Authorization", "Bearer secret"),
		"what curl -d says":   request("/telemetry", "application/x-www-form-urlencoded", one),
		"no type":             request("/telemetry", "", one),
		"gzip":                packed(request("/telemetry", "application/json", one), one),
		"the type with words": request("/telemetry", "application/json; charset=utf-8", one),
	} {
		a := send(t, &journal{delay: 5 * time.Millisecond}, nil, r)
		if a.err != nil || a.status != 200 || a.body["accepted"] != true || a.body["result"] != "waiting" {
			t.Errorf("%s: %d %v %v", name, a.status, a.err, a.body)
			continue
		}
		p := a.journal.packets[0]
		if a.journal.synced != 1 {
			t.Errorf("%s: answered before the packet was synced", name)
		}
		if string(p.Body) != one || p.Device != "monitor-1" || p.Door != "http" || p.Topic != "v1/monitor-1/telemetry" || p.Credential != "c-1" || p.Gateway || p.Received == 0 {
			t.Errorf("%s: the journal got %+v", name, p)
		}
	}
	a := send(t, &journal{}, nil, request("/telemetry?wait=decoded", "application/json", one))
	if a.body["result"] != "decoded" || a.body["readings"] != 2.0 || a.body["sequence"] != 41.0 || a.body["decoder"] != "vigil-json@1" {
		t.Errorf("waited for %v", a.body)
	}
}

func packed(r *http.Request, body string) *http.Request {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(body))
	w.Close()
	p := httptest.NewRequest("POST", r.URL.String(), &b)
	p.Header = r.Header.Clone()
	p.Header.Set("Content-Encoding", "gzip")
	return p
}

func TestBatch(t *testing.T) {
	j := &journal{}
	a := send(t, j, nil, request("/telemetry?wait=decoded", "application/x-ndjson", one+"\n\n"+`{"seq":42}`+"\n"))
	items := a.body["items"].([]any)
	first, second := items[0].(map[string]any), items[1].(map[string]any)
	if a.status != 200 || a.body["accepted"] != 2.0 || first["line"] != 1.0 || second["line"] != 3.0 || first["result"] != "decoded" ||
		second["result"] != "failed" || second["reason"] != "readings[0].unit: missing" {
		t.Errorf("%d %v", a.status, a.body)
	}
	if len(j.packets) != 2 || string(j.packets[1].Body) != `{"seq":42}` || j.packets[1].Format != "vigil-json" {
		t.Errorf("the journal got %+v", j.packets)
	}
	partly := &journal{fail: func(n int) error {
		if n == 1 {
			return vital.Errorf(vital.Unavailable, "the disk is full")
		}
		return nil
	}}
	a = send(t, partly, nil, request("/telemetry", "application/x-ndjson", one+"\n"+one+"\n"+one+"\n"))
	if a.status != 503 || a.body["accepted"] != 2.0 || a.body["items"].([]any)[1].(map[string]any)["accepted"] != false {
		t.Errorf("a line that was not taken: %d %v, want 503", a.status, a.body)
	}
}

// Covers: S1 H7 A9
func TestRefusals(t *testing.T) {
	full := &journal{fail: func(int) error { return vital.Errorf(vital.Unavailable, "the disk is full") }}
	for name, c := range map[string]struct {
		journal *journal
		request *http.Request
		change  func(*deviced.Options)
		kind    vital.Kind
		says    string
	}{
		"nobody":          {request: request("/telemetry", "", one, "Authorization", ""), kind: vital.Unauthenticated, says: "which device"},
		"wrong secret":    {request: request("/telemetry", "", one, "Authorization", "Bearer monitor-1:guess"), kind: vital.Unauthenticated},
		"another's path":  {request: request("/telemetry/monitor-2", "", one), kind: vital.NotFound, says: "monitor-2"},
		"nothing":         {request: request("/telemetry", "application/json", ""), kind: vital.Invalid, says: "byte 0"},
		"empty batch":     {request: request("/telemetry", "application/x-ndjson", "\n\n"), kind: vital.Invalid, says: "line 1"},
		"not gzip":        {request: request("/telemetry", "", one, "Content-Encoding", "gzip"), kind: vital.Invalid, says: "gzip"},
		"other coding":    {request: request("/telemetry", "", one, "Content-Encoding", "br"), kind: vital.Invalid, says: "br"},
		"wait for what":   {request: request("/telemetry?wait=forever", "", one), kind: vital.Invalid, says: "decoded"},
		"large packet":    {request: request("/telemetry", "", strings.Repeat("x", 2<<20)), kind: vital.TooMuch, says: "ndjson"},
		"large line":      {request: request("/telemetry", "application/x-ndjson", one+"\n"+strings.Repeat("x", 2<<20)), kind: vital.TooMuch, says: "line 2"},
		"many lines":      {request: request("/telemetry", "application/x-ndjson", strings.Repeat("{}\n", 20_001)), kind: vital.TooMuch, says: "line 20001"},
		"large body":      {request: request("/telemetry", "application/x-ndjson", strings.Repeat("x\n", 5<<20)), kind: vital.TooMuch, says: "bytes"},
		"bomb":            {request: packed(request("/telemetry", "application/x-ndjson", ""), strings.Repeat(" ", 15<<20)), kind: vital.TooMuch, says: "times its size"},
		"disk full":       {journal: full, request: request("/telemetry", "", one), kind: vital.Unavailable},
		"disk full batch": {journal: full, request: request("/telemetry", "application/x-ndjson", one+"\n"+one), kind: vital.Unavailable},
		"too fast": {
			request: request("/telemetry", "application/x-ndjson", strings.Repeat("{}\n", 11)), kind: vital.TooMuch, says: "slow down",
			change: func(o *deviced.Options) { o.PacketsPerSecond, o.Burst = 1, 10 },
		},
	} {
		j := c.journal
		if j == nil {
			j = &journal{}
		}
		a := send(t, j, c.change, c.request)
		if a.err == nil || vital.KindOf(a.err) != c.kind || !strings.Contains(a.err.Error(), c.says) {
			t.Errorf("%s: %v, want %s with %q", name, a.err, c.kind, c.says)
		}
		if c.journal == nil && len(j.packets) != 0 {
			t.Errorf("%s: was refused, and %d packets are in the journal", name, len(j.packets))
		}
	}
}

// Covers: S1
func TestGateway(t *testing.T) {
	j := &journal{}
	r := request("/telemetry/gw-1-7", "", one)
	r.SetBasicAuth("gw-1", "hub")
	if a := send(t, j, nil, r); a.err != nil || !j.packets[0].Gateway || j.packets[0].Device != "gw-1-7" {
		t.Errorf("%v %+v", a.err, j.packets)
	}
}

// Many senders at once are served, each with its own packets.
func TestManyAtOnce(t *testing.T) {
	j := &journal{delay: time.Millisecond}
	door := deviced.New(deviced.Options{Gate: gate{}, Journal: j, Decoded: decoded, AtOnce: 4})
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			w := httptest.NewRecorder()
			if err := door.Receive(w, request("/telemetry", "application/x-ndjson", strings.Repeat(fmt.Sprintf("{\"seq\":%d}\n", i+1), 10))); err != nil || w.Code != 200 {
				t.Errorf("sender %d: %d %v", i, w.Code, err)
			}
		})
	}
	all.Wait()
	if len(j.packets) != 640 || j.synced != 640 {
		t.Errorf("%d packets, %d synced, want 640", len(j.packets), j.synced)
	}
}
