package fn_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/kql/kqltest"
	"sextant/table"
)

// TestScripts runs testdata/*.txt. A line is
//
//	expression => type value
//
// the value as tostring() gives it (a string in JSON quotes, null for a null). An
// expression that begins with "summarize" aggregates the column x of the rows that
// the line before gave with "x: type value, value, …"; what it must give are then
// the values of all result columns, with their names.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	engine := kqltest.Eval{Catalogue: fn.New()}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			rows := ""
			in := bufio.NewScanner(f)
			for n := 1; in.Scan(); n++ {
				line := strings.TrimSpace(in.Text())
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				if values, ok := strings.CutPrefix(line, "x: "); ok {
					typ, list, _ := strings.Cut(values, " ")
					rows = "datatable(x:" + typ + ")[" + list + "] | "
					continue
				}
				expr, want, ok := strings.Cut(line, " => ")
				if !ok {
					t.Fatalf("%s:%d: no =>", file, n)
				}
				expr, want = strings.TrimSpace(expr), strings.TrimSpace(want)
				query := "print r = " + expr
				if strings.HasPrefix(expr, "summarize") {
					query = rows + expr
				}
				schema, got, err := engine.Query(t.Context(), nil, query)
				switch {
				case err != nil:
					if want != "error" {
						t.Errorf("%s:%d: %s: %v", file, n, expr, err)
					}
				case want == "error":
					t.Errorf("%s:%d: %s: no error", file, n, expr)
				case len(got) != 1:
					t.Errorf("%s:%d: %s: %d rows", file, n, expr, len(got))
				default:
					if text := shown(schema, got[0], strings.HasPrefix(expr, "summarize")); text != want {
						t.Errorf("%s:%d: %s\n gives %s\nwanted %s", file, n, expr, text, want)
					}
				}
			}
			if err := in.Err(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func shown(schema table.Schema, row []table.Value, names bool) string {
	var parts []string
	for i, v := range row {
		text := "null"
		switch {
		case v.IsNull():
		case v.Type() == table.String:
			text = string(table.AppendQuoted(nil, v.Str()))
		case v.Type() == table.Dynamic:
			text = table.Compact(v.JSON())
		case v.Type() == table.Real:
			text = fn.RealText(v.Float64())
		default:
			text = v.Text()
		}
		part := schema[i].Type.String() + " " + text
		if names {
			part = fmt.Sprintf("%s:%s", schema[i].Name, part)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}
