package graph

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The elements of CSDL 4.01 that we write, and their attributes: any other is a mistake.
var csdlAttributes = map[string]string{
	"Edmx": "Version", "DataServices": "", "Schema": "Namespace", "EnumType": "Name IsFlags", "Member": "Name Value", "EntityType": "Name BaseType Abstract OpenType",
	"ComplexType": "Name BaseType OpenType", "Key": "", "PropertyRef": "Name", "Property": "Name Type Nullable", "NavigationProperty": "Name Type ContainsTarget",
	"EntityContainer": "Name", "Singleton": "Name Type", "EntitySet": "Name EntityType",
}

// csdlWithin says which element may stand in which.
var csdlWithin = map[string]string{
	"Edmx": "", "DataServices": "Edmx", "Schema": "DataServices", "EnumType": "Schema", "EntityType": "Schema", "ComplexType": "Schema", "EntityContainer": "Schema",
	"Member": "EnumType", "Key": "EntityType", "PropertyRef": "Key", "Property": "EntityType ComplexType", "NavigationProperty": "EntityType ComplexType", "Singleton": "EntityContainer", "EntitySet": "EntityContainer",
}

// csdlDoc is what a reader of the document knows in the end.
type csdlDoc struct {
	kind, base map[string]string              // of a type by its full name
	members    map[string][]map[string]string // attributes of the properties and members of a type
	refs       []string                       // types that something is of
}

// readCSDL as strictly as the specification lets a reader be.
func readCSDL(t *testing.T, text string) csdlDoc {
	t.Helper()
	doc := csdlDoc{kind: map[string]string{}, base: map[string]string{}, members: map[string][]map[string]string{}}
	d := xml.NewDecoder(strings.NewReader(text))
	var path []string
	space, in := "", ""
	simple := regexp.MustCompile(`^[\pL_][\pL\pN_]{0,127}$`)
	for {
		tok, err := d.Token()
		if tok == nil {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch e := tok.(type) {
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.StartElement:
			name, parent := e.Name.Local, ""
			if len(path) > 0 {
				parent = path[len(path)-1]
			}
			path = append(path, name)
			allowed, known := csdlAttributes[name]
			if !known || parent != csdlWithin[name] && !slices.Contains(strings.Fields(csdlWithin[name]), parent) {
				t.Errorf("%s may not stand in %s", name, parent)
			}
			want := "http://docs.oasis-open.org/odata/ns/edm"
			if name == "Edmx" || name == "DataServices" {
				want += "x"
			}
			if e.Name.Space != want {
				t.Errorf("%s is of %s", name, e.Name.Space)
			}
			a := map[string]string{}
			for _, x := range e.Attr {
				if x.Name.Local == "xmlns" || x.Name.Space == "xmlns" {
					continue
				}
				if !slices.Contains(strings.Fields(allowed), x.Name.Local) {
					t.Errorf("%s has no attribute %s", name, x.Name.Local)
				}
				a[x.Name.Local] = x.Value
			}
			if n := a["Name"]; strings.Contains(allowed, "Name ") && !simple.MatchString(n) {
				t.Errorf("%s: %q is no simple identifier", name, n)
			}
			switch name {
			case "Schema":
				space = a["Namespace"]
			case "EnumType", "EntityType", "ComplexType":
				in = space + "." + a["Name"]
				if doc.kind[in] != "" {
					t.Errorf("there are two types %s", in)
				}
				doc.kind[in], doc.base[in] = name, a["BaseType"]
			case "Property", "NavigationProperty", "Member":
				for _, m := range doc.members[in] {
					if m["Name"] == a["Name"] || name == "Member" && m["Value"] == a["Value"] {
						t.Errorf("%s has %v twice", in, a)
					}
				}
				doc.members[in] = append(doc.members[in], a)
			}
			for _, of := range []string{a["Type"], a["EntityType"]} {
				if of == "" {
					continue
				}
				doc.refs = append(doc.refs, strings.TrimSuffix(strings.TrimPrefix(of, "Collection("), ")"))
			}
		}
	}
	return doc
}

func TestMetadataHoldsTogether(t *testing.T) {
	w := newWorld(t, "memory")
	for i, v := range versions {
		t.Run(v, func(t *testing.T) {
			a := *w.face.api[i]
			a.operations = append(slices.Clip(a.operations), (&Subscriptions{}).Operations()...)
			doc := readCSDL(t, csdl(&a))
			if !strings.Contains(csdl(&a), `<EntitySet Name="subscriptions" EntityType="microsoft.graph.subscription"/>`) {
				t.Error("there is no set of subscriptions")
			}
			for _, of := range doc.refs {
				name, primitive := strings.CutPrefix(of, "Edm.")
				if primitive && !strings.Contains(" String Boolean Int32 Int64 Double DateTimeOffset Date Duration Guid ", " "+name+" ") || !primitive && doc.kind[of] == "" {
					t.Errorf("something is of %s, which is not there", of)
				}
			}
			for name, base := range doc.base {
				own := map[string]bool{}
				for _, m := range doc.members[name] {
					own[m["Name"]] = true
				}
				for n := 0; base != ""; base = doc.base[base] {
					if doc.kind[base] != doc.kind[name] || n > 10 {
						t.Fatalf("%s is based on %s, which is no %s", name, base, doc.kind[name])
					}
					for _, m := range doc.members[base] {
						if own[m["Name"]] {
							t.Errorf("%s declares %s, which it inherits", name, m["Name"])
						}
					}
					n++
				}
			}
			// What is answered is what is declared: the collections of each singleton.
			for _, r := range a.resources {
				root := "microsoft.graph." + root{name: r.path[0]}.entity()
				if !slices.ContainsFunc(doc.members[root], func(m map[string]string) bool { return m["Name"] == r.path[1] }) {
					t.Errorf("%s has no %s", root, r.path[1])
				}
			}
		})
	}
}
