package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/vigilcare/vigil/internal/audit"
	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/test/need"
)

// What an entry costs: alone in its transaction, many of one transaction, and
// written by several at once.
func BenchmarkLedger(b *testing.B) {
	key, _, err := audit.MakeKey(site)
	if err != nil {
		b.Fatal(err)
	}
	dsns := map[string]func() string{"sqlite": func() string { return "sqlite:" + filepath.Join(b.TempDir(), "vigil.db") }}
	if os.Getenv("VIGIL_TEST_POSTGRES") != "" {
		dsns["postgres"] = func() string { return need.Postgres(b) }
	}
	for name, dsn := range dsns {
		for _, each := range []int{1, 100} {
			for _, writers := range []int{1, 8} {
				b.Run(fmt.Sprintf("%s/%d-at-once/%d-writers", name, each, writers), func(b *testing.B) {
					d, err := store.Open(b.Context(), store.Options{DSN: dsn(), Ledger: key})
					if err != nil {
						b.Fatal(err)
					}
					defer d.Close()
					some := make([]audit.Entry, each)
					for i := range some {
						some[i] = audit.Entry{Site: site, At: t0, Who: "system", Role: "nurse", From: "10.0.0.7", Action: "patient.read", Subject: "patient/p-1", Patient: "p-1"}
					}
					b.SetParallelism(writers / 2)
					if writers == 1 {
						b.ResetTimer()
						for range b.N {
							if err := d.AppendAudit(b.Context(), some...); err != nil {
								b.Fatal(err)
							}
						}
						return
					}
					var failed atomic.Pointer[error]
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := d.AppendAudit(b.Context(), some...); err != nil {
								failed.Store(&err)
							}
						}
					})
					if p := failed.Load(); p != nil {
						b.Fatal(*p)
					}
				})
			}
		}
	}
}
