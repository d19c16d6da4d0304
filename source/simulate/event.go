package simulate

// event is a record before it is written: small, so that many can wait for
// their time. What is not here follows from key.
type event struct {
	at      int64  // the envelope's time: when the record is exported
	created int64  // when it happened
	key     uint64 // order among equal times; seed of all that is random in it
	id      uint64 // seed of its own id
	corr    uint64 // seed of the correlation id
	sess    uint64 // seed of the session id
	token   uint64 // seed of the sign-in whose token is used
	issued  int64  // when that token was issued
	actor   int32  // person or workload, by category
	from    address
	dev     device
	cat     uint8
	app     uint8
	res     uint8
	out     uint8 // outcome
	shape   shape
	verdict verdict
	risk    uint8 // risk level during the sign-in
	rich    bool  // a native program, not a browser
	again   bool  // exported a second time
	batch   bool  // a Graph request that holds others
	aux     any   // what only rare records need
}

// entry is an event's place in the heap.
type entry struct {
	at    int64
	key   uint64
	index int32
}

func (a entry) before(b entry) bool { return a.at < b.at || a.at == b.at && a.key < b.key }

// queue holds events until their time. The order is by time and key alone, so
// it does not depend on when they were put in.
type queue struct {
	heap []entry
	pool []event
	free []int32
}

func (q *queue) push(e *event) {
	var i int32
	if n := len(q.free); n > 0 {
		i, q.free = q.free[n-1], q.free[:n-1]
		q.pool[i] = *e
	} else {
		i = int32(len(q.pool))
		q.pool = append(q.pool, *e)
	}
	h := append(q.heap, entry{e.at, e.key, i})
	for c := len(h) - 1; c > 0; {
		p := (c - 1) / 2
		if !h[c].before(h[p]) {
			break
		}
		h[c], h[p] = h[p], h[c]
		c = p
	}
	q.heap = h
}

// pop moves the earliest event to e if its time is before end.
func (q *queue) pop(e *event, end int64) bool {
	h := q.heap
	if len(h) == 0 || h[0].at >= end {
		return false
	}
	i := h[0].index
	*e = q.pool[i]
	q.pool[i].aux = nil
	q.free = append(q.free, i)
	n := len(h) - 1
	h[0] = h[n]
	h = h[:n]
	for p := 0; ; {
		c := 2*p + 1
		if c >= n {
			break
		}
		if c+1 < n && h[c+1].before(h[c]) {
			c++
		}
		if !h[c].before(h[p]) {
			break
		}
		h[c], h[p] = h[p], h[c]
		p = c
	}
	q.heap = h
	return true
}
