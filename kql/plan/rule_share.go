package plan

import (
	"slices"
	"strings"
)

// minShared uses of one summarized pipeline are worth computing it once. Fewer may
// gain more by what each does not need of it.
const minShared = 3

// share computes what a query summarizes once and reads at several places (a let that is
// named often) once: it becomes shared, as by materialize. It runs before the rules,
// while what was bound once is one operator wherever it stands.
func (r *Rewriting) share(p *Pipeline) *Pipeline {
	uses := map[*Summarize]int{}
	anything := false
	var count func(p *Pipeline)
	visit := func(p *Pipeline) *Pipeline { count(p); return p }
	seen := map[int]*Pipeline{}
	count = func(p *Pipeline) {
		fresh := p
		for k, op := range p.Ops {
			s, ok := op.(*Summarize)
			if !ok {
				continue
			}
			if uses[s]++; uses[s] > 1 { // what is in it was counted
				fresh = &Pipeline{Source: &Values{}, Ops: p.Ops[k+1:]}
			}
			anything = anything || uses[s] >= minShared
		}
		mapInner(fresh, visit, seen)
	}
	count(p)
	if !anything {
		return p
	}
	done := map[*Summarize]*Shared{}
	var in func(p *Pipeline) *Pipeline
	shared := map[int]*Pipeline{}
	in = func(p *Pipeline) *Pipeline {
		for k := len(p.Ops) - 1; k >= 0; k-- {
			s, ok := p.Ops[k].(*Summarize)
			if !ok || uses[s] < minShared {
				continue
			}
			once := &Pipeline{Source: p.Source, Ops: p.Ops[: k+1 : k+1]}
			if done[s] == nil {
				if !lasting(once) {
					continue
				}
				r.shares++
				done[s] = &Shared{ID: firstShare + r.shares, Pipe: mapInner(once, in, shared)}
			}
			return mapInner(&Pipeline{Source: done[s], Ops: p.Ops[k+1:]}, in, map[int]*Pipeline{done[s].ID: done[s].Pipe})
		}
		return mapInner(p, in, shared)
	}
	return in(p)
}

// firstShare is beyond the numbers that queries give.
const firstShare = 1 << 30

// lasting says that a pipeline reads stored rows, none of a group around it, and gives
// the same each time.
func lasting(p *Pipeline) bool {
	ok, scans := true, false
	shared := map[int]*Pipeline{}
	var in func(p *Pipeline) *Pipeline
	in = func(p *Pipeline) *Pipeline {
		switch p.Source.(type) {
		case *Scan:
			scans = true
		case *Outer:
			ok = false
		}
		for _, op := range p.Ops {
			switch op := op.(type) {
			case *Sample, *SampleDistinct, *Take, *Top: // an engine may pick others each time
				ok = false
			case *Join:
				ok = ok && op.Kind != InnerUnique
			case *Summarize:
				ok = ok && !slices.ContainsFunc(op.Aggs, func(a Agg) bool { return strings.HasPrefix(a.Fn.Name, "take_any") })
			}
			for _, e := range Expressions(op) {
				Walk(e, func(e Expr) bool {
					if c, is := e.(*Call); is && c.Fn.Volatile {
						ok = false
					}
					return ok
				})
			}
		}
		return mapInner(p, in, shared)
	}
	in(p)
	return ok && scans
}
