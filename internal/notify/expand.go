package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// duty is what is known of who is on duty, for one pass, or for those of a storm.
type duty struct {
	at       vital.Instant
	covers   map[vital.WardID]store.Cover
	zones    map[vital.WardID]*time.Location
	channels map[vital.UserID][]store.Channel
	site     store.Chain
	asked    bool
}

// expand takes up new pages: who is told is what holds at this moment.
func (w *Worker) expand(ctx context.Context) (int, error) {
	calls, err := w.store.Calls(ctx, w.site, mostCalls)
	if err != nil || len(calls) == 0 {
		return 0, err
	}
	at := w.at()
	d := w.onDuty(at)
	var steps []store.PageStep
	var stops []store.Call
	for _, c := range calls {
		if c.Kind == "stop" {
			stops = append(stops, c)
			continue
		}
		step, err := w.begin(ctx, d, c, at)
		if err != nil {
			return 0, err
		}
		steps = append(steps, step)
	}
	if err := w.store.Stop(ctx, w.site, at, stops...); err != nil {
		return 0, err
	}
	if len(steps) > 0 {
		err = w.store.TakeUpPages(ctx, w.site, at, steps)
	}
	if err != nil || len(calls) < mostCalls {
		w.duty = nil
	}
	return len(calls), err
}

// dutyLasts is how long what is known of who is on duty serves the passes of one
// storm, ms: asking anew for every forty pages would take longer than the pages.
const dutyLasts = 1000

func (w *Worker) onDuty(at vital.Instant) *duty {
	if w.duty == nil || at < w.duty.at || at-w.duty.at > dutyLasts {
		w.duty = &duty{at: at, covers: map[vital.WardID]store.Cover{}, zones: map[vital.WardID]*time.Location{}, channels: map[vital.UserID][]store.Channel{}}
	}
	return w.duty
}

// begin makes the plan of a page and its first delivery.
func (w *Worker) begin(ctx context.Context, d *duty, c store.Call, at vital.Instant) (store.PageStep, error) {
	step := store.PageStep{Page: c.Page, Next: never}
	if c.Hushed() {
		step.Outcome, step.Settle = "taken care of before anybody was told", true
		return step, nil
	}
	plan, err := w.plan(ctx, d, c, at)
	if err != nil {
		return step, err
	}
	step.Plan = plan
	if len(plan.People) == 0 && store.SentinelPatient(c.Patient) {
		step.Outcome, step.Settle = "a test that nobody is there for", true
		return step, nil
	}
	if len(plan.People) == 0 {
		return w.toScreens(ctx, step, at)
	}
	return w.stride(step, nil, at), nil
}

// stride adds to step what the page needs next.
func (w *Worker) stride(step store.PageStep, sent []store.Delivery, at vital.Instant) store.PageStep {
	p := step.Page
	s := next(step.Plan, sent, p.Priority, at, w.timing.Patience[p.Priority], w.isDead)
	step.Next, step.Cancel = s.wait, s.cancel
	if s.way >= 0 {
		person := step.Plan.People[s.person]
		way := person.Channels[s.way]
		v := store.Delivery{
			Page: p.ID, Alarm: p.Alarm, Person: person.Person, Channel: way.ID, Kind: way.Kind, Level: person.Level, Priority: p.Priority,
			State: store.Queued, At: at, Next: max(at, way.Hold),
		}
		if way.Hold > at {
			v.Reason = "quiet hours"
		}
		step.Add = append(step.Add, v)
		patience := w.timing.Patience[p.Priority]
		switch {
		case w.isDead(way.Kind) && way.Hold <= at:
			step.Next = at // it is tried, and the next one as well
		case patience > 0:
			step.Next = v.Next.Add(patience)
		default:
			step.Next = never
		}
	}
	return step
}

