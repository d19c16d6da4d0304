package record

import (
	"strconv"

	"sextant/table"
)

// Promoted cells are what table.Promoted.Of says, taken from the tokens instead
// of a parsed value; a test holds the two together.

// nestOfText fills the promoted columns of a string column: the value itself
// where it is JSON, or the JSON inside the text s.
func (w *writer) nestOfText(n, i int, s string) {
	switch w.t.toks[i].kind {
	case kindObject, kindArray:
		w.nest(n, w.t, w.text, i)
		return
	case kindString:
		if s == "" {
			w.noNest(n)
			return
		}
		if w.b.inner.scanRecord([]byte(s)) == nil {
			w.nest(n, &w.b.inner, s, 0)
			return
		}
	}
	// A text, a number, a truth value: a dynamic without keys or elements.
	if w.rd.plan.nests[n].list != nil {
		w.odd = true
	}
	w.noNest(n)
}

// noNest leaves all promoted columns of a column null.
func (w *writer) noNest(n int) {
	x := &w.rd.plan.nests[n]
	if x.scalars != nil {
		w.nullLeaves(x.scalars)
	}
	for _, p := range x.lists {
		pushNoList(&w.rd.table.cols[p])
	}
}

func (w *writer) nullLeaves(b *branch) {
	if b.leaf >= 0 {
		pushNull(&w.rd.table.cols[b.leaf])
	}
	for _, s := range b.subs {
		w.nullLeaves(s)
	}
}

func pushNoList(v *table.Vector) {
	n := len(v.D)
	v.D = append(v.D, nil)
	markNull(v, n)
}

// nest fills the promoted columns from the value at a token of t, whose text is
// text.
func (w *writer) nest(n int, t *tape, text string, i int) {
	x := &w.rd.plan.nests[n]
	if x.scalars != nil {
		w.scalars(x.scalars, t, text, i)
	}
	if x.list != nil {
		w.lists(x, t, text, i)
	}
}

func (w *writer) scalars(b *branch, t *tape, text string, i int) {
	if b.leaf >= 0 {
		w.leaf(b, t, text, i)
	}
	if len(b.subs) == 0 {
		return
	}
	var found [maxBranch]int // token by key
	f := found[:len(b.keys)]
	lookUp(t, i, b.keys, f)
	for k, sub := range b.subs {
		if f[k] == 0 {
			w.nullLeaves(sub)
		} else {
			w.scalars(sub, t, text, f[k])
		}
	}
}

// lookUp finds keys, exactly, in the object at a token: the tokens of their
// values, 0 where there is none.
func lookUp(t *tape, i int, keys []string, found []int) {
	clear(found)
	if t.toks[i].kind != kindObject {
		return
	}
	end := int(t.toks[i].next)
	for k := i + 1; k < end; k = int(t.toks[k+1].next) {
		tok := &t.toks[k]
		name := t.buf[tok.start+1 : tok.end-1]
		if tok.flags&flagEscape != 0 {
			name = unescape(name)
		}
		for n, key := range keys {
			if key == string(name) {
				found[n] = k + 1
				break
			}
		}
	}
}

func (w *writer) leaf(b *branch, t *tape, text string, i int) {
	v := &w.rd.table.cols[b.leaf]
	k := &t.toks[i]
	switch {
	case k.kind == kindNull:
		pushNull(v)
		return
	case b.typ == table.String && k.kind == kindString:
		if k.flags&flagEscape != 0 {
			pushS(v, string(unescape(t.buf[k.start+1:k.end-1])))
		} else {
			pushS(v, text[k.start+1:k.end-1])
		}
		return
	case b.typ == table.Bool && k.kind == kindTrue:
		pushN(v, 1)
		return
	case b.typ == table.Bool && k.kind == kindFalse:
		pushN(v, 0)
		return
	case b.typ == table.Long && k.kind == kindNumber && k.flags&flagReal == 0:
		if n, ok := parseInt(text[k.start:k.end]); ok {
			pushN(v, n)
			return
		}
	case b.typ == table.Real && k.kind == kindNumber:
		if k.flags&flagReal == 0 {
			if n, ok := parseInt(text[k.start:k.end]); ok {
				if f := float64(n); f < 1<<63 && int64(f) == n {
					pushF(v, f)
					return
				}
				break
			}
		}
		if f, err := strconv.ParseFloat(text[k.start:k.end], 64); err == nil {
			pushF(v, f)
			return
		}
	}
	w.odd = true
	pushNull(v)
}

func (w *writer) lists(x *nest, t *tape, text string, i int) {
	cols := w.rd.table.cols
	if t.toks[i].kind != kindArray {
		if t.toks[i].kind != kindNull {
			w.odd = true
		}
		for _, p := range x.lists {
			pushNoList(&cols[p])
		}
		return
	}
	n := 0
	end := int(t.toks[i].next)
	for k := i + 1; k < end; k = int(t.toks[k].next) {
		n++
	}
	// One array for all lists of the column.
	all := make([]any, n*len(x.lists))
	at := 0
	for k := i + 1; k < end; k = int(t.toks[k].next) {
		w.element(x.list, t, text, k, all, at, n)
		at++
	}
	for l, p := range x.lists {
		v := &cols[p]
		v.D = append(v.D, all[l*n:(l+1)*n:(l+1)*n])
		pushValid(v)
	}
}

// element puts the texts of one element of an array in their lists.
func (w *writer) element(b *branch, t *tape, text string, i int, all []any, at, n int) {
	if b.leaf >= 0 {
		switch k := &t.toks[i]; k.kind {
		case kindNull:
		case kindString:
			s := text[k.start+1 : k.end-1]
			if k.flags&flagEscape != 0 {
				s = string(unescape(t.buf[k.start+1 : k.end-1]))
			}
			all[b.leaf*n+at] = w.b.boxed(s)
		default:
			w.odd = true
		}
	}
	if len(b.subs) == 0 {
		return
	}
	var found [maxBranch]int
	f := found[:len(b.keys)]
	lookUp(t, i, b.keys, f)
	for k, sub := range b.subs {
		if f[k] > 0 {
			w.element(sub, t, text, f[k], all, at, n)
		}
	}
}
