package watch

import (
	"cmp"
	"slices"

	"github.com/vigilcare/vigil/vital"
)

// This file makes the ledger that people read: for one expected stream, every
// moment of a time is got, late, missing or standby, and each interval that is
// not got says why. It is made of what the board wrote down, spans and gaps, and
// of what came afterwards: data that a device kept and sent later fills a gap as
// late, never as got, because nobody was watching then.

// Span says that a stream was expected, how often, from when to when.
type Span struct {
	Patient  vital.PatientID
	Metric   string
	Kind     StreamKind
	Every    int64 // ms
	From, To vital.Instant
	Ended    CauseKind // why it was no longer expected: "" while it is
}

// Interval is a piece of the ledger of one stream, half open.
type Interval struct {
	From, To vital.Instant
	State    StreamState
	Kind     CauseKind
	Cause    string
}

// Coverage sums the ledger of one stream up; all in ms.
type Coverage struct {
	Expected, Got, Late, Missing, Standby int64
	Unjudged                              int64 // of what came: no rule could look at it
	Longest                               int64 // the longest missing interval
}

// Page is the ledger of one stream for some time.
type Page struct {
	Metric    string
	Kind      StreamKind
	Every     int64
	Intervals []Interval
	Unjudged  []Interval // beside the others: it came
	Coverage  Coverage
}

// Ledger makes the page of one metric for [from, to). spans and gaps are of that
// metric; came holds the times at which the values were measured of which Fills is
// true, and is looked at within gaps only. What is open lasts until now.
func Ledger(metric string, spans []Span, gaps []Gap, came []vital.Instant, from, to, now vital.Instant) Page {
	page := Page{Metric: metric}
	to = min(to, now)
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	gaps = slices.Clone(gaps)
	slices.SortStableFunc(gaps, func(a, b Gap) int { return cmp.Compare(a.From, b.From) })
	came = slices.Clone(came)
	slices.Sort(came)
	for _, s := range spans {
		start, end := max(s.From, from), to
		if s.To != 0 {
			end = min(s.To, to)
		}
		if start >= end {
			continue
		}
		page.Kind, page.Every = s.Kind, s.Every
		page.Coverage.Expected += int64(end - start)
		at := start
		for _, g := range gaps {
			a, z := max(g.From, start), end
			if g.To != 0 {
				z = min(g.To, end)
			}
			if a >= z {
				continue
			}
			if g.State == Got {
				page.Unjudged = append(page.Unjudged, Interval{a, z, Got, g.Kind, g.Cause})
				page.Coverage.Unjudged += int64(z - a)
				continue
			}
			a = max(a, at) // two gaps do not overlap; if they do, the first one counts
			if a >= z {
				continue
			}
			page.add(Interval{at, a, Got, "", ""})
			page.fill(Interval{a, z, g.State, g.Kind, g.Cause}, came, s.Every)
			at = z
		}
		page.add(Interval{at, end, Got, "", ""})
	}
	return page
}

// fill adds a gap, cut into what came late and what never came. A value stands
// for the interval before it.
func (p *Page) fill(gap Interval, came []vital.Instant, every int64) {
	if gap.State != Missing {
		p.add(gap)
		return
	}
	at := gap.From
	first, _ := slices.BinarySearch(came, gap.From+1)
	for _, c := range came[first:] {
		if c >= gap.To+vital.Instant(every) {
			break
		}
		a, z := max(at, c-vital.Instant(every)), min(c, gap.To)
		if a >= z {
			continue
		}
		missing, late := gap, gap
		missing.From, missing.To = at, a
		late.From, late.To, late.State = a, z, Tardy
		if late.Kind == ByDevice || late.Kind == BySensor {
			// It measured: what failed was the way to us.
			late.Kind, late.Cause = ByNetwork, "measured, and sent later"
		}
		p.add(missing)
		p.add(late)
		at = z
	}
	gap.From = at
	p.add(gap)
}

// Fills reports whether a value came so long after it was measured that it fills
// a gap: the value that ends one does not.
func Fills(effective, receive vital.Instant) bool { return receive-effective > ageLeast }

// add appends an interval, as part of the one before where nothing differs.
func (p *Page) add(i Interval) {
	if i.From >= i.To {
		return
	}
	length := int64(i.To - i.From)
	switch i.State {
	case Got:
		p.Coverage.Got += length
	case Tardy:
		p.Coverage.Late += length
	case Missing:
		p.Coverage.Missing += length
	case Resting:
		p.Coverage.Standby += length
	}
	if n := len(p.Intervals); n > 0 {
		last := &p.Intervals[n-1]
		if last.To == i.From && last.State == i.State && last.Kind == i.Kind && last.Cause == i.Cause {
			last.To = i.To
			i = *last
			length = int64(i.To - i.From)
		} else {
			p.Intervals = append(p.Intervals, i)
		}
	} else {
		p.Intervals = append(p.Intervals, i)
	}
	if i.State == Missing {
		p.Coverage.Longest = max(p.Coverage.Longest, length)
	}
}
