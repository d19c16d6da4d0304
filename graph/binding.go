package graph

import (
	"maps"
	"slices"
	"strings"

	"sextant/kql/fn"
	"sextant/kql/plan"
	"sextant/odata"
	"sextant/record"
	"sextant/table"
)

// columns of a table by the field of the record that fills them, in lower case.
func columnsOf(m *record.Model, def *table.Def) map[string]table.Column {
	out := map[string]table.Column{}
	origins, known := m.Origins(def.Name)
	if !known { // its records are rows already
		for _, c := range def.Columns {
			out["properties."+strings.ToLower(c.Name)] = c
		}
	}
	for _, o := range origins {
		i := def.Columns.Index(o.Column)
		if i < 0 {
			continue
		}
		for source := range strings.SplitSeq(o.Source, " | ") {
			field := strings.ToLower(strings.Fields(source)[0])
			if _, have := out[field]; !have {
				out[field] = def.Columns[i]
			}
		}
	}
	return out
}

// seen is what a principal sees of a resource: what the licence or a missing
// permission hides is hidden from filters too.
type seen struct {
	// limited: the tenant has no licence for the details of risk.
	limited bool
	// noPolicies: the permission to see conditional access policies is missing.
	noPolicies bool
	// tenant whose records they are.
	tenant string
	// members of enumerations that came later are seen as they are.
	members bool
	// full: objects say their types and addresses (odata.metadata=full).
	full bool
}

// bind the entity's properties to the columns of one of its tables. row gives the
// expression of a column of the table.
func (f *Face) bind(a *api, r *resource, entity *odata.Type, t tableOf, def *table.Def, see seen) *odata.Binding {
	columns := columnsOf(f.o.Model, def)
	cat := f.o.Engine.Catalogue()
	b := &odata.Binding{Model: a.model, Entity: entity, Cat: cat}
	b.Column = func(property string) (odata.Column, bool) {
		if property == "signInEventTypes" && t.kind != "" {
			return odata.Column{Fixed: true, Values: []string{t.kind}}, true
		}
		if property == "appliedConditionalAccessPolicies" && see.noPolicies {
			return odata.Column{Fixed: true}, true
		}
		p, _ := entity.Property(property)
		if property == "tenantId" && r.path[0] == "security" {
			return odata.Column{Expr: constant(table.StringValue(see.tenant))}, true
		}
		if t.objects() {
			return objectColumn(r, p), true
		}
		if service, ok := map[string]int{"serviceSource": 0, "detectionSource": 1}[property]; ok && def.Columns.Index("ProviderName") >= 0 {
			return odata.Column{Expr: productOf(cat, service)}, true
		}
		e := columnOf(cat, r, def, columns, property)
		if e == nil {
			if v, ok := r.fixed[t.kind][strings.ToLower(property)]; ok {
				return odata.Column{Expr: constant(fixedValue(p, v))}, true
			}
			if property == "status" && def.Columns.Index("ResultType") >= 0 && t.kind != "" {
				return odata.Column{Members: map[string]plan.Expr{
					"errorCode": &plan.Col{Name: "ResultType", T: table.String}, "failureReason": &plan.Col{Name: "ResultDescription", T: table.String},
				}}, true
			}
			return odata.Column{}, false
		}
		c := odata.Column{Expr: e}
		if words := r.values[strings.ToLower(property)]; words != nil {
			return odata.Column{Expr: membersOf(cat, words, c.Expr)}, true
		}
		if see.limited {
			if hidden := limit(cat, entity, p, c.Expr); hidden != nil {
				return odata.Column{Expr: hidden}, true
			}
		}
		if p.Type.Kind == odata.Complex || p.Type.Collection {
			if e.Type() == table.String {
				c.Expr = callOf(cat, "parse_json", table.Dynamic, c.Expr)
			}
			if col, ok := e.(*plan.Col); ok {
				c.In = col.Name
				if p.Type.Kind == odata.Complex {
					c.Key = keyOf(p.Type.Of, def, col.Name)
				}
			}
			if property == "conditionalAccessAudiences" {
				c.Elem = func(e plan.Expr) plan.Expr {
					id := &plan.Member{Of: e, Key: "applicationId"}
					return callOf(cat, "iff", table.Dynamic, callOf(cat, "isnotnull", table.Bool, id), id, e)
				}
			}
		}
		return c, true
	}
	return b
}

