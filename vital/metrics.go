package vital

// Metrics is every metric that Vigil knows by name, read top to bottom.
var Metrics = []Metric{
	{Name: "heart-rate", Label: "Heart rate", LOINC: "8867-4", MDC: 147842, RefID: "MDC_ECG_HEART_RATE", Unit: "/min", Low: Whole(0), High: Whole(350), Group: "vital", Source: "IEEE 11073-10101; LOINC 2.77"},
	{Name: "spo2", Label: "Oxygen saturation", LOINC: "59408-5", MDC: 150456, RefID: "MDC_PULS_OXIM_SAT_O2", Unit: "%", Low: Whole(0), High: Whole(100), Group: "vital", Source: "IEEE 11073-10101; LOINC 2.77"},
	{Name: "resp-rate", Label: "Respiratory rate", LOINC: "9279-1", MDC: 151562, RefID: "MDC_RESP_RATE", Unit: "/min", Low: Whole(0), High: Whole(120), Group: "vital", Source: "IEEE 11073-10101; LOINC 2.77"},
	{Name: "temperature", Label: "Temperature", LOINC: "8310-5", MDC: 150344, RefID: "MDC_TEMP", Unit: "Cel", Low: Whole(20), High: Whole(45), Group: "vital", Display: []string{"[degF]"}, Source: "IEEE 11073-10101; LOINC 2.77"},
	{Name: "consciousness", Label: "Consciousness (ACVPU)", LOINC: "67775-7", Shape: Code, Codes: []string{"A", "C", "V", "P", "U"}, Group: "vital", Source: "RCP NEWS2 2017; LOINC 2.77"},
	{Name: "ecg-ii", Label: "ECG lead II", MDC: 131330, RefID: "MDC_ECG_LEAD_II", Unit: "mV", Low: Whole(-20), High: Whole(20), Shape: Wave, Group: "cardiac", Source: "IEEE 11073-10101"},
}
