package fn

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"sextant/table"
)

// Member is v.key: the value of a bag's property, null where there is none or v
// is no bag.
func Member(v table.Value, key string) table.Value {
	if o, ok := v.Dyn().(*table.Object); ok && v.Type() == table.Dynamic {
		if d, ok := o.Get(key); ok {
			return table.FromDyn(d)
		}
	}
	return table.Null(table.Dynamic)
}

// Element is v[idx]: an array's element by number, counted from the end when
// negative, or a bag's property by text; null where there is none.
func Element(v, idx table.Value) table.Value {
	null := table.Null(table.Dynamic)
	if v.Type() != table.Dynamic || v.IsNull() || idx.IsNull() {
		return null
	}
	if idx.Type() == table.Dynamic {
		s, ok := scalarOf(idx.Dyn())
		if !ok {
			return null
		}
		idx = s
	}
	switch d := v.Dyn().(type) {
	case []any:
		var n int64
		switch idx.Type() {
		case table.Int, table.Long:
			n = idx.Int64()
		case table.Real:
			n = truncate(idx.Float64())
		default:
			return null
		}
		if n < 0 {
			n += int64(len(d))
		}
		if n >= 0 && n < int64(len(d)) {
			return table.FromDyn(d[n])
		}
	case *table.Object:
		return Member(v, ToText(idx))
	}
	return null
}

func dynList(v table.Value) ([]any, bool) {
	list, ok := v.Dyn().([]any)
	return list, ok && v.Type() == table.Dynamic
}

func dynValue(d any) table.Value { return table.FromDyn(d) }

var nullDynamic = table.Null(table.Dynamic)

