package odata

import (
	"fmt"
	"slices"
	"strings"
)

// Model is the types of one version of an API.
type Model struct {
	Version string
	types   map[string]*Type
	names   []string // in the order of the text
	enums   map[string]*Enum
	enumsIn []string
}

// Type is an entity or a complex type.
type Type struct {
	Name   string // without the namespace
	Entity bool
	Base   string // "" has none
	Open   bool   // its values may have members that are not declared
	Props  []Property
	byName map[string]int
}

// Property of a type.
type Property struct {
	Name     string
	Type     Ref
	Required bool // never null
	Key      bool
	Nav      bool // a relationship: seen only when it is asked for
	// Extra properties are not of the declared type, but come with its values.
	Extra bool
}

// Ref names a type.
type Ref struct {
	Name       string // String, Int32, …: without Edm.; or the name of a type
	Kind       Kind
	Collection bool
	Of         *Type // of Complex
	Enum       *Enum // of EnumKind
}

// Kind of a type.
type Kind uint8

// Kinds.
const (
	Primitive Kind = iota
	EnumKind
	Complex
)

// Enum is an enumeration.
type Enum struct {
	Name    string
	Members []Member
}

// Member of an enumeration.
type Member struct {
	Name  string
	Value int64
}

// Flags tells whether several members can hold at once.
func (e *Enum) Flags() bool {
	for i, m := range e.Members {
		if m.Value > int64(len(e.Members)) && m.Value > int64(i) && m.Value&(m.Value-1) == 0 {
			return true
		}
	}
	return false
}

// Later tells whether a member came to an evolvable enumeration after it was published:
// it stands behind the member unknownFutureValue, which is what clients see that do
// not ask for such members. instead is that member as it is spelled.
func (e *Enum) Later(name string) (instead string, later bool) {
	for _, m := range e.Members {
		if m.Name == name {
			return instead, instead != ""
		}
		if strings.EqualFold(m.Name, "unknownFutureValue") {
			instead = m.Name
		}
	}
	return "", false
}

// Find a member by its name, whatever its case and the spaces in it.
func (e *Enum) Find(name string) (Member, bool) {
	for _, m := range e.Members {
		if m.Name == name {
			return m, true
		}
	}
	name = strings.ReplaceAll(name, " ", "")
	for _, m := range e.Members {
		if strings.EqualFold(m.Name, name) {
			return m, true
		}
	}
	return Member{}, false
}

var primitives = []string{"String", "Boolean", "Int32", "Int64", "Double", "DateTimeOffset", "Date", "Duration", "Guid"}

