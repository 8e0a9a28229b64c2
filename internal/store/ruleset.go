package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// RuleSet is a set of rule files that somebody put in force. The store keeps the
// text and does not understand it: who calls PutRules has loaded it.
type RuleSet struct {
	Version string        `json:"version"`
	At      vital.Instant `json:"at"`
	By      string        `json:"by"`
	Why     string        `json:"why"`
	Files   []RuleFile    `json:"files"`
	Active  bool          `json:"active"`
}

// RuleFile is one file of a set.
type RuleFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// rulesMost bounds the text of a set: it travels in one journal frame of at most
// 512 KiB, in which it takes up to half as much again.
const rulesMost = 256 << 10

// PutRules puts a set in force. base is the version that its author began with,
// "" when no set was ever put; if another is in force by now, it is a Conflict.
func (d *DB) PutRules(ctx context.Context, e audit.Entry, s RuleSet, base string) error {
	if s.By == "" {
		s.By = e.Who
	}
	if s.At == 0 {
		s.At = now()
	}
	s.Active = true
	if e.Subject == "" {
		e.Subject = "rules/" + s.Version
	}
	if e.Why == "" {
		e.Why = s.Why
	}
	return d.change(ctx, e, "put rules "+s.Version+" in force", func(t *tx) error {
		if err := s.check(); err != nil {
			return err
		}
		active, err := collect(t.ctx, t.sql, ask(selectRules, e.Site).add(" AND s.active"), scanRules)
		if err != nil {
			return err
		}
		holds := ""
		if len(active) > 0 {
			holds = active[0].Version
		}
		if holds != base {
			return vital.Errorf(vital.Conflict, "version %q is in force by now, not %q", holds, base)
		}
		if holds == s.Version {
			return vital.Errorf(vital.Conflict, "version %q is in force already", holds)
		}
		if _, err := t.exec("UPDATE rule_set SET active = $1 WHERE site = $2 AND active", false, e.Site); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO rule_set (site, version, at, by_whom, why, files, active) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			e.Site, s.Version, s.At, s.By, s.Why, list(s.Files), true); err != nil {
			return err
		}
		return t.control(e.Site, ControlRules, s.At, s)
	})
}

func (s RuleSet) check() error {
	size := 0
	for _, f := range s.Files {
		size += len(f.Name) + len(f.Text)
	}
	switch {
	case s.Version == "" || len(s.Files) == 0:
		return vital.Errorf(vital.Invalid, "a set of rules needs a version and files")
	case strings.TrimSpace(s.Why) == "":
		return vital.Errorf(vital.Invalid, "a change of the rules needs a reason")
	case size > rulesMost:
		return vital.Errorf(vital.TooMuch, "the rules have %d bytes of text, at most %d travel", size, rulesMost)
	}
	return nil
}

const selectRules = "SELECT s.version, s.at, s.by_whom, s.why, s.files, s.active FROM rule_set s WHERE s.site = ?"

func scanRules(scan func(...any) error, s *RuleSet) error {
	return scan(&s.Version, &s.At, &s.By, &s.Why, listOf[RuleFile]{&s.Files}, &s.Active)
}

// ActiveRules returns the set in force; false: nobody ever put one.
func (d *DB) ActiveRules(ctx context.Context, site vital.Site) (RuleSet, bool, error) {
	all, err := collect(ctx, d.read, ask(selectRules, site).add(" AND s.active"), scanRules)
	if err != nil || len(all) == 0 {
		return RuleSet{}, false, err
	}
	return all[0], true, nil
}

// RuleSets lists every set that was ever in force, newest first, a set that was
// put again as often as it was put.
func (d *DB) RuleSets(ctx context.Context, site vital.Site) ([]RuleSet, error) {
	all, err := collect(ctx, d.read, ask(selectRules, site).add(" ORDER BY s.id DESC LIMIT 1000"), scanRules)
	if err != nil {
		return nil, fmt.Errorf("list the versions of the rules: %w", err)
	}
	return all, nil
}
