package bind

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sextant/kql/fn"
	"sextant/table"
)

// A row of the reference's list of functions, as far as this test reads it.
type published struct {
	Name       string
	Hidden     bool
	Signatures []struct {
		Params []struct {
			Name     string
			Type     json.RawMessage // a kind of types, or a list of them
			Min      *int
			Argument string // Constant, Literal, …; empty for any expression
			Values   []any
		}
		Returns string
	}
}

// kinds of types that the reference's signatures name, the one to try first in
// front.
var kinds = map[string]string{
	"Number": "real long int", "Integer": "long int", "Summable": "long int real datetime timespan", "Orderable": "long real datetime timespan string",
	"Scalar": "string long real bool datetime timespan guid dynamic", "NotDynamic": "string long real bool datetime timespan guid", "StringOrDynamic": "string dynamic",
	"DynamicArray": "dynamic", "DynamicBag": "dynamic", "NumberOrBool": "long real bool", "StringOrArray": "string dynamic", "IntegerOrArray": "long dynamic",
	"CommonScalar": "long", "CommonOrderable": "long", "CommonScalarOrDynamic": "long", "NotRealOrBool": "long", "Any": "long",
}

var literals = map[string]string{"bool": "true", "int": "int(1)", "long": "1", "real": "1.5", "decimal": "decimal(1)", "string": "'a'", "datetime": "datetime(2020-01-01)",
	"timespan": "1h", "guid": "guid(74be27de-1e4e-49d9-b579-fe0b331d3642)", "dynamic": "dynamic([1])", "type": "typeof(string)"}

// constants are parameters of which the list does not say that the engine takes
// no expression for them.
var constants = []string{"accuracy", "max_size", "maxsize", "maxlistsize", "maxsetsize", "percentile", "percentiles", "offset"}

// narrower are functions of which some calls that the list allows do not bind, with
// the reason.
var narrower = map[string]string{
	"all": "in graph patterns alone", "any": "in graph patterns, as a scalar", "map": "in graph patterns alone", "inner_nodes": "in graph patterns alone",
	"labels": "in graph patterns alone", "node_degree_in": "in graph patterns alone", "node_degree_out": "in graph patterns alone", "node_id": "not documented",
	"around": "values of different types do not compare", "bin_at": "only a timespan divides times", "range": "only times, or only numbers, make steps",
	"binary_all_and": "documented for whole numbers", "binary_all_or": "documented for whole numbers", "binary_all_xor": "documented for whole numbers",
	"dcount": "the accuracy is documented as a whole number", "dcountif": "the accuracy is documented as a whole number",
	"format_ipv4": "documented for texts and numbers", "format_ipv4_mask": "documented for texts and numbers",
	"geo_point_to_geohash": "the accuracy is documented as a whole number", "geo_point_to_s2cell": "the level is documented as a whole number",
	"hash_combine": "documented for hashes, which are longs", "jaccard_index": "documented to give a real", "pack_all": "documented for a bool",
	"cluster": "names no value", "database": "names no value", "graph": "there are no stored graphs", "table": "gives a table", "materialized_view": "there are none",
	"current_cluster_endpoint": "refused", "current_principal_is_member_of": "refused", "cursor_after": "refused", "cursor_before_or_at": "refused", "cursor_current": "refused",
	"entity_group": "refused", "external_table": "refused", "row_id": "refused", "stored_query_result": "refused",
}

