package fn

import "sextant/table"

// Call runs a scalar over one row's arguments, with the rule for nulls applied.
// result is the type that the binder gave the call.
func Call(c *Context, s *Scalar, result table.Type, args []table.Value) table.Value {
	if s.Lazy != nil {
		return s.Lazy(c, len(args), func(i int) table.Value { return args[i] })
	}
	if s.Nulls == Strict {
		for _, a := range args {
			if a.IsNull() {
				return table.Null(result)
			}
		}
	}
	return s.Eval(c, args)
}