// Columns that stand beside Graph's own objects: what they are known by.
const (
	objectID   = "ObjectId"
	objectLast = "ObjectLast"
)

// objectColumn is a property of an object that lies in Properties.
func objectColumn(r *resource, p *odata.Property) odata.Column {
	switch p.Name {
	case "id":
		return odata.Column{Expr: &plan.Col{Name: objectID, T: table.String}}
	case r.latest:
		return odata.Column{Expr: &plan.Col{Name: objectLast, T: table.DateTime}}
	}
	return odata.Column{Expr: &plan.Member{Of: &plan.Col{Name: "Properties", T: table.Dynamic}, Key: p.Name}}
}

// objectColumns adds them to the rows of a table.
func objectColumns(cat *fn.Catalogue, r *resource, in table.Schema) *plan.Project {
	out := &plan.Project{}
	for _, c := range in {
		out.Cols = append(out.Cols, plan.Named{Name: c.Name, Expr: &plan.Col{Name: c.Name, T: c.Type}})
	}
	member := func(key string) plan.Expr {
		return &plan.Member{Of: &plan.Col{Name: "Properties", T: table.Dynamic}, Key: key}
	}
	return &plan.Project{Cols: append(out.Cols,
		plan.Named{Name: objectID, Expr: callOf(cat, "tostring", table.String, member("id"))},
		plan.Named{Name: objectLast, Expr: callOf(cat, "todatetime", table.DateTime, member(r.latest))})}
}

// columnOf the table that a property is, or what lies below one that holds JSON; nil
// where there is none.
func columnOf(cat *fn.Catalogue, r *resource, def *table.Def, columns map[string]table.Column, property string) (out plan.Expr) {
	for _, path := range slices.Backward(r.fields(property)) {
		var e plan.Expr
		for n := len(path); n > 0 && e == nil; n-- {
			col, found := columns[strings.ToLower(strings.Join(path[:n], "."))]
			if !found {
				continue
			}
			e = &plan.Col{Name: col.Name, T: col.Type}
			if n == len(path) {
				break
			}
			if col.Type == table.String {
				e = callOf(cat, "parse_json", table.Dynamic, e)
			}
			for _, key := range path[n:] {
				e = &plan.Member{Of: e, Key: key}
			}
			if p, ok := r.entity.Property(property); ok && p.Type.Name != "DateTimeOffset" && p.Type.Kind != odata.Complex && !p.Type.Collection {
				e = callOf(cat, "tostring", table.String, e)
			}
		}
		switch {
		case e == nil:
		case out != nil && e.Type() == table.String && out.Type() == table.String && len(path) > 2:
			out = callOf(cat, "iff", table.String, callOf(cat, "isnotempty", table.Bool, e), e, out)
		default:
			out = e
		}
	}
	return out
}

// fixedValue of a property.
func fixedValue(p *odata.Property, v string) table.Value {
	if p.Type.Name == "Boolean" {
		return table.BoolValue(v == "true")
	}
	return table.StringValue(v)
}

// productOf an alert's row: what alertOf says of it.
func productOf(cat *fn.Catalogue, of int) plan.Expr {
	provider, product := &plan.Col{Name: "ProviderName", T: table.String}, &plan.Col{Name: "ProductName", T: table.String}
	word := func(key string) plan.Expr { return constant(table.StringValue(products[key][of])) }
	has := func(s string) plan.Expr {
		return callOf(cat, "contains_cs", table.Bool, product, constant(table.StringValue(s)))
	}
	out := callOf(cat, "iff", table.String, has("Sentinel"), word("ASI"), callOf(cat, "iff", table.String, has("Identity Protection"), word("IPC"), constant(table.StringValue("unknown"))))
	for _, key := range slices.Sorted(maps.Keys(products)) {
		out = callOf(cat, "iff", table.String, callOf(cat, "==", table.Bool, provider, constant(table.StringValue(key))), word(key), out)
	}
	return out
}