// arrays is the table of functions of dynamic arrays.
func arrays() []Scalar {
	// overList computes from one array; null for what is no array.
	overList := func(f func(list []any, a []table.Value) any) func(*Context, []table.Value) table.Value {
		return func(_ *Context, a []table.Value) table.Value {
			list, ok := dynList(a[0])
			if !ok {
				return nullDynamic
			}
			return dynValue(f(list, a))
		}
	}
	rotate := func(sign int64) func(*Context, []table.Value) table.Value {
		return overList(func(list []any, a []table.Value) any {
			n := int64(len(list))
			if n == 0 {
				return list
			}
			k := floorMod(sign*(a[1].Int64()%n), n)
			return append(slices.Clone(list[k:]), list[:k]...)
		})
	}
	shift := func(sign int64) func(*Context, []table.Value) table.Value {
		return overList(func(list []any, a []table.Value) any {
			n := int64(len(list))
			k := max(-n, min(n, a[1].Int64())) * sign
			var fill any
			if len(a) > 2 {
				fill = dynOf(a[2])
			}
			out := make([]any, n)
			for i := range out {
				out[i] = fill
				if j := int64(i) + k; j >= 0 && j < n {
					out[i] = list[j]
				}
			}
			return out
		})
	}
	sorted := func(name string, desc bool) Scalar {
		all := func(_ *Context, a []table.Value) table.Value { return sortArrays(a, desc) }
		return Scalar{Name: name, Sigs: sigs("array*:array|bool -> dynamic"), Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value {
			return Element(all(c, a), table.LongValue(0))
		}, Several: func(args []Arg) table.Schema {
			var out table.Schema
			for i, a := range args {
				if a.Type != table.Bool || i == 0 {
					out = append(out, table.Column{Name: a.Name + "_sorted", Type: table.Dynamic})
				}
			}
			return out
		}, All: &Scalar{Name: name + "*", Sigs: sigs("array*:array|bool -> dynamic"), Nulls: Own, Eval: all, Doc: "All arrays of " + name + "."}, Doc: "The array sorted, nulls last (or first, with a last argument false); further arrays follow its order, as further columns."}
	}
	return []Scalar{
		{Name: "array_length", Aliases: []string{"arraylength"}, Sigs: sigs("array:array -> long"), Eval: func(_ *Context, a []table.Value) table.Value {
			if list, ok := dynList(a[0]); ok {
				return table.LongValue(int64(len(list)))
			}
			return table.Null(table.Long)
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return fmt.Sprintf("CASE WHEN json_valid(%[1]s) THEN CASE WHEN json_type(%[1]s) = 'ARRAY' THEN CAST(json_array_length(%[1]s) AS BIGINT) END END", args[0]), allOf(info, table.Dynamic)
		}), Doc: "Number of elements; null for what is no array."},
		{Name: "array_concat", Sigs: sigs("array*:array -> dynamic"), Nulls: Own, Eval: func(c *Context, a []table.Value) table.Value {
			n := 0
			for _, v := range a {
				list, _ := dynList(v)
				n += len(list)
			}
			c.room(16 * int64(n))
			out := make([]any, 0, n)
			for _, v := range a {
				if list, ok := dynList(v); ok {
					out = append(out, list...)
				}
			}
			return table.DynamicValue(out)
		}, Doc: "One array of all arrays' elements."},
		{Name: "array_reverse", Sigs: sigs("value:array -> dynamic"), Eval: overList(func(list []any, _ []table.Value) any {
			out := slices.Clone(list)
			slices.Reverse(out)
			return out
		}), Doc: "The elements in reverse order."},
		{Name: "array_slice", Sigs: sigs("array:array, start:long, end:long -> dynamic"), Eval: overList(func(list []any, a []table.Value) any {
			n := int64(len(list))
			from, to := a[1].Int64(), a[2].Int64()
			if from < 0 {
				from = max(0, from+n)
			}
			if to < 0 {
				to += n
			}
			to = min(to, n-1)
			if from > to {
				return []any{}
			}
			return list[from : to+1 : to+1]
		}), Doc: "The elements from one index to another, both included; negative ones count from the end."},
		{Name: "array_split", Sigs: sigs("array:array, index:long|int|dynamic -> dynamic"), Eval: overList(arraySplit), Doc: "The array cut at an index or several, as an array of arrays."},
		{Name: "array_sum", Sigs: sigs("array:array -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			list, ok := dynList(a[0])
			if !ok {
				return table.Null(table.Real)
			}
			sum := 0.0
			for _, e := range list {
				if s, ok := scalarOf(e); ok && s.Type().Numeric() {
					sum += s.Number()
				} else if e != nil {
					return table.Null(table.Real)
				}
			}
			return table.RealValue(sum)
		}, Doc: "Sum of the numbers; null where an element is something else."},
		{Name: "array_index_of", Sigs: sigs("array:array, value:scalar, start?:long, length?:long, occurrence?:long -> long"), Nulls: Own, Eval: arrayIndexOf, Doc: "Index of an element; -1 where there is none."},
		{Name: "array_iff", Aliases: []string{"array_iif"}, Sigs: sigs("conditions:array, whenTrue:scalar, whenFalse:scalar -> dynamic"), Nulls: Own, Eval: arrayIff, Doc: "For each condition the element of one array or the other."},
		{Name: "array_rotate_left", Sigs: sigs("array:array, count:long -> dynamic"), Eval: rotate(1), Doc: "The elements moved to the left, what falls out comes in at the end."},
		{Name: "array_rotate_right", Sigs: sigs("array:array, count:long -> dynamic"), Eval: rotate(-1), Doc: "The elements moved to the right, what falls out comes in at the start."},
		{Name: "array_shift_left", Sigs: sigs("array:array, count:long, default?:scalar -> dynamic"), Eval: shift(1), Doc: "The elements moved to the left, a default or null following."},
		{Name: "array_shift_right", Sigs: sigs("array:array, count:long, default?:scalar -> dynamic"), Eval: shift(-1), Doc: "The elements moved to the right, a default or null before."},
		sorted("array_sort_asc", false),
		sorted("array_sort_desc", true),
		{Name: "range", Sigs: sigs("start:datetime, stop:datetime, step?:timespan -> dynamic", "start:timespan, stop:timespan, step?:timespan -> dynamic", "start:number, stop:number, step?:number -> dynamic"), Eval: rangeOf, Doc: "Array of values from start to stop by step."},
		{Name: "repeat", Sigs: sigs("value:scalar, count:long -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			n := a[1].Int64()
			if a[1].IsNull() || n < 0 {
				return nullDynamic
			}
			out := make([]any, min(n, maxCollected))
			for i := range out {
				out[i] = dynOf(a[0])
			}
			return table.DynamicValue(out)
		}, Doc: "Array of a value as often as asked."},
		{Name: "zip", Sigs: sigs("array*:array -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			lists := make([][]any, len(a))
			n := 0
			for i, v := range a {
				lists[i], _ = dynList(v)
				n = max(n, len(lists[i]))
			}
			out := make([]any, n)
			for k := range out {
				row := make([]any, len(lists))
				for i, l := range lists {
					if k < len(l) {
						row[i] = l[k]
					}
				}
				out[k] = row
			}
			return table.DynamicValue(out)
		}, Doc: "Array of the arrays of the first elements, the second ones, and so on."},
	}
}

