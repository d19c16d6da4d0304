package plan

import (
	"maps"

	"sextant/table"
)

// prune drops the columns that nobody reads: of scans, projections, aggregates,
// joins and unions.
func prune(r *Rewriting, p *Pipeline) *Pipeline {
	if _, ok := p.Source.(*Outer); ok {
		return p // with the operator around it, which knows what it gives
	}
	if len(p.Schema()) == 0 {
		return p // project-away *: rows without columns
	}
	need := map[string]bool{}
	for _, c := range p.Schema() {
		need[c.Name] = true
	}
	return r.pruned(p, need)
}

// pruned is p giving at least the needed columns, in their order.
func (r *Rewriting) pruned(p *Pipeline, need map[string]bool) *Pipeline {
	// needs[i] is what operator i must give
	needs := make([]map[string]bool, len(p.Ops)+1)
	needs[len(p.Ops)] = need
	for i := len(p.Ops) - 1; i >= 0; i-- {
		needs[i] = r.inputNeeds(p.Ops[i], needs[i+1], schemaBefore(p, i))
	}
	return r.prunedOps(&Pipeline{Source: r.prunedSource(p.Source, needs[0])}, p, needs)
}

// prunedFrom is a subquery over the columns that its operator gives now.
func (r *Rewriting) prunedFrom(src Source, p *Pipeline, need map[string]bool) *Pipeline {
	needs := make([]map[string]bool, len(p.Ops)+1)
	needs[len(p.Ops)] = need
	for i := len(p.Ops) - 1; i >= 0; i-- {
		needs[i] = r.inputNeeds(p.Ops[i], needs[i+1], schemaBefore(p, i))
	}
	if _, ok := p.Source.(*Outer); !ok {
		return r.pruned(p, need)
	}
	return r.prunedOps(&Pipeline{Source: src}, p, needs)
}

func (r *Rewriting) prunedOps(out, p *Pipeline, needs []map[string]bool) *Pipeline {
	for i, op := range p.Ops {
		in := out.Schema()
		if op := r.prunedOp(op, in, needs[i+1]); op != nil {
			out.Ops = append(out.Ops, op)
		}
	}
	return out
}

func schemaBefore(p *Pipeline, i int) table.Schema {
	if i == 0 {
		return p.Source.Schema()
	}
	return p.Ops[i-1].Schema()
}

func set(names ...string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[n] = true
	}
	return out
}

// read adds the columns that expressions read to a set.
func read(out map[string]bool, es ...Expr) map[string]bool {
	for _, e := range es {
		Walk(e, func(e Expr) bool {
			if c, ok := e.(*Col); ok {
				out[c.Name] = true
			}
			return true
		})
	}
	return out
}

func everything(s table.Schema) map[string]bool {
	out := map[string]bool{}
	for _, c := range s {
		out[c.Name] = true
	}
	return out
}

