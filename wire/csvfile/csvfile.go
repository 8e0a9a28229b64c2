// Package csvfile reads a recording kept as a table: one row per time, one
// column per metric, each number column with its unit in brackets.
//
//	time,heart-rate [/min],spo2 [%],consciousness
//	2026-11-22T09:30:00+01:00,72,97,A
//	2026-11-22T09:30:01+01:00,73,,A
//
// Why so strict: a table without units has to be guessed at, and a guessed unit
// has harmed patients. Times are RFC 3339 with an offset, or seconds from the
// beginning ("time [s]"), or milliseconds ("time [ms]"). An empty cell is no
// measurement. A column without a unit holds codes; one named "event" holds
// events. Commas, semicolons and tabs all separate; "#" begins a comment line.
package csvfile

import (
	"bytes"
	"encoding/csv"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// Limits of one table.
const (
	maxColumns = 1000
	maxCells   = 50_000_000
)

// Table is a parsed file.
type Table struct {
	Start   time.Time // of the first row; zero when times only count from the beginning
	Times   []int64   // microseconds since the first row, never falling
	Columns []Column
}

// Column is one metric. Cells has one entry per row; Present says which are measured.
type Column struct {
	Metric  string
	Unit    string // empty: codes
	Cells   []vital.Value
	Present []bool
}

// Parse reads a table. Errors name the line and the column.
func Parse(b []byte) (Table, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = separator(b)
	r.Comment = '#'
	r.ReuseRecord = true
	r.TrimLeadingSpace = r.Comma != '\t'
	head, err := r.Read()
	if err != nil {
		return Table{}, vital.Errorf(vital.Invalid, "csv: the line of column names: %w", err)
	}
	var t Table
	unit, err := t.head(head)
	if err != nil {
		return Table{}, err
	}
	var first int64
	for cells := 0; ; cells += len(t.Columns) {
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Table{}, vital.Errorf(vital.Invalid, "csv: %w", err)
		}
		line, _ := r.FieldPos(0) // only a row that was read has a place
		if cells > maxCells {
			return Table{}, vital.Errorf(vital.TooMuch, "csv line %d: more than %d cells", line, maxCells)
		}
		at, absolute, err := parseTime(row[0], unit)
		if err != nil {
			return Table{}, vital.Errorf(vital.Invalid, "csv line %d: %w", line, err)
		}
		if len(t.Times) == 0 {
			if first = at; absolute {
				t.Start = time.UnixMicro(at).UTC()
			}
		} else if absolute == t.Start.IsZero() {
			return Table{}, vital.Errorf(vital.Invalid, "csv line %d: time %.40q: some times have a date and some do not", line, row[0])
		}
		if n := len(t.Times); n > 0 && at-first < t.Times[n-1] {
			return Table{}, vital.Errorf(vital.Invalid, "csv line %d: time %.40q is before that of the line above", line, row[0])
		}
		t.Times = append(t.Times, at-first)
		for i := range t.Columns {
			if err := t.Columns[i].add(row[i+1]); err != nil {
				return Table{}, vital.Errorf(vital.Invalid, "csv line %d, %s: %w", line, t.Columns[i].Metric, err)
			}
		}
	}
	if len(t.Times) == 0 {
		return Table{}, vital.Errorf(vital.Invalid, "csv: no rows")
	}
	return t, nil
}

// separator returns what the first line that is no comment is separated by.
func separator(b []byte) rune {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if b = rest; len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		for _, c := range []byte{'\t', ';'} {
			if bytes.IndexByte(line, c) >= 0 && bytes.IndexByte(line, ',') < 0 {
				return rune(c)
			}
		}
		break
	}
	return ','
}

// head reads the column names and returns how many microseconds one of the
// time column's units lasts.
func (t *Table) head(names []string) (unit float64, err error) {
	if len(names) < 2 || len(names) > maxColumns {
		return 0, vital.Errorf(vital.Invalid, "csv: %d columns: want time and 1 to %d metrics", len(names), maxColumns-1)
	}
	name, u := nameAndUnit(names[0])
	units := map[string]float64{"": 1e6, "s": 1e6, "ms": 1e3, "us": 1}
	unit, known := units[u]
	if name != "time" || !known {
		return 0, vital.Errorf(vital.Invalid, "csv: the first column is %.40q: want \"time\", \"time [s]\", \"time [ms]\" or \"time [us]\"", names[0])
	}
	seen := map[string]bool{}
	for i, s := range names[1:] {
		c := Column{}
		if c.Metric, c.Unit = nameAndUnit(s); c.Metric == "" {
			return 0, vital.Errorf(vital.Invalid, "csv: column %d has no name", i+2)
		}
		if seen[c.Metric] {
			return 0, vital.Errorf(vital.Invalid, "csv: two columns are named %q", c.Metric)
		}
		seen[c.Metric] = true
		t.Columns = append(t.Columns, c)
	}
	return unit, nil
}

// nameAndUnit splits "blood-pressure [mm[Hg]]": the unit lies between the first
// bracket and the last.
func nameAndUnit(s string) (name, unit string) {
	s = strings.TrimSpace(s)
	open := strings.IndexByte(s, '[')
	if open < 0 || !strings.HasSuffix(s, "]") {
		return s, ""
	}
	return strings.TrimSpace(s[:open]), strings.TrimSpace(s[open+1 : len(s)-1])
}

func parseTime(s string, unit float64) (at int64, absolute bool, err error) {
	s = strings.TrimSpace(s)
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		if us := v * unit; math.Abs(us) < 1e17 {
			return int64(math.Round(us)), false, nil
		}
		return 0, false, vital.Errorf(vital.Invalid, "time %.40q: out of range", s)
	}
	d, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, false, vital.Errorf(vital.Invalid, "time %.40q: want seconds, or RFC 3339 with an offset like 2026-11-22T09:30:00+01:00", s)
	}
	return d.UnixMicro(), true, nil
}

func (c *Column) add(cell string) error {
	cell = strings.TrimSpace(cell)
	var v vital.Value
	if cell != "" {
		if c.Unit == "" {
			v = vital.Coded(cell)
		} else {
			d, err := vital.ParseDecimal(cell)
			if err != nil {
				return err
			}
			v = vital.Num(d)
		}
	}
	c.Cells = append(c.Cells, v)
	c.Present = append(c.Present, cell != "")
	return nil
}

// Rate returns how many rows there are a second when they are evenly spaced:
// no step may differ from the mean by more than 2 % of it plus what the
// rounding of the times explains.
func (t Table) Rate() (hz float64, even bool) {
	n := len(t.Times)
	if n < 3 || t.Times[n-1] == 0 {
		return 0, false
	}
	mean := float64(t.Times[n-1]) / float64(n-1)
	// Times written with few digits jitter by one unit of the last digit.
	slack := 0.02*mean + float64(resolution(t.Times))
	for i := 1; i < n; i++ {
		if math.Abs(float64(t.Times[i]-t.Times[i-1])-mean) > slack || math.Abs(float64(t.Times[i])-mean*float64(i)) > slack+mean/2 {
			return 0, false
		}
	}
	return 1e6 / mean, true
}

// resolution returns the coarsest of 1, 10 ... 1,000,000 µs that divides all times.
func resolution(times []int64) int64 {
	unit := int64(1_000_000)
	for _, t := range times {
		for unit > 1 && t%unit != 0 {
			unit /= 10
		}
	}
	return unit
}
