//go:build !unix

package journal

import "os"

// lockFile opens path; where files cannot be locked, keeping a second process
// away is left to the operator.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}
