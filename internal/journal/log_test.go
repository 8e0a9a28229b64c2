package journal_test

import (
	"context"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/internal/journal/journaltest"
)

func TestMemoryIsALog(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Log { return journal.NewMemory() })
}

func TestJetStreamIsALog(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Log { return openJetStream(t, t.TempDir()) })
}

func openJetStream(t testing.TB, directory string) *journal.JetStream {
	t.Helper()
	l, err := journal.OpenJetStream(context.Background(), journal.JetStreamOptions{
		Dir:        directory,
		Partitions: map[journal.Stream]int{journal.Raw: journaltest.Partitions, journal.Readings: journaltest.Partitions},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
