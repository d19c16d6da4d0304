package query

import (
	"fmt"
	"strings"

	"sextant/kql/bind"
	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/kql/sqlgen"
	"sextant/store"
)

// explain prints, for each pipeline of a query, nested ones included, what the
// engine runs as SQL, what runs in Go, and why.
func (e *Engine) explain(c *fn.Context, snap store.Snapshot, q *bind.Query, req Request) (string, error) {
	var b strings.Builder
	for _, p := range q.Pipelines {
		text, err := e.explainPipeline(c, snap, p, req)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func (e *Engine) explainPipeline(c *fn.Context, snap store.Snapshot, p *plan.Pipeline, req Request) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "plan: %s\n", p)
	src, _ := e.scannerOf(c, snap, req.Split).(*split)
	if src == nil {
		b.WriteString("go:   all of it: this store has no SQL\n")
		return b.String(), nil
	}
	err := src.describe(&b, p)
	return b.String(), err
}

func (s *split) describe(b *strings.Builder, p *plan.Pipeline) error {
	q, why, err := s.generate(p)
	if err != nil {
		return err
	}
	if q == nil || !sqlgen.ReadsTables(p) {
		if q != nil {
			why = "it reads no table"
		}
		fmt.Fprintf(b, "go:   %s\n", p)
	} else {
		fmt.Fprintf(b, "sql:  %s\n", q.Done)
		if len(q.Rest) > 0 {
			texts := make([]string, len(q.Rest))
			for i, op := range q.Rest {
				texts[i] = op.String()
			}
			fmt.Fprintf(b, "go:   %s\n", strings.Join(texts, " | "))
		}
		for _, f := range q.Functions {
			if f.Odd {
				continue
			}
			fmt.Fprintf(b, "call: %s\n", &f)
		}
		fmt.Fprintf(b, "text: %s\n", q.SQL)
	}
	if why != "" {
		fmt.Fprintf(b, "why:  %s\n", why)
	}
	return nil
}
