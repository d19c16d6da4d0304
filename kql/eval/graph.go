package eval

import "sextant/kql/plan"

func (x *compiler) graphMatch(p *pipe, op *plan.GraphMatch) error { return errUnknown("operator", op) }
func (x *compiler) graphTable(p *pipe, op *plan.GraphTable) error { return errUnknown("operator", op) }
