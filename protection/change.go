package protection

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"sextant/fault"
	"sextant/record"
	"sextant/source"
	"sextant/store"
)

// change is one action on its way: what it reads, and the records that it will
// write, all or none.
type change struct {
	ctx  context.Context
	t    Tenant
	snap store.Snapshot
	now  time.Time

	out      []source.Incoming
	about    []record.AuditTarget // of the audit record
	subjects map[string]*standing // by table and id
	signIns  map[string]bool      // said anew already
}

// standing of a subject: its newest state, and its detections as they are now.
type standing struct {
	s      Subject
	id     string
	raw    []byte // nil where no record says anything yet
	now    risk
	last   time.Time
	events []event
}

// event is a detection.
type event struct {
	id, request string
	raw         []byte
	now         risk
	last        time.Time
}

const stamp = "2006-01-02T15:04:05.000Z"

// signIn acts on one sign-in, its detections and its user.
func (c *change) signIn(id string, a Action) error {
	o := onSignIn[a]
	raw, form, err := c.findSignIn(id)
	if err != nil {
		return err
	}
	p := gjson.GetBytes(raw, "properties")
	user := p.Get("userId").Str
	c.about = append(c.about, record.AuditTarget{ID: id, Name: p.Get("appDisplayName").Str, UPN: p.Get("userPrincipalName").Str, Type: "Other"})
	if err := c.sayAnew(id, raw, form, o); err != nil {
		return err
	}
	if user == "" {
		return nil
	}
	st, err := c.standing(Users, user)
	if err != nil {
		return err
	}
	found := false
	for i := range st.events {
		e := &st.events[i]
		if e.request != id {
			continue
		}
		found = true
		if err := c.decide(st, e, o); err != nil {
			return err
		}
	}
	if !found && o.raises != "" {
		if err := c.raise(st, o, p); err != nil {
			return err
		}
	}
	detections := make([]risk, len(st.events))
	for i := range st.events {
		detections[i] = st.events[i].now
	}
	if st.raw == nil && len(detections) == 0 {
		return nil // nobody ever held the user to be at risk
	}
	return c.settle(st, judged(st.now, detections, o), o.detail, p, "")
}

func (c *change) findSignIn(id string) ([]byte, record.Form, error) {
	for _, category := range signInCategories {
		raw, form, err := c.t.Find(c.ctx, category, id)
		if fault.KindOf(err) != fault.NotFound || err == nil {
			return raw, form, err
		}
	}
	return nil, record.Export, fault.New(fault.NotFound, "there is no sign-in %q; ids are those of /auditLogs/signIns", id)
}

// sayAnew writes a sign-in with another risk, all else byte for byte. The risk
// during the sign-in stays: that was what was known then.
func (c *change) sayAnew(id string, raw []byte, form record.Form, o outcome) error {
	p := gjson.GetBytes(raw, "properties")
	if c.signIns[id] || p.Get("riskState").Str == o.state && p.Get("riskDetail").Str == o.detail {
		return nil
	}
	next, err := record.Amended(form.Amendments() + 1)
	if err != nil {
		return err
	}
	text, err := set(raw, "riskState", o.state, "riskDetail", o.detail, "riskLevelAggregated", o.level)
	if err != nil {
		return err
	}
	c.signIns[id] = true
	c.out = append(c.out, source.Incoming{JSON: text, Form: next, Tenant: c.t.ID(), Where: "identityProtection"})
	return nil
}

// set members of a record's properties.
func set(raw []byte, pairs ...string) ([]byte, error) {
	out, err := raw, error(nil)
	for i := 0; i < len(pairs); i += 2 {
		if out, err = sjson.SetBytes(out, "properties."+pairs[i], pairs[i+1]); err != nil {
			return nil, fault.New(fault.Internal, "cannot set %s of a record: %w", pairs[i], err)
		}
	}
	return out, nil
}

// subject acts on a user, a service principal or an agent.
func (c *change) subject(s Subject, id string, a Action, who Actor) error {
	o := s.outcomes[a]
	st, err := c.standing(s, id)
	if err != nil {
		return err
	}
	if st.raw == nil && len(st.events) == 0 {
		// Nobody need be at risk to be confirmed as compromised, but must be known.
		if s.Name != Users.Name || a != ConfirmCompromised {
			return fault.New(fault.NotFound, "nothing is known of a risk of %q", id)
		}
		if known, err := c.personKnown(id); err != nil || !known {
			if err == nil {
				err = fault.New(fault.NotFound, "there is no user %q in the sign-ins", id)
			}
			return err
		}
	}
	about := gjson.ParseBytes(st.about())
	if a == Dismiss && about.Get("isDeleted").Bool() {
		return fault.New(fault.Invalid, "%q is deleted; its risk cannot be dismissed", id)
	}
	c.about = append(c.about, record.AuditTarget{ID: id, Name: first(about, s.name, s.eventName), UPN: about.Get("userPrincipalName").Str, Type: s.Type})
	if st.now.state == o.state && st.now.detail == o.detail {
		return nil
	}
	if o.closes {
		for i := range st.events {
			e := &st.events[i]
			if !open(e.now.state) {
				continue
			}
			if err := c.decide(st, e, o); err != nil {
				return err
			}
			if e.request == "" || s.Name != Users.Name {
				continue
			}
			raw, form, err := c.findSignIn(e.request)
			if fault.KindOf(err) == fault.NotFound && err != nil {
				continue // the detection outlived it
			}
			if err != nil {
				return err
			}
			if err := c.sayAnew(e.request, raw, form, o); err != nil {
				return err
			}
		}
	}
	if o.raises != "" {
		if err := c.raise(st, o, gjson.Result{}); err != nil {
			return err
		}
	}
	return c.settle(st, risk{o.state, o.detail, o.level}, o.detail, gjson.Result{}, who.ObjectID)
}

