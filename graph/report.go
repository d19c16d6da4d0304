package graph

func (f *Face) reportOperations() []Operation { return nil }
