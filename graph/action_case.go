package graph

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"sextant/access"
	"sextant/fault"
	"sextant/odata"
	"sextant/sentinel"
)

// cases are the operations on alerts and incidents that change them. What they
// answer is read again from the log.
func (a *Actions) cases() []Operation {
	incident := []string{"SecurityIncident.ReadWrite.All"}
	alert := []string{"SecurityAlert.ReadWrite.All"}
	op := func(method, path string, permissions []string, do func(ctx context.Context, c *Call) (*Reply, error)) Operation {
		return Operation{Method: method, Path: path, Report: access.Security, Action: access.Act, Delegated: permissions, Application: permissions, Do: do}
	}
	return []Operation{
		op(http.MethodPatch, "security/incidents/{id}", incident, a.patchIncident),
		op(http.MethodPost, "security/incidents/{id}/comments", incident, a.commentIncident),
		op(http.MethodPatch, "security/alerts_v2/{id}", alert, a.patchAlert),
		op(http.MethodPost, "security/alerts_v2/{id}/comments", alert, a.commentAlert),
	}
}

// author of a change.
func author(c *Call) sentinel.Author {
	who := sentinel.Author{ObjectID: c.Who.ObjectID, Name: c.Who.Name, App: c.Who.Kind != access.User, AppID: c.Who.AppID, IP: c.Remote}
	if c.Who.Kind == access.User {
		who.UserPrincipalName = c.Who.Name
	}
	return who
}

// members of a body, by their names in lower case.
func members(text []byte) (map[string]json.RawMessage, error) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(text, &body); err != nil || body == nil {
		return nil, badJSON("it should be an object")
	}
	out := map[string]json.RawMessage{}
	for name, value := range body {
		out[strings.ToLower(name)] = value
	}
	return out, nil
}

// changes of an entity in the body of a request: members of its type. Those that
// cannot be changed are passed over, as OData has it; annotations too.
func (c *Call) changes(entity string) (map[string]json.RawMessage, error) {
	body, err := members(c.Body)
	if err != nil {
		return nil, err
	}
	t := c.api.model.Type(entity)
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if _, ok := t.Property(name); !ok && !strings.Contains(name, "@") {
			return nil, BadRequest("The property '%s' does not exist on type '%s%s'. Make sure to only use property names that are defined by the type.", clean(name), odata.Namespace, entity)
		}
	}
	return body, nil
}

// texts reads members that are texts or null; null is the empty text.
func texts(body map[string]json.RawMessage, into map[string]**string) error {
	for name, at := range into {
		raw, ok := body[strings.ToLower(name)]
		if !ok {
			continue
		}
		var s *string
		if err := json.Unmarshal(raw, &s); err != nil {
			return BadRequest("The value of '%s' is not a text.", name)
		}
		if s == nil {
			s = new(string)
		}
		*at = s
	}
	return nil
}

// incidentWords are Graph's words for the values of the table of incidents.
var incidentWords = map[string]map[string]string{
	"severity": {"High": "high", "Medium": "medium", "Low": "low", "Informational": "informational"},
	"status":   {"New": "active", "Active": "inProgress", "Closed": "resolved"},
	"classification": {
		"": "unknown", "TruePositive": "truePositive", "BenignPositive": "informationalExpectedActivity", "FalsePositive": "falsePositive", "Undetermined": "unknown",
	},
}

// tableWord is the table's word for one of Graph's.
func tableWord(property, word string) (string, error) {
	var known []string
	for table, graph := range incidentWords[property] {
		if strings.EqualFold(graph, word) && table != "" {
			return table, nil
		}
		known = append(known, graph)
	}
	slices.Sort(known)
	return "", BadRequest("The value '%s' of the property '%s' is not valid; there are %s.", clean(word), property, strings.Join(slices.Compact(known), ", "))
}

// reasonOf a classification that Graph's determination stands for.
var reasonOf = map[string]string{"TruePositive": "SuspiciousActivity", "BenignPositive": "SuspiciousButExpected", "FalsePositive": "InaccurateData"}

func (a *Actions) patchIncident(ctx context.Context, c *Call) (*Reply, error) {
	body, err := c.changes("security.incident")
	if err != nil {
		return nil, err
	}
	var (
		ch                                      sentinel.IncidentChange
		severity, status, class, assigned, word *string
	)
	err = texts(body, map[string]**string{
		"severity": &severity, "status": &status, "classification": &class, "determination": &word, "assignedTo": &assigned,
		"displayName": &ch.Title, "description": &ch.Description, "resolvingComment": &ch.ReasonComment,
	})
	if err != nil {
		return nil, err
	}
	for _, m := range []struct {
		property string
		from     *string
		to       **string
	}{{"severity", severity, &ch.Severity}, {"status", status, &ch.Status}, {"classification", class, &ch.Classification}} {
		if m.from == nil {
			continue
		}
		s, err := tableWord(m.property, *m.from)
		if err != nil {
			return nil, err
		}
		*m.to = &s
	}
	if ch.Classification != nil {
		if reason := reasonOf[*ch.Classification]; reason != "" {
			ch.Reason = &reason
		}
	}
	if word != nil {
		ch.Determination = word
	}
	// Graph closes without a classification; the table calls that undetermined.
	if ch.Status != nil && *ch.Status == "Closed" && ch.Classification == nil {
		undetermined := "Undetermined"
		ch.ClassificationIfNone = &undetermined
	}
	if assigned != nil {
		ch.Owner = &sentinel.Owner{AssignedTo: *assigned}
		if strings.Contains(*assigned, "@") {
			ch.Owner.UserPrincipalName, ch.Owner.Email = *assigned, *assigned
		}
	}
	if raw, ok := body["customtags"]; ok {
		var tags []string
		if err := json.Unmarshal(raw, &tags); err != nil {
			return nil, BadRequest("customTags is not a list of texts.")
		}
		ch.Tags = &tags
	}
	t, err := a.Tenant(c.Tenant.ID)
	if err != nil {
		return nil, err
	}
	if _, err := a.Cases.ChangeIncident(ctx, t, author(c), c.Values["id"], ch); err != nil {
		return nil, err
	}
	return a.again(ctx, c, "security/incidents/"+c.Values["id"])
}

