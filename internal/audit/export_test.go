package audit

import (
	"maps"
	"slices"
)

// Clone lets many verifications share their beginning.
func (v *Verifier) Clone() *Verifier {
	c := *v
	c.agreed, c.erasures = maps.Clone(v.agreed), maps.Clone(v.erasures)
	c.erased = maps.Clone(v.erased)
	for i := range v.whole {
		c.whole[i] = slices.Clone(v.whole[i])
	}
	c.report.Findings = slices.Clone(v.report.Findings)
	return &c
}
