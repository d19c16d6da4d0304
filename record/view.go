package record

// View reads a record's JSON: scanned once, then looked at by keys, whatever their
// case. A View can be used again, by one goroutine.
type View struct{ t tape }

// Node is a value in a View; None is none.
type Node int32

// None stands for a value that is not there.
const None Node = -1

// NodeKind is the JSON kind of a value.
type NodeKind uint8

// Kinds of values.
const (
	Nothing NodeKind = iota // null, or not there
	Truth
	Number
	Text
	Object
	Array
)

// Read a text and forget the one before. The text must stay as it is while the View
// is used. The error is fault.Invalid and says where.
func (v *View) Read(json []byte) error { return v.t.scanRecord(json) }

// Kind of a value.
func (v *View) Kind(n Node) NodeKind {
	if n < 0 {
		return Nothing
	}
	switch v.t.toks[n].kind {
	case kindFalse, kindTrue:
		return Truth
	case kindNumber:
		return Number
	case kindString:
		return Text
	case kindObject:
		return Object
	case kindArray:
		return Array
	}
	return Nothing
}

// Raw JSON of a value, as it stands; nil of None.
func (v *View) Raw(n Node) []byte {
	if n < 0 {
		return nil
	}
	return v.t.text(int(n))
}

// Text of a string, its escapes resolved; nil of anything else. Where nothing was
// escaped it is part of what was read.
func (v *View) Text(n Node) []byte {
	if v.Kind(n) != Text {
		return nil
	}
	return v.t.content(int(n))
}

// Plain tells that a string has no escapes: its Raw is its text in quotes.
func (v *View) Plain(n Node) bool {
	return v.Kind(n) == Text && v.t.toks[n].flags&flagEscape == 0
}

// Find a member of an object: spelled so, else whatever the case.
func (v *View) Find(of Node, key string) Node {
	if of < 0 {
		return None
	}
	return Node(v.t.find(int(of), key))
}

// Walk follows keys from a value.
func (v *View) Walk(of Node, keys ...string) Node {
	for _, k := range keys {
		of = v.Find(of, k)
	}
	return of
}

// Members calls f with each key of an object and its value.
func (v *View) Members(of Node, f func(key []byte, val Node)) {
	if v.Kind(of) != Object {
		return
	}
	for k := int(of) + 1; k < int(v.t.toks[of].next); k = int(v.t.toks[k+1].next) {
		f(v.t.content(k), Node(k+1))
	}
}

// Elements calls f with each element of an array.
func (v *View) Elements(of Node, f func(Node)) {
	if v.Kind(of) != Array {
		return
	}
	for k := int(of) + 1; k < int(v.t.toks[of].next); k = int(v.t.toks[k].next) {
		f(Node(k))
	}
}

// Len of an array or an object.
func (v *View) Len(of Node) int {
	n := 0
	v.Elements(of, func(Node) { n++ })
	v.Members(of, func([]byte, Node) { n++ })
	return n
}
