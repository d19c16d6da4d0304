package graph

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sextant/odata"
	"sextant/record"
	"sextant/source/simulate"
)

// filterCase is a $filter, and what it means for an object as Graph shows it.
type filterCase struct {
	text string
	want func(o map[string]any) bool
}

// simulated loads some records of each category of a made-up tenant, and a few of
// what it has none of.
func (w *world) simulated(each int) {
	w.t.Helper()
	end := w.now.Add(-time.Hour)
	s, err := simulate.New(simulate.Config{Seed: 5, Users: 60, Start: end.Add(-5 * 24 * time.Hour), End: end, TenantID: testTenant, Scenarios: []string{"all"}})
	if err != nil {
		w.t.Fatal(err)
	}
	kept := map[string][]string{}
	seen := map[string]int{}
	r := rand.New(rand.NewPCG(7, 7))
	if err := s.History(func(category string, _ time.Time, line []byte) error {
		seen[category]++
		if list := kept[category]; len(list) < each {
			kept[category] = append(list, string(line))
		} else if i := r.IntN(seen[category]); i < each {
			list[i] = string(line)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	for _, lines := range kept {
		w.load(record.Export, lines...)
	}
	at := w.now.Format(time.RFC3339)
	w.load(record.Export,
		fmt.Sprintf(`{"time":%q,"category":"RiskyAgents","tenantId":%q,"properties":{"id":"g-1","agentDisplayName":"Helper","identityType":"agentIdentity","riskLastModifiedDateTime":%q,"riskState":"atRisk","riskDetail":"none","riskLevel":"low","isDeleted":false,"isEnabled":true,"isProcessing":false}}`, at, testTenant, at),
		fmt.Sprintf(`{"time":%q,"category":"AgentRiskEvents","tenantId":%q,"properties":{"id":"e-1","agentId":"g-1","agentDisplayName":"Helper","identityType":"agentIdentity","riskEventType":"unfamiliarResourceAccess","riskState":"atRisk","riskLevel":"low","riskDetail":"none","riskEvidence":"[]","detectionTimingType":"offline","activityDateTime":%q,"detectedDateTime":%q,"lastModifiedDateTime":%q,"additionalInfo":"[]"}}`, at, testTenant, at, at, at))
	for i, severity := range []string{"High", "Low", "Informational", "Medium"} {
		status := []string{"New", "InProgress", "Resolved", "Dismissed"}[i]
		at := w.now.Add(-time.Duration(i) * time.Hour).Format(time.RFC3339)
		w.load(record.Export, fmt.Sprintf(`{"time":%q,"category":"SecurityAlert","tenantId":%q,"properties":{"TimeGenerated":%q,"SystemAlertId":"a-%d","AlertName":"It's \"%d\"","AlertSeverity":%q,"Status":%q,"ProcessingEndTime":%q,"Description":"d%d"}}`,
			at, testTenant, at, i, i, severity, status, at, i),
			fmt.Sprintf(`{"time":%q,"category":"SecurityIncident","tenantId":%q,"properties":{"TimeGenerated":%q,"IncidentName":"i-%d","Title":"O'Neil %d","Severity":%q,"Status":%q,"LastModifiedTime":%q,"CreatedTime":%q,"AlertIds":["a-%d"]}}`,
				at, testTenant, at, i, i, severity, []string{"New", "Active", "Closed", "New"}[i], at, at, i))
	}
}

// listed are all objects of a path, whatever the pages.
func (w *world) listed(path string, header http.Header) (out []map[string]any) {
	w.t.Helper()
	for path != "" {
		a := w.ask("GET", path, "", header)
		var p struct {
			Next  string           `json:"@odata.nextLink"`
			Value []map[string]any `json:"value"`
		}
		if err := json.Unmarshal(a.Body.Bytes(), &p); err != nil || a.Code != http.StatusOK {
			w.t.Fatalf("%s: %d %v\n%s", path, a.Code, err, a.Body)
		}
		out = append(out, p.Value...)
		path = strings.TrimPrefix(p.Next, "https://logs.example.org")
	}
	return out
}

// leaf is a property with one value, by the names that lead to it. Of is the list
// above it: then the names are below an element.
type leaf struct {
	of    []string
	names []string
	ref   odata.Ref
}

// leaves of a type, and of the lists in it.
func leaves(t *odata.Type, of, above []string, depth int) (out []leaf) {
	if depth > 3 {
		return nil
	}
	for _, p := range t.Props {
		names := append(slices.Clone(above), p.Name)
		one := p.Type
		one.Collection = false
		switch {
		case p.Nav || p.Extra || p.Type.Collection && of != nil:
		case p.Type.Collection && one.Kind == odata.Complex:
			out = append(out, leaves(one.Of, names, nil, depth+1)...)
		case p.Type.Collection:
			out = append(out, leaf{of: names, ref: one})
		case one.Kind == odata.Complex:
			out = append(out, leaves(one.Of, of, names, depth+1)...)
		default:
			out = append(out, leaf{of: of, names: names, ref: one})
		}
	}
	return out
}

func at(v any, names []string) any {
	for _, n := range names {
		o, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = o[n]
	}
	return v
}

// values that the leaf has in an object: one, or as many as the list has elements.
func (l leaf) values(o map[string]any) []any {
	if l.of == nil {
		return []any{at(o, l.names)}
	}
	list, _ := at(o, l.of).([]any)
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = at(e, l.names)
	}
	return out
}

var guidText = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// order of two values that are not missing, as the type has it.
func (l leaf) order(a, b any) int {
	switch {
	case l.ref.Name == "DateTimeOffset":
		x, _ := time.Parse(time.RFC3339Nano, a.(string))
		y, _ := time.Parse(time.RFC3339Nano, b.(string))
		return x.Compare(y)
	case l.ref.Kind == odata.EnumKind:
		return cmp.Compare(strings.ToLower(a.(string)), strings.ToLower(b.(string)))
	}
	switch x := a.(type) {
	case string:
		y := b.(string)
		if guidText.MatchString(x) && strings.EqualFold(x, y) {
			return 0
		}
		return cmp.Compare(x, y)
	case float64:
		return cmp.Compare(x, b.(float64))
	case bool:
		if x == b.(bool) {
			return 0
		}
		return 1
	}
	return 1
}

func missing(v any) bool { return v == nil || v == "" }

// literal of a value, in the words of a filter.
func (l leaf) literal(v any) string {
	s, isText := v.(string)
	if !isText || l.ref.Name == "DateTimeOffset" {
		return fmt.Sprint(v)
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// cases of a leaf for some of the values that it has.
func (l leaf) cases(values []any) (out []filterCase) {
	path := strings.Join(l.names, "/")
	over, word := "", ""
	if l.of != nil {
		over, word = strings.Join(l.of, "/"), "x"
		if path != "" {
			word = "x/" + path
		}
	} else {
		word = path
	}
	add := func(test string, holds func(v any) bool) {
		if l.of == nil {
			out = append(out, filterCase{test, func(o map[string]any) bool { return holds(l.values(o)[0]) }},
				filterCase{"not (" + test + ")", func(o map[string]any) bool { return !holds(l.values(o)[0]) }})
			return
		}
		out = append(out, filterCase{over + "/any(x: " + test + ")", func(o map[string]any) bool { return slices.ContainsFunc(l.values(o), holds) }},
			filterCase{"not " + over + "/any(x:" + test + ")", func(o map[string]any) bool { return !slices.ContainsFunc(l.values(o), holds) }},
			filterCase{over + "/all(x: " + test + ")", func(o map[string]any) bool {
				return !slices.ContainsFunc(l.values(o), func(v any) bool { return !holds(v) })
			}})
	}
	add(word+" eq null", missing)
	add(word+" ne null", func(v any) bool { return !missing(v) })
	var texts []string
	for _, k := range values {
		literal := l.literal(k)
		texts = append(texts, literal)
		is := func(v any) bool { return !missing(v) && l.order(v, k) == 0 }
		add(word+" eq "+literal, is)
		add(word+" ne "+literal, func(v any) bool { return !is(v) })
		add(literal+" eq "+word, is)
		_, isBool := k.(bool)
		if l.ref.Kind == odata.EnumKind {
			add(word+" eq '"+strings.ToUpper(k.(string))+"'", is)
			continue
		}
		if isBool {
			continue
		}
		if s, isText := k.(string); isText && guidText.MatchString(s) {
			add(word+" eq '"+strings.ToUpper(s)+"'", is)
			add(word+" eq "+s, is)
			continue // the order of GUIDs is that of their text, and of no use
		}
		for op, holds := range map[string]func(n int) bool{
			"gt": func(n int) bool { return n > 0 }, "ge": func(n int) bool { return n >= 0 }, "lt": func(n int) bool { return n < 0 }, "le": func(n int) bool { return n <= 0 },
		} {
			add(word+" "+op+" "+literal, func(v any) bool { return !missing(v) && holds(l.order(v, k)) })
		}
		s, isText := k.(string)
		if !isText || l.ref.Name != "String" {
			continue
		}
		runes := []rune(s)
		cut := func(from, to int) string { return string(runes[from:to]) }
		text := func(v any) string { t, _ := v.(string); return t }
		head, tail, middle := cut(0, (len(runes)+1)/2), cut(len(runes)/2, len(runes)), cut(len(runes)/3, (2*len(runes)+2)/3)
		add("startswith("+word+","+l.literal(head)+")", func(v any) bool { return strings.HasPrefix(text(v), head) })
		add("endswith("+word+","+l.literal(tail)+")", func(v any) bool { return strings.HasSuffix(text(v), tail) })
		add("contains("+word+","+l.literal(middle)+")", func(v any) bool { return strings.Contains(text(v), middle) })
		add("tolower("+word+") eq "+l.literal(strings.ToLower(s)), func(v any) bool { return strings.EqualFold(text(v), s) })
	}
	if len(texts) > 1 {
		add(word+" in ("+strings.Join(texts, ", ")+")", func(v any) bool {
			return slices.ContainsFunc(values, func(k any) bool { return !missing(v) && l.order(v, k) == 0 })
		})
	}
	return out
}

// some of the values that the leaf has in objects.
func (l leaf) some(objects []map[string]any, n int) (out []any) {
	for _, o := range objects {
		for _, v := range l.values(o) {
			if s, isText := v.(string); missing(v) || slices.Contains(out, v) || isText && len(s) > 200 {
				continue
			} else if isText && l.ref.Kind == odata.EnumKind {
				if _, member := l.ref.Enum.Find(s); !member {
					continue // shown as it came; no filter can name it
				}
			}
			if out = append(out, v); len(out) == n {
				return out
			}
		}
	}
	return out
}

func idsOf(objects []map[string]any, holds func(map[string]any) bool) string {
	var out []string
	for _, o := range objects {
		if holds == nil || holds(o) {
			out = append(out, o["id"].(string))
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// For every property of every collection, each operator lets through what the same
// test lets through of the whole list, done here on the JSON that came back.
func TestEveryFilterIsWhatItSays(t *testing.T) {
	w := newWorld(t, "memory")
	w.simulated(12)
	header := http.Header{"Prefer": {"include-all-signins, include-unknown-enum-members"}}
	w.who = principal("root")
	n, wrong := 0, map[string]bool{}
	for _, r := range w.face.api[1].resources {
		base := "/beta/" + r.String()
		all := w.listed(base, header)
		if len(all) == 0 && len(r.tables) > 0 {
			t.Errorf("%s has no objects to try filters on", r)
		}
		for _, o := range all {
			w.asFilteredBy(r, o)
		}
		for _, l := range leaves(r.entity, nil, nil, 0) {
			values := l.some(all, 2)
			for _, c := range l.cases(values) {
				n++
				if t.Failed() && wrong[r.String()+strings.Join(slices.Concat(l.of, l.names), "/")] {
					continue // one example of a property is enough
				}
				a := w.ask("GET", base+"?$top="+fmt.Sprint(r.most)+"&$select=id&$filter="+url.QueryEscape(c.text), "", header)
				var got struct{ Value []map[string]any }
				if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil || a.Code != http.StatusOK {
					t.Errorf("%s?$filter=%s: %d %s", r, c.text, a.Code, a.Body)
				} else if g, want := idsOf(got.Value, nil), idsOf(all, c.want); g != want {
					t.Errorf("%s?$filter=%s: %d objects, of %d not those %d that it means", r, c.text, len(got.Value), len(all), len(strings.Fields(want)))
				} else {
					continue
				}
				wrong[r.String()+strings.Join(slices.Concat(l.of, l.names), "/")] = true
			}
		}
	}
	if n < 6_000 {
		t.Errorf("only %d filters were tried", n)
	}
	t.Logf("%d filters", n)
}

// asFilteredBy takes from an object what its table has no column for: to filters it is
// null, as the manual says.
func (w *world) asFilteredBy(r *resource, o map[string]any) {
	w.t.Helper()
	kinds, _ := o["signInEventTypes"].([]any)
	for _, t := range r.tables {
		if def, ok := w.model.Def(t.name); ok && (len(kinds) == 0 || kinds[0] == t.kind) {
			b := w.face.bind(w.face.api[1], r, r.entity, t, &def, seen{})
			for name := range o {
				if _, ok := b.Column(name); !ok {
					delete(o, name)
				}
			}
		}
	}
}
