package graph

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"sextant/odata"
	"sextant/record"
)

// operations that read the resources, and all others that this package has. The
// order counts where two paths match: $count before {id}.
func (f *Face) operations(a *api) []Operation {
	var out []Operation
	for _, r := range a.resources {
		read := Operation{Method: http.MethodGet, Version: a.version, Report: r.report, Delegated: r.delegated, Application: r.application}
		add := func(path string, do func(ctx context.Context, c *Call) (*Reply, error)) {
			op := read
			op.Path, op.Do = r.String()+path, do
			out = append(out, op)
		}
		add("", func(ctx context.Context, c *Call) (*Reply, error) { return f.list(ctx, c, r, false) })
		add("/$count", func(ctx context.Context, c *Call) (*Reply, error) { return f.total(ctx, c, r) })
		add("/{id}", func(ctx context.Context, c *Call) (*Reply, error) { return f.item(ctx, c, r) })
		if _, ok := r.entity.Property("comments"); ok {
			add("/{id}/comments", func(ctx context.Context, c *Call) (*Reply, error) { return f.comments(ctx, c, r) })
		}
		if r.history != nil {
			add("/{id}/history", func(ctx context.Context, c *Call) (*Reply, error) { return f.list(ctx, c, r, true) })
			add("/{id}/history/{hid}", func(ctx context.Context, c *Call) (*Reply, error) { return f.historyItem(ctx, c, r) })
		}
	}
	out = append(out, f.rootOperations()...)
	return append(out, f.reportOperations()...)
}

// options of a call.
func optionsOf(c *Call) (*odata.Options, error) {
	raw, err := odata.Split(c.Query)
	if err != nil {
		return nil, err
	}
	o, err := odata.Parse(raw)
	if err != nil {
		return nil, err
	}
	if o.Search != "" {
		return nil, BadRequest("Query option 'Search' is not allowed. To allow it, set the 'AllowedQueryOptions' property on EnableQueryAttribute or QueryValidationSettings. $filter with contains works.")
	}
	if kind, _, _ := strings.Cut(strings.ToLower(o.Format), ";"); kind != "" && kind != "json" && kind != "application/json" {
		return nil, &Problem{Status: http.StatusNotAcceptable, Code: "NotAcceptable", Message: "The format '" + clean(o.Format) + "' is not supported; json is."}
	}
	return o, nil
}

// everyKind: the client prefers sign-ins of every kind.
func everyKind(c *Call) bool {
	_, ok := c.prefers(preferAll)
	return ok
}

func (f *Face) list(ctx context.Context, c *Call, r *resource, history bool) (*Reply, error) {
	o, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	entity := r.entity
	if history {
		entity = r.history
	}
	l, err := f.newListing(c, r, entity, o, c.Values["id"], everyKind(c), history)
	if err != nil {
		return nil, err
	}
	size, err := c.pageSize(o.Top, r.page, r.most)
	if err != nil {
		return nil, err
	}
	if o.Skip > maxSkip {
		return nil, BadRequest("$skip may be %d at most; follow @odata.nextLink to go on.", maxSkip)
	}
	path := strings.Join(c.Path, "/")
	hash := queryHash(c.Tenant.ID, c.Version, strings.ToLower(path), o.Raw["filter"], o.Raw["orderby"], strconv.FormatBool(everyKind(c)), strconv.FormatBool(o.Count))
	var after *cursor
	if o.SkipToken != "" {
		if after, err = f.unseal(o.SkipToken, hash); err != nil {
			return nil, err
		}
	}
	page, err := l.page(ctx, after, size)
	if err != nil {
		return nil, err
	}
	count := page.count(after)
	if o.Count && count == nil {
		n, err := l.count(ctx)
		if err != nil {
			return nil, err
		}
		count = &n
	}
	raws, err := l.raws(ctx, page.rows)
	if err != nil {
		return nil, err
	}
	b := append([]byte(nil), `{"@odata.context":`...)
	b = appendText(b, []byte(c.Context(l.contextOf(contextPath(r, c)))))
	if o.Count {
		b = append(b, `,"@odata.count":`...)
		b = strconv.AppendInt(b, *count, 10)
	}
	if !page.end && size > 0 {
		next := &cursor{Query: hash, Issued: f.o.Clock().Unix(), Bound: page.bound, ID: page.last.id}
		if o.Count {
			next.Count = count
		}
		for _, k := range page.last.keys {
			next.Keys = append(next.Keys, keyValue(k))
		}
		token, err := f.seal(next)
		if err != nil {
			return nil, err
		}
		f.ahead.keep(token, o.SkipToken, page.ahead, page.aheadEnd)
		b = append(b, `,"@odata.nextLink":`...)
		b = appendText(b, []byte(c.Base+escaped(c.Path)+"?"+nextQuery(c.Query, token)))
	}
	if err := l.prepare(ctx, c, raws); err != nil {
		return nil, err
	}
	b = append(b, `,"value":[`...)
	m := newMaker(r, entity, l.see, l.selected())
	first := true
	for i, raw := range raws {
		if raw == nil {
			continue // gone from the log and the tables since it was found
		}
		if !first {
			b = append(b, ',')
		}
		if b, err = l.object(ctx, c, b, m, page.rows[i], raw); err != nil {
			return nil, err
		}
		first = false
	}
	return &Reply{Body: append(b, "]}"...), Header: c.applied()}, nil
}

