// Command wfdb prints what wire/wfdb reads from a record, for oracle.py beside
// it, which compares it with the wfdb package of PyPI.
//
//	go run ./test/oracle/wfdb signals RECORD   one line per channel: name, then its samples
//	go run ./test/oracle/wfdb annotations FILE one line per annotation
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ulikunitz/xz"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/wfdb"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return vital.Errorf(vital.Invalid, "want signals RECORD or annotations FILE")
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	dir, name := filepath.Split(args[1])
	open := func(p string) ([]byte, error) { return read(filepath.Join(dir, p)) }
	if args[0] == "annotations" {
		b, err := open(name)
		if err != nil {
			return err
		}
		a, err := wfdb.ParseAnnotations(b)
		if err != nil {
			return err
		}
		for _, x := range a.Items {
			fmt.Fprintf(out, "%d\t%s\t%d\t%d\t%d\t%s\n", x.Sample, a.Symbol(x.Code), x.Subtype, x.Channel, x.Number, x.Text)
		}
		return nil
	}
	r, err := wfdb.Load(name, open)
	if err != nil {
		return err
	}
	for _, c := range r.Channels {
		fmt.Fprintf(out, "%s\t%g\t%d\t%s", c.Signal.Name, c.Signal.Gain, c.Signal.Baseline, c.Signal.Unit)
		for _, v := range c.Samples {
			fmt.Fprintf(out, "\t%d", v)
		}
		fmt.Fprintln(out)
	}
	return nil
}

func read(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		return b, nil
	}
	f, err := os.Open(path + ".xz")
	if err != nil {
		return nil, vital.Errorf(vital.NotFound, "%w", err)
	}
	defer f.Close()
	x, err := xz.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(x)
}
