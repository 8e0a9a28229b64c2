package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/vigilcare/vigil/clinical/score"
	"github.com/vigilcare/vigil/vital"
)

const analyseUsage = `usage: vigil analyse SCORE [--full] [FILE]

Reads JSON lines from FILE or standard input and prints one JSON line for each, in the same order:
  {"id":..., "status":"ok|incomplete|refused", "score":number|null, "params":{field:points}, "risk":name|null, "missing":[field]}
An incomplete set has no score; at_least says what its points so far amount to. reason says why a set is not ok.
A line that is no JSON object gives a line with an error, and the exit status is 1 at the end.
null and an absent field are missing; a value that makes no sense refuses the set by name; unknown fields are ignored.
--full adds band, response, caveats, version and source. docs/clinical/ has a page for each score. None is a diagnosis.

Scores and their fields:
`

// analyseField is one field of an input line.
type analyseField struct {
	name string
	part string // of the score: how Result names it
	set  func(v *score.Vitals, raw []byte) error
}

var analyseFields = []analyseField{
	{"resp_rate", "resp-rate", numberField("/min", func(v *score.Vitals) *score.Input { return &v.RespRate })},
	{"spo2", "spo2", numberField("%", func(v *score.Vitals) *score.Input { return &v.SpO2 })},
	{"spo2_scale", "spo2-scale", setScale},
	{"on_oxygen", "oxygen", answerField(func(v *score.Vitals) *score.Answer { return &v.OnOxygen })},
	{"sbp", "systolic", numberField("mm[Hg]", func(v *score.Vitals) *score.Input { return &v.Systolic })},
	{"dbp", "diastolic", numberField("mm[Hg]", func(v *score.Vitals) *score.Input { return &v.Diastolic })},
	{"pulse", "pulse", numberField("/min", func(v *score.Vitals) *score.Input { return &v.Pulse })},
	{"acvpu", "consciousness", codeField("consciousness", strings.ToUpper, func(v *score.Vitals) *score.Input { return &v.Consciousness })},
	{"gcs", "gcs", numberField("{score}", func(v *score.Vitals) *score.Input { return &v.GCS })},
	{"temp_c", "temperature", numberField("Cel", func(v *score.Vitals) *score.Input { return &v.Temperature })},
	{"work_of_breathing", "work-of-breathing", codeField("work-of-breathing", strings.ToLower, func(v *score.Vitals) *score.Input { return &v.WorkOfBreathing })},
	{"oxygen_device", "oxygen", codeField("oxygen-device", strings.ToLower, func(v *score.Vitals) *score.Input { return &v.OxygenDevice })},
	{"oxygen_flow", "oxygen", numberField("L/min", func(v *score.Vitals) *score.Input { return &v.OxygenFlow })},
	{"fio2", "oxygen", numberField("%", func(v *score.Vitals) *score.Input { return &v.InspiredOxygen })},
	{"capillary_refill", "capillary-refill", numberField("s", func(v *score.Vitals) *score.Input { return &v.CapillaryRefill })},
	{"carer_concern", "carer-concern", codeField("carer-concern", strings.ToLower, func(v *score.Vitals) *score.Input { return &v.CarerConcern })},
	{"age_years", "age", setAge},
	{"pregnant", "pregnant", answerField(func(v *score.Vitals) *score.Answer { return &v.Pregnant })},
}

// analyseReads is which fields each score reads; the others are ignored.
var analyseReads = map[string][]string{
	"news2":       {"resp_rate", "spo2", "spo2_scale", "on_oxygen", "sbp", "pulse", "acvpu", "temp_c", "age_years", "pregnant"},
	"mews":        {"resp_rate", "sbp", "pulse", "acvpu", "temp_c", "age_years"},
	"qsofa":       {"resp_rate", "sbp", "gcs", "acvpu", "age_years"},
	"shock-index": {"pulse", "sbp", "age_years"},
	"pews":        {"age_years", "resp_rate", "work_of_breathing", "spo2", "on_oxygen", "oxygen_device", "oxygen_flow", "fio2", "pulse", "sbp", "capillary_refill", "acvpu", "carer_concern"},
	"meows":       {"resp_rate", "spo2", "temp_c", "sbp", "dbp", "pulse", "acvpu", "pregnant"},
}

