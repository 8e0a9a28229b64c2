package watch

// DefaultPlan is what is expected of a patient who wears a device of that kind
// and for whom nobody has said otherwise. A bedside monitor sends its numerics
// every second or two; ten seconds without one is already not normal. A glucose
// sensor gives a value every five minutes.
func DefaultPlan(deviceKind string) []Plan {
	switch deviceKind {
	case "monitor":
		return []Plan{
			{Metric: "heart-rate", Kind: Continuous, Every: 10_000},
			{Metric: "spo2", Kind: Continuous, Every: 10_000},
			{Metric: "resp-rate", Kind: Continuous, Every: 10_000},
		}
	case "ecg":
		return []Plan{{Metric: "ecg-ii", Kind: Continuous, Every: 10_000}}
	case "oximeter":
		return []Plan{{Metric: "spo2", Kind: Continuous, Every: 10_000}}
	case "glucose-sensor":
		return []Plan{{Metric: "glucose", Kind: Continuous, Every: 330_000}}
	}
	return nil
}
