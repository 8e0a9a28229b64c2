// Package web carries the screens inside the binary, so that `go install` gives
// the whole of Vigil without Node. The sources are in src; `npm run build` writes
// dist, which is committed and compared byte for byte by the build check.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// FS holds index.html at its root and hashed, immutable files under assets/.
var FS = built()

func built() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: dist is not embedded: " + err.Error()) // a constant path that the compiler has checked
	}
	return sub
}
