package bind

import (
	"sextant/kql/plan"
	"sextant/kql/syntax"
	"sextant/table"
)

// Plugins over a timeline: what IDs do, period by period, for each value of the
// dimensions. Cols are the ID, the timeline, the dimensions (and a state); Params are
// start, end and what each plugin adds.

// onTimeline reads the ID and the timeline.
func (p *pluginArgs) onTimeline() (id, at *plan.Col) {
	id = p.plain("the column of IDs")
	if id == nil {
		return nil, nil
	}
	return id, p.timeline("the column of the timeline")
}

// along reads constants along the timeline: '@' is a point, '-' a distance, 'n' a
// whole number.
func (p *pluginArgs) along(t table.Type, kinds string, names ...string) []plan.Expr {
	out := make([]plan.Expr, len(kinds))
	for i, k := range kinds {
		switch k {
		case '@':
			out[i] = p.constant(names[i], t)
		case '-':
			out[i] = p.constant(names[i], span(t))
		default:
			out[i] = p.constant(names[i], table.Long)
		}
	}
	return out
}

// overTime finishes a plugin whose columns are the timeline, the dimensions and made.
func (p *pluginArgs) overTime(id, at *plan.Col, params []plan.Expr, made string) *rel {
	dims := p.dimensions()
	o := &plan.Plugin{Params: params}
	if p.good {
		o.Cols = namedOf(append([]*plan.Col{id, at}, dims...)...)
	}
	o.Out = uniqueNames(append(append(schemaOf(at), schemaOf(dims...)...), fixed(made)...))
	return p.plugin(o)
}

func (b *binder) activityCounts(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := p.along(at.T, "@@-", "the start", "the end", "the step")
	return p.overTime(id, at, params, "count:long dcount:long new_dcount:long aggregated_dcount:long")
}

func (b *binder) slidingCounts(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := p.along(at.T, "@@--", "the start", "the end", "how far to look back", "the step")
	return p.overTime(id, at, params, "Count:long Dcount:long")
}

func (b *binder) sessionCount(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := p.along(at.T, "@@--", "the start", "the end", "the step", "how far to look back")
	return p.overTime(id, at, params, "count_sessions:long")
}

func (b *binder) activeUsers(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := p.along(at.T, "@@--n-", "the start", "the end", "how far to look back", "the period", "how many periods", "the step")
	return p.overTime(id, at, params, "dcount:long")
}

// isPoint tells whether the argument k places on is a point of the timeline, which
// tells the form with a start and an end from the one without.
func (p *pluginArgs) isPoint(k int, t table.Type) bool {
	if k >= len(p.args) {
		return false
	}
	if b := p.b; b.isTabular(p.args[k], p.e) {
		return false
	}
	if n, ok := p.args[k].(*syntax.Name); ok {
		if _, ok := p.e.row.column(n.Name); ok {
			return false
		}
	}
	diags, seen := p.b.diags, p.b.seen
	p.b.seen = map[string]bool{}
	v := p.b.scalar(p.args[k], env{sc: p.e.sc})
	p.b.diags, p.b.seen = diags, seen
	return v.Type() == t || v.Type().Numeric() && t.Numeric()
}

func (b *binder) activityEngagement(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := []plan.Expr{nil, nil}
	if p.isPoint(0, at.T) && (at.T == table.DateTime || p.isPoint(2, at.T)) {
		params = p.along(at.T, "@@", "the start", "the end")
	}
	params = append(params, p.along(at.T, "--", "the inner window", "the outer window")...)
	return p.overTime(id, at, params, "dcount_activities_inner:long dcount_activities_outer:long activity_ratio:real")
}

