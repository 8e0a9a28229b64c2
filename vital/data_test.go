package vital_test

import (
	"testing"

	"github.com/vigilcare/vigil/vital"
)

// Every metric is of a kind that a person can decide on.
func TestEveryMetricIsOfAKindOfData(t *testing.T) {
	if len(vital.AllData) != 11 || vital.DataSetOf(vital.AllData...) != vital.EveryData {
		t.Errorf("%d kinds make %b, want %b", len(vital.AllData), vital.DataSetOf(vital.AllData...), vital.EveryData)
	}
	seen := vital.DataSet(0)
	for _, m := range vital.Metrics {
		d := vital.DataSetOf(vital.DataOf(m.Name))
		if d == 0 {
			t.Errorf("%s is of no kind", m.Name)
		}
		seen |= d
	}
	if without := seen &^ vital.DataSetOf(vital.DataVitals, vital.DataWaveforms, vital.DataActivity, vital.DataSleep, vital.DataGlucose, vital.DataMedication, vital.DataRisk); without != 0 {
		t.Errorf("a metric is of a kind that is not measured: %b", without)
	}
	for metric, want := range map[string]vital.Data{
		"heart-rate": vital.DataVitals, "ecg-ii": vital.DataWaveforms, "accel-x": vital.DataWaveforms, "steps": vital.DataActivity, "news2": vital.DataRisk,
		"heart-rate-baseline-z": vital.DataRisk, "insulin-bolus": vital.DataMedication, "glucose": vital.DataGlucose, "no-such-metric": vital.DataVitals,
	} {
		if got := vital.DataOf(metric); got != want {
			t.Errorf("%s is %s, want %s", metric, got, want)
		}
	}
	if vital.DataSet(0).Has(vital.DataVitals) || vital.EveryData.Has("gossip") || !vital.DataSetOf(vital.DataNotes).Has(vital.DataNotes) {
		t.Error("a set does not hold what it was made of")
	}
}
