package record

import (
	"math"
	"strconv"
	"strings"

	"sextant/table"
)

// writer makes one row.
type writer struct {
	b    *Builder
	t    *tape
	text string // the record; texts of cells are parts of it
	rd   *reader
	id   *Identified
	src  *Source
	size int
	odd  bool
}

func (w *writer) row() {
	cols := w.rd.table.cols
	p := w.rd.plan
	for i := range p.cols {
		w.visible(&p.cols[i], &cols[i])
	}
	hidden := cols[p.width:]
	pushN(&hidden[0], hiddenID(w.id.Key))
	pushS(&hidden[1], w.src.Topic)
	pushN(&hidden[2], int64(w.src.Partition))
	pushN(&hidden[3], w.src.Offset)
	pushN(&hidden[4], int64(w.src.Index))
	if w.src.Arrival > 0 {
		pushN(&hidden[5], w.src.Arrival)
	} else {
		pushNull(&hidden[5])
	}
	pushN(&hidden[6], SchemaVersion)
	if w.odd {
		pushN(&hidden[7], 1)
	} else {
		pushN(&hidden[7], 0)
	}
	w.rd.table.n++
}

// token of a field; -1 where it is missing or null.
func (w *writer) token(s *spot) int {
	i := int(w.rd.slots[s.slot]) - 1
	if i >= 0 && len(s.rest) > 0 {
		i = w.t.walk(i, s.rest)
	}
	if i >= 0 && w.t.toks[i].kind == kindNull {
		return -1
	}
	return i
}

// pick the first of the column's fields that is there.
func (w *writer) pick(op *colOp) int {
	for i := range op.spots {
		if op.unlessText != "" && i == len(op.spots)-1 && i > 0 {
			if u := w.token(&op.unless); u >= 0 && string(w.t.str(u)) == op.unlessText {
				return -1
			}
		}
		if k := w.token(&op.spots[i]); k >= 0 {
			return k
		}
	}
	return -1
}

func (w *writer) visible(op *colOp, v *table.Vector) {
	switch op.from {
	case fromRecord:
		if i := w.pick(op); i >= 0 {
			w.cell(op, v, i)
			return
		}
		if op.tenant {
			pushS(v, w.src.TenantID)
			return
		}
		pushNull(v)
		if op.nest > 0 {
			w.noNest(op.nest - 1)
		}
		return
	case fromTime:
		if w.id.Time > 0 {
			pushN(v, w.id.Time)
			return
		}
		w.count(op)
		pushNull(v)
		return
	case fromBilled:
		pushF(v, float64(w.size))
		return
	case fromWorkspace:
		if w.src.WorkspaceID != "" {
			pushS(v, w.src.WorkspaceID)
			return
		}
	case fromType:
		pushS(v, w.rd.table.name)
		return
	case fromNothing:
		pushNull(v)
		if op.nest > 0 {
			w.noNest(op.nest - 1)
		}
		return
	}
	if i := w.pick(op); i >= 0 {
		w.cell(op, v, i)
		return
	}
	switch op.from {
	case fromConstant:
		pushS(v, op.constant)
	case fromGroup, fromSubscription, fromProvider, fromResource, fromResourceID:
		pushS(v, w.resource(op.from))
	default:
		pushNull(v)
	}
	if op.nest > 0 {
		w.noNest(op.nest - 1)
	}
}

// resource cuts a part from resourceId.
func (w *writer) resource(what special) string {
	i := int(w.rd.slots[resourceSlot]) - 1
	if i < 0 || w.t.toks[i].kind != kindString {
		return ""
	}
	id := w.content(i)
	if what == fromResourceID {
		return strings.ToLower(id)
	}
	parts := strings.Split(strings.Trim(id, "/"), "/")
	after := func(name string) string {
		for k := 0; k+1 < len(parts); k += 2 {
			if strings.EqualFold(parts[k], name) {
				return parts[k+1]
			}
		}
		return ""
	}
	switch what {
	case fromSubscription:
		return after("subscriptions")
	case fromGroup:
		return after("resourceGroups")
	case fromProvider:
		return after("providers")
	}
	if len(parts) > 0 {
		return parts[len(parts)-1]
	}
	return ""
}

// exact text of a token.
func (w *writer) exact(i int) string { k := &w.t.toks[i]; return w.text[k.start:k.end] }

// content of a string token.
func (w *writer) content(i int) string {
	k := &w.t.toks[i]
	if k.flags&flagEscape != 0 {
		return string(unescape(w.t.buf[k.start+1 : k.end-1]))
	}
	return w.text[k.start+1 : k.end-1]
}

func (w *writer) count(op *colOp) { w.b.counts[TableColumn{w.rd.table.name, op.name}]++ }

