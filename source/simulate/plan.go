package simulate

// burst is something that begins at a moment and yields records for a while: a
// person's session, a workload's token.
type burst struct {
	start int64
	seed  uint64
	from  address
	actor int32
	kind  burstKind
	phone bool
}

type burstKind uint8

const (
	personSession   burstKind = iota
	riskySession              // a session that Identity Protection finds odd
	principalToken            // a service principal signs in
	identityToken             // a managed identity does
	microsoftToken            // one of Microsoft's services does
	administration            // somebody administers, or looks after the own account
	provisioning              // the provisioning service passes a change on
	federatedSignIn           // AD FS
	consumerRequest           // B2C
	legacyRequest             // Azure AD Graph
	networkFlow               // Global Secure Access traffic
	networkConnection
	networkAlert
	aiPrompt
	remoteHealth
	enrichedAudit
	attributeChange // custom security attributes
	riskyPrincipal
	riskyAgent
)

// calendar remembers what days are at the places, for the few days around a
// window.
type calendar struct {
	first  int64
	offset [4][32]int64
	off    [4][32]bool
	filled bool
}

func (c *calendar) around(days int64) {
	if c.filled && c.first == days {
		return
	}
	c.first, c.filled = days, true
	for d := range c.offset {
		for p := range places {
			c.offset[d][p] = int64(places[p].offsetAt(days+int64(d))) * minute
			c.off[d][p] = places[p].dayOff(days + int64(d))
		}
	}
}

// latest is how far behind its own day's beginning, in local time, a person's
// last session can begin.
const latest = 30 * hour

// planPeople adds the sessions that people begin in [from, to).
func (r *run) planPeople(from, to int64) {
	// Local days that can touch the window: from 14 hours behind UTC to 14 before.
	r.days.around(floorDiv(from-14*hour-latest, day))
	if to-from > int64(maxWindow/100) {
		panic("simulate: a window longer than the calendar reaches")
	}
	for i := range r.t.people {
		p := &r.t.people[i]
		if p.dormant {
			continue
		}
		for d := range r.days.offset {
			local := r.days.first + int64(d)
			begin := local*day - r.days.offset[d][p.home]
			if begin >= to || begin+latest <= from {
				continue
			}
			r.planDay(p, int32(i), local, begin, r.days.off[d][p.home], from, to)
		}
	}
}

// planDay adds a person's sessions of one local day that begin in [from, to).
func (r *run) planDay(p *person, index int32, local, begin int64, dayOff bool, from, to int64) {
	rnd := rng{seedOf(p.seed, 'd', uint64(local))}
	works, share := 945, 1000
	switch {
	case dayOff:
		works, share = 110, 500
	case p.onLeave(local):
		works, share = 60, 400
	}
	if p.guest {
		works = works * 4 / 10
	}
	if !rnd.permille(works) {
		return
	}
	n := rnd.around(r.shapes.sessions * p.intensity / 1000 * share / 1000)
	if n == 0 {
		return
	}
	place, _ := p.workplace(local)
	for j := range n {
		b := burst{seed: rnd.next(), actor: index, from: place}
		minutes := int64(p.start) + int64(rnd.n(510))
		if j == 0 {
			minutes = int64(p.start) - 20 + int64(rnd.n(40))
		}
		if dayOff || rnd.permille(100) { // an evening, or a day without work
			minutes = int64(rnd.within(9*60, 23*60))
			b.phone = !rnd.permille(350)
			b.from = p.line
		}
		if !b.phone && rnd.permille(80) {
			b.phone = true
		}
		if b.phone && rnd.permille(600) {
			b.from = address{place.place, mobileLine, uint32(rnd.next())}
		}
		b.start = begin + minutes*minute + rnd.span(minute)
		if b.start >= from && b.start < to {
			r.bursts = append(r.bursts, b)
		}
	}
}

// stream is something that recurs: occurrence k lies in the k-th period since
// 1970.
type stream struct {
	seed   uint64
	period int64
	actor  int32
	kind   burstKind
	spread bool // anywhere in the period; otherwise near its beginning, like a timer
	human  bool // thinned to the working hours of the organisation
}

// planStreams adds the occurrences in [from, to).
func (r *run) planStreams(from, to int64) {
	for i := range r.source {
		s := &r.source[i]
		phase := int64(s.seed>>1) % s.period
		for k := floorDiv(from-phase, s.period) - 1; ; k++ {
			begin := k*s.period + phase
			if begin >= to {
				break
			}
			rnd := rng{seedOf(s.seed, uint64(k))}
			jitter := s.period
			if !s.spread {
				jitter = s.period / 16
			}
			at := begin + rnd.span(jitter)
			if at < from || at >= to || s.human && !rnd.permille(busy(at)) {
				continue
			}
			r.bursts = append(r.bursts, burst{start: at, seed: rnd.next(), actor: s.actor, kind: s.kind})
		}
	}
}

// busyHours is how much of the organisation works in an hour of a working day,
// UTC, of 1,000: Asia in the night, Europe in the morning, America after it.
var busyHours = [24]int{150, 190, 240, 300, 380, 430, 520, 720, 900, 980, 950, 900, 860, 930, 1000, 980, 900, 780, 640, 520, 400, 300, 220, 160}

// busy is the share of people who work at a moment, of 1,000.
func busy(at int64) int {
	d := floorDiv(at, day)
	b := busyHours[(at-d*day)/hour]
	if w := weekday(d); w == 0 || w == 6 {
		b = b / 8
	}
	return b
}

