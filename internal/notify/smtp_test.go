package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// postOffice is a mail server of one connection after the other.
type postOffice struct {
	net.Listener
	certificate tls.Certificate
	roots       *x509.CertPool

	mutex sync.Mutex
	mails []string
	login string

	noTLS   bool
	hangAt  string            // verb after which nothing comes
	dropAt  string            // verb after which the connection ends
	answers map[string]string // by verb, in place of the usual
}

func newPostOffice(t *testing.T) *postOffice {
	web := httptest.NewTLSServer(nil) // for its certificate of 127.0.0.1
	t.Cleanup(web.Close)
	roots := x509.NewCertPool()
	roots.AddCert(web.Certificate())
	p := &postOffice{Listener: got(net.Listen("tcp", "127.0.0.1:0"))(t), certificate: web.TLS.Certificates[0], roots: roots, answers: map[string]string{}}
	t.Cleanup(func() { p.Close() })
	go func() {
		for {
			conn, err := p.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *postOffice) serve(conn net.Conn) {
	defer conn.Close()
	fmt.Fprint(conn, "220 post office\r\n")
	r, secure := bufio.NewReader(conn), false
	for {
		text, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		p.mutex.Lock()
		hang, drop, answer := p.hangAt == verb, p.dropAt == verb, p.answers[verb]
		p.mutex.Unlock()
		switch {
		case hang:
			time.Sleep(5 * time.Second)
			return
		case drop && verb != "DATA":
			return
		case answer != "":
			fmt.Fprint(conn, answer+"\r\n")
		case verb == "EHLO" && !p.noTLS && !secure:
			fmt.Fprint(conn, "250-post office\r\n250 STARTTLS\r\n")
		case verb == "EHLO":
			fmt.Fprint(conn, "250-post office\r\n250 AUTH PLAIN\r\n")
		case verb == "STARTTLS":
			fmt.Fprint(conn, "220 go\r\n")
			conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{p.certificate}})
			r, secure = bufio.NewReader(conn), true
		case verb == "AUTH":
			p.mutex.Lock()
			p.login = rest
			p.mutex.Unlock()
			fmt.Fprint(conn, "235 in\r\n")
		case verb == "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			var b strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(line)
			}
			p.mutex.Lock()
			p.mails = append(p.mails, b.String())
			p.mutex.Unlock()
			if drop {
				return // taken, and nobody hears of it
			}
			fmt.Fprint(conn, "250 taken\r\n")
		case verb == "QUIT":
			fmt.Fprint(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprint(conn, "250 ok\r\n")
		}
	}
}

func (p *postOffice) sender(t *testing.T, far bool) notify.Sender {
	address := "smtp://vigil:s3cret@" + p.Addr().String() + "?from=Vigil%20%3Cvigil@example.org%3E"
	s := notify.WithRoots(got(notify.ParseSMTP(address))(t), &tls.Config{RootCAs: p.roots})
	if far {
		s = notify.NotHere(s)
	}
	return s
}

func TestEmail(t *testing.T) {
	p := newPostOffice(t)
	s := p.sender(t, true)
	for range 2 {
		r := got(s.Send(t.Context(), notify.Recipient{Address: "anna@example.org"}, message))(t)
		if r.State != store.HandedOver || r.Replaces {
			t.Errorf("receipt %+v", r)
		}
	}
	m := got(mail.ReadMessage(strings.NewReader(p.mails[0])))(t)
	body := got(base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p.mails[0][strings.Index(p.mails[0], "\r\n\r\n"):]), "")))(t)
	if h := m.Header; h.Get("Message-ID") != "<d-1@example.org>" || h.Get("To") != "<anna@example.org>" || h.Get("Subject") != "Vigil: Alarm, Ward A bed 12, high" || h.Get("Importance") != "high" || h.Get("Auto-Submitted") == "" {
		t.Errorf("headers %v", h)
	}
	if !strings.Contains(string(body), message.Text) || !strings.Contains(string(body), message.Link) {
		t.Errorf("body %q", body)
	}
	if again := got(mail.ReadMessage(strings.NewReader(p.mails[1])))(t); again.Header.Get("Message-ID") != m.Header.Get("Message-ID") {
		t.Error("a repeat has another Message-ID")
	}
	if login := got(base64.StdEncoding.DecodeString(strings.TrimPrefix(p.login, "PLAIN ")))(t); string(login) != "\x00vigil\x00s3cret" {
		t.Errorf("signed in with %q", login)
	}
}

// Faults of a mail server: what is worth trying again, and what is not.
func TestMailFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault func(p *postOffice)
		want  vital.Kind
		taken int
	}{
		{"no TLS", func(p *postOffice) { p.noTLS = true }, vital.Unavailable, 0},
		{"another certificate", func(p *postOffice) { p.roots = x509.NewCertPool() }, vital.Unavailable, 0},
		{"hangs before the letter", func(p *postOffice) { p.hangAt = "RCPT" }, vital.Unavailable, 0},
		{"hangs up", func(p *postOffice) { p.dropAt = "MAIL" }, vital.Unavailable, 0},
		{"hangs up after it has taken the letter", func(p *postOffice) { p.dropAt = "DATA" }, vital.Unavailable, 1},
		{"knows no such address", func(p *postOffice) { p.answers["RCPT"] = "550 5.1.1 no such user" }, vital.NotFound, 0},
		{"relays nothing", func(p *postOffice) { p.answers["RCPT"] = "550 5.7.1 relaying denied" }, vital.Unavailable, 0},
		{"mailbox busy", func(p *postOffice) { p.answers["RCPT"] = "450 busy" }, vital.Unavailable, 0},
		{"full", func(p *postOffice) { p.answers["MAIL"] = "452 no room" }, vital.Unavailable, 0},
		{"wrong password", func(p *postOffice) { p.answers["AUTH"] = "535 no" }, vital.Unavailable, 0},
		{"wants no such letter", func(p *postOffice) { p.answers["DATA"] = "552 too large" }, vital.Invalid, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPostOffice(t)
			c.fault(p)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			_, err := p.sender(t, true).Send(ctx, notify.Recipient{Address: "anna@example.org"}, message)
			if err == nil || vital.KindOf(err) != c.want {
				t.Errorf("%v (%s), want %s", err, vital.KindOf(err), c.want)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the password: %v", err)
			}
			p.mutex.Lock()
			defer p.mutex.Unlock()
			if len(p.mails) != c.taken {
				t.Errorf("%d letters were taken, want %d", len(p.mails), c.taken)
			}
		})
	}
}

func TestParseSMTP(t *testing.T) {
	for _, bad := range []string{"", "mail.example.org", "http://x?from=a@b", "smtp://x", "smtp://x?from=nobody", "smtp://:pa ss@%zz", "smtp://?from=a@b.c"} {
		if _, err := notify.ParseSMTP(bad); err == nil {
			t.Errorf("%q was taken", bad)
		} else if strings.Contains(err.Error(), "pa ss") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
