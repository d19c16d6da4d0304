package loganalytics

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sextant/fault"
	"sextant/table"
)

// Kinds of documents in the state, by resource id in lower case.
const (
	ruleKind     = "dataCollectionRule"
	endpointKind = "dataCollectionEndpoint"
)

// resource is what is kept of a rule or an endpoint.
type resource struct {
	ID        string            `json:"id"` // as it was spelled
	Immutable string            `json:"immutableId,omitempty"`
	Location  string            `json:"location"`
	Kind      string            `json:"kind,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
	Props     json.RawMessage   `json:"properties"` // as they came
	// Writer is who wrote it last, of what acts later with that one's rights.
	Writer json.RawMessage `json:"writer,omitempty"`
}

func (r resource) name() string { return r.ID[strings.LastIndexByte(r.ID, '/')+1:] }

// ruleProps are the properties of a rule.
type ruleProps struct {
	Endpoint     string `json:"dataCollectionEndpointId"`
	Declarations map[string]struct {
		Columns []Column `json:"columns"`
	} `json:"streamDeclarations"`
	Destinations struct {
		LogAnalytics []struct {
			Workspace string `json:"workspaceResourceId"`
			Name      string `json:"name"`
		} `json:"logAnalytics"`
	} `json:"destinations"`
	Flows []flow `json:"dataFlows"`
}

// flow is where streams go.
type flow struct {
	Streams      []string `json:"streams"`
	Destinations []string `json:"destinations"`
	Transform    string   `json:"transformKql"`
	Output       string   `json:"outputStream"`
}

// collection is one kind of resource.
type collection struct {
	m       *ARM
	kind    string
	typ     string
	prefix  string // of immutable ids; "" where there are none
	patch   bool   // PATCH is taken
	signed  bool   // it acts with the rights of its writer
	check   func(c *armCall, r *resource) error
	show    func(c *armCall, r resource, props map[string]any) // adds what is not kept; may be nil
	changed func()                                             // may be nil
}

func (m *ARM) rules() *collection {
	return &collection{m: m, kind: ruleKind, typ: "Microsoft.Insights/dataCollectionRules", prefix: "dcr-", check: m.checkRule, show: func(c *armCall, r resource, props map[string]any) {
		props["immutableId"], props["provisioningState"] = r.Immutable, "Succeeded"
		props["endpoints"] = map[string]any{"logsIngestion": origin(c.r)}
	}}
}

func (m *ARM) endpoints() *collection {
	return &collection{m: m, kind: endpointKind, typ: "Microsoft.Insights/dataCollectionEndpoints", prefix: "dce-", check: func(*armCall, *resource) error { return nil }, show: func(c *armCall, r resource, props map[string]any) {
		props["immutableId"], props["provisioningState"] = r.Immutable, "Succeeded"
		props["logsIngestion"] = map[string]any{"endpoint": origin(c.r)}
		props["configurationAccess"] = map[string]any{"endpoint": origin(c.r)}
	}}
}

// origin of this server, as the client reached it.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

func (k *collection) json(c *armCall, r resource, etag string) (map[string]any, error) {
	props := map[string]any{}
	if len(r.Props) > 0 {
		if err := json.Unmarshal(r.Props, &props); err != nil {
			return nil, fault.New(fault.Damaged, "%s is not what was written: %w", r.ID, err)
		}
	}
	if k.show != nil {
		k.show(c, r, props)
	}
	out := map[string]any{"id": r.ID, "name": r.name(), "type": k.typ, "location": r.Location, "etag": etag, "properties": props}
	if r.Kind != "" {
		out["kind"] = r.Kind
	}
	if r.Tags != nil {
		out["tags"] = r.Tags
	}
	return out, nil
}

func (k *collection) list(c *armCall) (int, any, error) {
	scope := strings.ToLower(c.path[:strings.Index(strings.ToLower(c.path), "/providers/")]) + "/"
	docs, err := k.m.State.List(k.kind, scope)
	if err != nil {
		return 0, nil, err
	}
	value := []any{}
	for _, d := range docs {
		var r resource
		if err := d.Decode(&r); err != nil {
			return 0, nil, err
		}
		one, err := k.json(c, r, d.ETag())
		if err != nil {
			return 0, nil, err
		}
		value = append(value, one)
	}
	return 200, map[string]any{"value": value}, nil
}

func (k *collection) one(c *armCall) (int, any, error) {
	id := strings.ToLower(c.path)
	old, err := k.m.State.Get(k.kind, id)
	found := err == nil
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return 0, nil, err
	}
	var r resource
	if found {
		if err := old.Decode(&r); err != nil {
			return 0, nil, err
		}
	}
	switch c.r.Method {
	case http.MethodGet:
		if !found {
			return 0, nil, refuse(404, "ResourceNotFound", "The Resource '"+c.path+"' was not found.")
		}
		out, err := k.json(c, r, old.ETag())
		return 200, out, err
	case http.MethodDelete:
		if !found {
			return 204, nil, nil
		}
		if _, err := k.m.State.Delete(k.kind, id, matchOf(c.r)); err != nil {
			return 0, nil, etagged(err)
		}
		k.tell()
		return 200, nil, nil
	case http.MethodPut, http.MethodPatch:
	default:
		return 0, nil, refuse(405, "MethodNotAllowed", "This resource takes GET, PUT, PATCH and DELETE, not "+c.r.Method+".")
	}
	var body resource
	if err := c.read(&body); err != nil {
		return 0, nil, err
	}
	body.ID = c.path
	switch {
	case c.r.Method == http.MethodPatch && !k.patch:
		return 0, nil, refuse(405, "MethodNotAllowed", "This resource takes GET, PUT and DELETE, not PATCH.")
	case c.r.Method == http.MethodPatch && !found:
		return 0, nil, refuse(404, "ResourceNotFound", "The Resource '"+c.path+"' was not found.")
	case c.r.Method == http.MethodPatch:
		if body, err = r.patched(body); err != nil {
			return 0, nil, err
		}
	case found:
		body.ID, body.Immutable = r.ID, r.Immutable
	case k.prefix != "":
		body.Immutable = k.prefix + strings.ReplaceAll(uuid.NewString(), "-", "")
	}
	if body.Writer = nil; k.signed { // never what the body says
		body.Writer = k.m.Writer
	}
	if err := k.check(c, &body); err != nil {
		return 0, nil, err
	}
	doc, err := k.m.State.Put(k.kind, id, body, matchOf(c.r))
	if err != nil {
		return 0, nil, etagged(err)
	}
	k.tell()
	out, err := k.json(c, body, doc.ETag())
	if found {
		return 200, out, err
	}
	return 201, out, err
}

func (k *collection) tell() {
	if k.changed != nil {
		k.changed()
	}
}

// patched is the resource with the tags and properties of another in place of its
// own, as far as the other has them.
func (r resource) patched(by resource) (resource, error) {
	if by.Tags != nil {
		r.Tags = by.Tags
	}
	if len(by.Props) == 0 {
		return r, nil
	}
	props, set := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(r.Props, &props), json.Unmarshal(by.Props, &set)); err != nil {
		return r, refuse(400, "InvalidRequestContent", "The properties are no object: "+err.Error())
	}
	for name, v := range set {
		props[name] = v
	}
	r.Props = appendJSON(nil, props)
	return r, nil
}

// invalidRule is the refusal of a rule.
func invalidRule(format string, args ...any) error {
	return refuse(400, "InvalidPayload", fault.New(fault.Invalid, "Data collection rule is invalid: "+format, args...).Error())
}

// declaredTypes are those that a column of a stream may have.
var declaredTypes = []string{"string", "int", "long", "real", "boolean", "dynamic", "datetime", "guid"}

// checkRule says what is wrong with a rule, and makes the custom tables that it
// fills and that are not there yet.
func (m *ARM) checkRule(c *armCall, r *resource) error {
	var p ruleProps
	if err := json.Unmarshal(r.Props, &p); err != nil {
		return invalidRule("its properties are not what they should be: %s", jsonReason(err))
	}
	if len(p.Flows) == 0 {
		return invalidRule("it has no dataFlows")
	}
	for name, d := range p.Declarations {
		if !strings.HasPrefix(name, "Custom-") {
			return invalidRule("the stream %q is declared, whose name does not begin with Custom-", name)
		}
		for _, col := range d.Columns {
			if !slices.Contains(declaredTypes, strings.ToLower(col.Type)) {
				return invalidRule("the stream %s has the column %s of type %q; %s are types", name, col.Name, col.Type, strings.Join(declaredTypes, ", "))
			}
			if !columnName.MatchString(col.Name) {
				return invalidRule("the stream %s has the column %q; a name begins with a letter or _, and has letters, digits and _, 100 at most", name, col.Name)
			}
		}
	}
	for _, f := range p.Flows {
		if len(f.Streams) == 0 {
			return invalidRule("a flow has no streams")
		}
		places, err := m.destinations(&p, f)
		if err != nil {
			return err
		}
		for _, stream := range f.Streams {
			target, err := targetOf(stream, f)
			if err != nil {
				return err
			}
			for _, place := range places {
				source, err := m.sourceOf(c, &p, stream, place)
				if err != nil {
					return err
				}
				out, err := source.check(f.Transform)
				if err != nil {
					return refuse(400, "InvalidTransformQuery", err.Error())
				}
				if err := m.makeTable(c, place, target, out); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// destinations of a flow.
func (m *ARM) destinations(p *ruleProps, f flow) ([]Place, error) {
	var out []Place
	for _, name := range f.Destinations {
		found := false
		for _, d := range p.Destinations.LogAnalytics {
			if !strings.EqualFold(d.Name, name) {
				continue
			}
			found = true
			place, err := m.placeOf(d.Workspace)
			if err != nil {
				return nil, invalidRule("its destination %s: %v", name, err)
			}
			out = append(out, place)
		}
		if !found {
			return nil, invalidRule("a flow goes to %q, which is none of its logAnalytics destinations", name)
		}
	}
	if len(out) == 0 {
		return nil, invalidRule("a flow has no destination")
	}
	return out, nil
}

// targetOf a stream is the table that its rows go to.
func targetOf(stream string, f flow) (string, error) {
	out := f.Output
	if out == "" {
		out = stream
	}
	if name, ok := strings.CutPrefix(out, "Microsoft-"); ok && name != "" {
		return strings.TrimPrefix(name, "Table-"), nil
	}
	if name, ok := strings.CutPrefix(out, "Custom-"); ok && name != "" {
		if !strings.HasSuffix(name, "_CL") {
			return "", invalidRule("the output stream %s is no custom table, whose name ends with _CL", out)
		}
		return name, nil
	}
	return "", invalidRule("the stream %q is neither Custom-… nor Microsoft-…", out)
}

// sourceOf a stream: the table that its transform sees.
func (m *ARM) sourceOf(c *armCall, p *ruleProps, stream string, place Place) (*transform, error) {
	if d, ok := p.Declarations[stream]; ok {
		return &transform{columns: d.Columns, clock: m.Clock}, nil
	}
	name, ok := strings.CutPrefix(stream, "Microsoft-")
	if !ok {
		return nil, invalidRule("the stream %q is not declared", stream)
	}
	name = strings.TrimPrefix(name, "Table-")
	snap, err := place.Snapshot(c.ctx)
	if err != nil {
		return nil, err
	}
	def, ok := snap.Def(name)
	if err := snap.Close(); err != nil {
		return nil, err
	}
	if !ok {
		return nil, invalidRule("there is no table %s for the stream %s", name, stream)
	}
	t := &transform{clock: m.Clock}
	for _, col := range def.Columns {
		t.columns = append(t.columns, Column{Name: col.Name, Type: col.Type.String()})
	}
	return t, nil
}

// makeTable that a flow fills: a custom one that is not there gets the columns that
// come out of the flow.
func (m *ARM) makeTable(c *armCall, place Place, name string, out table.Schema) error {
	snap, err := place.Snapshot(c.ctx)
	if err != nil {
		return err
	}
	_, there := snap.Def(name)
	if err := snap.Close(); err != nil || there {
		return err
	}
	if !strings.HasSuffix(name, "_CL") {
		return refuse(400, "InvalidOutputTable", "There is no table "+name+" in the workspace "+place.Info().Name+".")
	}
	s := TableSettings{Name: name}
	for _, col := range out {
		if slices.Contains([]string{"TenantId", "TimeGenerated", "Type", "SourceSystem"}, col.Name) {
			continue
		}
		s.Columns = append(s.Columns, Column{Name: col.Name, Type: col.Type.String()})
	}
	if len(s.Columns) == 0 {
		return refuse(400, "InvalidOutputTable", "There is no table "+name+", and nothing comes out of the flow that it could hold.")
	}
	_, err = m.Places.SetTable(c.ctx, place.Info().Tenant, s)
	return err
}

// ruleOf an immutable id; fault.NotFound.
func (m *ARM) ruleOf(immutable string) (resource, ruleProps, error) {
	docs, err := m.State.List(ruleKind, "")
	if err != nil {
		return resource{}, ruleProps{}, err
	}
	for _, d := range docs {
		var r resource
		if err := d.Decode(&r); err != nil {
			return r, ruleProps{}, err
		}
		if strings.EqualFold(r.Immutable, immutable) && (m.Mine == nil || m.Mine(r.ID)) {
			var p ruleProps
			err := json.Unmarshal(r.Props, &p)
			return r, p, err
		}
	}
	return resource{}, ruleProps{}, fault.New(fault.NotFound, "there is no data collection rule with the immutable id %q", immutable)
}

// itemIDs tell the rows of a request apart from all others, and are the same when
// the same request is sent again.
func itemIDs(request string, body []byte, n int) []string {
	if request == "" {
		request = uuid.NewString()
	}
	h := sha256.New()
	h.Write([]byte(request))
	h.Write([]byte{0})
	h.Write(body)
	head := hex.EncodeToString(h.Sum(nil)[:16])
	out := make([]string, n)
	for i := range out {
		out[i] = head + "-" + hex.EncodeToString([]byte{byte(i >> 16), byte(i >> 8), byte(i)})
	}
	return out
}

// diagnosticsText of what is wrong with a query, without its places: they are those
// of a text that the author did not write.
func diagnosticsText(err error) string {
	var ds fault.Diagnostics
	if !errors.As(err, &ds) {
		return err.Error()
	}
	var texts []string
	for _, d := range ds {
		if d.Severity == fault.Bad {
			texts = append(texts, d.Text)
		}
	}
	return strings.Join(texts, "; ")
}
