package record

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"slices"
	"strings"

	"sextant/fault"
)

// head is where the fields stand that say what a record is: tokens, or -1.
type head struct {
	category, tenant, resource, props, identity int
}

func (t *tape) head() (head, error) {
	h := head{-1, -1, -1, -1, -1}
	if len(t.toks) == 0 || t.toks[0].kind != kindObject {
		return h, fault.New(fault.Invalid, "at byte 0: a record is a JSON object, not %s", kindNames[t.toks[0].kind])
	}
	end := int(t.toks[0].next)
	for k := 1; k < end; k = int(t.toks[k+1].next) {
		key := &t.toks[k]
		name := t.buf[key.start+1 : key.end-1]
		if key.flags&flagEscape != 0 {
			name = unescape(name)
		}
		switch len(name) {
		case 8:
			if name[0]|0x20 == 'c' && equalFold(name, "category") {
				h.category = k + 1
			} else if name[0]|0x20 == 't' && equalFold(name, "tenantId") {
				h.tenant = k + 1
			} else if name[0]|0x20 == 'i' && equalFold(name, "identity") {
				h.identity = k + 1
			}
		case 10:
			if name[0]|0x20 == 'p' && equalFold(name, "properties") {
				h.props = k + 1
			} else if name[0]|0x20 == 'r' && equalFold(name, "resourceId") {
				h.resource = k + 1
			}
		}
	}
	if h.category < 0 {
		return h, fault.New(fault.Invalid, "at byte %d: the record has no category", t.toks[0].end)
	}
	if c := &t.toks[h.category]; c.kind != kindString || c.end-c.start <= 2 {
		return h, fault.New(fault.Invalid, "at byte %d: the category of a record is a text, not %s", c.start, t.text(h.category))
	}
	return h, nil
}

var kindNames = [...]string{"null", "false", "true", "a number", "a text", "an object", "an array"}

// str is the content of a string token; "" for -1 and other kinds.
func (t *tape) str(i int) []byte {
	if i < 0 || t.toks[i].kind != kindString {
		return nil
	}
	return t.content(i)
}

// activityCategories are those of a subscription's activity log.
func activityCategory(low string) bool {
	switch low {
	case "administrative", "security", "servicehealth", "alert", "recommendation", "policy", "autoscale", "resourcehealth":
		return true
	}
	return false
}

// classify finds the route of a scanned record; nil for a category that nobody
// knows. raw is the category as it stands.
func (m *Model) classify(t *tape) (h head, r *route, raw string, err error) {
	if h, err = t.head(); err != nil {
		return h, nil, "", err
	}
	name := t.content(h.category)
	var buf [64]byte
	low := buf[:0]
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		low = append(low, c)
	}
	r = m.routes[string(low)]
	switch {
	case r == nil:
		return h, m.guess(t, &h, string(low)), string(name), nil
	case r.Name == "AuditLogs":
		// Intune exports its audit under the same name.
		if t.isIntune(&h, "AuditEventId") {
			r = m.intune["auditlogs"]
		}
	case activityCategory(string(low)) && t.ofSubscription(&h):
		r = m.activity
	}
	return h, r, string(name), nil
}

func (t *tape) isIntune(h *head, mark string) bool {
	if h.resource >= 0 {
		const entra = "/microsoft.aadiam"
		if id := t.str(h.resource); len(id) > len(entra) && equalFold(id[len(id)-len(entra):], entra) {
			return false
		}
		return strings.Contains(strings.ToLower(string(t.str(h.resource))), "microsoft.intune")
	}
	return h.props >= 0 && t.find(h.props, mark) >= 0
}

func (t *tape) ofSubscription(h *head) bool {
	id := t.str(h.resource)
	return len(id) > 14 && (equalFold(id[:15], "/subscriptions/") || len(id) > 10 && equalFold(id[:11], "/providers/")) ||
		h.identity >= 0 && t.find(h.identity, "claims") >= 0
}

// guess the route of a category that does not stand for itself.
func (m *Model) guess(t *tape, h *head, low string) *route {
	switch {
	case activityCategory(low) && t.ofSubscription(h):
		return m.activity
	case low == "operationallogs" && t.isIntune(h, "IntuneAccountId"):
		return m.intune[low]
	case strings.HasPrefix(low, "advancedhunting-"): // the streaming of Defender XDR
		if r := m.routes[low[len("advancedhunting-"):]]; r != nil && r.rows {
			return r
		}
	case h.props >= 0 && strings.HasSuffix(strings.ToLower(string(t.str(h.resource))), "/providers/microsoft.aadiam") &&
		t.find(h.props, "loggedByService") >= 0 && t.find(h.props, "initiatedBy") >= 0:
		// An audit record whose own category stands in the envelope.
		return m.routes["auditlogs"]
	}
	return nil
}

// Identify says what a record is: one pass over its bytes. The error is
// fault.Invalid, with the byte offset, where there is no record at all. It
// keeps no reference to the bytes.
func (m *Model) Identify(json []byte) (Identified, error) {
	t := m.tapes.Get().(*tape)
	defer m.release(t)
	if err := t.scanRecord(json); err != nil {
		return Identified{}, err
	}
	h, r, raw, err := m.classify(t)
	if err != nil {
		return Identified{}, err
	}
	return m.identify(t, &h, r, raw), nil
}

// release a tape to the pool, unless one huge record made it huge.
func (m *Model) release(t *tape) {
	t.buf = nil
	if cap(t.toks) <= 1<<16 {
		m.tapes.Put(t)
	}
}

