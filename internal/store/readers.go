package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// readers is the pool that queries run on. It remembers the statements it has
// seen: a query over a day of samples is parsed for as long as it runs.
type readers struct {
	*sql.DB
	prepares bool
	mutex    sync.Mutex
	seen     map[string]*sql.Stmt
	watch    func(query string, args []any) // for a test that looks at the plans
}

// Texts with long lists hardly come twice; and there are not many others.
const (
	longestRemembered = 2000
	mostRemembered    = 200
)

// QueryContext runs the query as a prepared statement.
func (r *readers) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if r.watch != nil {
		r.watch(query, args)
	}
	s, err := r.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return r.DB.QueryContext(ctx, query, args...)
	}
	return s.QueryContext(ctx, args...)
}

func (r *readers) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if !r.prepares || len(query) > longestRemembered {
		return nil, nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if s := r.seen[query]; s != nil || len(r.seen) >= mostRemembered {
		return s, nil
	}
	s, err := r.DB.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if r.seen == nil {
		r.seen = map[string]*sql.Stmt{}
	}
	r.seen[query] = s
	return s, nil
}

// Close closes the statements and the pool.
func (r *readers) Close() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var err error
	for _, s := range r.seen {
		err = errors.Join(err, s.Close())
	}
	return errors.Join(err, r.DB.Close())
}