// again reads what was changed, as it is now.
func (a *Actions) again(ctx context.Context, c *Call, path string) (*Reply, error) {
	part := *c
	part.Method, part.Query, part.Body, part.Batched = http.MethodGet, "", nil, true
	part.Values = nil
	var err error
	if part.Path, err = segments(path); err != nil {
		return nil, err
	}
	for i := range part.Path {
		if i == 2 {
			part.Path[i] = c.Values["id"]
		}
	}
	op, err := c.api.find(&part)
	if err != nil {
		return nil, err
	}
	return op.Do(ctx, &part)
}

// commentsOf the body of a request: one as Graph's page has it, or, as its SDKs send
// them, a list, which is answered with a list.
func commentsOf(c *Call) (texts []string, list bool, err error) {
	var bodies []json.RawMessage
	if list = json.Unmarshal(c.Body, &bodies) == nil; !list {
		bodies = []json.RawMessage{c.Body}
	}
	for _, b := range bodies {
		text, err := commentIn(b)
		if err != nil {
			return nil, list, err
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return nil, list, BadRequest("The request body has no comment.")
	}
	return texts, list, nil
}

func commentIn(b json.RawMessage) (string, error) {
	body, err := members(b)
	if err != nil {
		return "", err
	}
	var text *string
	if err := texts(body, map[string]**string{"comment": &text}); err != nil {
		return "", err
	}
	if text == nil {
		return "", BadRequest("The request body has no comment.")
	}
	return *text, nil
}

func (a *Actions) commentIncident(ctx context.Context, c *Call) (*Reply, error) {
	return a.commented(c, func(t sentinel.Tenant, text string) error {
		_, err := a.Cases.CommentIncident(ctx, t, author(c), c.Values["id"], text)
		return err
	}, func() (*Reply, error) { return a.again(ctx, c, "security/incidents/id/comments") })
}

func (a *Actions) commentAlert(ctx context.Context, c *Call) (*Reply, error) {
	return a.commented(c, func(t sentinel.Tenant, text string) error {
		_, err := a.Cases.CommentAlert(ctx, t, author(c), c.Values["id"], text)
		return c.orGiven(ctx, err, func(g sentinel.Given) error { return a.Cases.CommentGiven(ctx, t, author(c), g, text) })
	}, func() (*Reply, error) { return a.again(ctx, c, "security/alerts_v2/id/comments") })
}

// orGiven does with an alert that another Graph gave what could not be done with one
// of the table, because it is not there.
func (c *Call) orGiven(ctx context.Context, err error, do func(g sentinel.Given) error) error {
	if err == nil || fault.KindOf(err) != fault.NotFound {
		return err
	}
	g, found := c.given(ctx, c.Values["id"])
	switch {
	case found != nil:
		return found
	case g == nil:
		return err
	}
	return do(*g)
}

func (a *Actions) commented(c *Call, do func(t sentinel.Tenant, text string) error, read func() (*Reply, error)) (*Reply, error) {
	said, list, err := commentsOf(c)
	if err != nil {
		return nil, err
	}
	t, err := a.Tenant(c.Tenant.ID)
	if err != nil {
		return nil, err
	}
	for _, text := range said {
		if err := do(t, text); err != nil {
			return nil, err
		}
	}
	reply, err := read()
	if err != nil || !list {
		return reply, err
	}
	var page struct{ Value json.RawMessage }
	if err := json.Unmarshal(reply.Body, &page); err != nil {
		return nil, err
	}
	reply.Body = page.Value
	return reply, nil
}

func (a *Actions) patchAlert(ctx context.Context, c *Call) (*Reply, error) {
	body, err := c.changes("security.alert")
	if err != nil {
		return nil, err
	}
	var ch sentinel.AlertChange
	err = texts(body, map[string]**string{"status": &ch.Status, "classification": &ch.Classification, "determination": &ch.Determination, "assignedTo": &ch.AssignedTo})
	if err != nil {
		return nil, err
	}
	if raw, ok := body["customdetails"]; ok {
		if err := json.Unmarshal(raw, &ch.CustomDetails); err != nil {
			return nil, BadRequest("customDetails is not an object.")
		}
	}
	t, err := a.Tenant(c.Tenant.ID)
	if err != nil {
		return nil, err
	}
	_, err = a.Cases.ChangeAlert(ctx, t, author(c), c.Values["id"], ch)
	err = c.orGiven(ctx, err, func(g sentinel.Given) error { return a.Cases.ChangeGiven(ctx, t, author(c), g, ch) })
	if err != nil {
		return nil, err
	}
	return a.again(ctx, c, "security/alerts_v2/"+c.Values["id"])
}
