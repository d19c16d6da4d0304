package fn

import (
	"database/sql"
	"testing"

	"sextant/table"
)

// The columns of take_any, and of an arg_max over nulls alone, are of one row, also where
// several threads each keep one: the engine's first() does for all columns alike.
func TestFirstIsOfOneRow(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("SET threads = 4"); err != nil {
		t.Fatal(err)
	}
	cols, ok := takeAnySQL([]string{"i", "n", "s"}, []Arg{{Type: table.Long}, {Type: table.Long}, {Type: table.Long}}, nil)
	if !ok {
		t.Fatal("take_any has no form")
	}
	for _, groups := range []int{1, 7, 50_000} {
		var all, mixed int
		row := db.QueryRow("SELECT count(*), count(*) FILTER (WHERE n IS DISTINCT FROM CASE WHEN i % 3 > 0 THEN i * 2 END OR s <> i + 1) FROM (SELECT "+cols[0]+" AS i, "+cols[1]+" AS n, "+cols[2]+
			" AS s FROM (SELECT i, CASE WHEN i % 3 > 0 THEN i * 2 END AS n, i + 1 AS s FROM range(2000000) AS r(i)) GROUP BY i % $1)", groups)
		if err := row.Scan(&all, &mixed); err != nil {
			t.Fatal(err)
		}
		if all != groups || mixed != 0 {
			t.Errorf("%d of %d groups are of several rows", mixed, all)
		}
	}
}

// Aggregates of several arguments that Go computes get a list of each: place for place of
// the same rows.
func TestListsAreOfTheSameRows(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("SET threads = 4"); err != nil {
		t.Fatal(err)
	}
	for _, groups := range []int{1, 7, 20_000} {
		var all, mixed int
		row := db.QueryRow("SELECT count(*), count(*) FILTER (WHERE list_transform(a, lambda x: CASE WHEN x % 3 > 0 THEN x * 2 END) <> b OR len(a) <> len(b)) FROM (SELECT list(i) FILTER (WHERE i % 5 > 0) AS a, "+
			"list(CASE WHEN i % 3 > 0 THEN i * 2 END) FILTER (WHERE i % 5 > 0) AS b FROM range(1000000) AS r(i) GROUP BY i % $1)", groups)
		if err := row.Scan(&all, &mixed); err != nil {
			t.Fatal(err)
		}
		if all != groups || mixed != 0 {
			t.Errorf("the lists of %d of %d groups differ", mixed, all)
		}
	}
}
