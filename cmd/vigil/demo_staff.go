package main

import (
	"context"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// demoStaff are made up. None has a password: nobody signs in as one of them.
var demoStaff = []store.User{
	{ID: "u-demo-nora", Name: "Nora Frei", Username: "nora", Roles: []string{string(auth.Nurse)}},
	{ID: "u-demo-samuel", Name: "Samuel Osei", Username: "samuel", Roles: []string{string(auth.Nurse)}},
	{ID: "u-demo-lead", Name: "Mira Lang", Username: "mira", Roles: []string{string(auth.Nurse)}},
	{ID: "u-demo-doctor", Name: "Dr Tom Reuter", Username: "tom", Roles: []string{string(auth.Clinician)}},
}

// demoShifts are the shifts of the ward, by hour of its clock.
var demoShifts = []struct {
	name     string
	from, to int
}{{"early", 7, 15}, {"late", 15, 23}, {"night", 23, 31}}

// staff puts people on duty where nobody is: two nurses who share the beds and
// stand in for each other, who leads the shift, and the doctor on call.
func (n *node) staff(ctx context.Context) error {
	for _, u := range demoStaff {
		if _, err := n.store.UserByID(ctx, n.site, u.ID); err == nil {
			continue
		} else if vital.KindOf(err) != vital.NotFound {
			return err
		}
		u.Site, u.Wards, u.State, u.Created = n.site, []vital.WardID{demoWard}, "active", vitalNow()
		if err := n.store.PutUser(ctx, n.demoEntry("user.put"), u); err != nil {
			return vital.Errorf(vital.KindOf(err), "make %s: %w", u.Username, err)
		}
	}
	chain, err := n.store.ChainOf(ctx, store.Everything(n.site), demoWard)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	if len(chain.Rungs) == 0 {
		chain.Rungs = []store.Rung{
			{Level: 2, Who: "lead", People: []store.Staff{{User: "u-demo-lead"}}},
			{Level: 3, Who: "supervisor", People: []store.Staff{{User: "u-demo-doctor"}}},
		}
		if err := n.store.PutChain(ctx, n.demoEntry("chain.put"), demoWard, chain); err != nil {
			return vital.Errorf(vital.KindOf(err), "say who is told when nobody answers: %w", err)
		}
	}
	return n.roster(ctx, time.Now())
}

// roster assigns the shift that runs and the two after it.
func (n *node) roster(ctx context.Context, now time.Time) error {
	zone, err := time.LoadLocation(demoZone)
	if err != nil {
		return err
	}
	beds, err := n.store.Beds(ctx, store.Everything(n.site), demoWard)
	if err != nil {
		return err
	}
	day := now.In(zone).AddDate(0, 0, -1)
	planned := 0
	for planned < 3 {
		for _, s := range demoShifts {
			from := time.Date(day.Year(), day.Month(), day.Day(), s.from, 0, 0, 0, zone)
			to := time.Date(day.Year(), day.Month(), day.Day(), s.to, 0, 0, 0, zone)
			if !to.After(now) || planned == 3 {
				continue
			}
			planned++
			cover, err := n.store.Cover(ctx, store.Everything(n.site), demoWard, max(vital.At(from), vital.At(now)))
			if err != nil {
				return err
			}
			if cover.Uncovered == 0 && cover.Shift.Name != "" {
				continue
			}
			if err := n.store.Assign(ctx, n.demoEntry("duty.assign"), halves(beds, store.Shift{Name: s.name, From: vital.At(from), To: vital.At(to)})); err != nil {
				return vital.Errorf(vital.KindOf(err), "assign the %s shift: %w", s.name, err)
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return nil
}

// halves gives one nurse the first half of the beds and the other the rest.
func halves(beds []store.Bed, shift store.Shift) store.Assignments {
	a := store.Assignments{Ward: demoWard, Shift: shift}
	for i, b := range beds {
		nurse, backup := demoStaff[0].ID, demoStaff[1].ID
		if i >= len(beds)/2 {
			nurse, backup = backup, nurse
		}
		a.Items = append(a.Items, store.Assignment{Bed: b.ID, Nurse: nurse, Backup: backup})
	}
	return a
}
