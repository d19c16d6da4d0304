package graph

import (
	"context"
	"net/http"
	"strings"
)

// rootOperations are those of the version itself.
func (f *Face) rootOperations() []Operation {
	return []Operation{
		{Method: http.MethodGet, Path: "", Do: f.service},
		{Method: http.MethodGet, Path: "$metadata", Do: f.metadata},
		{Method: http.MethodPost, Path: "$batch", Do: f.batch},
		hunt("security/runHuntingQuery", f.hunt),
		hunt("security/microsoft.graph.security.runHuntingQuery", f.hunt), // as the SDKs call it
	}
}

// service document: what there is at the root.
func (f *Face) service(_ context.Context, c *Call) (*Reply, error) {
	type entry struct {
		Name string `json:"name"`
		Kind string `json:"kind"`
		URL  string `json:"url"`
	}
	out := []entry{}
	for _, r := range roots(c.api) {
		out = append(out, entry{r.name, r.kind(), r.name})
	}
	r, err := Object(c, "", map[string]any{"value": out})
	if err == nil {
		r.Body = []byte(strings.Replace(string(r.Body), "$metadata#", "$metadata", 1))
	}
	return r, err
}

// root is a first segment of a version's paths.
type root struct {
	name string
	set  bool // of entities, rather than a singleton
}

func (r root) kind() string {
	if r.set {
		return "EntitySet"
	}
	return "Singleton"
}

// entity that the root is, or, of a set, is of.
func (r root) entity() string {
	switch r.name {
	case "auditLogs":
		return "auditLogRoot"
	case "identityProtection":
		return "identityProtectionRoot"
	case "reports":
		return "reportRoot"
	case "subscriptions":
		return "subscription"
	}
	return r.name
}

// roots of a version, in the order of the resources.
func roots(a *api) []root {
	var out []root
	at := map[string]int{}
	for _, op := range a.operations {
		name, rest, _ := strings.Cut(op.Path, "/")
		if name == "" || strings.HasPrefix(name, "$") || op.Version != "" && op.Version != a.version {
			continue
		}
		i, seen := at[name]
		if !seen {
			i = len(out)
			at[name] = i
			out = append(out, root{name: name})
		}
		out[i].set = out[i].set || strings.HasPrefix(rest, "{")
	}
	return out
}
