package notify

import (
	"crypto/ecdsa"
	"time"

	"github.com/vigilcare/vigil/internal/store"
)

// channels are the kinds of channel that this installation has.
func (w *Worker) channels() (map[string]Sender, error) {
	if w.o.Senders != nil {
		return w.o.Senders, nil
	}
	guard := Guard{Allow: w.o.Allow}
	client := guard.Client()
	all := map[string]Sender{
		"screen":   screen{w.store, w.site, w.now, w.timing.Live},
		"webhook":  webhook{guard, client, w.now},
		"ntfy":     ntfy{guard, client},
		"web-push": webPush{guard: guard, client: client, now: w.now, key: w.pushKey, subject: w.o.Public},
	}
	if w.o.SMTP != "" {
		mail, err := ParseSMTP(w.o.SMTP)
		if err != nil {
			return nil, err
		}
		all["email"] = mail
	}
	if w.o.SMS.URL != "" {
		if err := w.o.SMS.Check(); err != nil {
			return nil, err
		}
		all["sms"] = sms{w.o.SMS, guard, client}
	}
	return all, nil
}

func (w *Worker) pushKey() *ecdsa.PrivateKey {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.keys.push
}

// Kinds are the kinds of channel that this installation has.
func (w *Worker) Kinds() []string {
	var kinds []string
	for _, k := range store.ChannelKinds {
		if w.senders[k] != nil {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Outbound are the channels that need nothing of a server, for a program that
// has to be heard when there is none: the kinds webhook and ntfy behind a guard.
func Outbound(guard Guard, now func() time.Time) map[string]Sender {
	client := guard.Client()
	return map[string]Sender{"webhook": webhook{guard, client, now}, "ntfy": ntfy{guard, client}}
}
