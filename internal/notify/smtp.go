package notify

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/mail"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"net/url"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// email hands messages to one mail server of the house. Off this machine it
// speaks TLS or not at all: smtps from the first byte, smtp by STARTTLS, and a
// server that offers none is refused. The Message-ID is made of the id of the
// message, the same for every repeat.
type email struct {
	host, port string
	implicit   bool // TLS from the first byte
	login      *url.Userinfo
	from       mail.Address
	roots      *tls.Config // nil: the system's
	far        bool        // the loopback counts as another machine
	now        func() time.Time
}

// ParseSMTP reads smtp://user:password@host:587?from=vigil@example.org, or
// smtps:// for TLS from the first byte.
func ParseSMTP(address string) (Sender, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "smtp: not a URL") // the error would show the password
	}
	e := email{host: u.Hostname(), port: u.Port(), implicit: u.Scheme == "smtps", login: u.User, now: time.Now}
	if u.Scheme != "smtp" && u.Scheme != "smtps" || e.host == "" {
		return nil, vital.Errorf(vital.Invalid, "smtp: want smtp://user:password@host:587?from=vigil@example.org")
	}
	if e.port == "" {
		e.port = map[bool]string{false: "587", true: "465"}[e.implicit]
	}
	from, err := mail.ParseAddress(u.Query().Get("from"))
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "smtp: from: want an e-mail address like vigil@example.org")
	}
	e.from = *from
	return e, nil
}

// Send hands the message over.
func (e email) Send(ctx context.Context, to Recipient, m Message) (Receipt, error) {
	dialer := &net.Dialer{}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(e.host, e.port))
	if err != nil {
		return Receipt{}, vital.Errorf(vital.Unavailable, "the mail server does not answer: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := e.speak(conn, to.Address, e.compose(to.Address, m)); err != nil {
		return Receipt{}, mailError(err)
	}
	return Receipt{State: store.HandedOver}, nil
}

func (e email) speak(conn net.Conn, to, text string) error {
	config := &tls.Config{ServerName: e.host, MinVersion: tls.VersionTLS12}
	if e.roots != nil {
		config.RootCAs = e.roots.RootCAs
	}
	if e.implicit {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(conn, e.host)
	if err != nil {
		return err
	}
	if !e.implicit && (e.far || !loopback(conn.RemoteAddr())) {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return vital.Errorf(vital.Unavailable, "the mail server offers no TLS: nothing is sent to it in the clear")
		}
		if err := c.StartTLS(config); err != nil {
			return err
		}
	} else if ok, _ := c.Extension("STARTTLS"); ok && !e.implicit {
		if err := c.StartTLS(config); err != nil {
			return err
		}
	}
	if e.login != nil {
		password, _ := e.login.Password()
		if err := c.Auth(smtp.PlainAuth("", e.login.Username(), password, e.host)); err != nil {
			return err
		}
	}
	if err := c.Mail(e.from.Address); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		var refused *textproto.Error
		if errors.As(err, &refused) && refused.Code >= 550 && refused.Code <= 553 && !strings.Contains(refused.Msg, "5.7.") {
			return vital.Errorf(vital.NotFound, "the mail server knows no such address: %d", refused.Code)
		}
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	if err := w.Close(); err != nil { // the server has taken it when this comes back
		return err
	}
	_ = c.Quit() // taken is taken
	return nil
}

// compose writes the mail. Automatic answers are not wanted.
func (e email) compose(to string, m Message) string {
	var b strings.Builder
	head := func(name, value string) { fmt.Fprintf(&b, "%s: %s\r\n", name, value) }
	_, domain, _ := strings.Cut(e.from.Address, "@")
	head("From", e.from.String())
	head("To", (&mail.Address{Address: to}).String())
	head("Subject", mime.QEncoding.Encode("utf-8", "Vigil: "+firstSentence(m.Text)))
	head("Date", e.now().UTC().Format(time.RFC1123Z))
	head("Message-ID", "<"+m.ID+"@"+domain+">")
	head("References", "<"+m.Tag+"@"+domain+">") // one thread for one alarm
	head("Auto-Submitted", "auto-generated")
	head("X-Auto-Response-Suppress", "All")
	if m.Priority == vital.High {
		head("Importance", "high")
		head("X-Priority", "1")
	}
	head("MIME-Version", "1.0")
	head("Content-Type", "text/plain; charset=utf-8")
	head("Content-Transfer-Encoding", "base64")
	b.WriteString("\r\n")
	text := m.Text + "\r\n"
	if m.Link != "" {
		text += "\r\n" + m.Link + "\r\n"
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(text))
	for len(encoded) > 76 {
		b.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	b.WriteString(encoded + "\r\n")
	return b.String()
}

func firstSentence(text string) string {
	first, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(first, ".")
}

// mailError says whether it is worth while to try again: RFC 5321, 4.2.1: 4xx is
// for now, 5xx for good. What a server says of logging in, of its policy (5.7.x,
// RFC 3463) and of itself is not about the address: it may be put right.
func mailError(err error) error {
	var known *vital.Error
	if errors.As(err, &known) {
		return err
	}
	var said *textproto.Error
	if errors.As(err, &said) && said.Code >= 500 && said.Code != 530 && said.Code != 535 && said.Code != 554 && !strings.Contains(said.Msg, "5.7.") {
		return vital.Errorf(vital.Invalid, "the mail server refuses: %d %s", said.Code, said.Msg)
	}
	return vital.Errorf(vital.Unavailable, "the mail server: %w", err)
}

func loopback(a net.Addr) bool {
	p, err := netip.ParseAddrPort(a.String())
	return err == nil && p.Addr().Unmap().IsLoopback()
}
