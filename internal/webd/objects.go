package webd

import (
	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// The objects of docs/formats/api.md, as they travel.

// List is every answer that holds several of a thing.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// listOf wraps items; none is an empty list, not null.
func listOf[T any](items []T) List[T] { return List[T]{Items: full(items)} }

// full is items, never nil.
func full[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Ward is a ward with how many beds it has and how many are taken.
type Ward struct {
	ID       vital.WardID `json:"id"`
	Name     string       `json:"name"`
	Zone     string       `json:"zone"`
	Kind     string       `json:"kind"`
	Beds     int          `json:"beds"`
	Patients int          `json:"patients"`
}

// WardView is a ward with everything on it.
type WardView struct {
	Ward  Ward   `json:"ward"`
	Beds  []Bed  `json:"beds"`
	Rooms []Room `json:"rooms"`
	Sheet Sheets `json:"sheet"`
}

// Room is a room of a ward.
type Room struct {
	ID   vital.RoomID `json:"id"`
	Name string       `json:"name"`
}

// WardRoom is a room with the ward that it belongs to: two wards may each have
// a room 1.
type WardRoom struct {
	ID       vital.RoomID `json:"id"`
	Name     string       `json:"name"`
	Ward     vital.WardID `json:"ward"`
	WardName string       `json:"wardName"`
}

// Bed is one bed as the ward screen shows it.
type Bed struct {
	ID       vital.BedID  `json:"id"`
	Ward     vital.WardID `json:"ward"`
	Room     vital.RoomID `json:"room"`
	Label    string       `json:"label"`
	Position int          `json:"position"`
	Patient  *PatientCard `json:"patient"`
	Latest   []Value      `json:"latest"`
	Watched  *Watched     `json:"watched"`
	Devices  []DeviceName `json:"devices"`
	Limits   []Limit      `json:"limits"`
	Alarms   []Alarm      `json:"alarms"`
}

// Limit is shown beside the number that it limits. Own: it is the patient's own.
type Limit struct {
	Metric string         `json:"metric"`
	Unit   string         `json:"unit"`
	Low    *vital.Decimal `json:"low"`
	High   *vital.Decimal `json:"high"`
	Own    bool           `json:"own"`
}

// DeviceName is a device as far as a bed shows it.
type DeviceName struct {
	ID    vital.DeviceID `json:"id"`
	Label string         `json:"label"`
	Kind  string         `json:"kind"`
}

// PatientCard is a patient as lists show one.
type PatientCard struct {
	ID       vital.PatientID `json:"id"`
	Family   string          `json:"family"`
	Given    string          `json:"given"`
	Sex      string          `json:"sex"`
	Birth    string          `json:"birth"`
	Age      int             `json:"age"`
	Numbers  []Number        `json:"numbers"`
	Admitted vital.Instant   `json:"admitted"`
	Bed      vital.BedID     `json:"bed"`
	Ward     vital.WardID    `json:"ward"`
	Flags    []string        `json:"flags"`
	Demo     bool            `json:"demo"`
}

// Number is a record number and who gave it.
type Number struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Patient is a patient as the patient's own page shows one.
type Patient struct {
	PatientCard
	Admissions []Admission `json:"admissions"`
	Bindings   []Binding   `json:"bindings"`
	Standby    *Standby    `json:"standby"`
	Plan       []PlanItem  `json:"plan"`
	Latest     []Value     `json:"latest"`
	Watched    *Watched    `json:"watched"`
}

// Admission is a stay in one bed; to is null while it lasts.
type Admission struct {
	ID   string        `json:"id"`
	Ward vital.WardID  `json:"ward"`
	Bed  vital.BedID   `json:"bed"`
	From vital.Instant `json:"from"`
	To   vital.Instant `json:"to"`
}

// Binding says who wore a device, or where it stood. The names are those of the
// room and its ward; they are empty for a patient.
type Binding struct {
	ID       string          `json:"id"`
	Device   vital.DeviceID  `json:"device"`
	Patient  vital.PatientID `json:"patient"`
	Room     vital.RoomID    `json:"room"`
	RoomName string          `json:"roomName"`
	WardName string          `json:"wardName"`
	From     vital.Instant   `json:"from"`
	To       vital.Instant   `json:"to"`
	By       string          `json:"by"`
	Why      string          `json:"why"`
}

// Standby is a time in which no data is expected.
type Standby struct {
	Reason string        `json:"reason"`
	By     string        `json:"by"`
	From   vital.Instant `json:"from"`
	Until  vital.Instant `json:"until"`
}

// PlanItem is a stream that is expected; every is in seconds.
type PlanItem struct {
	Metric string `json:"metric"`
	Kind   string `json:"kind"`
	Every  int64  `json:"every"`
}

// Value is one value; its digits are kept as text and its times are ms since
// 1970, on the socket and here alike.
type Value struct {
	Bed      vital.BedID     `json:"bed"`
	Patient  vital.PatientID `json:"patient"`
	Metric   string          `json:"metric"`
	Value    string          `json:"value"`
	Code     string          `json:"code"`
	Unit     string          `json:"unit"`
	At       int64           `json:"at"`
	Received int64           `json:"received"`
	Quality  []string        `json:"quality"`
	Device   vital.DeviceID  `json:"device"`
	Others   []Other         `json:"others,omitempty"`
}

// Other is what another device says of the same thing at the same time.
type Other struct {
	Value  string         `json:"value"`
	Unit   string         `json:"unit"`
	At     int64          `json:"at"`
	Device vital.DeviceID `json:"device"`
}

func valueOf(v watch.Value, bed vital.BedID) Value {
	out := Value{
		Bed: bed, Patient: v.Patient, Metric: v.Metric, Code: v.Value.Code, Unit: v.Unit,
		At: int64(v.Clocks.Effective), Received: int64(v.Clocks.Receive), Quality: full(v.Quality.Names()), Device: v.Device,
	}
	if !v.Value.IsCode() {
		out.Value = v.Value.Number.String()
	}
	for _, o := range v.Others {
		out.Others = append(out.Others, Other{Value: o.Value.String(), Unit: o.Unit, At: int64(o.Clocks.Effective), Device: o.Device})
	}
	return out
}

// Watched is how well a patient is watched; times are ms since 1970.
type Watched struct {
	Bed     vital.BedID     `json:"bed"`
	Patient vital.PatientID `json:"patient"`
	State   string          `json:"state"`
	Last    int64           `json:"last"`
	Since   int64           `json:"since"`
	Cause   string          `json:"cause"`
	Streams []Stream        `json:"streams"`

	CauseKind     string      `json:"causeKind"`
	CauseSaid     *words.Said `json:"causeSaid,omitempty"`
	DeclaredLimit int64       `json:"declaredLimit"` // ms after the last value in which it may still be shown as watched
}

// Stream is one expected stream; every is in ms.
type Stream struct {
	Metric string `json:"metric"`
	Kind   string `json:"kind"`
	State  string `json:"state"`
	Last   int64  `json:"last"`
	Since  int64  `json:"since"`
	Every  int64  `json:"every"`
	Cause  string `json:"cause"`

	CauseKind string      `json:"causeKind"`
	CauseSaid *words.Said `json:"causeSaid,omitempty"`
}

func watchedOf(w watch.Watch, bed vital.BedID) Watched {
	out := Watched{
		Bed: bed, Patient: w.Patient, State: string(w.State), Last: int64(w.Last), Since: int64(w.Since), Cause: w.Cause,
		Streams: make([]Stream, len(w.Streams)), CauseKind: string(w.CauseKind), DeclaredLimit: w.DeclaredLimit(),
		CauseSaid: words.Find(w.Cause),
	}
	for i, s := range w.Streams {
		out.Streams[i] = Stream{
			Metric: s.Metric, Kind: string(s.Kind), State: string(s.State), Last: int64(s.Last), Since: int64(s.Since), Every: s.Every, Cause: s.Cause,
			CauseKind: string(s.CauseKind), CauseSaid: words.Find(s.Cause),
		}
	}
	return out
}
