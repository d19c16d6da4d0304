package graph

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"sextant/odata"
	"sextant/record"
	"sextant/table"
)

// shape says how a value of a type is written from a record's JSON: its properties
// in the type's order, each of the JSON type that the property has, whatever the
// record has.
type shape struct {
	begin  string // members before the properties
	fields []shapeField
	at     map[string]int // by a key in lower case
	open   bool
}

type shapeField struct {
	head  string // "name": and annotations before it
	name  string
	prop  odata.Property
	sub   *shape
	hides string // see hides; "" shows it
	empty bool   // an empty list, whatever the record has
}

// shapes of a version's types, made when first asked for.
func shapeOf(t *odata.Type, see seen, made map[*odata.Type]*shape) *shape {
	if s := made[t]; s != nil {
		return s
	}
	s := &shape{at: map[string]int{}, open: t.Open}
	if see.full {
		s.begin = typeMember(t)
	}
	made[t] = s
	for _, p := range t.Props {
		if p.Nav {
			continue
		}
		f := shapeField{head: headOf(&p, see.full), name: p.Name, prop: p}
		if p.Type.Kind == odata.Complex {
			f.sub = shapeOf(p.Type.Of, see, made)
		}
		if see.limited {
			f.hides = hides(&p)
		}
		f.empty = see.noPolicies && p.Name == "appliedConditionalAccessPolicies"
		s.at[strings.ToLower(p.Name)] = len(s.fields)
		s.fields = append(s.fields, f)
	}
	if i, ok := s.at["displayname"]; ok && t.Base == "identity" {
		if _, taken := s.at["name"]; !taken {
			s.at["name"] = i // as records of provisioning call it
		}
	}
	return s
}

// headOf a property's value, with its type where all is told (odata.metadata=full) and
// JSON does not tell it.
func headOf(p *odata.Property, full bool) string {
	head, _ := json.Marshal(p.Name) // a string has JSON
	kind := strings.ReplaceAll(p.Type.Edm(), "Edm.", "")
	if !full || !p.Type.Collection && (p.Type.Kind == odata.Complex || slices.Contains([]string{"String", "Boolean", "Int32", "Double"}, kind)) {
		return string(head) + ":"
	}
	return `"` + p.Name + `@odata.type":"#` + kind + `",` + string(head) + ":"
}

// typeMember says what an object is.
func typeMember(t *odata.Type) string { return `"@odata.type":"#` + odata.Namespace + t.Name + `"` }

// only some of the fields, and of those that have fields only some of them, where
// picks name what is below.
func (s *shape) only(picks [][]string) *shape {
	out := &shape{begin: s.begin, at: map[string]int{}, open: s.open}
	kept := map[int]int{}
	for i, f := range s.fields {
		var below [][]string
		whole := false
		for _, p := range picks {
			if strings.EqualFold(p[0], f.name) {
				if whole = whole || len(p) == 1; len(p) > 1 {
					below = append(below, p[1:])
				}
			}
		}
		if !whole && below == nil {
			continue
		}
		if !whole && f.sub != nil {
			f.sub = f.sub.only(below)
		}
		kept[i] = len(out.fields)
		out.fields = append(out.fields, f)
	}
	for key, i := range s.at {
		if n, ok := kept[i]; ok {
			out.at[key] = n
		}
	}
	return out
}

// index of the field that a key names; -1 where there is none.
func (s *shape) index(key []byte) int {
	var low [64]byte
	if len(key) > len(low) {
		return -1
	}
	for i, c := range key {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		low[i] = c
	}
	if i, ok := s.at[string(low[:len(key)])]; ok {
		return i
	}
	return -1
}

// maker writes objects of one entity. It is for one goroutine.
type maker struct {
	res   *resource
	shape *shape
	// members of enumerations that came later are shown as they are.
	members bool
	view    record.View
	nodes   []record.Node
	// also are the fields of the record that stand in for a property's own.
	also [][][]string
	// fill sets properties that no field has: it gets the property's name and appends
	// its value.
	fill func(dst []byte, name string, v *record.View) ([]byte, bool)
	// instead sets properties whatever the record has; nil sets none.
	instead func(dst []byte, name string, v *record.View) ([]byte, bool)
}

func newMaker(r *resource, entity *odata.Type, see seen, selected [][]string) *maker {
	m := &maker{res: r, members: see.members, shape: shapeOf(entity, see, map[*odata.Type]*shape{})}
	if selected != nil {
		m.shape = m.shape.only(selected)
	}
	m.nodes = make([]record.Node, len(m.shape.fields))
	m.also = make([][][]string, len(m.shape.fields))
	for i := range m.shape.fields {
		if f := r.fields(m.shape.fields[i].name)[1:]; len(f) > 0 {
			m.also[i] = f
		}
	}
	return m
}