func first(of gjson.Result, names ...string) string {
	for _, n := range names {
		if s := of.Get(n).Str; s != "" {
			return s
		}
	}
	return ""
}

// about is what is known of a subject: properties of its state, or of its newest
// detection.
func (st *standing) about() []byte {
	if st.raw != nil {
		return []byte(gjson.GetBytes(st.raw, "properties").Raw)
	}
	if n := len(st.events); n > 0 {
		return []byte(gjson.GetBytes(st.events[n-1].raw, "properties").Raw)
	}
	return []byte("{}")
}

// later is a moment after the last one: records of risk are known by it.
func (c *change) later(last time.Time) time.Time {
	if !c.now.After(last) {
		return last.Truncate(time.Millisecond).Add(time.Millisecond)
	}
	return c.now
}

// decide on a detection.
func (c *change) decide(st *standing, e *event, o outcome) error {
	next := risk{o.state, o.detail, e.now.level}
	if !o.closes {
		next.level = o.level
	}
	if e.now == next {
		return nil
	}
	at := c.later(e.last)
	text, err := set(e.raw, "riskState", next.state, "riskDetail", next.detail, "riskLevel", next.level, st.s.eventUpdated, at.Format(stamp))
	if err != nil {
		return err
	}
	if text, err = sjson.SetBytes(text, "time", at.Format(stamp)); err != nil {
		return fault.New(fault.Internal, "cannot set the time of a record: %w", err)
	}
	e.raw, e.now, e.last = text, next, at
	c.out = append(c.out, source.Incoming{JSON: text, Tenant: c.t.ID(), Where: "identityProtection"})
	return nil
}

// raise a detection that an administrator's word is.
func (c *change) raise(st *standing, o outcome, signIn gjson.Result) error {
	about := gjson.ParseBytes(st.about())
	request := signIn.Get("id").Str
	sum := sha256.Sum256([]byte(strings.Join([]string{c.t.ID(), o.raises, st.id, request, c.now.Format(time.DateOnly)}, "\x00")))
	id := hex.EncodeToString(sum[:])
	at := c.now
	for _, e := range st.events {
		if e.id == id {
			at = c.later(e.last)
		}
	}
	p := object{}
	p.add("id", id)
	if st.s.activity != "" {
		p.add("requestId", record.TextOrNull(request))
		p.add("correlationId", record.TextOrNull(signIn.Get("correlationId").Str))
		p.add("riskType", "generic")
	}
	p.add("riskEventType", o.raises)
	p.add("riskState", o.state)
	p.add("riskLevel", o.level)
	p.add("riskDetail", o.detail)
	p.add("detectionTimingType", "offline")
	if st.s.activity != "" {
		p.add("source", "IdentityProtection")
		activity := st.s.activity
		if request != "" {
			activity = "signin"
		}
		p.add("activity", activity)
		p.add("ipAddress", record.TextOrNull(signIn.Get("ipAddress").Str))
		if l := signIn.Get("location"); l.IsObject() {
			p.add("location", json.RawMessage(l.Raw))
		} else {
			p.add("location", nil)
		}
	}
	activity := at.Format(stamp)
	if s := signIn.Get("createdDateTime").Str; s != "" {
		activity = s
	}
	p.add("activityDateTime", activity)
	p.add("detectedDateTime", at.Format(stamp))
	p.add(st.s.eventUpdated, at.Format(stamp))
	p.add(st.s.eventMember, st.id)
	name := cmp.Or(signIn.Get(st.s.eventName).Str, first(about, st.s.name, st.s.eventName))
	p.add(st.s.eventName, record.TextOrNull(name))
	switch st.s.Name {
	case Users.Name:
		p.add("userPrincipalName", record.TextOrNull(cmp.Or(signIn.Get("userPrincipalName").Str, about.Get("userPrincipalName").Str)))
	case ServicePrincipals.Name:
		p.add("appId", record.TextOrNull(about.Get("appId").Str))
	case Agents.Name:
		p.add("identityType", record.TextOrNull(about.Get("identityType").Str))
		p.add("riskEvidence", "[]")
	}
	p.add("additionalInfo", "[]")
	text, err := c.envelope(st.s.EventCategory, st.s.eventWhat, id, name, at, p)
	if err != nil {
		return err
	}
	st.events = append(st.events, event{id: id, request: request, raw: text, now: risk{o.state, o.detail, o.level}, last: at})
	c.out = append(c.out, source.Incoming{JSON: text, Tenant: c.t.ID(), Where: "identityProtection"})
	return nil
}

