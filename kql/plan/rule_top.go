package plan

// top makes one operator of sort and take, and of two takes.
func top(_ *Rewriting, p *Pipeline) *Pipeline {
	var ops []Op
	for _, op := range p.Ops {
		if t, ok := op.(*Take); ok && len(ops) > 0 {
			switch prev := ops[len(ops)-1].(type) {
			case *Sort:
				ops[len(ops)-1] = &Top{prev.In, t.N, prev.Keys}
				continue
			case *Take:
				ops[len(ops)-1] = &Take{prev.In, min(prev.N, t.N)}
				continue
			case *Top:
				ops[len(ops)-1] = &Top{prev.In, min(prev.N, t.N), prev.Keys}
				continue
			}
		}
		ops = append(ops, op)
	}
	return &Pipeline{p.Source, ops}
}
