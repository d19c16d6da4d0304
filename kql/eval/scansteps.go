package eval

import (
	"context"

	"sextant/fault"
	"sextant/kql/plan"
	"sextant/table"
)

// scanSteps is KQL's scan: each row is held against the steps, last step first.
// A row that meets a step's condition
//
//   - moves the sequence of the step before on to this step, if that one has a
//     sequence; what this step held is given up;
//   - else stays in this step's sequence, if it has one, or begins one in the first
//     step.
//
// Optional steps may be left out on the way.
type scanSteps struct {
	x         *compiler
	schema    table.Schema
	partition []*node
	steps     []scanStep
	row       int // input and declared columns: a row of the state
	in        int // input columns
	defaults  []table.Value
	empty     []table.Value // of a step without state
	matchID   bool
	slots     []table.Value // what expressions read: ExprSchema's columns
	group     int           // of the columns, the one that numbers groups, or -1
}

type scanStep struct {
	optional bool
	output   plan.ScanOutput
	cond     *node
	assign   []*node
	to       []int // of each assignment, the column of the row
	starts   bool  // a sequence may begin here
}

func (x *compiler) scanSteps(p *pipe, op *plan.ScanSteps) error {
	if len(op.OrderBy) > 0 {
		if err := x.sort(p, &plan.Sort{In: p.schema, Keys: op.OrderBy}); err != nil {
			return err
		}
	}
	s := &scanSteps{x: x, schema: op.Schema(), in: len(op.In), row: len(op.In) + len(op.Declare), matchID: op.MatchID != "", group: p.schema.Index(groupColumn)}
	var err error
	if s.partition, err = x.scope(p).exprs(op.PartitionBy); err != nil {
		return err
	}
	free := &scope{compiler: x, pipe: p}
	for _, d := range op.Declare {
		v := table.Null(d.Type)
		if d.Default != nil {
			n, err := free.expr(d.Default)
			if err != nil {
				return err
			}
			v = fit(n.at(&table.Batch{Rows: 1}, 0), d.Type)
		}
		s.defaults = append(s.defaults, v)
	}
	for _, c := range op.In {
		s.empty = append(s.empty, table.Null(c.Type))
	}
	s.empty = append(s.empty, s.defaults...)
	schema := op.ExprSchema()
	s.slots = make([]table.Value, len(schema))
	sc := &scope{compiler: x, pipe: p, schema: schema, cols: map[int]*node{}}
	for i, c := range schema {
		sc.cols[i] = &node{t: c.Type, at: func(*table.Batch, int) table.Value { return s.slots[i] }, ctx: x.c.Ctx}
	}
	starts := true
	for _, st := range op.Steps {
		step := scanStep{optional: st.Optional, output: st.Output, starts: starts}
		starts = starts && st.Optional
		if step.cond, err = sc.expr(st.Cond); err != nil {
			return err
		}
		for _, a := range st.Assign {
			n, err := sc.expr(a.Expr)
			if err != nil {
				return err
			}
			to := schema[:s.row].Index(a.Name)
			if to < 0 {
				return fault.New(fault.Invalid, "step %s of scan cannot set %s, which is no column", st.Name, a.Name)
			}
			step.assign, step.to = append(step.assign, n), append(step.to, to)
		}
		s.steps = append(s.steps, step)
	}
	p.add(s, s.schema)
	return nil
}

func (s *scanSteps) open(_ *env, in Reader) Reader {
	return &scanStepsReader{base: base{in: in, schema: s.schema}, s: s, states: make([]scanState, len(s.steps)), hold: s.x.hold("scan")}
}

// scanState is the sequence that a step holds.
type scanState struct {
	active bool
	id     int64
	rows   [][]table.Value // for each step the row that it last matched, or nil
	last   []table.Value   // of output=last: the row that waits
}

type scanStepsReader struct {
	base
	s      *scanSteps
	hold   hold
	states []scanState
	nextID int64
	now    int64 // the number of the group
	groups *grouped
	group  int
	done   bool
	out    *table.Batch
}

func (r *scanStepsReader) Next(ctx context.Context) (*table.Batch, error) {
	s := r.s
	r.out = table.NewBatch(r.schema, s.x.o.batchRows())
	for !r.done && r.out.Rows < s.x.o.batchRows() {
		b, end, err := r.pull(ctx)
		if err != nil {
			return nil, err
		}
		if b != nil {
			var row []table.Value
			for i := range b.Rows {
				if i&255 == 255 {
					if err := s.x.alive(ctx); err != nil {
						return nil, err
					}
				}
				row = b.Row(i, row)
				if g := s.group; g >= 0 && row[g].Int64() != r.now {
					r.flush()
					r.now, r.nextID = row[g].Int64(), 0
				}
				r.step(row)
			}
		}
		if end {
			r.flush()
		}
	}
	if r.out.Rows == 0 {
		return nil, nil
	}
	return r.out, s.x.alive(ctx)
}