// goOn looks at pages whose time has come.
func (w *Worker) goOn(ctx context.Context) (int, error) {
	at := w.at()
	pagings, err := w.store.Pagings(ctx, w.site, at, mostPagings)
	if err != nil || len(pagings) == 0 {
		return 0, err
	}
	steps := make([]store.PageStep, 0, len(pagings))
	escalated := false
	for _, g := range pagings {
		step := store.PageStep{Page: g.Page, Plan: g.Plan, Next: never}
		s := next(g.Plan, g.Deliveries, g.Priority, at, w.timing.Patience[g.Priority], w.isDead)
		switch {
		case !s.exhausted:
			step = w.stride(step, g.Deliveries, at)
		case g.Kind == "test" || g.Kind == "emergency" || store.SentinelPatient(g.Patient): // nobody else is woken by a test
			step.Outcome, step.Settle = "no channel took it", true
		case g.Plan.Last || g.Priority < vital.Medium:
			if step, err = w.toScreens(ctx, step, at); err != nil {
				return 0, err
			}
		default:
			step.Escalate = "no channel reached " + names(g.Plan)
			step.Outcome, step.Settle, escalated = "escalated: "+step.Escalate, true, true
		}
		if g.Kind == "test" && settledTest(g.Deliveries) {
			step.Outcome, step.Settle = "tested", true
		}
		steps = append(steps, step)
	}
	if err := w.store.GoOn(ctx, w.entry("alarm.escalate"), steps); err != nil {
		return 0, err
	}
	if escalated {
		w.changed(ctx)
	}
	return len(pagings), nil
}

func settledTest(sent []store.Delivery) bool {
	return len(sent) > 0 && !slices.ContainsFunc(sent, func(d store.Delivery) bool { return !d.Out() })
}

func names(plan store.PagePlan) string {
	var list []string
	for _, p := range plan.People {
		list = append(list, p.Name)
	}
	return strings.Join(list, ", ")
}

// toScreens tells every open screen of the ward, because nobody else can be told,
// and says so to those who look after the installation.
func (w *Worker) toScreens(ctx context.Context, step store.PageStep, at vital.Instant) (store.PageStep, error) {
	p := step.Page
	stations, err := w.store.Stations(ctx, store.Everything(w.site), store.StationFilter{Ward: p.Ward, Since: at.Add(-w.timing.Live)})
	if err != nil {
		return step, err
	}
	for _, s := range stations {
		step.Add = append(step.Add, store.Delivery{
			Page: p.ID, Alarm: p.Alarm, Person: "station/" + s.ID, Channel: "screen", Kind: "screen", Level: len(store.Levels), Priority: p.Priority,
			State: store.Queued, At: at, Next: at,
		})
	}
	step.Outcome = fmt.Sprintf("nobody could be reached; %d open screens were told", len(stations))
	if p.Technical && p.Patient == store.SitePatient {
		return step, nil // the finding below would be told the same way, for ever
	}
	w.report(ctx, vital.Finding{
		Rule: "nobody-on-duty", Part: string(p.Ward), Title: "Nobody can be paged", Priority: vital.High,
		Text: "A page found nobody on duty who can be reached. Assign the beds, or name a supervisor in the chain.",
	})
	return step, nil
}

// plan says whom a page goes to.
func (w *Worker) plan(ctx context.Context, d *duty, c store.Call, at vital.Instant) (store.PagePlan, error) {
	people, plan, err := w.people(ctx, d, c, at)
	if err != nil {
		return plan, err
	}
	if err := w.lookUp(ctx, d, people); err != nil {
		return plan, err
	}
	zone := d.zones[c.Ward]
	for _, p := range people {
		plan.People = append(plan.People, store.Planned{Person: string(p.User), Name: p.Name, Level: p.level, Channels: ways(d.channels[p.User], c.Priority, at, zone)})
	}
	return plan, nil
}

type reachable struct {
	store.Staff
	level int
}

// people finds who is told: who owns the alarm, else the level of the page, else
// the next one that has somebody, else the last one that has.
func (w *Worker) people(ctx context.Context, d *duty, c store.Call, at vital.Instant) ([]reachable, store.PagePlan, error) {
	var plan store.PagePlan
	cover, err := w.coverOf(ctx, d, c.Ward, at)
	if err != nil {
		return nil, plan, err
	}
	var levels [4][]reachable
	add := func(level int, s *store.Staff) {
		if s != nil && !slices.ContainsFunc(levels[level], func(r reachable) bool { return r.User == s.User }) {
			levels[level] = append(levels[level], reachable{*s, level})
		}
	}
	for _, i := range cover.Items {
		if i.Patient == c.Patient && i.Patient != "" {
			add(0, i.Nurse)
			add(1, i.Backup)
			if i.Nurse == nil {
				plan.Note = "bed " + i.Label + " is uncovered"
			}
		}
	}
	for _, rung := range cover.Chain {
		for i := range rung.People {
			add(rung.Level, &rung.People[i])
		}
	}
	for _, rung := range d.site.Rungs {
		if store.SentinelPatient(c.Patient) {
			break // a test goes to its sentinel alone
		}
		for i := range rung.People {
			if c.Ward == "" {
				add(rung.Level, &rung.People[i])
			} else if rung.Level == len(levels)-1 {
				add(rung.Level, &rung.People[i])
			}
		}
	}
	first := min(max(c.Level, 0), len(levels)-1)
	level := slices.IndexFunc(levels[first:], func(l []reachable) bool { return len(l) > 0 })
	if level < 0 {
		first = 0
		for i, l := range levels {
			if len(l) > 0 {
				level = i
			}
		}
		if level < 0 {
			return w.owners(ctx, c, nil), plan, nil
		}
	}
	level += first
	plan.Last = !slices.ContainsFunc(levels[level+1:], func(l []reachable) bool { return len(l) > 0 })
	return w.owners(ctx, c, levels[level]), plan, nil
}

