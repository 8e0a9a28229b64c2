package notify_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/vital"
)

// Covers: A5 O4
func TestGuardAddresses(t *testing.T) {
	var g notify.Guard
	for _, a := range strings.Fields(`0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1 172.31.255.255
		192.0.0.192 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.250 240.0.0.1 255.255.255.255
		:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1
		2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 3fff::1 5f00::1`) {
		if err := g.Check(netip.MustParseAddr(a)); vital.KindOf(err) != vital.Denied || err == nil {
			t.Errorf("%s may be dialled: %v", a, err)
		}
	}
	for _, a := range strings.Fields("1.1.1.1 8.8.8.8 172.15.255.255 172.32.0.1 193.0.0.1 2606:4700::1111 2a00:1450:4001::200e ::ffff:8.8.8.8") {
		if err := g.Check(netip.MustParseAddr(a)); err != nil {
			t.Errorf("%s may not be dialled: %v", a, err)
		}
	}
	if (notify.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}).Check(netip.MustParseAddr("::ffff:10.1.2.3")) != nil {
		t.Error("an address that the operator has named may not be dialled")
	}
	if g.Check(netip.Addr{}) == nil {
		t.Error("no address at all may be dialled")
	}
}

// Every way to write an address of this machine ends before a connection.
//
// Covers: A5 O4
func TestGuardNames(t *testing.T) {
	reached := 0
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	defer canary.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(canary.URL, "http://"), ":")
	client := notify.Guard{}.Client()
	for _, host := range strings.Fields(`127.0.0.1 127.1 localhost LOCALHOST localhost. 2130706433 0x7f000001 0177.0.0.1 0x7f.1 0 0.0.0.0 [::1] [::] [::ffff:127.0.0.1]
		[::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:1] 127.0.0.1.nip.io user@127.0.0.1 x:y@localhost %31%32%37.0.0.1 ①②⑦.⓪.⓪.①`) {
		for _, scheme := range []string{"http://", "https://"} {
			_, err := notify.Post(t.Context(), notify.Guard{}, client, scheme+host+":"+port+"/", http.Header{}, "x")
			if err == nil {
				t.Errorf("%s%s was asked", scheme, host)
			}
		}
	}
	for _, target := range []string{"file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "//localhost/", "http://", "https:///x", "javascript:1", ""} {
		if _, err := notify.Post(t.Context(), notify.Guard{}, client, target, http.Header{}, "x"); err == nil {
			t.Errorf("%q was asked", target)
		}
	}
	if reached != 0 {
		t.Errorf("the canary was reached %d times", reached)
	}
}

// A name that resolves to the outside when it is looked at, and to the inside when
// it is dialled, gains nothing: what is dialled is what is checked.
func TestGuardPlain(t *testing.T) {
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer canary.Close()
	g := notify.Guard{Allow: here}
	if _, err := notify.Post(t.Context(), g, g.Client(), canary.URL, http.Header{}, "x"); err != nil {
		t.Errorf("an address that is allowed: %v", err)
	}
	// The guard that looks allows, the one that dials does not.
	if _, err := notify.Post(t.Context(), g, notify.Guard{}.Client(), canary.URL, http.Header{}, "x"); vital.KindOf(err) != vital.Denied {
		t.Errorf("dialled without a check: %v", err)
	}
}
