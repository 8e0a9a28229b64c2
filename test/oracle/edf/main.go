// Command edf prints what wire/edf reads from a file, for oracle.py beside it,
// which compares it with the pyedflib package of PyPI.
//
//	go run ./test/oracle/edf FILE   "signal", label, rate, unit, gain and digital samples; then "note", onset, duration, text
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/edf"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return vital.Errorf(vital.Invalid, "want one FILE")
	}
	b, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	r, err := edf.Decode(b)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, c := range r.Channels {
		fmt.Fprintf(out, "signal\t%s\t%g\t%s\t%.12g", c.Signal.Label, c.Hz, c.Signal.Unit, c.Signal.Physical(c.Runs[0].Samples[0]))
		for _, run := range c.Runs {
			for _, v := range run.Samples {
				fmt.Fprintf(out, "\t%d", v)
			}
		}
		fmt.Fprintln(out)
	}
	for _, a := range r.Annotations {
		fmt.Fprintf(out, "note\t%.6f\t%.6f\t%s\n", a.At, a.Duration, a.Text)
	}
	return nil
}