// object appends the object of a record to dst, without the closing brace.
func (m *maker) object(dst, raw []byte) ([]byte, error) {
	v := &m.view
	if err := v.Read(raw); err != nil {
		return dst, err
	}
	for i := range m.nodes {
		m.nodes[i] = record.None
	}
	v.Members(v.Find(0, "properties"), func(key []byte, val record.Node) {
		if i := m.shape.index(key); i >= 0 {
			m.nodes[i] = val
		}
	})
	dst = append(append(dst, '{'), m.shape.begin...)
	first := m.shape.begin == ""
	for i := range m.shape.fields {
		f := &m.shape.fields[i]
		n := m.nodes[i]
		if v.Kind(n) == record.Nothing {
			for _, path := range m.also[i] {
				if n = v.Walk(0, path...); v.Kind(n) != record.Nothing {
					break
				}
			}
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, f.head...)
		if m.instead != nil {
			var ok bool
			if dst, ok = m.instead(dst, f.name, v); ok {
				continue
			}
		}
		if m.fill != nil && v.Kind(n) == record.Nothing {
			var ok bool
			if dst, ok = m.fill(dst, f.name, v); ok {
				continue
			}
		}
		dst = m.value(dst, f, v, n)
	}
	return dst, nil
}

// value appends a property's value.
func (m *maker) value(dst []byte, f *shapeField, v *record.View, n record.Node) []byte {
	if !f.prop.Type.Collection {
		return m.one(dst, f, v, n)
	}
	if f.empty {
		return append(dst, "[]"...)
	}
	switch v.Kind(n) {
	case record.Nothing:
		return append(dst, "[]"...)
	case record.Text: // JSON inside a text, or one value where a list should be
		text := v.Text(n)
		if t := bytes.TrimSpace(text); len(t) > 0 && t[0] == '[' {
			if inner := new(record.View); inner.Read(t) == nil {
				return m.value(dst, f, inner, 0)
			}
		}
		if len(text) == 0 {
			return append(dst, "[]"...)
		}
	case record.Array:
		dst = append(dst, '[')
		first := true
		v.Elements(n, func(e record.Node) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = m.one(dst, f, v, e)
		})
		return append(dst, ']')
	}
	dst = append(dst, '[')
	dst = m.one(dst, f, v, n)
	return append(dst, ']')
}

var nullText = []byte("null")

// one appends one value, or one element.
func (m *maker) one(dst []byte, f *shapeField, v *record.View, n record.Node) []byte {
	if f.hides == hiddenRisk {
		return append(dst, `"hidden"`...)
	}
	kind := v.Kind(n)
	r := &f.prop.Type
	if kind == record.Nothing {
		if f.prop.Required && r.Name == "String" { // which is never null
			return append(dst, `""`...)
		}
		return append(dst, nullText...)
	}
	if r.Kind == odata.Complex {
		switch kind {
		case record.Object:
			return m.complex(dst, f.sub, v, n)
		case record.Text:
			if t := bytes.TrimSpace(v.Text(n)); len(t) > 0 && t[0] == '{' {
				if inner := new(record.View); inner.Read(t) == nil {
					return m.complex(dst, f.sub, inner, 0)
				}
			}
		}
		return append(dst, nullText...)
	}
	if r.Kind == odata.EnumKind {
		return enum(dst, r.Enum, v, n, m.members)
	}
	switch r.Name {
	case "String":
		if kind == record.Object && f.name == "conditionalAccessAudiences" {
			if id := v.Find(n, "applicationId"); v.Kind(id) == record.Text {
				n, kind = id, record.Text
			}
		}
		if f.hides == genericRisk && kind == record.Text && slices.Contains(premium(), string(v.Text(n))) {
			return append(dst, `"generic"`...)
		}
		if kind == record.Text {
			return append(dst, v.Raw(n)...)
		}
		return appendText(dst, v.Raw(n))
	case "Boolean":
		return boolean(dst, v, n)
	case "Int32", "Int64":
		return whole(dst, v, n)
	case "Double":
		return double(dst, v, n)
	case "DateTimeOffset":
		return moment(dst, v, n)
	}
	if kind == record.Text {
		return append(dst, v.Raw(n)...)
	}
	return append(dst, nullText...)
}

