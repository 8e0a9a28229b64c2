package senml

// ucum translates a SenML unit. A unit that means the same in UCUM, or is not on
// SenML's list, is returned as it is.
func ucum(unit string) string {
	if u, ok := units[unit]; ok {
		return u
	}
	return unit
}

// units are the SenML units that UCUM writes otherwise.
// Source: RFC 8428, section 12.1; RFC 8798, section 3 (secondary units).
var units = map[string]string{
	"/": "1", "count": "{count}", "%RH": "%", "%EL": "%", "EL": "s",
	"1/s": "/s", "1/min": "/min", "beat/min": "{beats}/min", "beats": "{beats}",
	"lat": "deg", "lon": "deg", "pH": "[pH]", "dBW": "dB[W]", "dBm": "dB[W]", "Bspl": "B[SPL]",
	"B": "By", "VA": "V.A", "var": "V.A{reactive}", "vars": "V.A.s{reactive}", "As": "A.s", "J/kg.K": "J/kg/K",
	"VAs": "V.A.s", "kVA": "kV.A", "kvar": "kV.A{reactive}", "varh": "V.A.h{reactive}", "kvarh": "kV.A.h{reactive}", "kVAh": "kV.A.h", "VAh": "V.A.h",
	"Ah": "A.h", "Wh": "W.h", "kWh": "kW.h", "Wh/km": "W.h/km",
	"KiB": "KiBy", "GB": "GBy", "B/s": "By/s", "MB/s": "MBy/s", "ppm": "[ppm]", "/100": "%", "/1000": "[ppth]",
}
