package plan

import (
	"slices"

	"sextant/table"
)

// empty takes out of unions what gives no rows, because its table has none, or none
// of those that are asked for. A search through a workspace reads hundreds of tables
// of which a few are in use, and the columns of all would be made for each row of each.
// Columns that only the others had are added behind, as the nulls that they are. A
// scan that gives nothing is not read.
func empty(r *Rewriting, p *Pipeline) *Pipeline {
	if r.Empty == nil {
		return p
	}
	if s, ok := p.Source.(*Scan); ok && r.excluded(s) {
		return &Pipeline{Source: &Values{Out: s.Out}, Ops: p.Ops}
	}
	u, ok := p.Source.(*Union)
	if !ok {
		return p
	}
	out := &Union{With: u.With}
	for i, in := range u.Inputs {
		if r.nothing(in) {
			continue
		}
		out.Inputs = append(out.Inputs, in)
		out.From = append(out.From, u.From[i])
		if u.With != "" {
			out.Names = append(out.Names, u.Names[i])
		}
	}
	switch len(out.Inputs) {
	case len(u.Inputs):
		return p
	case 0:
		return &Pipeline{Source: &Values{Out: u.Out}, Ops: p.Ops}
	}
	narrow := &Union{With: u.With, Inputs: out.Inputs, Names: out.Names, From: make([][]string, len(out.From))}
	all := &Project{Cols: make([]Named, len(u.Out))}
	for c, col := range u.Out {
		all.Cols[c] = Named{Name: col.Name, Expr: &Const{table.Null(col.Type)}}
		if col.Name != u.With && !slices.ContainsFunc(out.From, func(f []string) bool { return f[c] != "" }) {
			continue
		}
		all.Cols[c].Expr = &Col{col.Name, col.Type}
		narrow.Out = append(narrow.Out, col)
		for i := range narrow.From {
			narrow.From[i] = append(narrow.From[i], out.From[i][c])
		}
	}
	if n := len(narrow.Out); n == 0 || n == len(u.Out) {
		out.Out = u.Out
		return &Pipeline{Source: out, Ops: p.Ops}
	}
	return &Pipeline{Source: narrow, Ops: append([]Op{all}, p.Ops...)}
}

// nothing says that a pipeline certainly gives no row.
func (r *Rewriting) nothing(p *Pipeline) bool {
	switch s := p.Source.(type) {
	case *Scan:
		if !r.Empty(s.Def) && !r.excluded(s) {
			return false
		}
	case *Values:
		if len(s.Rows) > 0 {
			return false
		}
	case *Union:
		if slices.ContainsFunc(s.Inputs, func(in *Pipeline) bool { return !r.nothing(in) }) {
			return false
		}
	case *Shared:
		if !r.nothing(s.Pipe) {
			return false
		}
	default:
		return false
	}
	return !slices.ContainsFunc(p.Ops, makesRows)
}

// excluded says that a table has no row that a scan asks for.
func (r *Rewriting) excluded(s *Scan) bool {
	asks := s.From > 0 || s.To > 0 || len(s.Bounds) > 0 || len(s.Equal) > 0 || len(s.Terms) > 0
	return asks && r.Excluded != nil && r.Excluded(s)
}

// makesRows says that an operator may give rows where it gets none.
func makesRows(op Op) bool {
	switch op := op.(type) {
	case *Filter, *Project, *Sort, *Take, *Top, *Distinct, *MvExpand, *MvApply, *Parse, *Serialize:
		return false
	case *Summarize:
		return len(op.By) == 0
	case *Join:
		return op.Kind == RightOuter || op.Kind == FullOuter || op.Kind == RightAnti
	}
	return true
}
