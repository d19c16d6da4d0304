package graph

import (
	"context"
	"strconv"
	"time"

	"sextant/odata"
	"sextant/record"
	"sextant/table"
)

func ticksOf(t time.Time) int64 {
	ticks, _ := table.TicksOf(t.UTC())
	return ticks
}

// historyID of an item: whose it is, and the moment of the change. The id of an
// object that is no GUID is told from the moment by its length alone, so the moment
// comes last and has eighteen digits.
func historyID(id string, at int64) string {
	digits := strconv.FormatInt(at, 10)
	for len(digits) < historyDigits {
		digits = "0" + digits
	}
	return id + digits
}

const historyDigits = 18

// historyFill gives an item of a history what its record does not have.
func (l *listing) historyFill(dst []byte, name string, v *record.View) ([]byte, bool) {
	switch name {
	case "userId", "servicePrincipalId":
		if id := v.Walk(0, "properties", "id"); v.Kind(id) == record.Text {
			return append(dst, v.Raw(id)...), true
		}
	case "activity":
		if detail := v.Walk(0, "properties", "riskDetail"); v.Kind(detail) == record.Text && !l.see.limited {
			dst = append(dst, `{"detail":`...)
			dst = append(dst, v.Raw(detail)...)
			return append(dst, `,"riskEventTypes":[]}`...), true
		}
	}
	return dst, false
}

func (f *Face) historyItem(ctx context.Context, c *Call, r *resource) (*Reply, error) {
	o, err := optionsOf(c)
	if err != nil {
		return nil, err
	}
	o.Filter, o.OrderBy = nil, nil
	l, err := f.newListing(c, r, r.history, o, c.Values["id"], false, true)
	if err != nil {
		return nil, err
	}
	rows, _, err := l.rows(ctx, nil, maxHistory)
	if err != nil {
		return nil, err
	}
	for _, at := range rows {
		if historyID(c.Values["id"], at.keys[0].Int64()) != c.Values["hid"] {
			continue
		}
		raws, err := l.raws(ctx, []row{at})
		if err != nil {
			return nil, err
		}
		if raws[0] == nil {
			break
		}
		b, err := l.object(ctx, c, nil, newMaker(r, r.history, l.see, l.selected()), at, raws[0])
		if err != nil {
			return nil, err
		}
		head := append([]byte(nil), `{"@odata.context":`...)
		head = appendText(head, []byte(c.Context(l.contextOf(contextPath(r, c))+"/$entity")))
		return &Reply{Body: append(append(head, ','), b[1:]...)}, nil
	}
	return nil, NotFound(c.Values["hid"])
}

// maxHistory is how far back a single item of a history is looked for.
const maxHistory = 10_000

// expand appends the history of an object to its members: what $expand=history asks
// for.
func (l *listing) expand(ctx context.Context, c *Call, b []byte, id string) ([]byte, error) {
	h, err := l.face.newListing(c, l.res, l.res.history, &odata.Options{Top: -1}, id, false, true)
	if err != nil {
		return b, err
	}
	rows, _, err := h.rows(ctx, nil, l.res.most)
	if err != nil {
		return b, err
	}
	raws, err := h.raws(ctx, rows)
	if err != nil {
		return b, err
	}
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, `"history":[`...)
	m := newMaker(l.res, l.res.history, l.see, nil)
	first := true
	for i, raw := range raws {
		if raw == nil {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		if b, err = h.object(ctx, c, b, m, rows[i], raw); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}
