package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// alarmsResult is what a run of faults in front of, in and behind alarms found.
type alarmsResult struct {
	Kind string `json:"kind"`
	Seed uint64 `json:"seed"`

	Kills        int `json:"kills"`
	Cuts         int `json:"powerCuts"`
	Samples      int `json:"samples"`
	Acknowledged int `json:"acknowledged"`
	Resent       int `json:"resent"`

	Episodes int `json:"episodes"` // acknowledged far enough that there must be an alarm
	Limbo    int `json:"limbo"`    // sent, not acknowledged so far: an alarm may be there or not
	Short    int `json:"short"`    // too short for an alarm, all of it in time: there must be none

	Alarms     int `json:"alarms"`
	Joined     int `json:"joined"`     // with the episode before: nothing of the calm between them was acknowledged
	Missed     int `json:"missed"`     // reach: 0
	Duplicates int `json:"duplicates"` // two alarms of one episode, or two records that it was raised; reach: 0
	Unfounded  int `json:"unfounded"`  // reach: 0

	Pages          int `json:"pages"` // of alarms that were raised
	Unpaged        int `json:"unpaged"`
	DuplicatePages int `json:"duplicatePages"`

	Deliveries          int `json:"deliveries"`
	Over                int `json:"overBeforeTold"` // pages of alarms that were over before anybody could be told
	Undelivered         int `json:"undelivered"`
	DuplicateDeliveries int `json:"duplicateDeliveries"`
	Unsettled           int `json:"unsettled"` // still on their way at the end

	Messages      int   `json:"messages"` // that reached a nurse's webhook
	Technical     int   `json:"technicalMessages"`
	AfterRefusal  int   `json:"repeatedAfterRefusal"` // same Idempotency-Key, the receiver had said 503
	AfterFault    int   `json:"repeatedAfterFault"`   // same key, a fault struck before it was noted that the receiver has it
	Repeated      int   `json:"repeated"`             // same key, for no such reason; reach: 0
	SeveralKeys   int   `json:"severalKeys"`          // one page to one person by one channel under two keys; reach: 0
	Strangers     int   `json:"strangers"`            // of a page or an alarm that the store does not know; reach: 0
	NeverReceived int   `json:"neverReceived"`        // handed over, says the store, and the receiver knows nothing; reach: 0
	Ghosts        int   `json:"ghosts"`               // sent by a server whose power had been cut: not counted
	Unnoted       int64 `json:"longestUnnotedMs"`     // from the receiver's answer to the fault, of what was repeated after one

	wrong []string
}

func (r *alarmsResult) kept() bool {
	return r.Missed+r.Duplicates+r.Unfounded+r.Unpaged+r.DuplicatePages+r.Undelivered+r.DuplicateDeliveries+r.Unsettled+
		r.Repeated+r.SeveralKeys+r.Strangers+r.NeverReceived == 0
}

// note counts something that must not be.
func (r *alarmsResult) note(count *int, format string, values ...any) {
	*count++
	if len(r.wrong) < 40 {
		r.wrong = append(r.wrong, fmt.Sprintf(format, values...))
	}
}

// raised is an alarm as the API shows it.
type raised struct {
	ID, Patient, Rule, Text string
	Technical               bool
	Since                   int64 // ms since 1970
}

// paged is a page of the store, delivered one of its deliveries.
type (
	paged struct {
		id, alarm, kind string
		technical       bool
		settled         vital.Instant
		closed          vital.Instant // of its alarm
	}
	delivered struct{ id, page, person, channel, state string }
)

// struck is a fault: from then on the server was not to be trusted, until it was
// gone.
type struck struct {
	from, until time.Time
	cut         bool
}

// evidence is all that a run left.
type evidence struct {
	beds       []*bedside
	alarms     []raised
	pages      []paged
	deliveries []delivered
	deeds      map[string]int // how often an alarm was raised, by alarm
	messages   []handed
	struck     []struck
}

func (e *evidence) judge(r *alarmsResult) {
	for _, b := range e.beds {
		for _, c := range []condition{fastHeart, lowOxygen} {
			e.episodes(r, b, c)
		}
		for _, m := range b.samples {
			r.Samples++
			if !m.acknowledged.IsZero() {
				r.Acknowledged++
			}
		}
		r.Resent += b.resent
	}
	e.paged(r)
	e.handed(r)
}