// inputNeeds is what an operator reads of its input to give the needed columns.
func (r *Rewriting) inputNeeds(op Op, need map[string]bool, in table.Schema) map[string]bool {
	switch o := op.(type) {
	case *Filter, *Sort, *Top, *Take, *Serialize, *Sample:
		return read(maps.Clone(need), Expressions(op)...)
	case *Project:
		out := map[string]bool{}
		for _, c := range o.Cols {
			if need[c.Name] {
				read(out, c.Expr)
			}
		}
		return out
	case *Summarize:
		out := map[string]bool{}
		for _, c := range o.By {
			read(out, c.Expr)
		}
		for _, a := range keptAggs(o, need) {
			read(out, a.Args...)
		}
		return out
	case *Join:
		out := read(map[string]bool{}, o.LeftKeys...)
		for i, from := range o.LeftCols {
			if need[o.Out[i].Name] {
				out[from] = true
			}
		}
		return out
	case *MvExpand:
		made := map[string]bool{o.Index: true}
		for _, c := range o.Cols {
			made[c.Name] = true
		}
		out := read(map[string]bool{}, Expressions(op)...)
		for n := range need {
			if !made[n] {
				out[n] = true
			}
		}
		return out
	case *Parse:
		made := map[string]bool{}
		for _, x := range o.Pattern {
			if x.Column != nil {
				made[x.Column.Name] = true
			}
		}
		out := read(map[string]bool{}, o.Of)
		for n := range need {
			if !made[n] {
				out[n] = true
			}
		}
		return out
	case *MakeSeries, *TopNested, *SampleDistinct, *Reduce:
		return read(map[string]bool{}, Expressions(op)...)
	case *MvApply:
		out := read(map[string]bool{}, Expressions(op)...)
		for _, n := range o.Keep {
			if need[n] {
				out[n] = true
			}
		}
		made := madeBy(&o.Expand)
		for n := range r.sourceNeeds(o.Sub, need) {
			if !made[n] {
				out[n] = true
			}
		}
		return out
	case *Plugin:
		out := read(map[string]bool{}, Expressions(op)...)
		for i, n := range o.Keep {
			if need[o.Out[i].Name] {
				out[n] = true
			}
		}
		return out
	case *GraphMatch:
		return read(o.reads(), Expressions(op)...)
	case *Partition:
		out := read(map[string]bool{}, o.By)
		for n := range r.sourceNeeds(o.Sub, need) {
			out[n] = true
		}
		return out
	}
	return everything(in)
}

// madeBy are the columns that an expansion makes.
func madeBy(m *MvExpand) map[string]bool {
	made := map[string]bool{}
	if m.Index != "" {
		made[m.Index] = true
	}
	for _, c := range m.Cols {
		made[c.Name] = true
	}
	return made
}

// sourceNeeds are the columns of its source that a pipeline reads.
func (r *Rewriting) sourceNeeds(p *Pipeline, need map[string]bool) map[string]bool {
	for i := len(p.Ops) - 1; i >= 0; i-- {
		need = r.inputNeeds(p.Ops[i], need, schemaBefore(p, i))
	}
	return need
}

// keptAggs are the aggregates that give a needed column; one at least where there
// are no groups, since the operator's row must have something.
func keptAggs(o *Summarize, need map[string]bool) []Agg {
	var out []Agg
	for _, a := range o.Aggs {
		for _, c := range a.Out {
			if need[c.Name] {
				out = append(out, a)
				break
			}
		}
	}
	if len(out) == 0 && len(o.By) == 0 && len(o.Aggs) > 0 {
		out = o.Aggs[:1]
	}
	return out
}

func kept(s table.Schema, need map[string]bool) table.Schema {
	out := table.Schema{}
	for _, c := range s {
		if need[c.Name] {
			out = append(out, c)
		}
	}
	return out
}

