package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Rows is the caller's row filter; every query takes one. All, Wards and Devices
// say which places and devices are seen, For which data of which patients. Without
// For it is a part of Vigil itself that asks, whom no consent concerns: a patient
// is then seen with a ward in which the patient is or was admitted. With neither
// All nor a ward nor a device nor a path nothing is seen.
type Rows struct {
	Site    vital.Site
	All     bool
	Wards   []vital.WardID
	Devices []vital.DeviceID // a device or gateway sees what it sent
	For     *Viewer
}

// Everything is the row filter of the parts of Vigil itself.
func Everything(site vital.Site) Rows { return Rows{Site: site, All: true} }

func (r Rows) everything() bool { return r.All && r.For == nil }

// relates reports whether the caller sees anything by a patient rather than by a
// place.
func (r Rows) relates() bool { return len(r.Wards) > 0 || r.For != nil && len(r.For.Paths) > 0 }

// query builds one SELECT. Each ? in a fragment becomes the next $n.
type query struct {
	text strings.Builder
	args []any
}

func ask(text string, args ...any) *query { return new(query).add(text, args...) }

func (q *query) add(text string, args ...any) *query {
	for i := range len(text) {
		if text[i] != '?' {
			q.text.WriteByte(text[i])
			continue
		}
		q.args = append(q.args, args[0])
		args = args[1:]
		q.text.WriteString("$" + strconv.Itoa(len(q.args)))
	}
	return q
}

// when adds the fragment if the condition holds.
func (q *query) when(condition bool, text string, args ...any) *query {
	if condition {
		q.add(text, args...)
	}
	return q
}

func in[T any](q *query, values []T) *query {
	if len(values) == 0 {
		return q.add("IN (NULL)")
	}
	for i, v := range values {
		q.add([]string{", ?", "IN (?"}[b2i(i == 0)], v)
	}
	return q.add(")")
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// seesData adds the row filter for rows that hold data of a kind, which is SQL, of
// a patient and came from a device.
func (q *query) seesData(r Rows, patient, device, data string) *query {
	if r.everything() {
		return q
	}
	q.add(" AND (").sees(r, patient, data)
	if len(r.Devices) > 0 {
		in(q.add(" OR "+device+" "), r.Devices)
	}
	return q.add(")")
}

// seesDevice adds the row filter for a column that holds a device id: the
// caller's own, those that a patient whom the caller sees, or a room of the
// caller's wards, has or had, and, for staff, those that nobody has: equipment on
// the shelf.
func (q *query) seesDevice(r Rows, column string) *query {
	if r.All {
		return q
	}
	q.add(" AND (FALSE")
	if len(r.Devices) > 0 {
		in(q.add(" OR "+column+" "), r.Devices)
	}
	if r.relates() {
		q.add(" OR EXISTS (SELECT 1 FROM binding worn WHERE worn.site = ? AND worn.device = "+column+" AND worn.patient <> ''", r.Site).
			seesKind(r, "worn.patient", vital.DataLocation).add(")")
	}
	if len(r.Wards) > 0 {
		q.add(" OR EXISTS (SELECT 1 FROM binding worn JOIN room ON room.site = worn.site AND room.id = worn.room"+
			" WHERE worn.site = ? AND worn.device = "+column+" AND room.ward ", r.Site)
		in(q, r.Wards)
		q.add(") OR NOT EXISTS (SELECT 1 FROM binding worn WHERE worn.site = ? AND worn.device = "+column+")", r.Site)
	}
	return q.add(")")
}

// seesMoment adds the row filter for what a device did at one time, of which it
// is not known which data it holds: the device, unless it was with somebody at
// that time of whom the caller may not see everything.
func (q *query) seesMoment(r Rows, device, at string) *query {
	if q.seesDevice(r, device); r.All || !r.relates() {
		return q
	}
	q.add(" AND (FALSE")
	if len(r.Devices) > 0 {
		in(q.add(" OR "+device+" "), r.Devices)
	}
	q.add(" OR NOT EXISTS (SELECT 1 FROM binding worn WHERE worn.site = ? AND worn.device = "+device+
		" AND worn.from_ms <= "+at+" AND (worn.to_ms = 0 OR worn.to_ms > "+at+")"+
		" AND NOT (worn.patient <> ''", r.Site).seesAll(r, "worn.patient").
		add(") AND NOT EXISTS (SELECT 1 FROM room WHERE room.site = worn.site AND room.id = worn.room AND room.ward ")
	return in(q, r.Wards).add(")))")
}

// seesWard adds the row filter for a column that holds a ward id.
func (q *query) seesWard(r Rows, column string) *query {
	if r.All {
		return q
	}
	return in(q.add(" AND "+column+" "), r.Wards)
}

// collect runs the query and scans every row.
func collect[T any](ctx context.Context, on querier, q *query, scan func(scan func(...any) error, into *T) error) ([]T, error) {
	rows, err := on.QueryContext(ctx, q.text.String(), plain(q.args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		if len(out) == 64 { // it is a long answer: grow in one step, not in many
			out = slices.Grow(out, 1024)
		}
		var v T
		if err := scan(rows.Scan, &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// one runs the query and wants exactly one row: none is NotFound.
func one[T any](ctx context.Context, on querier, q *query, what string, scan func(scan func(...any) error, into *T) error) (T, error) {
	all, err := collect(ctx, on, q, scan)
	var none T
	if err != nil {
		return none, fmt.Errorf("%s: %w", what, err)
	}
	if len(all) == 0 {
		return none, vital.Errorf(vital.NotFound, "%s: not found", what)
	}
	return all[0], nil
}

func scanInto[T any](scan func(...any) error, into *T) error { return scan(into) }

// newID makes a random id: prefix and 10 hex digits.
func newID(prefix string) string {
	var b [5]byte
	rand.Read(b[:])
	return prefix + "-" + hex.EncodeToString(b[:])
}

// list stores a slice as JSON text and reads it back.
func list[T any](values []T) string {
	if len(values) == 0 {
		return "[]"
	}
	b, err := json.Marshal(values)
	if err != nil {
		panic(err) // a slice of strings or plain structs cannot fail
	}
	return string(b)
}

type listOf[T any] struct{ into *[]T }

func (l listOf[T]) Scan(v any) error {
	*l.into = nil
	return jsonOf[[]T]{l.into}.Scan(v)
}

// jsonOf reads a column of JSON text.
type jsonOf[T any] struct{ into *T }

func (j jsonOf[T]) Scan(v any) error {
	var b []byte
	switch t := v.(type) {
	case string:
		b = []byte(t)
	case []byte:
		b = t
	}
	return json.Unmarshal(b, j.into)
}

func missing(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// likeAll adds a condition per word of a search: each must occur in column,
// which holds lower case text.
func (q *query) likeAll(column, search string) *query {
	escape := strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)
	for _, word := range strings.Fields(strings.ToLower(search)) {
		q.add(" AND "+column+` LIKE ? ESCAPE '\'`, "%"+escape.Replace(word)+"%")
	}
	return q
}
