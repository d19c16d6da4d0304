package commitlog

// tail keeps the events of the newest batches decoded, up to a number of bytes,
// oldest out first. It is under Disk.mu.
type tail struct {
	limit, used int64
	queue       []tailEntry
}

type tailEntry struct {
	part  *partition
	base  int64
	bytes int64
}

// eventOverhead is what an Event and its headers take beside their bytes.
const eventOverhead = 112

func (t *tail) keep(p *partition, e *entry) bool {
	n := int64(0)
	for i := range e.events {
		n += int64(len(e.events[i].Key) + len(e.events[i].Value) + eventOverhead + 64*len(e.events[i].Headers))
	}
	if n > t.limit {
		return false
	}
	t.queue = append(t.queue, tailEntry{p, e.base, n})
	t.used += n
	return true
}

func (t *tail) trim() {
	i := 0
	for ; t.used > t.limit; i++ {
		x := t.queue[i]
		t.used -= x.bytes
		if at := x.part.hotAt(x.base); at < len(x.part.hot) && x.part.hot[at].base == x.base {
			x.part.hot[at].events = nil
		}
	}
	if i > 0 {
		n := copy(t.queue, t.queue[i:])
		clear(t.queue[n:])
		t.queue = t.queue[:n]
	}
}
