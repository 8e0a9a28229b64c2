package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// SQLite chooses its indexes by how many rows it expects, and without a word from
// us it expects ten rows of a site. Every key begins with the site, so that it
// would rather walk through all of them by the primary key than look up one alarm
// by its index: the pages of a storm would each read the whole storm. What is
// really there when a database is made, nothing, would mislead it as much. So it
// is told the same of every database: a site is all rows, and each column behind
// it narrows them to few.
const (
	expectedRows    = 1_000_000
	expectedPartial = 10_000 // of an index with a condition: what is open, new, due
	expectedSecond  = 1000   // rows that agree in the site and one more column
)

// estimate writes the expectations, when they are not there yet. PostgreSQL looks
// for itself.
func (d *DB) estimate(ctx context.Context) error {
	if d.dialect.name != "sqlite" {
		return nil
	}
	want, err := expectations(ctx, d.read)
	if err != nil {
		return fmt.Errorf("look at the indexes: %w", err)
	}
	if there, err := written(ctx, d.read); err != nil || maps.Equal(there, want) {
		return err
	}
	return d.transact(ctx, func(t *tx) error {
		if _, err := t.exec("ANALYZE"); err != nil { // makes the table
			return err
		}
		if _, err := t.exec("DELETE FROM sqlite_stat1"); err != nil {
			return err
		}
		for _, index := range slices.Sorted(maps.Keys(want)) {
			e := want[index]
			if _, err := t.exec("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ($1, $2, $3)", e.table, index, e.stat); err != nil {
				return err
			}
		}
		// Connections read what is expected together with the schema: it has to look
		// changed.
		if _, err := t.exec("CREATE TABLE estimated (at BIGINT)"); err != nil {
			return err
		}
		_, err := t.exec("DROP TABLE estimated")
		return err
	})
}

type expectation struct{ table, stat string }

// expectations are those of every index, by its name.
func expectations(ctx context.Context, q querier) (map[string]expectation, error) {
	rows, err := q.QueryContext(ctx, `SELECT m.name, l.name, l."unique", COALESCE((SELECT x.sql FROM sqlite_master x WHERE x.name = l.name), ''), group_concat(c.name, ' ')
		FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_info(l.name) c
		WHERE m.type = 'table' GROUP BY m.name, l.name, l."unique"`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]expectation{}
	for rows.Next() {
		var table, index, text, columns string
		var unique bool
		if err := rows.Scan(&table, &index, &unique, &text, &columns); err != nil {
			return nil, err
		}
		conditions := 0
		if _, where, ok := strings.Cut(text, " WHERE "); ok {
			conditions = 1 + strings.Count(where, " AND ")
		}
		all[index] = expectation{table, expected(strings.Fields(columns), unique, conditions)}
	}
	return all, rows.Err()
}

// expected is how many rows there are, and how many agree in the first column, in
// the first two, and so on. Each condition of an index leaves fewer.
func expected(columns []string, unique bool, conditions int) string {
	rows, second := expectedRows, expectedSecond
	if conditions > 0 {
		rows, second = expectedPartial, expectedSecond/10
	}
	for range conditions - 1 {
		rows, second = rows/10, second/10
	}
	stat := []int{rows}
	for i, c := range columns {
		switch {
		case unique && i == len(columns)-1:
			rows = 1
		case c == "site" && i == 0:
		default:
			rows = max(2, min(rows/10, second))
			second /= 10
		}
		stat = append(stat, rows)
	}
	text := make([]string, len(stat))
	for i, n := range stat {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, " ")
}

// written is what the database expects now.
func written(ctx context.Context, q querier) (map[string]expectation, error) {
	there := map[string]expectation{}
	rows, err := q.QueryContext(ctx, "SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'")
	if err != nil {
		return nil, err
	}
	known := rows.Next()
	rows.Close()
	if !known {
		return there, nil
	}
	if rows, err = q.QueryContext(ctx, "SELECT tbl, COALESCE(idx, ''), stat FROM sqlite_stat1"); err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var index string
		var e expectation
		if err := rows.Scan(&e.table, &index, &e.stat); err != nil {
			return nil, err
		}
		there[index] = e
	}
	return there, rows.Err()
}
