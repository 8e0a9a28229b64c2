package rule

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Set is rules that were read, checked and tested. It does not change, and any
// number of patients may be judged by it at the same time.
type Set struct {
	files    []File
	version  string
	rules    []*compiled
	ruleAt   map[string]int
	metrics  []string
	measures []*vital.Metric
	metricAt map[string]int
	windows  []windowKey
	events   []string
	eventAt  map[string]int
	limits   []fallback
	timed    bool // something depends on the time of the day

	rulesOf      [][]int         // by metric
	follow       []vital.Instant // by metric: how long a device is preferred, ms
	windowsOf    [][]int         // by metric
	rulesOfEvent [][]int
	tests        int
}

func newSet() *Set {
	return &Set{ruleAt: map[string]int{}, metricAt: map[string]int{}, eventAt: map[string]int{}}
}

// Load reads files of rules and runs their tests. A set with any problem is nil.
func Load(files []File) (*Set, []Problem) {
	s := newSet()
	s.files = slices.Clone(files)
	var problems []Problem
	for _, f := range files {
		drafts, wrong := parse(f)
		problems = append(problems, wrong...)
		for _, d := range drafts {
			if before, ok := s.ruleAt[d.name]; ok {
				problems = append(problems, Problem{File: f.Name, Line: d.token.line, Column: d.token.column,
					Message: fmt.Sprintf("there is a rule %s already, in %s, line %d", d.name, s.rules[before].file, s.rules[before].line)})
				continue
			}
			if len(s.rules) == maxRules {
				return nil, append(problems, Problem{File: f.Name, Line: d.token.line, Column: d.token.column, Message: fmt.Sprintf("more than %d rules", maxRules)})
			}
			if d.name == ErrorRule {
				problems = append(problems, Problem{File: f.Name, Line: d.token.line, Column: d.token.column, Message: ErrorRule + " is the name of the finding that a rule cannot be evaluated"})
				continue
			}
			if len(wrong) > 0 {
				if wrong = unread(wrong, d); len(wrong) > 0 {
					continue
				}
			}
			at := len(s.rules)
			if wrong := compile(s, f.Name, d); len(wrong) > 0 {
				problems = append(problems, wrong...)
				continue
			}
			s.ruleAt[d.name] = at
		}
	}
	if len(problems) == 0 {
		s.version = versionOf(files)
		s.index()
		problems = s.try()
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, problems
	}
	return s, nil
}

// unread returns the problems from the beginning of a rule on: one that was not
// read whole is not looked into further.
func unread(problems []Problem, d *draft) []Problem {
	return slices.DeleteFunc(slices.Clone(problems), func(p Problem) bool { return p.Line < d.token.line })
}

// index says which rules look at what.
func (s *Set) index() {
	s.rulesOf, s.windowsOf = make([][]int, len(s.metrics)), make([][]int, len(s.metrics))
	s.rulesOfEvent = make([][]int, len(s.events))
	for i, c := range s.rules {
		for _, m := range c.metrics {
			s.rulesOf[m] = append(s.rulesOf[m], i)
		}
		for _, e := range c.events {
			s.rulesOfEvent[e] = append(s.rulesOfEvent[e], i)
		}
	}
	s.follow = make([]vital.Instant, len(s.metrics))
	for i := range s.follow {
		s.follow[i] = maxFollow
	}
	for _, c := range s.rules {
		shorten := func(n *node) {
			if n.op == opMetric {
				s.follow[n.index] = min(s.follow[n.index], vital.Instant(n.within))
			}
		}
		for _, l := range c.levels {
			l.cond.walk(shorten)
		}
		if c.clear != nil {
			c.clear.cond.walk(shorten)
		}
	}
	for i, w := range s.windows {
		s.windowsOf[w.metric] = append(s.windowsOf[w.metric], i)
	}
}

func versionOf(files []File) string {
	var all []byte
	for _, f := range files {
		all = fmt.Appendf(all, "%d %s %d %s", len(f.Name), f.Name, len(f.Text), f.Text)
	}
	return digest(all)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

//go:embed default/*.rule
var defaults embed.FS

// DefaultFiles are the rules that hold where nobody has chosen others.
func DefaultFiles() []File {
	entries, err := defaults.ReadDir("default")
	if err != nil {
		return nil // cannot happen: the folder is embedded
	}
	var files []File
	for _, e := range entries {
		if text, err := defaults.ReadFile("default/" + e.Name()); err == nil {
			files = append(files, File{Name: e.Name(), Text: string(text)})
		}
	}
	return files
}

var byDefault = sync.OnceValue(func() *Set {
	s, problems := Load(DefaultFiles())
	if s == nil {
		panic("the default rules do not load: " + problems[0].String()) // a test loads them
	}
	return s
})

// Default returns the rules that hold where nobody has chosen others.
func Default() *Set { return byDefault() }

// Version names the set by its text: 12 hexadecimal digits.
func (s *Set) Version() string { return s.version }

// Files returns what the set was read from.
func (s *Set) Files() []File { return slices.Clone(s.files) }

// Tests returns how many tests the set has, all of which passed.
func (s *Set) Tests() int { return s.tests }

// Rule is a rule as a screen shows it.
type Rule struct {
	Name      string            `json:"name"`
	Title     string            `json:"title"`
	Titles    map[string]string `json:"titles"`   // in other languages
	Priority  vital.Priority    `json:"priority"` // the highest of its levels
	Technical bool              `json:"technical"`
	Latching  bool              `json:"latching"`
	Always    bool              `json:"always"`
	Spot      bool              `json:"spot"`
	Sources   []string          `json:"sources"`
	Applies   string            `json:"applies"` // as written; "" to everybody
	When      string            `json:"when"`    // as written, a line per level
	Metrics   []string          `json:"metrics"` // and kinds of events
	Version   string            `json:"version"`
	File      string            `json:"file"`
	Line      int               `json:"line"`
	Tests     []string          `json:"tests"`
}

// Rules returns every rule, in the order of the files.
func (s *Set) Rules() []Rule {
	list := make([]Rule, 0, len(s.rules))
	for _, c := range s.rules {
		r := Rule{Name: c.name, Title: c.title, Titles: maps.Clone(c.titles), Technical: c.technical, Latching: c.latching, Always: c.always, Spot: c.spot,
			Sources: slices.Clone(c.sources), Applies: c.appliesAs, Version: c.version, File: c.file, Line: c.line, Metrics: []string{}, Tests: []string{}}
		var lines []string
		for _, l := range c.levels {
			r.Priority = max(r.Priority, l.priority)
			lines = append(lines, l.text+": "+l.priority.String())
		}
		if c.clear != nil {
			lines = append(lines, "over once "+c.clear.text)
		}
		r.When = strings.Join(lines, "\n")
		for _, m := range c.metrics {
			r.Metrics = append(r.Metrics, s.metrics[m])
		}
		for _, e := range c.events {
			r.Metrics = append(r.Metrics, s.events[e])
		}
		for _, t := range c.trials {
			r.Tests = append(r.Tests, t.name)
		}
		list = append(list, r)
	}
	return list
}
