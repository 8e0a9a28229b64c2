package need_test

import (
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/vigilcare/vigil/test/need"
)

// TestPostgres: two tests get two empty databases.
func TestPostgres(t *testing.T) {
	one, two := need.Postgres(t), need.Postgres(t)
	if one == two {
		t.Fatal("two tests share a database")
	}
	for _, address := range []string{one, two} {
		db, err := sql.Open("pgx", address)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`CREATE TABLE only_here (id int PRIMARY KEY)`); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		db.Close()
	}
}
