package vital

// Priority of an alarm condition in the manner of IEC 60601-1-8.
type Priority uint8

const (
	NoPriority Priority = iota
	Low
	Medium
	High
)

var priorityNames = []string{"none", "low", "medium", "high"}

func (p Priority) String() string {
	if int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return "none"
}

// ParsePriority reads a priority as String writes it.
func ParsePriority(name string) (Priority, error) {
	for i, n := range priorityNames {
		if n == name {
			return Priority(i), nil
		}
	}
	return NoPriority, Errorf(Invalid, "priority %q: not high, medium or low", name)
}

// MarshalText and UnmarshalText write a priority by its name.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (p *Priority) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePriority(string(text))
	return err
}

// Stand says whether the condition of a finding holds.
type Stand uint8

const (
	// Unknown: the data that would tell is missing, stale or doubted. It never
	// raises a physiological alarm and never ends one.
	Unknown Stand = iota
	// Present: the condition holds, for as long as its rule asks.
	Present
	// Absent: fresh, undoubted data says that it does not hold.
	Absent
	// Withdrawn: nobody looks for it any more: the rule was taken out of the set
	// or does not apply to the patient now. It ends an alarm, with that reason.
	Withdrawn
)

var standNames = []string{"unknown", "present", "absent", "withdrawn"}

func (s Stand) String() string {
	if int(s) < len(standNames) {
		return standNames[s]
	}
	return "unknown"
}

// Finding is what judging found of one condition of one patient, at a time.
// Rule and Part name the condition: two findings with the same are of the same
// condition, whatever they say.
type Finding struct {
	Patient   PatientID `json:"patient"`
	Rule      string    `json:"rule"`           // name of the rule: "spo2-low"
	Part      string    `json:"part,omitempty"` // tells several conditions of one rule apart: a metric, a device
	Version   string    `json:"version"`        // of the rule's text
	Title     string    `json:"title"`          // "Oxygen saturation low"
	Text      string    `json:"text"`           // "SpO2 84 % < 90 %": what is, against what
	Metric    string    `json:"metric"`         // the number to mark, "" none
	Priority  Priority  `json:"priority"`
	Technical bool      `json:"technical,omitempty"` // about the watching, not the patient
	Latching  bool      `json:"latching,omitempty"`  // stays until somebody has seen it
	Always    bool      `json:"always,omitempty"`    // cannot be switched off or snoozed
	Spot      bool      `json:"spot,omitempty"`      // judged on measurements made now and then: may be snoozed until the next
	Stand     Stand     `json:"stand"`
	At        Instant   `json:"at"` // effective time since when Stand holds
	// Evidence is what it was judged on, newest last.
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Evidence is one reading that a finding rests on.
type Evidence struct {
	Metric   string   `json:"metric"`
	Value    string   `json:"value"` // its own digits, or a code
	Unit     string   `json:"unit,omitempty"`
	At       Instant  `json:"at"`       // effective
	Received Instant  `json:"received"` // by Vigil
	Device   DeviceID `json:"device,omitempty"`
	Source   Position `json:"source"` // of the packet in the raw journal
}
