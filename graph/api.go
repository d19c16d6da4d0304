package graph

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sextant/access"
	"sextant/odata"
	"sextant/record"
)

//go:embed data/schema.txt
var schemaText string

//go:embed data/resources.txt
var resourcesText string

// api is one version.
type api struct {
	version    string
	model      *odata.Model
	resources  []*resource
	operations []Operation
}

// resource is a collection of activity records.
type resource struct {
	path        []string // as it is written
	entity      *odata.Type
	tables      []tableOf
	report      access.Report
	delegated   []string
	application []string
	order       string
	page, most  int
	latest      string // "" has none
	history     *odata.Type
	said        string              // table of what is said here of objects; "" none
	also        map[string][]string // fields of the record by property, in lower case
	// values are the record's words and the members that they are, by property in
	// lower case.
	values map[string][][2]string
	// fixed are the values that records of a kind always have, where their table has no
	// column for it: by kind, then property in lower case.
	fixed map[string]map[string]string
}

// tableOf a resource.
type tableOf struct {
	name string
	kind string // member of signInEventTypes; "" has none
}

// objects: the table's rows have Graph's own objects, as another service gave them.
func (t tableOf) objects() bool { return strings.HasSuffix(t.name, "_CL") }

func (r *resource) String() string { return strings.Join(r.path, "/") }

func newAPI(version string, records *record.Model) (*api, error) {
	m, err := odata.ReadModel(schemaText, version, versions[:]...)
	if err != nil {
		return nil, fmt.Errorf("graph: data/schema.txt: %w", err)
	}
	a := &api{version: version, model: m}
	if a.resources, err = readResources(resourcesText, m); err != nil {
		return nil, fmt.Errorf("graph: data/resources.txt: %w", err)
	}
	for _, r := range a.resources {
		for _, t := range r.tables {
			if _, ok := records.Def(t.name); !ok && !t.objects() {
				return nil, fmt.Errorf("graph: data/resources.txt: there is no table %s", t.name)
			}
		}
	}
	return a, nil
}

func readResources(text string, m *odata.Model) (out []*resource, err error) {
	var r *resource
	left := false
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, " \r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		words := strings.Fields(value)
		if !ok {
			return nil, fmt.Errorf("line %d: %q says nothing", n, line)
		}
		if line[0] != ' ' {
			if left = len(words) == 2 && words[1] != m.Version; left {
				continue
			}
			if r = (&resource{path: strings.Split(name, "/"), entity: m.Type(words[0]), also: map[string][]string{}, values: map[string][][2]string{}, fixed: map[string]map[string]string{}}); r.entity == nil {
				return nil, fmt.Errorf("line %d: there is no type %q", n, words[0])
			}
			out = append(out, r)
			continue
		}
		if left {
			continue
		}
		switch strings.TrimSpace(name) {
		case "tables":
			for _, w := range words {
				t := tableOf{}
				t.name, t.kind, _ = strings.Cut(w, "=")
				r.tables = append(r.tables, t)
			}
		case "report":
			r.report = access.Report(strings.TrimSpace(value))
		case "delegated":
			r.delegated = words
		case "application":
			r.application = words
		case "order":
			r.order = words[0]
		case "latest":
			r.latest = words[0]
		case "said":
			r.said = words[0]
		case "history":
			if r.history = m.Type(words[0]); r.history == nil {
				return nil, fmt.Errorf("line %d: there is no type %q", n, words[0])
			}
		case "page":
			for i, into := range []*int{&r.page, &r.most} {
				if *into, err = strconv.Atoi(words[i]); err != nil {
					return nil, fmt.Errorf("line %d: %w", n, err)
				}
			}
		case "values":
			for _, w := range words[2:] {
				word, member, _ := strings.Cut(w, ":")
				r.values[strings.ToLower(words[0])] = append(r.values[strings.ToLower(words[0])], [2]string{word, member})
			}
		case "fixed":
			for _, w := range words[2:] {
				kind, value, _ := strings.Cut(w, ":")
				if r.fixed[kind] == nil {
					r.fixed[kind] = map[string]string{}
				}
				r.fixed[kind][strings.ToLower(words[0])] = value
			}
		case "also":
			r.also[strings.ToLower(words[0])] = words[2:]
		default:
			return nil, fmt.Errorf("line %d: %q says nothing", n, name)
		}
	}
	return out, nil
}

// fields of a record that may have a property, best first: paths from the record's
// root.
func (r *resource) fields(property string) [][]string {
	out := [][]string{{"properties", property}}
	for _, f := range r.also[strings.ToLower(property)] {
		out = append(out, strings.Split(f, "."))
	}
	return out
}

// resource by its path, whatever the case.
func (a *api) resource(path string) *resource {
	i := slices.IndexFunc(a.resources, func(r *resource) bool { return strings.EqualFold(r.String(), path) })
	if i < 0 {
		return nil
	}
	return a.resources[i]
}
