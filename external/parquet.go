package external

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"sextant/fault"
	"sextant/kql/fn"
	"sextant/table"
)

// unixTicks is 1970 in ticks of 100 ns since the year 1.
const unixTicks = 719_162 * table.TicksPerDay

// column of a Parquet file, as the engine tells it.
type column struct {
	sql  string     // gives its values in the form of kind
	kind table.Type // String for bytes, too
	unit int64      // of times: units a tick (-10: 10 ticks a unit); 0 where it is no time
}

// parquet reads a Parquet file. The engine needs its end first, so it is copied to a
// file of its own; an instance of the engine that can read that file and no other, within
// a limit of memory, gives the rows.
//
// Columns are found by name, or by the first step of a mapping's path, the others of
// which lead into a nested column.
func (r *reading) parquet(ctx context.Context, in io.Reader) (err error) {
	f, err := os.CreateTemp("", "sextant-*.parquet")
	if err != nil {
		return fault.New(fault.Unavailable, "there is no room for a copy of it: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := io.Copy(f, in); err != nil {
		return err
	}
	db := sql.OpenDB(&locked{file: f.Name(), memory: max(r.limit, 64<<20)})
	defer func() { err = errors.Join(err, db.Close()) }()
	from := "read_parquet(" + quoted(f.Name()) + ")"
	has, err := describe(ctx, db, from)
	if err != nil {
		return err
	}
	list := make([]string, len(r.Columns))
	for i, c := range r.fields {
		list[i] = "NULL"
		if c.fixed == nil && len(c.path) > 0 {
			if col, ok := has[c.path[0]]; ok {
				list[i] = col.sql
			}
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM "+from)
	if err != nil {
		return unreadable(ctx, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	cells := make([]any, len(list))
	into := make([]any, len(list))
	for i := range into {
		into[i] = &cells[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return unreadable(ctx, err)
		}
		row := make([]table.Value, len(cells))
		for i, c := range r.Columns {
			f := r.fields[i]
			switch {
			case f.fixed != nil:
				row[i] = *f.fixed
			case cells[i] == nil:
				row[i] = table.Null(c.Type)
			default:
				row[i], err = r.parquetCell(cells[i], has[f.path[0]], f.path[1:], c.Type)
				if err != nil {
					return err
				}
			}
		}
		if err := r.add(row); err != nil {
			return err
		}
	}
	return unreadable(ctx, rows.Err())
}

// parquetCell is a cell as the declared type has it.
func (r *reading) parquetCell(x any, c column, path []string, want table.Type) (table.Value, error) {
	var v table.Value
	size := int64(8)
	switch x := x.(type) {
	case bool:
		v = table.BoolValue(x)
	case int64:
		switch { // times: all that are in the year 1 to 9999 multiply without overflow
		case c.unit > 0:
			x /= c.unit
		case c.unit < 0 && x > table.MaxDateTime/c.unit && x < table.MaxDateTime/-c.unit:
			x *= -c.unit
		case c.unit < 0:
			x = -table.MaxDateTime
		}
		switch {
		case c.kind == table.DateTime && (x < -unixTicks || x > table.MaxDateTime-unixTicks):
			v = table.Null(table.DateTime)
		case c.kind == table.DateTime:
			v = table.DateTimeValue(x + unixTicks)
		case c.kind == table.TimeSpan:
			v = table.TimeSpanValue(x)
		default:
			v = table.LongValue(x)
		}
	case float64:
		v = table.RealValue(x)
	case []byte:
		v, size = table.StringValue(valid(string(x))), int64(len(x))
	case string:
		size = int64(len(x))
		switch v = table.StringValue(valid(x)); c.kind {
		case table.Dynamic:
			v = table.DynamicText(x)
		case table.Decimal, table.Guid:
			v = fn.Convert(v, c.kind)
		}
	default:
		return v, fault.New(fault.Invalid, "it has a value of an unknown kind, %T", x)
	}
	if r.left -= size; r.left < 0 {
		return v, r.tooLarge()
	}
	if len(path) > 0 {
		v = table.FromDyn(follow(fn.Convert(v, table.Dynamic).Dyn(), path))
	}
	return fn.Convert(v, want), nil
}

// describe tells the columns of a file by their names.
func describe(ctx context.Context, db *sql.DB, from string) (map[string]column, error) {
	rows, err := db.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM "+from+")")
	if err != nil {
		return nil, unreadable(ctx, err)
	}
	out := map[string]column{}
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out[name] = columnOf(`"`+strings.ReplaceAll(name, `"`, `""`)+`"`, typ)
	}
	return out, unreadable(ctx, errors.Join(rows.Err(), rows.Close()))
}

// columnOf a type of the engine.
func columnOf(name, typ string) column {
	as := func(t string) string { return "TRY_CAST(" + name + " AS " + t + ")" }
	us := func(x string) string { return "TRY(epoch_us(" + x + "))" }
	switch {
	case typ == "BOOLEAN":
		return column{sql: name, kind: table.Bool}
	case typ == "TINYINT", typ == "SMALLINT", typ == "INTEGER", typ == "BIGINT", typ == "UTINYINT", typ == "USMALLINT", typ == "UINTEGER", typ == "UBIGINT":
		return column{sql: as("BIGINT"), kind: table.Long}
	case typ == "FLOAT", typ == "DOUBLE":
		return column{sql: as("DOUBLE"), kind: table.Real}
	case strings.HasPrefix(typ, "DECIMAL"):
		return column{sql: as("VARCHAR"), kind: table.Decimal}
	case typ == "UUID":
		return column{sql: as("VARCHAR"), kind: table.Guid}
	case typ == "BLOB":
		return column{sql: name, kind: table.String}
	case typ == "TIMESTAMP_NS":
		return column{sql: "TRY(epoch_ns(" + name + "))", kind: table.DateTime, unit: 100}
	case strings.HasPrefix(typ, "TIMESTAMP"):
		return column{sql: us(name), kind: table.DateTime, unit: -10}
	case typ == "DATE":
		return column{sql: us(as("TIMESTAMP")), kind: table.DateTime, unit: -10}
	case typ == "TIME":
		return column{sql: us(name), kind: table.TimeSpan, unit: -10}
	case strings.HasPrefix(typ, "STRUCT"), strings.HasPrefix(typ, "MAP"), strings.HasSuffix(typ, "]"):
		return column{sql: "CAST(to_json(" + name + ") AS VARCHAR)", kind: table.Dynamic}
	}
	return column{sql: as("VARCHAR"), kind: table.String}
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// unreadable is an error of the engine without its types, lines and paths.
func unreadable(ctx context.Context, err error) error {
	var e *duckdb.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &e) && e.Type == duckdb.ErrorTypeOutOfMemory:
		return fault.New(fault.Limit, "to read it takes more memory than there is for it")
	}
	return fault.New(fault.Invalid, "it is no Parquet file that can be read")
}

// locked opens an instance of the engine that reads one file.
type locked struct {
	file   string
	memory int64
}

// Connect implements driver.Connector.
func (l *locked) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, err
	}
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	both := &lockedConn{Conn: conn.(*duckdb.Conn), engine: c}
	for _, set := range []string{
		fmt.Sprintf("memory_limit = '%dB'", l.memory), "threads = 1", "temp_directory = ''", "autoinstall_known_extensions = false", "autoload_known_extensions = false",
		"allowed_paths = [" + quoted(l.file) + "]", "enable_external_access = false", "lock_configuration = true",
	} {
		if _, err := both.ExecContext(ctx, "SET "+set, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("cannot set %s: %w", set, err), both.Close())
		}
	}
	return both, nil
}

// Driver implements driver.Connector.
func (l *locked) Driver() driver.Driver { return duckdb.Driver{} }

// lockedConn ends the engine with its only connection.
type lockedConn struct {
	*duckdb.Conn
	engine io.Closer
}

// Close implements driver.Conn.
func (c *lockedConn) Close() error { return errors.Join(c.Conn.Close(), c.engine.Close()) }
