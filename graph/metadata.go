package graph

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"

	"sextant/odata"
)

// metadata is the CSDL of what this version serves.
func (f *Face) metadata(_ context.Context, c *Call) (*Reply, error) {
	return &Reply{Body: []byte(csdl(c.api)), Type: "application/xml"}, nil
}

// csdl prints the model and the resources.
func csdl(a *api) string {
	var b strings.Builder
	b.WriteString(xml.Header)
	b.WriteString(`<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>` + "\n")
	spaces := []string{"microsoft.graph"}
	space := func(name string) (string, string) {
		if i := strings.LastIndexByte(name, '.'); i >= 0 {
			return odata.Namespace + name[:i], name[i+1:]
		}
		return strings.TrimSuffix(odata.Namespace, "."), name
	}
	for _, t := range a.model.Types() {
		if s, _ := space(t.Name); !slices.Contains(spaces, s) {
			spaces = append(spaces, s)
		}
	}
	for _, s := range spaces {
		fmt.Fprintf(&b, `<Schema Namespace="%s" xmlns="http://docs.oasis-open.org/odata/ns/edm">`+"\n", s)
		for _, e := range a.model.Enums() {
			if in, name := space(e.Name); in == s {
				flags := ""
				if e.Flags() {
					flags = ` IsFlags="true"`
				}
				fmt.Fprintf(&b, `  <EnumType Name="%s"%s>`+"\n", name, flags)
				for _, m := range e.Members {
					fmt.Fprintf(&b, `    <Member Name="%s" Value="%d"/>`+"\n", m.Name, m.Value)
				}
				b.WriteString("  </EnumType>\n")
			}
		}
		if s == spaces[0] {
			b.WriteString("  <EntityType Name=\"entity\" Abstract=\"true\">\n    <Key><PropertyRef Name=\"id\"/></Key>\n    <Property Name=\"id\" Type=\"Edm.String\" Nullable=\"false\"/>\n  </EntityType>\n")
		}
		for _, t := range a.model.Types() {
			if in, name := space(t.Name); in == s {
				writeType(&b, a.model, t, name)
			}
		}
		if s == spaces[0] {
			writeRoots(&b, a)
		}
		b.WriteString("</Schema>\n")
	}
	b.WriteString("</edmx:DataServices></edmx:Edmx>\n")
	return b.String()
}

func writeType(b *strings.Builder, m *odata.Model, t *odata.Type, name string) {
	kind, base := "ComplexType", t.Base
	if t.Entity {
		kind = "EntityType"
		if base == "" {
			base = "entity"
		}
	}
	attrs := ""
	if base != "" {
		attrs += fmt.Sprintf(` BaseType="%s%s"`, odata.Namespace, base)
	}
	if t.Open {
		attrs += ` OpenType="true"`
	}
	fmt.Fprintf(b, `  <%s Name="%s"%s>`+"\n", kind, name, attrs)
	inherited := func(property string) bool {
		if base == "entity" {
			return property == "id"
		}
		if of := m.Type(base); of != nil {
			_, ok := of.Property(property)
			return ok
		}
		return false
	}
	for _, p := range t.Props {
		if inherited(p.Name) || p.Extra {
			continue
		}
		tag := "Property"
		if p.Nav {
			tag = "NavigationProperty"
		}
		null := ""
		if p.Required {
			null = ` Nullable="false"`
		}
		if p.Nav {
			null = ` ContainsTarget="true"`
		}
		fmt.Fprintf(b, `    <%s Name="%s" Type="%s"%s/>`+"\n", tag, p.Name, p.Type.Edm(), null)
	}
	fmt.Fprintf(b, "  </%s>\n", kind)
}

// writeRoots writes the singletons' types and the container.
func writeRoots(b *strings.Builder, a *api) {
	all := roots(a)
	for _, r := range all {
		if r.set {
			continue
		}
		fmt.Fprintf(b, `  <EntityType Name="%s" BaseType="%sentity">`+"\n", r.entity(), odata.Namespace)
		for _, of := range a.resources {
			if of.path[0] == r.name {
				fmt.Fprintf(b, `    <NavigationProperty Name="%s" Type="Collection(%s%s)" ContainsTarget="true"/>`+"\n", of.path[1], odata.Namespace, of.entity.Name)
			}
		}
		b.WriteString("  </EntityType>\n")
	}
	b.WriteString("  <EntityContainer Name=\"GraphService\">\n")
	for _, r := range all {
		attribute := "Type"
		if r.set {
			attribute = "EntityType"
		}
		fmt.Fprintf(b, `    <%s Name="%s" %s="%s%s"/>`+"\n", r.kind(), r.name, attribute, odata.Namespace, r.entity())
	}
	b.WriteString("  </EntityContainer>\n")
}