// TestSignatures calls each published function and aggregate with columns of the
// types that it takes, place by place: the call binds and gives the type published.
func TestSignatures(t *testing.T) {
	var list struct{ Functions, Aggregates, Plugins []published }
	read(t, shared+"/kql-oracle/functions.json", &list)
	env, cat := &tables{defs: map[string]table.Def{}}, fn.New()
	env.add(table.Def{Name: "T", Columns: table.Schema{{Name: "c_bool", Type: table.Bool}, {Name: "c_int", Type: table.Int}, {Name: "c_long", Type: table.Long},
		{Name: "c_real", Type: table.Real}, {Name: "c_decimal", Type: table.Decimal}, {Name: "c_string", Type: table.String}, {Name: "c_datetime", Type: table.DateTime},
		{Name: "c_timespan", Type: table.TimeSpan}, {Name: "c_guid", Type: table.Guid}, {Name: "c_dynamic", Type: table.Dynamic}}})
	calls, good := 0, 0
	wrong := map[string]string{}
	walk := func(list []published, ask string) {
		for _, f := range list {
			if f.Hidden {
				continue
			}
			for _, s := range f.Signatures {
				var takes [][]string // types of each parameter
				usable := true
				for _, p := range s.Params {
					var types []string
					var kind string
					if json.Unmarshal(p.Type, &types) != nil {
						_ = json.Unmarshal(p.Type, &kind)
						types = strings.Fields(kinds[kind])
					}
					usable = usable && len(types) > 0
					takes = append(takes, types)
				}
				if !usable { // a table, or the like
					continue
				}
				write := func(i int, typ string) string {
					p := s.Params[i]
					return argument(p.Name, p.Argument, p.Values, typ)
				}
				try := func(upTo, at int, typ string) {
					var args []string
					for i, p := range s.Params[:upTo] {
						one := takes[i][0]
						if i == at {
							one = typ
						}
						n := 1
						if p.Min != nil {
							n = max(n, *p.Min)
						}
						for range n {
							args = append(args, write(i, one))
						}
					}
					text := fmt.Sprintf("T | serialize | %s %s(%s)", ask, f.Name, strings.Join(args, ", "))
					calls++
					q, ds := bindText(text, env, cat, Options{})
					if err := ds.Err(); err != nil {
						wrong[f.Name] = text + ": " + ds[0].Text
						return
					}
					schema := q.Pipelines[0].Schema()
					if want, ok := table.ParseType(s.Returns); ok && len(schema) == 1 && schema[0].Type != want {
						wrong[f.Name] = text + " gives a " + schema[0].Type.String() + ", not a " + s.Returns
						return
					}
					good++
				}
				least := 0
				for i, p := range s.Params {
					if p.Min == nil || *p.Min > 0 {
						least = i + 1
					}
				}
				for upTo := least; upTo <= len(s.Params); upTo++ {
					try(upTo, -1, "")
				}
				for i, types := range takes {
					for _, typ := range types[1:] {
						try(len(s.Params), i, typ)
					}
				}
			}
		}
	}
	walk(list.Functions, "project")
	walk(list.Aggregates, "summarize")
	var names []string
	for n := range wrong {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		if narrower[n] == "" {
			t.Error(wrong[n])
		}
	}
	for n := range narrower {
		if wrong[n] == "" {
			t.Errorf("%s takes all that is published: it is no exception any more", n)
		}
	}
	for _, f := range list.Functions {
		known := slices.ContainsFunc(SpecialFunctions(), func(s SpecialFunction) bool { return s.Name == f.Name })
		if cat.Scalar(f.Name) == nil && !known && !special[f.Name] && narrower[f.Name] == "" && !strings.HasPrefix(f.Name, "__") {
			t.Errorf("the function %s is not known, not even by why it cannot run", f.Name)
		}
	}
	for _, f := range list.Aggregates {
		if cat.Aggregate(f.Name) == nil {
			t.Errorf("the aggregate %s is not known", f.Name)
		}
	}
	for _, p := range list.Plugins {
		if _, ok := plugins[p.Name]; !ok && !p.Hidden {
			t.Errorf("the plugin %s is not known, not even by why it cannot run", p.Name)
		}
	}
	t.Logf("%d of %d calls bind as published", good, calls)
	if good < atLeast.calls {
		t.Errorf("%d of %d calls bind as published; %d did before", good, calls, atLeast.calls)
	}
}
