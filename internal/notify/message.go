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
	m := w.compose(b)
	if e.Told == "emergency" {
		return w.callForHelp(ctx, e, m)
	}
	return to, m, nil
}

// compose writes the words of a bundle.
func (w *Worker) compose(b []store.Errand) Message {
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
		return digest(m, b)
	}
	what := "Alarm"
	if e.Technical {
		what = "Technical alarm"
	}
	switch e.Told {
	case "test":
		m.Text = "Test page. Nobody is in danger. Open Vigil to confirm that it arrived."
		return m
	case "stop":
		m.Text = fmt.Sprintf("Taken care of: %s%s.", strings.ToLower(what), place(", ", e.WardName, e.Bed))
		return m
	case "done": // by hand-over: the one deed that people are told of
		what += " handed over to you"
	case "worse":
		what += ", worse"
	case "again":
		what += " again"
	case "escalated":
		what += " that nobody has answered"
	}
	m.Text = fmt.Sprintf("%s%s, %s. Open Vigil.", what, place(", ", e.WardName, e.Bed), e.Priority)
	return m
}

// digest puts many pages of low or medium priority into one message.
func digest(m Message, b []store.Errand) Message {
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
			list, more = list[:mostNamed], fmt.Sprintf(" and %d more", len(list)-mostNamed)
		}
		places = append(places, place("", ward, strings.Join(list, ", "))+more)
	}
	m.Kind, m.Count, m.Priority, m.Bed, m.Alarm = "digest", len(b), worst, "", ""
	m.Tag = tagOf("", m.ID)
	m.Text = fmt.Sprintf("%d alarms, %s, at most %s. Open Vigil.", len(b), strings.Join(places, "; "), worst)
	return m
}

// mostNamed beds of a ward stand in a digest by name.
const mostNamed = 10

// place is "Ward A bed 12", or nothing for what is of the installation.
func place(before, ward, bed string) string {
	if ward == "" {
		return ""
	}
	if bed == "" {
		return before + ward
	}
	return before + ward + " bed " + bed
}

// tagOf is short enough for the topic of a push service: 32 characters.
func tagOf(alarm, page string) string {
	name := alarm
	if name == "" {
		name = page
	}
	return "v-" + short(name)
}
