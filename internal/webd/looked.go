package webd

import (
	"cmp"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/vital"
)

// Look is that somebody looked at what is kept of a patient, or changed it, in
// words for the patient.
type Look struct {
	At      vital.Instant `json:"at"`
	Who     string        `json:"who"`
	Name    string        `json:"name"`
	Role    string        `json:"role"`
	What    string        `json:"what"`  // one of the names of kindsOfLook
	Words   string        `json:"words"` // the same in English
	Purpose string        `json:"purpose"`
	Glass   bool          `json:"glass"` // in an emergency, by breaking the glass
	Outcome string        `json:"outcome"`
	Count   int           `json:"count"` // of the same within an hour, newest at At
}

// kindsOfLook sorts the actions of the ledger into what a patient understands;
// the first prefix that fits holds.
var kindsOfLook = []struct{ prefix, what, words string }{
	{"glass.", "break-glass", "asked to see your record in an emergency"},
	{"consent.read", "consents", "looked at what you permitted and refused"},
	{"consent.", "consents", "changed what you permitted and refused"},
	{"relation.", "relations", "looked at or changed who is of your care team and family"},
	{"looked.", "ledger", "looked at who looked at your data"},
	{"audit.", "ledger", "searched the ledger"},
	{"patient.find", "search", "searched for patients"},
	{"patient.export", "export", "took your data away as a file"},
	{"record.forget", "changed", "had your record forgotten"},
	{"record.", "export", "took your whole record away"},
	{"replay.", "trends", "tried other alarm limits on your data"},
	{"device.readings", "export", "took away what a device of yours sent"},
	{"patient.read", "record", "opened your record"},
	{"ward.read", "ward", "opened the ward in which you lay"},
	{"live.read", "live", "watched your live values"},
	{"alarm.read", "alarms", "looked at your alarms"},
	{"alarm.", "alarms", "acted on an alarm of yours"},
	{"trace.", "alarms", "looked at the whole story of an alarm"},
	{"limit.read", "limits", "looked at your alarm limits"},
	{"limit.", "limits", "changed your alarm limits"},
	{"device.", "devices", "looked at or changed which device is with you"},
	{"patient.", "changed", "changed something in your record"},
	{"duty.", "ward", "looked at who takes care of which bed"},
}

func kindOfLook(action string) (what, words string) {
	for _, k := range kindsOfLook {
		if strings.HasPrefix(action, k.prefix) {
			return k.what, k.words
		}
	}
	return "other", "used your record: " + action
}

// looked tells a patient who looked. The same by the same one within an hour is
// one line with a count.
func (s *Server) looked(c *call) error {
	before, err := instantOf(c.r, "before", 0)
	if err != nil {
		return err
	}
	limit, err := numberOf(c.r, "limit", 200, 1, 1000)
	if err != nil {
		return err
	}
	all, err := s.store.LooksAt(c.ctx(), c.rows, c.patient(), before, limit)
	if err != nil {
		return err
	}
	names, err := s.names(c.ctx())
	if err != nil {
		return err
	}
	answer := List[Look]{Items: []Look{}}
	for _, l := range all {
		what, words := kindOfLook(l.Action)
		v := Look{
			At: l.At, Who: l.Who, Name: names.of(l.Who), Role: l.Role, What: what, Words: words, Glass: l.Glass, Outcome: l.Outcome, Count: 1,
			Purpose: cmp.Or(l.Purpose, string(auth.ForTreatment)),
		}
		if n := len(answer.Items) - 1; n >= 0 && sameLook(answer.Items[n], v) {
			answer.Items[n].Count++
			continue
		}
		answer.Items = append(answer.Items, v)
	}
	if len(all) == limit {
		answer.Next = all[len(all)-1].At.Time().Format(time.RFC3339Nano)
	}
	return c.json(answer)
}

func sameLook(a, b Look) bool {
	return a.Who == b.Who && a.What == b.What && a.Words == b.Words && a.Purpose == b.Purpose && a.Glass == b.Glass && a.Outcome == b.Outcome && a.At.Sub(b.At) < time.Hour
}
