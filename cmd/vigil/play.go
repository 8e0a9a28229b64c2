package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ulikunitz/xz"

	"github.com/vigilcare/vigil/vital"
)

// playFlags is what `vigil play` was asked to do.
type playFlags struct {
	server, device, username, password, credentials, authority string
	annotator                                                  string
	speed                                                      float64
	loop, json, dry                                            bool
	from, length                                               time.Duration
	start                                                      string
	paths                                                      []string
}

// runPlay plays recordings as a device would send them: over MQTT, with the
// device's own credential, in the recording's own time.
func runPlay(ctx context.Context, w world, args []string) error {
	f, err := parsePlay(w, args)
	if err != nil {
		return err
	}
	var tapes []recording
	for _, p := range f.paths {
		r, err := loadRecording(p, f.annotator)
		if err != nil {
			return vital.Errorf(vital.KindOf(err), "reading %s: %w", p, err)
		}
		if r, err = r.cut(f.from, f.length); err != nil {
			return vital.Errorf(vital.KindOf(err), "%s: %w", p, err)
		}
		r.describe(w.err)
		tapes = append(tapes, r)
	}
	if f.dry {
		return nil
	}
	begin := time.Time{}
	if f.start != "" {
		if begin, err = time.Parse(time.RFC3339, f.start); err != nil {
			return vital.Errorf(vital.Invalid, "-start %q: want a time like 2026-11-22T09:30:00+01:00", f.start)
		}
	}
	devices, err := f.devices()
	if err != nil {
		return err
	}
	secure, err := tlsConfig(f.authority)
	if err != nil {
		return err
	}
	counts := &tally{report: func(err error) { fmt.Fprintf(w.err, "trying again: %v\n", err) }}
	started := time.Now()
	var wait sync.WaitGroup
	failures := make([]error, len(devices))
	for i, d := range devices {
		mine := tapes
		if len(devices) > 1 {
			mine = tapes[i : i+1]
		}
		wait.Go(func() {
			b := broker{Server: f.server, TLS: secure, ClientID: d.Device, Username: d.Username, Password: d.Password}
			p := player{broker: b, speed: f.speed, loop: f.loop, begin: begin, tally: counts}
			failures[i] = p.play(ctx, mine)
		})
	}
	wait.Wait()
	if err := errors.Join(failures...); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return counts.summary(time.Since(started)).print(w.out, f.json)
}

func parsePlay(w world, args []string) (playFlags, error) {
	var f playFlags
	set := flag.NewFlagSet("play", flag.ContinueOnError)
	set.SetOutput(w.err)
	set.StringVar(&f.server, "server", "mqtt://127.0.0.1:1883", "MQTT server")
	set.StringVar(&f.device, "device", "", "device `id`: the MQTT client id")
	set.StringVar(&f.username, "username", "", "user name; default: the device id")
	set.StringVar(&f.password, "password", "", "password; default: $VIGIL_PASSWORD")
	set.StringVar(&f.credentials, "credentials", "", "CSV `file` device,username,password: each path plays as the next device of it, at once")
	set.StringVar(&f.authority, "ca", "", "PEM `file` of the authority that signed the server's certificate")
	set.StringVar(&f.annotator, "annotations", "atr", "which WFDB annotation file to send as events")
	set.Float64Var(&f.speed, "speed", 1, "1 to 1000 times as fast as it was recorded")
	set.BoolVar(&f.loop, "loop", false, "begin again at the end (speed 1 only)")
	set.DurationVar(&f.from, "from", 0, "begin this far into the recording")
	set.DurationVar(&f.length, "for", 0, "play this much of it; 0: all")
	set.StringVar(&f.start, "start", "", "the device `time` of the beginning, in the past; default: so that the end is now")
	set.BoolVar(&f.json, "json", false, "print the summary as JSON")
	set.BoolVar(&f.dry, "dry-run", false, "read the recordings, say what is in them, send nothing")
	set.Usage = func() {
		fmt.Fprint(w.err, "usage: vigil play PATH... [flags]\n\nPATH is a WFDB record (100 or 100.hea), an EDF, EDF+ or BDF file, or a CSV file; .gz and .xz are opened.\n\n")
		set.PrintDefaults()
	}
	// Flags may stand before and after the paths.
	for rest := args; ; {
		if err := set.Parse(rest); err != nil {
			return f, flagError(err)
		}
		if set.NArg() == 0 {
			break
		}
		f.paths = append(f.paths, set.Arg(0))
		rest = set.Args()[1:]
	}
	switch {
	case len(f.paths) == 0:
		return f, vital.Errorf(vital.Invalid, "name a recording to play")
	case !(f.speed >= 1 && f.speed <= 1000):
		return f, vital.Errorf(vital.Invalid, "-speed %v: want 1 to 1000", f.speed)
	case f.loop && f.speed != 1:
		return f, vital.Errorf(vital.Invalid, "-loop plays at speed 1 only: faster, each round would have to begin before the last one ended")
	case f.from < 0 || f.length < 0:
		return f, vital.Errorf(vital.Invalid, "-from and -for: want a length of time above 0")
	case f.credentials == "" && f.device == "" && !f.dry:
		return f, vital.Errorf(vital.Invalid, "name the device that plays: -device ID and -password, or -credentials FILE (`vigil device add recorder-1 > credentials.csv` makes one)")
	}
	if f.password == "" {
		f.password = w.getenv("VIGIL_PASSWORD")
	}
	return f, nil
}

