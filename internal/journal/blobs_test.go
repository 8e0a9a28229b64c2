package journal_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

func openBlobs(t *testing.T, directory string, k journal.Keys) *journal.Blobs {
	t.Helper()
	b, err := journal.OpenBlobs(directory, k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// blobFile returns the one file below a directory.
func blobFile(t *testing.T, directory string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(directory, "*", "*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("files %v, %v", found, err)
	}
	return found[0]
}

func TestBlobsComeBackAsTheyWentIn(t *testing.T) {
	ctx := context.Background()
	directory := t.TempDir()
	k := openRing(t, &journal.MemoryKeys{})
	key, _ := k.For(ctx, "patient/p-1")
	b := openBlobs(t, directory, k)
	for _, size := range []int{0, 1, 300 << 10, 5 << 20} {
		body := bytes.Repeat([]byte("ecg "), size/4+1)[:size]
		name, err := b.Put(key, body)
		if err != nil {
			t.Fatal(err)
		}
		again := openBlobs(t, directory, k) // the next start
		got, err := again.Get(name)
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes put, %d got, %v", size, len(got), err)
		}
		if parsed, err := journal.ParseBlobName(name.String()); err != nil || parsed != name {
			t.Errorf("name %s reads as %s, %v", name, parsed, err)
		}
		file, err := os.ReadFile(filepath.Join(directory, name.String()[:2], name.String()))
		if err != nil || size > 0 && bytes.Contains(file, []byte("ecg ecg")) {
			t.Errorf("the file holds open text, or is not there: %v", err)
		}
	}
	_, err := b.Put(key, make([]byte, 64<<20+1))
	kindIs(t, err, vital.TooMuch)
	_, err = b.Put(99, []byte("x"))
	kindIs(t, err, vital.NotFound)
	_, err = b.Get(journal.BlobName{1})
	kindIs(t, err, vital.NotFound)
	for _, text := range []string{"", "ab", "../../etc/passwd", string(bytes.Repeat([]byte("A"), 64))} {
		_, err := journal.ParseBlobName(text)
		kindIs(t, err, vital.Invalid)
	}
}

func TestEveryFlippedBitOfABlobIsDetected(t *testing.T) {
	directory := t.TempDir()
	k := openRing(t, &journal.MemoryKeys{})
	b := openBlobs(t, directory, k)
	name, err := b.Put(0, []byte("seventy-two"))
	if err != nil {
		t.Fatal(err)
	}
	path := blobFile(t, directory)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range len(whole) * 8 {
		damaged := bytes.Clone(whole)
		damaged[at/8] ^= 1 << (at % 8)
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := b.Check(name); err == nil || vital.KindOf(err) != vital.Invalid {
			t.Fatalf("bit %d flipped: %v", at, err)
		}
		if _, err := b.Get(name); err == nil {
			t.Fatalf("bit %d flipped: the body is given out", at)
		}
	}
}

func TestAForgottenPersonsBlobsAreShredded(t *testing.T) {
	ctx := context.Background()
	k := openRing(t, &journal.MemoryKeys{})
	key, _ := k.For(ctx, "patient/p-1")
	b := openBlobs(t, t.TempDir(), k)
	name, err := b.Put(key, []byte("seventy-two"))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Destroy(ctx, "patient/p-1"); err != nil {
		t.Fatal(err)
	}
	_, err = b.Get(name)
	kindIs(t, err, vital.Gone)
	if err := b.Check(name); err != nil {
		t.Errorf("the sealed bytes are still whole: %v", err)
	}
}

func TestBlobsExpire(t *testing.T) {
	directory := t.TempDir()
	b := openBlobs(t, directory, openRing(t, &journal.MemoryKeys{}))
	old, err := b.Put(0, []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	then := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(blobFile(t, directory), then, then); err != nil {
		t.Fatal(err)
	}
	fresh, err := b.Put(0, []byte("fresh"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := b.Expire(time.Now().Add(-24 * time.Hour)); n != 1 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	_, err = b.Get(old)
	kindIs(t, err, vital.NotFound)
	if _, err := b.Get(fresh); err != nil {
		t.Error(err)
	}
}

func TestWhatACrashLeftOfAPutIsCleared(t *testing.T) {
	directory := t.TempDir()
	left := filepath.Join(directory, ".put-123")
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBlobs(t, directory, nil)
	if _, err := os.Stat(left); err == nil {
		t.Error("it is still there")
	}
	if err := b.Names(func(n journal.BlobName, _ fs.FileInfo) error { t.Errorf("a blob %s", n); return nil }); err != nil {
		t.Error(err)
	}
}
