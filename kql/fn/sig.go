package fn

import (
	"fmt"
	"slices"
	"strings"

	"sextant/table"
)

// Groups of types that signatures name. The first of each is what a dynamic
// becomes.
var (
	integers  = []table.Type{table.Long, table.Int}
	numbers   = []table.Type{table.Real, table.Long, table.Int, table.Decimal}
	summables = []table.Type{table.Real, table.Long, table.Int, table.Decimal, table.DateTime, table.TimeSpan}
	orderable = []table.Type{table.Real, table.Long, table.Int, table.Decimal, table.DateTime, table.TimeSpan, table.Bool, table.String}
	notDyn    = []table.Type{table.String, table.Bool, table.Long, table.Int, table.Real, table.Decimal, table.DateTime, table.TimeSpan, table.Guid}
)

// Every way to write a parameter's type in a signature's text.
var paramTypes = map[string][]table.Type{
	"integer":    integers,
	"number":     numbers,
	"summable":   summables,
	"orderable":  orderable,
	"notdynamic": notDyn,
	"scalar":     nil,
	"str":        nil, // any type, converted to a string
	"array":      {table.Dynamic},
	"bag":        {table.Dynamic},
	"text":       {table.String, table.Dynamic},
}

// sigs reads signatures from their text, so that a row of the catalogue shows
// what it takes at a glance:
//
//	"value:number, size?:long, rest*:str -> long"
//
// A parameter is name:type with ? (optional), * (the last one repeats, at least
// once) or both after its name and ! (must be a constant) after its type; types
// are KQL's or one of paramTypes, alternatives joined by "|". The result is a
// type, $n (the type of argument n), or $widest (the widest number of all).
//
// Conversion is built in: an argument whose type is not taken as it is gets the
// first type of the parameter that it converts to implicitly.
func sigs(texts ...string) []Sig {
	out := make([]Sig, len(texts))
	for i, t := range texts {
		out[i] = parseSig(t)
	}
	return out
}

func parseSig(text string) Sig {
	params, result, ok := strings.Cut(text, "->")
	if !ok {
		panic("fn: a signature without a result: " + text)
	}
	var s Sig
	var toText []bool
	for _, p := range strings.Split(params, ",") {
		p = strings.TrimSpace(p)
		if p == "" {
			continue
		}
		name, typ, ok := strings.Cut(p, ":")
		if !ok {
			panic("fn: a parameter without a type: " + text)
		}
		var q Param
		if strings.HasSuffix(name, "*") {
			s.Variadic = true
			name = strings.TrimSuffix(name, "*")
		}
		if strings.HasSuffix(name, "?") {
			q.Optional = true
			name = strings.TrimSuffix(name, "?")
		}
		q.Name = name
		if strings.HasSuffix(typ, "!") {
			q.Const = true
			typ = strings.TrimSuffix(typ, "!")
		}
		toText = append(toText, typ == "str")
		for _, one := range strings.Split(typ, "|") {
			if group, ok := paramTypes[one]; ok {
				q.Accepts = append(q.Accepts, group...)
				continue
			}
			t, ok := table.ParseType(one)
			if !ok {
				panic("fn: no type " + one + " in " + text)
			}
			q.Accepts = append(q.Accepts, t)
		}
		s.Params = append(s.Params, q)
	}
	at := func(i int) int { return min(i, len(s.Params)-1) }
	s.Convert = func(args []Arg) []table.Type {
		out := make([]table.Type, len(args))
		for i, a := range args {
			switch j := at(i); {
			case toText[j]:
				out[i] = table.String
			default:
				out[i], _ = takes(s.Params[j], a.Type)
			}
		}
		return out
	}
	switch result = strings.TrimSpace(result); {
	case result == "$widest":
		s.Result = table.Real
		s.ResultOf = func(args []Arg) table.Type { return widest(args) }
		convert := s.Convert
		s.Convert = func(args []Arg) []table.Type {
			out := convert(args)
			w := widest(args)
			for i := range out {
				out[i] = w
			}
			return out
		}
	case strings.HasPrefix(result, "$"):
		n := int(result[1] - '0')
		s.Result = table.Dynamic
		s.ResultOf = func(args []Arg) table.Type {
			if n >= len(args) {
				return table.Unknown
			}
			return s.Convert(args)[n]
		}
	default:
		t, ok := table.ParseType(result)
		if !ok {
			panic("fn: no type " + result + " in " + text)
		}
		s.Result = t
	}
	return s
}