// ReadModel reads the types of one version from their text:
//
//	entity NAME [: BASE] [VERSION]          a type, and below it, indented,
//	  PROPERTY TYPE[] [key] [required] [nav] [extra] [VERSION]
//	complex NAME [open] [VERSION]
//	enum NAME [VERSION]: MEMBER MEMBER=VALUE …
//
// What names another version than the one that is read is left out. A member without
// a value has its place.
func ReadModel(text, version string, versions ...string) (*Model, error) {
	m := &Model{Version: version, types: map[string]*Type{}, enums: map[string]*Enum{}}
	var in *Type
	skip := false
	n := 0
	bad := func(format string, args ...any) error {
		return fmt.Errorf("line %d: "+format, append([]any{n}, args...)...)
	}
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \r\n")
		if line == "" || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		head, rest, isEnum := strings.Cut(line, ":")
		words := strings.Fields(line)
		take := func(list []string, word string) ([]string, bool) {
			i := slices.Index(list, word)
			if i < 0 {
				return list, false
			}
			return slices.Delete(slices.Clone(list), i, i+1), true
		}
		other := func(list []string) ([]string, bool) {
			for _, v := range versions {
				var has bool
				if list, has = take(list, v); has && v != version {
					return list, true
				}
			}
			return list, false
		}
		switch {
		case line[0] == ' ':
			if skip {
				continue
			}
			if in == nil || len(words) < 2 {
				return nil, bad("a property needs a type before it, and a name and a type of its own")
			}
			p := Property{Name: words[0]}
			p.Type.Name, p.Type.Collection = strings.CutSuffix(words[1], "[]")
			flags, left := other(words[2:])
			if left {
				continue
			}
			flags, p.Key = take(flags, "key")
			flags, p.Required = take(flags, "required")
			flags, p.Nav = take(flags, "nav")
			flags, p.Extra = take(flags, "extra")
			p.Required = p.Required || p.Key
			if len(flags) > 0 {
				return nil, bad("%q says nothing", flags[0])
			}
			if _, twice := in.byName[p.Name]; twice {
				return nil, bad("%s has %s twice", in.Name, p.Name)
			}
			in.byName[p.Name] = len(in.Props)
			in.Props = append(in.Props, p)
		case words[0] == "enum" && isEnum:
			w, left := other(strings.Fields(head)[1:])
			if left {
				continue
			}
			e := &Enum{Name: w[0]}
			for i, member := range strings.Fields(rest) {
				name, value, given := strings.Cut(member, "=")
				v := int64(i)
				if given {
					if _, err := fmt.Sscan(value, &v); err != nil {
						return nil, bad("%q is no member", member)
					}
				}
				e.Members = append(e.Members, Member{name, v})
			}
			m.enums[e.Name] = e
			m.enumsIn = append(m.enumsIn, e.Name)
		case words[0] == "entity" || words[0] == "complex":
			var w []string
			if w, skip = other(words[1:]); skip {
				continue
			}
			in = &Type{Name: w[0], Entity: words[0] == "entity", byName: map[string]int{}}
			w, in.Open = take(w[1:], "open")
			if len(w) == 2 && w[0] == ":" {
				in.Base = w[1]
			} else if len(w) > 0 {
				return nil, bad("%q says nothing", w[0])
			}
			if m.types[in.Name] != nil {
				return nil, bad("there are two types %s", in.Name)
			}
			m.types[in.Name] = in
			m.names = append(m.names, in.Name)
		default:
			return nil, bad("%q is neither a type nor a property", line)
		}
	}
	for _, name := range m.names {
		t := m.types[name]
		if t.Base != "" && m.types[t.Base] == nil {
			return nil, fmt.Errorf("type %s: there is no type %s", t.Name, t.Base)
		}
		for i := range t.Props {
			r := &t.Props[i].Type
			switch {
			case slices.Contains(primitives, r.Name):
			case m.enums[r.Name] != nil:
				r.Kind, r.Enum = EnumKind, m.enums[r.Name]
			case m.types[r.Name] != nil:
				r.Kind, r.Of = Complex, m.types[r.Name]
			default:
				return nil, fmt.Errorf("property %s/%s: there is no type %s", t.Name, t.Props[i].Name, r.Name)
			}
		}
	}
	return m, nil
}

// Type by name; nil where this version has none.
func (m *Model) Type(name string) *Type { return m.types[name] }

// Types in the order of the text.
func (m *Model) Types() []*Type {
	out := make([]*Type, len(m.names))
	for i, n := range m.names {
		out[i] = m.types[n]
	}
	return out
}

// Enums in the order of the text.
func (m *Model) Enums() []*Enum {
	out := make([]*Enum, len(m.enumsIn))
	for i, n := range m.enumsIn {
		out[i] = m.enums[n]
	}
	return out
}

// Property by name: as it is written, else whatever the case, as Graph takes it.
func (t *Type) Property(name string) (*Property, bool) {
	if i, ok := t.byName[name]; ok {
		return &t.Props[i], true
	}
	for i := range t.Props {
		if strings.EqualFold(t.Props[i].Name, name) {
			return &t.Props[i], true
		}
	}
	return nil, false
}

// Edm is the name of a type as metadata and messages have it.
func (r Ref) Edm() string {
	name := "Edm." + r.Name
	if r.Kind != Primitive {
		name = Namespace + r.Name
	}
	if r.Collection {
		return "Collection(" + name + ")"
	}
	return name
}

// Namespace of types, with the dot behind it.
const Namespace = "microsoft.graph."
