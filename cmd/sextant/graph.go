package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"sextant/client"
	"sextant/fault"
	"sextant/graph"
)

// GraphCmd groups the commands that speak Microsoft Graph.
type GraphCmd struct {
	Get GraphGetCmd `cmd:"" help:"Print what Graph answers to a GET."`
}

// GraphGetCmd asks for one path.
type GraphGetCmd struct {
	Path   string   `arg:"" help:"Path with its query, such as '/v1.0/auditLogs/signIns?$top=5'; the address of graph.microsoft.com may stand before it, and without a version it is v1.0."`
	All    bool     `help:"Follow the pages to the end."`
	Header []string `short:"H" placeholder:"'NAME: VALUE'" help:"Header of the request, such as 'Prefer: include-all-signins'; may be given more than once."`
	Output string   `short:"o" enum:"json,ndjson" default:"json" help:"How to print: json, or ndjson, an object of the collection a line."`
}

// Help is shown behind the flags.
func (GraphGetCmd) Help() string {
	return `Examples:
  sextant graph get '/v1.0/auditLogs/signIns?$top=5'
  sextant graph get --all -o ndjson "/v1.0/auditLogs/directoryAudits?\$filter=activityDisplayName eq 'Add member to group'"
  sextant graph get -H 'Prefer: include-all-signins' '/beta/auditLogs/signIns?$count=true'

It asks with Prefer: include-unknown-enum-members.
What there is: docs/graph.md, or sextant graph get '/v1.0/$metadata'.`
}

// graphPage is what the pages of a collection have in common.
type graphPage struct {
	Context string            `json:"@odata.context"`
	Count   *int64            `json:"@odata.count"`
	Next    string            `json:"@odata.nextLink"`
	Value   []json.RawMessage `json:"value"`
}

// Run it.
func (c *GraphGetCmd) Run(a *app) error {
	path, err := graphPath(c.Path)
	if err != nil {
		return err
	}
	// People, and what is imported elsewhere, want what the records say.
	header := http.Header{"Prefer": {"include-unknown-enum-members"}}
	if a.conf.Tenant != "" {
		header.Set(graph.TenantHeader, a.conf.Tenant)
	}
	for _, h := range c.Header {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fault.New(fault.Invalid, "%q is no header; 'Prefer: include-all-signins' is one", h)
		}
		header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return a.managing(func(api *client.Client) error { return c.print(a, api, path, header) })
}

// print one answer, or all pages as they come.
func (c *GraphGetCmd) print(a *app, api *client.Client, path string, header http.Header) error {
	first := true
	for path != "" {
		var text string
		if err := api.GetWith(a.ctx, path, header, &text); err != nil {
			return err
		}
		path = ""
		var page graphPage
		if json.Unmarshal([]byte(text), &page) != nil || page.Value == nil || c.Output == "json" && !c.All {
			_, err := fmt.Fprintln(a.out, pretty(text))
			return err
		}
		if c.All && page.Next != "" {
			next, err := graphPath(page.Next)
			if err != nil {
				return err
			}
			path = next
		}
		if err := c.objects(a, &page, first, path == ""); err != nil {
			return err
		}
		first = false
	}
	return nil
}

// objects of a page, one answer over all pages.
func (c *GraphGetCmd) objects(a *app, page *graphPage, first, last bool) error {
	var b bytes.Buffer
	if c.Output == "ndjson" {
		for _, v := range page.Value {
			if err := json.Compact(&b, v); err != nil {
				return err
			}
			b.WriteByte('\n')
		}
		_, err := a.out.Write(b.Bytes())
		return err
	}
	if first {
		context, err := json.Marshal(page.Context)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "{\n  \"@odata.context\": %s,\n", context)
		if page.Count != nil {
			fmt.Fprintf(&b, "  \"@odata.count\": %d,\n", *page.Count)
		}
		b.WriteString(`  "value": [`)
	}
	for i, v := range page.Value {
		if i > 0 || !first {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		if err := json.Indent(&b, v, "    ", "  "); err != nil {
			return err
		}
	}
	if last {
		b.WriteString("\n  ]\n}\n")
	}
	_, err := a.out.Write(b.Bytes())
	return err
}

// pretty JSON; what is no JSON stays as it is.
func pretty(text string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(text), "", "  ") != nil {
		return strings.TrimRight(text, "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// graphPath of what somebody wrote: the path alone, percent-encoded where it must be.
func graphPath(text string) (string, error) {
	text = strings.TrimSpace(text)
	if i := strings.Index(text, "://"); i > 0 && !strings.ContainsAny(text[:i], "/?") {
		rest := text[i+3:]
		at := strings.IndexByte(rest, '/')
		if at < 0 {
			return "", fault.New(fault.Invalid, "%s has no path", text)
		}
		text = rest[at:]
	}
	if !strings.HasPrefix(text, "/") {
		text = "/" + text
	}
	path, query, _ := strings.Cut(text, "?")
	if _, _, ok := graph.VersionOf(path); !ok {
		path = "/v1.0" + path
	}
	out := encodeRest(path)
	if query != "" {
		out += "?" + encodeRest(query)
	}
	if _, err := url.Parse(out); err != nil {
		return "", fault.New(fault.Invalid, "%q is no path: %v", text, err)
	}
	return out, nil
}

// encodeRest encodes what may not stand in a URL, and leaves the rest, what is
// encoded already with it.
func encodeRest(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, strings.IndexByte("\"<>\\^`{|}#", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
