package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// disk is an ext4 image inside an XFS image: a disk whose power can be cut.
type disk struct {
	dir   string // ordinary folder that holds the XFS image
	outer string // where the XFS image is mounted
	size  string // of the ext4 image
	image string // the ext4 image in use, on outer
	mount string // where it is mounted
	count int
}

func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// newDisk makes both images and mounts them.
func newDisk(dir, size string) (*disk, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("only root may mount an image")
	}
	d := &disk{dir: dir, outer: filepath.Join(dir, "xfs"), size: size}
	d.image = filepath.Join(d.outer, "live.img")
	outside := filepath.Join(dir, "xfs.img")
	for _, step := range [][]string{
		{"truncate", "-s", "20G", outside}, // sparse: takes what is written
		{"mkfs.xfs", "-q", "-m", "reflink=1", outside},
		{"mkdir", "-p", d.outer},
		{"mount", "-o", "loop", outside, d.outer},
		{"truncate", "-s", size, d.image},
		{"mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", d.image},
	} {
		if err := command(step[0], step[1:]...); err != nil {
			return d, err
		}
	}
	return d, d.attach()
}

// attach mounts the image; ext4 replays its journal, as after a power cut.
func (d *disk) attach() error {
	d.count++
	d.mount = filepath.Join(d.dir, fmt.Sprintf("ext4-%d", d.count))
	if err := os.MkdirAll(d.mount, 0o755); err != nil {
		return err
	}
	return command("mount", "-o", "loop", d.image, d.mount)
}

// cut clones the image at this instant, in one atomic step, and returns the time
// just before: what was acknowledged until then is on the clone or is lost.
func (d *disk) cut() (clone string, before time.Time, err error) {
	clone = filepath.Join(d.outer, fmt.Sprintf("cut-%d.img", d.count))
	before = time.Now()
	return clone, before, command("cp", "--reflink=always", d.image, clone)
}

// becomes throws the image away and goes on with the clone.
func (d *disk) becomes(clone string) error {
	if err := d.detach(); err != nil {
		return err
	}
	os.Remove(d.image)
	d.image = clone
	return d.attach()
}

func (d *disk) detach() (err error) {
	for range 50 {
		if err = command("umount", d.mount); err == nil {
			return os.Remove(d.mount)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

func (d *disk) close() {
	if d.mount != "" {
		d.detach()
	}
	for range 50 {
		if command("umount", d.outer) == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	say("could not unmount %s", d.outer)
}
