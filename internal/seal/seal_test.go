package seal_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigilcare/vigil/internal/seal"
	"github.com/vigilcare/vigil/vital"
)

const site = "main"

var ctx = context.Background()

func clock() vital.Instant { return 1_795_000_000_000 }

// world is a key store in a folder of its own.
type world struct {
	dir   string
	place seal.Place
}

func newWorld(t *testing.T) world {
	dir := t.TempDir()
	place, err := seal.PlaceOf("", dir, "")
	must(t, err)
	return world{dir, place}
}

func (w world) keys() string { return filepath.Join(w.dir, "keys") }

func (w world) try() (*seal.Keeper, error) {
	return seal.Open(ctx, seal.Options{Table: seal.NewFiles(w.keys()), Root: w.place, Now: clock})
}

func (w world) open(t *testing.T) *seal.Keeper {
	t.Helper()
	k, err := w.try()
	must(t, err)
	return k
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kind(t *testing.T, err error, want vital.Kind) {
	t.Helper()
	if err == nil || vital.KindOf(err) != want {
		t.Fatalf("got %v (%s), want a %s", err, vital.KindOf(err), want)
	}
}

func sealed(t *testing.T, k *seal.Keeper, subject, place, plain string) []byte {
	t.Helper()
	b, err := k.Seal(ctx, site, subject, place, []byte(plain))
	must(t, err)
	if bytes.Contains(b, []byte(plain)) {
		t.Fatal("what was sealed can be read")
	}
	return b
}

func opens(t *testing.T, k *seal.Keeper, subject, place string, b []byte, want string) {
	t.Helper()
	plain, err := k.Open(ctx, site, subject, place, b)
	must(t, err)
	if string(plain) != want {
		t.Fatalf("opened %q, want %q", plain, want)
	}
}

// Covers: H4 HIPAA-164.312(a)(2)(iv) ASVS-11.3.3
func TestSealedIsBoundToItsPlace(t *testing.T) {
	w := newWorld(t)
	k := w.open(t)
	b := sealed(t, k, "patient/p-1", "person/body/p-1", "Ada Lovelace")
	opens(t, k, "patient/p-1", "person/body/p-1", b, "Ada Lovelace")
	opens(t, w.open(t), "patient/p-1", "person/body/p-1", b, "Ada Lovelace")
	sealed(t, k, "patient/p-2", "person/body/p-2", "x")
	for _, wrong := range [][3]string{{site, "patient/p-1", "person/body/p-2"}, {site, "patient/p-2", "person/body/p-1"}, {site, "patient/p-1", "observation/note/p-1"}} {
		if _, err := k.Open(ctx, wrong[0], wrong[1], wrong[2], b); vital.KindOf(err) != vital.Internal || err == nil {
			t.Errorf("%v: %v", wrong, err)
		}
	}
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if _, err := k.Open(ctx, site, "patient/p-1", "person/body/p-1", c); err == nil {
			t.Errorf("a flipped bit in byte %d goes unseen", i)
		}
	}
	_, err := k.Open(ctx, "elsewhere", "patient/p-1", "person/body/p-1", b)
	kind(t, err, vital.NotFound)
}

// Covers: K2 H4
func TestDestroyedStaysDestroyed(t *testing.T) {
	w := newWorld(t)
	k := w.open(t)
	other := w.open(t) // another process
	b := sealed(t, k, "patient/p-1", "a/b/c", "Ada")
	opens(t, other, "patient/p-1", "a/b/c", b, "Ada")
	must(t, k.Destroy(ctx, site, "patient/p-1", 7))
	must(t, k.Destroy(ctx, site, "patient/p-never", 8))
	must(t, other.Check(ctx))
	for name, k := range map[string]*seal.Keeper{"at once": k, "after a restart": w.open(t), "another process": other} {
		_, err := k.Open(ctx, site, "patient/p-1", "a/b/c", b)
		if vital.KindOf(err) != vital.Gone {
			t.Errorf("%s: %v", name, err)
		}
		if _, err = k.Seal(ctx, site, "patient/p-never", "a/b/c", b); vital.KindOf(err) != vital.Gone {
			t.Errorf("%s: %v", name, err)
		}
		if gone := k.Destroyed(site); gone["patient/p-1"] != 7 || gone["patient/p-never"] != 8 {
			t.Errorf("%s: tombstones %v", name, gone)
		}
	}
	kind(t, k.Destroy(ctx, site, "site", 9), vital.Precondition)
}