func arraySplit(list []any, a []table.Value) any {
	n := int64(len(list))
	var cuts []int64
	if at, ok := dynList(a[1]); ok {
		for _, e := range at {
			cuts = append(cuts, toLong(table.DynamicValue(e)).Int64())
		}
	} else {
		cuts = []int64{toLong(a[1]).Int64()}
	}
	out := []any{}
	from := int64(0)
	for _, c := range cuts {
		if c < 0 {
			c += n
		}
		c = max(from, min(c, n))
		out = append(out, list[from:c:c])
		from = c
	}
	return append(out, list[from:])
}

func arrayIndexOf(_ *Context, a []table.Value) table.Value {
	list, ok := dynList(a[0])
	if !ok {
		return table.Null(table.Long)
	}
	n := int64(len(list))
	from, length, nth := int64(0), n, int64(1)
	if len(a) > 2 {
		if from = a[2].Int64(); from < 0 {
			from = max(0, from+n)
		}
	}
	if len(a) > 3 && a[3].Int64() >= 0 {
		length = a[3].Int64()
	}
	if len(a) > 4 {
		nth = a[4].Int64()
	}
	want := dynOf(a[1])
	for i := from; i < n && i-from < length; i++ {
		if DynEqual(list[i], want) {
			if nth--; nth == 0 {
				return table.LongValue(i)
			}
		}
	}
	return table.LongValue(-1)
}

func arrayIff(_ *Context, a []table.Value) table.Value {
	conds, ok := dynList(a[0])
	if !ok {
		return nullDynamic
	}
	at := func(v table.Value, i int) any {
		if list, ok := dynList(v); ok {
			if len(list) == 1 {
				return list[0]
			}
			if i < len(list) {
				return list[i]
			}
			return nil
		}
		return dynOf(v)
	}
	out := make([]any, len(conds))
	for i, c := range conds {
		s, ok := scalarOf(c)
		if !ok || s.IsNull() || s.Type() != table.Bool && !s.Type().Numeric() {
			continue
		}
		if toBool(s).Bool() {
			out[i] = at(a[1], i)
		} else {
			out[i] = at(a[2], i)
		}
	}
	return table.DynamicValue(out)
}

// sortArrays sorts the first array and brings the others into its order: an array
// of them all.
func sortArrays(a []table.Value, desc bool) table.Value {
	nullsLast := true
	if last := a[len(a)-1]; last.Type() == table.Bool {
		nullsLast = last.IsNull() || last.Bool()
		a = a[:len(a)-1]
	}
	if len(a) == 0 {
		return nullDynamic
	}
	first, ok := dynList(a[0])
	if !ok {
		return nullDynamic
	}
	order := make([]int, len(first))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		x, y := first[order[i]], first[order[j]]
		if x == nil || y == nil {
			return x != y && (y == nil) == nullsLast
		}
		// Kinds keep their order both ways; within a kind descending turns it.
		if dynRank(x) != dynRank(y) {
			return dynRank(x) < dynRank(y)
		}
		if desc {
			return DynCompare(x, y) > 0
		}
		return DynCompare(x, y) < 0
	})
	out := make([]any, len(a))
	for k, v := range a {
		list, ok := dynList(v)
		if !ok || len(list) != len(first) {
			continue // null, as Kusto gives for arrays of another length
		}
		s := make([]any, len(list))
		for i, j := range order {
			s[i] = list[j]
		}
		out[k] = s
	}
	return table.DynamicValue(out)
}

// rangeOf lists start, start+step, … while not beyond stop.
func rangeOf(_ *Context, a []table.Value) table.Value {
	start, stop := a[0], a[1]
	var step table.Value
	switch {
	case len(a) > 2:
		step = a[2]
	case start.Type() == table.DateTime || start.Type() == table.TimeSpan:
		step = table.TimeSpanValue(table.TicksPerHour)
	default:
		step = table.LongValue(1)
	}
	zero := step.Number()
	if zero == 0 {
		return nullDynamic
	}
	out := []any{}
	for v := start; len(out) < maxCollected && !v.IsNull(); v = add(nil, []table.Value{v, step}) {
		c, ok := Order(v, stop)
		if !ok || zero > 0 && c > 0 || zero < 0 && c < 0 {
			break
		}
		out = append(out, dynOf(v))
	}
	return table.DynamicValue(out)
}

