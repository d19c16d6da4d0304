package commitlog

import "context"

// watch implements Watch on a Disk.
type watch struct {
	d     *Disk
	dirty map[*partition]struct{} // under Disk.mu
	wake  chan struct{}           // of capacity 1
}

// Watch implements Log.
func (d *Disk) Watch() Watch {
	w := &watch{d: d, dirty: map[*partition]struct{}{}, wake: make(chan struct{}, 1)}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.byID {
		for _, p := range t.parts {
			w.dirty[p] = struct{}{}
		}
	}
	d.watches[w] = struct{}{}
	return w
}

// notify tells the watchers of a partition. The caller holds mu.
func (d *Disk) notify(p *partition) {
	for w := range d.watches {
		w.dirty[p] = struct{}{}
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

func (w *watch) Next(ctx context.Context) ([]Growth, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if w.d.isClosed() {
			return nil, errClosed()
		}
		if news := w.take(); len(news) > 0 {
			return news, nil
		}
		select {
		case <-w.wake:
		case <-w.d.closed:
		case <-ctx.Done():
		}
	}
}

func (w *watch) take() []Growth {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	var news []Growth
	for p := range w.dirty {
		news = append(news, Growth{Topic: p.topic.meta.Name, Partition: p.id, Next: p.durable})
	}
	clear(w.dirty)
	return news
}

func (w *watch) Close() {
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	delete(w.d.watches, w)
}
