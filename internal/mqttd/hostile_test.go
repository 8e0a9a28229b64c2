package mqttd_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/internal/mqttd"
	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// Covers: S6
func TestBeforeConnect(t *testing.T) {
	t.Parallel()
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{ConnectTime: 300 * time.Millisecond}})
	connect := (&mqtt.Connect{Level: 4, ClientID: "monitor-1", HasUsername: true, Username: "monitor-1"}).Append(nil, 4)
	for name, send := range map[string]string{
		"PUBACK":                 "\x40\x02\x00\x01",
		"PUBLISH":                "\x30\x03\x00\x01a",
		"PINGREQ":                "\xc0\x00",
		"garbage":                "GET / HTTP/1.1\r\n\r\n",
		"256 MB announced":       "\x10\xff\xff\xff\x7f",
		"a CONNECT of 20 KiB":    "\x10\x80\xa0\x01" + string(connect[2:]),
		"a TLS hello":            "\x16\x03\x01\x02\x00\x01\x00",
		"a protocol name of 64K": "\x10\x80\x7f\xff\xff",
		"half a CONNECT":         string(connect[:8]),
		"nothing":                "",
	} {
		r := h.raw(4)
		r.write([]byte(send))
		start := time.Now()
		r.closed()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: open for %v", name, took)
		}
	}
	r := h.raw(4)
	start := time.Now()
	for i := 0; time.Since(start) < 3*time.Second; i++ { // a byte at a time
		if _, err := r.conn.Write(connect[i%len(connect) : i%len(connect)+1]); err != nil {
			break
		}
		time.Sleep(40 * time.Millisecond)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("a CONNECT byte by byte kept its connection for %v", took)
	}
	eventually(t, "all are closed", func() bool { return h.server.Stats().Connections == 0 })
}

// Covers: S6
func TestAConnectedClientThatBreaksTheProtocol(t *testing.T) {
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	for _, c := range []struct {
		name, send string
		reason     mqtt.Reason
	}{
		{"a second CONNECT", string((&mqtt.Connect{Level: 5, ClientID: "monitor-1"}).Append(nil, 5)), mqtt.ProtocolError},
		{"a CONNACK", "\x20\x03\x00\x00\x00", mqtt.ProtocolError},
		{"topic of length 0", "\x30\x03\x00\x00\x00", mqtt.TopicNameInvalid},
		{"bad length", "\x30\xff\xff\xff\xff\x01", mqtt.MalformedPacket},
		{"256 MB announced", "\x30\xff\xff\xff\x7f", mqtt.PacketTooLarge},
		{"an identifier of ours", "\x30\x06\x00\x01a\x02\x0b\x01", mqtt.ProtocolError},
		{"AUTH", "\xf0\x00", mqtt.ProtocolError},
	} {
		r, _ := h.connected("monitor-1", 5, nil)
		r.write([]byte(c.send))
		if got := r.closed(); got != c.reason {
			t.Errorf("%s: %v, want %v", c.name, got, c.reason)
		}
	}
	// An acknowledgement of nothing is harmless.
	r, _ := h.connected("monitor-1", 5, nil)
	r.send(&mqtt.Ack{Type: mqtt.TypePuback, ID: 5}, &mqtt.Ack{Type: mqtt.TypePubcomp, ID: 6}, &mqtt.Ack{Type: mqtt.TypePubrec, ID: 7})
	if a := r.ack(mqtt.TypePubrel); a.Reason != mqtt.PacketIDNotFound {
		t.Errorf("%+v", a)
	}
}

// TestAPropertyBombCostsLittle: the largest packet full of the smallest user
// properties is refused, and as many as are allowed cost what they say.
//
// Covers: S6
func TestAPropertyBombCostsLittle(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Log: slog.New(slog.DiscardHandler)})
	bomb := mqtt.Publish{Topic: "v1/monitor-1/event", Properties: &mqtt.Properties{User: make([]mqtt.UserProperty, (250<<10)/5)}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 20 {
		r, _ := h.connected("monitor-1", 5, nil)
		r.send(&bomb)
		if reason := r.closed(); reason != mqtt.ImplementationError {
			t.Fatalf("told %v", reason)
		}
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 128<<20 {
		t.Errorf("20 bombs took %d MiB of allocations", grown>>20)
	}
}

// TestInFlightBytesAreBounded: what one client has under way in the Door.
//
// Covers: S6
func TestInFlightBytesAreBounded(t *testing.T) {
	d := newDoor(t)
	h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{InFlightBytes: 500_000}})
	d.hold(true)
	device, _ := h.connected("monitor-1", 4, nil)
	for id := uint16(1); id <= 10; id++ {
		device.send(&mqtt.Publish{Topic: "v1/monitor-1/wave", Payload: make([]byte, 100_000), QoS: 1, ID: id})
	}
	eventually(t, "four are in the Door", func() bool { return len(d.all()) == 4 })
	device.silent(50 * time.Millisecond)
	if n := len(d.all()); n != 4 {
		t.Errorf("%d packets in the Door", n)
	}
	d.hold(false)
	for range 10 {
		device.ack(mqtt.TypePuback)
	}
}

