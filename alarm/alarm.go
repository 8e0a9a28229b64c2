// Package alarm decides what a condition that was found means for the people who
// must act: when it is an alarm, when it sounds, who has taken it, when it is
// over. It is one pure function, Step: the alarms of a patient, what was found,
// what people said and the time go in; the alarms after it and what must be told
// come out.
//
// It exists so that one episode is one alarm, whatever the order, repetition or
// delay of the readings, and so that this can be proven: nothing here reads a
// clock, waits or forgets.
//
//	found, asked, time ──► Step(State, Input) ──► State    every open alarm, to be kept
//	                                          └─► []Effect what happened, to be recorded, shown, told
//
// Two things are kept apart throughout. Condition says how the thing itself
// stands: present, ended, or unknown because the data stopped. Sound says what
// people have done about being told: nothing, paused, acknowledged, snoozed,
// switched off. Neither changes the other, but for two bridges: a condition that
// becomes worse or comes again takes back what people did, and an alarm that
// latches closes when its condition has ended and somebody has seen it.
//
// A condition is one Rule and Part of a patient, and has at most one open alarm.
// The whole of what can happen is the tables of docs/clinical/alarms.md; the tests
// walk through every state of one condition and hold each step against what must
// always be true, and a second implementation reads the whole log each time and
// must agree.
//
// The caller keeps State (it is plain JSON), calls Step for every batch of
// findings, every command and every tick, and stores the effects in the same
// transaction. Missing a tick delays what time does and loses nothing; NextDue
// says when it is needed.
package alarm

import "github.com/vigilcare/vigil/vital"

// Condition says how the thing itself stands, apart from what people did.
type Condition string

const (
	Present Condition = "present"
	Ended   Condition = "ended"   // a latching alarm that nobody has seen yet
	Unknown Condition = "unknown" // it was present when the data stopped; that never clears it
)

// Sound is what an alarm lets be heard, and why not.
type Sound string

const (
	On           Sound = "on"
	Paused       Sound = "paused"       // for a time that is counted down
	Acknowledged Sound = "acknowledged" // somebody has seen it
	Snoozed      Sound = "snoozed"      // until it is measured again, at most until a time
	Off          Sound = "off"          // switched off by somebody, until a time
)

// Alarm is one episode: from the moment a condition was found until it is over.
type Alarm struct {
	ID        string          `json:"id"`
	Patient   vital.PatientID `json:"patient"`
	Rule      string          `json:"rule"`
	Part      string          `json:"part,omitempty"`
	Version   string          `json:"version"`
	Title     string          `json:"title"`
	Text      string          `json:"text"`
	Metric    string          `json:"metric"`
	Technical bool            `json:"technical,omitempty"`
	Latching  bool            `json:"latching,omitempty"`
	Always    bool            `json:"always,omitempty"`
	Spot      bool            `json:"spot,omitempty"`

	Priority  vital.Priority `json:"priority"` // now; goes up and down within the episode
	Peak      vital.Priority `json:"peak"`     // the highest it was
	Condition Condition      `json:"condition"`
	Since     vital.Instant  `json:"since"`  // effective time at which the condition began
	Raised    vital.Instant  `json:"raised"` // when it became an alarm
	Changed   vital.Instant  `json:"changed"`
	Told      vital.Instant  `json:"told"`              // when it was raised, or last became worse or came again
	Ended     vital.Instant  `json:"ended,omitempty"`   // the condition ended; 0: it lasts
	Unknown   vital.Instant  `json:"unknown,omitempty"` // since when the data is missing
	Closed    vital.Instant  `json:"closed,omitempty"`  // the episode is over
	Why       string         `json:"why,omitempty"`     // it closed: "ended", "seen", "discharged", "withdrawn"
	Times     int            `json:"times"`             // how often the condition came within the episode, 1 and more

	Sound        Sound         `json:"sound"`
	SoundUntil   vital.Instant `json:"soundUntil,omitempty"` // of Paused, Snoozed and Off
	Acknowledged *Deed         `json:"acknowledged,omitempty"`
	Owner        *Owner        `json:"owner,omitempty"`
	Silenced     *Deed         `json:"silenced,omitempty"` // who paused, snoozed or switched off
	Level        int           `json:"level"`              // of escalation: 0 the nurse in charge of the bed
	Due          vital.Instant `json:"due,omitempty"`      // next escalation, 0: none

	Evidence []vital.Evidence `json:"evidence,omitempty"`
}

// Deed is who did something, when and why.
type Deed struct {
	By  string        `json:"by"`
	At  vital.Instant `json:"at"`
	Why string        `json:"why,omitempty"`
}

// Owner is who takes care of an alarm.
type Owner struct {
	By   string        `json:"by"` // user id
	From string        `json:"from,omitempty"`
	At   vital.Instant `json:"at"`
	// Accepted is false while the alarm is offered by hand-over and true once the
	// person has taken it.
	Accepted bool `json:"accepted"`
}

// Verb is what a command asks for.
type Verb string

const (
	Acknowledge Verb = "acknowledge" // I have seen it: it stops sounding and escalating until it gets worse or comes again
	Accept      Verb = "accept"      // I take care of it (acknowledges as well)
	Decline     Verb = "decline"     // I cannot: the next level is told at once
	HandOver    Verb = "hand-over"   // To takes care of it, if that person accepts
	Pause       Verb = "pause"       // no sound for a time, everything else goes on
	Resume      Verb = "resume"      // sound again, before a pause, snooze or off is over
	Snooze      Verb = "snooze"      // until it is measured again
	SwitchOff   Verb = "off"         // this condition of this patient raises nothing until a time
	SwitchOn    Verb = "on"
	Escalate    Verb = "escalate" // tell the next level now
)

