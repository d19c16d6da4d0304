package query

import (
	"context"
	"errors"
	"time"

	"sextant/kql/eval"
	"sextant/table"
)

// Asked says who asked what: one for each query that was bound, when its answer is
// closed or its start failed.
type Asked struct {
	By    string // Request.By
	Text  string
	At    time.Time
	Took  time.Duration // to the close of the answer
	Rows  int64         // that were read, of all tables
	Error error         // that ended it; nil
}

// counted counts the rows of an answer's table and keeps its error.
type counted struct {
	eval.Reader
	asked *Asked
}

func (c *counted) Next(ctx context.Context) (*table.Batch, error) {
	b, err := c.Reader.Next(ctx)
	if b != nil {
		c.asked.Rows += int64(b.Rows)
	}
	if err != nil && c.asked.Error == nil {
		c.asked.Error = err
	}
	return b, err
}

// record wraps an answer so that Options.Asked hears of it.
func (e *Engine) record(a *Answer, req Request, begin time.Time, err error) {
	if e.o.Asked == nil {
		return
	}
	asked := &Asked{By: req.By, Text: req.Text, At: begin, Error: err}
	if a == nil {
		asked.Took = e.o.Clock().Sub(begin)
		e.o.Asked(*asked)
		return
	}
	for i := range a.Tables {
		a.Tables[i].Rows = &counted{a.Tables[i].Rows, asked}
	}
	shut := a.close
	a.close = func() error {
		err := shut()
		asked.Took = e.o.Clock().Sub(begin)
		if asked.Error == nil {
			asked.Error = err
		}
		e.o.Asked(*asked)
		return errors.Join(err)
	}
}
