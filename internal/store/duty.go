package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// Staff is somebody on duty.
type Staff struct {
	User vital.UserID `json:"user"`
	Name string       `json:"name"`
}

// Shift is a stretch of duty of a ward.
type Shift struct {
	Name     string
	From, To vital.Instant
}

// Assignments is who takes care of which bed in a shift.
type Assignments struct {
	Ward  vital.WardID
	Shift Shift
	Items []Assignment
}

// Assignment is one bed of a shift.
type Assignment struct {
	Bed    vital.BedID
	Nurse  vital.UserID // empty: nobody
	Backup vital.UserID
}

// Cover is who takes care of every bed of a ward at one time.
type Cover struct {
	Ward      vital.WardID
	Shift     Shift // the newest that holds; without a name there is none
	Items     []Covered
	Chain     []Rung
	Uncovered int // beds with a patient and without a nurse
}

// Covered is one bed.
type Covered struct {
	Bed     vital.BedID
	Label   string
	Patient vital.PatientID // empty: a free bed
	Nurse   *Staff
	Backup  *Staff
	Shift   Shift // that the nurse was assigned in
}

// The levels of escalation, the nurse in charge of the bed first.
var Levels = []string{"nurse", "backup", "lead", "supervisor"}

// Rung is one level of a ward's chain: who is told when those before did not
// answer. Nurse and backup are those of the bed first, then these people.
type Rung struct {
	Level  int     `json:"level"`
	Who    string  `json:"who"`
	People []Staff `json:"people"`
}

// Chain is who is told when nobody answers. Team is the address of those who
// come for an emergency, to whom need-to-know detail may be sent.
type Chain struct {
	Rungs []Rung `json:"rungs"`
	Team  []Team `json:"team,omitempty"`
}

// Team is one address of a rapid response.
type Team struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"` // "sms", "email"
	Address string `json:"address"`
}

// longestShift is a bound against a slip of the calendar.
const longestShift = 48 * time.Hour