const maxSkip = 100_000

// contextPath is the collection as @odata.context names it.
func contextPath(r *resource, c *Call) string {
	if c.Values["id"] == "" {
		return r.String()
	}
	return r.String() + "('" + url.PathEscape(c.Values["id"]) + "')/history"
}

func escaped(path []string) string {
	out := make([]string, len(path))
	for i, s := range path {
		out[i] = url.PathEscape(s)
	}
	return strings.Join(out, "/")
}

// nextQuery is the query of the page behind: the same, with the token, and without
// what the token says.
func nextQuery(query, token string) string {
	var out []string
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if n, err := url.QueryUnescape(name); err == nil {
			name = strings.ToLower(strings.TrimPrefix(n, "$"))
		}
		if part != "" && name != "skiptoken" && name != "skip" {
			out = append(out, part)
		}
	}
	return strings.Join(append(out, "$skiptoken="+token), "&")
}

// page of a listing.
type page struct {
	rows     []row
	last     row // where the next page goes on
	end      bool
	bound    int64
	ahead    []row // read beyond it
	aheadEnd bool
	first    bool
	skipped  int
}

// count of all objects, where the page knows it.
func (p *page) count(after *cursor) *int64 {
	switch {
	case after != nil && after.Count != nil:
		return after.Count
	case after == nil && p.end && p.skipped == 0:
		n := int64(len(p.rows))
		return &n
	}
	return nil
}

// readAhead is how many pages are read at once from the second on.
const (
	aheadTimes = 50
	aheadLeast = 5_000
	aheadMost  = 50_000
)

// page behind a cursor. Records that came after the first page are no part of the
// sequence; one that was said anew since then is the record that it was.
func (l *listing) page(ctx context.Context, after *cursor, size int) (*page, error) {
	f := l.face
	p := &page{first: after == nil}
	if p.first {
		p.bound = f.now()
	} else {
		p.bound = after.Bound
	}
	if size == 0 {
		p.end = true
		return p, nil
	}
	var have []row
	end := false
	if after != nil {
		have, end, _ = f.ahead.take(l.o.SkipToken)
	}
	skip := 0
	if p.first {
		skip = l.o.Skip
	}
	at := after
	used := 0
	for len(p.rows) <= size {
		if used == len(have) {
			if end {
				break
			}
			want := size + 1 - len(p.rows) + skip
			if !p.first {
				want = min(max(size*aheadTimes, aheadLeast), aheadMost)
			}
			if n := len(have); n > 0 {
				at = cursorOf(have[n-1])
			}
			var err error
			if have, end, err = l.rows(ctx, at, want); err != nil {
				return nil, err
			}
			used = 0
			if len(have) == 0 {
				break
			}
		}
		r := have[used]
		used++
		late := !p.first && r.arrival > p.bound
		if late {
			again, err := l.again(ctx, r)
			if err != nil {
				return nil, err
			}
			late = !again
		}
		if late {
			continue
		}
		if skip > 0 {
			skip--
			p.skipped++
			continue
		}
		p.rows = append(p.rows, r)
	}
	if len(p.rows) <= size {
		p.end = true
		return p, nil
	}
	// One more than the page was found: it is the first of what is read ahead.
	p.rows = p.rows[:size]
	p.last = p.rows[size-1]
	p.ahead, p.aheadEnd = have[used-1:], end
	return p, nil
}

func cursorOf(r row) *cursor {
	c := &cursor{ID: r.id}
	for _, k := range r.keys {
		c.Keys = append(c.Keys, keyValue(k))
	}
	return c
}

