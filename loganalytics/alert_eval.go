package loganalytics

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sextant/fault"
	"sextant/query"
	"sextant/table"
)

// maxSeries is how many combinations of dimensions one evaluation looks at, and
// maxFired how many of them may fire at once. Both are Azure's.
const (
	maxSeries = 6000
	maxFired  = 300
)

// evaluationTime of one query.
const evaluationTime = 2 * time.Minute

// dimensionValue names one part of a combination.
type dimensionValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// series is what an evaluation found for one combination of dimensions.
type series struct {
	Dimensions []dimensionValue
	Resource   string     // the value of the resource id column; ""
	Values     []*float64 // one for each period, the oldest first; nil: nothing to measure
}

// key of the combination among those of its rule.
func (s *series) key() string {
	var b strings.Builder
	for _, d := range s.Dimensions {
		b.Write(table.AppendQuoted(nil, d.Value))
	}
	b.WriteString(strings.ToLower(s.Resource))
	return b.String()
}

// last number that was measured; nil where there was none.
func (s *series) last() *float64 {
	for _, v := range slices.Backward(s.Values) {
		if v != nil {
			return v
		}
	}
	return nil
}

// failing says how many periods fail the condition.
func (c condition) failing(s *series) int {
	n := 0
	for _, v := range s.Values {
		if v != nil && c.met(*v) {
			n++
		}
	}
	return n
}

// checkQuery says what is wrong with the query, or with what the condition wants of
// its columns.
func (a *alertRule) checkQuery(ctx context.Context, run Runner, now time.Time) error {
	schema, err := a.schema(ctx, run, now)
	if err != nil {
		var ds fault.Diagnostics
		if !errors.As(err, &ds) {
			return err
		}
		_, e := describe(err, a.Condition.Query)
		first := e.Inner.Inner
		return badRule("the query is not valid: line %d, column %d: %s", first.Line, first.Pos, first.Message)
	}
	if _, err := query.Then(a.Condition.Query, "| count"); err != nil {
		return badRule("%v", err)
	}
	c := a.Condition
	find := func(role, name string) (table.Column, error) {
		i := schema.Index(name)
		if i < 0 {
			return table.Column{}, badRule("%s is %q, which is no column of the query's result: %s", role, name, strings.Join(schema.Names(), ", "))
		}
		return schema[i], nil
	}
	if c.Periods > 1 {
		col, err := find("the time of a row", "TimeGenerated")
		if err != nil || col.Type != table.DateTime {
			return badRule("with numberOfEvaluationPeriods above 1 the query's result needs a column TimeGenerated:datetime, by which rows are told apart; it has %s", schema)
		}
	}
	if c.Measure != "" {
		col, err := find("metricMeasureColumn", c.Measure)
		if err != nil {
			return err
		}
		if c.Aggregation != "Count" && !col.Type.Numeric() {
			return badRule("metricMeasureColumn %s is a %s; a number works", c.Measure, col.Type)
		}
	}
	if c.ResourceID != "" {
		if _, err := find("resourceIdColumn", c.ResourceID); err != nil {
			return err
		}
	}
	for _, d := range c.Dimensions {
		if _, err := find("a dimension", d.Name); err != nil {
			return err
		}
	}
	return nil
}

// schema of the query's result, as it would be at an instant: what some plugins give
// depends on the rows.
func (a *alertRule) schema(ctx context.Context, run Runner, at time.Time) (table.Schema, error) {
	to, _ := table.TicksOf(at)
	from, _ := table.TicksOf(at.Add(-a.Range))
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	answer, err := run.Query(ctx, query.Request{Text: a.Condition.Query, By: "alert rule " + a.ID, From: from, To: to, Now: to})
	if err != nil {
		return nil, err
	}
	if len(answer.Tables) != 1 {
		return nil, errors.Join(badRule("the query has %d results; one works", len(answer.Tables)), answer.Close())
	}
	schema := slices.Clone(answer.Tables[0].Rows.Schema())
	return schema, answer.Close()
}

// evaluate the condition at an instant: inside the query, now is that instant, and
// the tables end there.
func (a *alertRule) evaluate(ctx context.Context, run Runner, at time.Time) ([]*series, error) {
	text, err := a.text(at)
	if err != nil {
		return nil, err
	}
	to, _ := table.TicksOf(at)
	from, _ := table.TicksOf(at.Add(-a.Range))
	ctx, cancel := context.WithTimeout(ctx, evaluationTime)
	defer cancel()
	answer, err := run.Query(ctx, query.Request{Text: text, By: "alert rule " + a.ID, From: from, To: to, Now: to})
	if err != nil {
		return nil, err
	}
	out, err := a.collect(ctx, answer, at)
	return out, errors.Join(err, answer.Close())
}

