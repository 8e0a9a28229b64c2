package journal_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/vigilcare/vigil/internal/journal"
	"github.com/vigilcare/vigil/vital"
)

func kindIs(t *testing.T, err error, want vital.Kind) {
	t.Helper()
	if err == nil || vital.KindOf(err) != want {
		t.Errorf("error is %v, want kind %v", err, want)
	}
}

func TestASubjectKeepsItsKey(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	r := openRing(t, table)
	first, err := r.For(ctx, "device/monitor-1")
	if err != nil || first == 0 || int64(first) < 0 {
		t.Fatalf("key %d, %v", first, err)
	}
	other, err := r.For(ctx, "patient/p-1")
	if err != nil || other == first {
		t.Fatalf("two subjects share key %d, %v", other, err)
	}
	again := openRing(t, table) // another process, or the next start
	if id, err := again.For(ctx, "device/monitor-1"); err != nil || id != first {
		t.Errorf("after opening anew: key %d, %v; was %d", id, err, first)
	}
	if id, err := again.For(ctx, "site"); err != nil || id != 0 {
		t.Errorf("key of the site is %d, %v", id, err)
	}
	sealed, opened := mustCipher(t, r, first), mustCipher(t, again, first)
	nonce := make([]byte, sealed.NonceSize())
	body, err := opened.Open(nil, nonce, sealed.Seal(nil, nonce, []byte("72"), nil), nil)
	if err != nil || string(body) != "72" {
		t.Errorf("sealed before, opened after: %q, %v", body, err)
	}
	if whose, err := again.Subject(first); err != nil || whose != "device/monitor-1" {
		t.Errorf("key %d is of %q, %v", first, whose, err)
	}
}

type sealer interface {
	NonceSize() int
	Seal(dst, nonce, text, data []byte) []byte
	Open(dst, nonce, text, data []byte) ([]byte, error)
}

func mustCipher(t *testing.T, r *journal.Ring, id journal.KeyID) sealer {
	t.Helper()
	c, err := r.Cipher(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRotationKeepsOldRecordsReadable(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	r := openRing(t, table)
	old, _ := r.For(ctx, "device/monitor-1")
	fresh, err := r.Rotate(ctx, "device/monitor-1")
	if err != nil || fresh == old {
		t.Fatalf("rotated to %d, %v", fresh, err)
	}
	mustCipher(t, r, old)
	for _, r := range []*journal.Ring{r, openRing(t, table)} {
		if id, err := r.For(ctx, "device/monitor-1"); err != nil || id != fresh {
			t.Errorf("current key is %d, %v; want %d", id, err, fresh)
		}
	}
}

func TestDestroyedKeysAreGoneForEver(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	r := openRing(t, table)
	old, _ := r.For(ctx, "patient/p-1")
	fresh, _ := r.Rotate(ctx, "patient/p-1")
	other, _ := r.For(ctx, "patient/p-2")
	if err := r.Destroy(ctx, "patient/p-1"); err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*journal.Ring{"same ring": r, "opened anew": openRing(t, table)} {
		for _, id := range []journal.KeyID{old, fresh} {
			_, err := r.Cipher(id)
			if err == nil || vital.KindOf(err) != vital.Gone {
				t.Errorf("%s: key %d: %v", name, id, err)
			}
		}
		mustCipher(t, r, other)
	}
	keys, err := table.Keys(ctx, vital.DefaultSite)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.Subject == "patient/p-1" && (len(k.Wrapped) != 0 || !k.Destroyed.Known()) {
			t.Errorf("key %d still has %d wrapped bytes", k.ID, len(k.Wrapped))
		}
	}
	if err := r.Destroy(ctx, "patient/p-1"); err != nil {
		t.Errorf("destroying again: %v", err)
	}
	kindIs(t, r.Destroy(ctx, "patient/p-3"), vital.NotFound)
	kindIs(t, r.Destroy(ctx, "site"), vital.Precondition)
	if id, err := r.For(ctx, "patient/p-1"); err != nil || id == old || id == fresh {
		t.Errorf("a new key after the destruction: %d, %v", id, err)
	}
}

func TestARingSeesWhatOthersDo(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	here, there := openRing(t, table), openRing(t, table)
	id, _ := there.For(ctx, "device/monitor-1")
	mustCipher(t, here, id) // looked up when it is met
	if err := there.Destroy(ctx, "device/monitor-1"); err != nil {
		t.Fatal(err)
	}
	if err := here.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	_, err := here.Cipher(id)
	kindIs(t, err, vital.Gone)
	_, err = here.Cipher(4711)
	kindIs(t, err, vital.NotFound)
}

func TestAnotherRootKeyIsRefused(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	openRing(t, table)
	_, err := journal.OpenRing(ctx, table, vital.DefaultSite, [32]byte{9}, clock())
	kindIs(t, err, vital.Precondition)
}

// swapped is a key table in which somebody exchanged two wrapped keys.
type swapped struct{ journal.KeyTable }

func (s swapped) Keys(ctx context.Context, site vital.Site) ([]journal.StoredKey, error) {
	keys, err := s.KeyTable.Keys(ctx, site)
	if err == nil && len(keys) >= 2 {
		n := len(keys)
		keys[n-1].Wrapped, keys[n-2].Wrapped = keys[n-2].Wrapped, keys[n-1].Wrapped
	}
	return keys, err
}

func TestWrappedKeysCannotBeExchanged(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	r := openRing(t, table)
	r.For(ctx, "patient/p-1")
	r.For(ctx, "patient/p-2")
	_, err := journal.OpenRing(ctx, swapped{table}, vital.DefaultSite, [32]byte{1, 2, 3}, clock())
	kindIs(t, err, vital.Precondition)
}

// full is a key table that cannot store.
type full struct{ journal.KeyTable }

func (full) PutKey(context.Context, journal.StoredKey) error {
	return vital.Errorf(vital.Unavailable, "the disk is full")
}

func TestNoKeyIsGivenOutBeforeItIsStored(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	openRing(t, table)
	r := openRing(t, full{table})
	for range 2 {
		_, err := r.For(ctx, "patient/p-1")
		kindIs(t, err, vital.Unavailable)
	}
	_, err := r.Rotate(ctx, "site")
	kindIs(t, err, vital.Unavailable)
}

func TestManyAskForOneKeyAtOnce(t *testing.T) {
	ctx := context.Background()
	table := &journal.MemoryKeys{}
	r := openRing(t, table)
	var group sync.WaitGroup
	ids := make([][4]journal.KeyID, 32)
	for i := range ids {
		group.Go(func() {
			for s := range 4 {
				id, err := r.For(ctx, fmt.Sprintf("device/%d", s))
				if err != nil {
					t.Error(err)
				}
				if _, err := r.Cipher(id); err != nil {
					t.Error(err)
				}
				ids[i][s] = id
			}
		})
	}
	group.Wait()
	for i := range ids {
		if ids[i] != ids[0] {
			t.Fatalf("keys %v and %v", ids[i], ids[0])
		}
	}
	if keys, _ := table.Keys(ctx, vital.DefaultSite); len(keys) != 5 {
		t.Errorf("%d keys were stored for 4 devices and the site", len(keys))
	}
}
