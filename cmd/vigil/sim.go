package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/synth"
	"github.com/vigilcare/vigil/vital"
)

// simFlags is what `vigil sim` was asked to do.
type simFlags struct {
	server, credentials, authority, truth, wears, faults string
	patients                                             int
	rate                                                 float64
	waves, json                                          bool
	length                                               time.Duration
	seed                                                 uint64
	scenarios                                            []string
}

// runSim simulates patients and sends what their devices measure to any server.
func runSim(ctx context.Context, w world, args []string) error {
	f, err := parseSim(w, args)
	if err != nil {
		return err
	}
	devices, err := f.devices(w.getenv("VIGIL_PASSWORD"))
	if err != nil {
		return err
	}
	secure, err := tlsConfig(f.authority)
	if err != nil {
		return err
	}
	fleet := DeviceFleet{
		Server: f.server, TLS: secure, Devices: devices, Settle: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(w.err, nil)), Tally: &tally{},
	}
	fleet.Tally.report = func(err error) { fleet.Log.Warn("trying again", "error", err) }
	if f.truth != "" {
		file, err := os.Create(f.truth)
		if err != nil {
			return fileError(err)
		}
		defer file.Close()
		out := bufio.NewWriter(file)
		defer out.Flush()
		fleet.Truth = truthTo(out)
	}
	if f.length > 0 {
		limited, stop := context.WithTimeout(ctx, f.length)
		defer stop()
		ctx = limited
	}
	started := time.Now()
	err = runDevices(ctx, fleet)
	printed := fleet.Tally.summary(time.Since(started)).print(w.out, f.json)
	return firstError(err, printed)
}

func parseSim(w world, args []string) (simFlags, error) {
	var f simFlags
	set := flag.NewFlagSet("sim", flag.ContinueOnError)
	set.SetOutput(w.err)
	set.StringVar(&f.server, "server", "mqtt://127.0.0.1:1883", "MQTT server: mqtt://HOST:PORT or mqtts://HOST:PORT")
	set.IntVar(&f.patients, "patients", 0, "how many; default: as many as there are credentials, else 16")
	set.Float64Var(&f.rate, "rate", 1, "how many times a second each device sends its numbers, 0.01 to 1000")
	set.BoolVar(&f.waves, "waves", false, "send waveforms too: ECG 250 Hz, pleth 125 Hz, breathing 25 Hz")
	set.Func("scenario", "`[PATIENT:]NAME[@START][xPACE]`, as in sepsis@10m or 3:bleed@1mx5; may be given several times ("+strings.Join(scenarioNames(), ", ")+")", func(s string) error {
		f.scenarios = append(f.scenarios, s)
		return nil
	})
	set.StringVar(&f.faults, "faults", "", "faults of every device, with commas: NAME[@START][+LENGTH][=SIZE] (lead-off, probe-off, motion, gap, outage, duplicate, reorder, clock-jump, drift), or random")
	set.StringVar(&f.wears, "wears", "monitor", "devices on each patient, with commas: monitor, glucose, accelerometer")
	set.StringVar(&f.credentials, "credentials", "", "CSV `file` device,username,password, as `vigil device add` prints; default: sim-001 and so on with $VIGIL_PASSWORD")
	set.StringVar(&f.authority, "ca", "", "PEM `file` of the authority that signed the server's certificate")
	set.StringVar(&f.truth, "truth", "", "write what only the simulation knows (beats, falls, onsets) to this `file`, a JSON object a line")
	set.DurationVar(&f.length, "for", 0, "stop after this time; 0: when interrupted")
	set.Uint64Var(&f.seed, "seed", 1, "the same seed gives the same patients")
	set.BoolVar(&f.json, "json", false, "print the summary as JSON")
	set.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil sim [flags]\n\n")
		set.PrintDefaults()
	}
	if err := set.Parse(args); err != nil {
		return f, flagError(err)
	}
	switch {
	case set.NArg() > 0:
		return f, vital.Errorf(vital.Invalid, "%q is not a flag", set.Arg(0))
	case f.patients < 0 || f.patients > 100_000:
		return f, vital.Errorf(vital.Invalid, "-patients %d: want 1 to 100000", f.patients)
	case !(f.rate >= 0.01 && f.rate <= 1000):
		return f, vital.Errorf(vital.Invalid, "-rate %v: want 0.01 to 1000", f.rate)
	case f.length < 0:
		return f, vital.Errorf(vital.Invalid, "-for %s: want a length of time above 0", f.length)
	}
	return f, nil
}

