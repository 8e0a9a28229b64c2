package audit

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/vigilcare/vigil/vital"
)

// Checkpoint says how long a ledger was and what it held: a promise that can be
// held against the server later.
type Checkpoint struct {
	Site   vital.Site
	Size   int64
	Root   tlog.Hash
	At     vital.Instant
	Note   string // the signed text
	Source string // where it was kept: "store", "witness" or the name of a file
}

func publicOf(name string, seed []byte) (string, error) {
	return note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
}

// Sign makes the checkpoint of a ledger with that size and root.
func (k *Key) Sign(site vital.Site, size int64, root tlog.Hash, at vital.Instant) (Checkpoint, error) {
	c := Checkpoint{Site: site, Size: size, Root: root, At: at}
	text := fmt.Sprintf("%s\n%d\n%s\nat %s\n", origin(site), size, root, at.Time().UTC().Format(time.RFC3339Nano))
	signed, err := note.Sign(&note.Note{Text: text}, k.signer)
	if err != nil {
		return c, fmt.Errorf("sign the checkpoint of %d entries: %w", size, err)
	}
	c.Note = string(signed)
	return c, nil
}

// OpenCheckpoint reads a signed checkpoint and refuses one that the public key
// did not sign, or that is of another site.
func OpenCheckpoint(text, public string, site vital.Site, source string) (Checkpoint, error) {
	c := Checkpoint{Site: site, Note: text, Source: source}
	v, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return c, vital.Errorf(vital.Invalid, "%q is not a public key of a ledger", public)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		return c, vital.Errorf(vital.Precondition, "the checkpoint from %s is not signed by the ledger's key: %w", source, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 5 || lines[0] != origin(site) {
		return c, vital.Errorf(vital.Precondition, "the checkpoint from %s is of %s, not of site %s", source, lines[0], site)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, rootErr := base64.StdEncoding.DecodeString(lines[2])
	stamp, _ := strings.CutPrefix(lines[3], "at ")
	at, timeErr := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || rootErr != nil || timeErr != nil || size < 0 || len(root) != tlog.HashSize {
		return c, vital.Errorf(vital.Precondition, "the checkpoint from %s cannot be read", source)
	}
	c.Size, c.Root, c.At = size, tlog.Hash(root), vital.At(at)
	return c, nil
}

// scanNotes finds every checkpoint in a file of them: the line of their origin,
// what is signed up to an empty line, the signatures. unread counts what is no
// checkpoint of this key: one that a power cut or a rotation cut in two, one
// that somebody changed, one of another key.
func scanNotes(text, public string, site vital.Site, source string) (all []Checkpoint, unread int, err error) {
	if _, err := note.NewVerifier(strings.TrimSpace(public)); err != nil {
		return nil, 0, vital.Errorf(vital.Invalid, "%q is not a public key of a ledger", public)
	}
	begin := origin(site) + "\n"
	for text != "" {
		at := strings.Index(text, begin)
		if at < 0 {
			at = len(text)
		}
		if strings.TrimSpace(text[:at]) != "" {
			unread++
		}
		if text = text[at:]; text == "" {
			break
		}
		end := len(text)
		if next := strings.Index(text[len(begin)-1:], "\n"+begin); next >= 0 {
			end = len(begin) + next
		}
		one, rest := signedNote(text[:end])
		if strings.TrimSpace(rest) != "" {
			unread++
		}
		c, err := OpenCheckpoint(one, public, site, source)
		if text = text[end:]; err != nil {
			unread++
			continue
		}
		all = append(all, c)
	}
	return all, unread, nil
}

// signedNote cuts what stands behind the signatures of a note.
func signedNote(text string) (one, rest string) {
	body, tail, ok := strings.Cut(text, "\n\n")
	if !ok {
		return text, ""
	}
	end := len(body) + 2
	for strings.HasPrefix(tail, "\u2014 ") {
		line, after, ok := strings.Cut(tail, "\n")
		if !ok {
			return text, ""
		}
		end += len(line) + 1
		tail = after
	}
	return text[:end], text[end:]
}
