package simulate

import (
	"cmp"
	"slices"
	"time"
)

// scenario is an attack that can be woven into a history.
type scenario struct {
	ScenarioInfo
	hour int // of the victim's day, about which it begins
	plot func(*stage)
}

// ScenarioInfo describes a scenario that [Config.Scenarios] can name.
type ScenarioInfo struct {
	Name        string
	Description string
	Techniques  []string // MITRE ATT&CK
}

// Scenarios are the attacks that can be woven in, in the order in which they
// are staged.
func Scenarios() []ScenarioInfo {
	var out []ScenarioInfo
	for _, s := range scenarios {
		info := s.ScenarioInfo
		info.Techniques = slices.Clone(info.Techniques)
		out = append(out, info)
	}
	return out
}

// Scenarios come back once in every scenarioCycle, are over within scenarioLength,
// and need minScenarioSpan to find their hour.
const (
	scenarioCycle   = 30 * day
	scenarioLength  = 16 * hour
	minScenarioSpan = 2 * 24 * time.Hour
)

// incident is one run of a scenario.
type incident struct {
	scenario *scenario
	run      int
	user, id string
	events   []event // by time
}

// Label says what is true of records: they belong to a scenario. There is one
// for each run of a scenario and each category that it left records in.
type Label struct {
	Scenario    string
	Run         int // counts the runs of the scenario, from 1
	Category    string
	Description string
	Techniques  []string
	User        string // principal name of the account that was attacked or misused
	UserID      string
	Start, End  time.Time // envelope times of the first and the last record
	IDs         []string  // properties.id; of Graph activity, properties.requestId
}

// Labels are the ground truth of the scenarios in the history, by run and
// category. Records cut off by MaxRecords are in it all the same.
func (t *Tenant) Labels() []Label {
	var out []Label
	for _, p := range t.attacks {
		of := map[uint8]int{}
		for i := range p.events {
			e := &p.events[i]
			if !t.wanted[e.cat] {
				continue
			}
			k, ok := of[e.cat]
			if !ok {
				k = len(out)
				of[e.cat] = k
				out = append(out, Label{Scenario: p.scenario.Name, Run: p.run, Category: categoryNames[e.cat], Description: p.scenario.Description,
					Techniques: slices.Clone(p.scenario.Techniques), User: p.user, UserID: p.id, Start: timeOf(e.at)})
			}
			out[k].End = timeOf(e.at)
			out[k].IDs = append(out[k].IDs, t.recordID(e))
		}
	}
	return out
}

// recordID is what the record of an event of a scenario calls itself.
func (t *Tenant) recordID(e *event) string {
	switch e.cat {
	case catGraph:
		return guidOf(e.id).String()
	case catAudit:
		return string(t.appendAuditID(nil, e, e.aux.(*auditRecord)))
	case catUserRisk, catSPRisk:
		return detectionID(e.id)
	case catRiskyUser:
		return t.people[e.actor].id.String()
	case catRiskySP:
		return e.aux.(*riskFinding).subject.id.String()
	}
	return requestOf(e.id).String()
}

// plotAttacks stages the chosen scenarios in the configured history.
func (t *Tenant) plotAttacks(chosen []scenario) []*incident {
	var out []*incident
	start, end := ticksOf(t.cfg.Start), ticksOf(t.cfg.End)
	for run := 1; ; run++ {
		from := start + int64(run-1)*scenarioCycle
		to := min(from+scenarioCycle, end)
		if run > 1 && to-from < int64(minScenarioSpan/100) || from >= end {
			break
		}
		for i := range chosen {
			s := &stage{t: t, seed: seedOf(t.seed, 'A', uint64(i), uint64(run), uint64(len(chosen[i].Name)))}
			s.rnd = rng{s.seed}
			s.now = from + (to-from)*int64(i)/int64(len(chosen)) + s.rnd.span((to-from)/int64(len(chosen)))
			s.incident = &incident{scenario: &chosen[i], run: run}
			s.from, s.to = from, to
			chosen[i].plot(s)
			slices.SortFunc(s.incident.events, func(a, b event) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.key, b.key)) })
			out = append(out, s.incident)
		}
	}
	return out
}

// stage is where a scenario is played: a clock, an attacker's address, and the
// records so far.
type stage struct {
	t        *Tenant
	seed     uint64
	rnd      rng
	now      int64
	from, to int64
	incident *incident
	corr     uint64
	sess     uint64
}