// complex appends a value of a complex type.
func (m *maker) complex(dst []byte, s *shape, v *record.View, n record.Node) []byte {
	if s.open && len(s.fields) == 0 {
		return append(dst, v.Raw(n)...)
	}
	var buf [32]record.Node
	nodes := buf[:0]
	for range s.fields {
		nodes = append(nodes, record.None)
	}
	v.Members(n, func(key []byte, val record.Node) {
		if i := s.index(key); i >= 0 {
			nodes[i] = val
		}
	})
	dst = append(append(dst, '{'), s.begin...)
	first := s.begin == ""
	for i := range s.fields {
		f := &s.fields[i]
		// What is not of the declared type is shown where it came.
		if f.prop.Extra && nodes[i] == record.None {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, f.head...)
		dst = m.value(dst, f, v, nodes[i])
	}
	return append(dst, '}')
}

// appendText appends bytes as a JSON string.
func appendText(dst, s []byte) []byte { return table.AppendQuoted(dst, string(s)) }

func boolean(dst []byte, v *record.View, n record.Node) []byte {
	switch v.Kind(n) {
	case record.Truth:
		return append(dst, v.Raw(n)...)
	case record.Text:
		if b, err := strconv.ParseBool(strings.ToLower(string(v.Text(n)))); err == nil {
			return strconv.AppendBool(dst, b)
		}
	case record.Number:
		return strconv.AppendBool(dst, string(v.Raw(n)) != "0")
	}
	return append(dst, nullText...)
}

func whole(dst []byte, v *record.View, n record.Node) []byte {
	text := v.Raw(n)
	if v.Kind(n) == record.Text {
		text = bytes.TrimSpace(v.Text(n))
	}
	if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return strconv.AppendInt(dst, i, 10)
	}
	if f, err := strconv.ParseFloat(string(text), 64); err == nil && v.Kind(n) != record.Truth && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(dst, int64(f), 10)
	}
	return append(dst, nullText...)
}

func double(dst []byte, v *record.View, n record.Node) []byte {
	switch v.Kind(n) {
	case record.Number:
		return append(dst, v.Raw(n)...)
	case record.Text:
		if f, err := strconv.ParseFloat(strings.TrimSpace(string(v.Text(n))), 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
			return strconv.AppendFloat(dst, f, 'g', -1, 64)
		}
	}
	return append(dst, nullText...)
}

// moment appends a time in UTC with Z. The digits of a second are those that came.
func moment(dst []byte, v *record.View, n record.Node) []byte {
	if v.Kind(n) != record.Text {
		return append(dst, nullText...)
	}
	s := string(v.Text(n))
	for _, zone := range []string{"Z", "+00:00"} {
		// Nearly all are 2026-01-02T03:04:05.1234567Z already, or with an offset of none.
		if day, ok := strings.CutSuffix(s, zone); ok && len(day) >= 19 && len(day) <= 27 && day[4] == '-' && day[10] == 'T' && day[13] == ':' && day[16] == ':' {
			if _, ok := record.ParseTime(s); ok {
				dst = append(dst, '"')
				dst = append(dst, day...)
				return append(dst, `Z"`...)
			}
		}
	}
	ticks, ok := record.ParseTime(s)
	if !ok {
		return append(dst, nullText...)
	}
	dst = append(dst, '"')
	dst = append(dst, stamp(ticks)...)
	return append(dst, '"')
}

// stamp is a moment as Graph writes it.
func stamp(ticks int64) string {
	return table.TimeOf(ticks).Format("2006-01-02T15:04:05.9999999Z")
}

// enum appends a member as Graph spells it; a number is the member of that value, or
// the members of several flags. A word that is no member stays as it came. later shows
// members that came to the enumeration later as they are, else as unknownFutureValue.
func enum(dst []byte, e *odata.Enum, v *record.View, n record.Node, later bool) []byte {
	var names []string
	add := func(name string) {
		if instead, is := e.Later(name); is && !later {
			name = instead
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	switch v.Kind(n) {
	case record.Text:
		text := string(v.Text(n))
		if text == "" {
			return append(dst, nullText...)
		}
		parts := []string{text}
		if e.Flags() {
			parts = strings.Split(text, ",")
		}
		for _, part := range parts {
			if len(parts) > 1 {
				part = strings.TrimSpace(part)
			}
			if m, ok := e.Find(part); ok {
				part = m.Name
			}
			add(part)
		}
	case record.Number:
		value, err := strconv.ParseInt(string(v.Raw(n)), 10, 64)
		if err != nil {
			break
		}
		for _, m := range e.Members {
			if m.Value == value {
				names = nil
				add(m.Name)
				break
			}
			if m.Value != 0 && value&m.Value == m.Value && e.Flags() {
				add(m.Name)
			}
		}
	}
	if len(names) == 0 {
		return append(dst, nullText...)
	}
	return appendText(dst, []byte(strings.Join(names, ",")))
}
