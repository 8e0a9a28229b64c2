package report

import (
	"strings"

	"github.com/vigilcare/vigil/internal/words"
)

// german are the words of the sheet in German. A sheet is read by everybody on a
// ward, so it speaks the language of the house and not of one person.
var german = map[string]string{
	"Downtime sheet": "Ausfallblatt", "beds": "Betten", "with a patient": "belegt", "Shift": "Schicht", "to": "bis", "Made": "Erstellt",
	"Valid until": "Gültig bis", "These are the values of": "Das sind die Werte von", "After": "Nach",
	"measure and write by hand. Nothing on this paper watches anybody. Times are of the ward's clock.": "von Hand messen und aufschreiben. Nichts auf diesem Papier überwacht jemanden. Die Zeiten sind die der Station.",
	"Free bed": "Freies Bett", "bed": "Bett", "of": "von", "Covered by": "Betreut von", "nobody is assigned": "niemand ist zugeteilt", "backup": "Vertretung",
	"DEMO: made up": "DEMO: erfunden", "Born": "Geboren", "not known": "nicht bekannt", "no record number": "keine Fallnummer", "admitted": "aufgenommen",
	"since": "seit", "last data": "letzte Daten", "Devices": "Geräte", "none bound": "keine verbunden", "Standby": "Standby", "until": "bis",
	"somebody ends it": "jemand es beendet", "by": "durch", "Flags": "Hinweise", "Vital sign, unit": "Vitalzeichen, Einheit", "Last value, when": "Letzter Wert, wann",
	"at": "um", "doubted": "angezweifelt", "none": "keine", "Nothing was measured in the last 24 hours.": "In den letzten 24 Stunden wurde nichts gemessen.",
	"Open alarms": "Offene Alarme", "data missing": "Daten fehlen", "over": "vorbei", "Limits in force": "Geltende Grenzen", "own": "eigene", "no end": "ohne Ende",
	"not complete": "nicht vollständig", "at least": "mindestens", "missing": "fehlt", "point": "Punkt", "points": "Punkte", "old": "alt", "not computed": "nicht berechnet",
	"This ward has no beds.": "Diese Station hat keine Betten.",
	"Columns are two hours each, from the time above them; the one with * was in progress. Bold: median. Below: lowest to highest. A dash: nothing came. Doubted values are left out of the columns.": "Jede Spalte sind zwei Stunden ab der Zeit darüber; die mit * lief noch. Fett: Median. Darunter: tiefster bis höchster Wert. Ein Strich: Es kam nichts. Angezweifelte Werte sind in den Spalten weggelassen.",
	"Watched": "Überwacht", "Watched in part": "Teilweise überwacht", "NOT WATCHED": "NICHT ÜBERWACHT", "On standby": "Im Standby",
	"Nothing is expected: not watched": "Nichts wird erwartet: nicht überwacht",
	"technical":                        "technisch", "patient": "Patient", "high": "hoch", "medium": "mittel", "low": "tief",
	"seen": "gesehen", "sound paused": "Ton angehalten", "snoozed": "zurückgestellt", "switched off": "ausgeschaltet", "nobody has seen it": "niemand hat ihn gesehen",
	"from": "ab", "up to": "bis", "no limit": "keine Grenze", "min before": "min vorher", "h before": "h vorher",
	"female": "weiblich", "male": "männlich", "other": "anders", "unknown": "nicht bekannt",
	"late": "verspätet", "questionable": "fraglich", "bad": "schlecht", "estimated": "geschätzt", "motion": "Bewegung", "sensor-off": "Sensor ab", "implausible": "unplausibel",
	"calibrating": "wird kalibriert", "test": "Test", "demo": "Demo", "early": "zu früh", "clock-suspect": "Uhr fraglich",
	"aggregate": "Summe", "red": "rot", "Low": "tief", "Medium": "mittel", "High": "hoch", "Low-medium": "tief bis mittel",
	"Respiratory rate": "Atemfrequenz", "Oxygen saturation": "Sauerstoffsättigung", "Air or oxygen": "Luft oder Sauerstoff", "Systolic blood pressure": "Systolischer Blutdruck",
	"Pulse": "Puls", "Respiration rate": "Atemfrequenz", "Oxygen": "Sauerstoff", "Consciousness": "Bewusstsein", "Temperature": "Temperatur",
}

// shortsGerman are the names in which the columns of a German chart are headed,
// where they differ from those of everywhere else.
var shortsGerman = map[string]string{
	"bp-systolic": "BD systolisch (Manschette)", "bp-diastolic": "BD diastolisch (Manschette)", "bp-mean": "BD mittel (Manschette)",
	"abp-systolic": "ABD systolisch", "abp-diastolic": "ABD diastolisch", "abp-mean": "ABD mittel", "temperature": "Temperatur", "consciousness": "ACVPU",
}

var calendar = strings.NewReplacer(
	"Mon ", "Mo ", "Tue ", "Di ", "Wed ", "Mi ", "Thu ", "Do ", "Fri ", "Fr ", "Sat ", "Sa ", "Sun ", "So ",
	"Mar ", "März ", "May ", "Mai ", "Oct ", "Okt ", "Dec ", "Dez ",
)

// say is a word of the sheet in its language; what it has no other word for stays.
func say(language, word string) string {
	if language == words.German {
		if own := german[word]; own != "" {
			return own
		}
	}
	return word
}
