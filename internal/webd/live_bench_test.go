package webd_test

import (
	"fmt"
	"testing"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// BenchmarkWardOnFourScreens is one second of 64 beds, each with an ECG at 250 Hz,
// a pleth at 125 Hz and five values, for four screens that watch the same.
func BenchmarkWardOnFourScreens(b *testing.B) {
	ward := webd.NewWard(b, 64, 4)
	ecg, pleth := make([]int32, 250), make([]int32, 125)
	b.ReportAllocs()
	for i := range b.N {
		u := &watch.Update{}
		for bed := range 64 {
			patient := vital.PatientID(fmt.Sprintf("p-%d", bed))
			for _, metric := range []string{"heart-rate", "spo2", "resp-rate", "abp-systolic", "abp-diastolic"} {
				u.Values = append(u.Values, watch.Value{Reading: vital.Reading{
					Patient: patient, Device: "monitor-1", Metric: metric, Unit: "/min", Value: vital.Num(vital.Whole(int64(i % 200))),
					Clocks: vital.Clocks{Effective: vital.Instant(i), Receive: vital.Instant(i)},
				}})
			}
			for metric, samples := range map[string][]int32{"ecg-ii": ecg, "pleth": pleth} {
				u.Waves = append(u.Waves, vital.Waveform{
					Patient: patient, Device: "monitor-1", Metric: metric, Unit: "mV", Gain: vital.Decimal{Mantissa: 5, Exponent: -3}, MilliHz: 250000, Samples: samples,
				})
			}
		}
		ward(u)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N), "us/ward-second")
}
