package simulate

// shape is how a sign-in was authenticated: which steps its
// authenticationDetails list.
type shape uint8

const (
	noSteps        shape = iota // non-interactive: none
	byToken                     // a session token stood for the first factor
	byTokenMFA                  // for both
	byPassword                  // the password alone
	byPasswordApp               // and the phone's notification
	byHello                     // Windows Hello
	byPasskey                   // a passkey
	wrongPassword               // the password was wrong
	deniedApp                   // the password was right, the notification denied
	interrupted                 // right so far, and then the user had to do something
	refusedOutside              // right, and then refused for a reason that is not authentication
)

// unfold yields the records of a burst.
func (r *run) unfold(b *burst) {
	push := r.push
	switch b.kind {
	case personSession:
		r.session(b, push)
	case riskySession:
		r.risky(b, push)
	case principalToken:
		r.principal(b, push)
	case identityToken, microsoftToken:
		r.token(b, push)
	case administration:
		r.administer(b, push)
	default:
		r.single(b, push)
	}
}

// delay is how much later than it happened a sign-in is exported: a minute or
// two, now and then a quarter of an hour, rarely hours.
func delay(key uint64) int64 {
	d := rng{seedOf(key, 'l')}
	late := 25*second + d.span(75*second) + d.span(75*second)
	switch x := d.n(1000); {
	case x < 2:
		late += d.span(3 * hour)
	case x < 15:
		late += d.span(20 * minute)
	}
	return late
}

// signIn is the event of a user's sign-in at a moment of a session.
func signIn(cat int, key uint64, created int64, actor int32) event {
	return event{cat: uint8(cat), key: key, id: key, corr: seedOf(key, 'c'), sess: seedOf(key, 's'), created: created, at: created + delay(key), actor: actor}
}

// session is what a person does from signing in to an application on: the
// attempts, the tokens that follow without the person, the requests to Graph.
func (r *run) session(b *burst, out func(*event)) {
	t := r.t
	p := &t.people[b.actor]
	rnd := rng{b.seed}
	corr, sess := rnd.next(), rnd.next()

	app := p.favourite[[]int{0, 0, 0, 1, 1, 2, 3}[rnd.n(7)]]
	dev := p.devices[0]
	switch {
	case b.phone:
		dev = p.devices[1]
		if rnd.permille(600) {
			app = []uint8{appOutlookMobile, appTeams, appOutlookMobile, firstOwnApp + 4}[rnd.n(4)]
		}
	case t.apps[app].client == mobileApp:
		app = appOfficeHome
	case b.from.net != officeLine && rnd.permille(150):
		dev = p.devices[2]
	}
	a := &t.apps[app]
	rich := a.client != browserApp

	now := b.start
	var last uint64
	attempt := func(outcome int, s shape, v verdict) {
		last = rnd.next()
		e := signIn(catInteractive, last, now, b.actor)
		e.corr, e.sess = corr, sess
		e.app, e.res, e.out, e.shape, e.verdict = app, uint8(a.resource), uint8(outcome), s, v
		e.from, e.dev, e.rich = b.from, dev, rich
		out(&e)
	}
	wait := func(low, high int) { now += int64(rnd.within(low*1000, high*1000))*millisecond + rnd.span(millisecond) }

	typed := rnd.permille(350) // the password is typed; otherwise a session token speaks
	switch h := rnd.n(1000); {
	case h < 42:
		typed = true
		for range 1 + rnd.n(2) + rnd.n(3)/2 {
			attempt(badPassword, wrongPassword, notApplied)
			wait(6, 40)
		}
	case h < 45:
		attempt(expiredPassword, interrupted, notApplied)
		wait(40, 150)
		typed = true
	case h < 47:
		for range 6 + rnd.n(5) {
			attempt(badPassword, wrongPassword, notApplied)
			wait(5, 25)
		}
		attempt(lockedOut, wrongPassword, notApplied)
		return
	case h < 50 && a.owner == t.cfg.TenantID:
		attempt(notAssigned, refusedOutside, notApplied)
		return
	case h < 53:
		attempt(silentFailed, noSteps, notApplied)
		wait(1, 4)
	case h < 55:
		attempt(blockedByPolicy, refusedOutside, blocked)
		return
	case h < 56:
		attempt(needsRegistration, interrupted, notApplied)
		wait(60, 240)
		typed = true
	}

	factor := 110 // how often a second one is asked for
	switch {
	case p.role >= 0:
		factor = 480
	case p.guest:
		factor = 260
	}
	if b.from.net != officeLine && b.from.place != p.home {
		factor += 300
	}
	switch {
	case rnd.permille(factor):
		need := needsStrong
		if rnd.permille(250) {
			need = needsMFA
		}
		attempt(need, interrupted, failed)
		wait(9, 45)
		if rnd.permille(35) {
			denied := mfaNoAnswer
			if rnd.permille(300) {
				denied = mfaDenied
			}
			attempt(denied, deniedApp, failed)
			wait(20, 90)
			if rnd.permille(200) {
				return // gave up
			}
		}
		s := byPasswordApp
		switch rnd.n(10) {
		case 0:
			s = byPasskey
		case 1:
			if dev.model <= windowsChrome && dev.trust != unknownDevice {
				s = byHello
			}
		}
		attempt(okMFA, s, satisfied)
	case rnd.permille(45):
		attempt(staySignedIn, interrupted, notApplied)
		wait(2, 9)
		attempt(okPlain, byPassword, notApplied)
	case typed:
		attempt(okPlain, byPassword, notApplied)
	case rnd.permille(300):
		attempt(okClaim, byTokenMFA, satisfied)
	default:
		attempt(okPlain, byToken, notApplied)
	}
	r.completed++
	done := signIn(catInteractive, last, now, b.actor)
	done.corr, done.sess, done.app, done.dev, done.from, done.rich = corr, sess, app, dev, b.from, rich
	r.aftermath(b, &rnd, &done, out)
}