// episode is one stretch of values beyond the limit.
type episode struct {
	number, first, last int // samples
	must, may, short    bool
	joined              bool // with the one before
}

// liveWithin is how soon after it was measured a sample was acknowledged, so that
// no tick of the clock can have come in between.
const liveWithin = 300 * time.Millisecond

// episodesOf finds the episodes of a device in its ledger.
func (b *bedside) episodesOf(c condition) (all []episode) {
	calm := true // an acknowledged sample since the episode before says that it is over
	for i := 0; i < len(b.samples); i++ {
		n := b.samples[i].episode[c]
		if n == 0 {
			calm = calm || !b.samples[i].acknowledged.IsZero()
			continue
		}
		x := episode{number: n, first: i, joined: !calm}
		var begun, ended vital.Instant
		for ; i < len(b.samples) && b.samples[i].episode[c] == n; i++ {
			m := b.samples[i]
			x.may, x.last = x.may || m.sent, i
			if !m.acknowledged.IsZero() {
				if begun == 0 {
					begun = m.at
				}
				ended = m.at
			}
		}
		switch {
		case c == fastHeart:
			x.must = begun != 0
		default: // a second to the millisecond may be judged either way
			x.must = begun != 0 && ended.Sub(begun) >= 1500*time.Millisecond
			x.short = x.first == x.last && i < len(b.samples) && b.samples[i].live() && b.samples[x.first].live()
		}
		if x.short {
			x.may = false
		}
		calm = false
		all = append(all, x)
		i--
	}
	return all
}

func (m measured) live() bool {
	return !m.acknowledged.IsZero() && m.acknowledged.Sub(m.at.Time()) < liveWithin
}

// numberOf reads which episode the text of an alarm is about.
func numberOf(c condition, text string) int {
	f := strings.Fields(text)
	if len(f) < 2 {
		return 0
	}
	v, err := strconv.ParseFloat(f[1], 64)
	if err != nil {
		return 0
	}
	return int(math.Round(v*100)) - 100*c.from()
}

// episodes holds the alarms of one patient and rule against the ledger.
func (e *evidence) episodes(r *alarmsResult, b *bedside, c condition) {
	of := map[int][]raised{}
	for _, a := range e.alarms {
		if a.Patient == b.patient && a.Rule == c.rule() {
			n := numberOf(c, a.Text)
			of[n] = append(of[n], a)
			r.Alarms++
			if n := e.deeds[a.ID]; n != 1 {
				r.note(&r.Duplicates, "%s: alarm %s was raised %d times", b.device, a.ID, n)
			}
		}
	}
	all := b.episodesOf(c)
	for i, x := range all {
		alarms := of[x.number]
		delete(of, x.number)
		name := fmt.Sprintf("%s: %s, episode %d at %v", b.device, c.rule(), x.number, b.samples[x.first].at)
		switch {
		case x.must:
			r.Episodes++
		case x.short:
			r.Short++
		default:
			r.Limbo++
		}
		if len(alarms) > 1 {
			r.note(&r.Duplicates, "%s: %d alarms", name, len(alarms))
		}
		if len(alarms) > 0 && !x.may {
			r.note(&r.Unfounded, "%s: an alarm for what was too short or never sent", name)
		}
		if len(alarms) == 0 && x.must {
			if i+1 < len(all) && all[i+1].joined && len(of[all[i+1].number]) > 0 {
				r.Joined++ // its alarm went on, and speaks of the next one now
			} else {
				r.note(&r.Missed, "%s: no alarm", name)
			}
		}
		for _, a := range alarms {
			from, to := b.samples[x.first].at.Add(-time.Second), b.samples[x.last].at.Add(time.Second)
			if since := vital.Instant(a.Since); since > to || since < from && !x.joined {
				r.note(&r.Unfounded, "%s: alarm %s began at %v", name, a.ID, since)
			}
		}
	}
	for n, alarms := range of {
		for _, a := range alarms {
			r.note(&r.Unfounded, "%s: %s: alarm %s (%q) is of episode %d, which is none", b.device, c.rule(), a.ID, a.Text, n)
		}
	}
}

