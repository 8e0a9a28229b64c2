package rule_test

import (
	"testing"

	"github.com/vigilcare/vigil/rule"
)

func TestDefault(t *testing.T) {
	s, problems := rule.Load(rule.DefaultFiles())
	for _, p := range problems {
		t.Error(p)
		for _, step := range p.Steps {
			t.Log("  ", step)
		}
	}
	if s == nil {
		t.Fatal("the default rules do not load")
	}
	if s.Version() != rule.Default().Version() || len(s.Version()) != 12 {
		t.Errorf("version %q, of the default %q", s.Version(), rule.Default().Version())
	}
	if len(s.Rules()) < 5 {
		t.Errorf("%d rules", len(s.Rules()))
	}
}
