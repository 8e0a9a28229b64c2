package webd

import (
	"github.com/vigilcare/vigil/internal/auth"
)

// base is where the API lives.
const base = "/api/v1"

// public is the action of the few routes that are asked before anybody is known.
const public auth.Action = ""

// route is one line of what can be asked.
type route struct {
	method string
	path   string // below base
	action auth.Action
	does   string
	query  []parameter
	in     any    // zero value of the body; nil: none
	out    any    // zero value of the answer; nil: an answer without a body
	kind   string // Content-Type of an answer that is not JSON
	made   bool   // answers 201
	view   bool   // looking is noted in the ledger
	door   bool   // served by the door for devices, which asks the gate itself
	do     func(*Server, *call) error
}

// parameter is a part of the query string.
type parameter struct{ name, does string }

var (
	fromTo = []parameter{{"from", "beginning, RFC 3339 or ms since 1970"}, {"to", "end, not included; now when left out"}}
	search = parameter{"q", "words that must all occur"}
)

// routes is everything that can be asked, read top to bottom. The paths of the
// API that are not here do not exist.
var routes = []route{
	{method: "POST", path: "/session", action: public, does: "sign in", in: signIn{}, out: Me{}, do: (*Server).openSession},
	{method: "POST", path: "/session/link", action: public, does: "sign in by a one-time link or the link of a wall screen", in: linkUse{}, out: Me{}, do: (*Server).openSessionByLink},
	{method: "DELETE", path: "/session", action: auth.SessionOwn, does: "sign out", do: (*Server).closeSession},
	{method: "GET", path: "/me", action: auth.SessionOwn, does: "who am I", out: Me{}, do: (*Server).me},
	{method: "PUT", path: "/me/preferences", action: auth.SessionOwn, does: "language, theme, units, privacy", in: Preferences{}, out: Preferences{}, do: (*Server).setPreferences},
	{method: "POST", path: "/me/password", action: auth.SessionOwn, does: "choose a password", in: passwordChange{}, do: (*Server).setPassword},

	{method: "GET", path: "/metrics-table", action: auth.MetricsRead, does: "every metric and the units it may be shown in", out: List[MetricRow]{}, do: (*Server).metricsTable},
	{method: "GET", path: "/wards", action: auth.WardList, does: "the wards", out: List[Ward]{}, do: (*Server).wards},
	{method: "POST", path: "/wards", action: auth.WardWrite, does: "make a ward", in: wardBody{}, out: Ward{}, made: true, do: (*Server).makeWard},
	{method: "GET", path: "/wards/{ward}", action: auth.WardRead, does: "a ward with its beds, patients and latest values", out: WardView{}, view: true, do: (*Server).ward},
	{method: "PUT", path: "/wards/{ward}", action: auth.WardWrite, does: "change a ward", in: wardBody{}, out: Ward{}, do: (*Server).changeWard},
	{method: "POST", path: "/wards/{ward}/rooms", action: auth.WardWrite, does: "make a room", in: roomBody{}, out: Room{}, made: true, do: (*Server).makeRoom},
	{method: "POST", path: "/wards/{ward}/beds", action: auth.WardWrite, does: "make a bed", in: bedBody{}, out: Bed{}, made: true, do: (*Server).makeBed},
	{method: "GET", path: "/rooms", action: auth.WardList, does: "find rooms, of every ward of the caller", query: []parameter{search}, out: List[WardRoom]{}, do: (*Server).rooms},
	{method: "POST", path: "/beds/swap", action: auth.PatientMove, does: "let the patients of two beds change places", in: swapBody{}, do: (*Server).swapBeds},

	{method: "GET", path: "/patients", action: auth.PatientFind, does: "find patients", query: []parameter{search, {"ward", "only those in this ward now"}}, out: List[PatientCard]{}, view: true, do: (*Server).patients},
	{method: "POST", path: "/patients", action: auth.PatientWrite, does: "make a patient, and admit at once when a bed is named", in: newPatient{}, out: Patient{}, made: true, do: (*Server).makePatient},
	{method: "GET", path: "/patients/{patient}", action: auth.PatientRead, does: "a patient", out: Patient{}, view: true, do: (*Server).patient},
	{method: "PUT", path: "/patients/{patient}", action: auth.PatientWrite, does: "change identity, numbers and flags", in: patientBody{}, out: Patient{}, do: (*Server).changePatient},
	{method: "POST", path: "/patients/{patient}/admit", action: auth.PatientMove, does: "admit", in: stayBody{}, out: Admission{}, made: true, do: (*Server).admitPatient},
	{method: "POST", path: "/patients/{patient}/transfer", action: auth.PatientMove, does: "move to another bed", in: stayBody{}, out: Admission{}, do: (*Server).transferPatient},
	{method: "POST", path: "/patients/{patient}/discharge", action: auth.PatientMove, does: "discharge; closes the bindings", in: endBody{}, do: (*Server).dischargePatient},
	{method: "GET", path: "/patients/{patient}/series", action: auth.PatientRead, does: "trends", query: append([]parameter{{"metrics", "names, separated by commas"}, {"points", "at most this many points per metric, 600"}}, fromTo...), out: SeriesView{}, view: true, do: (*Server).series},
	{method: "GET", path: "/patients/{patient}/series.csv", action: auth.PatientExport, does: "every value of a period as CSV", query: append([]parameter{{"metrics", "names, separated by commas; all when left out"}}, fromTo...), kind: "text/csv", do: (*Server).seriesCSV},
	{method: "GET", path: "/patients/{patient}/waveforms", action: auth.PatientRead, does: "a waveform, at most 5 minutes a call", query: append([]parameter{{"metric", "one name"}}, fromTo...), out: WaveView{}, view: true, do: (*Server).waveforms},
	{method: "GET", path: "/patients/{patient}/waveform-metrics", action: auth.PatientRead, does: "which waveforms there are", out: List[string]{}, do: (*Server).waveformMetrics},
	{method: "GET", path: "/patients/{patient}/events", action: auth.PatientRead, does: "what happened: beats, rhythms, leads", query: fromTo, out: List[Event]{}, view: true, do: (*Server).events},
	{method: "GET", path: "/patients/{patient}/timeline", action: auth.PatientRead, does: "everything that is not a number", query: fromTo, out: List[TimelineItem]{}, view: true, do: (*Server).timeline},
	{method: "GET", path: "/patients/{patient}/gaps", action: auth.PatientRead, does: "when expected data did not come, and why", query: fromTo, out: List[Gap]{}, view: true, do: (*Server).gaps},
	{method: "GET", path: "/patients/{patient}/observations", action: auth.PatientRead, does: "bed rounds", query: fromTo, out: List[Observation]{}, view: true, do: (*Server).observations},
	{method: "POST", path: "/patients/{patient}/observations", action: auth.PatientObserve, does: "enter a bed round", in: observationBody{}, out: Observation{}, made: true, do: (*Server).observe},
	{method: "GET", path: "/patients/{patient}/annotations", action: auth.PatientRead, does: "remarks on the timeline", query: fromTo, out: List[Annotation]{}, view: true, do: (*Server).annotations},
	{method: "POST", path: "/patients/{patient}/annotations", action: auth.PatientObserve, does: "write a remark", in: annotationBody{}, out: Annotation{}, made: true, do: (*Server).annotate},
	{method: "POST", path: "/patients/{patient}/standby", action: auth.PatientStandby, does: "expect no data for a while", in: standbyBody{}, out: Standby{}, made: true, do: (*Server).setStandby},
	{method: "DELETE", path: "/patients/{patient}/standby", action: auth.PatientStandby, does: "expect data again", do: (*Server).endStandby},
	{method: "PUT", path: "/patients/{patient}/plan", action: auth.PatientPlan, does: "what is expected of each stream", in: planBody{}, out: List[PlanItem]{}, do: (*Server).setPlan},

	{method: "GET", path: "/devices", action: auth.DeviceList, does: "find devices", query: []parameter{search}, out: List[Device]{}, do: (*Server).devices},
	{method: "POST", path: "/devices", action: auth.DeviceWrite, does: "enrol a device; the password is shown once", in: newDevice{}, out: Enrolled{}, made: true, do: (*Server).makeDevice},
	{method: "POST", path: "/devices/import", action: auth.DeviceWrite, does: "enrol many from CSV: id,label,kind,model,udi", in: csvBody(""), out: Imported{}, do: (*Server).importDevices},
	{method: "GET", path: "/devices/{device}", action: auth.DeviceRead, does: "a device", out: Device{}, do: (*Server).device},
	{method: "PUT", path: "/devices/{device}", action: auth.DeviceWrite, does: "change what is known of a device", in: deviceBody{}, out: Device{}, do: (*Server).changeDevice},
	{method: "POST", path: "/devices/{device}/credential", action: auth.DeviceWrite, does: "a new password; the old one ends", out: Credential{}, made: true, do: (*Server).renewCredential},
	{method: "POST", path: "/devices/{device}/state", action: auth.DeviceWrite, does: "active, quarantined or retired", in: stateBody{}, out: Device{}, do: (*Server).setDeviceState},
	{method: "POST", path: "/devices/{device}/bind", action: auth.DeviceBind, does: "bind to a patient, confirmed by two identifiers, or to a room", in: bindBody{}, out: Binding{}, made: true, do: (*Server).bindDevice},
	{method: "POST", path: "/devices/{device}/unbind", action: auth.DeviceBind, does: "end the binding", in: endBody{}, out: Binding{}, do: (*Server).unbindDevice},
	{method: "POST", path: "/devices/{device}/reassign", action: auth.DeviceReassign, does: "these hours belong to another patient", in: reassignBody{}, do: (*Server).reassignDevice},
	{method: "GET", path: "/devices/{device}/bindings", action: auth.DeviceRead, does: "whom it measured and where it stood, newest first", out: List[Binding]{}, view: true, do: (*Server).deviceBindings},
	{method: "GET", path: "/devices/{device}/packets", action: auth.DeviceRead, does: "what it sent and what became of it", query: []parameter{{"before", "only those received before"}, {"limit", "at most, 100"}}, out: List[Packet]{}, do: (*Server).devicePackets},
	{method: "GET", path: "/devices/{device}/qr.svg", action: auth.DeviceRead, does: "a code to put on the device: the address of its page", kind: "image/svg+xml", do: (*Server).deviceCode},
	{method: "GET", path: "/devices/{device}/readings", action: auth.DeviceReadings, does: "everything stored, as NDJSON", query: fromTo, kind: "application/x-ndjson", view: true, do: (*Server).deviceReadings},
	{method: "GET", path: "/problems", action: auth.ProblemRead, does: "what could not be read, and why", query: []parameter{{"since", "only those received since; a day when left out"}, {"limit", "at most, 200"}}, out: List[Packet]{}, do: (*Server).problems},

	{method: "GET", path: "/system", action: auth.SystemRead, does: "how the machine does", out: SystemState{}, do: (*Server).systemState},
	{method: "GET", path: "/audit", action: auth.AuditRead, does: "who did what to whose data", query: []parameter{{"patient", "only about this patient"}, {"who", "only by this one"}, {"before", "only earlier"}, {"limit", "at most, 200"}}, out: List[AuditLine]{}, do: (*Server).audit},
	{method: "GET", path: "/users", action: auth.UserWrite, does: "who may sign in", out: List[User]{}, do: (*Server).users},
	{method: "POST", path: "/users", action: auth.UserWrite, does: "make a user; the one-time link is shown once", in: userBody{}, out: Invited{}, made: true, do: (*Server).makeUser},
	{method: "PUT", path: "/users/{user}", action: auth.UserWrite, does: "change a user; ends its sessions", in: userBody{}, out: User{}, do: (*Server).changeUser},
	{method: "POST", path: "/users/{user}/link", action: auth.UserWrite, does: "a new one-time link, for who forgot the password", out: LinkMade{}, made: true, do: (*Server).makeLink},
	{method: "GET", path: "/tokens", action: auth.TokenWrite, does: "programs and wall screens that may read", out: List[Token]{}, do: (*Server).tokens},
	{method: "POST", path: "/tokens", action: auth.TokenWrite, does: "make a token; the secret is shown once", in: tokenBody{}, out: Token{}, made: true, do: (*Server).makeToken},
	{method: "DELETE", path: "/tokens/{token}", action: auth.TokenWrite, does: "revoke a token", do: (*Server).revokeToken},
	{method: "POST", path: "/kiosks", action: auth.TokenWrite, does: "the address for a wall screen that shows one ward", in: kioskBody{}, out: Kiosk{}, made: true, do: (*Server).makeKiosk},

	{method: "POST", path: "/telemetry", action: auth.TelemetrySend, does: "what a device sends: one packet, or an NDJSON batch", query: []parameter{{"wait", "decoded: answer when it has been read"}}, in: anyBody(""), out: anyBody(""), door: true},
	{method: "POST", path: "/telemetry/{device}", action: auth.TelemetrySend, does: "the same, from a gateway for one of its devices", query: []parameter{{"wait", "decoded: answer when it has been read"}}, in: anyBody(""), out: anyBody(""), door: true},
	{method: "GET", path: "/live", action: auth.LiveRead, does: "the live socket (docs/formats/live.md)", kind: "websocket", do: (*Server).openLive},
	{method: "GET", path: "/openapi.json", action: public, does: "this description", out: anyBody(""), do: (*Server).openAPI},
}

// csvBody and anyBody are bodies that are not one JSON object.
type (
	csvBody string
	anyBody string
)