// again: the row's record says anew what another said before.
func (l *listing) again(ctx context.Context, r row) (bool, error) {
	form, err := l.tenant.Log.Form(ctx, r.place)
	if err != nil {
		return false, ctx.Err()
	}
	return form.Amendments() > 0, nil
}

// object appends one object.
func (l *listing) object(ctx context.Context, c *Call, b []byte, m *maker, r row, raw []byte) ([]byte, error) {
	kind := l.tables[r.table].kind
	m.fill = func(dst []byte, name string, v *record.View) ([]byte, bool) {
		if name == "signInEventTypes" && kind != "" {
			dst = append(dst, '[')
			dst = appendText(dst, []byte(kind))
			return append(dst, ']'), true
		}
		if word, ok := l.res.fixed[kind][strings.ToLower(name)]; ok {
			if p, ok := l.entity.Property(name); ok && p.Type.Name == "Boolean" {
				return append(dst, word...), true
			}
			return appendText(dst, []byte(word)), true
		}
		return dst, false
	}
	if l.history {
		m.fill, m.instead = l.historyFill, func(dst []byte, name string, v *record.View) ([]byte, bool) {
			if name != "id" {
				return dst, false
			}
			id := string(v.Text(v.Walk(0, "properties", "id")))
			return appendText(dst, []byte(historyID(id, r.keys[0].Int64()))), true
		}
	}
	b, err := m.object(b, raw)
	if err != nil {
		return b, err
	}
	if l.see.full && !l.history {
		id := string(m.view.Text(m.view.Walk(0, "properties", "id")))
		link := l.res.String() + "('" + url.PathEscape(strings.ReplaceAll(id, "'", "''")) + "')"
		b = appendText(append(b, `,"@odata.id":`...), []byte(c.Base+link))
		b = appendText(append(b, `,"@odata.editLink":`...), []byte(link))
	}
	if l.expands {
		if b, err = l.expand(ctx, c, b, string(m.view.Text(m.view.Walk(0, "properties", "id")))); err != nil {
			return b, err
		}
	}
	return append(l.withAlerts(b, raw), '}'), nil
}

func (f *Face) total(ctx context.Context, c *Call, r *resource) (*Reply, error) {
	o, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	l, err := f.newListing(c, r, r.entity, o, "", everyKind(c), false)
	if err != nil {
		return nil, err
	}
	n, err := l.count(ctx)
	if err != nil {
		return nil, err
	}
	return &Reply{Body: strconv.AppendInt(nil, n, 10), Type: "text/plain"}, nil
}

func (f *Face) item(ctx context.Context, c *Call, r *resource) (*Reply, error) {
	o, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	o.Filter, o.OrderBy = nil, nil
	all := everyKind(c) || c.Version != versions[0]
	l, err := f.newListing(c, r, r.entity, o, c.Values["id"], all, false)
	if err != nil {
		return nil, err
	}
	return f.one(ctx, c, l, l.contextOf(r.String())+"/$entity")
}

// one object of a listing, the first; 404 where there is none.
func (f *Face) one(ctx context.Context, c *Call, l *listing, of string) (*Reply, error) {
	rows, _, err := l.rows(ctx, nil, 1)
	if err != nil {
		return nil, err
	}
	raws, err := l.raws(ctx, rows)
	if err != nil {
		return nil, err
	}
	if len(raws) == 0 || raws[0] == nil {
		return nil, NotFound(c.Values["id"])
	}
	if err := l.prepare(ctx, c, raws); err != nil {
		return nil, err
	}
	m := newMaker(l.res, l.entity, l.see, l.selected())
	b, err := l.object(ctx, c, nil, m, rows[0], raws[0])
	if err != nil {
		return nil, err
	}
	head := append([]byte(nil), `{"@odata.context":`...)
	head = appendText(head, []byte(c.Context(of)))
	if len(b) > 2 {
		head = append(head, ',')
	}
	return &Reply{Body: append(head, b[1:]...), Header: c.applied()}, nil
}

// Object is JSON of a value that is no record, with the context before its members.
func Object(c *Call, of string, v any) (*Reply, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	head := append([]byte(nil), `{"@odata.context":`...)
	head = appendText(head, []byte(c.Context(of)))
	if len(b) > 2 {
		head = append(head, ',')
	}
	return &Reply{Body: append(head, b[1:]...)}, nil
}

func (f *Face) now() int64 { return ticksOf(f.o.Clock()) }