// bags is the table of functions of property bags and of what makes them.
func bags() []Scalar {
	return []Scalar{
		{Name: "bag_pack", Aliases: []string{"pack", "pack_dictionary"}, Sigs: []Sig{packSig()}, Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			o := &table.Object{}
			for i := 0; i+1 < len(a); i += 2 {
				o.Set(ToText(a[i]), dynOf(a[i+1]))
			}
			return table.DynamicValue(o)
		}, Doc: "A bag of keys and values."},
		{Name: "bag_pack_nonempty", Sigs: []Sig{packSig()}, Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			o := &table.Object{}
			for i := 0; i+1 < len(a); i += 2 {
				if v := a[i+1]; !v.IsNull() && !(v.Type() == table.String && v.Str() == "") {
					o.Set(ToText(a[i]), dynOf(v))
				}
			}
			return table.DynamicValue(o)
		}, Doc: "As bag_pack, without nulls and empty strings; pack_all(true) is made of it."},
		{Name: "pack_array", Sigs: sigs("value*:scalar -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			out := make([]any, len(a))
			for i, v := range a {
				out[i] = dynOf(v)
			}
			return table.DynamicValue(out)
		}, Doc: "An array of the values."},
		{Name: "bag_keys", Sigs: sigs("bag:bag -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			o, ok := a[0].Dyn().(*table.Object)
			if !ok {
				return nullDynamic
			}
			out := make([]any, o.Len())
			for i := range out {
				out[i] = o.Key(i)
			}
			return table.DynamicValue(out)
		}, Doc: "Array of a bag's keys."},
		{Name: "bag_has_key", Sigs: sigs("bag:bag, key:string -> bool"), Eval: func(_ *Context, a []table.Value) table.Value {
			if _, ok := a[0].Dyn().(*table.Object); !ok {
				return table.Null(table.Bool)
			}
			_, ok := lookup(a[0].Dyn(), keyPath(a[1].Str()))
			return table.BoolValue(ok)
		}, Doc: "Whether a bag has a key, or a path $.a.b."},
		{Name: "bag_merge", Sigs: sigs("bag*:bag -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			o := &table.Object{}
			some := false
			for _, v := range a {
				b, ok := v.Dyn().(*table.Object)
				if !ok {
					continue
				}
				some = true
				for i := range b.Len() {
					if _, has := o.Get(b.Key(i)); !has {
						o.Set(b.Key(i), b.Val(i))
					}
				}
			}
			if !some {
				return nullDynamic
			}
			return table.DynamicValue(o)
		}, Doc: "One bag of all bags' properties; the first value of a key stays."},
		{Name: "bag_remove_keys", Sigs: sigs("bag:bag, keys:array -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			if _, ok := a[0].Dyn().(*table.Object); !ok {
				return nullDynamic
			}
			d := a[0].Dyn()
			list, _ := dynList(a[1])
			for _, e := range list {
				d = without(d, keyPath(dynText(table.DynamicValue(e))))
			}
			return dynValue(d)
		}, Doc: "The bag without keys, or paths $.a.b."},
		{Name: "bag_set_key", Sigs: sigs("bag:bag, key:string, value:scalar -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			if _, ok := a[0].Dyn().(*table.Object); !ok {
				return nullDynamic
			}
			return dynValue(with(a[0].Dyn(), keyPath(a[1].Str()), dynOf(a[2])))
		}, Doc: "The bag with a key, or a path $.a.b, set to a value."},
		{Name: "bag_zip", Sigs: sigs("keys:array, values:array -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			keys, ok := dynList(a[0])
			if !ok {
				return nullDynamic
			}
			values, _ := dynList(a[1])
			o := &table.Object{}
			for i, k := range keys {
				key, ok := k.(string)
				if !ok {
					continue
				}
				var v any
				if i < len(values) {
					v = values[i]
				}
				o.Set(key, v)
			}
			return table.DynamicValue(o)
		}, Doc: "A bag of an array of keys and an array of values."},
		{Name: "treepath", Sigs: sigs("object:bag -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			out := []any{}
			paths(a[0].Dyn(), "", &out)
			return table.DynamicValue(out)
		}, Doc: "Array of the paths inside a dynamic."},
		{Name: "dynamic_to_json", Sigs: sigs("value:scalar -> string"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			if a[0].IsNull() {
				return str("null")
			}
			return str(string(table.AppendJSON(nil, sortedKeys(dynOf(a[0])))))
		}, Doc: "JSON text of a dynamic, with the keys of bags in order."},
		{Name: "extract_json", Aliases: []string{"extractjson"}, Sigs: []Sig{typedSig("path:string, json:string -> string"), typedSig("path:string, json:string, type:string! -> string")},
			Eval: func(_ *Context, a []table.Value) table.Value {
				d, ok := lookup(ParseDynamic(a[1].Str()).Dyn(), jsonPath(a[0].Str()))
				v := table.DynamicValue(d)
				if len(a) > 2 {
					t, known := table.ParseType(a[2].Str())
					switch {
					case !known || t == table.String:
						return str(ToText(v))
					case !ok:
						return table.Null(t)
					}
					return Convert(v, t)
				}
				return str(ToText(v))
			}, Doc: "The value at a path ($.a.b[0]) of a JSON text."},
	}
}