// Command is what somebody asks for. Alarm names one alarm, else Rule and Part a
// condition (off and on work without an alarm), else every open alarm of the
// patient is meant (pause and resume).
type Command struct {
	ID      int64           `json:"id"` // of the decision: the same twice is done once
	Patient vital.PatientID `json:"patient"`
	Verb    Verb            `json:"verb"`
	Alarm   string          `json:"alarm,omitempty"`
	Rule    string          `json:"rule,omitempty"`
	Part    string          `json:"part,omitempty"`
	By      string          `json:"by"`
	Why     string          `json:"why,omitempty"`
	To      string          `json:"to,omitempty"`    // of hand-over
	Until   vital.Instant   `json:"until,omitempty"` // of pause, snooze and off
	At      vital.Instant   `json:"at"`
}

// Switch is a condition that somebody has switched off for a patient.
type Switch struct {
	Rule  string        `json:"rule"`
	Part  string        `json:"part,omitempty"`
	By    string        `json:"by"`
	Why   string        `json:"why"`
	At    vital.Instant `json:"at"`
	Until vital.Instant `json:"until"`
}

// Kind says what happened to an alarm.
type Kind string

const (
	Raised    Kind = "raised"
	Worse     Kind = "worse"     // the priority went up
	Better    Kind = "better"    // the priority went down
	Again     Kind = "again"     // the condition came back within the episode, or a silence ended with it still there
	Gone      Kind = "ended"     // the condition ended; a latching alarm stays
	Lost      Kind = "lost"      // the data that would tell is missing
	Found     Kind = "found"     // it is there again
	Closed    Kind = "closed"    // the episode is over
	Escalated Kind = "escalated" // Level went up
	Done      Kind = "done"      // a command was carried out: Command says which
	Refused   Kind = "refused"   // a command could not be carried out: Why says why
	Lapsed    Kind = "lapsed"    // a pause, snooze or off ran out
	Updated   Kind = "updated"   // only the text or evidence changed: for screens, not for the record
)

// Effect is what happened, with the alarm as it is afterwards. Tell is set when
// people must be told through their channels: it was raised, became worse, came
// again, was handed over or escalated, and is not acknowledged, snoozed or off (a
// pause quiets the sound, not the telling). Stop is set when whoever was being
// told need not be told any more.
//
// An effect without an alarm (Alarm.ID is empty: a command that was refused
// because there is none, a condition switched off or on while nothing is wrong)
// has no alarm to store; Alarm carries patient, rule and part of the condition.
type Effect struct {
	Kind    Kind
	Alarm   Alarm
	At      vital.Instant
	Command *Command // of what a command did, Done and Refused among it
	Why     string
	Tell    bool
	Stop    bool
}

// Whom returns who must be told when Tell is set: one person by user id, or, with
// an empty user, whoever has that level of escalation. An alarm that somebody
// takes care of, or that is offered to somebody, is theirs first; one that has
// escalated goes to the level.
func (e Effect) Whom() (user string, level int) {
	if e.Kind != Escalated && e.Alarm.Owner != nil {
		return e.Alarm.Owner.By, e.Alarm.Level
	}
	return "", e.Alarm.Level
}

// Policy is how long somebody is waited for, by priority, before the next level
// is told, ms; 0: never. And how long silences may last at most.
type Policy struct {
	Escalate   [4]int64 `json:"escalate"` // index: vital.Priority
	PauseMost  int64    `json:"pauseMost"`
	SnoozeMost int64    `json:"snoozeMost"`
	OffMost    int64    `json:"offMost"`
	Levels     int      `json:"levels"` // the last level is told again and again
}

// DefaultPolicy is what holds for a ward that has not chosen otherwise.
func DefaultPolicy() Policy {
	return Policy{
		Escalate:  [4]int64{vital.High: 60_000, vital.Medium: 3 * 60_000},
		PauseMost: 3 * 60_000, SnoozeMost: 12 * 3600_000, OffMost: 24 * 3600_000, Levels: 4,
	}
}

// State is every open alarm of one patient and what is switched off. It is a
// value: Step never changes the one it was given.
type State struct {
	Patient vital.PatientID `json:"patient"`
	Alarms  []Alarm         `json:"alarms,omitempty"`
	Offs    []Switch        `json:"offs,omitempty"`
	Command int64           `json:"command,omitempty"` // newest carried out
	Heard   []Heard         `json:"heard,omitempty"`
}

// Heard is up to when a condition was heard of, so that a finding that comes late
// is not taken for news.
type Heard struct {
	Rule     string        `json:"rule"`
	Part     string        `json:"part,omitempty"`
	At       vital.Instant `json:"at"`                 // newest Finding.At
	Received vital.Instant `json:"received,omitempty"` // newest evidence, by Vigil's clock; 0: there was none
	Noted    vital.Instant `json:"noted"`              // when that was, or when its alarm closed
}

// Input is what Step works on, in this order: findings, commands, then time.
type Input struct {
	Now      vital.Instant
	Findings []vital.Finding
	Commands []Command
	Policy   Policy
	// Leave closes every alarm and forgets every switch: the patient was
	// discharged. A new admission begins with an empty state.
	Leave bool
}