// meanBusy is the mean of busy over a week, of 1,000.
func meanBusy() int64 {
	sum := int64(0)
	for h := range int64(7 * 24) {
		sum += int64(busy(h * hour))
	}
	return sum / (7 * 24)
}

// rates are the means that give a tenant its mix and density, in 1/1024.
type rates struct {
	sessions  int // a person and working day
	followUps int // tokens a session without the user
	userGraph int // Graph requests a session
	appGraph  int // Graph requests a service principal's token for Graph
}

// calibrate finds the means that give the configured density and mix.
func (t *Tenant) calibrate(density float64) { t.shapes, t.streams = t.ratesFor(density) }

// ratesFor counts what sessions and tokens yield in a trial, so that a change
// of habits does not change the mix. The trial's days are fixed: the means
// must not depend on where a history begins.
func (t *Tenant) ratesFor(density float64) (rates, []stream) {
	share := mixes[t.cfg.Mix]
	total := density * float64(t.cfg.Users)
	perDay := func(c int) float64 { return total * float64(share[c]) / 10000 }
	const unit = 1024

	// Sessions a person and day, at one session a working day.
	trial := &run{t: t, shapes: &rates{sessions: unit}}
	people := min(len(t.people), 2000)
	first := dayNumber(2025, 1, 6)
	trialDays := int64(0)
	for week := int64(0); week < 52; week += 4 {
		for d := range int64(7) {
			local := first + week*7 + d
			trialDays++
			for k := range people {
				i := k * len(t.people) / people
				if p := &t.people[i]; !p.dormant {
					trial.planDay(p, int32(i), local, local*day, places[p.home].dayOff(local), -1<<62, 1<<62)
				}
			}
		}
	}
	sessions := float64(len(trial.bursts)) / float64(trialDays) / float64(people)

	// Interactive records a session.
	var count [categories]int
	shapes := rates{}
	trial = &run{t: t, shapes: &shapes}
	const trials = 4000
	for i := range trials {
		person := i * 7919 % len(t.people)
		b := burst{seed: seedOf(t.seed, 'c', uint64(i)), actor: int32(person), from: t.people[person].line}
		trial.session(&b, func(e *event) { count[e.cat]++ })
	}
	rows := float64(max(count[catInteractive], 1)) / trials
	completed := float64(trial.completed) / trials

	// Sessions at risk bring sign-ins of their own.
	daily := max(perDay(catInteractive)-perDay(catUserRisk), 0) / rows
	r := rates{sessions: int(daily / float64(t.cfg.Users) / max(sessions, 0.01) * unit)}
	perSession := func(c int, part float64) int { return int(perDay(c) * part / daily / completed * unit) }
	if share[catInteractive] > 0 {
		r.followUps = perSession(catNonInteractive, 1)
		r.userGraph = perSession(catGraph, 0.45)
	}

	var streams []stream
	add := func(kind burstKind, actor int, seed uint64, daily float64, spread, human bool) {
		if daily <= 0 {
			return
		}
		if human {
			daily = daily * 1000 / float64(meanBusy())
		}
		streams = append(streams, stream{seed: seed, period: max(int64(float64(day)/daily), 1), actor: int32(actor), kind: kind, spread: spread, human: human})
	}
	graphTokens := 0.0
	fleet := func(kind burstKind, ws []workload, daily float64) {
		sum := 0
		for i := range ws {
			sum += eagerness(&ws[i])
		}
		for i := range ws {
			d := daily * float64(eagerness(&ws[i])) / float64(sum)
			if kind == principalToken && len(ws[i].paths) > 0 {
				graphTokens += d * float64(1000-ws[i].failRate) / 1000
			}
			add(kind, i, seedOf(ws[i].seed, 'k'), d, ws[i].seed&3 == 0, false)
		}
	}
	fleet(principalToken, t.principals, perDay(catServicePrincipal))
	fleet(identityToken, t.identities, perDay(catManagedIdentity))
	fleet(microsoftToken, t.microsoft, perDay(catMicrosoftSP))
	if graphTokens > 0 {
		r.appGraph = int(perDay(catGraph) * 0.55 / graphTokens * unit)
	}

	for _, m := range []struct {
		kind  burstKind
		cat   int
		yield float64 // records of the category that an occurrence yields
		human bool
	}{
		{administration, catAudit, t.auditYield(), true},
		{provisioning, catProvisioning, 1, false},
		{federatedSignIn, catADFS, 1, true},
		{consumerRequest, catB2C, 1, false},
		{legacyRequest, catAADGraph, 1, false},
		{networkFlow, catTraffic, 1, true},
		{networkConnection, catConnection, 1, true},
		{networkAlert, catNetAlert, 1, true},
		{aiPrompt, catGenAI, 1, true},
		{remoteHealth, catRemoteHealth, 1, false},
		{enrichedAudit, catEnriched, 1, true},
		{attributeChange, catCSA, 1, true},
		{riskyPrincipal, catSPRisk, 1, false},
		{riskyAgent, catAgentRisk, 1, false},
		{riskySession, catUserRisk, 1, true},
	} {
		add(m.kind, -1, seedOf(t.seed, 'S', uint64(m.cat)), perDay(m.cat)/m.yield, true, m.human)
	}
	return r, streams
}

// eagerness is how often a workload signs in, compared with others.
func eagerness(w *workload) int {
	return []int{1, 1, 2, 2, 3, 5, 8, 20}[seedOf(w.seed, 'e')&7]
}