// window is a distance, or the name of a calendar's period.
func (p *pluginArgs) window(t table.Type) plan.Expr {
	x := p.next("the window")
	if x == nil {
		return nil
	}
	v := p.asConstant(x, table.Unknown)
	switch have := v.Type(); {
	case have == table.String && t == table.DateTime:
		c, ok := v.(*plan.Const)
		switch {
		case !ok:
			p.fail(x, "KS129", "The expression must be a constant.")
		case c.Value.Str() != "week" && c.Value.Str() != "month" && c.Value.Str() != "year":
			p.fail(x, "KS140", "The window is a timespan, or one of 'week', 'month' and 'year'.")
		}
		return v
	case have == table.Unknown || have == span(t):
		return v
	case have.Numeric() && t.Numeric():
		return p.b.convert(v, t)
	default:
		p.fail(x, "KS107", "A value of type %s is expected here, not %s.", span(t), have)
	}
	return v
}

func (b *binder) activityMetrics(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := []plan.Expr{nil, nil}
	if p.isPoint(0, at.T) && (at.T == table.DateTime || p.isPoint(1, at.T)) {
		params = p.along(at.T, "@@", "the start", "the end")
	}
	params = append(params, p.window(at.T))
	return p.overTime(id, at, params, "dcount_values:long dcount_newvalues:long retention_rate:real churn_rate:real")
}

func (b *binder) newActivityMetrics(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := append(p.along(at.T, "@@", "the start", "the end"), p.window(at.T), nil)
	if p.isPoint(0, at.T) {
		params[3] = p.constant("the cohort", at.T)
	}
	o := &plan.Plugin{Params: params}
	if n := len(p.args); n > 0 && p.b.isTabular(p.args[n-1], env{sc: e.sc}) {
		x := p.args[n-1]
		p.args = p.args[:n-1]
		look := b.rel(x, env{sc: e.sc})
		o.Right = b.shown(look).pipe
		cols := look.schema()
		switch i := cols.Index(id.Name); {
		case look.open:
			p.good = false
		case i >= 0 && cols[i].Type == id.T:
			o.RightKeys = []plan.Expr{&plan.Col{Name: id.Name, T: id.T}}
		case len(cols) > 0 && cols[0].Type == id.T:
			o.RightKeys = []plan.Expr{&plan.Col{Name: cols[0].Name, T: id.T}}
		default:
			p.fail(x, "KS227", "The table of earlier IDs has no column '%s' of type %s.", id.Name, id.T)
		}
	}
	dims := p.dimensions()
	if p.good {
		o.Cols = namedOf(append([]*plan.Col{id, at}, dims...)...)
	}
	o.Out = uniqueNames(append(append(table.Schema{{Name: "from_" + at.Name, Type: at.T}, {Name: "to_" + at.Name, Type: at.T}}, schemaOf(dims...)...),
		fixed("dcount_new_values:long dcount_retained_values:long dcount_churn_values:long retention_rate:real churn_rate:real")...))
	return p.plugin(o)
}

func (b *binder) funnelSequence(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := p.along(at.T, "@@--", "the start", "the end", "the longest time between steps", "the step")
	state := p.plain("the column of states")
	if state == nil {
		return p.wrong()
	}
	params = append(params, p.constant("the sequence, as dynamic(['a', 'b'])", table.Dynamic))
	return p.plugin(&plan.Plugin{Cols: namedOf(id, at, state), Params: params, Out: uniqueNames(append(schemaOf(at),
		table.Column{Name: "prev", Type: state.T}, table.Column{Name: "next", Type: state.T}, table.Column{Name: "dcount", Type: table.Long}, table.Column{Name: "samples", Type: table.Dynamic}))})
}

func (b *binder) funnelCompletion(c *syntax.Call, r *rel, e env) *rel {
	p := b.pluginArgs(c, r, e)
	id, at := p.onTimeline()
	if at == nil {
		return p.wrong()
	}
	params := p.along(at.T, "@@-", "the start", "the end", "the step")
	state := p.plain("the column of states")
	if state == nil {
		return p.wrong()
	}
	params = append(params, p.constant("the sequence, as dynamic(['a', 'b'])", table.Dynamic), p.constant("the periods, as dynamic([1h, 1d])", table.Dynamic))
	return p.plugin(&plan.Plugin{Cols: namedOf(id, at, state), Params: params, Out: uniqueNames(append(schemaOf(at, state),
		table.Column{Name: "Period", Type: span(at.T)}, table.Column{Name: "dcount", Type: table.Long}))})
}
