package loganalytics

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"sextant/fault"
	"sextant/table"
)

// maxPreview is how many evaluations one preview makes.
const maxPreview = 1500

// preview of one combination of dimensions.
type preview struct {
	Dimensions  []dimensionValue `json:"dimensionCombination"`
	Evaluations []evaluation     `json:"evaluations"`

	key string
}

// evaluation of a previewed rule.
type evaluation struct {
	At      string   `json:"evaluationTime"`
	State   string   `json:"alertState"`
	Met     bool     `json:"thresholdMet"`
	Periods []period `json:"evaluatedPeriods"`
}

// period of an evaluation, which ends at its time.
type period struct {
	At   string   `json:"timestamp"`
	High *float64 `json:"highThreshold,omitempty"`
	Low  *float64 `json:"lowThreshold,omitempty"`
	Met  bool     `json:"thresholdMet"`
	// Value is null where there was nothing to measure.
	Value *float64 `json:"metricValue"`
}

// timeOf ticks.
func timeOf(ticks int64) time.Time { return table.TimeOf(ticks) }

// instants of a preview: for a timespan such as P1D or START/END each instant of the
// rule's grid that ends at its end.
func (r *alertRule) instants(timespan string, now time.Time) ([]time.Time, error) {
	if timespan == "" {
		return nil, badRule("timespan is missing; P1D and 2026-01-01/2026-01-02 work")
	}
	from, to, err := ParseTimespan(timespan, now)
	if err != nil {
		return nil, badRule("%v", err)
	}
	if _, ok := ParseDuration(timespan); ok {
		to-- // a duration ends with this very tick; a range ends before its end
	}
	begin, end := timeOf(from), timeOf(to)
	n := int(end.Sub(begin) / r.Frequency)
	if n > maxPreview {
		return nil, badRule("%s has %d evaluations, one each %s; %d work at a time", timespan, n, isoDuration(r.Frequency), maxPreview)
	}
	var out []time.Time
	for i := n; i >= 0; i-- {
		out = append(out, end.Add(-time.Duration(i)*r.Frequency))
	}
	return out, nil
}

// preview a rule: what each evaluation of a timespan would have found by the rows
// that are there now, and what would have come of it. Nothing is kept and nobody is
// told, but for an audit of queries: places are those that who asks may ask, and app is
// what the client calls itself.
func (a *Alerts) preview(ctx context.Context, places Workspaces, r *alertRule, timespan, app string) (out []*preview, err error) {
	instants, err := r.instants(timespan, a.Clock())
	if err != nil {
		return nil, err
	}
	run, err := places.Workspace(r.Scope)
	if err != nil {
		return nil, badRule("the scope %s: %v", r.Scope, err)
	}
	if to, ok := places.(Auditor); ok {
		asked := Asked{At: a.Clock(), Correlation: uuid.NewString(), Text: r.Condition.Query, App: app, Target: r.Scope, Status: 200}
		asked.From, _ = table.TicksOf(instants[0].Add(-r.Range))
		asked.To, _ = table.TicksOf(instants[len(instants)-1])
		defer func() {
			if err != nil {
				asked.Status = describeARM(err).status
			}
			for _, p := range out {
				asked.Rows += int64(len(p.Evaluations))
			}
			asked.Took = a.Clock().Sub(asked.At)
			to.Asked(run, asked)
		}()
	}
	if err := r.checkQuery(ctx, run, instants[len(instants)-1]); err != nil {
		return nil, err
	}
	by := map[string]*preview{}
	out = []*preview{}
	open := map[string]*instance{}
	for _, at := range instants {
		found, err := r.evaluate(ctx, run, at)
		if err != nil {
			var ds fault.Diagnostics
			if errors.As(err, &ds) {
				err = badRule("the query with the rule's condition is not valid: %v", err)
			}
			return nil, err
		}
		steps, _ := r.advance(open, found, at)
		for _, s := range steps {
			dims, key := r.of(s)
			p := by[key]
			if p == nil {
				p = &preview{Dimensions: dims, Evaluations: []evaluation{}, key: key}
				by[key] = p
				out = append(out, p)
			}
			p.Evaluations = append(p.Evaluations, r.evaluated(s, at))
		}
	}
	slices.SortFunc(out, func(x, y *preview) int { return slices.Compare([]string{x.key}, []string{y.key}) })
	return out, nil
}

// of which combination a step is.
func (r *alertRule) of(s step) ([]dimensionValue, string) {
	x := s.series
	if x == nil {
		x = &series{Dimensions: s.inst.Dimensions, Resource: s.inst.Resource}
	}
	dims := append([]dimensionValue{}, x.Dimensions...)
	if r.Condition.ResourceID != "" {
		dims = append(dims, dimensionValue{r.Condition.ResourceID, x.Resource})
	}
	return dims, x.key()
}

// evaluated is a step as an evaluation of the preview.
func (r *alertRule) evaluated(s step, at time.Time) evaluation {
	e := evaluation{At: isoTime(at), State: s.phase, Periods: []period{}}
	if s.series == nil {
		return e
	}
	c := r.Condition
	for i, v := range s.series.Values {
		p := period{At: isoTime(at.Add(-r.Window * time.Duration(c.Periods-1-i))), Value: v, Met: v != nil && c.met(*v)}
		switch c.Operator {
		case "LessThan", "LessThanOrEqual":
			p.Low = &c.Threshold
		default:
			p.High = &c.Threshold
		}
		e.Periods = append(e.Periods, p)
	}
	e.Met = c.failing(s.series) >= c.Failing
	return e
}
