package duckdb

import "sextant/store"

type index struct{}

func (x *index) close() {}

func (s *segment) lookup(equal []store.Equal) (where []string, ok bool) { return nil, true }