// owners puts who has the alarm, or was offered it, before everybody else, unless
// the page is there because nobody answered.
func (w *Worker) owners(ctx context.Context, c store.Call, people []reachable) []reachable {
	o := c.Alert.Owner
	if o == nil || c.Kind == "escalated" {
		return people
	}
	u, err := w.store.UserByID(ctx, w.site, vital.UserID(o.By))
	if err != nil || u.State != "active" {
		return people
	}
	people = slices.DeleteFunc(slices.Clone(people), func(r reachable) bool { return r.User == u.ID })
	return append([]reachable{{store.Staff{User: u.ID, Name: u.Name}, c.Level}}, people...)
}

func (w *Worker) coverOf(ctx context.Context, d *duty, ward vital.WardID, at vital.Instant) (store.Cover, error) {
	all := store.Everything(w.site)
	if !d.asked {
		chain, err := w.store.ChainOf(ctx, all, "")
		if err != nil && vital.KindOf(err) != vital.NotFound {
			return store.Cover{}, err
		}
		d.site, d.asked = chain, true
	}
	if c, ok := d.covers[ward]; ok || ward == "" {
		return c, nil
	}
	c, err := w.store.Cover(ctx, all, ward, at)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return c, err
	}
	d.covers[ward] = c
	if place, err := w.store.Ward(ctx, all, ward); err == nil {
		if zone, err := time.LoadLocation(place.Zone); err == nil {
			d.zones[ward] = zone
		}
	}
	return c, nil
}

// lookUp reads the channels of people that are not known yet.
func (w *Worker) lookUp(ctx context.Context, d *duty, people []reachable) error {
	var ask []vital.UserID
	for _, p := range people {
		if _, ok := d.channels[p.User]; !ok {
			ask = append(ask, p.User)
			d.channels[p.User] = nil
		}
	}
	found, err := w.store.ChannelsOf(ctx, w.site, ask...)
	for _, c := range found {
		d.channels[c.User] = append(d.channels[c.User], c)
	}
	return err
}

// ways puts the channels of a person in the order of trying. Who has named none
// is reached by a screen where they are signed in. In quiet hours a channel comes
// last and waits for their end, except for high priority.
func ways(channels []store.Channel, priority vital.Priority, at vital.Instant, zone *time.Location) []store.Way {
	var now, held []store.Way
	for _, c := range channels {
		if c.State == "dead" {
			continue
		}
		way := store.Way{ID: c.ID, Kind: c.Kind}
		if priority < vital.High {
			way.Hold = quietUntil(c.Quiet, at, zone)
		}
		if way.Hold > at {
			held = append(held, way)
		} else {
			now = append(now, way)
		}
	}
	if len(now)+len(held) == 0 {
		return []store.Way{{ID: "screen", Kind: "screen"}}
	}
	return append(now, held...)
}

// quietUntil is when the quiet hours that hold at that time end, 0: none hold.
// The clock of the ward counts, through a change of summer time as well.
func quietUntil(q *store.Quiet, at vital.Instant, zone *time.Location) vital.Instant {
	if zone == nil {
		zone = time.UTC
	}
	t := at.Time().In(zone)
	if !q.Holds(t.Hour()*60 + t.Minute()) {
		return 0
	}
	end := time.Date(t.Year(), t.Month(), t.Day(), q.To/60, q.To%60, 0, 0, zone)
	if !end.After(t) {
		end = time.Date(t.Year(), t.Month(), t.Day()+1, q.To/60, q.To%60, 0, 0, zone)
	}
	return vital.At(end)
}