func packSig() Sig {
	return Sig{Params: []Param{{Name: "key", Accepts: []table.Type{table.String}}, {Name: "value"}, {Name: "more", Optional: true}}, Variadic: true,
		ResultOf: func(a []Arg) table.Type {
			if len(a)%2 != 0 {
				return table.Unknown
			}
			return table.Dynamic
		},
		Convert: func(a []Arg) []table.Type {
			out := make([]table.Type, len(a))
			for i := range a {
				out[i] = a[i].Type
				if i%2 == 0 {
					out[i] = table.String
				}
			}
			return out
		}}
}

// keyPath reads a key, or a path that begins with $.
func keyPath(s string) []any {
	if strings.HasPrefix(s, "$.") || strings.HasPrefix(s, "$[") {
		return jsonPath(s)
	}
	return []any{s}
}

// jsonPath reads $.a.b[0]['c'] as keys (string) and indexes (int64); nil where it
// is no path.
func jsonPath(s string) []any {
	s = strings.TrimPrefix(s, "$")
	out := []any{}
	for s != "" {
		switch {
		case s[0] == '[':
			end := strings.IndexByte(s, ']')
			if end < 0 {
				return nil
			}
			in := strings.TrimSpace(s[1:end])
			if n, err := strconv.ParseInt(in, 10, 64); err == nil {
				out = append(out, n)
			} else {
				out = append(out, strings.Trim(in, `'"`))
			}
			s = s[end+1:]
		default:
			s = strings.TrimPrefix(s, ".")
			end := strings.IndexAny(s, ".[")
			if end < 0 {
				end = len(s)
			}
			if end == 0 {
				return nil
			}
			out = append(out, s[:end])
			s = s[end:]
		}
	}
	return out
}

func lookup(d any, path []any) (any, bool) {
	if path == nil {
		return nil, false
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			o, ok := d.(*table.Object)
			if !ok {
				return nil, false
			}
			if d, ok = o.Get(p); !ok {
				return nil, false
			}
		case int64:
			list, ok := d.([]any)
			if p < 0 {
				p += int64(len(list))
			}
			if !ok || p < 0 || p >= int64(len(list)) {
				return nil, false
			}
			d = list[p]
		}
	}
	return d, true
}

// without is d with what is at a path taken out.
func without(d any, path []any) any {
	o, ok := d.(*table.Object)
	if !ok || len(path) == 0 {
		return d
	}
	key, _ := path[0].(string)
	out := &table.Object{}
	for i := range o.Len() {
		switch {
		case o.Key(i) != key:
			out.Set(o.Key(i), o.Val(i))
		case len(path) > 1:
			out.Set(key, without(o.Val(i), path[1:]))
		}
	}
	return out
}

// with is d with a value at a path.
func with(d any, path []any, v any) any {
	if len(path) == 0 {
		return v
	}
	key, ok := path[0].(string)
	if !ok {
		return d
	}
	out := &table.Object{}
	if o, ok := d.(*table.Object); ok {
		for i := range o.Len() {
			out.Set(o.Key(i), o.Val(i))
		}
	}
	old, _ := out.Get(key)
	out.Set(key, with(old, path[1:], v))
	return out
}