// takes gives the type that an argument has once the parameter took it.
func takes(p Param, t table.Type) (table.Type, bool) {
	if len(p.Accepts) == 0 || t == table.Unknown || slices.Contains(p.Accepts, t) {
		return t, true
	}
	for _, to := range p.Accepts {
		if t != table.Dynamic && Implicit(t, to) {
			return to, true
		}
	}
	if t == table.Dynamic {
		return p.Accepts[0], slices.ContainsFunc(p.Accepts, func(to table.Type) bool { return Implicit(t, to) })
	}
	return t, false
}

// Implicit says whether Kusto converts from one type to the other unasked: a
// number to a wider one, a dynamic to a string or to what a value of it can be.
func Implicit(from, to table.Type) bool {
	if from == to {
		return true
	}
	if from.Numeric() && to.Numeric() {
		return from < to
	}
	return from == table.Dynamic && to == table.String
}

// widest number among the arguments; int counts as long where there are several
// kinds or none.
func widest(args []Arg) table.Type {
	w := table.Long
	for _, a := range args {
		t := a.Type
		if t == table.Dynamic {
			t = table.Real
		}
		if t.Numeric() && t > w {
			w = t
		}
	}
	return w
}

// Resolve finds the first signature that fits the arguments: the signature, the
// type that each argument is to be converted to before the call, and the type of
// the result. The error says what the function takes.
func Resolve(name string, all []Sig, args []Arg) (*Sig, []table.Type, table.Type, error) {
	var why string
	for i := range all {
		s := &all[i]
		w := misfit(s, args)
		if w != "" {
			if why == "" || len(all) == 1 {
				why = w
			}
			continue
		}
		var to []table.Type
		if s.Convert != nil {
			to = s.Convert(args)
		} else {
			to = make([]table.Type, len(args))
			for j, a := range args {
				to[j], _ = takes(s.Params[min(j, len(s.Params)-1)], a.Type)
			}
		}
		result := s.Result
		if s.ResultOf != nil {
			result = s.ResultOf(args)
		}
		return s, to, result, nil
	}
	var forms []string
	for i := range all {
		forms = append(forms, name+all[i].String())
	}
	return nil, nil, table.Unknown, fmt.Errorf("%s: %s; it takes %s", name, why, strings.Join(forms, " or "))
}

// misfit says why a signature does not fit; "" when it does.
func misfit(s *Sig, args []Arg) string {
	least := 0
	for _, p := range s.Params {
		if !p.Optional {
			least++
		}
	}
	if len(args) < least {
		return fmt.Sprintf("%d arguments are too few", len(args))
	}
	if len(args) > len(s.Params) && !s.Variadic {
		return fmt.Sprintf("%d arguments are too many", len(args))
	}
	for i, a := range args {
		p := s.Params[min(i, len(s.Params)-1)]
		if _, ok := takes(p, a.Type); !ok {
			return fmt.Sprintf("argument %d (%s) cannot be %s", i+1, p.Name, article(a.Type))
		}
		if p.Const && a.Const == nil {
			return fmt.Sprintf("argument %d (%s) must be a constant", i+1, p.Name)
		}
	}
	return ""
}

func article(t table.Type) string {
	if t == table.Int {
		return "an int"
	}
	return "a " + t.String()
}

// String prints a signature the way documentation does.
func (s *Sig) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, p := range s.Params {
		if i > 0 {
			b.WriteString(", ")
		}
		if p.Optional {
			b.WriteByte('[')
		}
		b.WriteString(p.Name)
		if len(p.Accepts) > 0 {
			b.WriteString(": " + groupName(p.Accepts))
		}
		if s.Variadic && i == len(s.Params)-1 {
			b.WriteString(", ...")
		}
		if p.Optional {
			b.WriteByte(']')
		}
	}
	b.WriteByte(')')
	return b.String()
}

func groupName(ts []table.Type) string {
	for _, g := range []struct {
		name  string
		types []table.Type
	}{{"number", numbers}, {"integer", integers}, {"number, datetime or timespan", summables}, {"any but dynamic", notDyn}} {
		if slices.Equal(ts, g.types) {
			return g.name
		}
	}
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = t.String()
	}
	return strings.Join(names, " or ")
}
