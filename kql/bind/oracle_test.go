package bind

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/table"
)

// differs are functions and operators of which calls that Microsoft's binder takes do
// not bind here, or with another column, with the reason. Those of narrower come on top.
var differs = map[string]string{
	"any": "columns of constants have other names", "passthrough": "columns of constants have other names", "take_anyif": "columns of constants have other names",
	"array_sort_asc": "sorts arrays alone", "array_sort_desc": "sorts arrays alone",
	"bin_auto": "its size is set beforehand", "current_cursor": "refused", "rowstore_ordinal_range": "refused",
	"geo_": "coordinates are documented as reals; a decimal needs toreal()",
	"+":    "a time has no sign", "-": "a time has no sign",
}

// TestOracle binds calls and operators with columns of every type, drawn at random, and
// compares errors, names and types with what Microsoft's own binder says, which is
// started with Node.js. The folder of the oracle, with its modules installed, is that of
// the reference or SEXTANT_KQL_ORACLE; SEXTANT_KQL_ORACLE_CALLS is how many to draw.
func TestOracle(t *testing.T) {
	home := os.Getenv("SEXTANT_KQL_ORACLE")
	if home == "" {
		home = shared + "/kql-oracle"
	}
	if _, err := os.Stat(filepath.Join(home, "node_modules")); err != nil {
		t.Skip("there is no oracle with its modules (npm ci); SEXTANT_KQL_ORACLE names its folder")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no Node.js")
	}
	n := 500
	if _, err := fmt.Sscan(os.Getenv("SEXTANT_KQL_ORACLE_CALLS"), &n); err != nil {
		n = 500
	}
	all := typedQueries(t)
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:min(n, len(all))]

	const source = "let T = datatable(c_bool:bool, c_int:int, c_long:long, c_real:real, c_decimal:decimal, c_string:string, c_datetime:datetime, c_timespan:timespan, c_guid:guid, c_dynamic:dynamic)[];\n"
	var in bytes.Buffer
	for i, q := range all {
		line, _ := json.Marshal(map[string]string{"id": fmt.Sprint(i), "query": source + q.text})
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), node, "oracle.js")
	cmd.Dir, cmd.Stdin = home, &in
	said, err := cmd.Output()
	if err != nil {
		t.Fatalf("the oracle: %v", err)
	}
	env, cat := &tables{defs: map[string]table.Def{}}, fn.New()
	sc := bufio.NewScanner(bytes.NewReader(said))
	agree, i := 0, 0
	for ; sc.Scan(); i++ {
		var want struct {
			Errors  []struct{ Message string }
			Columns []struct{ Name, Type string }
		}
		if err := json.Unmarshal(sc.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		q := all[i]
		if len(want.Errors) > 0 || narrower[q.of] != "" || differs[q.of] != "" || strings.HasPrefix(q.of, "geo_") {
			continue
		}
		have, ds := bindText(source+q.text, env, cat, Options{Check: true})
		if err := ds.Err(); err != nil {
			t.Errorf("%s: %v", q.text, err)
			continue
		}
		var theirs, ours []string
		for _, c := range want.Columns {
			theirs = append(theirs, c.Name+":"+c.Type)
		}
		for _, c := range have.Pipelines[0].Schema() {
			ours = append(ours, c.Name+":"+c.Type.String())
		}
		if !slices.Equal(ours, theirs) {
			t.Errorf("%s gives %v; Microsoft's binder says %v", q.text, ours, theirs)
		}
		agree++
	}
	if err := sc.Err(); err != nil || i != len(all) {
		t.Fatalf("the oracle answered %d of %d queries: %v", i, len(all), err)
	}
	if agree == 0 {
		t.Error("no query was compared")
	}
	t.Logf("%d of %d queries bind there and were compared", agree, len(all))
}

// typedQuery is a query of one call or operator over columns named c_<type>.
type typedQuery struct{ of, text string }

// typedQueries are calls of all published functions and aggregates with every type in
// each of their places, and in the first two at once; and all operators.
func typedQueries(t *testing.T) []typedQuery {
	var list struct{ Functions, Aggregates []published }
	read(t, shared+"/kql-oracle/functions.json", &list)
	types := []string{"bool", "int", "long", "real", "decimal", "string", "datetime", "timespan", "guid", "dynamic"}
	var out []typedQuery
	calls := func(list []published, ask string) {
		for _, f := range list {
			for _, s := range f.Signatures {
				var first []string
				for _, p := range s.Params {
					var some []string
					var kind string
					if json.Unmarshal(p.Type, &some) != nil {
						_ = json.Unmarshal(p.Type, &kind)
						some = strings.Fields(kinds[kind])
					}
					if len(some) > 0 {
						first = append(first, some[0])
					}
				}
				if f.Hidden || len(first) < len(s.Params) { // a table, or the like
					continue
				}
				with := func(given map[int]string) {
					var args []string
					for i, p := range s.Params {
						typ, n := first[i], 1
						if g := given[i]; g != "" && len(p.Values) == 0 {
							typ = g
						}
						if p.Min != nil {
							n = max(n, *p.Min)
						}
						for range n {
							args = append(args, argument(p.Name, p.Argument, p.Values, typ))
						}
					}
					out = append(out, typedQuery{f.Name, fmt.Sprintf("T | serialize | %s %s(%s)", ask, f.Name, strings.Join(args, ", "))})
				}
				for i := range s.Params {
					for _, x := range types {
						with(map[int]string{i: x})
						for _, y := range types {
							if i == 0 && len(s.Params) > 1 {
								with(map[int]string{0: x, 1: y})
							}
						}
					}
				}
			}
		}
	}
	calls(list.Functions, "project")
	calls(list.Aggregates, "summarize")
	for _, x := range types {
		out = append(out, typedQuery{"-", "T | project -c_" + x}, typedQuery{"+", "T | project +c_" + x}, typedQuery{"not", "T | project not(c_" + x + ")"})
		for _, y := range types {
			for _, op := range []string{"+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "=~", "!~", "has", "!has", "contains", "startswith", "hasprefix", "has_cs", "matches regex", "and", "or"} {
				out = append(out, typedQuery{"binary " + op, fmt.Sprintf("T | extend x = c_%s %s c_%s | project x", x, op, y)}, typedQuery{"binary " + op, fmt.Sprintf("T | project c_%s %s %s", x, op, literals[y])})
			}
			for _, op := range []string{"in", "!in", "in~", "has_any", "has_all"} {
				out = append(out, typedQuery{op, fmt.Sprintf("T | project x = c_%s %s (%s)", x, op, literals[y])})
			}
			out = append(out, typedQuery{"between", fmt.Sprintf("T | project x = c_%s between (%s .. %s)", x, literals[y], literals[y])})
		}
	}
	return out
}

// argument writes a column of a type, or a constant where the parameter takes no other.
func argument(name, kind string, values []any, typ string) string {
	switch {
	case len(values) > 0:
		if text, ok := values[0].(string); ok {
			return "'" + text + "'"
		}
		return fmt.Sprint(values[0])
	case slices.Contains(constants, strings.ToLower(name)) || typ == "type" || kind == "Constant" || strings.HasPrefix(kind, "Literal"):
		return literals[typ]
	}
	return "c_" + typ
}
