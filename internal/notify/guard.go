package notify

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Guard keeps requests to addresses that people typed in away from the inside of
// the house: a webhook must not become a way to speak to the database, to the
// machine itself, or to the metadata of a cloud. The check is made on the very
// address that is dialled, after names were resolved, so that a name that changes
// its mind between check and use gains nothing. Redirects are not followed and no
// proxy is asked.
type Guard struct {
	Allow []netip.Prefix // addresses inside that the operator has named
}

// inside is what is not the public internet: RFC 6890 and its successors, and the
// forms of IPv6 that carry an IPv4 address to which the same must apply.
var inside = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"), netip.MustParsePrefix("fec0::/10"),
}

// Check refuses an address that is not on the public internet and was not named
// by the operator.
func (g Guard) Check(a netip.Addr) error {
	a = a.Unmap().WithZone("")
	if g.allows(a) {
		return nil
	}
	if !a.IsValid() || !a.IsGlobalUnicast() || a.IsPrivate() || slices.ContainsFunc(inside, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return vital.Errorf(vital.Denied, "%s is inside the house: list it under notify-inside if messages may go there", a)
	}
	return nil
}

func (g Guard) allows(a netip.Addr) bool {
	return slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(a) })
}

// control is asked by the dialler for every address just before it connects.
func (g Guard) control(_, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return vital.Errorf(vital.Denied, "%q is no address", address)
	}
	return g.Check(a.Addr())
}

// Client is an HTTP client behind the guard.
func (g Guard) Client() *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Control: g.control}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 nil,
			DialContext:           dialer.DialContext,
			DialTLSContext:        nil,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   5 * time.Second,
			MaxIdleConnsPerHost:   8,
			IdleConnTimeout:       60 * time.Second,
			ForceAttemptHTTP2:     true,
			ResponseHeaderTimeout: 15 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// mayBePlain says whether http without TLS may be spoken to a host: only where
// every address that it may resolve to was named by the operator. The dialler
// checks again.
func (g Guard) mayBePlain(ctx context.Context, host string) error {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "look up %s: %w", host, err)
	}
	for _, a := range addresses {
		if !g.allows(a.Unmap()) {
			return vital.Errorf(vital.Denied, "%s is not listed under notify-inside: want https", host)
		}
	}
	return nil
}
