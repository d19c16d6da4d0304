package record

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"sextant/fault"
)

// Hint is what the bringer of an object knows of it. All of it may be missing.
type Hint struct {
	Resource string // of Microsoft Graph: signIns, directoryAudits, provisioning, …
	Beta     bool   // the object is of Graph beta
	Table    string // the object is a row of this table
	Tenant   string // directory that the object belongs to
	Category string // where the object leaves a choice: NonInteractiveUserSignInLogs
	Owner    string // of a row: the tenant whose record it becomes, whatever it says
}

// Translated is a diagnostic record made of something else, or found to be one.
type Translated struct {
	JSON []byte // on one line; the object's own bytes where Form is Export
	Form Form
	What string // for people: "diagnostic record", "Graph sign-in", "SigninLogs row"
}

// Translate finds out what an object is and makes a diagnostic record of it: an
// object of Microsoft Graph, a row of a Log Analytics or hunting table, a record
// of the unified audit log. A diagnostic record stays as it is. The error is
// fault.Invalid and says why the object is none of these.
//
// What begins as an export does is taken for one without reading on: that is for
// Identify, which everything passes on its way in.
func (m *Model) Translate(object []byte, hint Hint) (Translated, error) {
	if hint.Table == "" && hint.Resource == "" && beginsAsExport(object) {
		return Translated{JSON: object, Form: Export, What: "diagnostic record"}, nil
	}
	t := m.tapes.Get().(*tape)
	defer m.release(t)
	if err := t.scanRecord(object); err != nil {
		return Translated{}, err
	}
	if t.toks[0].kind != kindObject {
		return Translated{}, fault.New(fault.Invalid, "a record is a JSON object, not %s", kindNames[t.toks[0].kind])
	}
	switch {
	case hint.Table != "":
		return m.fromRow(t, hint.Table, hint)
	case hint.Resource != "":
		return m.fromGraph(t, hint)
	}
	if name, ok := m.namedTable(t); ok {
		return m.fromRow(t, name, hint)
	}
	if t.isDiagnostic() {
		return Translated{JSON: object, Form: Export, What: "diagnostic record"}, nil
	}
	if i := t.find(0, "value"); i >= 0 && t.toks[i].kind == kindArray && t.spells("@odata.context") {
		return Translated{}, fault.New(fault.Invalid, "this is a page of Microsoft Graph; each object of its value is a record")
	}
	if res, ok := graphResource(t); ok {
		hint.Resource = res
		return m.fromGraph(t, hint)
	}
	if t.has("CreationTime") && t.has("Operation") && t.has("RecordType") && (t.has("Workload") || t.has("UserKey")) {
		return m.fromRow(t, "OfficeActivity", hint)
	}
	if s := strings.ToLower(string(t.str(t.find(0, "type")))); s == "microsoft.securityinsights/incidents" {
		return m.fromRow(t, "SecurityIncident", hint)
	}
	if name, ok := m.likelyTable(t); ok {
		return m.fromRow(t, name, hint)
	}
	return Translated{}, fault.New(fault.Invalid, "%s", t.whyNothing())
}

// beginsAsExport: time is the first field of an export, and of nothing else that
// is translated here; its category is not far behind.
func beginsAsExport(b []byte) bool {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' {
		return false
	}
	i = space(b, i+1)
	const first = `"time"`
	return len(b) > i+len(first) && string(b[i:i+len(first)]) == first && bytes.Contains(b[i:min(len(b), i+2048)], []byte(`"category"`))
}

func (t *tape) has(key string) bool { return t.find(0, key) >= 0 }

// spells a member exactly so.
func (t *tape) spells(key string) bool {
	i := t.find(0, key)
	return i >= 0 && string(t.content(i-1)) == key
}

// isDiagnostic: the envelope of an exported record. Its category is written in
// small letters by everybody; the Category of a row is not.
func (t *tape) isDiagnostic() bool {
	i := t.find(0, "category")
	if i < 0 || t.toks[i].kind != kindString || string(t.content(i-1)) != "category" {
		return false
	}
	return t.has("time") || t.has("properties") && t.has("operationName") || t.has("resourceId") && t.has("operationName")
}

// whyNothing says what is known of an object that nobody can place.
func (t *tape) whyNothing() string {
	if s := t.str(t.find(0, "@odata.context")); len(s) > 0 {
		return "this is no activity record but an answer of Microsoft Graph about " + after(string(s), "$metadata#")
	}
	if s := t.str(t.find(0, "@odata.type")); len(s) > 0 {
		return "this is no activity record but an object of Microsoft Graph of type " + strings.TrimPrefix(string(s), "#")
	}
	if t.has("error") {
		return "this is no record but an error answer"
	}
	var keys []string
	for k := 1; k < int(t.toks[0].next) && len(keys) < 6; k = int(t.toks[k+1].next) {
		keys = append(keys, string(t.content(k)))
	}
	if len(keys) == 0 {
		return "the object is empty"
	}
	return "neither a diagnostic record, nor an object of Microsoft Graph, nor a row of a known table; its fields are " +
		strings.Join(keys, ", ") + " …; if these are rows of a table, give the columns $table or Type"
}

func after(s, mark string) string {
	if _, rest, ok := strings.Cut(s, mark); ok {
		return rest
	}
	return s
}

// out builds a record.
type out struct {
	b     []byte
	comma bool
}

func (o *out) open() { o.b = append(o.b, '{'); o.comma = false }
func (o *out) shut() { o.b = append(o.b, '}'); o.comma = true }

func (o *out) key(k string) {
	if o.comma {
		o.b = append(o.b, ',')
	}
	o.b = appendText(o.b, k)
	o.b = append(o.b, ':')
	o.comma = true
}

// text member; an empty one is left out.
func (o *out) text(k, v string) {
	if v != "" {
		o.key(k)
		o.b = appendText(o.b, v)
	}
}

// raw member of JSON text; nil is left out.
func (o *out) raw(k string, json []byte) {
	if json != nil {
		o.key(k)
		o.b = append(o.b, json...)
	}
}

// appendText writes a JSON string.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			b = append(append(b, s[from:i]...), "\uFFFD"...)
			i++
			from = i
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// oneLine is JSON text without line breaks, which a record on a line of its own
// cannot have.
func oneLine(text []byte) []byte {
	if !bytes.ContainsAny(text, "\r\n") {
		return text
	}
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return text
	}
	return b.Bytes()
}

// tenantResource is the resourceId of a directory's own records.
func tenantResource(tenant string) string {
	if tenant == "" {
		return ""
	}
	return "/tenants/" + tenant + "/providers/Microsoft.aadiam"
}