// devices makes the patients and gives each a credential.
func (f simFlags) devices(password string) ([]SimDevice, error) {
	credentials, err := f.login(password)
	if err != nil {
		return nil, err
	}
	var wears []synth.Wearable
	for _, s := range strings.Split(f.wears, ",") {
		x := synth.Wearable(strings.TrimSpace(s))
		if !slices.Contains([]synth.Wearable{synth.Monitor, synth.GlucoseSensor, synth.Accelerometer}, x) {
			return nil, vital.Errorf(vital.Invalid, "-wears %q: there is monitor, glucose, accelerometer", s)
		}
		wears = append(wears, x)
	}
	out := make([]SimDevice, len(credentials))
	for i, c := range credentials {
		seed := f.seed*1_000_003 + uint64(i)
		p := synth.Someone(seed)
		p.Wears, p.Active = wears, slices.Contains(wears, synth.Accelerometer)
		out[i] = SimDevice{ID: c.Device, Username: c.Username, Password: c.Password, Seed: seed, Profile: p, Waves: f.waves, Rate: f.rate}
		if f.faults == "random" {
			out[i].Faults = synth.RandomFaults(seed, 24*time.Hour)
			continue
		}
		for _, s := range strings.FieldsFunc(f.faults, func(r rune) bool { return r == ',' }) {
			fault, err := synth.ParseFault(strings.TrimSpace(s))
			if err != nil {
				return nil, err
			}
			out[i].Faults = append(out[i].Faults, fault)
		}
	}
	for _, s := range f.scenarios {
		first, last, text := 0, len(out), s
		if who, rest, has := strings.Cut(s, ":"); has {
			n, err := strconv.Atoi(who)
			if err != nil || n < 1 || n > len(out) {
				return nil, vital.Errorf(vital.Invalid, "-scenario %q: want a patient from 1 to %d before the colon", s, len(out))
			}
			first, last, text = n-1, n, rest
		}
		scenario, err := synth.ParseScenario(text)
		if err != nil {
			return nil, err
		}
		for i := first; i < last; i++ {
			out[i].Scenarios = append(out[i].Scenarios, scenario)
		}
	}
	return out, nil
}

func (f simFlags) login(password string) ([]credential, error) {
	if f.credentials != "" {
		all, err := readCredentials(f.credentials)
		if err != nil {
			return nil, err
		}
		if f.patients > len(all) {
			return nil, vital.Errorf(vital.Invalid, "%s has %d devices for %d patients", f.credentials, len(all), f.patients)
		}
		if f.patients > 0 {
			all = all[:f.patients]
		}
		return all, nil
	}
	n := f.patients
	if n == 0 {
		n = 16
	}
	out := make([]credential, n)
	for i := range out {
		id := fmt.Sprintf("sim-%03d", i+1)
		out[i] = credential{id, id, password}
	}
	return out, nil
}

func scenarioNames() []string {
	var names []string
	for n := range synth.Scenarios() {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// truthTo writes each event as a line of JSON.
func truthTo(out *bufio.Writer) func(string, time.Time, synth.Event) {
	var mu sync.Mutex
	return func(device string, at time.Time, e synth.Event) {
		b, err := json.Marshal(map[string]string{"device": device, "time": at.UTC().Format("2006-01-02T15:04:05.000Z"), "kind": e.Kind, "code": e.Code})
		if err != nil {
			return // strings always marshal
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = out.Write(append(b, '\n')) // a full disk shows when the file is closed
	}
}
