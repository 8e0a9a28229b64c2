package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/notify"
	"github.com/vigilcare/vigil/vital"
)

// telling is what goes out by the sentinel's own channels.
type telling struct {
	State string // alarm, again, recovered, start, test
	Kind  string
	Text  string
	At    time.Time
}

// outlet is one channel of the sentinel's own.
type outlet struct {
	kind string
	send func(ctx context.Context, t telling) error
}

// standingTrouble is a trouble that was told.
type standingTrouble struct {
	trouble
	told         time.Time
	gone         time.Time // since when it does not hold any more; zero: it holds
	Acknowledged bool      `json:"acknowledged"`
}

// teller says what is wrong, once, again and again until somebody acknowledges,
// and that it is over.
type teller struct {
	name, host string
	repeat     time.Duration
	outlets    []outlet
	out        io.Writer
	log        *slog.Logger
	sending    sync.WaitGroup

	mu       sync.Mutex
	standing map[string]*standingTrouble
}

// settled is how long a trouble must be gone before it counts as over: a platform
// that comes and goes is not well.
const settled = 6 * time.Second

// anywhere lets the sentinel's messages go where its owner has said: the guard of
// the server is there for addresses that others type in.
var anywhere = notify.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}

func newTeller(c sentinelConfig, out io.Writer, log *slog.Logger) (*teller, error) {
	t := &teller{name: c.Name, host: c.host(), repeat: c.Limits.Repeat, out: out, log: log, standing: map[string]*standingTrouble{}}
	for _, program := range c.Tell.Exec {
		t.outlets = append(t.outlets, outlet{"exec", func(ctx context.Context, m telling) error { return runProgram(ctx, program, m) }})
	}
	senders := notify.Outbound(anywhere, time.Now)
	through := func(kind string, sender notify.Sender, to notify.Recipient) {
		t.outlets = append(t.outlets, outlet{kind, func(ctx context.Context, m telling) error {
			_, err := sender.Send(ctx, to, m.message(c.Name))
			return err
		}})
	}
	for _, address := range c.Tell.SMTP {
		sender, err := notify.ParseSMTP(address)
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(address)
		if err != nil || u.Query().Get("to") == "" {
			return nil, vital.Errorf(vital.Invalid, "smtp: want smtp://user:password@host:587?from=...&to=...")
		}
		through("smtp", sender, notify.Recipient{Address: u.Query().Get("to")})
	}
	for _, address := range c.Tell.NTFY {
		through("ntfy", senders["ntfy"], notify.Recipient{Address: address})
	}
	for _, address := range c.Tell.Webhook {
		through("webhook", senders["webhook"], notify.Recipient{Address: address, Secret: c.Tell.Sign})
	}
	return t, nil
}

// runProgram runs a program of the owner's with the words as its one argument; no
// shell reads them.
func runProgram(ctx context.Context, program string, m telling) error {
	run := exec.CommandContext(ctx, program, m.Text)
	run.Env = append(os.Environ(), "VIGIL_STATE="+m.State, "VIGIL_KIND="+m.Kind)
	run.WaitDelay = time.Second
	if said, err := run.CombinedOutput(); err != nil {
		return vital.Errorf(vital.Unavailable, "%s: %w: %.200s", program, err, said)
	}
	return nil
}

func (m telling) message(name string) notify.Message {
	tag := "sentinel-" + strings.ReplaceAll(m.Kind, " ", "-")
	o := notify.Message{
		ID: fmt.Sprintf("%s.%s.%d", tag, m.State, m.At.UnixMilli()), Tag: tag, Kind: "sentinel", Priority: vital.High, Technical: true,
		At: m.At.UnixMilli(), Title: "Vigil sentinel " + name, Text: m.Text,
	}
	if m.State == "recovered" || m.State == "start" || m.State == "test" {
		o.Priority = vital.Low
	}
	return o
}

// say sends one telling by every channel at once, each tried three times, so that
// one that hangs holds up no other.
func (t *teller) say(m telling) {
	fmt.Fprintf(t.out, "%s %s %s: %s\n", m.At.Format(time.RFC3339), m.State, m.Kind, m.Text)
	t.log.Warn(m.Text, "state", m.State, "kind", m.Kind)
	for _, o := range t.outlets {
		t.sending.Go(func() {
			for try := range 3 {
				ctx, stop := context.WithTimeout(context.Background(), 15*time.Second)
				err := o.send(ctx, m)
				stop()
				if err == nil {
					return
				}
				t.log.Error("what is wrong could not be told", "channel", o.kind, "try", try+1, "error", err.Error())
				time.Sleep(time.Duration(try+1) * time.Second)
			}
		})
	}
}

// hear takes what is wrong now and says what is new, what still holds and what is
// over. While the whole platform is silent nothing else is known to be over.
func (t *teller) hear(now time.Time, all []trouble) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held := map[string]bool{}
	for _, w := range all {
		held[w.Kind] = true
		s := t.standing[w.Kind]
		switch {
		case s == nil:
			t.standing[w.Kind] = &standingTrouble{trouble: w, told: now}
			t.say(telling{"alarm", w.Kind, t.words(w, now), now})
		case !s.Acknowledged && now.Sub(s.told) >= t.repeat:
			s.told, s.gone, s.Text = now, time.Time{}, w.Text
			t.say(telling{"again", w.Kind, t.words(s.trouble, now), now})
		default:
			s.gone, s.Text = time.Time{}, w.Text
		}
		t.standing[w.Kind].Whole = w.Whole
	}
	silent := len(all) == 1 && all[0].Whole
	for _, kind := range slices.Sorted(maps.Keys(t.standing)) {
		s := t.standing[kind]
		if held[kind] {
			continue
		}
		if silent && !s.Whole {
			s.gone = time.Time{}
			continue
		}
		if silent { // one silence that turned out to be another
			delete(t.standing, kind)
			continue
		}
		if s.gone.IsZero() {
			s.gone = now
		}
		if now.Sub(s.gone) < settled {
			continue
		}
		delete(t.standing, kind)
		t.say(telling{"recovered", kind, fmt.Sprintf("Vigil at %s has recovered: %s since %s, over since %s", t.host, title(kind), clockTime(s.Since), clockTime(s.gone)), now})
	}
}

func (t *teller) words(w trouble, now time.Time) string {
	return fmt.Sprintf("Vigil at %s: %s since %s (%s): %s", t.host, title(w.Kind), clockTime(w.Since), now.Sub(w.Since).Round(time.Second), w.Text)
}

// titles are the kinds as a sentence has them.
var titles = map[string]string{
	isDead: "DEAD", isStuck: "STUCK", isCutOff: "CUT OFF", isRefused: "REFUSES the sentinel", isFull: "DISK FULL", isDisk: "DISK", isLate: "LATE",
	isRules: "RULES", isNotifier: "NOTIFIER", isOpen: "UNANSWERED", isSilent: "NO SOUND",
}

func title(kind string) string {
	kind, _, _ = strings.Cut(kind, ": ")
	return titles[kind]
}

func clockTime(t time.Time) string { return t.Format("15:04:05") }

// acknowledge ends the repeating of what stands; it returns how many.
func (t *teller) acknowledge() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, s := range t.standing {
		if !s.Acknowledged {
			s.Acknowledged = true
			n++
		}
	}
	return n
}

// troubles are those that stand, by kind.
func (t *teller) troubles() []standingTrouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := []standingTrouble{}
	for _, kind := range slices.Sorted(maps.Keys(t.standing)) {
		all = append(all, *t.standing[kind])
	}
	return all
}
