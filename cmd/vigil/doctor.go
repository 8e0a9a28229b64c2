package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// finding is one thing that the doctor looked at.
type finding struct {
	what string
	ok   bool
	said string // what was seen; when not ok, what to do
}

// runDoctor looks at what a server needs, without changing anything.
func runDoctor(ctx context.Context, w world, args []string) error {
	c := defaults()
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(w.err)
	complete := c.bind(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if err := complete(); err != nil {
		return err
	}
	sick := printFindings(w.out, examine(ctx, c))
	if sick > 0 {
		return vital.Errorf(vital.Precondition, "%d of these need attention", sick)
	}
	return nil
}

func printFindings(w io.Writer, list []finding) (sick int) {
	for _, f := range list {
		mark := "ok  "
		if !f.ok {
			mark = "BAD "
			sick++
		}
		fmt.Fprintf(w, "%s %-16s %s\n", mark, f.what, f.said)
	}
	return sick
}

func examine(ctx context.Context, c config) []finding {
	list := []finding{examineData(c), examineKey(c), examineDisk(c), examineSync(c), examineStore(ctx, c), examineClock()}
	for key, address := range map[string]string{"http": c.HTTP, "mqtt": c.MQTT} {
		if address != "" {
			list = append(list, examinePort(key, address))
		}
	}
	slices.SortStableFunc(list[6:], func(a, b finding) int { return len(a.what) - len(b.what) })
	return list
}

func examineData(c config) finding {
	f := finding{what: "data directory"}
	info, err := os.Stat(c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.ok, f.said = true, c.Data+" is not there yet: the first start makes it"
	case err != nil:
		f.said = err.Error()
	case info.Mode().Perm()&0o077 != 0:
		f.said = fmt.Sprintf("%s can be read by others (%v): chmod 700 %s", c.Data, info.Mode().Perm(), c.Data)
	default:
		f.ok, f.said = true, c.Data+" is ours alone"
	}
	return f
}

func examineKey(c config) finding {
	f := finding{what: "keys"}
	place, err := c.rootPlace()
	if err != nil {
		f.said = err.Error()
		return f
	}
	path := place.Path()
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.ok, f.said = true, "not there yet: the first start makes them"
	case err != nil:
		f.said = err.Error()
	case info.Mode().Perm()&0o007 != 0:
		f.said = fmt.Sprintf("%s can be read by others: chmod 600 %s", path, path)
	default:
		f.ok, f.said = true, path+" and the key folder (keep copies of both apart from the backups: without them nothing can be read)"
	}
	if left, err := filepath.Glob(filepath.Join(c.Data, "backups", "vigil-schema*.db")); err == nil && f.ok {
		for _, copied := range left {
			if _, before, _ := strings.Cut(filepath.Base(copied), "schema"); schemaIn(before) < sealedSince {
				f.ok, f.said = false, copied+" is from before names were sealed and holds them readable: remove it once you are content"
			}
		}
	}
	return f
}

// sealedSince is the first schema whose names are sealed.
const sealedSince = 12

// schemaIn reads the schema off the name of a copy made before a migration.
func schemaIn(name string) (n int) {
	fmt.Sscanf(name, "%d", &n)
	return n
}

// existing returns the directory itself or its nearest parent that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func examineDisk(c config) finding {
	f := finding{what: "disk"}
	var s syscall.Statfs_t
	if err := syscall.Statfs(existing(c.Data), &s); err != nil {
		f.said = err.Error()
		return f
	}
	free, share := s.Bavail*uint64(s.Bsize), float64(s.Bavail)/float64(max(s.Blocks, 1))
	f.said = fmt.Sprintf("%.1f GB free, %.0f %%", float64(free)/1e9, 100*share)
	f.ok = free > 2e9 && share > 0.02
	if !f.ok {
		f.said += ": make room, a full disk stops every acknowledgement"
	}
	return f
}

// examineSync measures what an acknowledgement waits for.
func examineSync(c config) finding {
	f := finding{what: "disk sync"}
	file, err := os.CreateTemp(existing(c.Data), ".vigil-sync-*")
	if err != nil {
		f.said = "cannot write beside the data: " + err.Error()
		return f
	}
	defer os.Remove(file.Name())
	defer file.Close()
	var took []time.Duration
	block := make([]byte, 4096)
	for range 50 {
		began := time.Now()
		if _, err := file.Write(block); err != nil {
			f.said = err.Error()
			return f
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			f.said = err.Error()
			return f
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	p50, worst := took[25], took[49]
	f.ok = p50 < 20*time.Millisecond
	f.said = fmt.Sprintf("4 KiB in %.2f ms, at worst %.1f ms of 50", p50.Seconds()*1000, worst.Seconds()*1000)
	if !f.ok {
		f.said += ": this disk is slow; every acknowledgement waits for it"
	}
	return f
}

func examineStore(ctx context.Context, c config) finding {
	f := finding{what: "store"}
	if c.Store == "" {
		if _, err := os.Stat(filepath.Join(c.Data, "vigil.db")); errors.Is(err, fs.ErrNotExist) {
			f.ok, f.said = true, "not there yet: the first start makes it"
			return f
		}
	}
	steps, err := store.Plan(ctx, store.Options{DSN: c.dsn()})
	switch {
	case err != nil:
		f.said = err.Error()
	case len(steps) > 0:
		f.ok, f.said = true, fmt.Sprintf("%d migrations wait for the next start; `vigil migrate --dry-run` shows them", len(steps))
	default:
		f.ok, f.said = true, "its schema is this version's"
	}
	return f
}

// examineClock asks the kernel whether somebody keeps our clock right; every
// reading is timed by it.
func examineClock() finding {
	f := finding{what: "clock"}
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	const unsynchronised, timeError = 0x40, 5
	f.ok = true
	switch {
	case err != nil:
		f.said = "the kernel does not say whether it is kept right: " + err.Error()
	case state == timeError || t.Status&unsynchronised != 0:
		f.said = "the kernel does not know that anybody keeps it right: see that NTP runs (on a virtual machine the host may do it)"
	default:
		f.said = fmt.Sprintf("kept right, within %.1f ms", float64(t.Maxerror)/1000)
	}
	return f
}

func examinePort(key, address string) finding {
	f := finding{what: key + " port"}
	l, err := net.Listen("tcp", address)
	if err != nil {
		f.said = err.Error() + ": is a server running already? then this is as it should be"
		return f
	}
	l.Close()
	f.ok, f.said = true, address+" is free"
	return f
}
