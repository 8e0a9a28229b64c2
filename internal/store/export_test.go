package store

import "context"

// OpenTraced is Open with a look before every statement of a migration; an error
// from trace stops it there.
func OpenTraced(ctx context.Context, o Options, trace func(version, statement int) error) (*DB, error) {
	d, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := d.begin(ctx, o.Backups, trace); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Statements counts the statements of the migrations.
func Statements() (per []int) {
	all, err := migrations(sqlite{}.dialect().words)
	if err != nil {
		panic(err)
	}
	for _, m := range all {
		per = append(per, len(m.statements))
	}
	return per
}

// The parts that cannot be reached from outside without a broken disk.
var (
	SqliteKind = sqliteKind
	Older      = older
)

// FailSync lets the next error look like one of the disk.
func (d *DB) FailSync() {
	kind := d.dialect.kind
	d.dialect.kind = func(err error) error {
		d.dialect.kind = kind
		return errDisk
	}
}

// MigrationNamed returns the number of a migration.
func MigrationNamed(name string) (int, error) {
	all, err := migrations(sqlite{}.dialect().words)
	for _, m := range all {
		if m.name == name {
			return m.version, err
		}
	}
	return 0, err
}
