package loganalytics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"sextant/fault"
	"sextant/notify"
	"sextant/schedule"
	"sextant/state"
)

// Kinds of documents of alerts.
const (
	AlertKind       = "alert"          // id: subscription/GUID in lower case
	alertStateKind  = "alertRuleState" // id: that of the rule
	alertOutboxKind = "alertOutbox"    // what waits to be told
)

// alertLife is how long an alert is kept after its last change. An open one of a
// stateful rule is kept while it is open.
const alertLife = 30 * 24 * time.Hour

// Alerts runs the scheduled query rules: it evaluates them, keeps their alerts, and
// tells the action groups. Where a rule stands, its alerts, and what is still to be
// told are written at once, so that the end of the process at any moment neither
// loses an alert nor makes one twice. New makes one ready for use.
type Alerts struct {
	Places Places
	State  *state.DB
	Clock  func() time.Time
	Logger *slog.Logger
	Sender *notify.Sender
	// Settle waits until what a tenant's log holds can be queried; an error says that
	// it cannot, yet.
	Settle func(ctx context.Context, tenant string) error
	// Append takes diagnostic records of a tenant into the log.
	Append func(ctx context.Context, tenant string, records []json.RawMessage) error
	// Raise says in the tenant's table SecurityAlert how an alert stands, by the columns of
	// a row; it may say the same twice. nil keeps them out of it.
	Raise func(ctx context.Context, tenant string, columns json.RawMessage) error
	// As gives the workspaces as the writer of a rule may ask them, by what ARM.Writer
	// said when it was written; nil lets rules ask all.
	As func(writer json.RawMessage) (Workspaces, error)
	// URL by which people and machines reach this server; without a slash at its end.
	URL string

	runner *schedule.Runner
	outbox *notify.Outbox
	wake   chan struct{} // rules changed
	mail   chan struct{} // something is to be told

	mu     sync.Mutex // of who reads a document and writes it
	pruned time.Time
}

// Start makes alerts ready. Nothing runs until Run does.
func (a *Alerts) Start() *Alerts {
	a.wake, a.mail = make(chan struct{}, 1), make(chan struct{}, 1)
	a.runner = &schedule.Runner{Book: book{a}, Clock: a.Clock, Logger: a.Logger}
	a.outbox = &notify.Outbox{State: a.State, Kind: alertOutboxKind, Owner: teller{a}, Clock: a.Clock, Logger: a.Logger}
	return a
}

// Run rules and deliver what they say until ctx ends.
func (a *Alerts) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { a.runner.Loop(ctx, a.wake) })
	wg.Go(func() { schedule.Loop(ctx, a.Clock, a.mail, a.deliver) })
	wg.Wait()
}

// Step does what is due now, and says when something will be: Run without the waiting.
func (a *Alerts) Step(ctx context.Context) (next time.Time, err error) {
	if next, err = a.runner.Step(ctx); err != nil {
		return next, err
	}
	again, err := a.outbox.Step(ctx)
	if again.Before(next) {
		next = again
	}
	return next, err
}

func (a *Alerts) deliver(ctx context.Context) time.Time {
	next, err := a.outbox.Step(ctx)
	if err != nil && ctx.Err() == nil {
		a.Logger.Error("the outbox of alerts cannot be read and is tried again", "reason", err)
	}
	return next
}

// Wake has rules looked at that were made or changed.
func (a *Alerts) Wake() { nudge(a.wake) }

func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is awake
	}
}

// ruleState is where a rule stands.
type ruleState struct {
	Of     string    `json:"of"` // fingerprint of the rule that this is about
	Anchor time.Time `json:"anchor"`
	Done   time.Time `json:"done,omitzero"`    // the last evaluation
	Missed int       `json:"missed,omitempty"` // evaluations that will never be

	Failed   string    `json:"failed,omitempty"`   // why the last evaluation came to nothing
	Failures int       `json:"failures,omitempty"` // in a row
	Since    time.Time `json:"since,omitzero"`     // the first of them
	Note     string    `json:"note,omitempty"`     // of the last evaluation that came to something
	TookMS   int64     `json:"tookMs,omitempty"`

	Open map[string]*instance `json:"open,omitempty"`
}

// rule of a document.
func ruleOf(doc state.Document) (*alertRule, error) {
	var r resource
	if err := doc.Decode(&r); err != nil {
		return nil, err
	}
	return parseAlertRule(r)
}

