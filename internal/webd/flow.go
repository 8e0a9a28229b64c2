package webd

import (
	"context"
	"net/http"

	"github.com/vigilcare/vigil/alarm"
	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/internal/auth"
	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/rule"
	"github.com/vigilcare/vigil/vital"
)

// Receiver takes what devices send over HTTP. It answers, or returns an error
// and has not answered.
type Receiver interface {
	Receive(w http.ResponseWriter, r *http.Request) error
}

// Live is what is known this moment, from memory.
type Live interface {
	// Attach calls sink with every update, in order, until detach is called.
	// sink returns at once.
	Attach(sink func(*watch.Update)) (detach func())
	// Latest returns the latest values of the patients that rows lets through;
	// nil patients: of all.
	Latest(rows store.Rows, patients []vital.PatientID) []watch.Value
	// Watches returns how the patients stand; nil: all.
	Watches(patients []vital.PatientID) []watch.Watch
}

// Judged is what the rules and the alarms make of it this moment, from memory.
type Judged interface {
	// Alarms returns the open alarms of the patients that rows lets through; nil
	// patients: of all, and those of the installation.
	Alarms(ctx context.Context, rows store.Rows, patients []vital.PatientID) []alarm.Alarm
	// Limits returns the limits that hold for a patient now.
	Limits(patient vital.PatientID) []rule.Effective
	// Offs returns which conditions raise nothing for a patient.
	Offs(patient vital.PatientID) []alarm.Switch
	// Scores returns the scores of a patient as they were last computed.
	Scores(patient vital.PatientID) []score.Result
	// Baselines returns how the vital signs stand against what is usual.
	Baselines(patient vital.PatientID) []watch.Baseline
}

// History is what was recorded: the store, and what is still in memory.
type History interface {
	Samples(ctx context.Context, rows store.Rows, q store.Query) ([]store.Track, error)
	Waves(ctx context.Context, rows store.Rows, q store.Query) ([]vital.Waveform, error)
	Events(ctx context.Context, rows store.Rows, q store.Query) ([]vital.Event, error)
}

// Commands is everything that changes an outcome, after the store has it.
type Commands interface {
	// Changed says that the store holds new control rows: journal them and act
	// on them. It returns when they count, so that the next question sees them.
	Changed(ctx context.Context) error
	// Observe sends values that a person entered the whole way of a reading.
	Observe(ctx context.Context, p auth.Principal, patient vital.PatientID, readings []vital.Reading) (vital.Position, error)
}

// Packets is what became of what the devices sent.
type Packets interface {
	// Packets returns a device's packets, newest first, received before that time (0: now).
	Packets(ctx context.Context, rows store.Rows, device vital.DeviceID, before vital.Instant, limit int) ([]ingest.PacketInfo, error)
	// Problems returns what could not be read, newest first, since that time.
	Problems(ctx context.Context, rows store.Rows, since vital.Instant, limit int) ([]ingest.PacketInfo, error)
}

// SystemState is how the machine does, as GET /system answers.
type SystemState struct {
	Rates     Rates           `json:"rates"`
	Lag       Lag             `json:"lag"`
	Journal   []JournalState  `json:"journal"`
	Disk      Disk            `json:"disk"`
	Store     StoreState      `json:"store"`
	Clients   int             `json:"clients"`
	Uptime    int64           `json:"uptime"` // seconds
	Version   string          `json:"version"`
	Memory    uint64          `json:"memory"` // bytes
	Ack       AckTimes        `json:"ack"`
	Fsync     SyncTimes       `json:"fsync"`
	Retention []RetentionLine `json:"retention"`
	Listeners []Listener      `json:"listeners"`
	Links     []Link          `json:"links"`
	Sheets    Sheets          `json:"sheets"`
}

// Listener is one address on which the server answers.
type Listener struct {
	For     string        `json:"for"` // "screens", "devices", "administration", "mqtt" or "mqttLegacy"
	Address string        `json:"address"`
	TLS     string        `json:"tls"`     // the least version; empty: plain
	Expires vital.Instant `json:"expires"` // of its certificate
}

// Link counts MQTT connections by what they agreed on.
type Link struct {
	TLS   string `json:"tls"` // empty: plain
	Group string `json:"group"`
	Count int    `json:"count"`
}

// Rates are counts per second over the last ten seconds.
type Rates struct {
	Packets  float64 `json:"packets"`
	Readings float64 `json:"readings"`
	Waves    float64 `json:"waves"`
	Acks     float64 `json:"acks"`
}

// Lag is how many frames are accepted and not yet applied.
type Lag struct {
	Raw      uint64 `json:"raw"`
	Readings uint64 `json:"readings"`
}

// JournalState is one partition of one stream.
type JournalState struct {
	Stream    string `json:"stream"`
	Partition uint16 `json:"partition"`
	First     uint64 `json:"first"`
	Last      uint64 `json:"last"`
	Bytes     uint64 `json:"bytes"`
}

// Disk is in bytes.
type Disk struct {
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
	Data  uint64 `json:"data"`
}

// StoreState is the database.
type StoreState struct {
	Dialect string `json:"dialect"`
	Version string `json:"version"`
	Bytes   int64  `json:"bytes"`
	Schema  int    `json:"schema"`
}

// AckTimes is how long a packet waited for its acknowledgement, ms.
type AckTimes struct {
	P50 float64 `json:"p50Ms"`
	P99 float64 `json:"p99Ms"`
}

// SyncTimes is how long the disk took to keep a frame, ms.
type SyncTimes struct {
	P99 float64 `json:"p99Ms"`
}

// RetentionLine is one rule of what is kept how long.
type RetentionLine struct {
	What    string        `json:"what"`
	Days    int           `json:"days"`
	LastRun vital.Instant `json:"lastRun"`
	Removed int64         `json:"removed"`
}
