package main

import (
	"context"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/vital"
)

// standing is a technical alarm about Vigil itself that stands as long as what
// it says is true. That it stands is kept in a setting, so that a restart
// neither raises it twice nor forgets to take it back.
type standing struct {
	setting string
	action  string // of the ledger's entry
	finding vital.Finding
	over    string // why it is taken back
}

// stand raises the alarm, or takes it back, when that changes. The flow hears of
// it with its next tick, within five seconds: nobody here waits for it, so that
// the setting is kept also when the flow stands still.
func (n *node) stand(ctx context.Context, s standing, stands bool) error {
	before, err := n.store.Setting(ctx, n.site, s.setting)
	if err != nil && vital.KindOf(err) != vital.NotFound {
		return err
	}
	if (string(before) == "1") == stands {
		return nil
	}
	f := s.finding
	f.Version, f.Technical, f.Stand, f.At = "1", true, vital.Absent, vitalNow()
	why, mark := s.over, "0"
	if stands {
		f.Stand, why, mark = vital.Present, f.Text, "1"
	}
	e := audit.Entry{Site: n.site, At: f.At, Who: "system", Role: "system", Action: s.action, Subject: "rule/" + f.Rule, Outcome: "done", Why: why}
	if err := n.store.Report(ctx, e, f); err != nil {
		return err
	}
	return n.store.PutSetting(ctx, n.site, s.setting, []byte(mark))
}