// flagError makes a wrong flag a wrong call (exit status 2) and leaves -h alone.
func flagError(err error) error {
	if errors.Is(err, flag.ErrHelp) {
		return err
	}
	return vital.Errorf(vital.Invalid, "%w", err)
}

// devices returns who plays: one device for all paths, or one for each.
func (f playFlags) devices() ([]credential, error) {
	if f.credentials == "" {
		d := credential{Device: f.device, Username: f.username, Password: f.password}
		if d.Username == "" {
			d.Username = d.Device
		}
		return []credential{d}, nil
	}
	all, err := readCredentials(f.credentials)
	if err != nil {
		return nil, err
	}
	if f.device != "" {
		for _, c := range all {
			if c.Device == f.device {
				return []credential{c}, nil
			}
		}
		return nil, vital.Errorf(vital.NotFound, "%s has no device %q", f.credentials, f.device)
	}
	if len(all) < len(f.paths) {
		return nil, vital.Errorf(vital.Invalid, "%s has %d devices for %d recordings", f.credentials, len(all), len(f.paths))
	}
	return all[:len(f.paths)], nil
}

// credential is one line of what `vigil device add` prints.
type credential struct{ Device, Username, Password string }

func readCredentials(path string) ([]credential, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fileError(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, vital.Errorf(vital.Invalid, "credentials %s: %w", path, err)
	}
	var all []credential
	for i, r := range rows {
		if len(r) < 3 {
			return nil, vital.Errorf(vital.Invalid, "credentials %s line %d: want device,username,password", path, i+1)
		}
		if r[0] == "device" && r[1] == "username" { // the names of the columns; lists may be joined
			continue
		}
		all = append(all, credential{r[0], r[1], r[2]})
	}
	if len(all) == 0 {
		return nil, vital.Errorf(vital.Invalid, "credentials %s: no device in it", path)
	}
	return all, nil
}

// loadRecording reads whatever kind of recording lies at path.
func loadRecording(path, annotator string) (recording, error) {
	plain := strings.TrimSuffix(strings.TrimSuffix(path, ".gz"), ".xz")
	switch strings.ToLower(filepath.Ext(plain)) {
	case ".edf", ".bdf", ".rec":
		return loadEDF(path)
	case ".csv":
		return loadCSV(path)
	}
	return loadWFDB(plain, annotator)
}

// largest bounds what is read into memory of one file, packed ones included.
const largest = 1 << 30

