package query

import (
	"context"
	"fmt"

	"sextant/fault"
	"sextant/kql/bind"
	"sextant/table"
)

// externalOf a query are the tables of files that it names: each is read once, however
// often the query is bound.
func (e *Engine) externalOf(ctx context.Context) func(bind.External) ([][]table.Value, error) {
	if e.o.External == nil {
		return nil
	}
	type result struct {
		rows [][]table.Value
		err  error
	}
	read := map[string]result{}
	return func(x bind.External) ([][]table.Value, error) {
		key := fmt.Sprintf("%s %q %q %q %v", x.Columns, x.Locations, x.Format, x.Mapping, x.SkipFirst)
		r, ok := read[key]
		if !ok {
			r.rows, r.err = e.o.External(ctx, x)
			bytes := int64(0)
			for _, row := range r.rows {
				for _, v := range row {
					bytes += v.Bytes()
				}
			}
			if bytes > e.o.MaxBytes/2 {
				r = result{err: fault.New(fault.Limit, "the files hold more than %d MB, half of what a query may hold", e.o.MaxBytes>>21)}
			}
			read[key] = r
		}
		return r.rows, r.err
	}
}