// The journal's keys lie beside: one destruction takes all of a subject's.
func TestOneDestructionTakesEveryKey(t *testing.T) {
	k := newWorld(t).open(t)
	secret := bytes.Repeat([]byte{7}, 32)
	for i, subject := range []string{"patient/p-1", "patient/p-1", "device/d-1"} {
		must(t, k.Add(ctx, seal.Key{ID: uint64(i), Site: site, Subject: subject, Use: seal.Journal, Created: vital.Instant(i)}, secret))
	}
	kind(t, k.Add(ctx, seal.Key{ID: 0, Site: site, Subject: "x", Use: seal.Journal}, secret), vital.Conflict)
	must(t, k.Destroy(ctx, site, "patient/p-1", 9))
	keys, err := k.Keys(ctx, site, seal.Journal)
	must(t, err)
	for i, want := range []bool{true, true, false} {
		if keys[i].Destroyed.Known() != want || (len(keys[i].Wrapped) == 0) != want {
			t.Errorf("key %d: %+v", i, keys[i])
		}
	}
	if got, err := k.Secret(keys[2]); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("the device's key: %v, %v", got, err)
	}
}

// Covers: H4 ASVS-11.2.2
func TestRotation(t *testing.T) {
	w := newWorld(t)
	k := w.open(t)
	other := w.open(t)
	before := sealed(t, k, "patient/p-1", "a/b/c", "Ada")
	must(t, k.Rotate(ctx, site, "patient/p-1"))
	after := sealed(t, k, "patient/p-1", "a/b/c", "Ada")
	if bytes.Equal(before[:5], after[:5]) {
		t.Error("the same key seals after a rotation")
	}
	hash, err := k.Hash(ctx, site, "person_word", "ada")
	must(t, err)
	old, err := os.ReadFile(w.place.Path())
	must(t, err)
	n, err := k.RotateRoot(ctx, "")
	must(t, err)
	if n != 2 { // the patient's and the one for hashes
		t.Errorf("%d keys wrapped anew", n)
	}
	now, err := os.ReadFile(w.place.Path())
	must(t, err)
	if bytes.Equal(old, now) {
		t.Error("the root key is the old one")
	}
	for name, k := range map[string]*seal.Keeper{"at once": k, "after a restart": w.open(t), "another process": other} {
		opens(t, k, "patient/p-1", "a/b/c", before, "Ada")
		opens(t, k, "patient/p-1", "a/b/c", after, "Ada")
		again, err := k.Hash(ctx, site, "person_word", "ada")
		must(t, err)
		if !bytes.Equal(hash[0], again[0]) {
			t.Errorf("%s: another hash", name)
		}
	}
	must(t, os.WriteFile(w.place.Path(), old, 0o600))
	_, err = w.try()
	kind(t, err, vital.Precondition)
}

// A crash at any step of a rotation leaves keys that open.
//
// Covers: K1 R7
func TestRotationSurvivesACrash(t *testing.T) {
	for _, crash := range []string{"before the keys", "after the keys", "twice"} {
		t.Run(crash, func(t *testing.T) {
			w := newWorld(t)
			k := w.open(t)
			b := sealed(t, k, "patient/p-1", "a/b/c", "Ada")
			root := w.place.Path()
			old, err := os.ReadFile(root)
			must(t, err)
			switch crash {
			case "before the keys": // the new root key is written, the keys are not
				must(t, os.WriteFile(root+".next", []byte(strings.Repeat("ab", 32)+"\n"), 0o600))
			default: // the keys are wrapped anew, the old root key still has its place
				_, err := k.RotateRoot(ctx, "")
				must(t, err)
				must(t, os.Rename(root, root+".next"))
				must(t, os.WriteFile(root, old, 0o600))
				if crash == "twice" {
					must(t, os.Remove(root)) // the second crash came between the two names
				}
			}
			opens(t, w.open(t), "patient/p-1", "a/b/c", b, "Ada")
			opens(t, w.open(t), "patient/p-1", "a/b/c", b, "Ada")
			if _, err := os.Stat(root + ".next"); !errors.Is(err, os.ErrNotExist) {
				t.Error("the next root key is left behind")
			}
		})
	}
}

