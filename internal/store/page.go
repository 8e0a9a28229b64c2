package store

import "github.com/vigilcare/vigil/vital"

// Page is one thing that people must be told through their channels: an alarm
// was raised, became worse, came again, escalated, or need not be told any more.
// It is written in the commit that made it so: an alarm without its page, or a
// page without its alarm, cannot be.
type Page struct {
	ID        string // the same page twice is one page
	Alarm     string
	Patient   vital.PatientID
	Ward      vital.WardID // where the patient was at At; Commit fills it in
	Level     int          // of escalation
	Kind      string       // "raised", "worse", "again", "escalated", "stop"
	Priority  vital.Priority
	At        vital.Instant
	Technical bool
	Settled   vital.Instant // when nobody had to be reached any more, 0: somebody has
}

func putPages(t *tx, b *Batch) error {
	if len(b.Pages) == 0 {
		return nil
	}
	patients := make([]vital.PatientID, len(b.Pages))
	for i, p := range b.Pages {
		patients[i] = p.Patient
	}
	stays, err := t.staysOf(b.Site, patients)
	if err != nil {
		return err
	}
	in := t.insert("INSERT INTO page (site, id, alarm, patient, ward, level, kind, priority, at, technical, settled)", 11,
		" ON CONFLICT (site, id) DO NOTHING")
	for _, p := range b.Pages {
		in.add(b.Site, p.ID, p.Alarm, p.Patient, stays.at(p.Patient, p.At).Ward, p.Level, p.Kind, p.Priority, p.At, p.Technical, p.Settled)
	}
	return in.done("pages")
}
