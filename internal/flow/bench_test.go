package flow_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

// BenchmarkFlow carries one-reading packets of 200 devices from the door to the
// watch, over a log in memory: what is left is our own work per packet.
func BenchmarkFlow(b *testing.B) {
	r := open(b, filepath.Join(b.TempDir(), "v.db"), journal.NewMemory())
	start := now()
	var waiting sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		d := fmt.Sprintf("m-%03d", i%200)
		body := fmt.Sprintf(`{"seq":%d,"time":%q,"metric":"heart-rate","value":%d,"unit":"/min"}`, i/200+1, (start + vital.Instant(i/200*1000)).String(), 60+i%40)
		waiting.Add(1)
		err := r.door.Accept(b.Context(), ingest.Packet{
			Site: site, Credential: vital.CredentialID("c-" + d), Device: vital.DeviceID(d), Door: "mqtt",
			Topic: "v1/" + d + "/telemetry", Received: now(), Body: []byte(body),
		}, func(ingest.Receipt, error) { waiting.Done() })
		if err != nil {
			b.Fatal(err)
		}
	}
	waiting.Wait()
	acked := time.Since(time.UnixMilli(int64(start)))
	r.settle()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
	b.ReportMetric(float64(b.N)/acked.Seconds(), "acks/s")
}