// state of a rule; the zero one where it has none.
func (a *Alerts) stateOf(id string) (ruleState, error) {
	var st ruleState
	doc, err := a.State.Get(alertStateKind, strings.ToLower(id))
	if fault.KindOf(err) == fault.NotFound {
		return st, nil
	}
	if err == nil {
		err = doc.Decode(&st)
	}
	return st, err
}

// book is the schedule's view of Alerts, whose own Run is another.
type book struct{ *Alerts }

// Jobs implements schedule.Book: the rules that are on. It notices rules that are new,
// changed, off or gone.
func (a book) Jobs(ctx context.Context) ([]schedule.Job, error) {
	docs, err := a.State.List(AlertRuleKind, "")
	if err != nil {
		return nil, err
	}
	states, err := a.State.List(alertStateKind, "")
	if err != nil {
		return nil, err
	}
	known := map[string]ruleState{}
	for _, d := range states {
		var st ruleState
		if err := d.Decode(&st); err != nil {
			return nil, err
		}
		known[d.ID] = st
	}
	var out []schedule.Job
	for _, d := range docs {
		r, err := ruleOf(d)
		if err != nil {
			a.Logger.Error("an alert rule cannot be read and is left out", "rule", d.ID, "reason", err)
			delete(known, d.ID)
			continue
		}
		if !r.Enabled {
			continue
		}
		st, ok := known[d.ID]
		delete(known, d.ID)
		if !ok || st.Of != r.fingerprint() {
			if err := a.over(d.ID, st, "The alert rule was changed."); err != nil {
				return nil, err
			}
			st = ruleState{Of: r.fingerprint(), Anchor: a.Clock().UTC().Truncate(time.Second)}
			if _, err := a.State.Put(alertStateKind, d.ID, st, ""); err != nil {
				return nil, err
			}
		}
		out = append(out, schedule.Job{ID: d.ID, Grid: schedule.Grid{Start: st.Anchor, Every: r.Frequency}, Done: st.Done})
	}
	for _, id := range sortedKeys(known) {
		if err := a.over(id, known[id], "The alert rule was switched off or deleted."); err != nil {
			return nil, err
		}
		if _, err := a.State.Delete(alertStateKind, id, ""); err != nil {
			return nil, err
		}
	}
	return out, a.prune()
}

// over resolves the open alerts of a rule that is no longer what it was. Nobody is
// told: nothing happened but that.
func (a *Alerts) over(id string, st ruleState, why string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var changes []state.Change
	for _, inst := range st.Open {
		al, err := a.alert(alertDocument(id, inst.Alert))
		if fault.KindOf(err) == fault.NotFound || err == nil && al.Condition == resolved {
			continue
		}
		if err != nil {
			return err
		}
		al.resolve(a.Clock(), why)
		changes = append(changes, state.Change{Kind: AlertKind, ID: al.document(), Body: al})
		changes = append(changes, a.securityNote(al, a.Clock())...)
	}
	if len(changes) == 0 {
		return nil
	}
	err := a.State.Write(changes...)
	nudge(a.mail)
	return err
}