// settle writes a subject's new state, when it is one.
func (c *change) settle(st *standing, next risk, detail string, signIn gjson.Result, by string) error {
	if st.now == next {
		return nil
	}
	at := c.later(st.last)
	var types []string
	for _, e := range st.events {
		if t := gjson.GetBytes(e.raw, "properties.riskEventType").Str; t != "" && open(e.now.state) {
			types = append(types, t)
		}
	}
	if types == nil {
		types = []string{}
	}
	activity := map[string]any{"detail": detail, "eventTypes": []string{}, "riskEventTypes": types}
	text := st.raw
	if text == nil {
		about := gjson.ParseBytes(st.about())
		p := object{}
		p.add("id", st.id)
		name := cmp.Or(signIn.Get(st.s.eventName).Str, first(about, st.s.eventName, st.s.name))
		p.add(st.s.name, record.TextOrNull(name))
		switch st.s.Name {
		case Users.Name:
			p.add("userPrincipalName", record.TextOrNull(cmp.Or(signIn.Get("userPrincipalName").Str, about.Get("userPrincipalName").Str)))
		case ServicePrincipals.Name:
			p.add("appId", record.TextOrNull(about.Get("appId").Str))
			p.add("servicePrincipalType", "Application")
		case Agents.Name:
			p.add("identityType", record.TextOrNull(about.Get("identityType").Str))
			p.add("isEnabled", true)
		}
		p.add("isDeleted", false)
		p.add("isProcessing", false)
		var err error
		if text, err = c.envelope(st.s.Category, st.s.what, st.id, name, at, p); err != nil {
			return err
		}
	}
	text, err := set(text, "riskState", next.state, "riskDetail", next.detail, "riskLevel", next.level, st.s.updated, at.Format(stamp))
	for _, m := range []struct {
		path  string
		value any
	}{{"time", at.Format(stamp)}, {"properties.isProcessing", false}, {"properties.activity", activity}, {"properties.initiatedBy", record.TextOrNull(by)}} {
		if err == nil {
			text, err = sjson.SetBytes(text, m.path, m.value)
		}
	}
	if err != nil {
		return fault.New(fault.Internal, "cannot write the state of %q: %w", st.id, err)
	}
	// Several sign-ins of one user are one change of the user's state each, a
	// millisecond apart; the last is what stands.
	st.raw, st.now, st.last = text, next, at
	c.out = append(c.out, source.Incoming{JSON: text, Tenant: c.t.ID(), Where: "identityProtection"})
	return nil
}

// standing of a subject, read once.
func (c *change) standing(s Subject, id string) (*standing, error) {
	key := s.Table + "\x00" + strings.ToLower(id)
	if st := c.subjects[key]; st != nil {
		return st, nil
	}
	st := &standing{s: s, id: id, now: risk{"none", "none", "none"}}
	newest, err := store.LatestOf(c.ctx, c.snap, s.Table, "Id", id, "Id", column(s.updated))
	if err != nil {
		return nil, err
	}
	for _, n := range newest {
		if st.raw, err = c.t.Raw(c.ctx, n.Place); err != nil {
			return nil, err
		}
		st.now, st.last = riskOf(st.raw), n.At
	}
	if newest, err = store.LatestOf(c.ctx, c.snap, s.EventTable, s.eventColumn, id, "Id", column(s.eventUpdated)); err != nil {
		return nil, err
	}
	for _, n := range newest {
		raw, err := c.t.Raw(c.ctx, n.Place)
		if err != nil {
			return nil, err
		}
		st.events = append(st.events, event{id: n.ID, request: gjson.GetBytes(raw, "properties.requestId").Str, raw: raw, now: riskOf(raw), last: n.At})
	}
	c.subjects[key] = st
	return st, nil
}

func riskOf(raw []byte) risk {
	p := gjson.GetBytes(raw, "properties")
	r := risk{p.Get("riskState").Str, p.Get("riskDetail").Str, p.Get("riskLevel").Str}
	if r.detail == "" {
		r.detail = "none"
	}
	return r
}

// personKnown says whether the sign-ins know a user.
func (c *change) personKnown(id string) (bool, error) {
	for _, name := range []string{"SigninLogs", "AADNonInteractiveUserSignInLogs"} {
		rows, err := store.LatestOf(c.ctx, c.snap, name, "UserId", id, "UserId", "")
		if err != nil || len(rows) > 0 {
			return len(rows) > 0, err
		}
	}
	return false, nil
}
