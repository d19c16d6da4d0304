package file

import (
	"context"
	"sync"

	"sextant/source"
)

// sink takes everything and keeps nothing.
type sink struct {
	mu   sync.Mutex
	each func(recs int)
	most int // bytes of the largest batch
}

func (s *sink) Append(_ context.Context, recs []source.Incoming) ([]source.Verdict, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]source.Verdict, len(recs))
	size := 0
	for i := range recs {
		size += len(recs[i].JSON)
		if recs[i].Reason != "" {
			out[i] = source.Verdict{Outcome: source.DeadLettered, Reason: recs[i].Reason}
		}
	}
	s.most = max(s.most, size)
	s.each(len(recs))
	return out, nil
}