// Keys in memory go on working when their store is gone; a restart says why it
// cannot.
//
// Covers: K1
func TestKeyLoss(t *testing.T) {
	for name, lose := range map[string]func(w world) error{
		"key store gone":      func(w world) error { return os.RemoveAll(w.keys()) },
		"root key gone":       func(w world) error { return os.Remove(w.place.Path()) },
		"root key of another": func(w world) error { return os.WriteFile(w.place.Path(), []byte(strings.Repeat("cd", 32)), 0o600) },
		"root key readable":   func(w world) error { return os.Chmod(w.place.Path(), 0o644) },
		"key store altered": func(w world) error {
			b, err := os.ReadFile(filepath.Join(w.keys(), "keys.jsonl"))
			b[len(b)/2] ^= 1
			return errors.Join(err, os.WriteFile(filepath.Join(w.keys(), "keys.jsonl"), b, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			k := w.open(t)
			b := sealed(t, k, "patient/p-1", "a/b/c", "Ada")
			must(t, k.Check(ctx))
			must(t, lose(w))
			opens(t, k, "patient/p-1", "a/b/c", b, "Ada")
			opens(t, k, "patient/p-1", "d/e/f", sealed(t, k, "patient/p-1", "d/e/f", "Ada"), "Ada")
			if err := k.Check(ctx); err == nil {
				t.Error("nobody is told")
			}
			if strings.HasPrefix(name, "key store") {
				_, err := k.Seal(ctx, site, "patient/p-new", "a/b/c", []byte("Bob"))
				kind(t, err, vital.Unavailable)
			}
			again, err := w.try()
			if name == "key store gone" { // whoever knows that there were keys asks for the name
				must(t, err)
				if again.ID() != "" {
					t.Error("a key store was made in silence")
				}
				return
			}
			if err == nil {
				t.Error("a restart does not say that the keys are lost")
			}
		})
	}
}

// Half a line at the end was never answered for and costs nothing before it.
func TestHalfALine(t *testing.T) {
	w := newWorld(t)
	b := sealed(t, w.open(t), "patient/p-1", "a/b/c", "Ada")
	path := filepath.Join(w.keys(), "keys.jsonl")
	whole, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(whole, `1234abcd {"id":5`...), 0o600))
	k := w.open(t)
	opens(t, k, "patient/p-1", "a/b/c", b, "Ada")
	c := sealed(t, k, "patient/p-2", "a/b/c", "Bob")
	opens(t, w.open(t), "patient/p-2", "a/b/c", c, "Bob")
}

func TestRootByCredential(t *testing.T) {
	dir := t.TempDir()
	_, err := seal.PlaceOf("credential:vigil-root", dir, "")
	kind(t, err, vital.Precondition)
	_, err = seal.PlaceOf("credential:../root", dir, dir)
	kind(t, err, vital.Invalid)
	place, err := seal.PlaceOf("credential:vigil-root", dir, dir)
	must(t, err)
	w := world{dir, place}
	_, err = w.try() // systemd gave none: it is not made up
	kind(t, err, vital.Precondition)
	must(t, os.WriteFile(filepath.Join(dir, "vigil-root"), []byte(strings.Repeat("0f", 32)), 0o440))
	k := w.open(t)
	b := sealed(t, k, "site", "a/b/c", "secret")
	_, err = k.RotateRoot(ctx, "")
	kind(t, err, vital.Invalid)
	next := filepath.Join(dir, "next")
	_, err = k.RotateRoot(ctx, next)
	must(t, err)
	_, err = w.try()
	kind(t, err, vital.Precondition)
	must(t, os.Rename(next, place.Path()))
	opens(t, w.open(t), "site", "a/b/c", b, "secret")
}

func TestRootKeyIsMadeOnce(t *testing.T) {
	w := newWorld(t)
	w.open(t)
	made, err := os.ReadFile(w.place.Path())
	must(t, err)
	w.open(t)
	again, err := os.ReadFile(w.place.Path())
	must(t, err)
	info, err := os.Stat(w.place.Path())
	must(t, err)
	if !bytes.Equal(made, again) || len(made) != 65 || info.Mode().Perm() != 0o600 {
		t.Errorf("made %d bytes, again %d, mode %v", len(made), len(again), info.Mode())
	}
	if left, _ := os.ReadDir(w.dir); len(left) != 1 {
		t.Errorf("%d files lie beside it", len(left)-1)
	}
}

// Covers: ASVS-13.3.1
func TestUnfitRootKeyFilesAreRefused(t *testing.T) {
	digits := bytes.Repeat([]byte("0f"), 32)
	for _, test := range []struct {
		name  string
		build func(path string) error
	}{
		{"readable by the group", func(p string) error { return errors.Join(os.WriteFile(p, digits, 0o600), os.Chmod(p, 0o640)) }},
		{"readable by all", func(p string) error { return errors.Join(os.WriteFile(p, digits, 0o600), os.Chmod(p, 0o604)) }},
		{"empty", func(p string) error { return os.WriteFile(p, nil, 0o600) }},
		{"too short", func(p string) error { return os.WriteFile(p, digits[:62], 0o600) }},
		{"not digits", func(p string) error { return os.WriteFile(p, bytes.Repeat([]byte("xy"), 32), 0o600) }},
		{"a directory", func(p string) error { return os.Mkdir(p, 0o700) }},
		{"a link", func(p string) error { return os.Symlink("/dev/null", p) }},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "root.key")
		place, err := seal.PlaceOf("", dir, "")
		must(t, err)
		if err := test.build(path); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.Open(ctx, seal.Options{Table: &seal.Memory{}, Root: place, Now: clock}); err == nil || vital.KindOf(err) != vital.Precondition {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
