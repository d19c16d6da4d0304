package plan

import (
	"fmt"
	"strings"

	"sextant/table"
)

func nameds(cols []Named) string {
	out := make([]string, len(cols))
	for i, c := range cols {
		if col, ok := c.Expr.(*Col); ok && col.Name == c.Name {
			out[i] = Ident(c.Name)
		} else {
			out[i] = Ident(c.Name) + " = " + c.Expr.String()
		}
	}
	return strings.Join(out, ", ")
}

func keys(ks []SortKey) string {
	out := make([]string, len(ks))
	for i, k := range ks {
		dir, nulls := "asc", "nulls last"
		if k.Desc {
			dir = "desc"
		}
		if k.NullsFirst {
			nulls = "nulls first"
		}
		out[i] = k.Expr.String() + " " + dir + " " + nulls
	}
	return strings.Join(out, ", ")
}

func (s *Scan) String() string {
	var b strings.Builder
	b.WriteString("Scan " + Ident(s.Def.Name))
	if len(s.Out) != len(s.Def.Columns) {
		names := make([]string, len(s.Out))
		for i, c := range s.Out {
			names[i] = Ident(c.Name)
		}
		b.WriteString("(" + strings.Join(names, ", ") + ")")
	}
	if s.From != 0 || s.To != 0 {
		to := "…"
		if s.To != 0 {
			to = table.FormatDateTime(s.To)
		}
		b.WriteString(" [" + table.FormatDateTime(s.From) + ", " + to + ")")
	}
	for _, t := range s.Bounds {
		to := "…"
		if t.To != 0 {
			to = table.FormatDateTime(t.To)
		}
		b.WriteString(" " + Ident(t.Column) + " [" + table.FormatDateTime(t.From) + ", " + to + ")")
	}
	for _, e := range s.Equal {
		fmt.Fprintf(&b, " {%s in %q}", e.Column, e.Values)
	}
	for _, t := range s.Terms {
		sets := make([]string, len(t.Any))
		for i, set := range t.Any {
			sets[i] = fmt.Sprintf("%q", set)
		}
		b.WriteString(" {terms " + strings.Join(sets, " or ") + "}")
	}
	return b.String()
}
func (s *Values) String() string { return fmt.Sprintf("Values%s[%d rows]", s.Out, len(s.Rows)) }
func (s *Print) String() string  { return "Print " + nameds(s.Cols) }
func (s *Range) String() string {
	return fmt.Sprintf("Range %s from %s to %s step %s", Ident(s.Col.Name), s.From, s.To, s.Step)
}
func (s *Union) String() string {
	out := make([]string, len(s.Inputs))
	for i, p := range s.Inputs {
		out[i] = "(" + p.String() + ")"
	}
	with := ""
	if s.With != "" {
		with = "withsource=" + Ident(s.With) + " "
	}
	return "Union " + with + strings.Join(out, ", ")
}
func (s *Shared) String() string { return fmt.Sprintf("Shared#%d(%s)", s.ID, s.Pipe) }
func (s *Outer) String() string  { return "Outer" }

func (o *Filter) String() string { return "where " + o.Pred.String() }
func (o *Project) String() string {
	if o.Serialized {
		return "serialize project " + nameds(o.Cols)
	}
	return "project " + nameds(o.Cols)
}
func (o *Summarize) String() string {
	var aggs []string
	for _, a := range o.Aggs {
		args := make([]string, len(a.Args))
		for i, e := range a.Args {
			args[i] = e.String()
		}
		names := make([]string, len(a.Out))
		for i, c := range a.Out {
			names[i] = Ident(c.Name)
		}
		name := strings.Join(names, ", ")
		if len(names) != 1 {
			name = "(" + name + ")"
		}
		aggs = append(aggs, name+" = "+a.Fn.Name+"("+strings.Join(args, ", ")+")")
	}
	s := "summarize " + strings.Join(aggs, ", ")
	if len(o.By) > 0 {
		s += " by " + nameds(o.By)
	}
	return s
}
func (o *Sort) String() string     { return "sort by " + keys(o.Keys) }
func (o *Take) String() string     { return fmt.Sprintf("take %d", o.N) }
func (o *Top) String() string      { return fmt.Sprintf("top %d by %s", o.N, keys(o.Keys)) }
func (o *Distinct) String() string { return "distinct" }
func (o *Join) String() string {
	on := make([]string, len(o.LeftKeys))
	for i := range on {
		on[i] = o.LeftKeys[i].String() + " == " + o.RightKeys[i].String()
	}
	return fmt.Sprintf("join kind=%s (%s) on %s", o.Kind, o.Right, strings.Join(on, ", "))
}

func (o *MvExpand) text() string {
	out := make([]string, len(o.Cols))
	for i, c := range o.Cols {
		out[i] = Ident(c.Name) + " = " + c.Expr.String() + " to " + c.To.String()
	}
	s := strings.Join(out, ", ")
	if o.Index != "" {
		s += " index " + Ident(o.Index)
	}
	if o.Limit > 0 {
		s += fmt.Sprintf(" limit %d", o.Limit)
	}
	return s
}
func (o *MvExpand) String() string { return "mv-expand " + o.text() }
func (o *MvApply) String() string {
	return "mv-apply " + o.Expand.text() + " on (" + o.Sub.String() + ")"
}
func (o *Parse) String() string {
	var b strings.Builder
	b.WriteString("parse")
	if o.Where {
		b.WriteString("-where")
	}
	b.WriteString(" kind=" + string(o.Kind) + " " + o.Of.String() + " with")
	for _, p := range o.Pattern {
		switch {
		case p.Star:
			b.WriteString(" *")
		case p.Column != nil:
			b.WriteString(" " + Ident(p.Column.Name) + ":" + p.Column.Type.String())
		default:
			b.WriteString(" " + string(table.AppendQuoted(nil, p.Literal)))
		}
	}
	return b.String()
}
func (o *Serialize) String() string { return "serialize" }
