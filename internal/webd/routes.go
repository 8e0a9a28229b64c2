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
	half   bool   // answers a sign-in that lacks its second step
	door   bool   // served by the door for devices, which asks the gate itself
	device bool   // answered at the devices' own address too
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
	{method: "GET", path: "/session/methods", action: public, does: "how one can sign in here", out: SignInMethods{}, do: (*Server).signInMethods},
	{method: "POST", path: "/session", action: public, does: "sign in by a password, the first of two steps", in: signIn{}, out: Me{}, do: (*Server).openSession},
	{method: "POST", path: "/session/link", action: public, does: "sign in by a one-time link or the link of a wall screen", in: linkUse{}, out: Me{}, do: (*Server).openSessionByLink},
	{method: "POST", path: "/session/code", action: auth.SessionOwn, half: true, does: "the second step: a code, which works once", in: codeBody{}, out: Me{}, do: (*Server).openSessionByCode},
	{method: "POST", path: "/session/passkey/begin", action: public, does: "begin to sign in by a passkey", in: nothingBody{}, out: Ceremony{}, do: (*Server).beginPasskey},
	{method: "POST", path: "/session/passkey/finish", action: public, does: "sign in by a passkey", in: ceremonyBody{}, out: Me{}, do: (*Server).finishPasskey},
	{method: "POST", path: "/session/step/begin", action: auth.SessionOwn, does: "begin to show once more who I am", in: nothingBody{}, out: StepUp{}, do: (*Server).beginStep},
	{method: "POST", path: "/session/step/finish", action: auth.SessionOwn, does: "show once more who I am, by a passkey or a code", in: stepBody{}, out: Me{}, do: (*Server).finishStep},
	{method: "GET", path: "/session/sso/{name}", action: public, does: "go to the hospital's sign-on", query: []parameter{{"to", "the page to come back to"}, {"step", "1: to show once more who I am"}}, kind: "redirect", do: (*Server).leaveForSignOn},
	{method: "GET", path: "/session/sso/{name}/callback", action: public, does: "come back from the hospital's sign-on", query: []parameter{{"state", "of this sign-in"}, {"code", "of the sign-on"}, {"iss", "of the sign-on"}, {"error", "of the sign-on"}}, kind: "redirect", do: (*Server).arriveFromSignOn},
	{method: "DELETE", path: "/session", action: auth.SessionOwn, half: true, does: "sign out", do: (*Server).closeSession},
	{method: "GET", path: "/me", action: auth.SessionOwn, half: true, does: "who am I", out: Me{}, do: (*Server).me},
	{method: "PUT", path: "/me/preferences", action: auth.SessionOwn, half: true, does: "language, theme, units, privacy", in: Preferences{}, out: Preferences{}, do: (*Server).setPreferences},
	{method: "POST", path: "/me/password", action: auth.SessionOwn, half: true, does: "choose a password", in: passwordChange{}, do: (*Server).setPassword},
	{method: "GET", path: "/me/passkeys", action: auth.SessionOwn, half: true, does: "my passkeys", out: List[Passkey]{}, do: (*Server).passkeys},
	{method: "POST", path: "/me/passkeys/begin", action: auth.SessionOwn, half: true, does: "begin to make a passkey", in: nothingBody{}, out: Ceremony{}, do: (*Server).beginEnrol},
	{method: "POST", path: "/me/passkeys/finish", action: auth.SessionOwn, half: true, does: "keep the passkey that was made", in: enrolBody{}, out: PasskeyMade{}, made: true, do: (*Server).finishEnrol},
	{method: "PUT", path: "/me/passkeys/{passkey}", action: auth.SessionOwn, does: "name a passkey", in: nameBody{}, out: Passkey{}, do: (*Server).namePasskey},
	{method: "DELETE", path: "/me/passkeys/{passkey}", action: auth.SessionOwn, does: "forget a passkey", do: (*Server).removePasskey},
	{method: "GET", path: "/me/code", action: auth.SessionOwn, half: true, does: "whether I have an app that makes codes", out: CodeState{}, do: (*Server).code},
	{method: "POST", path: "/me/code", action: auth.SessionOwn, half: true, does: "the secret for such an app, shown once", in: nothingBody{}, out: CodeSecret{}, made: true, do: (*Server).beginCode},
	{method: "POST", path: "/me/code/confirm", action: auth.SessionOwn, half: true, does: "put the app in force by its first code", in: codeBody{}, out: Me{}, do: (*Server).confirmCode},
	{method: "DELETE", path: "/me/code", action: auth.SessionOwn, does: "forget the app", do: (*Server).removeCode},
	{method: "GET", path: "/me/sessions", action: auth.SessionOwn, does: "where I am signed in", out: List[Session]{}, do: (*Server).ownSessions},
	{method: "DELETE", path: "/me/sessions", action: auth.SessionOwn, does: "sign out everywhere but here", do: (*Server).endOtherSessions},
	{method: "DELETE", path: "/me/sessions/{session}", action: auth.SessionOwn, does: "sign out there", do: (*Server).endOwnSession},
	{method: "GET", path: "/me/notices", action: auth.SessionOwn, does: "what happened to my account", out: List[AccountNotice]{}, do: (*Server).notices},
	{method: "POST", path: "/me/notices/seen", action: auth.SessionOwn, does: "I have seen it", in: nothingBody{}, do: (*Server).seenNotices},
	{method: "DELETE", path: "/me/link", action: auth.SessionOwn, does: "end a one-time link that I did not ask for", do: (*Server).voidLinks},

	{method: "GET", path: "/metrics-table", action: auth.MetricsRead, does: "every metric and the units it may be shown in", out: List[MetricRow]{}, do: (*Server).metricsTable},
	{method: "GET", path: "/wards", action: auth.WardList, does: "the wards", out: List[Ward]{}, do: (*Server).wards},
	{method: "POST", path: "/wards", action: auth.WardWrite, does: "make a ward", in: wardBody{}, out: Ward{}, made: true, do: (*Server).makeWard},
	{method: "GET", path: "/wards/{ward}", action: auth.WardRead, does: "a ward with its beds, patients and latest values", out: WardView{}, view: true, do: (*Server).ward},
	{method: "GET", path: "/wards/{ward}/downtime.html", action: auth.PatientObserve, does: "the downtime sheet of a ward, to print: for who goes on by hand", kind: "text/html", view: true, do: (*Server).downtime},
	{method: "GET", path: "/wards/{ward}/gaps", action: auth.WardRead, does: "the same for every patient who lay in the ward", query: fromTo, out: WardGaps{}, view: true, do: (*Server).wardGaps},
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
	{method: "GET", path: "/patients/{patient}/record.zip", action: auth.PatientExport, does: "everything that is kept of a patient, as files (docs/formats/record.md)", kind: "application/zip", do: (*Server).record},
	{method: "DELETE", path: "/patients/{patient}/record", action: auth.RecordForget, does: "forget a patient for good, confirmed by two identifiers: rows and keys, in the journal and in every backup", in: forgetBody{}, out: Forgotten{}, do: (*Server).forgetPatient},
	{method: "GET", path: "/patients/{patient}/waveforms", action: auth.PatientRead, does: "a waveform, at most 5 minutes a call", query: append([]parameter{{"metric", "one name"}}, fromTo...), out: WaveView{}, view: true, do: (*Server).waveforms},
	{method: "GET", path: "/patients/{patient}/waveform-metrics", action: auth.PatientRead, does: "which waveforms there are", out: List[string]{}, view: true, do: (*Server).waveformMetrics},
	{method: "GET", path: "/patients/{patient}/events", action: auth.PatientRead, does: "what happened: beats, rhythms, leads", query: fromTo, out: List[Event]{}, view: true, do: (*Server).events},
	{method: "GET", path: "/patients/{patient}/timeline", action: auth.PatientRead, does: "everything that is not a number", query: fromTo, out: List[TimelineItem]{}, view: true, do: (*Server).timeline},
	{method: "GET", path: "/patients/{patient}/gaps", action: auth.PatientRead, does: "what was expected of each stream: got, late or missing, since when and why", query: fromTo, out: GapLedger{}, view: true, do: (*Server).gaps},
	{method: "GET", path: "/patients/{patient}/observations", action: auth.PatientRead, does: "bed rounds", query: fromTo, out: List[Observation]{}, view: true, do: (*Server).observations},
	{method: "POST", path: "/patients/{patient}/observations", action: auth.PatientObserve, does: "enter a bed round", in: observationBody{}, out: Observation{}, made: true, do: (*Server).observe},
	{method: "GET", path: "/patients/{patient}/annotations", action: auth.PatientRead, does: "remarks on the timeline", query: fromTo, out: List[Annotation]{}, view: true, do: (*Server).annotations},
	{method: "POST", path: "/patients/{patient}/annotations", action: auth.PatientObserve, does: "write a remark", in: annotationBody{}, out: Annotation{}, made: true, do: (*Server).annotate},
	{method: "POST", path: "/patients/{patient}/standby", action: auth.PatientStandby, does: "expect no data for a while", in: standbyBody{}, out: Standby{}, made: true, do: (*Server).setStandby},
	{method: "DELETE", path: "/patients/{patient}/standby", action: auth.PatientStandby, does: "expect data again", do: (*Server).endStandby},
	{method: "PUT", path: "/patients/{patient}/plan", action: auth.PatientPlan, does: "what is expected of each stream", in: planBody{}, out: List[PlanItem]{}, do: (*Server).setPlan},

	{method: "POST", path: "/patients/{patient}/alarms/pause", action: auth.AlarmAct, does: "no sound of any open alarm of a patient for some minutes", in: alarmBody{}, out: List[Alarm]{}, do: (*Server).pausePatient},
	{method: "POST", path: "/patients/{patient}/alarms/resume", action: auth.AlarmAct, does: "sound again", in: alarmBody{}, out: List[Alarm]{}, do: (*Server).resumePatient},
	{method: "GET", path: "/patients/{patient}/alarms/off", action: auth.AlarmRead, does: "what raises nothing for a patient, by whom, why and until when", out: List[Off]{}, view: true, do: (*Server).switchedOff},
	{method: "POST", path: "/patients/{patient}/alarms/on", action: auth.AlarmAct, does: "a condition that was switched off raises alarms again", in: conditionBody{}, out: List[Off]{}, do: (*Server).switchOn},
	{method: "GET", path: "/patients/{patient}/limits", action: auth.LimitRead, does: "the limits that hold, beside the defaults", out: List[EffectiveLimit]{}, view: true, do: (*Server).limits},
	{method: "PUT", path: "/patients/{patient}/limits", action: auth.LimitWrite, does: "a limit of the patient's own, with a reason", in: limitBody{}, out: List[EffectiveLimit]{}, do: (*Server).setLimit},
	{method: "DELETE", path: "/patients/{patient}/limits/{metric}", action: auth.LimitWrite, does: "the default holds again", in: whyBody{}, out: List[EffectiveLimit]{}, do: (*Server).endLimit},
	{method: "POST", path: "/patients/{patient}/limits/{metric}/review", action: auth.LimitReview, does: "confirm a limit of the patient's own as it is, at the beginning of a shift", in: reviewBody{}, do: (*Server).reviewLimit},
	{method: "GET", path: "/wards/{ward}/limits/review", action: auth.LimitRead, does: "limits that were set before the shift, and who confirmed them", out: List[LimitReview]{}, view: true, do: (*Server).limitsToReview},
	{method: "GET", path: "/patients/{patient}/limits/history", action: auth.LimitRead, does: "every limit that the patient had, newest first", out: List[PastLimit]{}, view: true, do: (*Server).limitHistory},
	{method: "GET", path: "/patients/{patient}/care", action: auth.PatientRead, does: "what judging must know of a patient", out: Care{}, view: true, do: (*Server).care},
	{method: "PUT", path: "/patients/{patient}/care", action: auth.LimitWrite, does: "say which SpO2 scale holds and which conditions the patient has", in: careBody{}, out: Care{}, do: (*Server).setCare},
	{method: "GET", path: "/patients/{patient}/baseline", action: auth.PatientRead, does: "what is usual for the person at this time of day, and how far the hour in progress is from it", out: List[Baseline]{}, view: true, do: (*Server).baseline},
	{method: "GET", path: "/patients/{patient}/scores", action: auth.PatientRead, does: "early warning scores with what they rest on", out: List[Score]{}, view: true, do: (*Server).scores},

	{method: "GET", path: "/alarms", action: auth.AlarmRead, does: "alarms: open ones, the most urgent first; others, the newest first", query: alarmQuery, out: List[Alarm]{}, do: (*Server).alarms},
	{method: "GET", path: "/alarms/{alarm}", action: auth.AlarmRead, does: "an alarm with what happened to it and whom it was told", out: AlarmView{}, do: (*Server).alarm},
	{method: "POST", path: "/alarms/{alarm}/{verb}", action: auth.AlarmAct, does: "acknowledge, accept, decline, hand-over, pause, resume, snooze, off, on, escalate", in: alarmBody{}, out: Alarm{}, do: (*Server).actOnAlarm},
	{method: "GET", path: "/alarms/{alarm}/trace", action: auth.TraceRead, does: "the signed black box of an alarm", out: SignedTrace{}, do: (*Server).trace},
	{method: "GET", path: "/rules", action: auth.RuleRead, does: "the rules in force", out: RuleSet{}, do: (*Server).rules},
	{method: "PUT", path: "/rules", action: auth.RuleWrite, does: "put other rules in force", in: putRulesBody{}, out: RuleSet{}, do: (*Server).putRules},
	{method: "POST", path: "/rules/check", action: auth.RuleRead, does: "load rules and run their tests; nothing is kept", in: rulesBody{}, out: RuleCheck{}, do: (*Server).checkRules},
	{method: "GET", path: "/rules/versions", action: auth.RuleRead, does: "which rules were in force when, newest first", out: List[RuleVersion]{}, do: (*Server).ruleVersions},
	{method: "GET", path: "/rules/versions/{version}", action: auth.RuleRead, does: "the text of rules that are or were in force", out: RuleSet{}, do: (*Server).ruleVersion},

	{method: "POST", path: "/wards/{ward}/replay", action: auth.ReplayRun, does: "what other limits or rules would have alarmed, of everybody in the ward now", in: replayBody{}, out: Replay{}, do: (*Server).replayWard},
	{method: "POST", path: "/patients/{patient}/replay", action: auth.ReplayRun, does: "what other limits or rules would have alarmed", in: replayBody{}, out: Replay{}, do: (*Server).replayPatient},
	{method: "GET", path: "/wards/{ward}/burden", action: auth.BurdenRead, does: "how many alarms, of what, and how they were met", query: fromTo, out: Burden{}, do: (*Server).burden},

	{method: "GET", path: "/wards/{ward}/cover", action: auth.DutyRead, does: "who takes care of which bed, and who comes after them", query: []parameter{{"at", "at that time; now when left out"}}, out: Cover{}, do: (*Server).cover},
	{method: "GET", path: "/wards/{ward}/staff", action: auth.DutyRead, does: "who may be given a bed of the ward", out: List[Staff]{}, do: (*Server).wardStaff},
	{method: "PUT", path: "/wards/{ward}/assignments", action: auth.DutyWrite, does: "assign the beds of a shift; what was assigned before holds until now", in: assignmentsBody{}, out: Cover{}, do: (*Server).assign},
	{method: "GET", path: "/wards/{ward}/chain", action: auth.DutyRead, does: "who is told when nobody answers", out: Chain{}, do: (*Server).chain},
	{method: "PUT", path: "/wards/{ward}/chain", action: auth.DutyWrite, does: "say who is told when nobody answers, and which team comes", in: chainBody{}, out: Chain{}, do: (*Server).setChain},
	{method: "GET", path: "/chain", action: auth.DutyRead, does: "who is told of what belongs to no ward, and after every ward's supervisor", out: Chain{}, do: (*Server).chain},
	{method: "PUT", path: "/chain", action: auth.DutyWrite, does: "say who that is", in: chainBody{}, out: Chain{}, do: (*Server).setChain},
	{method: "POST", path: "/stations", action: auth.LiveRead, does: "a screen says that it is open and whether it can sound", in: stationBody{}, out: Station{}, do: (*Server).station},
	{method: "GET", path: "/stations", action: auth.LiveRead, does: "the screens of the last day", query: []parameter{{"ward", "only those that show this ward"}}, out: List[Station]{}, do: (*Server).stations},
	{method: "GET", path: "/me/channels", action: auth.SessionOwn, does: "how I can be reached", out: Channels{}, do: (*Server).channels},
	{method: "PUT", path: "/me/channels", action: auth.SessionOwn, does: "say how I can be reached, in order", in: channelsBody{}, out: Channels{}, do: (*Server).setChannels},
	{method: "POST", path: "/me/channels/{channel}/test", action: auth.SessionOwn, does: "send me a test page", in: nothingBody{}, out: OwnDelivery{}, do: (*Server).testChannel},
	{method: "GET", path: "/me/deliveries", action: auth.SessionOwn, does: "what was sent to me, and how far it came", query: []parameter{{"since", "only those since; a day when left out"}, {"limit", "at most, 100"}}, out: List[OwnDelivery]{}, do: (*Server).ownDeliveries},
	{method: "POST", path: "/deliveries/{delivery}/seen", action: auth.SessionOwn, does: "I have seen this message", in: nothingBody{}, out: OwnDelivery{}, do: (*Server).seenDelivery},
	{method: "POST", path: "/deliveries/seen", action: public, does: "who holds the link of a message has seen it; a link works once", in: seenBody{}, out: SeenAlarm{}, do: (*Server).seenByLink},
	{method: "GET", path: "/patients/{patient}/contact", action: auth.PatientRead, does: "whom to call for a patient, and where the patient lives", out: Contact{}, view: true, do: (*Server).contact},
	{method: "PUT", path: "/patients/{patient}/contact", action: auth.PatientWrite, does: "say whom to call", in: Contact{}, out: Contact{}, do: (*Server).setContact},
	{method: "POST", path: "/alarms/{alarm}/emergency", action: auth.AlarmAct, does: "call the emergency contact or the team, with who, where and what", in: emergencyBody{}, out: Emergency{}, do: (*Server).callEmergency},

	{method: "GET", path: "/patients/{patient}/relations", action: auth.RelationRead, does: "who is of the care team, and who follows the patient", out: List[Relation]{}, view: true, do: (*Server).relations},
	{method: "GET", path: "/patients/{patient}/relations/people", action: auth.RelationRead, does: "who may be chosen", query: []parameter{{"kind", "care-team or family"}}, out: List[Person]{}, do: (*Server).relationPeople},
	{method: "POST", path: "/patients/{patient}/relations", action: auth.RelationWrite, does: "say who is of the care team or follows the patient", in: relationBody{}, out: Relation{}, made: true, do: (*Server).relate},
	{method: "DELETE", path: "/patients/{patient}/relations/{relation}", action: auth.RelationWrite, does: "end it", in: whyBody{}, do: (*Server).endRelation},
	{method: "GET", path: "/patients/{patient}/consents", action: auth.ConsentRead, does: "what the patient permits and refuses", out: Consents{}, view: true, do: (*Server).consents},
	{method: "GET", path: "/patients/{patient}/consents/history", action: auth.ConsentRead, does: "everything the patient ever said, newest first", out: List[Consent]{}, view: true, do: (*Server).consentHistory},
	{method: "PUT", path: "/patients/{patient}/consents", action: auth.ConsentWrite, does: "permit or refuse; holds at once, live screens included", in: consentBody{}, out: Consents{}, do: (*Server).setConsent},
	{method: "DELETE", path: "/patients/{patient}/consents/{consent}", action: auth.ConsentWrite, does: "revoke what was said", in: whyBody{}, out: Consents{}, do: (*Server).revokeConsent},
	{method: "GET", path: "/patients/{patient}/looked", action: auth.LookedRead, does: "who looked at the patient's data, in plain words", query: []parameter{{"before", "only earlier"}, {"limit", "at most, 200"}}, out: List[Look]{}, view: true, do: (*Server).looked},
	{method: "GET", path: "/me/patient", action: auth.SessionOwn, does: "the own record of somebody who is a patient", out: OwnPatient{}, do: (*Server).ownPatient},
	{method: "POST", path: "/break-glass/find", action: auth.GlassOpen, does: "find a patient of any ward by two identifiers, in an emergency", in: findBody{}, out: List[Found]{}, do: (*Server).findForGlass},
	{method: "POST", path: "/patients/{patient}/break-glass", action: auth.GlassOpen, does: "see a patient in an emergency whom one may not see otherwise: for a time, loudly, reviewed", in: glassBody{}, out: Glass{}, made: true, do: (*Server).breakGlass},
	{method: "GET", path: "/patients/{patient}/break-glass", action: auth.GlassOpen, does: "the own emergency look that is open", out: List[Glass]{}, do: (*Server).ownGlass},
	{method: "DELETE", path: "/patients/{patient}/break-glass", action: auth.GlassOpen, does: "end it", do: (*Server).endGlass},
	{method: "GET", path: "/break-glass", action: auth.GlassRead, does: "emergency looks, to be reviewed", query: []parameter{{"state", "open, waiting, reviewed or all; waiting when left out"}}, out: List[Glass]{}, view: true, do: (*Server).glasses},
	{method: "POST", path: "/break-glass/{glass}/review", action: auth.GlassReview, does: "say whether it was right", in: verdictBody{}, out: Glass{}, do: (*Server).reviewGlass},
	{method: "GET", path: "/anomalies", action: auth.AnomalyRead, does: "who looked at more patients than a person cares for", out: List[Anomaly]{}, do: (*Server).anomalies},
	{method: "POST", path: "/anomalies/{anomaly}/seen", action: auth.AnomalyReview, does: "say what was behind it", in: seenAnomaly{}, out: Anomaly{}, do: (*Server).sawAnomaly},
	{method: "GET", path: "/anomalies/policy", action: auth.AnomalyRead, does: "how much looking is too much", out: Browsing{}, do: (*Server).browsingPolicy},
	{method: "PUT", path: "/anomalies/policy", action: auth.AnomalyWrite, does: "say how much is too much", in: Browsing{}, out: Browsing{}, do: (*Server).setBrowsingPolicy},

	{method: "GET", path: "/devices", action: auth.DeviceList, does: "find devices", query: []parameter{search}, out: List[Device]{}, do: (*Server).devices},
	{method: "POST", path: "/devices", action: auth.DeviceWrite, does: "enrol a device; the password is shown once", in: newDevice{}, out: Enrolled{}, made: true, do: (*Server).makeDevice},
	{method: "POST", path: "/devices/import", action: auth.DeviceWrite, does: "enrol many from CSV: id,label,kind,model,udi", in: csvBody(""), out: Imported{}, do: (*Server).importDevices},
	{method: "GET", path: "/devices/{device}", action: auth.DeviceRead, does: "a device", out: Device{}, do: (*Server).device},
	{method: "PUT", path: "/devices/{device}", action: auth.DeviceWrite, does: "change what is known of a device", in: deviceBody{}, out: Device{}, do: (*Server).changeDevice},
	{method: "POST", path: "/devices/{device}/credential", action: auth.DeviceWrite, does: "a new password; the old one ends", out: Credential{}, made: true, do: (*Server).renewCredential},
	{method: "POST", path: "/devices/{device}/state", action: auth.DeviceWrite, does: "active, quarantined or retired", in: stateBody{}, out: Device{}, do: (*Server).setDeviceState},
	{method: "POST", path: "/devices/{device}/enrolment", action: auth.DeviceWrite, does: "a one-time secret by which the device gets a certificate; shown once", in: enrolmentBody{}, out: Enrolment{}, made: true, do: (*Server).makeEnrolment},
	{method: "GET", path: "/devices/{device}/certificates", action: auth.DeviceRead, does: "the certificates of a device, newest first", out: List[Certificate]{}, do: (*Server).deviceCertificates},
	{method: "DELETE", path: "/devices/{device}/certificates/{serial}", action: auth.DeviceWrite, does: "end a certificate and what is connected with it", in: whyBody{}, do: (*Server).revokeCertificate},
	{method: "GET", path: "/certificates", action: auth.SystemRead, does: "the certificates that count, the one that ends first before the others", out: List[Certificate]{}, do: (*Server).certificates},
	{method: "GET", path: "/certificates/ca.pem", action: public, does: "the certificate to trust", kind: "application/x-pem-file", device: true, do: (*Server).authorityFile},
	{method: "POST", path: "/devices/{device}/bind", action: auth.DeviceBind, does: "bind to a patient, confirmed by two identifiers, or to a room", in: bindBody{}, out: Binding{}, made: true, do: (*Server).bindDevice},
	{method: "POST", path: "/devices/{device}/unbind", action: auth.DeviceBind, does: "end the binding", in: endBody{}, out: Binding{}, do: (*Server).unbindDevice},
	{method: "POST", path: "/devices/{device}/reassign", action: auth.DeviceReassign, does: "these hours belong to another patient", in: reassignBody{}, do: (*Server).reassignDevice},
	{method: "GET", path: "/devices/{device}/bindings", action: auth.DeviceRead, does: "whom it measured and where it stood, newest first", out: List[Binding]{}, view: true, do: (*Server).deviceBindings},
	{method: "GET", path: "/devices/{device}/packets", action: auth.DeviceRead, does: "what it sent and what became of it", query: []parameter{{"before", "only those received before"}, {"limit", "at most, 100"}}, out: List[Packet]{}, view: true, do: (*Server).devicePackets},
	{method: "GET", path: "/devices/{device}/qr.svg", action: auth.DeviceRead, does: "a code to put on the device: the address of its page", kind: "image/svg+xml", do: (*Server).deviceCode},
	{method: "GET", path: "/devices/{device}/readings", action: auth.DeviceReadings, does: "everything stored, as NDJSON", query: fromTo, kind: "application/x-ndjson", view: true, do: (*Server).deviceReadings},
	{method: "GET", path: "/problems", action: auth.ProblemRead, does: "what could not be read, and why", query: []parameter{{"since", "only those received since; a day when left out"}, {"limit", "at most, 200"}}, out: List[Packet]{}, view: true, do: (*Server).problems},

	{method: "GET", path: "/system", action: auth.SystemRead, does: "how the machine does", out: SystemState{}, do: (*Server).systemState},
	{method: "GET", path: "/backups", action: auth.BackupRead, does: "which backups there are, and how the last one went", out: BackupState{}, do: (*Server).backupState},
	{method: "POST", path: "/backups", action: auth.BackupMake, does: "make a backup now", in: nothingBody{}, out: BackupState{}, do: (*Server).makeBackup},
	{method: "GET", path: "/keys", action: auth.KeyRead, does: "how the keys do; never a key", out: KeyState{}, do: (*Server).keyState},
	{method: "POST", path: "/keys/rotation", action: auth.KeyRotate, does: "wrap all keys by a new root key, or give the site or a patient a new key for what comes", in: rotationBody{}, out: Rotated{}, do: (*Server).rotateKey},
	{method: "GET", path: "/watchdog", action: auth.WatchdogRead, does: "whether the platform does its work, for a sentinel", out: Watchdog{}, do: (*Server).watchdog},
	{method: "POST", path: "/sentinels", action: auth.TokenWrite, does: "enrol a sentinel; its secrets are shown once", in: newSentinel{}, out: SentinelMade{}, made: true, do: (*Server).makeSentinel},
	{method: "GET", path: "/audit", action: auth.AuditRead, does: "who did what to whose data, newest first", query: append([]parameter{{"before", "what next said"}, {"limit", "at most, 200"}}, auditQuery...), out: AuditPage{}, view: true, do: (*Server).audit},
	{method: "GET", path: "/audit/counts", action: auth.AuditRead, does: "how many entries match, by one of their fields", query: append([]parameter{{"by", "who, action, outcome, patient, role, purpose or day"}}, auditQuery...), out: List[AuditCount]{}, view: true, do: (*Server).auditCounts},
	{method: "GET", path: "/audit.ndjson", action: auth.AuditExport, does: "the entries as FHIR R4 AuditEvents, oldest first", query: auditQuery, kind: "application/x-ndjson", do: (*Server).auditEvents},
	{method: "GET", path: "/ledger", action: auth.AuditRead, does: "how long the ledger is, its last checkpoint, witness and verification", out: LedgerState{}, do: (*Server).ledgerState},
	{method: "GET", path: "/ledger/checkpoint", action: auth.AuditRead, does: "the newest signed checkpoint, to keep somewhere else", kind: "text/plain", do: (*Server).ledgerCheckpoint},
	{method: "POST", path: "/ledger/verify", action: auth.AuditRead, does: "verify the ledger now", in: nothingBody{}, out: LedgerState{}, do: (*Server).verifyLedger},
	{method: "GET", path: "/users", action: auth.UserRead, does: "who may sign in", out: List[User]{}, do: (*Server).users},
	{method: "POST", path: "/users", action: auth.UserWrite, does: "make a user; the one-time link is shown once", in: userBody{}, out: Invited{}, made: true, do: (*Server).makeUser},
	{method: "PUT", path: "/users/{user}", action: auth.UserWrite, does: "change a user; ends its sessions", in: userBody{}, out: User{}, do: (*Server).changeUser},
	{method: "POST", path: "/users/{user}/link", action: auth.UserWrite, does: "a new one-time link, for who forgot the password", out: LinkMade{}, made: true, do: (*Server).makeLink},
	{method: "GET", path: "/users/{user}/sessions", action: auth.UserRead, does: "where a user is signed in", out: List[Session]{}, do: (*Server).userSessions},
	{method: "DELETE", path: "/users/{user}/sessions", action: auth.UserWrite, does: "sign a user out everywhere", do: (*Server).endUserSessions},
	{method: "DELETE", path: "/users/{user}/sessions/{session}", action: auth.UserWrite, does: "sign a user out there", do: (*Server).endUserSession},
	{method: "GET", path: "/users/{user}/identities", action: auth.UserRead, does: "what the hospital's sign-on calls a user", out: List[Identity]{}, do: (*Server).identities},
	{method: "POST", path: "/users/{user}/identities", action: auth.UserWrite, does: "say what the hospital's sign-on calls a user", in: identityBody{}, out: Identity{}, made: true, do: (*Server).addIdentity},
	{method: "DELETE", path: "/users/{user}/identities/{identity}", action: auth.UserWrite, does: "it is somebody else; ends the user's sessions", do: (*Server).removeIdentity},
	{method: "GET", path: "/tokens", action: auth.TokenRead, does: "programs and wall screens that may read", out: List[Token]{}, do: (*Server).tokens},
	{method: "POST", path: "/tokens", action: auth.TokenWrite, does: "make a token; the secret is shown once", in: tokenBody{}, out: Token{}, made: true, do: (*Server).makeToken},
	{method: "DELETE", path: "/tokens/{token}", action: auth.TokenWrite, does: "revoke a token", do: (*Server).revokeToken},
	{method: "GET", path: "/clients", action: auth.TokenRead, does: "programs that were let in over OAuth", out: List[Program]{}, do: (*Server).clients},
	{method: "POST", path: "/clients", action: auth.TokenWrite, does: "let a program in; a secret is shown once", in: programBody{}, out: Program{}, made: true, do: (*Server).makeClient},
	{method: "DELETE", path: "/clients/{client}", action: auth.TokenWrite, does: "end a program and all that it was granted", do: (*Server).endClient},
	{method: "GET", path: "/programs", action: auth.SessionOwn, does: "programs that can be opened from a patient's page", out: List[Launchable]{}, do: (*Server).launchable},
	{method: "POST", path: "/patients/{patient}/launch", action: auth.PatientRead, does: "open a program for a patient; it asks the person first", in: launchBody{}, out: Launched{}, do: (*Server).launch},
	{method: "GET", path: "/let-in/{request}", action: auth.SessionOwn, does: "what a program asks of me", out: Wish{}, do: (*Server).wish},
	{method: "POST", path: "/let-in/{request}", action: auth.SessionOwn, does: "say what it may see; no scopes: no", in: wishAnswer{}, out: Answered{}, do: (*Server).answerWish},
	{method: "GET", path: "/me/programs", action: auth.SessionOwn, does: "programs that see through my eyes", out: List[OwnProgram]{}, do: (*Server).ownPrograms},
	{method: "DELETE", path: "/me/programs/{grant}", action: auth.SessionOwn, does: "take that back", do: (*Server).endOwnProgram},
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