// Covers: S6
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	r, _ := h.connected("monitor-1", 5, func(p *mqtt.Connect) { p.KeepAlive = 1 })
	for range 3 {
		time.Sleep(700 * time.Millisecond)
		r.send(mqtt.Ping{Type: mqtt.TypePingreq})
		r.read()
	}
	start := time.Now()
	if reason := r.closed(); reason != mqtt.KeepAliveTimeout {
		t.Errorf("told %v", reason)
	}
	if took := time.Since(start); took < 1300*time.Millisecond || took > 2500*time.Millisecond {
		t.Errorf("closed after %v, want 1.5 s", took)
	}
	// Parts of a packet are no sign of life.
	r, _ = h.connected("monitor-1", 5, func(p *mqtt.Connect) { p.KeepAlive = 1 })
	start = time.Now()
	r.write([]byte("\x30\x90\x4e"))
	for time.Since(start) < 5*time.Second {
		if _, err := r.conn.Write([]byte("a")); err != nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("drops kept the connection for %v", took)
	}
}

// Covers: S6
func TestLimits(t *testing.T) {
	t.Parallel()
	t.Run("connections", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{Connections: 2}})
		h.connected("monitor-1", 5, nil)
		h.connected("monitor-2", 5, nil)
		h.raw(5).closed()
		if s := h.server.Stats(); s.Crowded != 1 || s.Connections != 2 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("connects per second", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{ConnectsPerSecond: 10}})
		start := time.Now()
		for range 15 {
			r, _ := h.connected("monitor-1", 5, nil)
			r.conn.Close()
		}
		if took := time.Since(start); took < 300*time.Millisecond {
			t.Errorf("15 connects in %v", took)
		}
	})
	t.Run("messages per second", func(t *testing.T) {
		d := newDoor(t)
		h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{Messages: 50}})
		device := h.dial(h.as("monitor-1", 5))
		start := time.Now()
		for range 50 + 25 {
			must(t, device.Publish(within(t, 5*time.Second), "v1/monitor-1/event", nil, 1))
		}
		if took := time.Since(start); took < 400*time.Millisecond || h.server.Stats().Paused == 0 {
			t.Errorf("75 messages at 50 per second took %v", took)
		}
	})
	t.Run("QoS 0 over capacity", func(t *testing.T) {
		d := newDoor(t)
		h := open(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{Loose: 10}})
		d.hold(true)
		device, _ := h.connected("monitor-1", 5, nil)
		for range 25 {
			device.send(&mqtt.Publish{Topic: "v1/monitor-1/wave", Payload: []byte("w")})
		}
		device.send(&mqtt.Publish{Topic: "v1/monitor-1/event", Payload: []byte("e"), QoS: 1, ID: 1})
		eventually(t, "the event is in the Door", func() bool { return len(d.all()) == 11 })
		if s := h.server.Stats(); s.DroppedIn != 15 {
			t.Errorf("dropped %d, want 15", s.DroppedIn)
		}
		d.hold(false)
		device.ack(mqtt.TypePuback)
	})
	t.Run("sessions", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{Sessions: 2}})
		o := h.as("lab", 5)
		o.SessionExpiry = time.Hour
		for _, id := range []string{"lab-1", "lab-2"} {
			o.ClientID = id
			h.dial(o).Close()
		}
		o.ClientID = "lab-3"
		h.refuses(o, vital.Unavailable)
		o.ClientID = "lab-2"
		h.dial(o)
		h.dial(h.as("monitor-1", 5))
	})
	t.Run("lengths", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
		o := h.as("lab", 5)
		o.ClientID = "lab-" + strings.Repeat("x", 300)
		h.refuses(o, vital.Denied)
		lab, _ := h.connected("lab", 5, nil)
		if codes := lab.subscribe(nil, mqtt.Filter{Filter: "app/" + strings.Repeat("x", 2000)}); codes[0] != mqtt.TopicFilterInvalid {
			t.Errorf("SUBACK %v", codes)
		}
		lab.send(&mqtt.Publish{Topic: "app/lab/" + strings.Repeat("x", 2000)})
		if r := lab.closed(); r != mqtt.TopicNameInvalid {
			t.Errorf("told %v", r)
		}
	})
	t.Run("queue bytes count properties", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{QueueBytes: 100_000, Window: 1}})
		lab, _ := h.connected("lab", 5, nil)
		lab.subscribe(nil, mqtt.Filter{Filter: "v1/+/status", QoS: 1})
		heavy := &mqtt.Properties{User: []mqtt.UserProperty{{Name: "a", Value: strings.Repeat("x", 40_000)}}}
		for range 4 {
			must(t, h.server.Publish(t.Context(), "v1/monitor-1/status", nil, 1, false, heavy))
		}
		if r := lab.closed(); r != mqtt.QuotaExceeded {
			t.Errorf("told %v", r)
		}
	})
	t.Run("subscriptions", func(t *testing.T) {
		h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t), Limits: mqttd.Limits{Subscriptions: 1}})
		lab, _ := h.connected("lab", 5, nil)
		codes := lab.subscribe(nil, mqtt.Filter{Filter: "app/a"}, mqtt.Filter{Filter: "app/b"}, mqtt.Filter{Filter: "app/a", QoS: 1})
		if codes[0] != 0 || codes[1] != mqtt.QuotaExceeded || codes[2] != 1 {
			t.Errorf("SUBACK %v", codes)
		}
	})
}

