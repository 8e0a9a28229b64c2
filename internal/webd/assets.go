package webd

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// noncePlaceholder stands in the page where each answer gets a nonce of its own:
// only scripts and styles that carry it count.
const noncePlaceholder = "__VIGIL_NONCE__"

// stamped gives the nonce to what the page loads, and to the page, so that its
// scripts can give it to what they add.
var stamped = strings.NewReplacer(
	"<head>", `<head><meta property="csp-nonce" nonce="`+noncePlaceholder+`" />`,
	"<script ", `<script nonce="`+noncePlaceholder+`" `,
	`<link rel="modulepreload" `, `<link rel="modulepreload" nonce="`+noncePlaceholder+`" `,
	`<link rel="stylesheet" `, `<link rel="stylesheet" nonce="`+noncePlaceholder+`" `,
)

// trustingPage is how a page says that it has a policy of Trusted Types, without
// which a text could become markup or the address of a script.
const trustingPage = `<meta name="trusted-types" content="default"`

// asset is one file of the screens, packed once at the start.
type asset struct {
	kind    string // Content-Type
	plain   []byte
	packed  []byte // gzip; nil where it does not help
	tag     string
	forever bool // its name holds its hash
}

// assets is every file of the screens by path, "/assets/main-3f2a.js".
type assets struct {
	files    map[string]asset
	index    []byte
	trusting bool // the page has a policy of Trusted Types
}

// loadAssets reads and packs all files. A tree without index.html serves none.
func loadAssets(tree fs.FS) (*assets, error) {
	a := &assets{files: make(map[string]asset)}
	if tree == nil {
		return a, nil
	}
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			a.index, a.trusting = []byte(stamped.Replace(string(body))), bytes.Contains(body, []byte(trustingPage))
			return nil
		}
		a.files["/"+name] = pack(name, body)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	return a, err
}

func pack(name string, body []byte) asset {
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".webmanifest":
		kind = "application/manifest+json"
	case ".woff2":
		kind = "font/woff2"
	}
	if kind == "" {
		kind = "application/octet-stream"
	}
	sum := sha256.Sum256(body)
	f := asset{kind: kind, plain: body, tag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`, forever: strings.HasPrefix(name, "assets/")}
	var packed bytes.Buffer
	w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is a valid constant
	w.Write(body)
	w.Close()
	if packed.Len() < len(body)*9/10 {
		f.packed = packed.Bytes()
	}
	return f
}

// serve answers with a file, or with the page for every path that is not a file:
// the page knows its own addresses.
func (a *assets) serve(s *Server, w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		s.writeError(w, r, vital.Errorf(vital.NotFound, "%s %s: there is nothing to do here", r.Method, r.URL.Path))
		return
	}
	f, ok := a.files[r.URL.Path]
	if !ok {
		if strings.HasPrefix(r.URL.Path, "/assets/") || a.index == nil {
			s.writeError(w, r, vital.Errorf(vital.NotFound, "%s: no such file", r.URL.Path))
			return
		}
		a.page(s, w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", f.tag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.packed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}

// page answers with index.html and a policy that lets nothing run and nothing
// style but what carries this answer's nonce, and what such a script loads.
func (a *assets) page(s *Server, w http.ResponseWriter, r *http.Request) {
	nonce := rand.Text()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Security-Policy", contentPolicy(nonce, a.trusting))
	if r.Method == http.MethodGet {
		w.Write(bytes.ReplaceAll(a.index, []byte(noncePlaceholder), []byte(nonce)))
	}
}

// contentPolicy is the Content-Security-Policy of the page. Nothing inline runs
// or styles; positions on a chart are set through the style object, which it does
// not concern.
func contentPolicy(nonce string, trusting bool) string {
	policy := "default-src 'none'; script-src 'nonce-" + nonce + "' 'strict-dynamic'; style-src 'self' 'nonce-" + nonce + "'" +
		"; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'" +
		"; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
	if trusting {
		policy += "; require-trusted-types-for 'script'; trusted-types default"
	}
	return policy
}
