package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vigilcare/vigil/internal/webd"
	"github.com/vigilcare/vigil/vital"
)

// runReplay asks a running server what other rules or limits would have alarmed.
// Nothing is changed by it.
func runReplay(ctx context.Context, w world, args []string) error {
	flags := flag.NewFlagSet("replay", flag.ContinueOnError)
	flags.SetOutput(w.err)
	flags.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil replay [flags]\n\nJudges what was measured once more, by other rules or limits, and compares the alarms\nwith those of what is in force. Nothing is changed.\n\n")
		flags.PrintDefaults()
	}
	var files, limits several
	flags.Var(&files, "rules", "rule file to try in place of the one of that name; may be repeated")
	flags.Var(&limits, "limit", "limit to try, METRIC LOW HIGH UNIT with - for none: \"spo2 88 - %\"; may be repeated")
	ward := flags.String("ward", "", "id of a ward: everybody in it now, at most 72 hours")
	patient := flags.String("patient", "", "id of a patient, at most 14 days")
	back := flags.Duration("last", 24*time.Hour, "how far back")
	asJSON := flags.Bool("json", false, "print everything as JSON")
	open := apiFlags(flags, w)
	if err := flags.Parse(args); err != nil {
		return usageError(err)
	}
	if (*ward == "") == (*patient == "") {
		return vital.Errorf(vital.Invalid, "say --ward or --patient")
	}
	path := "/wards/" + url.PathEscape(*ward)
	if *patient != "" {
		path = "/patients/" + url.PathEscape(*patient)
	}
	return with(ctx, open, func(a *api) error {
		to := vitalNow()
		body := map[string]any{"from": to.Add(-*back), "to": to}
		tried, err := tryLimits(limits)
		if err != nil {
			return err
		}
		if len(tried) > 0 {
			body["limits"] = tried
		}
		if len(files) > 0 {
			set, err := withFiles(ctx, a, files)
			if err != nil {
				return err
			}
			body["files"] = set
		}
		var r webd.Replay
		if err := a.call(ctx, "POST", path+"/replay", body, &r); err != nil {
			return err
		}
		if *asJSON {
			e := json.NewEncoder(w.out)
			e.SetIndent("", "  ")
			return e.Encode(r)
		}
		return printReplay(w, r)
	})
}

// tryLimits reads "spo2 88 - %".
func tryLimits(texts []string) ([]map[string]any, error) {
	var all []map[string]any
	for _, text := range texts {
		f := strings.Fields(text)
		if len(f) != 4 {
			return nil, vital.Errorf(vital.Invalid, "--limit %q: want METRIC LOW HIGH UNIT", text)
		}
		l := map[string]any{"metric": f[0], "unit": f[3]}
		for i, side := range []string{"low", "high"} {
			if f[i+1] == "-" {
				continue
			}
			d, err := vital.ParseDecimal(f[i+1])
			if err != nil {
				return nil, vital.Errorf(vital.Invalid, "--limit %q: %s: %w", text, side, err)
			}
			l[side] = d
		}
		all = append(all, l)
	}
	return all, nil
}

// withFiles puts the files given in place of those of the same name in force.
func withFiles(ctx context.Context, a *api, paths []string) ([]webd.RuleFile, error) {
	var now webd.RuleSet
	if err := a.call(ctx, "GET", "/rules", nil, &now); err != nil {
		return nil, err
	}
	set := now.Files
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "--rules: %w", err)
		}
		name, known := filepath.Base(path), false
		for i := range set {
			if filepath.Base(set[i].Name) == name {
				set[i].Text, known = string(text), true
			}
		}
		if !known {
			set = append(set, webd.RuleFile{Name: name, Text: string(text)})
		}
	}
	return set, nil
}

func printReplay(w world, r webd.Replay) error {
	fmt.Fprintf(w.out, "%d patients, %.1f bed days, %d readings, %s to %s\n\n", r.Patients, r.BedDays, r.Readings, r.From, r.To)
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\talarms\ta bed and day\thigh\tmedium\tlow\t")
	for _, line := range []struct {
		name  string
		tally webd.Tally
	}{{"in force", r.Before}, {"tried", r.After}} {
		p := line.tally.ByPriority
		fmt.Fprintf(t, "%s\t%d\t%.1f\t%d\t%d\t%d\t\n", line.name, line.tally.Alarms, line.tally.PerBedDay, p.High, p.Medium, p.Low)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	n := r.Counts
	fmt.Fprintf(w.out, "\nof those in force: %d the same, %d missed, %d later, %d milder, %d earlier, %d stronger; %d new\n", n.Same, n.Missed, n.Later, n.Milder, n.Earlier, n.Stronger, n.New)
	for _, c := range r.Changes[:min(len(r.Changes), 40)] {
		at, text := int64(0), ""
		for _, x := range []*webd.ReplayAlarm{c.Is, c.Was} {
			if x != nil {
				at, text = x.Raised, x.Text
			}
		}
		fmt.Fprintf(w.out, "%-8s %s %s %s %s\n", c.Kind, vital.Instant(at), c.Patient, c.Rule, text)
	}
	return nil
}