// Assign says who takes care of which bed in a shift. It replaces what was said
// of the shift of the same name before, from now on: what was is not rewritten.
func (d *DB) Assign(ctx context.Context, e audit.Entry, a Assignments) error {
	if e.At == 0 {
		e.At = now()
	}
	from, to := max(a.Shift.From, e.At), a.Shift.To
	return d.change(ctx, e, "assign ward "+string(a.Ward), func(t *tx) error {
		if a.Shift.Name == "" || a.Shift.From == 0 || to <= a.Shift.From || to.Sub(a.Shift.From) > longestShift {
			return vital.Errorf(vital.Invalid, "a shift needs a name, and ends within %s of its beginning", longestShift)
		}
		if to <= from {
			return vital.Errorf(vital.Conflict, "the shift was over at %s", to)
		}
		if _, err := t.exec(`UPDATE assignment SET to_ms = CASE WHEN from_ms > $1 THEN from_ms ELSE $1 END
			WHERE site = $2 AND ward = $3 AND shift = $4 AND shift_from < $5 AND shift_to > $6 AND to_ms > $1`,
			from, e.Site, a.Ward, a.Shift.Name, to, a.Shift.From); err != nil {
			return err
		}
		seen := map[vital.BedID]bool{}
		for i, item := range a.Items {
			if seen[item.Bed] {
				return vital.Errorf(vital.Invalid, "bed %s is assigned twice", item.Bed)
			}
			seen[item.Bed] = true
			if err := t.assignable(e.Site, a.Ward, item); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
			if item.Nurse == "" && item.Backup == "" {
				continue
			}
			if _, err := t.exec(`INSERT INTO assignment (site, id, ward, shift, shift_from, shift_to, bed, account, backup, from_ms, to_ms, by_whom, at)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, e.Site, newID("as"), a.Ward, a.Shift.Name, a.Shift.From, to,
				item.Bed, item.Nurse, item.Backup, from, to, e.Who, e.At); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *tx) assignable(site vital.Site, ward vital.WardID, a Assignment) error {
	var of vital.WardID
	err := t.row("SELECT ward FROM bed WHERE site = $1 AND id = $2", site, a.Bed).Scan(&of)
	if missing(err) || err == nil && of != ward {
		return vital.Errorf(vital.NotFound, "bed %s: not found in ward %s", a.Bed, ward)
	}
	if err != nil {
		return err
	}
	if a.Nurse != "" && a.Nurse == a.Backup {
		return vital.Errorf(vital.Invalid, "bed %s: nobody is one's own backup", a.Bed)
	}
	for _, u := range []vital.UserID{a.Nurse, a.Backup} {
		if u != "" {
			if err := t.mayServe(site, ward, u); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayServe wants a user who can sign in and sees the ward: a page that its
// receiver may not open helps nobody.
func (t *tx) mayServe(site vital.Site, ward vital.WardID, id vital.UserID) error {
	u, err := one(t.ctx, t.sql, ask(selectUsers, site).add(" AND id = ?", id), "user "+string(id), scanUser)
	if err != nil {
		return err
	}
	if u.State != "active" {
		return vital.Errorf(vital.Conflict, "user %s is blocked", u.Name)
	}
	if !u.AllWards && ward != "" && !slices.Contains(u.Wards, ward) && !slices.Contains(u.Roles, "administrator") {
		return vital.Errorf(vital.Conflict, "user %s does not see this ward", u.Name)
	}
	return nil
}

// selectCover takes site, ward and four times the time; what follows is who of
// those in the beds is seen, and which ward. Of two shifts
// that overlap the one that began later holds; a bed that it leaves open stays
// with the earlier one until that ends.
const selectCover = `SELECT b.id, b.label, COALESCE(a.patient, ''), COALESCE(s.shift, ''), COALESCE(s.shift_from, 0), COALESCE(s.shift_to, 0),
	COALESCE(n.id, ''), COALESCE(n.name, ''), COALESCE(k.id, ''), COALESCE(k.name, '')
	FROM bed b
	LEFT JOIN (SELECT x.site, x.bed, x.shift, x.shift_from, x.shift_to, x.account, x.backup,
		ROW_NUMBER() OVER (PARTITION BY x.bed ORDER BY x.shift_from DESC, x.at DESC, x.id) AS place
		FROM assignment x WHERE x.site = ? AND x.ward = ? AND x.to_ms > ? AND x.from_ms <= ?) s ON s.site = b.site AND s.bed = b.id AND s.place = 1
	LEFT JOIN account n ON n.site = b.site AND n.id = s.account AND n.state = 'active'
	LEFT JOIN account k ON k.site = b.site AND k.id = s.backup AND k.state = 'active'
	LEFT JOIN admission a ON a.site = b.site AND a.bed = b.id AND a.from_ms <= ? AND (a.to_ms = 0 OR a.to_ms > ?)`

// Cover says who takes care of the beds of a ward at that time, zero: now.
func (d *DB) Cover(ctx context.Context, r Rows, ward vital.WardID, at vital.Instant) (Cover, error) {
	c := Cover{Ward: ward}
	if at == 0 {
		at = now()
	}
	if _, err := d.Ward(ctx, r, ward); err != nil {
		return c, err
	}
	q := ask(selectCover, r.Site, ward, at, at, at, at).seesKind(r, "a.patient", vital.DataLocation).
		add(" WHERE b.site = ? AND b.ward = ?", r.Site, ward).seesWard(r, "b.ward").add(" ORDER BY b.position, b.id")
	items, err := collect(ctx, d.read, q, func(scan func(...any) error, v *Covered) error {
		var n, k Staff
		err := scan(&v.Bed, &v.Label, &v.Patient, &v.Shift.Name, &v.Shift.From, &v.Shift.To, &n.User, &n.Name, &k.User, &k.Name)
		if n.User != "" {
			v.Nurse = &n
		}
		if k.User != "" {
			v.Backup = &k
		}
		return err
	})
	if err != nil {
		return c, fmt.Errorf("cover of ward %s: %w", ward, err)
	}
	c.Items = items
	for _, i := range items {
		if i.Shift.From >= c.Shift.From && i.Shift.Name != "" {
			c.Shift = i.Shift
		}
		if i.Patient != "" && i.Nurse == nil {
			c.Uncovered++
		}
	}
	chain, err := d.ChainOf(ctx, r, ward)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return c, err
	}
	c.Chain = chain.Rungs
	return c, nil
}

// PutChain says who is told when nobody answers; ward empty: of the site.
func (d *DB) PutChain(ctx context.Context, e audit.Entry, ward vital.WardID, c Chain) error {
	return d.change(ctx, e, "chain of ward "+string(ward), func(t *tx) error {
		levels := map[int]bool{}
		for i, rung := range c.Rungs {
			if rung.Level < 0 || rung.Level >= len(Levels) || levels[rung.Level] {
				return vital.Errorf(vital.Invalid, "level %d: want each of 0 to %d at most once", rung.Level, len(Levels)-1)
			}
			levels[rung.Level] = true
			c.Rungs[i].Who = Levels[rung.Level]
			for n := range rung.People {
				if err := t.mayServe(e.Site, ward, rung.People[n].User); err != nil {
					return err
				}
				rung.People[n].Name = "" // of the account, on reading
			}
		}
		for _, a := range c.Team {
			if err := checkAddress(a.Kind, a.Address); err != nil {
				return err
			}
			if a.Kind != "sms" && a.Kind != "email" {
				return vital.Errorf(vital.Invalid, "a team is reached by sms or email, not by %q", a.Kind)
			}
		}
		_, err := t.exec("INSERT INTO chain (site, ward, body, by_whom, why, at) VALUES ($1, $2, $3, $4, $5, $6)",
			e.Site, ward, jsonText(c), e.Who, e.Why, e.At)
		return err
	})
}

// ChainOf returns the chain of a ward, or of the site, with every level; NotFound
// when it was never said. People who were blocked since are left out.
func (d *DB) ChainOf(ctx context.Context, r Rows, ward vital.WardID) (Chain, error) {
	q := ask("SELECT c.body FROM chain c WHERE c.site = ? AND c.ward = ?", r.Site, ward)
	if ward != "" {
		q.seesWard(r, "c.ward")
	} else {
		q.when(!r.All, " AND FALSE")
	}
	kept, err := one(ctx, d.read, q.add(" ORDER BY c.id DESC LIMIT 1"), "chain of ward "+string(ward), func(scan func(...any) error, c *Chain) error { return scan(jsonOf[Chain]{c}) })
	if err != nil {
		return Chain{}, err
	}
	out := Chain{Team: kept.Team}
	var ids []vital.UserID
	for _, rung := range kept.Rungs {
		for _, p := range rung.People {
			ids = append(ids, p.User)
		}
	}
	names, err := d.activeNames(ctx, r.Site, ids)
	if err != nil {
		return Chain{}, err
	}
	for level, who := range Levels {
		rung := Rung{Level: level, Who: who}
		for _, k := range kept.Rungs {
			for _, p := range k.People {
				if name, ok := names[p.User]; ok && k.Level == level {
					rung.People = append(rung.People, Staff{p.User, name})
				}
			}
		}
		out.Rungs = append(out.Rungs, rung)
	}
	return out, nil
}

func (d *DB) activeNames(ctx context.Context, site vital.Site, ids []vital.UserID) (map[vital.UserID]string, error) {
	names := map[vital.UserID]string{}
	if len(ids) == 0 {
		return names, nil
	}
	q := in(ask("SELECT id, name FROM account WHERE site = ? AND state = 'active' AND id ", site), ids)
	all, err := collect(ctx, d.read, q, func(scan func(...any) error, s *Staff) error { return scan(&s.User, &s.Name) })
	for _, s := range all {
		names[s.User] = s.Name
	}
	return names, err
}