// pull gives the next rows of a partition, and whether the partition ends with them.
func (r *scanStepsReader) pull(ctx context.Context) (*table.Batch, bool, error) {
	if len(r.s.partition) == 0 {
		b, err := r.in.Next(ctx)
		r.done = err == nil && b == nil
		return b, r.done, err
	}
	if r.groups == nil {
		g, err := r.s.x.groupRows(ctx, r.in, r.s.partition, r.s.in, &r.hold)
		if err != nil {
			return nil, false, err
		}
		r.groups = g
	}
	if r.group >= len(r.groups.rows) {
		r.done = true
		return nil, true, nil
	}
	schema := r.in.Schema()
	b := gather(schema, r.groups.from, identity(len(schema)), r.groups.rows[r.group])
	r.groups.rows[r.group] = nil
	r.group++
	return b, true, nil
}

// flush gives the rows that wait, and forgets all sequences.
func (r *scanStepsReader) flush() {
	for k := range r.states {
		r.giveUp(k)
	}
}

// giveUp ends the sequence that step k holds.
func (r *scanStepsReader) giveUp(k int) {
	st := &r.states[k]
	if st.last != nil {
		r.emit(st.last, st.id)
	}
	*st = scanState{}
}

func (r *scanStepsReader) emit(row []table.Value, id int64) {
	for c, v := range row {
		r.out.Cols[c].Append(v)
	}
	if r.s.matchID {
		r.out.Cols[len(row)].Append(table.LongValue(id))
	}
	r.out.Rows++
}

// step holds one row against all steps.
func (r *scanStepsReader) step(row []table.Value) {
	s := r.s
	copy(s.slots, row)
	copy(s.slots[s.in:], s.defaults)
	for k := len(s.steps) - 1; k >= 0; k-- {
		// From the step before that has a sequence, over optional ones.
		j := k - 1
		for j >= 0 && !r.states[j].active && s.steps[j].optional {
			j--
		}
		if j >= 0 && r.states[j].active && s.holds(k, &r.states[j]) {
			if last := r.states[j].last; last != nil {
				r.emit(last, r.states[j].id)
				r.states[j].last = nil
			}
			r.giveUp(k)
			r.states[k], r.states[j] = r.states[j], scanState{}
			r.take(k, row)
			continue
		}
		st := &r.states[k]
		if !st.active && !s.steps[k].starts || !s.holds(k, st) {
			continue
		}
		if !st.active {
			*st = scanState{active: true, id: r.nextID, rows: make([][]table.Value, len(s.steps))}
			r.nextID++
		}
		r.take(k, row)
	}
}

// holds tells whether the row in the slots meets the condition of step k, seen from
// a state.
func (s *scanSteps) holds(k int, st *scanState) bool {
	s.load(st)
	return s.steps[k].cond.at(&table.Batch{Rows: 1}, 0).Bool()
}

// load puts the state where expressions see it.
func (s *scanSteps) load(st *scanState) {
	for j := range s.steps {
		from := s.empty
		if st.rows != nil && st.rows[j] != nil {
			from = st.rows[j]
		}
		copy(s.slots[s.row*(j+1):], from)
	}
}

// take makes the row that of step k: its assignments, its output, its state.
func (r *scanStepsReader) take(k int, row []table.Value) {
	s, st := r.s, &r.states[k]
	s.load(st)
	full := make([]table.Value, s.row)
	copy(full, row)
	copy(full[s.in:], s.defaults)
	step := &s.steps[k]
	for a, n := range step.assign {
		full[step.to[a]] = fit(n.at(&table.Batch{Rows: 1}, 0), s.schema[step.to[a]].Type)
	}
	rows := make([][]table.Value, len(st.rows))
	copy(rows, st.rows)
	rows[k] = full
	st.rows = rows
	switch step.output {
	case plan.OutputAll:
		r.emit(full, st.id)
	case plan.OutputLast:
		st.last = full
	}
}

func (r *scanStepsReader) Close() error {
	r.done, r.groups = true, &grouped{}
	r.hold.release()
	return r.in.Close()
}
