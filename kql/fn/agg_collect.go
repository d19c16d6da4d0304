package fn

import (
	"sextant/table"
)

// maxCollected is how many elements make_list and its kin keep at most.
const maxCollected = 1_048_576

// collecting is the table of make_list, make_set, make_bag and their kin.
func collecting() []Aggregate {
	list := func(set, nulls bool) func(*Context, []Arg) State {
		return func(_ *Context, args []Arg) State {
			s := &listState{limit: sizeLimit(args), nulls: nulls}
			if set {
				s.seen = map[string]struct{}{}
			}
			return s
		}
	}
	bag := func(_ *Context, args []Arg) State { return &bagState{limit: sizeLimit(args), bag: &table.Object{}} }
	plain := sigs("expr:scalar, maxSize?:integer! -> dynamic")
	filtered := sigs("expr:scalar, predicate:bool, maxSize?:integer! -> dynamic")
	return []Aggregate{
		{Name: "make_list", Aliases: []string{"makelist"}, Sigs: plain, ResultName: named("list"), New: list(false, false), Doc: "Array of the values, without nulls; arrays among them add their elements."},
		{Name: "make_list_if", Sigs: filtered, ResultName: named("list"), New: onlyIf(1, list(false, false)), Doc: "make_list where the predicate is true."},
		{Name: "make_list_with_nulls", Sigs: sigs("expr:scalar -> dynamic"), ResultName: named("list"), New: list(false, true), Doc: "Array of the values, nulls too."},
		{Name: "make_set", Aliases: []string{"makeset"}, Sigs: plain, ResultName: named("set"), New: list(true, false), SQL: duckAgg(setSQL(false)), Doc: "Array of the distinct values, without nulls."},
		{Name: "make_set_if", Sigs: filtered, ResultName: named("set"), New: onlyIf(1, list(true, false)), SQL: duckAgg(setSQL(true)), Doc: "make_set where the predicate is true."},
		{Name: "make_bag", Sigs: sigs("expr:bag, maxSize?:integer! -> dynamic"), ResultName: named("bag"), New: bag, Doc: "One bag of the properties of all bags; the first value of a key stays."},
		{Name: "make_dictionary", Sigs: sigs("expr:bag, maxSize?:integer! -> dynamic"), ResultName: named("dictionary"), New: bag, Doc: "As make_bag."},
		{Name: "make_bag_if", Sigs: sigs("expr:bag, predicate:bool, maxSize?:integer! -> dynamic"), ResultName: named("bag"), New: onlyIf(1, bag), Doc: "make_bag where the predicate is true."},
		{Name: "buildschema", Sigs: sigs("expr:bag -> dynamic"), ResultName: named("schema"), New: func(*Context, []Arg) State { return &schemaState{} }, Doc: "The least schema that admits all values."},
	}
}

// sizeLimit is the constant last argument, where there is one.
func sizeLimit(args []Arg) int {
	// The last of …_if may be its condition, and that may be a constant.
	if n := len(args); n > 1 && args[n-1].Const != nil && args[n-1].Type != table.Bool {
		if m := args[n-1].Const.Int64(); m >= 0 && m < maxCollected {
			return int(m)
		}
	}
	return maxCollected
}

// listState is make_list, or make_set when seen is set. Nulls of a dynamic column
// are values there.
type listState struct {
	limit int
	nulls bool
	list  []any
	seen  map[string]struct{}
	bytes int64
}

func (s *listState) Add(args []table.Value) {
	v := args[0]
	if v.IsNull() && v.Type() != table.Dynamic && !s.nulls {
		return
	}
	d := dynOf(v)
	if elems, ok := d.([]any); ok && v.Type() == table.Dynamic {
		for _, e := range elems {
			s.add(e)
		}
		return
	}
	s.add(d)
}

func (s *listState) add(d any) {
	if len(s.list) >= s.limit {
		return
	}
	s.bytes += 16 + table.DynBytes(d)
	if s.seen != nil {
		k := dynKey(d)
		if _, ok := s.seen[k]; ok {
			return
		}
		s.seen[k] = struct{}{}
		s.bytes += 48 + int64(len(k))
	}
	s.list = append(s.list, d)
}

func (s *listState) Results() []table.Value {
	if s.list == nil {
		s.list = []any{}
	}
	return []table.Value{table.DynamicValue(s.list)}
}
func (s *listState) Bytes() int64 { return 64 + s.bytes }

type bagState struct {
	limit int
	bag   *table.Object
	bytes int64
}

func (s *bagState) Add(args []table.Value) {
	o, ok := args[0].Dyn().(*table.Object)
	if !ok {
		return
	}
	for i := range o.Len() {
		if _, has := s.bag.Get(o.Key(i)); has || s.bag.Len() >= s.limit {
			continue
		}
		s.bag.Set(o.Key(i), o.Val(i))
		s.bytes += int64(48+len(o.Key(i))) + table.DynBytes(o.Val(i))
	}
}
func (s *bagState) Results() []table.Value { return []table.Value{table.DynamicValue(s.bag)} }
func (s *bagState) Bytes() int64           { return 96 + s.bytes }

// schemaState is buildschema: the type of every path, as names, arrays of names,
// or bags.
type schemaState struct{ root schemaNode }

// schemaNode holds what was seen at one path.
type schemaNode struct {
	types  []string // of scalars, in order of appearance
	fields []string // of bags
	at     map[string]*schemaNode
	elem   *schemaNode // of arrays
}

func (n *schemaNode) add(d any) {
	switch x := d.(type) {
	case nil:
	case []any:
		if n.elem == nil {
			n.elem = &schemaNode{}
		}
		for _, e := range x {
			n.elem.add(e)
		}
	case *table.Object:
		if n.at == nil {
			n.at = map[string]*schemaNode{}
		}
		for i := range x.Len() {
			k := x.Key(i)
			c := n.at[k]
			if c == nil {
				c = &schemaNode{}
				n.at[k] = c
				n.fields = append(n.fields, k)
			}
			c.add(x.Val(i))
		}
	default:
		s, _ := scalarOf(d)
		name := s.Type().String()
		if name == "real" {
			name = "double"
		}
		for _, t := range n.types {
			if t == name {
				return
			}
		}
		n.types = append(n.types, name)
	}
}

func (n *schemaNode) dyn() any {
	var all []any
	for _, t := range n.types {
		all = append(all, t)
	}
	if n.at != nil || n.elem != nil {
		o := &table.Object{}
		if n.elem != nil {
			o.Set("`indexer`", n.elem.dyn())
		}
		for _, k := range n.fields {
			o.Set(k, n.at[k].dyn())
		}
		all = append(all, o)
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

func (s *schemaState) Add(args []table.Value) { s.root.add(args[0].Dyn()) }
func (s *schemaState) Results() []table.Value { return []table.Value{table.DynamicValue(s.root.dyn())} }
func (s *schemaState) Bytes() int64           { return s.root.bytes() }
func (n *schemaNode) bytes() int64 {
	b := int64(96)
	for k, c := range n.at {
		b += int64(len(k)) + c.bytes()
	}
	if n.elem != nil {
		b += n.elem.bytes()
	}
	return b
}
