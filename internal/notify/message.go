package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// Message is what a channel hands over. Title and Text say neither who the
// patient is nor what was measured.
type Message struct {
	ID        string         `json:"id"` // the same for every repeat of this message
	Page      string         `json:"page"`
	Alarm     string         `json:"alarm,omitempty"`
	Tag       string         `json:"tag"`  // a later message with the same tag takes the place of this one, where the channel can
	Kind      string         `json:"kind"` // raised, worse, again, escalated, stop, test, emergency, digest
	Priority  vital.Priority `json:"priority"`
	Technical bool           `json:"technical"`
	Ward      string         `json:"ward,omitempty"`
	Bed       string         `json:"bed,omitempty"`
	At        int64          `json:"at"`              // ms since 1970, of the page
	Count     int            `json:"count,omitempty"` // of a digest
	Title     string         `json:"title"`
	Text      string         `json:"text"`
	Link      string         `json:"link,omitempty"`
}

// Stop reports whether the message only takes the place of another.
func (m Message) Stop() bool { return m.Kind == "stop" }

// address says to whom a bundle goes and with what words.
func (w *Worker) address(ctx context.Context, b []store.Errand) (Recipient, Message, error) {
	e := b[0]
	to := Recipient{Person: e.Person, Ward: e.Ward, Address: e.Address, Secret: e.Secret}
	t := w.tongueOf(ctx, e.Person)
	m := w.compose(t, b)
	if e.Told == "emergency" {
		return w.callForHelp(ctx, t, e, m)
	}
	return to, m, nil
}

// compose writes the words of a bundle.
func (w *Worker) compose(t *tongue, b []store.Errand) Message {
	e := b[0]
	m := Message{
		ID: e.ID, Page: e.Page, Alarm: e.Alarm, Tag: tagOf(e.Alarm, e.Page), Kind: e.Told, Priority: e.Priority, Technical: e.Technical,
		Ward: e.WardName, Bed: e.Bed, At: int64(e.Raised), Title: "Vigil",
	}
	if w.o.Public != "" {
		m.Link = strings.TrimSuffix(w.o.Public, "/") + "/alarms"
		if e.Alarm != "" {
			m.Link += "/" + e.Alarm
		}
		m.Link += "#seen=" + w.token(e.ID)
	}
	if len(b) > 1 {
		return digest(t, m, b)
	}
	what, within := t.kind(e.Technical)
	switch e.Told {
	case "test":
		m.Text = t.test
		return m
	case "stop":
		m.Text = fmt.Sprintf(t.stop, within, t.place(", ", e.WardName, e.Bed))
		return m
	case "done": // by hand-over: the one deed that people are told of
		what += t.handed
	case "worse":
		what += t.worse
	case "again":
		what += t.again
	case "escalated":
		what += t.escalated
	}
	m.Text = fmt.Sprintf(t.page, what, t.place(", ", e.WardName, e.Bed), t.priority[e.Priority])
	return m
}

// digest puts many pages of low or medium priority into one message.
func digest(t *tongue, m Message, b []store.Errand) Message {
	beds, worst := map[string][]string{}, vital.Low
	var wards []string
	for _, e := range b {
		worst = max(worst, e.Priority)
		ward := e.WardName
		if beds[ward] == nil {
			wards = append(wards, ward)
		}
		if e.Bed != "" && !slices.Contains(beds[ward], e.Bed) {
			beds[ward] = append(beds[ward], e.Bed)
		} else if beds[ward] == nil {
			beds[ward] = []string{}
		}
	}
	var places []string
	for _, ward := range wards {
		list := beds[ward]
		more := ""
		if len(list) > mostNamed {
			list, more = list[:mostNamed], t.others(len(list)-mostNamed)
		}
		places = append(places, t.place("", ward, strings.Join(list, ", "))+more)
	}
	m.Kind, m.Count, m.Priority, m.Bed, m.Alarm = "digest", len(b), worst, "", ""
	m.Tag = tagOf("", m.ID)
	m.Text = fmt.Sprintf(t.digest, len(b), strings.Join(places, "; "), t.priority[worst])
	return m
}

// mostNamed beds of a ward stand in a digest by name.
const mostNamed = 10

// tagOf is short enough for the topic of a push service: 32 characters.
func tagOf(alarm, page string) string {
	name := alarm
	if name == "" {
		name = page
	}
	return "v-" + short(name)
}