// readUnpacked returns the bytes of a file that may lie there as such, or packed
// as .xz or .gz; a name that ends so is unpacked too.
func readUnpacked(path string) ([]byte, error) {
	for _, suffix := range []string{"", ".xz", ".gz"} {
		f, err := os.Open(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fileError(err)
		}
		defer f.Close()
		var r io.Reader = f
		switch filepath.Ext(path + suffix) {
		case ".xz":
			r, err = xz.NewReader(f)
		case ".gz":
			r, err = gzip.NewReader(f)
		}
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "%s: %w", path+suffix, err)
		}
		b, err := io.ReadAll(io.LimitReader(r, largest+1))
		if err != nil {
			return nil, vital.Errorf(vital.Invalid, "%s: %w", path+suffix, err)
		}
		if len(b) > largest {
			return nil, vital.Errorf(vital.TooMuch, "%s is over %d bytes", path+suffix, largest)
		}
		return b, nil
	}
	return nil, vital.Errorf(vital.NotFound, "%s is not there", path)
}

func fileError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return vital.Errorf(vital.NotFound, "%w", err)
	}
	return vital.Errorf(vital.Unavailable, "%w", err)
}

// tlsConfig trusts the system's authorities, or the one in a PEM file alone.
func tlsConfig(authority string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if authority == "" {
		return c, nil
	}
	b, err := os.ReadFile(authority)
	if err != nil {
		return nil, fileError(err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(b) {
		return nil, vital.Errorf(vital.Invalid, "%s holds no certificate", authority)
	}
	return c, nil
}

// summary is what a sending command says at its end.
type summary struct {
	Seconds      float64 `json:"seconds"`
	Sent         uint64  `json:"sent"`
	Acknowledged uint64  `json:"acknowledged"`
	Resent       uint64  `json:"resent"`
	Refused      uint64  `json:"refused"`   // packets that the server would not take
	Lost         uint64  `json:"lost"`      // dropped from a device's full memory
	Unfinished   uint64  `json:"unsettled"` // made and not acknowledged when it stopped
	Connections  uint64  `json:"connections"`
	Failures     uint64  `json:"connect_failures"`
	Bytes        uint64  `json:"bytes"`
	AcksPerS     float64 `json:"acks_per_s"`
	AckP50       float64 `json:"ack_p50_ms"`
	AckP99       float64 `json:"ack_p99_ms"`
	Trouble      string  `json:"last_trouble,omitempty"`
}

func (t *tally) summary(took time.Duration) summary {
	s := summary{
		Seconds: took.Seconds(), Sent: t.sent.Load(), Acknowledged: t.acknowledged.Load(), Resent: t.resent.Load(),
		Refused: t.refused.Load(), Lost: t.lost.Load(), Connections: t.connections.Load(), Failures: t.refusals.Load(), Bytes: t.bytes.Load(),
		AckP50: t.quantile(0.5), AckP99: t.quantile(0.99),
	}
	s.Unfinished = t.made.Load() - s.Acknowledged - s.Refused - s.Lost
	s.AcksPerS = float64(s.Acknowledged) / s.Seconds
	if err := t.trouble(); err != nil {
		s.Trouble = err.Error()
	}
	return s
}

// print writes the summary; a run of which nothing was acknowledged has failed.
func (s summary) print(out io.Writer, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(out).Encode(s); err != nil {
			return err
		}
	} else {
		s.write(out)
	}
	if s.Acknowledged == 0 {
		return vital.Errorf(vital.Unavailable, "nothing was acknowledged")
	}
	return nil
}

func (s summary) write(out io.Writer) {
	fmt.Fprintf(out, "sent %d packets (%d bytes) in %.1f s over %d connections; acknowledged %d (%.1f per s), p50 %.2f ms, p99 %.2f ms\n",
		s.Sent, s.Bytes, s.Seconds, s.Connections, s.Acknowledged, s.AcksPerS, s.AckP50, s.AckP99)
	if s.Resent+s.Refused+s.Lost+s.Unfinished+s.Failures > 0 {
		fmt.Fprintf(out, "sent again %d, refused %d, lost from full memories %d, not acknowledged at the end %d, connections that failed %d\n",
			s.Resent, s.Refused, s.Lost, s.Unfinished, s.Failures)
	}
	if s.Trouble != "" {
		fmt.Fprintf(out, "last trouble: %s\n", s.Trouble)
	}
}