// prunedOp is the operator over a smaller input; nil where nothing is left to do.
func (r *Rewriting) prunedOp(op Op, in table.Schema, need map[string]bool) Op {
	switch o := op.(type) {
	case *Filter, *Sort, *Top, *Take, *Serialize, *Sample, *Distinct:
		return over(op, in)
	case *Project:
		var cols []Named
		for _, c := range o.Cols {
			if need[c.Name] {
				cols = append(cols, c)
			}
		}
		if len(cols) == 0 || !o.Serialized && identity(cols, in) {
			return nil // rows are counted, not read
		}
		return &Project{cols, o.Serialized}
	case *Summarize:
		return &Summarize{o.By, keptAggs(o, need)}
	case *Join:
		j := *o
		j.LeftCols, j.RightCols, j.Out = nil, nil, nil
		right := read(map[string]bool{}, o.RightKeys...)
		for i, c := range o.Out {
			if !need[c.Name] {
				continue
			}
			j.Out = append(j.Out, c)
			if i < len(o.LeftCols) {
				j.LeftCols = append(j.LeftCols, o.LeftCols[i])
			} else {
				from := o.RightCols[i-len(o.LeftCols)]
				j.RightCols = append(j.RightCols, from)
				right[from] = true
			}
		}
		j.Right = r.pruned(o.Right, right)
		return &j
	case *MvExpand:
		m := *o
		m.Out = nil
		made := map[string]bool{o.Index: o.Index != ""}
		for _, c := range o.Cols {
			made[c.Name] = true
		}
		for _, c := range o.Out {
			if need[c.Name] || made[c.Name] {
				m.Out = append(m.Out, c)
			}
		}
		return &m
	case *MvApply:
		m := *o
		given := r.sourceNeeds(o.Sub, need)
		made := madeBy(&o.Expand)
		m.Expand.Out, m.Keep, m.Out = nil, nil, nil
		for _, c := range o.Expand.Out {
			if given[c.Name] || made[c.Name] {
				m.Expand.Out = append(m.Expand.Out, c)
			}
		}
		for _, n := range o.Keep {
			if i := in.Index(n); i >= 0 && need[n] {
				m.Keep = append(m.Keep, n)
				m.Out = append(m.Out, in[i])
			}
		}
		m.Sub = r.prunedFrom(&Outer{m.Expand.Out}, o.Sub, need)
		m.Out = append(m.Out, m.Sub.Schema()...)
		return &m
	case *Plugin:
		m := o.pruned(need)
		if m.Right != nil {
			m.Right = r.pruned(m.Right, read(set(m.RightCols...), m.RightKeys...))
		}
		return m
	case *GraphMatch:
		m, g := *o, *o.Graph
		g.Edges = kept(g.Edges, o.reads())
		m.Graph = &g
		return &m
	case *Partition:
		return &Partition{o.By, r.prunedFrom(&Outer{in}, o.Sub, need)}
	case *Parse:
		p := *o
		p.Out = nil
		made := map[string]bool{}
		for _, x := range o.Pattern {
			if x.Column != nil {
				made[x.Column.Name] = true
			}
		}
		for _, c := range o.Out {
			if made[c.Name] || in.Index(c.Name) >= 0 {
				p.Out = append(p.Out, c)
			}
		}
		return &p
	}
	return op
}

// some is s, or one cheap column of all where s has none: rows must be counted.
func some(s, all table.Schema) table.Schema {
	if len(s) > 0 || len(all) == 0 {
		return s
	}
	for _, c := range all {
		switch c.Type {
		case table.Bool, table.Int, table.Long, table.Real, table.DateTime, table.TimeSpan:
			return table.Schema{c}
		}
	}
	return all[:1]
}

// identity tells whether columns are exactly a schema.
func identity(cols []Named, in table.Schema) bool {
	if len(cols) != len(in) {
		return false
	}
	for i, c := range cols {
		x, ok := c.Expr.(*Col)
		if !ok || x.Name != in[i].Name || c.Name != x.Name {
			return false
		}
	}
	return true
}

func (r *Rewriting) prunedSource(s Source, need map[string]bool) Source {
	switch s := s.(type) {
	case *Scan:
		out := *s
		out.Out = some(kept(s.Out, need), s.Out)
		return &out
	case *Outer:
		return &Outer{kept(s.Out, need)}
	case *Values:
		if out := some(kept(s.Out, need), s.Out); len(out) < len(s.Out) {
			need = everything(out)
			v := &Values{Out: out, Rows: make([][]table.Value, len(s.Rows))}
			for i, row := range s.Rows {
				for j, c := range s.Out {
					if need[c.Name] {
						v.Rows[i] = append(v.Rows[i], row[j])
					}
				}
			}
			return v
		}
	case *Union:
		out := *s
		need = everything(some(kept(s.Out, need), s.Out))
		out.Out, out.From = nil, make([][]string, len(s.Inputs))
		out.Inputs = make([]*Pipeline, len(s.Inputs))
		reads := make([]map[string]bool, len(s.Inputs))
		for i := range reads {
			reads[i] = map[string]bool{}
		}
		for k, c := range s.Out {
			if !need[c.Name] && c.Name != s.With {
				continue
			}
			out.Out = append(out.Out, c)
			for i := range s.Inputs {
				from := s.From[i][k]
				out.From[i] = append(out.From[i], from)
				if from != "" {
					reads[i][from] = true
				}
			}
		}
		for i, in := range s.Inputs {
			out.Inputs[i] = r.pruned(in, reads[i])
		}
		return &out
	}
	return s
}