// victim chooses who is attacked, and moves the clock to the scenario's hour
// of that person's day.
func (s *stage) victim(i int) *person {
	p := &s.t.people[i]
	s.incident.user, s.incident.id = p.upn, p.id.String()
	days := floorDiv(s.now, day)
	offset := int64(places[p.home].offsetAt(days)) * minute
	begin := func(d int64) int64 {
		return d*day + int64(s.incident.scenario.hour)*hour - offset + int64(s.seed%uint64(50))*minute
	}
	for begin(days) > s.to-scenarioLength {
		days--
	}
	for begin(days) < s.from {
		days++
	}
	s.now = begin(days)
	s.corr, s.sess = s.rnd.next(), s.rnd.next()
	return p
}

// member is the index of a member without a role who uses the account.
func (s *stage) member() int {
	first := s.t.admins()
	for {
		if i := first + s.rnd.n(s.t.guestsFrom-first); !s.t.people[i].dormant {
			return i
		}
	}
}

// holder is the index of somebody with the role, or of the first administrator.
func (s *stage) holder(role int8) int {
	for i := range s.t.admins() {
		if s.t.people[i].role == role {
			return i
		}
	}
	return 0
}

func (s *stage) wait(low, high int) {
	s.now += int64(s.rnd.within(low*1000, high*1000))*millisecond + s.rnd.span(millisecond)
}

// hostile is an attacker's address that looks to be in a place.
func (s *stage) hostile(city string) address {
	return address{placeNamed(city), hostileLine, uint32(s.rnd.next())}
}

func (s *stage) add(e event) *event {
	s.incident.events = append(s.incident.events, e)
	return &s.incident.events[len(s.incident.events)-1]
}

// signIn is an attempt to sign in interactively.
func (s *stage) signIn(who int, app, out int, how shape, v verdict, from address, dev device) *event {
	e := signIn(catInteractive, s.rnd.next(), s.now, int32(who))
	e.at = e.created + 25*second + s.rnd.span(2*minute) // never late: a label must lie in the history
	e.corr, e.sess = s.corr, s.sess
	e.app, e.res, e.out, e.shape, e.verdict = uint8(app), uint8(s.t.apps[app].resource), uint8(out), how, v
	e.from, e.dev, e.rich = from, dev, s.t.apps[app].client != browserApp
	return s.add(e)
}

// refresh is a token without the user.
func (s *stage) refresh(who int, app, res int, from address, dev device) *event {
	e := s.signIn(who, app, okPlain, noSteps, notApplied, from, dev)
	e.cat, e.res, e.corr = catNonInteractive, uint8(res), e.key
	return e
}

// call is a request to Graph with the token of a sign-in.
func (s *stage) call(token event, c graphCall) {
	e := event{cat: catGraph, key: s.rnd.next(), token: token.id, issued: token.created, sess: s.sess, actor: token.actor,
		from: token.from, dev: token.dev, app: token.app, rich: token.rich, created: s.now, at: s.now, aux: &c}
	if c.user == nil {
		e.sess = 0
	}
	e.id, e.corr = e.key, e.key
	s.add(e)
}

// audit is an activity of the person's, from an address.
func (s *stage) audit(who int, from address, fill func(*auditRecord, *event)) {
	e := event{cat: catAudit, key: s.rnd.next(), sess: s.rnd.next(), corr: s.rnd.next(), created: s.now, at: s.now, actor: int32(who)}
	a := &auditRecord{}
	fill(a, &e)
	a.user, a.app, a.from = &s.t.people[who], nil, from
	e.aux = a
	s.add(e)
}

// found is what Identity Protection makes of a sign-in after a while: a
// detection, and the user at risk.
func (s *stage) found(who int, token *event, f riskFinding, low, high int) {
	f.state, f.detail, f.activity = "atRisk", "none", "signin"
	f.when, f.found = s.now, s.now+int64(s.rnd.within(low*60, high*60))*second
	f.from = s.hostile("Ashburn")
	f.agent = models[foreignWindows].agent
	if token != nil {
		f.request, f.corr, f.when, f.from = token.id, token.corr, token.created, token.from
		f.agent = models[token.dev.model].agentOn(token.created)
	} else {
		f.activity = "user"
	}
	if f.reasons == "" {
		f.reasons = `"NotSet"`
	}
	s.t.detection(&s.rnd, &f, int32(who), func(e *event) { s.add(*e) })
}