func paths(d any, at string, out *[]any) {
	switch x := d.(type) {
	case *table.Object:
		for i := range x.Len() {
			p := at + "['" + x.Key(i) + "']"
			*out = append(*out, p)
			paths(x.Val(i), p, out)
		}
	case []any:
		p := at + "[0]"
		if len(x) > 0 {
			*out = append(*out, p)
		}
		for _, e := range x {
			if _, nested := e.(*table.Object); nested {
				paths(e, p, out)
				break
			}
		}
	}
}

// sortedKeys is d with the keys of all bags in order.
func sortedKeys(d any) any {
	switch x := d.(type) {
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = sortedKeys(e)
		}
		return out
	case *table.Object:
		keys := slices.Clone(x.Keys())
		slices.Sort(keys)
		out := &table.Object{}
		for _, k := range keys {
			v, _ := x.Get(k)
			out.Set(k, sortedKeys(v))
		}
		return out
	}
	return d
}

// sets is the table of functions that take arrays as sets.
func sets() []Scalar {
	combine := func(name, doc string, f func(lists [][]any) []any) Scalar {
		return Scalar{Name: name, Sigs: sigs("set*:array -> dynamic"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			lists := make([][]any, len(a))
			for i, v := range a {
				list, ok := dynList(v)
				if !ok && i == 0 && name != "set_union" {
					return nullDynamic
				}
				lists[i] = list
			}
			return table.DynamicValue(f(lists))
		}, Doc: doc}
	}
	return []Scalar{
		combine("set_union", "Array of the distinct elements of all arrays.", func(lists [][]any) []any {
			return distinct(slices.Concat(lists...), nil)
		}),
		combine("set_intersect", "Array of the distinct elements that all arrays have.", func(lists [][]any) []any {
			out := distinct(lists[0], nil)
			for _, l := range lists[1:] {
				in := keysOf(l)
				out = distinct(out, func(k string) bool { return in[k] })
			}
			return out
		}),
		combine("set_difference", "Array of the distinct elements of the first array that no other has.", func(lists [][]any) []any {
			not := keysOf(slices.Concat(lists[1:]...))
			return distinct(lists[0], func(k string) bool { return !not[k] })
		}),
		{Name: "set_has_element", Sigs: sigs("set:array, value:scalar -> bool"), Nulls: Own, Eval: func(_ *Context, a []table.Value) table.Value {
			list, ok := dynList(a[0])
			if !ok {
				return table.Null(table.Bool)
			}
			return table.BoolValue(keysOf(list)[dynKey(dynOf(a[1]))])
		}, Doc: "Whether an array has an element."},
		{Name: "set_equals", Sigs: sigs("set1:array, set2:array -> bool"), Eval: func(_ *Context, a []table.Value) table.Value {
			x, ok1 := dynList(a[0])
			y, ok2 := dynList(a[1])
			if !ok1 || !ok2 {
				return table.Null(table.Bool)
			}
			kx, ky := keysOf(x), keysOf(y)
			same := len(kx) == len(ky)
			for k := range kx {
				same = same && ky[k]
			}
			return table.BoolValue(same)
		}, Doc: "Whether two arrays have the same distinct elements."},
		{Name: "jaccard_index", Sigs: sigs("set1:array, set2:array -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			x, ok1 := dynList(a[0])
			y, ok2 := dynList(a[1])
			if !ok1 || !ok2 {
				return table.Null(table.Real)
			}
			kx, ky := keysOf(x), keysOf(y)
			both := 0
			for k := range kx {
				if ky[k] {
					both++
				}
			}
			return table.RealValue(float64(both) / float64(len(kx)+len(ky)-both))
		}, Doc: "Size of the intersection of two sets over that of their union."},
	}
}

func keysOf(list []any) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, e := range list {
		out[dynKey(e)] = true
	}
	return out
}

// distinct elements in order of appearance; keep may refuse some.
func distinct(list []any, keep func(key string) bool) []any {
	out := []any{}
	seen := map[string]bool{}
	for _, e := range list {
		k := dynKey(e)
		if seen[k] || keep != nil && !keep(k) {
			continue
		}
		seen[k] = true
		out = append(out, e)
	}
	return out
}
