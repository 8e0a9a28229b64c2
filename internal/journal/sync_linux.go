package journal

import (
	"os"
	"syscall"
)

// syncData makes what was written survive a power cut, with the size of the file
// and without its times.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