// blocked is a Door that is behind: Accept waits.
type blocked struct{ entered chan struct{} }

func (b blocked) Accept(ctx context.Context, _ ingest.Packet, _ func(ingest.Receipt, error)) error {
	b.entered <- struct{}{}
	<-ctx.Done()
	return vital.Errorf(vital.Unavailable, "the journal is behind: %w", ctx.Err())
}

// TestBackPressure: while the Door is behind the client's socket fills up and
// nothing is read, dropped or acknowledged; and the server can still stop.
//
// Covers: S6
func TestBackPressure(t *testing.T) {
	t.Parallel()
	b := blocked{make(chan struct{}, 10)}
	h := open(t, mqttd.Options{Gate: newGate(), Door: b})
	device, _ := h.connected("monitor-1", 4, func(p *mqtt.Connect) { p.KeepAlive = 1 })
	packet := (&mqtt.Publish{Topic: "v1/monitor-1/telemetry", Payload: make([]byte, 100_000), QoS: 1, ID: 1}).Append(nil, 4)
	device.conn.SetWriteDeadline(time.Now().Add(2 * time.Second)) // longer than the keep-alive: being made to wait is not silence
	for {
		if _, err := device.conn.Write(packet); err != nil {
			break
		}
	}
	<-b.entered
	s := h.server.Stats()
	if s.Received[1] != 1 || s.Acknowledged != 0 || s.Connections != 1 {
		t.Errorf("%+v", s)
	}
	start := time.Now()
	h.stop()
	if took := time.Since(start); took > 8*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// TestASleepingReaderDoesNotHoldTheOthers: a client that never reads what it is
// sent is made to wait, and then it is gone.
func TestASleepingReaderDoesNotHoldTheOthers(t *testing.T) {
	t.Parallel()
	h := open(t, mqttd.Options{Gate: newGate(), Door: newDoor(t)})
	asleep, _ := h.connected("lab", 5, nil)
	asleep.subscribe(nil, mqtt.Filter{Filter: "v1/+/wave"})
	device := h.dial(h.as("monitor-1", 5))
	var err error
	for range 200 {
		err = device.Publish(within(t, 5*time.Second), "v1/monitor-1/wave", make([]byte, 100_000), 1)
		must(t, err)
	}
	s := h.server.Stats()
	if s.DroppedOut == 0 || s.Acknowledged != 200 {
		t.Errorf("%+v", s)
	}
}

// Covers: S1 H7 O5
func TestTLSWithClientCertificates(t *testing.T) {
	ca, caKey := certificate(t, "site authority", nil, nil)
	server, serverKey := certificate(t, "server", ca, caKey)
	device, deviceKey := certificate(t, "monitor-1", ca, caKey)
	stranger, strangerKey := certificate(t, "monitor-1", nil, nil) // signed by itself
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	pair := func(c *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
		return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	l := tls.NewListener(plain, &tls.Config{Certificates: []tls.Certificate{pair(server, serverKey)}, ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven})
	d := newDoor(t)
	h := openOn(t, mqttd.Options{Gate: newGate(), Door: d, Limits: mqttd.Limits{ConnectTime: 500 * time.Millisecond}}, l)
	o := mqttc.Options{Address: h.address, ClientID: "monitor-1", TLS: &tls.Config{RootCAs: pool, ServerName: "127.0.0.1", Certificates: []tls.Certificate{pair(device, deviceKey)}}}
	c := h.dial(o)
	must(t, c.Publish(within(t, 5*time.Second), "v1/monitor-1/event", []byte("by certificate"), 2))
	if p := d.all(); len(p) != 1 || p[0].Credential != "c-1" {
		t.Errorf("%+v", p)
	}
	o.TLS = o.TLS.Clone()
	o.TLS.Certificates = nil
	h.refuses(o, vital.Unauthenticated)
	o.Username, o.Password = "monitor-1", reversed("monitor-1")
	h.dial(o)
	o.Username, o.Password = "", nil
	forced := pair(stranger, strangerKey)
	o.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &forced, nil }
	h.refuses(o, vital.Unavailable) // the handshake fails
	r := h.raw(5)
	r.write([]byte("\x16\x03\x01"))
	r.closed()
}

func certificate(t *testing.T, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: parent == nil, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if parent == nil {
		parent, parentKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	must(t, err)
	c, err = x509.ParseCertificate(der)
	must(t, err)
	return c, key
}

// FuzzConnection sends a well-formed CONNECT and then whatever the fuzzer makes of
// packets: the server may close, it may not panic, hang or remember much.
//
// Covers: S6
func FuzzConnection(f *testing.F) {
	s := func(packets ...mqtt.Packet) []byte {
		var b []byte
		for _, p := range packets {
			b = p.Append(b, 5)
		}
		return b
	}
	f.Add(true, s(&mqtt.Publish{Topic: "v1/monitor-1/event", QoS: 2, ID: 1}, &mqtt.Publish{Topic: "v1/monitor-1/event", QoS: 2, ID: 1, Duplicate: true}, &mqtt.Ack{Type: mqtt.TypePubrel, ID: 1}))
	f.Add(true, s(&mqtt.Subscribe{ID: 1, Filters: []mqtt.Filter{{Filter: "v1/monitor-1/command", QoS: 2}}}, &mqtt.Unsubscribe{ID: 2, Filters: []string{"v1/monitor-1/command"}}))
	f.Add(true, s(&mqtt.Publish{Topic: "v1/monitor-1/event", Properties: &mqtt.Properties{TopicAlias: 3}}, &mqtt.Publish{Properties: &mqtt.Properties{TopicAlias: 3}}))
	f.Add(true, s(&mqtt.Disconnect{Type: mqtt.TypeDisconnect, Reason: 4, Properties: &mqtt.Properties{SessionExpiry: new(uint32(9))}}))
	f.Add(true, []byte("\x30\xff\xff\xff\x7f"))
	f.Add(false, []byte("\x40\x02\x00\x01"))
	f.Add(false, s(&mqtt.Connect{Level: 5, ClientID: "monitor-1", HasUsername: true, Username: "monitor-1", HasPassword: true, Password: reversed("monitor-1"),
		Will: &mqtt.Will{Topic: "v1/monitor-1/event", Properties: &mqtt.Properties{WillDelay: 1}}, Properties: &mqtt.Properties{ReceiveMaximum: 1}}))
	server := mqttd.New(mqttd.Options{Gate: newGate(), Door: newDoor(f), Sessions: new(mqttd.Memory), Limits: mqttd.Limits{ConnectsPerSecond: 1_000_000, SessionExpiry: time.Second}})
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	go server.Serve(ctx, l)
	f.Cleanup(cancel)
	f.Fuzz(func(t *testing.T, connected bool, b []byte) {
		ours, theirs := net.Pipe()
		l.conns <- theirs
		go io.Copy(io.Discard, ours)
		ours.SetDeadline(time.Now().Add(10 * time.Second))
		if connected {
			b = append((&mqtt.Connect{Level: 5, ClientID: "monitor-1", KeepAlive: 5, HasUsername: true, Username: "monitor-1", HasPassword: true,
				Password: reversed("monitor-1"), Properties: &mqtt.Properties{SessionExpiry: new(uint32(1))}}).Append(nil, 5), b...)
		}
		_, err := ours.Write(b)
		if err != nil && !strings.Contains(err.Error(), "closed pipe") {
			t.Fatalf("the server does not read and does not close: %v", err)
		}
		ours.Close()
		if s := server.Stats(); s.Sessions > 2 || s.Subscriptions > 200 {
			t.Fatalf("%+v", s)
		}
	})
}

// pipes is a listener of connections inside the process.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