// analysed is a line of the output.
type analysed struct {
	ID      json.RawMessage `json:"id"`
	Status  score.Status    `json:"status"`
	Score   *vital.Decimal  `json:"score"`
	Params  map[string]int  `json:"params"`
	Risk    *string         `json:"risk"`
	Missing []string        `json:"missing"`
	AtLeast *lowerBound     `json:"at_least,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Error   string          `json:"error,omitempty"`
	*analysedFull
}

// lowerBound is what the points of an incomplete set amount to at least.
type lowerBound struct {
	Score vital.Decimal `json:"score"`
	Risk  *string       `json:"risk"` // null: nothing more than the lowest is certain
}

type analysedFull struct {
	Band     string   `json:"band"`
	Response string   `json:"response"`
	Caveats  []string `json:"caveats"`
	Version  string   `json:"version"`
	Source   string   `json:"source"`
}

func runAnalyse(_ context.Context, w world, args []string) error {
	fs := flag.NewFlagSet("analyse", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	full := fs.Bool("full", false, "")
	names := scoreNames()
	if len(args) == 0 {
		return vital.Errorf(vital.Invalid, "say which score: %s", strings.Join(names, ", "))
	}
	if slices.Contains([]string{"-h", "--help", "help"}, args[0]) {
		fmt.Fprint(w.out, analyseUsage)
		for _, n := range names {
			fmt.Fprintf(w.out, "  %-12s%s\n", n, strings.Join(analyseReads[n], " "))
		}
		return nil
	}
	s, ok := score.Find(args[0])
	if !ok {
		return vital.Errorf(vital.Invalid, "there is no score %q; it is one of %s", args[0], strings.Join(names, ", "))
	}
	if err := fs.Parse(args[1:]); err != nil {
		return vital.Errorf(vital.Invalid, "%w", err)
	}
	if fs.NArg() > 1 {
		return vital.Errorf(vital.Invalid, "one FILE at most")
	}
	in := w.in
	if fs.NArg() == 1 && fs.Arg(0) != "-" {
		f, err := os.Open(fs.Arg(0))
		if err != nil {
			return vital.Errorf(vital.NotFound, "open the sets: %w", err)
		}
		defer f.Close()
		in = f
	}
	lines, bad, err := analyseLines(s, in, w.out, *full)
	if err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d lines could not be read; each has its line of output with an error", bad, lines)
	}
	return nil
}

func scoreNames() (names []string) {
	for _, s := range score.Catalogue {
		names = append(names, s.Name)
	}
	return names
}

// maxAnalyseLine is how long a line may be; a set needs some 200 bytes.
const maxAnalyseLine = 1 << 20

// analyseLines answers each line of in. Blank lines are passed over.
func analyseLines(s score.Score, in io.Reader, out io.Writer, full bool) (lines, bad int, err error) {
	r, w := bufio.NewReaderSize(in, 64<<10), bufio.NewWriter(out)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for number := 1; ; number++ {
		line, tooLong, readErr := readAnalyseLine(r)
		if readErr != nil && !errors.Is(readErr, io.EOF) {
			return lines, bad, errors.Join(fmt.Errorf("read line %d: %w", number, readErr), w.Flush())
		}
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if line = bytes.TrimSpace(line); len(line) > 0 || tooLong {
			lines++
			a := analyseLine(s, line, full)
			if tooLong {
				a = unreadable(nil, fmt.Errorf("longer than %d bytes", maxAnalyseLine))
			}
			if a.Error != "" {
				a.Error = fmt.Sprintf("line %d: %s", number, a.Error)
				bad++
			}
			if err := encoder.Encode(a); err != nil {
				return lines, bad, fmt.Errorf("write: %w", err)
			}
		}
		if r.Buffered() == 0 || readErr != nil {
			if err := w.Flush(); err != nil {
				return lines, bad, fmt.Errorf("write: %w", err)
			}
		}
		if readErr != nil {
			return lines, bad, nil
		}
	}
}

// readAnalyseLine reads to the end of a line, keeping no more than may be long.
func readAnalyseLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > maxAnalyseLine; !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

func unreadable(id json.RawMessage, err error) analysed {
	return analysed{ID: orNull(id), Status: score.Refused, Params: map[string]int{}, Missing: []string{}, Reason: "the line could not be read", Error: err.Error()}
}

func orNull(id json.RawMessage) json.RawMessage {
	if id == nil {
		return json.RawMessage("null")
	}
	return id
}

// analyseLine scores one set.
func analyseLine(s score.Score, line []byte, full bool) analysed {
	fields, twice, err := splitObject(line)
	if err != nil {
		return unreadable(fields["id"], err)
	}
	v := score.Vitals{AgeYears: -1}
	var faults []string
	faulty := map[string]bool{}
	for _, f := range analyseFields {
		raw := fields[f.name]
		if !slices.Contains(analyseReads[s.Name], f.name) || raw == nil {
			continue
		}
		err := error(nil)
		if slices.Contains(twice, f.name) {
			err = errors.New("said twice")
		} else if string(raw) != "null" {
			err = f.set(&v, raw)
		}
		if err != nil {
			faults, faulty[f.name] = append(faults, f.name+": "+err.Error()), true
		}
	}
	r := s.Compute(v, 0)
	for _, f := range r.Faults {
		faults = append(faults, strings.Join(append(fieldNames(s, []string{f.Part}), f.Why), ": "))
	}
	a := analysed{ID: orNull(fields["id"]), Status: r.Status, Params: map[string]int{}, Missing: []string{}, Reason: r.Reason}
	for _, name := range fieldNames(s, r.Missing) {
		if !faulty[name] {
			a.Missing = append(a.Missing, name)
		}
	}
	if full {
		a.analysedFull = &analysedFull{Band: r.Band, Response: r.Response, Caveats: append([]string{}, r.Caveats...), Version: r.Version, Source: r.Source}
	}
	if len(faults) > 0 {
		a.Status, a.Reason = score.Refused, strings.Join(faults, "; ")
		if full {
			a.Band, a.Response = "", ""
		}
		return a
	}
	for _, p := range r.Parts {
		if !p.Missing && !p.Stale && s.Unit == "{score}" {
			a.Params[fieldNames(s, []string{p.Name})[0]] = p.Points
		}
	}
	risk := &r.Risk
	if r.Risk == "" {
		risk = nil
	}
	switch {
	case r.Status == score.OK:
		a.Score, a.Risk = &r.Score, risk
	case s.Unit == "{score}":
		a.AtLeast = &lowerBound{r.Score, risk}
	}
	return a
}

// fieldNames turns the names of a score's parts into names of fields.
func fieldNames(s score.Score, parts []string) (names []string) {
	for _, part := range parts {
		for _, f := range analyseFields {
			if f.part == part && slices.Contains(analyseReads[s.Name], f.name) {
				names = append(names, f.name)
				break
			}
		}
	}
	return names
}

// splitObject reads an object's fields as they stand, and names those said twice.
func splitObject(line []byte) (fields map[string]json.RawMessage, twice []string, err error) {
	d := json.NewDecoder(bytes.NewReader(line))
	fields = map[string]json.RawMessage{}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fields, nil, errors.New("not a JSON object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fields, nil, fmt.Errorf("not JSON: %w", err)
		}
		name := t.(string) // the decoder gives nothing else for a key
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fields, nil, fmt.Errorf("not JSON: %w", err)
		}
		if _, there := fields[name]; there {
			twice = append(twice, name)
		}
		fields[name] = raw
	}
	if _, err := d.Token(); err != nil {
		return fields, nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fields, nil, errors.New("something follows the object")
	}
	return fields, twice, nil
}

// what names a JSON value's kind for a person.
func what(raw []byte) string {
	switch raw[0] {
	case '"':
		return "text"
	case 't', 'f':
		return "true or false"
	case '{':
		return "an object"
	case '[':
		return "a list"
	}
	return "a number"
}

func parseNumber(raw []byte) (vital.Decimal, error) {
	if what(raw) != "a number" {
		return vital.Decimal{}, fmt.Errorf("want a number, got %s", what(raw))
	}
	return vital.ParseDecimalBytes(raw)
}

func numberField(unit string, of func(*score.Vitals) *score.Input) func(*score.Vitals, []byte) error {
	return func(v *score.Vitals, raw []byte) error {
		d, err := parseNumber(raw)
		if err == nil {
			*of(v) = score.Number(d, unit)
		}
		return err
	}
}

// codeField reads a code of a metric, in capitals or not.
func codeField(metric string, spell func(string) string, of func(*score.Vitals) *score.Input) func(*score.Vitals, []byte) error {
	return func(v *score.Vitals, raw []byte) error {
		var text string
		codes := vital.LookMetric(metric).Codes
		if json.Unmarshal(raw, &text) != nil {
			return fmt.Errorf("want one of %s, got %s", strings.Join(codes, " "), what(raw))
		}
		code := spell(text)
		if !slices.Contains(codes, code) {
			return fmt.Errorf("%.40q is not one of %s", text, strings.Join(codes, " "))
		}
		*of(v) = score.Code(code)
		return nil
	}
}

func answerField(of func(*score.Vitals) *score.Answer) func(*score.Vitals, []byte) error {
	return func(v *score.Vitals, raw []byte) error {
		switch string(raw) {
		case "true":
			*of(v) = score.Yes
		case "false":
			*of(v) = score.No
		default:
			return fmt.Errorf("want true or false, got %s", what(raw))
		}
		return nil
	}
}

func setScale(v *score.Vitals, raw []byte) error {
	d, err := parseNumber(raw)
	if err != nil {
		return err
	}
	for n := range 2 {
		if d.Compare(vital.Whole(int64(n+1))) == 0 {
			v.SpO2Scale = n + 1
			return nil
		}
	}
	return fmt.Errorf("there is scale 1 and scale 2, not %s", d)
}

// oldest is the age above which a number is no age: nobody was ever older than
// 122 years.
const oldest = 130

func setAge(v *score.Vitals, raw []byte) error {
	d, err := parseNumber(raw)
	if err != nil {
		return err
	}
	if d.Sign() < 0 || d.Compare(vital.Whole(oldest)) > 0 {
		return fmt.Errorf("%s years is not an age", d)
	}
	v.AgeYears = d.Float()
	return nil
}