// collect the numbers of an answer.
func (a *alertRule) collect(ctx context.Context, answer *query.Answer, at time.Time) ([]*series, error) {
	c := a.Condition
	rows := answer.Tables[0].Rows
	schema := rows.Schema()
	index := func(name string) int { return schema.Index(name) }
	by := map[string]*series{}
	var out []*series
	add := func(s *series) *series {
		if old := by[s.key()]; old != nil {
			return old
		}
		s.Values = make([]*float64, c.Periods)
		by[s.key()] = s
		out = append(out, s)
		return s
	}
	if len(c.Dimensions) == 0 && c.ResourceID == "" && c.Aggregation == "Count" {
		add(&series{}) // nothing is a number too
	}
	for {
		b, err := rows.Next(ctx)
		if err != nil {
			return nil, err
		}
		if b == nil {
			break
		}
		for i := range b.Rows {
			s := &series{}
			for d, dim := range c.Dimensions {
				s.Dimensions = append(s.Dimensions, dimensionValue{dim.Name, b.Cols[index(dimensionColumn(d))].At(i).Text()})
			}
			if c.ResourceID != "" {
				s.Resource = b.Cols[index(resourceColumn)].At(i).Text()
			}
			period := 0
			if c.Periods > 1 {
				start := table.TimeOf(b.Cols[index(periodColumn)].At(i).Int64())
				period = c.Periods - int(at.Sub(start)/a.Window)
				if period < 0 || period >= c.Periods {
					continue
				}
			}
			if s = add(s); len(out) > maxSeries {
				return nil, fault.New(fault.Limit, "the dimensions split the result into more than %d combinations; fewer dimensions, or a filter in the query, work", maxSeries)
			}
			if v := b.Cols[index(measureColumn)].At(i); !v.IsNull() {
				f := v.Number()
				s.Values[period] = &f
			}
		}
	}
	if c.Aggregation == "Count" {
		for _, s := range out {
			for i := range s.Values {
				if s.Values[i] == nil {
					s.Values[i] = new(float64)
				}
			}
		}
	}
	slices.SortFunc(out, func(x, y *series) int { return strings.Compare(x.key(), y.key()) })
	return out, nil
}

// instance is a combination of dimensions that the condition holds for, or held a
// while ago.
type instance struct {
	Alert      string           `json:"alert,omitempty"` // the open alert of a stateful rule
	Dimensions []dimensionValue `json:"dimensions,omitempty"`
	Resource   string           `json:"resource,omitempty"`
	Met        time.Time        `json:"met"`            // the last evaluation that met the condition
	Muted      time.Time        `json:"muted,omitzero"` // actions of a stateless rule come not before
}

// Phases of a combination after an evaluation, in the words of Azure's preview of
// rules.
const (
	phaseNone      = "NoAlert"
	phaseFired     = "Fired"
	phaseFiring    = "Firing"
	phaseResolving = "Resolving"
	phaseResolved  = "Resolved"
)

// step is what an evaluation made of one combination.
type step struct {
	series *series // nil where the evaluation found nothing of it
	inst   *instance
	phase  string
	muted  bool // it fired, and its actions are muted
}

// advance the open instances of a rule by an evaluation. It gives a step for each
// combination that the evaluation found or that was open, and changes open. More
// combinations than may fire at once are left out: over says how many.
func (a *alertRule) advance(open map[string]*instance, found []*series, at time.Time) (steps []step, over int) {
	seen := map[string]bool{}
	fired := 0
	for _, s := range found {
		key := s.key()
		seen[key] = true
		inst := open[key]
		if a.Condition.failing(s) < a.Condition.Failing {
			steps = append(steps, a.unmet(open, key, inst, s, at))
			continue
		}
		if inst != nil && a.Stateful {
			inst.Met = at
			steps = append(steps, step{s, inst, phaseFiring, false})
			continue
		}
		if fired == maxFired {
			over++
			continue
		}
		fired++
		muted := inst != nil && at.Before(inst.Muted)
		next := &instance{Alert: a.alertID(key, at), Dimensions: s.Dimensions, Resource: s.Resource, Met: at}
		switch {
		case muted:
			next.Muted = inst.Muted
		case a.Mute > 0:
			next.Muted = at.Add(a.Mute)
		}
		if a.Stateful || a.Mute > 0 {
			open[key] = next
		}
		steps = append(steps, step{s, next, phaseFired, muted})
	}
	for _, key := range sortedKeys(open) {
		if !seen[key] {
			steps = append(steps, a.unmet(open, key, open[key], nil, at))
		}
	}
	return steps, over
}

// unmet is the step of a combination that does not meet the condition.
func (a *alertRule) unmet(open map[string]*instance, key string, inst *instance, s *series, at time.Time) step {
	switch {
	case inst == nil:
		return step{s, nil, phaseNone, false}
	case !a.Stateful:
		if !at.Before(inst.Muted) {
			delete(open, key)
		}
		return step{s, nil, phaseNone, false}
	case at.Sub(inst.Met) < a.ResolveIn:
		return step{s, inst, phaseResolving, false}
	}
	delete(open, key)
	return step{s, inst, phaseResolved, false}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// alertID of a combination that fires at an instant: the same when the evaluation is
// done again.
func (a *alertRule) alertID(key string, at time.Time) string {
	h := sha256.Sum256([]byte(strings.ToLower(a.ID) + "\x00" + a.fingerprint() + "\x00" + key + "\x00" + at.UTC().Format(time.RFC3339Nano)))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // a GUID of version 8: made by a rule of our own
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
