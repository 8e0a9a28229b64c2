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

func TestFilesAreALog(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Log { return openFiles(t, t.TempDir()) })
}

func TestFilesOfManySegmentsAreALog(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journal.Log {
		return openFiles(t, t.TempDir(), func(o *journal.FilesOptions) { o.Segment = 100 })
	})
}

func openFiles(t testing.TB, directory string, change ...func(*journal.FilesOptions)) *journal.Files {
	t.Helper()
	o := journal.FilesOptions{
		Dir:        directory,
		Partitions: map[journal.Stream]int{journal.Raw: journaltest.Partitions, journal.Readings: journaltest.Partitions},
	}
	for _, c := range change {
		c(&o)
	}
	l, err := journal.OpenFiles(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// logs returns one of each.
func logs(t testing.TB) map[string]journal.Log {
	return map[string]journal.Log{
		"memory":    journal.NewMemory(),
		"files":     openFiles(t, t.TempDir()),
		"jetstream": openJetStream(t, t.TempDir()),
	}
}
