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
	for _, s := range singletons(c.api) {
		out = append(out, entry{s, "Singleton", s})
	}
	r, err := Object(c, "", map[string]any{"value": out})
	if err == nil {
		r.Body = []byte(strings.Replace(string(r.Body), "$metadata#", "$metadata", 1))
	}
	return r, err
}

// singletons of a version: the first segments of its paths, in the order of the
// resources.
func singletons(a *api) []string {
	var out []string
	seen := map[string]bool{}
	for _, op := range a.operations {
		name, _, _ := strings.Cut(op.Path, "/")
		if name == "" || strings.HasPrefix(name, "$") || seen[name] || op.Version != "" && op.Version != a.version {
			continue
		}
		seen[name] = true
		out = append(out, name)
	}
	return out
}