// prune alerts that nobody has touched for long, now and then.
func (a *Alerts) prune() error {
	now := a.Clock()
	if now.Sub(a.pruned) < time.Hour && !now.Before(a.pruned) {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pruned = now
	docs, err := a.State.List(AlertKind, "")
	if err != nil {
		return err
	}
	var changes []state.Change
	for _, d := range docs {
		var al Alert
		if err := d.Decode(&al); err != nil {
			return err
		}
		if now.Sub(al.Modified) > alertLife && !(al.Stateful && al.Condition == fired) {
			changes = append(changes, state.Change{Kind: AlertKind, ID: d.ID})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return a.State.Write(changes...)
}

// Bounds of an evaluation that does not succeed.
const (
	settleTime = 10 * time.Second
	attempts   = 4
)

// Run implements schedule.Book: one evaluation of a rule.
func (b book) Run(ctx context.Context, job schedule.Job, at time.Time, skipped, attempt int) (again bool) {
	again, err := b.evaluate(ctx, job.ID, at, skipped, attempt)
	if err != nil && ctx.Err() == nil {
		b.Logger.Error("an evaluation of an alert rule could not be noted", "rule", job.ID, "reason", err)
	}
	return again || err != nil
}

// evaluate a rule at an instant and note what came of it.
func (a *Alerts) evaluate(ctx context.Context, id string, at time.Time, skipped, attempt int) (again bool, err error) {
	doc, err := a.State.Get(AlertRuleKind, id)
	if fault.KindOf(err) == fault.NotFound {
		return false, nil // deleted meanwhile
	}
	if err != nil {
		return true, err
	}
	r, err := ruleOf(doc)
	if err != nil {
		return false, err
	}
	st, err := a.stateOf(id)
	if err != nil || st.Of != r.fingerprint() || !st.Done.Before(at) {
		return false, err // changed meanwhile
	}
	began := a.Clock()
	tenant, found, reason := a.ask(ctx, r, at)
	if reason != nil {
		if ctx.Err() != nil {
			return true, nil // the process ends; the evaluation is done by the next
		}
		if transient(reason) && attempt+1 < attempts {
			return true, nil
		}
	}
	st.Missed += skipped
	st.TookMS = a.Clock().Sub(began).Milliseconds()
	st.Done = at
	if reason != nil {
		if st.Failures == 0 {
			st.Since = at
			a.Logger.Warn("an alert rule fails", "rule", r.ID, "reason", reason)
		}
		st.Failures++
		st.Failed = whyFailed(reason)
		_, err := a.State.Put(alertStateKind, id, st, "")
		return false, err
	}
	if st.Open == nil {
		st.Open = map[string]*instance{}
	}
	st.Failed, st.Failures, st.Since, st.Note = "", 0, time.Time{}, ""
	steps, over := r.advance(st.Open, found, at)
	if over > 0 {
		st.Note = fmt.Sprintf("%d combinations met the condition; %d alerts at once are made, and %d were left out", over+maxFired, maxFired, over)
		a.Logger.Warn("an alert rule fires too often at once", "rule", r.ID, "left out", over)
	}
	return false, a.commit(r, id, tenant, at, st, steps)
}

// transient reasons may be gone in a while; the others are the rule's.
func transient(err error) bool {
	var ds fault.Diagnostics
	if errors.As(err, &ds) {
		return false
	}
	switch fault.KindOf(err) {
	case fault.Unavailable:
		return true
	case fault.Internal:
		return !errors.Is(err, context.DeadlineExceeded)
	}
	return false
}

// whyFailed is a reason in words for whoever reads the rule's health.
func whyFailed(err error) string {
	if errors.Is(err, context.DeadlineExceeded) && fault.KindOf(err) != fault.Unavailable {
		return "the query ran longer than " + evaluationTime.String()
	}
	return publicText(err)
}

// ask the workspace of a rule's scope. A broken invariant ends the evaluation, not
// the process.
func (a *Alerts) ask(ctx context.Context, r *alertRule, at time.Time) (tenant string, found []*series, err error) {
	defer func() {
		if x := recover(); x != nil {
			a.Logger.Error("an evaluation met a broken invariant", "rule", r.ID, "panic", x, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "a broken invariant: %v", x)
		}
	}()
	var places Workspaces = a.Places
	if a.As != nil {
		if places, err = a.As(r.Writer); err != nil {
			return "", nil, err
		}
	}
	run, err := places.Workspace(r.Scope)
	if err != nil {
		return "", nil, err
	}
	if p, ok := run.(Place); ok {
		tenant = p.Info().Tenant
		settle, cancel := context.WithTimeout(ctx, settleTime)
		defer cancel()
		if err := a.Settle(settle, tenant); err != nil {
			return tenant, nil, fault.New(fault.Unavailable, "the tables are behind the log: %w", err)
		}
	}
	found, err = r.evaluate(ctx, run, at)
	return tenant, found, err
}

// commit an evaluation: where the rule stands, its alerts, and what is to be told.
func (a *Alerts) commit(r *alertRule, id, tenant string, at time.Time, st ruleState, steps []step) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	changes := []state.Change{{Kind: alertStateKind, ID: id, Body: st}}
	told := false
	for _, s := range steps {
		var al *Alert
		switch s.phase {
		case phaseFired:
			al = r.fired(s, tenant, at, a.URL)
		case phaseResolved:
			old, err := a.alert(alertDocument(id, s.inst.Alert))
			if fault.KindOf(err) == fault.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			al = old
			al.resolve(at, "")
			al.Context = r.context(s, at, a.URL)
		default:
			continue
		}
		notes, err := a.notes(r, al, s.muted, at)
		if err != nil {
			return err
		}
		told = told || len(notes) > 0
		changes = append(changes, state.Change{Kind: AlertKind, ID: al.document(), Body: al})
		changes = append(changes, notes...)
	}
	err := a.State.Write(changes...)
	if told {
		nudge(a.mail)
	}
	return err
}
