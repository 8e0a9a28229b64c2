package webd

import (
	"fmt"
	"strings"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// RuleSet is a set of rules with the text it was made from. Author and at are of
// who put it in force; both are empty for the rules that come with the program.
type RuleSet struct {
	Version string        `json:"version"`
	By      string        `json:"by"`
	Author  string        `json:"author"`
	At      vital.Instant `json:"at"`
	Why     string        `json:"why"`
	Files   []RuleFile    `json:"files"`
	Rules   []RuleRow     `json:"rules"`
	Default bool          `json:"default"`
}

// RuleFile is one file of a set.
type RuleFile struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// RuleRow is one rule as lists show it.
type RuleRow struct {
	Name      string            `json:"name"`
	Title     string            `json:"title"`
	Titles    map[string]string `json:"titles,omitempty"` // in other languages
	Version   string            `json:"version"`
	Priority  alarmPriority     `json:"priority"`
	Technical bool              `json:"technical"`
	Latching  bool              `json:"latching"`
	Always    bool              `json:"always"`
	Spot      bool              `json:"spot"`
	Sources   []string          `json:"sources"`
	Applies   string            `json:"applies"`
	When      string            `json:"when"`
	Metrics   []string          `json:"metrics"`
	File      string            `json:"file"`
	Line      int               `json:"line"`
	Tests     []string          `json:"tests"`
}

// RuleProblem is what keeps a set from loading, and where.
type RuleProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Message string `json:"message"`
}

// RuleCheck is what loading a set said. Tests is how many passed.
type RuleCheck struct {
	Version  string        `json:"version"`
	Problems []RuleProblem `json:"problems"`
	Rules    []RuleRow     `json:"rules"`
	Tests    int           `json:"tests"`
}

// RuleVersion is a time at which a set was put in force.
type RuleVersion struct {
	Version string        `json:"version"`
	By      string        `json:"by"`
	Author  string        `json:"author"`
	At      vital.Instant `json:"at"`
	Why     string        `json:"why"`
	Active  bool          `json:"active"`
	Files   int           `json:"files"`
}

type rulesBody struct {
	Files []RuleFile `json:"files"`
}

type putRulesBody struct {
	Files []RuleFile `json:"files"`
	Why   string     `json:"why"`
	Base  string     `json:"base"`
}

// Bounds of a set that is sent: loading runs every test in it.
const (
	mostRuleFiles = 200
	mostRuleText  = 256 << 10
)

// rules answers the set that judges now, and where it comes from.
func (s *Server) rules(c *call) error {
	view, err := s.rulesNow(c)
	if err != nil {
		return err
	}
	return c.json(view)
}

func (s *Server) rulesNow(c *call) (RuleSet, error) {
	set := s.inForce()
	view := RuleSet{Version: set.Version(), Files: filesView(set.Files()), Rules: rulesView(set), Default: set.Version() == rule.Default().Version()}
	stored, there, err := s.store.ActiveRules(c.ctx(), s.site)
	if err != nil || !there || stored.Version != view.Version {
		return view, err
	}
	names, err := s.names(c.ctx())
	view.By, view.Author, view.At, view.Why = stored.By, names.of(stored.By), stored.At, stored.Why
	return view, err
}

func filesView(files []rule.File) []RuleFile {
	views := make([]RuleFile, len(files))
	for i, f := range files {
		views[i] = RuleFile{Name: f.Name, Text: f.Text}
	}
	return views
}

func rulesView(set *rule.Set) []RuleRow {
	if set == nil {
		return []RuleRow{}
	}
	rules := set.Rules()
	rows := make([]RuleRow, len(rules))
	for i, r := range rules {
		rows[i] = RuleRow{
			Name: r.Name, Title: r.Title, Titles: r.Titles, Version: r.Version, Priority: alarmPriority(r.Priority.String()), Technical: r.Technical, Latching: r.Latching,
			Always: r.Always, Spot: r.Spot, Sources: full(r.Sources), Applies: r.Applies, When: r.When, Metrics: full(r.Metrics),
			File: r.File, Line: r.Line, Tests: full(r.Tests),
		}
	}
	return rows
}

// checkRules loads a set and says what is wrong with it; nothing is kept.
func (s *Server) checkRules(c *call) error {
	var body rulesBody
	if err := c.body(&body); err != nil {
		return err
	}
	set, problems, err := loadRules(body.Files)
	if err != nil {
		return err
	}
	check := RuleCheck{Problems: make([]RuleProblem, len(problems)), Rules: rulesView(set)}
	for i, p := range problems {
		check.Problems[i] = RuleProblem{File: p.File, Line: p.Line, Column: p.Column, Message: p.Message}
	}
	for _, r := range check.Rules {
		check.Tests += len(r.Tests)
	}
	if set != nil {
		check.Version = set.Version()
	}
	return c.json(check)
}

