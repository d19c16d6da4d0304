package record

import (
	"fmt"
	"strings"

	"sextant/fault"
	"sextant/table"
)

// portalData is what portal.txt says.
type portalData struct {
	signIn, audit map[string][]portalField // by header as plain makes it
	words         map[string]string        // by text in small letters
}

type portalField struct {
	path ref
	how  string // "", words, location, or a type
}

// plain is a header without what files differ in: case and spaces.
func plain(header string) string { return strings.ToLower(strings.Join(strings.Fields(header), " ")) }

func readPortal(text string) (*portalData, error) {
	p := &portalData{signIn: map[string][]portalField{}, audit: map[string][]portalField{}, words: map[string]string{}}
	part := ""
	err := lines(text, func(_ int, line string) error {
		head, to, ok := strings.Cut(line, " = ")
		if !ok {
			part = line
			return nil
		}
		if part == "words" {
			p.words[strings.ToLower(head)] = to
			return nil
		}
		var fs []portalField
		for _, w := range strings.Fields(to) {
			path, how, _ := strings.Cut(w, ":")
			if _, isType := table.ParseType(how); !isType && how != "" && how != "words" && how != "location" {
				return fmt.Errorf("%s is no type", how)
			}
			fs = append(fs, portalField{parseRef(path), how})
		}
		switch part {
		case "sign-in":
			p.signIn[plain(head)] = fs
		case "audit":
			p.audit[plain(head)] = fs
		default:
			return fmt.Errorf("%q belongs to no part", line)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("portal.txt: %w", err)
	}
	return p, nil
}

// portalShape makes records of one download.
type portalShape struct {
	m        *Model
	what     string
	category string
	audit    bool
	names    []string
	at       map[string]int // column by plain header; the first of equal ones
}

// portalShape recognises a download by its header; nil for other files.
func (m *Model) portalShape(header []string, fileName string) *portalShape {
	p := &portalShape{m: m, names: header, at: map[string]int{}}
	for i, h := range header {
		if _, ok := p.at[plain(h)]; !ok {
			p.at[plain(h)] = i
		}
	}
	has := func(names ...string) bool {
		for _, n := range names {
			if _, ok := p.at[n]; !ok {
				return false
			}
		}
		return true
	}
	file := strings.ToLower(fileName)
	switch {
	case has("date (utc)", "request id", "service principal id"):
		p.category, p.what = "ServicePrincipalSignInLogs", "portal download of service principal sign-ins"
		if strings.Contains(file, "msisignin") || strings.Contains(file, "managedidentity") {
			p.category, p.what = "ManagedIdentitySignInLogs", "portal download of managed identity sign-ins"
		}
	case has("date (utc)", "request id", "user id"):
		// Both downloads have the same columns: only the name tells them apart.
		p.category, p.what = "SignInLogs", "portal download of interactive sign-ins"
		if strings.Contains(file, "noninteractive") {
			p.category, p.what = "NonInteractiveUserSignInLogs", "portal download of non-interactive sign-ins"
		}
	case has("date (utc)", "activity", "actortype"):
		p.category, p.what, p.audit = "AuditLogs", "portal download of audit logs", true
	default:
		return nil
	}
	return p
}

// tree is an object in the making, whose members keep the order they came in.
type tree struct {
	names []string
	json  [][]byte
	subs  []*tree
}

func (t *tree) set(path []string, json []byte) {
	if json == nil {
		return
	}
	at := -1
	for i, n := range t.names {
		if n == path[0] {
			at = i
		}
	}
	if at < 0 {
		t.names, t.json, t.subs = append(t.names, path[0]), append(t.json, nil), append(t.subs, nil)
		at = len(t.names) - 1
	}
	if len(path) == 1 {
		if t.json[at] == nil && t.subs[at] == nil {
			t.json[at] = json
		}
		return
	}
	if t.subs[at] == nil {
		t.subs[at] = &tree{}
	}
	t.subs[at].set(path[1:], json)
}

func (t *tree) text(path ...string) string {
	for i, n := range t.names {
		if n != path[0] {
			continue
		}
		if len(path) > 1 {
			if t.subs[i] == nil {
				return ""
			}
			return t.subs[i].text(path[1:]...)
		}
		if j := t.json[i]; len(j) > 1 && j[0] == '"' {
			return string(unescape(j[1 : len(j)-1]))
		}
		return string(t.json[i])
	}
	return ""
}

func (t *tree) write(o *out, order []string) {
	o.open()
	done := map[string]bool{}
	one := func(i int) {
		done[t.names[i]] = true
		if t.subs[i] != nil {
			o.key(t.names[i])
			t.subs[i].write(o, nil)
			return
		}
		o.raw(t.names[i], t.json[i])
	}
	for _, k := range order {
		for i, n := range t.names {
			if n == k {
				one(i)
			}
		}
	}
	for i, n := range t.names {
		if !done[n] {
			one(i)
		}
	}
	o.shut()
}

// record of one line.
func (p *portalShape) record(cells []string, hint Hint) ([]byte, error) {
	var root tree
	fieldsOf := p.m.portal.signIn
	if p.audit {
		fieldsOf = p.m.portal.audit
	}
	empty := true
	for i, cell := range cells {
		if i >= len(p.names) {
			break
		}
		cell = strings.TrimSpace(cell)
		if cell == "" {
			continue
		}
		empty = false
		name := plain(p.names[i])
		fs, ok := fieldsOf[name]
		if !ok {
			if !p.audit || !auditColumn(name) {
				root.set([]string{"properties", "_row", p.names[i]}, appendText(nil, cell))
			}
			continue
		}
		for _, f := range fs {
			p.set(&root, f, cell)
		}
	}
	if empty {
		return nil, fault.New(fault.Invalid, "the row is empty")
	}
	get := func(name string) string {
		if i, ok := p.at[name]; ok && i < len(cells) {
			return strings.TrimSpace(cells[i])
		}
		return ""
	}
	put := func(text string, path ...string) {
		if text != "" {
			root.set(path, appendText(nil, text))
		}
	}
	raw := func(json string, path ...string) { root.set(path, []byte(json)) }
	if p.audit {
		put(root.text("properties", "activityDateTime"), "time")
		put("None", "resultSignature")
		p.auditParts(&root, get)
	} else {
		put(root.text("properties", "createdDateTime"), "time")
		put("Sign-in activity", "operationName")
		if strings.EqualFold(get("status"), "success") {
			put("0", "resultType")
			raw("0", "properties", "status", "errorCode")
		}
		switch root.text("resultType") {
		case "":
		case "0":
			put("SUCCESS", "resultSignature")
		default:
			put("FAILURE", "resultSignature")
			put(root.text("properties", "status", "failureReason"), "resultDescription")
		}
		put(root.text("properties", "location", "countryOrRegion"), "location")
		switch p.category {
		case "SignInLogs":
			raw("true", "properties", "isInteractive")
		default:
			raw("false", "properties", "isInteractive")
		}
	}
	put("1.0", "operationVersion")
	put(p.category, "category")
	put(hint.Tenant, "tenantId")
	put(tenantResource(hint.Tenant), "resourceId")
	raw("0", "durationMs")
	raw("4", "Level")
	raw("{}", "properties")
	o := out{b: make([]byte, 0, 2048)}
	order := append([]string(nil), envelopeOrder...)
	for i, k := range order {
		if k == "level" {
			order[i] = "Level"
		}
	}
	root.write(&o, order)
	return o.b, nil
}

func (p *portalShape) set(root *tree, f portalField, cell string) {
	switch f.how {
	case "words":
		if w, ok := p.m.portal.words[strings.ToLower(cell)]; ok {
			cell = w
		}
		root.set(f.path, appendText(nil, cell))
	case "location":
		// City, State, Country; the country is always the last.
		parts := strings.Split(cell, ",")
		for i := range parts {
			parts[i] = strings.TrimSpace(parts[i])
		}
		names := []string{"city", "state", "countryOrRegion"}
		for len(parts) > len(names) { // a name with a comma
			parts = append([]string{parts[0] + ", " + parts[1]}, parts[2:]...)
		}
		for i, part := range parts {
			if part != "" {
				root.set(append(append(ref(nil), f.path...), names[len(names)-len(parts)+i]), appendText(nil, part))
			}
		}
	case "":
		root.set(f.path, appendText(nil, cell))
	default:
		t, _ := table.ParseType(f.how)
		switch low := strings.ToLower(cell); {
		case t == table.Bool && low == "yes":
			cell = "true"
		case t == table.Bool && low == "no":
			cell = "false"
		case t == table.Long && low == "none":
			return
		}
		root.set(f.path, value{text: cell}.asJSON(t, false))
	}
}

// auditColumn says that auditParts takes care of a column.
func auditColumn(name string) bool {
	return strings.HasPrefix(name, "actor") || strings.HasPrefix(name, "target") || strings.HasPrefix(name, "additionaldetail")
}

// auditParts puts together what an audit download spreads over numbered columns:
// the actor, three targets with five changes each, six further details.
func (p *portalShape) auditParts(root *tree, get func(string) string) {
	put := func(t *tree, text string, path ...string) {
		if text != "" {
			t.set(path, appendText(nil, text))
		}
	}
	actor := []string{"properties", "initiatedBy", "user"}
	if strings.EqualFold(get("actortype"), "user") || get("actorobjectid") != "" && get("actorserviceprincipalid") == "" {
		put(root, get("actorobjectid"), append(actor, "id")...)
		put(root, get("actordisplayname"), append(actor, "displayName")...)
		put(root, get("actoruserprincipalname"), append(actor, "userPrincipalName")...)
		put(root, get("actorhometenantid"), append(actor, "homeTenantId")...)
		put(root, get("actorhometenantname"), append(actor, "homeTenantName")...)
	} else {
		actor[2] = "app"
		put(root, get("actordisplayname"), append(actor, "displayName")...)
		put(root, get("actorserviceprincipalid"), append(actor, "servicePrincipalId")...)
		put(root, get("actorserviceprincipalname"), append(actor, "servicePrincipalName")...)
	}
	put(root, get("ipaddress"), append(actor, "ipAddress")...)
	put(root, get("actortype"), "properties", "_row", "ActorType")
	list := func(items []*tree) []byte {
		o := out{}
		o.b = append(o.b, '[')
		for i, t := range items {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.comma = false
			t.write(&o, nil)
		}
		return append(o.b, ']')
	}
	var targets []*tree
	for n := 1; n <= 3; n++ {
		t, pre := &tree{}, fmt.Sprintf("target%d", n)
		put(t, get(pre+"objectid"), "id")
		put(t, get(pre+"displayname"), "displayName")
		put(t, get(pre+"type"), "type")
		put(t, get(pre+"userprincipalname"), "userPrincipalName")
		var changes []*tree
		for k := 1; k <= 5; k++ {
			c, pre := &tree{}, fmt.Sprintf("%smodifiedproperty%d", pre, k)
			put(c, get(pre+"name"), "displayName")
			put(c, get(pre+"oldvalue"), "oldValue")
			put(c, get(pre+"newvalue"), "newValue")
			if len(c.names) > 0 {
				changes = append(changes, c)
			}
		}
		if len(t.names) > 0 || len(changes) > 0 {
			t.set([]string{"modifiedProperties"}, list(changes))
			targets = append(targets, t)
		}
	}
	root.set([]string{"properties", "targetResources"}, list(targets))
	var details []*tree
	for n := 1; n <= 6; n++ {
		d, pre := &tree{}, fmt.Sprintf("additionaldetail%d", n)
		put(d, get(pre+"key"), "key")
		put(d, get(pre+"value"), "value")
		if len(d.names) > 0 {
			details = append(details, d)
		}
	}
	root.set([]string{"properties", "additionalDetails"}, list(details))
}