// scanRecord scans, and where the text is not UTF-8 scans what it is once each
// bad byte is replaced by U+FFFD.
func (t *tape) scanRecord(json []byte) error {
	if err := t.scan(json); err != nil {
		return err
	}
	if t.bad {
		return t.scan([]byte(strings.ToValidUTF8(string(json), "\uFFFD")))
	}
	return nil
}

// ItemField of the envelope names a record whose category has no key of its own:
// rows that are posted get one, so that two that say the same are two, and a post
// that is repeated is one.
const ItemField = "sextantItem"

// itemKey is never changed.
var itemKey = []keyField{{at: ref{ItemField}}}

func (m *Model) identify(t *tape, h *head, r *route, raw string) Identified {
	id := Identified{Category: raw, Tenant: t.tenant(h)}
	var key []keyField
	times := []ref{{"time"}}
	if r != nil {
		id.Category, id.Known, key, times = r.Name, true, r.key, r.times
	}
	if len(key) == 0 {
		key = itemKey
	}
	id.Time, _ = t.time(h, times)
	id.Key = t.key(h, id.Category, key)
	return id
}

func (t *tape) tenant(h *head) string {
	if s := t.str(h.tenant); len(s) > 0 && string(s) != nullText {
		return strings.ToLower(string(s))
	}
	id := t.str(h.resource)
	if len(id) > 9 && equalFold(id[:9], "/tenants/") {
		name, _, _ := strings.Cut(string(id[9:]), "/")
		return strings.ToLower(name)
	}
	return ""
}

// nullText is how some writers spell a missing value.
const nullText = "<null>"

// at is the token of a path; -1 where it is missing.
func (t *tape) at(h *head, r ref) int {
	if len(r) > 1 && r[0] == "properties" {
		if h.props < 0 {
			return -1
		}
		return t.walk(h.props, r[1:])
	}
	return t.walk(0, r)
}

// time is the first possible moment in the fields; bad counts those that have
// something else.
func (t *tape) time(h *head, refs []ref) (ticks int64, bad int) {
	for _, r := range refs {
		i := t.at(h, r)
		if i < 0 {
			continue
		}
		if ticks, ok := t.moment(i); ok {
			return ticks, bad
		}
		bad++
	}
	return 0, bad
}

// moment at a token.
func (t *tape) moment(i int) (int64, bool) {
	switch t.toks[i].kind {
	case kindString:
		return ParseTime(string(t.content(i)))
	case kindNumber:
		if n, ok := parseInt(string(t.text(i))); ok {
			return epochTicks(n)
		}
	}
	return 0, false
}

// key is the identity: a hash, so that nobody can make a record that passes for
// another. Records without all their key fields are known by what they contain.
func (t *tape) key(h *head, category string, fields []keyField) Key {
	var buf [256]byte
	b := append(buf[:0], category...)
	b = append(b, 0, 'k')
	found := len(fields) > 0
	for _, f := range fields {
		i := t.at(h, f.at)
		if i < 0 || t.toks[i].kind != kindString && t.toks[i].kind != kindNumber {
			found = false
			break
		}
		if f.time {
			ticks, ok := t.moment(i)
			if !ok {
				found = false
				break
			}
			// Sources differ in what they show below the millisecond.
			b = binary.BigEndian.AppendUint64(b, uint64(ticks/10_000))
			continue
		}
		s := t.text(i)
		if t.toks[i].kind == kindString {
			s = t.content(i)
		}
		if len(s) == 0 {
			found = false
			break
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		for _, c := range s {
			if c >= 'A' && c <= 'Z' {
				c |= 0x20
			}
			b = append(b, c)
		}
	}
	if found {
		sum := sha256.Sum256(b)
		return Key(sum[:16])
	}
	d := sha256.New()
	d.Write([]byte(category))
	d.Write([]byte{0, 'c'})
	t.digest(d, 0)
	return Key(d.Sum(nil)[:16])
}

// digest writes the value at a token in a form that depends on what it says and
// not on how it is written: keys sorted, no white space, no escapes.
func (t *tape) digest(d hash.Hash, i int) {
	k := &t.toks[i]
	switch k.kind {
	case kindObject:
		type member struct {
			name string
			val  int
		}
		var ms []member
		for j := i + 1; j < int(k.next); j = int(t.toks[j+1].next) {
			ms = append(ms, member{string(t.content(j)), j + 1})
		}
		slices.SortStableFunc(ms, func(a, b member) int { return strings.Compare(a.name, b.name) })
		d.Write([]byte{'{'})
		for n, x := range ms {
			if n+1 < len(ms) && ms[n+1].name == x.name {
				continue // the last of equal keys counts
			}
			writeText(d, []byte(x.name))
			t.digest(d, x.val)
		}
		d.Write([]byte{'}'})
	case kindArray:
		d.Write([]byte{'['})
		for j := i + 1; j < int(k.next); j = int(t.toks[j].next) {
			t.digest(d, j)
		}
		d.Write([]byte{']'})
	case kindString:
		writeText(d, t.content(i))
	default:
		d.Write([]byte{'='})
		writeText(d, t.text(i))
	}
}

func writeText(d hash.Hash, s []byte) {
	var n [5]byte
	n[0] = '"'
	binary.BigEndian.PutUint32(n[1:], uint32(len(s)))
	d.Write(n[:])
	d.Write(s)
}
