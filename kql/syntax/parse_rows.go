package syntax

import (
	"fmt"
	"strings"

	"sextant/fault"
)

// Operators that group, sort and shape rows.

func (p *parser) summarize() Operator {
	start := p.pos
	p.next()
	o := &Summarize{Params: p.params()}
	o.Items = p.exprs(false, func() Expr {
		if p.isW("by") {
			return nil
		}
		return p.named()
	})
	if p.acceptW("by") {
		o.By = p.exprs(true, func() Expr {
			if p.isW("bin") && p.at(1).isP("=") && (p.at(2).kind >= tLong && p.at(2).kind <= tTyped) {
				return nil
			}
			return p.named()
		})
		if p.isW("bin") && p.at(1).isP("=") {
			p.pos += 2
			o.Bin = p.need(p.expr())
		}
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) sort() Operator {
	start := p.pos
	p.next()
	o := &Sort{Params: p.params()}
	p.expectW("by", " and the columns to sort by")
	o.By = p.exprs(true, p.ordered)
	o.Place = p.since(start)
	return o
}

func (p *parser) top() Operator {
	start := p.pos
	p.next()
	o := &Top{Params: p.params()}
	o.N = p.need(p.named())
	if p.expectW("by", " and the column to sort by") {
		o.By = p.need(p.ordered())
	} else {
		o.By = p.badExpr()
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) topHitters() Operator {
	start := p.pos
	p.next()
	o := &TopHitters{N: p.need(p.named())}
	p.expectW("of", " and a column")
	o.Of = p.need(p.named())
	if p.acceptW("by") {
		o.By = p.need(p.named())
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) topNested() Operator {
	start := p.pos
	o := &TopNested{}
	o.Levels = list(p, "top-nested", true, false, func() (*TopNestedLevel, bool) {
		start := p.pos
		if !p.acceptW("top-nested") {
			return nil, false
		}
		l := &TopNestedLevel{}
		if !p.isW("of") {
			l.N = p.named()
		}
		p.expectW("of", " and a column")
		l.Of = p.need(p.named())
		if p.acceptW("with") {
			p.expectW("others", "")
			p.expectP("=", " and a value")
			if l.Others = p.literal(); l.Others == nil {
				l.Others = p.need(p.expr())
			}
		}
		if p.expectW("by", " and an aggregate") {
			l.By = p.need(p.ordered())
		} else {
			l.By = p.badExpr()
		}
		l.Place = p.since(start)
		return l, true
	})
	o.Place = p.since(start)
	return o
}

func (p *parser) mvItems(end ...string) []*MvItem {
	return list(p, "a column to expand", true, false, func() (*MvItem, bool) {
		start := p.pos
		m := &MvItem{}
		if !p.isW("to") && !(p.cur().isAny(end...) && !p.at(1).isP(",") && !p.at(1).isW("to") && !p.at(1).isP("=")) {
			m.X = p.named()
		}
		if m.X == nil && !p.isW("to") {
			return nil, false
		}
		if p.acceptW("to") {
			if m.X == nil { // mv-apply's `to typeof(x)` alone is refused by the binder
				m.X = &BadExpr{p.since(start)}
				p.report(codeUnexpected, p.since(start).Span, "expected a column before to")
			}
			if p.isW("typeof") {
				m.To = p.typeOf().(*TypeOf)
			} else {
				p.unexpected("typeof(…)")
			}
		}
		m.Place = p.since(start)
		return m, true
	})
}

func (p *parser) mvExpand() Operator {
	start := p.pos
	p.next()
	o := &MvExpand{Params: p.params()}
	o.Items = p.mvItems("limit")
	if p.acceptW("limit") {
		o.Limit = p.need(p.expr())
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) mvApply() Operator {
	start := p.pos
	p.next()
	o := &MvApply{Params: p.params()}
	o.Items = p.mvItems("limit", "id", "on")
	if p.acceptW("limit") {
		o.Limit = p.need(p.expr())
	}
	if p.acceptW("id") {
		o.ID = p.need(p.expr())
	}
	p.expectW("on", " and (the pipe for each row's values)")
	open := p.pos
	if p.expectP("(", " and a pipe") {
		o.On = p.subPipe()
		p.closing(open)
	} else {
		o.On = &Pipe{Place: p.since(p.pos), Ops: []Operator{&BadOperator{Place: p.since(p.pos)}}}
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) makeSeries() Operator {
	start := p.pos
	p.next()
	o := &MakeSeries{Params: p.params()}
	o.Items = list(p, "an aggregate", true, false, func() (*SeriesItem, bool) {
		start := p.pos
		if p.cur().isAny("on", "from", "in") && !p.at(1).isP("=") {
			return nil, false
		}
		s := &SeriesItem{X: p.named()}
		if s.X == nil {
			return nil, false
		}
		if p.isW("default") && p.at(1).isP("=") {
			p.pos += 2
			s.Default = p.need(p.named())
		}
		s.Place = p.since(start)
		return s, true
	})
	if p.expectW("on", " and the column of the axis") {
		o.On = p.need(p.named())
	} else {
		o.On = p.badExpr()
	}
	if p.isW("in") {
		p.next()
		p.expectW("range", "(from, to, step)")
		open := p.pos
		if p.expectP("(", " from, to and step") {
			o.InRange = p.exprs(true, p.named)
			p.closing(open)
		}
	} else {
		if p.acceptW("from") {
			o.From = p.need(p.expr())
		}
		if p.acceptW("to") {
			o.To = p.need(p.expr())
		}
		if p.expectW("step", " and the width of a bin") {
			o.Step = p.need(p.expr())
		}
	}
	if p.acceptW("by") {
		o.By = p.exprs(true, p.named)
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) rangeOp() Operator {
	start := p.pos
	p.next()
	o := &Range{Name: p.needName()}
	bad := func() Expr { return p.badExpr() }
	o.From, o.To, o.Step = bad(), bad(), bad()
	if p.expectW("from", " and the first value") {
		o.From = p.need(p.expr())
	}
	if p.expectW("to", " and the last value") {
		o.To = p.need(p.expr())
	}
	if p.expectW("step", " and the step") {
		o.Step = p.need(p.expr())
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) reduce() Operator {
	start := p.pos
	p.next()
	o := &Reduce{Params: p.params("threshold", "characters")}
	p.expectW("by", " and a column")
	o.By = p.need(p.named())
	if p.acceptW("with") {
		o.With = list(p, "a property, name=value", true, false, func() (*Param, bool) {
			ps := p.oneParam("threshold", "characters")
			return ps, ps != nil
		})
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) parseOp() Operator {
	start := p.pos
	o := &ParseOp{Where: p.next().text == "parse-where"}
	o.Params = p.params("flags")
	o.X = p.need(p.expr())
	p.expectW("with", " and the pattern")
	for {
		switch t := p.cur(); {
		case t.isP("*"):
			p.next()
			o.With = append(o.With, &Star{Place{t.span()}})
			continue
		case t.kind == tString:
			o.With = append(o.With, p.stringLiteral())
			continue
		}
		at := p.pos
		name, ok := p.name(true)
		if !ok {
			break
		}
		c := &ColumnDecl{Name: name}
		if p.acceptP(":") {
			c.Type = p.typeName(false)
		}
		c.Place = p.since(at)
		o.With = append(o.With, c)
	}
	if len(o.With) == 0 {
		p.unexpected("the pattern: texts, columns and *")
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) parseKV() Operator {
	start := p.pos
	p.next()
	o := &ParseKV{X: p.need(p.expr())}
	p.expectW("as", " and the keys (a:string, …)")
	o.As = p.schema()
	if p.acceptW("with") {
		open := p.pos
		if p.expectP("(", " and properties, name=value") {
			o.With = list(p, "a property, name=value", false, false, func() (*Param, bool) {
				return p.knownProperty("pair_delimiter", "kv_delimiter", "regex", "quote", "escape", "greedy")
			})
			p.closing(open)
		}
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) scan() Operator {
	start := p.pos
	p.next()
	o := &Scan{Params: p.params()}
	if p.acceptW("order") {
		p.expectW("by", "")
		o.OrderBy = p.exprs(true, p.ordered)
	}
	if p.acceptW("partition") {
		p.expectW("by", "")
		o.PartitionBy = p.exprs(true, p.expr)
	}
	if p.acceptW("declare") {
		o.Declare = p.funcParams()
	}
	p.expectW("with", " and (the steps)")
	open := p.pos
	if p.expectP("(", " and the steps") {
		for p.isW("step") {
			o.Steps = append(o.Steps, p.scanStep())
		}
		if len(o.Steps) == 0 {
			p.unexpected("a step, step name: condition;")
		}
		p.closing(open)
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) scanStep() *ScanStep {
	start := p.pos
	p.next()
	s := &ScanStep{}
	if id, ok := p.name(true); ok {
		s.Name = id
	} else {
		s.Name = p.needName()
	}
	s.Optional = p.acceptW("optional")
	if p.acceptW("output") {
		p.expectP("=", " and all, last or none")
		if p.cur().isAny("all", "last", "none") {
			s.Output = p.next().text
		} else {
			p.unexpected("all, last or none")
		}
	}
	p.expectP(":", " and the step's condition")
	s.Cond = p.need(p.expr())
	if p.acceptP("=>") {
		s.Assign = list(p, "an assignment, name = value", true, false, func() (*Named, bool) {
			start := p.pos
			id, ok := p.name(true)
			if !ok {
				return nil, false
			}
			p.expectP("=", " and a value")
			return p.namedValue(start, []Ident{id}, false).(*Named), true
		})
	}
	p.expectP(";", " after the step")
	s.Place = p.since(start)
	return s
}

var chartWords = []string{"table", "list", "barchart", "piechart", "ladderchart", "timechart", "linechart", "anomalychart",
	"pivotchart", "areachart", "stackedareachart", "scatterchart", "timepivot", "columnchart", "timeline", "3Dchart",
	"card", "treemap", "plotly", "graph", "sankey"}

func (p *parser) render() Operator {
	start := p.pos
	p.next()
	o := &Render{}
	if t := p.cur(); t.kind == tWord && (t.class == plain || known(t.text, chartWords)) {
		o.Chart = p.anyWord("")
		if near := nearest(t.text, chartWords); near != "" && near != t.text && !p.over {
			p.diags = append(p.diags, fault.Diagnostic{Severity: fault.Warning, Code: codeUnexpected, Span: t.span(),
				Text: fmt.Sprintf("%s is no chart that is known here", show(t.text)), Notes: []string{"did you mean " + near + "?"}})
		}
	} else {
		p.unexpected("a kind of chart: " + strings.Join(chartWords, ", "))
		o.Chart.Place = p.since(p.pos)
	}
	for {
		at := p.pos
		r := &RenderProp{}
		switch t := p.cur(); {
		case t.isAny("kind", "title", "accumulate") && p.at(1).isP("="):
			r.Name = p.anyWord("")
			p.next()
			r.Values = []Expr{p.renderValue()}
		case t.isW("with") && p.at(1).kind == tString:
			r.Name = p.anyWord("")
			r.Values = []Expr{p.stringLiteral()}
		case t.isW("by"):
			r.Name = p.anyWord("")
			r.Values = p.exprs(true, p.nameRef)
		default:
			r = nil
		}
		if r == nil {
			break
		}
		r.Place = p.since(at)
		o.Old = append(o.Old, r)
	}
	if p.acceptW("with") {
		open := p.pos
		if p.expectP("(", " and properties, name=value") {
			p.acceptP(",")
			o.With = list(p, "a property, name=value", false, false, p.renderProp)
			p.closing(open)
		}
	}
	o.Place = p.since(start)
	return o
}

func (p *parser) renderColumn() Expr {
	if id, ok := p.name(true); ok {
		return &Name{Place: id.Place, Name: id.Name}
	}
	return p.paramValue("the property")
}

func (p *parser) renderValue() Expr {
	if x := p.literal(); x != nil && !p.isP(".") {
		return x
	}
	if p.cur().kind == tWord && !p.startsCall() && !p.at(1).isP(".") {
		return p.renderColumn()
	}
	return p.need(p.path())
}

var renderProps = []string{"kind", "title", "accumulate", "xcolumn", "ycolumns", "anomalycolumns", "series", "xtitle",
	"ytitle", "xaxis", "yaxis", "legend", "ysplit", "ymin", "ymax", "xmin", "xmax"}

func (p *parser) renderProp() (*RenderProp, bool) {
	start := p.pos
	if !p.propertyName(renderProps) {
		return nil, false
	}
	r := &RenderProp{Name: p.anyWord("")}
	if p.expectP("=", " and a value") {
		r.Values = []Expr{p.renderValue()}
		// series=a, b, title=…: what has no = behind it belongs to the list
		for p.isP(",") && (p.at(1).kind == tWord && !p.at(2).isP("=") || p.at(1).isP("[")) {
			p.next()
			r.Values = append(r.Values, p.renderColumn())
		}
	}
	r.Place = p.since(start)
	return r, true
}