func loadRules(sent []RuleFile) (*rule.Set, []rule.Problem, error) {
	if len(sent) == 0 || len(sent) > mostRuleFiles {
		return nil, nil, invalid("files", "files: want 1 to %d", mostRuleFiles)
	}
	files, size, seen := make([]rule.File, len(sent)), 0, make(map[string]bool)
	for i, f := range sent {
		field := "files[" + itoa(i) + "].name"
		switch {
		case f.Name == "" || len(f.Name) > 100 || strings.ContainsAny(f.Name, "/\\\x00") || !strings.HasSuffix(f.Name, ".rule"):
			return nil, nil, invalid(field, "%s: want a file name that ends in .rule", field)
		case seen[f.Name]:
			return nil, nil, invalid(field, "%s: %s is there twice", field, f.Name)
		}
		seen[f.Name] = true
		size += len(f.Text)
		files[i] = rule.File{Name: f.Name, Text: f.Text}
	}
	if size > mostRuleText {
		return nil, nil, inField("files", vital.Errorf(vital.TooMuch, "files: %d bytes of text, at most %d", size, mostRuleText))
	}
	set, problems := rule.Load(files)
	return set, problems, nil
}

// putRules puts a set in force that loads, over the one its author began with.
func (s *Server) putRules(c *call) error {
	var body putRulesBody
	if err := c.body(&body); err != nil {
		return err
	}
	why := strings.TrimSpace(body.Why)
	if why == "" || len(why) > mostReason {
		return invalid("why", "why: say why, in at most %d characters", mostReason)
	}
	set, problems, err := loadRules(body.Files)
	if err != nil {
		return err
	}
	if set == nil {
		return invalid("files", "%s", firstOf(problems))
	}
	stored := store.RuleSet{Version: set.Version(), By: c.principal.ID, Why: why, At: vital.At(s.now())}
	for _, f := range body.Files {
		stored.Files = append(stored.Files, store.RuleFile{Name: f.Name, Text: f.Text})
	}
	if body.Base == rule.Default().Version() {
		// The rules of the program have this version whether or not somebody put
		// them in force by name.
		active, there, err := s.store.ActiveRules(c.ctx(), s.site)
		if err != nil {
			return err
		}
		if !there || active.Version != body.Base {
			body.Base = ""
		}
	}
	if err := s.store.PutRules(c.ctx(), s.entry(c, "rules/"+stored.Version, why), stored, body.Base); err != nil {
		return err
	}
	if err := s.changed(c); err != nil {
		return err
	}
	return s.rules(c)
}

func firstOf(problems []rule.Problem) string {
	if len(problems) == 0 {
		return "the rules do not load"
	}
	p := problems[0]
	text := fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
	if more := len(problems) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

func (s *Server) ruleVersions(c *call) error {
	sets, err := s.store.RuleSets(c.ctx(), s.site)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	views := make([]RuleVersion, len(sets))
	for i, v := range sets {
		views[i] = RuleVersion{Version: v.Version, By: v.By, Author: names.of(v.By), At: v.At, Why: v.Why, Active: v.Active, Files: len(v.Files)}
	}
	return c.json(listOf(views))
}

// ruleVersion answers the text of a set that was in force once, to compare with
// and to go back to.
func (s *Server) ruleVersion(c *call) error {
	version := c.r.PathValue("version")
	if version == rule.Default().Version() {
		return c.json(RuleSet{Version: version, Files: filesView(rule.Default().Files()), Rules: rulesView(rule.Default()), Default: true})
	}
	sets, err := s.store.RuleSets(c.ctx(), s.site)
	if err != nil {
		return err
	}
	for _, v := range sets {
		if v.Version != version {
			continue
		}
		names, err := s.names(c.ctx())
		if err != nil {
			return err
		}
		view := RuleSet{Version: v.Version, By: v.By, Author: names.of(v.By), At: v.At, Why: v.Why, Files: []RuleFile{}, Rules: []RuleRow{}}
		for _, f := range v.Files {
			view.Files = append(view.Files, RuleFile{Name: f.Name, Text: f.Text})
		}
		if set, _, err := loadRules(view.Files); err == nil {
			view.Rules = rulesView(set)
		}
		return c.json(view)
	}
	return vital.Errorf(vital.NotFound, "rules %s: not found", version)
}
