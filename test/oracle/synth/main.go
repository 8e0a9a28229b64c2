// Command synth prints ten minutes of one simulated patient for oracle.py beside
// it, which lets an independent detector find the beats.
//
//	go run ./test/oracle/synth RATE fibrillating|sinus   two lines: ECG samples in mV at 250 Hz; beats in s
package main

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"github.com/vigilcare/vigil/synth"
	"github.com/vigilcare/vigil/vital"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return vital.Errorf(vital.Invalid, "want RATE and fibrillating or sinus")
	}
	rate, err := vital.ParseDecimal(args[0])
	if err != nil {
		return err
	}
	p := synth.Profile{HeartRate: rate.Float(), Age: 30, Ectopy: 3, Fibrillating: args[1] == "fibrillating"}
	o := synth.NewPatient(42, p, nil, nil).Step(10 * time.Minute)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, w := range o.Waves {
		if w.Metric != "ecg-ii" {
			continue
		}
		for _, v := range w.Samples {
			fmt.Fprintf(out, "%g ", float64(v)*w.Gain.Float())
		}
	}
	fmt.Fprintln(out)
	for _, e := range o.Truth {
		if e.Kind == "beat" {
			fmt.Fprintf(out, "%.3f ", e.At.Seconds())
		}
	}
	fmt.Fprintln(out)
	return nil
}