// keyOf gives the names that the members of a type have in the records of
// provisioning: Id and Name where Graph says id and displayName.
func keyOf(t *odata.Type, def *table.Def, column string) func(string) string {
	has := func(path string) bool {
		return slices.ContainsFunc(def.Promoted, func(p table.Promoted) bool { return p.Column == column && p.Path == path })
	}
	names := map[string]string{}
	if t.Base == "identity" && has("Id") {
		names["id"], names["displayName"] = "Id", "Name"
	}
	if has("Status") {
		names["status"] = "Status"
	}
	if len(names) == 0 {
		return nil
	}
	return func(property string) string {
		if n := names[property]; n != "" {
			return n
		}
		return property
	}
}

func callOf(cat *fn.Catalogue, name string, t table.Type, args ...plan.Expr) plan.Expr {
	c := &plan.Call{Fn: cat.Scalar(name), Args: args, T: t}
	for _, a := range args {
		i := fn.Arg{Type: a.Type()}
		switch a := a.(type) {
		case *plan.Const:
			v := a.Value
			i.Const = &v
		case *plan.Col:
			i.Name = a.Name
		}
		c.Info = append(c.Info, i)
	}
	return c
}

// premium are the risk event types that a tenant without the licence sees as
// generic.
func premium() []string {
	return []string{
		"riskyIPAddress", "anomalousToken", "unlikelyTravel", "mcasImpossibleTravel", "maliciousIPAddress", "mcasFinSuspiciousFileAccess",
		"newCountry", "passwordSpray", "suspiciousBrowser", "suspiciousInboxForwarding", "mcasSuspiciousInboxManipulationRules",
		"tokenIssuerAnomaly", "unfamiliarFeatures", "nationStateIP", "anomalousUserActivity", "attackerinTheMiddle", "attemptedPrtAccess",
		"suspiciousAPITraffic", "suspiciousSendingPatterns", "userReportedSuspiciousActivity",
	}
}

const (
	hiddenRisk  = "hidden"
	genericRisk = "generic"
)

// hides says what a tenant without the licence sees of a property: "hidden" of a
// risk's level and detail, "generic" of premium types.
func hides(p *odata.Property) string {
	switch {
	case p.Type.Collection && (p.Name == "riskEventTypes" || p.Name == "riskEventTypes_v2"), p.Name == "riskEventType", p.Name == "riskType":
		return genericRisk
	case p.Type.Name == "riskLevel", p.Type.Name == "riskDetail":
		return hiddenRisk
	}
	return ""
}

// limit is what a filter sees of a property for such a tenant; nil where it sees all.
func limit(cat *fn.Catalogue, _ *odata.Type, p *odata.Property, e plan.Expr) plan.Expr {
	switch hides(p) {
	case hiddenRisk:
		return &plan.Const{Value: table.StringValue(hiddenRisk)}
	case genericRisk:
		if p.Type.Collection { // of lists nothing can be asked
			return &plan.Const{Value: table.Null(table.Dynamic)}
		}
		args := []plan.Expr{e}
		for _, s := range premium() {
			args = append(args, &plan.Const{Value: table.StringValue(s)})
		}
		return callOf(cat, "iff", table.String, callOf(cat, "in", table.Bool, args...), &plan.Const{Value: table.StringValue(genericRisk)}, e)
	}
	return nil
}

// membersOf an enumeration that the record's words are.
func membersOf(cat *fn.Catalogue, words [][2]string, e plan.Expr) plan.Expr {
	out := e
	for _, w := range words {
		is := callOf(cat, "==", table.Bool, e, &plan.Const{Value: table.StringValue(w[0])})
		out = callOf(cat, "iff", table.String, is, &plan.Const{Value: table.StringValue(w[1])}, out)
	}
	return out
}