// aftermath is what a session does without the person, after the sign-in that
// began it.
func (r *run) aftermath(b *burst, rnd *rng, done *event, out func(*event)) {
	t := r.t
	tokens, calls := rnd.around(r.shapes.followUps), rnd.around(r.shapes.userGraph)
	if tokens == 0 && calls == 0 {
		return
	}
	length := 20*minute + rnd.span(3*hour) + rnd.span(2*hour)
	now := done.created
	pairs := follow[t.apps[done.app].client]
	var graphToken event
	for i := range tokens {
		created := now + 300*millisecond + rnd.span(20*second)
		if i > 2 {
			created = now + rnd.span(length)
		}
		e := signIn(catNonInteractive, rnd.next(), created, b.actor)
		e.sess = done.sess
		if i < 2 && rnd.permille(500) {
			e.corr = done.corr
		}
		pair := pairs[rnd.n(len(pairs))]
		e.app, e.res = uint8(pair.app), uint8(pair.res)
		if rnd.permille(250) {
			e.app, e.res = done.app, uint8(t.apps[done.app].resource)
		}
		e.from, e.dev = done.from, done.dev
		e.rich = t.apps[e.app].client != browserApp
		if b.phone && i > 3 && rnd.permille(120) { // from the train into the Wi-Fi
			e.from = address{b.from.place, mobileLine, uint32(rnd.next())}
		}
		if graphToken.key == 0 && calls > 0 && (i == 0 || e.res == resGraph) {
			e.res = resGraph
			graphToken = e
		} else if rnd.permille(16) {
			e.out = []uint8{freshTokenNeeded, refreshExpired, freqRefreshExpired, sessionRevoked, needsMFA, noConsent}[rnd.n(6)]
		}
		out(&e)
	}
	if graphToken.key == 0 { // no token without the user: the sign-in's own serves
		graphToken = *done
	}
	r.callGraph(rnd, &graphToken, done.sess, calls, 50*minute, out)
}

