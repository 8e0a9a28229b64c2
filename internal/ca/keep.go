package ca

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vigilcare/vigil/vital"
)

// An authority is four files: root.pem and issuing.pem are certificates, the
// newest first; root.key and issuing.key are the key of the first. A sealed key
// begins with this line, so that one that lost its sealer is not taken for
// damaged.
const sealedLine = "vigil sealed key\n"

// subject under which the keys are sealed.
const subject = "site"

func (a *Authority) place(name string) string { return "ca/" + name + "/key" }

func (a *Authority) load(ctx context.Context, name string) ([]pair, error) {
	text, err := os.ReadFile(filepath.Join(a.o.Dir, name+".pem"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "read the %s certificate: %w", name, err)
	}
	var list []pair
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, vital.Errorf(vital.Precondition, "read %s.pem: %w", name, err)
		}
		list = append(list, pair{certificate: c})
	}
	if len(list) == 0 {
		return nil, vital.Errorf(vital.Precondition, "read %s.pem: there is no certificate in it", name)
	}
	key, err := a.loadKey(ctx, name)
	if err != nil {
		return nil, err
	}
	if key != nil {
		// A key that belongs to another certificate is what a renewal leaves that
		// the power cut short: none, and so renewed once more.
		public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if ok && public.Equal(list[0].certificate.PublicKey) {
			list[0].key = key
		}
	}
	return list, nil
}

func (a *Authority) loadKey(ctx context.Context, name string) (crypto.Signer, error) {
	body, err := os.ReadFile(filepath.Join(a.o.Dir, name+".key"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "read the %s key: %w", name, err)
	}
	if sealed, ok := bytes.CutPrefix(body, []byte(sealedLine)); ok {
		if a.o.Sealer == nil {
			return nil, vital.Errorf(vital.Precondition, "the %s key is sealed, and there is nothing to open it with", name)
		}
		if body, err = a.o.Sealer.Open(ctx, string(a.o.Site), subject, a.place(name), sealed); err != nil {
			return nil, vital.Errorf(vital.KindOf(err), "open the %s key: %w", name, err)
		}
	}
	block, _ := pem.Decode(body)
	if block == nil {
		return nil, vital.Errorf(vital.Precondition, "read %s.key: there is no key in it", name)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, vital.Errorf(vital.Precondition, "read %s.key: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, vital.Errorf(vital.Precondition, "read %s.key: its kind cannot sign", name)
	}
	return signer, nil
}

// save writes the key first: a certificate without its key would stop the next
// start, a key without its certificate is replaced by it.
func (a *Authority) save(ctx context.Context, name string, list []pair) error {
	if err := os.MkdirAll(a.o.Dir, 0o700); err != nil {
		return vital.Errorf(vital.Unavailable, "make the directory of the authority: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(list[0].key)
	if err != nil {
		return vital.Errorf(vital.Internal, "write the %s key: %w", name, err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if a.o.Sealer != nil {
		sealed, err := a.o.Sealer.Seal(ctx, string(a.o.Site), subject, a.place(name), secret)
		if err != nil {
			return vital.Errorf(vital.KindOf(err), "seal the %s key: %w", name, err)
		}
		secret = append([]byte(sealedLine), sealed...)
	}
	var text []byte
	for _, p := range list {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})...)
	}
	// Both files are whole on the disk before either gets its name.
	for _, f := range []struct {
		name string
		body []byte
	}{{name + ".key", secret}, {name + ".pem", text}} {
		if err := prepare(filepath.Join(a.o.Dir, f.name), f.body); err != nil {
			return err
		}
	}
	for _, suffix := range []string{".key", ".pem"} {
		path := filepath.Join(a.o.Dir, name+suffix)
		if err := os.Rename(path+".new", path); err != nil {
			return vital.Errorf(vital.Unavailable, "write %s: %w", path, err)
		}
	}
	return syncDir(a.o.Dir)
}

func prepare(path string, body []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "write %s: %w", path, err)
	}
	_, err = file.Write(body)
	if err == nil {
		err = file.Sync()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return vital.Errorf(vital.Unavailable, "write %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "open %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return vital.Errorf(vital.Unavailable, "sync %s: %w", dir, err)
	}
	return nil
}