// cell converts the value at a token to the column's type.
func (w *writer) cell(op *colOp, v *table.Vector, i int) {
	k := &w.t.toks[i]
	switch op.typ {
	case table.String:
		var s string
		switch k.kind {
		case kindString:
			if s = w.content(i); s == nullText {
				s = ""
			}
		case kindObject, kindArray:
			s = w.exact(i)
			if !op.json {
				w.count(op)
			}
		default:
			s = w.exact(i)
			if !op.any {
				w.count(op)
			}
		}
		pushS(v, s)
		if op.nest > 0 {
			w.nestOfText(op.nest-1, i, s)
		}
	case table.Dynamic:
		if k.kind == kindString && op.parsed {
			if s := w.content(i); s != "" && w.b.inner.scanRecord([]byte(s)) == nil && w.b.inner.toks[0].kind >= kindObject {
				v.S = append(v.S, s)
				pushValid(v)
				if op.nest > 0 {
					w.nest(op.nest-1, &w.b.inner, s, 0)
				}
				return
			}
		}
		v.S = append(v.S, w.exact(i))
		pushValid(v)
		if op.nest > 0 {
			w.nest(op.nest-1, w.t, w.text, i)
		}
	case table.Real:
		if f, ok := w.float(i); ok {
			pushF(v, f)
			return
		}
		w.mistyped(op, v, i)
	case table.Int, table.Long:
		n, ok := w.integer(i)
		if ok && op.typ == table.Int && int64(int32(n)) != n {
			ok = false
		}
		if ok {
			pushN(v, n)
			return
		}
		w.mistyped(op, v, i)
	case table.Bool:
		switch {
		case k.kind == kindTrue || k.kind == kindString && strings.EqualFold(w.content(i), "true"):
			pushN(v, 1)
		case k.kind == kindFalse || k.kind == kindString && strings.EqualFold(w.content(i), "false"):
			pushN(v, 0)
		case k.kind == kindNumber && (w.exact(i) == "0" || w.exact(i) == "1"):
			pushN(v, int64(w.exact(i)[0]-'0'))
		default:
			w.mistyped(op, v, i)
		}
	case table.DateTime:
		if ticks, ok := w.t.moment(i); ok {
			pushN(v, ticks)
			return
		}
		w.mistyped(op, v, i)
	case table.Guid:
		if k.kind == kindString {
			if g, ok := guid(w.content(i)); ok {
				pushS(v, g)
				pushValid(v)
				return
			}
		}
		w.mistyped(op, v, i)
	default:
		w.mistyped(op, v, i)
	}
}

// mistyped leaves null. An empty text is just a missing value.
func (w *writer) mistyped(op *colOp, v *table.Vector, i int) {
	if k := &w.t.toks[i]; k.kind != kindString || k.end-k.start > 2 && w.content(i) != nullText {
		w.count(op)
	}
	pushNull(v)
}

func (w *writer) integer(i int) (int64, bool) {
	k := &w.t.toks[i]
	var s string
	switch k.kind {
	case kindNumber:
		s = w.exact(i)
	case kindString:
		s = strings.TrimSpace(w.content(i))
	default:
		return 0, false
	}
	if n, ok := parseInt(s); ok {
		return n, true
	}
	// 5.0 is an integer too.
	if f, err := strconv.ParseFloat(s, 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), true
	}
	return 0, false
}

func (w *writer) float(i int) (float64, bool) {
	k := &w.t.toks[i]
	var s string
	switch k.kind {
	case kindNumber:
		s = w.exact(i)
	case kindString:
		s = strings.TrimSpace(w.content(i))
	default:
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsInf(f, 0) && !math.IsNaN(f)
}

// guid in lower case with dashes, from the same with or without braces.
func guid(s string) (string, bool) {
	s = strings.Trim(s, "{}")
	if len(s) != 36 {
		return "", false
	}
	for i := range len(s) {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if s[i] != '-' {
				return "", false
			}
		} else if hexDigit(s[i]) > 15 {
			return "", false
		}
	}
	return strings.ToLower(s), true
}

func pushValid(v *table.Vector) {
	if v.Valid != nil {
		v.Valid = append(v.Valid, true)
	}
}

func pushN(v *table.Vector, n int64) {
	v.N = append(v.N, n)
	pushValid(v)
}

func pushF(v *table.Vector, f float64) {
	v.F = append(v.F, f)
	pushValid(v)
}

// pushS is for strings, which have no nulls.
func pushS(v *table.Vector, s string) { v.S = append(v.S, s) }

// pushNull leaves the cell null; in a string column empty.
func pushNull(v *table.Vector) {
	n := 0
	switch v.Type {
	case table.String:
		v.S = append(v.S, "")
		return
	case table.Real:
		n = len(v.F)
		v.F = append(v.F, 0)
	case table.Guid, table.Dynamic:
		n = len(v.S)
		v.S = append(v.S, "")
	default:
		n = len(v.N)
		v.N = append(v.N, 0)
	}
	markNull(v, n)
}

// markNull marks cell n, the last one, as null.
func markNull(v *table.Vector, n int) {
	if v.Valid == nil {
		v.Valid = make([]bool, n, max(cap(v.S), cap(v.N), cap(v.F), cap(v.D)))
		for i := range v.Valid {
			v.Valid[i] = true
		}
	}
	v.Valid = append(v.Valid, false)
}