// callGraph is a number of requests to Graph with one token, in batches or
// alone, within a span after it was issued.
func (r *run) callGraph(rnd *rng, token *event, sess uint64, calls int, within int64, out func(*event)) {
	for calls > 0 {
		e := event{cat: catGraph, key: rnd.next(), token: token.key, issued: token.created, sess: sess, actor: token.actor,
			from: token.from, dev: token.dev, app: token.app, rich: token.rich}
		e.created = token.created + second + rnd.span(within)
		e.at, e.id, e.corr = e.created, e.key, e.key
		inner := 0
		if calls > 2 && rnd.permille(120) {
			inner = min(1+rnd.n(3), calls-1)
			e.batch = true
		}
		out(&e)
		calls--
		for range inner { // the parts of a batch are records of their own
			part := e
			part.key = rnd.next()
			part.id, part.batch = part.key, false
			part.created += rnd.span(40 * millisecond)
			part.at = part.created
			out(&part)
			calls--
		}
	}
}

// principal is a service principal that fetches a token, and uses it.
func (r *run) principal(b *burst, out func(*event)) {
	w := &r.t.principals[b.actor]
	e := r.token(b, out)
	if len(w.paths) == 0 || e.out != okPlain {
		return
	}
	rnd := rng{seedOf(b.seed, 'g')}
	r.callGraph(&rnd, &e, 0, rnd.around(r.shapes.appGraph), 20*minute, out)
}

// token is a workload that fetches a token.
func (r *run) token(b *burst, out func(*event)) event {
	t := r.t
	cat, w := catServicePrincipal, (*workload)(nil)
	switch b.kind {
	case identityToken:
		cat, w = catManagedIdentity, &t.identities[b.actor]
	case microsoftToken:
		cat, w = catMicrosoftSP, &t.microsoft[b.actor]
	default:
		w = &t.principals[b.actor]
	}
	e := signIn(cat, b.seed, b.start, b.actor)
	e.from, e.res = w.line, uint8(w.resource)
	e.from.host += uint32(seedOf(b.seed, 'h') % 5)
	rnd := rng{seedOf(b.seed, 'f')}
	if w.failRate > 0 && rnd.permille(w.failRate) {
		e.out = uint8(w.failing)
	}
	out(&e)
	return e
}

// single is a burst of one record, drawn whole when it is written.
func (r *run) single(b *burst, out func(*event)) {
	e := event{key: b.seed, id: b.seed, corr: seedOf(b.seed, 'c'), created: b.start, at: b.start, actor: b.actor, cat: singleCategory[b.kind]}
	rnd := rng{seedOf(b.seed, 'a')}
	switch e.cat {
	case catADFS:
		e.at += delay(e.key)
		fallthrough
	case catTraffic, catConnection, catGenAI, catEnriched:
		e.actor = int32(rnd.n(r.t.guestsFrom))
	}
	out(&e)
	if b.kind == riskyPrincipal || b.kind == riskyAgent { // the detection, and then the state that it leads to
		e.key = rnd.next()
		e.cat = map[burstKind]uint8{riskyPrincipal: catRiskySP, riskyAgent: catRiskyAgent}[b.kind]
		e.at += 20*second + rnd.span(10*minute)
		out(&e)
	}
}

var singleCategory = map[burstKind]uint8{
	provisioning: catProvisioning, federatedSignIn: catADFS, consumerRequest: catB2C, legacyRequest: catAADGraph, networkFlow: catTraffic,
	networkConnection: catConnection, networkAlert: catNetAlert, aiPrompt: catGenAI, remoteHealth: catRemoteHealth, enrichedAudit: catEnriched,
	attributeChange: catCSA, riskyPrincipal: catSPRisk, riskyAgent: catAgentRisk,
}