// paged holds pages and deliveries against the alarms.
func (e *evidence) paged(r *alarmsResult) {
	sent := map[string]int{} // deliveries by page
	ways := map[string]int{}
	for _, d := range e.deliveries {
		sent[d.page]++
		ways[d.page+" "+d.person+" "+d.channel]++
		if d.state == "queued" || d.state == "handing-over" {
			r.note(&r.Unsettled, "delivery %s of page %s is %s", d.id, d.page, d.state)
		}
	}
	r.Deliveries = len(e.deliveries)
	for way, n := range ways {
		if n > 1 {
			r.note(&r.DuplicateDeliveries, "%d deliveries of %s", n, way)
		}
	}
	pages := map[string][]paged{} // of raised alarms, by alarm
	for _, p := range e.pages {
		if p.kind == "raised" {
			pages[p.alarm] = append(pages[p.alarm], p)
		}
	}
	for _, a := range e.alarms {
		if a.Technical {
			continue
		}
		list := pages[a.ID]
		r.Pages += len(list)
		switch {
		case len(list) == 0:
			r.note(&r.Unpaged, "alarm %s (%s): no page", a.ID, a.Text)
		case len(list) > 1:
			r.note(&r.DuplicatePages, "alarm %s (%s): %d pages", a.ID, a.Text, len(list))
		}
		for _, p := range list {
			switch n := sent[p.id]; {
			case n == 0 && p.closed != 0 && p.settled >= p.closed:
				r.Over++
			case n == 0:
				r.note(&r.Undelivered, "page %s: no delivery", p.id)
			case n > 1:
				r.note(&r.DuplicateDeliveries, "page %s: %d deliveries", p.id, n)
			}
		}
	}
}

// notedWithin is how soon it must be on the disk that a receiver has a message.
const notedWithin = 2 * time.Second

// handed holds what the receiver got against what the store says of it.
func (e *evidence) handed(r *alarmsResult) {
	known := map[string]bool{}
	for _, p := range e.pages {
		known[p.id] = true
	}
	last := map[string]handed{}          // by key
	keys := map[string]map[string]bool{} // by nurse and page
	got := map[string]bool{}             // keys that were taken
	for _, m := range e.messages {
		got[m.key] = got[m.key] || m.taken
		if e.ghost(m) {
			r.Ghosts++
			continue
		}
		r.Messages++
		if m.technical {
			r.Technical++
		}
		if !known[m.page] {
			r.note(&r.Strangers, "%s got %s (%s) of page %s, which the store does not know", m.to, m.key, m.kind, m.page)
		}
		way := m.to + " " + m.page
		if keys[way] == nil {
			keys[way] = map[string]bool{}
		}
		if keys[way][m.key] = true; len(keys[way]) == 2 {
			r.note(&r.SeveralKeys, "%s got page %s under two keys", m.to, m.page)
		}
		if before, ok := last[m.key]; ok {
			e.repeated(r, before, m)
		}
		last[m.key] = m
	}
	for _, d := range e.deliveries {
		if d.state == "handed-over" && d.channel != "screen" && !got[d.id] && !e.inDigest(d) {
			r.note(&r.NeverReceived, "delivery %s is handed over, and the receiver has no message of it", d.id)
		}
	}
}

// repeated says why a message came twice.
func (e *evidence) repeated(r *alarmsResult, before, m handed) {
	if !before.taken {
		r.AfterRefusal++
		return
	}
	for _, s := range e.struck {
		if s.until.Before(before.arrived) || s.from.After(m.arrived) {
			continue
		}
		unnoted := max(0, s.from.Sub(before.answered))
		if unnoted > notedWithin {
			continue
		}
		r.AfterFault++
		r.Unnoted = max(r.Unnoted, unnoted.Milliseconds())
		return
	}
	r.note(&r.Repeated, "%s: %s (%s) came at %v again, taken at %v", m.to, m.key, m.kind, m.arrived, before.answered)
}

// ghost reports whether a message was sent by a server whose disk is a clone of
// an earlier moment: it was never sent.
func (e *evidence) ghost(m handed) bool {
	for _, s := range e.struck {
		if s.cut && m.arrived.After(s.from) && m.arrived.Before(s.until) {
			return true
		}
	}
	return false
}

// inDigest: of several that went out as one message only one gave it its key.
// Those of high priority never do.
func (e *evidence) inDigest(d delivered) bool {
	for _, p := range e.pages {
		if p.id == d.page {
			return p.technical
		}
	}
	return false
}
